"""Pages behind the links in mails. A GET shows, a POST acts; what is wrong is said there."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from digest.consent import Step
from digest.errors import ConsentError
from digest.model import ConsentState, Subscriber
from digest.signup import personal_data
from digest.store.subscribers import GONE
from digest.tokens import Purpose
from digest.web import forms
from digest.web.desk import Desk
from digest.web.door import Door, options

EXPIRED = "This link has expired. Enter your address to get a new one."
ERASED = "Erased. Only a keyed hash of the address is left, so that it is never mailed again."
BAD_DAY = "Give a date between tomorrow and a year from now."
HOURS = ("", *(str(hour) for hour in range(24)))
Endpoint = Callable[[Request], Awaitable[Response]]


class PersonalPages:
    def __init__(self, door: Door, desk: Desk) -> None:
        self.door = door
        self.desk = desk
        self.signup = door.signup

    def page(self, purpose: Purpose, then: Callable[[Request, Subscriber, forms.Form], Response]) -> Endpoint:
        """A page for whom the link's token names."""

        async def answer(request: Request) -> Response:
            form = await forms.read_form(request) if request.method == "POST" else {}

            def act() -> Response:
                reader = self.signup.who(request.path_params["token"], purpose, now=self.door.clock())
                return then(request, reader, form)

            return await asyncio.to_thread(act)

        return answer

    def ask_to_confirm(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        """The question, and once it is answered what follows."""
        if reader.state in GONE:
            raise ConsentError(EXPIRED)
        if reader.state is ConsentState.PENDING:
            title, path = "Confirm your subscription to {name}", request.url.path
            return self.door.say(reader.language, title, ask="Confirm", at=path)
        next_at = self.door.next_at(reader)
        words = self.door.words(reader.language)
        return self.door.say(
            reader.language,
            "Confirmed.",
            "Next edition: {when}." if next_at else "",
            onward=("Choose themes and times", self.signup.link(Purpose.PREFERENCES, reader)),
            when=words.moment(next_at, reader.timezone) if next_at else "",
        )

    def confirm(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        self.signup.take(reader, Step.CONFIRM, now=self.door.clock())
        return self.door.done(request)

    def preferences(self, request: Request, reader: Subscriber, form: forms.Form) -> Response:
        if reader.state in GONE or reader.state is ConsentState.PENDING:
            return self._ended(reader.language, "This subscription has ended.")
        if request.method != "POST":
            return self._preferences(reader, saved="saved" in request.query_params)
        try:
            self._change(reader, form)
        except forms.FormError as wrong:
            return self._preferences(reader, wrong=str(wrong))
        return self.door.done(request, "?saved=1")

    def _change(self, reader: Subscriber, form: forms.Form) -> None:
        now = self.door.clock()
        match forms.one(form, "do"):
            case "pause":
                until = forms.resume_at(forms.one(form, "until"), reader.timezone, now=now)
                if until is None:
                    raise forms.FormError(BAD_DAY)
                self.signup.take(reader, Step.PAUSE, until, now=now)
            case "resume":
                self.signup.take(reader, Step.RESUME, now=now)
            case _:
                self._choose(reader, form)

    def _choose(self, reader: Subscriber, form: forms.Form) -> None:
        language, zone, hour = (forms.one(form, name) for name in ("language", "timezone", "hour"))
        if not (language in self.door.languages and zone in _zones(reader) and hour in HOURS):
            raise forms.FormError("Choose from the lists.")
        themes, schedules = self.door.chosen(form)
        # Of one schedule alone the page does not ask.
        if len(self.door.paper.schedules) > 1 and "schedule" not in form:
            raise forms.FormError("Choose from the lists.")
        self.door.store.subscribers.set_preferences(
            reader.id,
            themes=themes,
            schedules=schedules,
            language=language,
            timezone=zone,
            send_hour=int(hour) if hour else None,
            now=self.door.clock(),
        )

    def _preferences(self, reader: Subscriber, *, saved: bool = False, wrong: str = "") -> Response:
        words, mine = self.door.words(reader.language), self.signup.link(Purpose.PREFERENCES, reader)
        today = self.door.clock().astimezone(ZoneInfo(reader.timezone)).date()
        at = words.plain("When the schedule says")
        hours = [(hour, f"{int(hour):02}:00" if hour else at) for hour in HOURS]
        return self.door.page(
            "web/preferences.html",
            reader.language,
            status=422 if wrong else 200,
            action=urlsplit(mine).path,
            error=words.html(wrong) if wrong else "",
            saved=words.html("Saved; it counts from the next edition.") if saved else "",
            address=reader.address,
            **self.door.choices(reader.language, reader),
            languages=options(self.door.languages.items(), [words.language]),
            zones=options([(zone, zone.replace("_", " ")) for zone in _zones(reader)], [reader.timezone]),
            hours=options(hours, ["" if reader.send_hour is None else str(reader.send_hour)]),
            paused=self._paused(reader),
            first=(today + timedelta(days=1)).isoformat(),
            last=(today + forms.LONGEST_PAUSE - timedelta(days=1)).isoformat(),
            unsubscribe=self.signup.link(Purpose.UNSUBSCRIBE, reader),
            data=f"{mine}/data",
            erase=f"{mine}/erase",
        )

    def _paused(self, reader: Subscriber) -> str | None:
        words, until = self.door.words(reader.language), reader.paused_until
        if reader.state is not ConsentState.PAUSED or (until and until <= self.door.clock()):
            return None
        if until is None:
            return words.html("Paused until you resume it")
        return words.html("Paused until {date}", date=words.local_date(until, reader.timezone))

    def data(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        kept = personal_data(self.door.store, reader)
        return Response(
            json.dumps(kept, ensure_ascii=False, indent=2, default=str),
            media_type="application/json",
            headers={"content-disposition": 'attachment; filename="data.json"'},
        )

    def ask_to_erase(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        return self.door.say(
            reader.language,
            "Erase everything kept about you",
            "This cannot be undone. Editions already sent stay in your mailbox.",
            onward=("Back to the preferences", self.signup.link(Purpose.PREFERENCES, reader)),
            ask="Yes, erase",
            at=request.url.path,
        )

    def erase(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        self.signup.erase(reader, now=self.door.clock())
        return self.door.say(reader.language, "Your data", ERASED)

    def ask_to_leave(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        if reader.state in GONE:
            return self._ended(reader.language)
        return self.door.say(
            reader.language,
            "Stop receiving {name}?",
            onward=("Keep it", self.signup.link(Purpose.PREFERENCES, reader)),
            ask="Yes, unsubscribe",
            at=request.url.path,
            reason=True,
        )

    async def unsubscribe(self, request: Request) -> Response:
        """Acts at once, without cookie, login or redirect, whatever the body (RFC 8058 section 3.2)."""
        form = await forms.read_form(request)
        subscriber_id = self.signup.whom(request.path_params["token"])
        await self.desk.leave(subscriber_id, forms.one(form, "reason"))
        if not form or "List-Unsubscribe" in form:
            return PlainTextResponse("Unsubscribed.\n")
        reader = await asyncio.to_thread(self.door.store.subscribers.get, subscriber_id)
        return self._ended(reader.language if reader else self.door.language(request))

    def _ended(self, language: str, title: str = "Unsubscribed. You will get no further mail.") -> Response:
        return self.door.say(language, title, onward=("Subscribe again", f"{self.door.root}/subscribe"))


def _zones(reader: Subscriber) -> tuple[str, ...]:
    """Those to choose from, with the one a list of readers came with."""
    zones = forms.zones()
    return zones if reader.timezone in zones else (reader.timezone, *zones)
