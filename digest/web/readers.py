"""Readers' pages. A GET shows, a POST acts; what is wrong is said on the page, in the reader's language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from digest.address import canonical
from digest.errors import ConsentError, TokenError
from digest.model import ConsentState, Subscriber
from digest.signup import Departure, Wish, personal_data
from digest.tokens import Purpose
from digest.web import forms
from digest.web.limits import Window, network

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from digest.render.wording import Wording
    from digest.web.door import Door

PAGE = 20
LAST_PAGE = 10_000
IN_FEED = 20
EXPIRED = "This link has expired. Enter your address to get a new one."
ERASED = "Erased. Only a keyed hash of the address is left, so that it is never mailed again."
BAD_DAY = "Give a date between tomorrow and a year from now."
CHECK_MAIL = (
    "If this address can be subscribed, a confirmation mail is on its way. Nothing after ten minutes? "
    "Look in the spam folder."
)
LEFT = frozenset(
    {ConsentState.UNSUBSCRIBED, ConsentState.COMPLAINED, ConsentState.ERASED, ConsentState.BOUNCED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    id: str
    name: str
    chosen: bool = False
    url: str = ""


class ReaderPages:
    """Handlers for everybody. *door* holds everything they work with."""

    def __init__(self, door: "Door") -> None:
        self.door = door
        self.root = urlsplit(door.newsletter.base_url or "").path.rstrip("/")
        self._by_network = Window(door.limits.per_network, 3600.0)
        self._in_all = Window(door.limits.in_all, 3600.0)
        self._edition = lru_cache(maxsize=64)(self._rendered_edition)
        self._sent = lru_cache(maxsize=16)(self._check_mail)

    @cached_property
    def languages(self) -> dict[str, str]:
        """Tag to its own name."""
        from digest.render.wording import language_names

        return language_names(self.door.renderer.locale_dirs)

    # --- subscribing ---------------------------------------------------------------------------------

    async def form(self, request: "Request") -> "Response":
        return self._form(request, self._language(request))

    async def subscribe(self, request: "Request") -> "Response":
        """Says the same for every address, before anything about it has been looked up."""
        form = await forms.read_form(request)
        language = self._language(request, forms.one(form, "lang"))
        wait_s = self._wait_s(request)
        if wait_s:
            return self.too_many(language, wait_s)
        typed = forms.one(form, "address", most=320)
        themes = forms.chosen(form, "theme", [theme.id for theme in self.door.themes])
        schedules = forms.chosen(form, "schedule", [schedule.id for schedule in self.door.schedules])
        try:
            address = canonical(typed)
        except ValueError:
            return self._form(request, language, "That does not look like an email address.", typed)
        if themes is None or schedules is None:
            return self._form(request, language, "Choose from the lists.", typed)
        if not themes:
            return self._form(request, language, "Choose at least one theme.", typed)
        if not forms.one(form, "website"):
            wish = Wish(
                address=address,
                language=language,
                timezone=self.door.newsletter.timezone,
                themes=forms.all_or(themes, self.door.themes),
                schedules=forms.all_or(schedules, self.door.schedules),
            )
            if not self.door.desk.wish(wish):
                return self.too_many(language, 60.0)
        return _html(self._sent(language))

    def _wait_s(self, request: "Request") -> float:
        """Counts this sign-up, and says how long to wait when there were too many."""
        who = network(request.scope["visitor"])
        wait_s = max(self._by_network.wait_s(who), self._in_all.wait_s(""))
        if not wait_s:
            self._by_network.count(who)
            self._in_all.count("")
        return wait_s

    def _check_mail(self, language: str) -> str:
        words = self._words(language)
        title = words.html("Subscribe to {name}", name=self.door.newsletter.name)
        return self._message(language, title, words.html(CHECK_MAIL))

    def _form(self, request: "Request", language: str, wrong: str = "", typed: str = "") -> "Response":
        words, embedded = self._words(language), request.url.path.endswith("/embed")
        page = self.door.renderer.page(
            "web/subscribe.html",
            language=language,
            action=f"{self.root}/subscribe/embed" if embedded else f"{self.root}/subscribe",
            error=words.html(wrong) if wrong else "",
            address=typed,
            themes=self._themes(language, None),
            schedules=self._schedules(words, None),
            offered=[
                Option(id=tag, name=name, url=f"{self.root}/subscribe?lang={tag}")
                for tag, name in self.languages.items()
            ],
            embedded=embedded,
        )
        return _html(page, 422 if wrong else 200)

    # --- by a link in a mail -------------------------------------------------------------------------

    async def confirm_page(self, request: "Request") -> "Response":
        return await self._with_link(request, Purpose.CONFIRM, self._ask_to_confirm)

    async def confirm(self, request: "Request") -> "Response":
        return await self._with_link(request, Purpose.CONFIRM, self._confirm)

    def _ask_to_confirm(self, request: "Request", reader: Subscriber) -> "Response":
        if reader.state in LEFT:
            raise ConsentError(EXPIRED)
        words = self._words(reader.language)
        title = words.html("Confirm your subscription to {name}", name=self.door.newsletter.name)
        return self._ask(reader.language, title, "", request.url.path, words.html("Confirm"))

    def _confirm(self, request: "Request", reader: Subscriber) -> "Response":
        confirmed = self.door.signup.confirm(reader, now=self.door.clock())
        words = self._words(confirmed.language)
        next_at = self.door.next_at(confirmed)
        if next_at is None:
            title = words.html("Confirmed.")
        else:
            title = words.html(
                "Confirmed. Next edition: {when}.", when=words.moment(next_at, confirmed.timezone)
            )
        onward = [(self._link(Purpose.PREFERENCES, confirmed), words.html("Choose themes and times"))]
        return _html(self._message(confirmed.language, title, "", onward))

    async def preferences_page(self, request: "Request") -> "Response":
        return await self._with_link(
            request, Purpose.PREFERENCES, lambda _, reader: self._preferences(reader)
        )

    async def preferences(self, request: "Request") -> "Response":
        form = await forms.read_form(request)
        return await self._with_link(
            request, Purpose.PREFERENCES, lambda _, reader: self._choose(form, reader)
        )

    def _choose(self, form: forms.Form, reader: Subscriber) -> "Response":
        if reader.state in LEFT or reader.state is ConsentState.PENDING:
            return self._preferences(reader)
        now = self.door.clock()
        match forms.one(form, "do"):
            case "pause":
                until = forms.resume_at(forms.one(form, "until"), reader.timezone, now=now)
                if until is None:
                    return self._preferences(
                        reader, wrong="Give a date between tomorrow and a year from now."
                    )
                return self._preferences(self.door.signup.pause(reader, until, now=now), saved=True)
            case "resume":
                return self._preferences(self.door.signup.resume(reader, now=now), saved=True)
        themes = forms.chosen(form, "theme", [theme.id for theme in self.door.themes])
        schedules = forms.chosen(form, "schedule", [schedule.id for schedule in self.door.schedules])
        language, zone, hour = (forms.one(form, name) for name in ("language", "timezone", "hour"))
        known = language in self.languages and zone in self._zones and hour in HOURS
        if themes is None or schedules is None or not known:
            return self._preferences(reader, wrong="Choose from the lists.")
        if not themes:
            return self._preferences(reader, wrong="Choose at least one theme.")
        saved = self.door.signup.choose(
            reader,
            themes=forms.all_or(themes, self.door.themes),
            schedules=forms.all_or(schedules, self.door.schedules),
            language=language,
            timezone=zone,
            send_hour=int(hour) if hour else None,
            now=now,
        )
        return self._preferences(saved, saved=True)

    def _preferences(self, reader: Subscriber, *, saved: bool = False, wrong: str = "") -> "Response":
        words = self._words(reader.language)
        if reader.state in LEFT or reader.state is ConsentState.PENDING:
            return _html(self._ended(reader.language, words.html("This subscription has ended.")))
        mine = f"{self.root}{urlsplit(self._link(Purpose.PREFERENCES, reader)).path.removeprefix(self.root)}"
        today = self.door.clock().astimezone(ZoneInfo(reader.timezone)).date()
        zones = self._zones if reader.timezone in self._zones else (reader.timezone, *self._zones)
        page = self.door.renderer.page(
            "web/preferences.html",
            language=reader.language,
            action=mine,
            error=words.html(wrong) if wrong else "",
            saved=words.html("Saved; it counts from the next edition.") if saved else "",
            address=reader.address,
            themes=self._themes(reader.language, reader.themes),
            schedules=self._schedules(words, reader.schedules),
            languages=_options(self.languages.items(), words.language),
            zones=_options([(zone, zone.replace("_", " ")) for zone in zones], reader.timezone),
            hours=_options(
                [
                    (hour, f"{int(hour):02}:00" if hour else words.plain("When the schedule says"))
                    for hour in HOURS
                ],
                "" if reader.send_hour is None else str(reader.send_hour),
            ),
            paused=self._paused(reader, words),
            first=(today + timedelta(days=1)).isoformat(),
            last=(today + forms.LONGEST_PAUSE - timedelta(days=1)).isoformat(),
            unsubscribe=self._link(Purpose.UNSUBSCRIBE, reader),
            data=f"{mine}/data",
            erase=f"{mine}/erase",
        )
        return _html(page, 422 if wrong else 200)

    def _paused(self, reader: Subscriber, words: "Wording") -> str | None:
        if reader.state is not ConsentState.PAUSED or reader.paused_until is None:
            return None
        return (
            None
            if reader.paused_until <= self.door.clock()
            else words.local_date(reader.paused_until, reader.timezone)
        )

    async def data(self, request: "Request") -> "Response":
        return await self._with_link(request, Purpose.PREFERENCES, self._data)

    def _data(self, request: "Request", reader: Subscriber) -> "Response":
        import json

        from starlette.responses import Response

        kept = json.dumps(
            personal_data(self.door.signup.store, reader), ensure_ascii=False, indent=2, default=str
        )
        return Response(
            kept,
            media_type="application/json",
            headers={"content-disposition": 'attachment; filename="data.json"'},
        )

    async def erase_page(self, request: "Request") -> "Response":
        return await self._with_link(request, Purpose.PREFERENCES, self._ask_to_erase)

    async def erase(self, request: "Request") -> "Response":
        return await self._with_link(request, Purpose.PREFERENCES, self._erase)

    def _ask_to_erase(self, request: "Request", reader: Subscriber) -> "Response":
        words = self._words(reader.language)
        text = words.html("Erase everything kept about you? Editions already sent stay in your mailbox.")
        back = (self._link(Purpose.PREFERENCES, reader), words.html("Back to the preferences"))
        title, button = words.html("Erase everything kept about you"), words.html("Yes, erase")
        return self._ask(reader.language, title, text, request.url.path, button, [back])

    def _erase(self, request: "Request", reader: Subscriber) -> "Response":
        self.door.signup.erase(reader, now=self.door.clock())
        words = self._words(reader.language)
        text = words.html(
            "Erased. Only a keyed hash of the address is left, so that it is never mailed again."
        )
        return _html(self._message(reader.language, words.html("Your data"), text))

    async def unsubscribe_page(self, request: "Request") -> "Response":
        return await self._with_link(request, Purpose.UNSUBSCRIBE, self._ask_to_leave)

    def _ask_to_leave(self, request: "Request", reader: Subscriber) -> "Response":
        words, name = self._words(reader.language), self.door.newsletter.name
        if reader.state in LEFT:
            return _html(self._unsubscribed(reader.language))
        title, button = words.html("Stop receiving {name}?", name=name), words.html("Yes, unsubscribe")
        keep = (self._link(Purpose.PREFERENCES, reader), words.html("Keep it"))
        return self._ask(reader.language, title, "", request.url.path, button, [keep], reason=True)

    async def unsubscribe(self, request: "Request") -> "Response":
        """Acts at once, without cookie, login or redirect, whatever the body (RFC 8058 section 3.2)."""
        import asyncio

        from starlette.exceptions import HTTPException
        from starlette.responses import PlainTextResponse

        form = await forms.read_form(request)
        try:
            subscriber_id = self.door.signup.whom(request.path_params["token"])
        except TokenError as wrong:
            return self._wrong_link(request, wrong)
        leaving = Departure(subscriber_id=subscriber_id, reason=forms.one(form, "reason"))
        done = self.door.desk.leave(leaving)
        if done is None:
            raise HTTPException(503, headers={"retry-after": "60"})
        await done
        if not form or "List-Unsubscribe" in form:
            return PlainTextResponse("Unsubscribed.\n")
        reader = await asyncio.to_thread(self.door.signup.reader, subscriber_id)
        return _html(self._unsubscribed(reader.language if reader else self._language(request)))

    def _unsubscribed(self, language: str) -> str:
        title = self._words(language).html("Unsubscribed. You will get no further mail.")
        return self._ended(language, title)

    def _ended(self, language: str, title: str) -> str:
        words = self._words(language)
        return self._message(language, title, "", [(f"{self.root}/subscribe", words.html("Subscribe again"))])

    async def _with_link(
        self,
        request: "Request",
        purpose: Purpose,
        then: "Callable[[Request, Subscriber], Response]",
    ) -> "Response":
        """Read the link's token, then act in a thread; a bad link or an impossible step is said on a page."""
        import asyncio

        def act() -> "Response":
            reader = self.door.signup.who(request.path_params["token"], purpose, now=self.door.clock())
            return then(request, reader)

        try:
            return await asyncio.to_thread(act)
        except (TokenError, ConsentError) as wrong:
            return self._wrong_link(request, wrong)

    def _wrong_link(self, request: "Request", wrong: TokenError | ConsentError) -> "Response":
        language = self._language(request)
        words = self._words(language)
        onward = [
            (f"{self.root}/subscribe", words.html("Subscribe to {name}", name=self.door.newsletter.name))
        ]
        return _html(self._message(language, words.html(str(wrong)), "", onward), 404)

    # --- the archive ---------------------------------------------------------------------------------

    async def archive(self, request: "Request") -> "Response":
        import asyncio

        return await asyncio.to_thread(self._archive, request)

    def _archive(self, request: "Request") -> "Response":
        from starlette.exceptions import HTTPException

        language = self._language(request)
        words = self._words(language)
        asked = request.query_params.get("page", "1")
        if not (asked.isascii() and asked.isdigit() and 0 < int(asked[:6]) <= LAST_PAGE):
            raise HTTPException(404)
        page, theme = int(asked[:6]), request.query_params.get("theme") or None
        if theme is not None and theme not in {one.id for one in self.door.themes}:
            raise HTTPException(404)
        found = self.door.signup.store.editions.public(
            self._public, theme=theme, skip=(page - 1) * PAGE, limit=PAGE + 1
        )

        def at(number: int) -> str:
            values = {"theme": theme or "", "page": str(number), "lang": request.query_params.get("lang", "")}
            return f"{self.root}/editions?{urlencode({k: v for k, v in values.items() if v})}"

        first_at = self.door.next_at(None)
        every = [Option(id="", name=words.plain("All themes"), chosen=theme is None)]
        html = self.door.renderer.archive(
            found[:PAGE],
            language=language,
            older=at(page + 1) if len(found) > PAGE else None,
            newer=at(page - 1) if page > 1 else None,
            themes=every + _options([(t.id, t.name(language)) for t in self.door.themes], theme or "?"),
            action=f"{self.root}/editions",
            searched=theme,
            first_at=words.moment(first_at, self.door.newsletter.timezone) if first_at else None,
        )
        return _html(html)

    async def edition(self, request: "Request") -> "Response":
        import asyncio

        from starlette.exceptions import HTTPException

        number = request.path_params["number"]
        if number > 2**31 - 1:
            raise HTTPException(404)
        html = await asyncio.to_thread(self._edition_page, number, self._language(request))
        return _html(html)

    def _edition_page(self, number: int, language: str) -> str:
        from starlette.exceptions import HTTPException

        from digest.errors import StoreError

        try:
            status = self.door.signup.store.editions.status(number)
        except StoreError:
            raise HTTPException(404) from None
        if status != "ready":
            raise HTTPException(404)
        return self._edition(number, language)

    def _rendered_edition(self, number: int, language: str) -> str:
        return self.door.renderer.web(self.door.signup.store.editions.get(number), language=language)

    async def atom(self, request: "Request") -> "Response":
        import asyncio

        from starlette.responses import Response

        def feed() -> str:
            found = self.door.signup.store.editions.public(self._public, limit=IN_FEED)
            return self.door.renderer.atom(found, language=self.door.newsletter.language)

        return Response(await asyncio.to_thread(feed), media_type="application/atom+xml")

    @property
    def _public(self) -> list[str]:
        """Editions made by hand are not in the archive; who has the link of one sees it."""
        return [schedule.id for schedule in self.door.schedules]

    # --- shared --------------------------------------------------------------------------------------

    def too_many(self, language: str, wait_s: float) -> "Response":
        words, minutes = self._words(language), max(1, -(-int(wait_s) // 60))
        title = words.html_n(
            "Too many requests. Try again in {n} minute.",
            "Too many requests. Try again in {n} minutes.",
            minutes,
        )
        return _html(self._message(language, title), 429, {"retry-after": str(minutes * 60)})

    def problem(self, request: "Request", status: int, message: str) -> "Response":
        language = self._language(request)
        return _html(self._message(language, self._words(language).html(message)), status)

    def _language(self, request: "Request", given: str = "") -> str:
        asked = given or request.query_params.get("lang", "")
        if asked in self.languages:
            return asked
        default = self.door.newsletter.language
        return forms.preferred(request.headers.get("accept-language", ""), list(self.languages), default)

    def _words(self, language: str) -> "Wording":
        from digest.render.wording import load_wording

        return load_wording(language, self.door.renderer.locale_dirs)

    def _message(
        self, language: str, title: str, text: str = "", onward: Sequence[tuple[str, str]] = ()
    ) -> str:
        return self.door.renderer.page(
            "web/message.html", language=language, title=title, text=text, onward=onward
        )

    def _ask(
        self,
        language: str,
        title: str,
        text: str,
        action: str,
        button: str,
        onward: Sequence[tuple[str, str]] = (),
        *,
        reason: bool = False,
    ) -> "Response":
        values: dict[str, Any] = {
            "title": title,
            "text": text,
            "action": f"{self.root}{action}",
            "button": button,
            "onward": onward,
        }
        return _html(self.door.renderer.page("web/ask.html", language=language, reason=reason, **values))

    def _link(self, purpose: Purpose, reader: Subscriber) -> str:
        return self.door.signup.link(purpose, reader)

    @cached_property
    def _zones(self) -> tuple[str, ...]:
        return forms.zones()

    def _themes(self, language: str, chosen: Sequence[str] | None) -> list[Option]:
        return [
            Option(id=theme.id, name=theme.name(language), chosen=not chosen or theme.id in chosen)
            for theme in self.door.themes
        ]

    def _schedules(self, words: "Wording", chosen: Sequence[str] | None) -> list[Option]:
        told = [forms.frequency(schedule) for schedule in self.door.schedules]
        return [
            Option(
                id=schedule.id,
                name=words.plain(often) if often and told.count(often) == 1 else schedule.id,
                chosen=not chosen or schedule.id in chosen,
            )
            for schedule, often in zip(self.door.schedules, told, strict=True)
        ]


HOURS = ("", *(str(hour) for hour in range(24)))


def _options(pairs: Any, chosen: str) -> list[Option]:
    return [Option(id=one, name=name, chosen=one == chosen) for one, name in pairs]


def _html(page: str, status: int = 200, headers: dict[str, str] | None = None) -> "Response":
    from starlette.responses import HTMLResponse

    return HTMLResponse(page, status, headers)
