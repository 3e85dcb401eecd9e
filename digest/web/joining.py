"""The sign-up form. It says the same for every address, before anything about it has been looked up."""

from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from digest.address import canonical
from digest.model import Subscriber
from digest.web import forms
from digest.web.door import Door
from digest.web.limits import Window, network
from digest.web.voice import Voice, html

CHECK_MAIL = (
    "If this address can be subscribed, a confirmation mail is on its way. Nothing after ten minutes? "
    "Look in the spam folder."
)


class Joining:
    def __init__(self, door: Door, voice: Voice) -> None:
        self.door = door
        self.voice = voice
        self._by_network = Window(door.limits.per_network, 3600.0)
        self._in_all = Window(door.limits.in_all, 3600.0)
        self._sent = lru_cache(maxsize=16)(self._check_mail)

    async def form(self, request: Request) -> Response:
        return self._form(request, self.voice.language(request))

    async def subscribe(self, request: Request) -> Response:
        form = await forms.read_form(request)
        language = self.voice.language(request, forms.one(form, "lang"))
        wait_s = self._wait_s(request)
        if wait_s:
            return self.voice.too_many(language, wait_s)
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
            wish = Subscriber(
                id=0,
                address=address,
                language=language,
                timezone=self.door.newsletter.timezone,
                themes=forms.all_or(themes, self.door.themes),
                schedules=forms.all_or(schedules, self.door.schedules),
            )
            if not await self.door.desk.wish(wish):
                return self.voice.too_many(language, 60.0)
        return html(self._sent(language))

    def _wait_s(self, request: Request) -> float:
        """Counts this sign-up, and says how long to wait when there were too many."""
        who = network(request.scope["visitor"])
        wait_s = max(self._by_network.wait_s(who), self._in_all.wait_s(""))
        if not wait_s:
            self._by_network.count(who)
            self._in_all.count("")
        return wait_s

    def _check_mail(self, language: str) -> bytes:
        words = self.voice.words(language)
        title = words.html("Subscribe to {name}", name=self.door.newsletter.name)
        return self.voice.message(language, title, words.html(CHECK_MAIL)).encode()

    def _form(self, request: Request, language: str, wrong: str = "", typed: str = "") -> Response:
        words, embedded = self.voice.words(language), request.url.path.endswith("/embed")
        page = self.door.renderer.page(
            "web/subscribe.html",
            language=language,
            action=f"{self.voice.root}/subscribe/embed" if embedded else f"{self.voice.root}/subscribe",
            error=words.html(wrong) if wrong else "",
            address=typed,
            themes=self.voice.themes(language, None),
            schedules=self.voice.schedules(words, None),
            offered=self.voice.offered("subscribe"),
            embedded=embedded,
        )
        return html(page, 422 if wrong else 200)
