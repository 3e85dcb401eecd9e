"""Pages behind the links in mails. A GET shows, a POST acts; what is wrong is said there."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from digest.errors import ConsentError, TokenError
from digest.model import ConsentState, Subscriber
from digest.render.wording import Wording
from digest.signup import Departure, personal_data
from digest.tokens import Purpose
from digest.web import forms
from digest.web.door import Door
from digest.web.voice import Voice, html, options

EXPIRED = "This link has expired. Enter your address to get a new one."
ERASED = "Erased. Only a keyed hash of the address is left, so that it is never mailed again."
BAD_DAY = "Give a date between tomorrow and a year from now."
HOURS = ("", *(str(hour) for hour in range(24)))
LEFT = frozenset(
    {ConsentState.UNSUBSCRIBED, ConsentState.COMPLAINED, ConsentState.ERASED, ConsentState.BOUNCED}
)
Endpoint = Callable[[Request], Awaitable[Response]]


class PersonalPages:
    def __init__(self, door: Door, voice: Voice) -> None:
        self.door = door
        self.voice = voice

    def page(self, purpose: Purpose, then: Callable[[Request, Subscriber, forms.Form], Response]) -> Endpoint:
        """A page for whom the link's token names; a bad link or an impossible step is said on a page."""

        async def answer(request: Request) -> Response:
            form = await forms.read_form(request) if request.method == "POST" else {}

            def act() -> Response:
                reader = self.door.signup.who(request.path_params["token"], purpose, now=self.door.clock())
                return then(request, reader, form)

            try:
                return await asyncio.to_thread(act)
            except (TokenError, ConsentError) as wrong:
                return self.voice.problem(request, 404, str(wrong))

        return answer

    def ask_to_confirm(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        if reader.state in LEFT:
            raise ConsentError(EXPIRED)
        words = self.voice.words(reader.language)
        title = words.html("Confirm your subscription to {name}", name=self.door.newsletter.name)
        press = words.html("Confirm")
        return html(self.voice.message(reader.language, title, action=request.url.path, button=press))

    def confirm(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        confirmed = self.door.signup.confirm(reader, now=self.door.clock())
        words = self.voice.words(confirmed.language)
        next_at = self.door.next_at(confirmed)
        moment = words.moment(next_at, confirmed.timezone) if next_at else ""
        text = words.html("Next edition: {when}.", when=moment) if moment else ""
        onward = [
            (self.door.signup.link(Purpose.PREFERENCES, confirmed), words.html("Choose themes and times"))
        ]
        return html(self.voice.message(confirmed.language, words.html("Confirmed."), text, onward))

    def preferences(self, request: Request, reader: Subscriber, form: forms.Form) -> Response:
        if request.method != "POST" or reader.state in LEFT or reader.state is ConsentState.PENDING:
            return self._preferences(reader)
        now = self.door.clock()
        match forms.one(form, "do"):
            case "pause":
                until = forms.resume_at(forms.one(form, "until"), reader.timezone, now=now)
                if until is None:
                    return self._preferences(reader, wrong=BAD_DAY)
                return self._preferences(self.door.signup.pause(reader, until, now=now), saved=True)
            case "resume":
                return self._preferences(self.door.signup.resume(reader, now=now), saved=True)
        themes = forms.chosen(form, "theme", [theme.id for theme in self.door.themes])
        schedules = forms.chosen(form, "schedule", [schedule.id for schedule in self.door.schedules])
        language, zone, hour = (forms.one(form, name) for name in ("language", "timezone", "hour"))
        known = language in self.voice.languages and zone in forms.zones() and hour in HOURS
        if themes is None or schedules is None or not known:
            return self._preferences(reader, wrong="Choose from the lists.")
        if not themes:
            return self._preferences(reader, wrong="Choose at least one theme.")
        if not schedules and len(self.door.schedules) > 1:  # of one alone the page does not ask
            return self._preferences(reader, wrong="Choose from the lists.")
        saved = self.door.signup.store.subscribers.set_preferences(
            reader.id,
            themes=forms.all_or(themes, self.door.themes),
            schedules=forms.all_or(schedules, self.door.schedules),
            language=language,
            timezone=zone,
            send_hour=int(hour) if hour else None,
            now=now,
        )
        return self._preferences(saved, saved=True)

    def _preferences(self, reader: Subscriber, *, saved: bool = False, wrong: str = "") -> Response:
        words = self.voice.words(reader.language)
        if reader.state in LEFT or reader.state is ConsentState.PENDING:
            return html(self.voice.ended(reader.language, words.html("This subscription has ended.")))
        mine = urlsplit(self.door.signup.link(Purpose.PREFERENCES, reader)).path
        today = self.door.clock().astimezone(ZoneInfo(reader.timezone)).date()
        zones = forms.zones() if reader.timezone in forms.zones() else (reader.timezone, *forms.zones())
        page = self.door.renderer.page(
            "web/preferences.html",
            language=reader.language,
            action=mine,
            error=words.html(wrong) if wrong else "",
            saved=words.html("Saved; it counts from the next edition.") if saved else "",
            address=reader.address,
            themes=self.voice.themes(reader.language, reader.themes),
            schedules=self.voice.schedules(words, reader.schedules),
            languages=options(self.voice.languages.items(), words.language),
            zones=options([(zone, zone.replace("_", " ")) for zone in zones], reader.timezone),
            hours=options(
                [
                    (hour, f"{int(hour):02}:00" if hour else words.plain("When the schedule says"))
                    for hour in HOURS
                ],
                "" if reader.send_hour is None else str(reader.send_hour),
            ),
            paused=self._paused(reader, words),
            first=(today + timedelta(days=1)).isoformat(),
            last=(today + forms.LONGEST_PAUSE - timedelta(days=1)).isoformat(),
            unsubscribe=self.door.signup.link(Purpose.UNSUBSCRIBE, reader),
            data=f"{mine}/data",
            erase=f"{mine}/erase",
        )
        return html(page, 422 if wrong else 200)

    def _paused(self, reader: Subscriber, words: Wording) -> str | None:
        until = reader.paused_until
        if reader.state is not ConsentState.PAUSED or (until and until <= self.door.clock()):
            return None
        if until is None:
            return words.html("Paused until you resume it")
        return words.html("Paused until {date}", date=words.local_date(until, reader.timezone))

    def data(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        kept = json.dumps(
            personal_data(self.door.signup.store, reader), ensure_ascii=False, indent=2, default=str
        )
        return Response(
            kept,
            media_type="application/json",
            headers={"content-disposition": 'attachment; filename="data.json"'},
        )

    def ask_to_erase(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        words = self.voice.words(reader.language)
        text = words.html("This cannot be undone. Editions already sent stay in your mailbox.")
        back = (self.door.signup.link(Purpose.PREFERENCES, reader), words.html("Back to the preferences"))
        title, press = words.html("Erase everything kept about you"), words.html("Yes, erase")
        onward, path = [back], request.url.path
        return html(self.voice.message(reader.language, title, text, onward, action=path, button=press))

    def erase(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        self.door.signup.erase(reader, now=self.door.clock())
        words = self.voice.words(reader.language)
        return html(self.voice.message(reader.language, words.html("Your data"), words.html(ERASED)))

    def ask_to_leave(self, request: Request, reader: Subscriber, _: forms.Form) -> Response:
        words, name = self.voice.words(reader.language), self.door.newsletter.name
        if reader.state in LEFT:
            return html(self._unsubscribed(reader.language))
        title, press = words.html("Stop receiving {name}?", name=name), words.html("Yes, unsubscribe")
        keep = (self.door.signup.link(Purpose.PREFERENCES, reader), words.html("Keep it"))
        asking = self.voice.message(
            reader.language, title, "", [keep], action=request.url.path, button=press, reason=True
        )
        return html(asking)

    async def unsubscribe(self, request: Request) -> Response:
        """Acts at once, without cookie, login or redirect, whatever the body (RFC 8058 section 3.2)."""
        form = await forms.read_form(request)
        try:
            subscriber_id = self.door.signup.whom(request.path_params["token"])
        except TokenError as wrong:
            return self.voice.problem(request, 404, str(wrong))
        leaving = Departure(subscriber_id=subscriber_id, reason=forms.one(form, "reason"))
        if not await self.door.desk.leave(leaving):
            raise HTTPException(503, headers={"retry-after": "60"})
        if not form or "List-Unsubscribe" in form:
            return PlainTextResponse("Unsubscribed.\n")
        reader = await asyncio.to_thread(self.door.signup.reader, subscriber_id)
        return html(self._unsubscribed(reader.language if reader else self.voice.language(request)))

    def _unsubscribed(self, language: str) -> str:
        title = self.voice.words(language).html("Unsubscribed. You will get no further mail.")
        return self.voice.ended(language, title)
