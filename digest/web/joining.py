"""The sign-up form. It says the same for every address, before anything about it has been looked up."""

from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from digest.address import canonical
from digest.model import Subscriber
from digest.web import forms
from digest.web.desk import Desk
from digest.web.door import Door
from digest.web.limits import Window, network

CHECK_MAIL = (
    "If this address can be subscribed, a confirmation mail is on its way. Nothing after ten minutes? "
    "Look in the spam folder."
)


class Joining:
    def __init__(self, door: Door, desk: Desk) -> None:
        self.door = door
        self.desk = desk
        self._by_network = Window(door.limits.per_network, 3600.0)
        self._in_all = Window(door.limits.in_all, 3600.0)
        self._sent = lru_cache(maxsize=16)(
            lambda language: door.say(language, "Subscribe to {name}", CHECK_MAIL)
        )

    async def form(self, request: Request) -> Response:
        return self._form(request, self.door.language(request))

    async def subscribe(self, request: Request) -> Response:
        form = await forms.read_form(request)
        language = self.door.language(request, forms.one(form, "lang"))
        wait_s = self._wait_s(request)
        if wait_s:
            return self.door.too_many(language, wait_s)
        typed = forms.one(form, "address", most=320)
        try:
            address = _public(typed)
            themes, schedules = self.door.chosen(form)
        except forms.FormError as wrong:
            return self._form(request, language, str(wrong), typed)
        zone = self.door.newsletter.timezone
        wish = Subscriber(
            id=0, address=address, language=language, timezone=zone, themes=themes, schedules=schedules
        )
        if not forms.one(form, "website"):
            await self.desk.wish(wish)
        return self._sent(language)

    def _wait_s(self, request: Request) -> float:
        """Counts this sign-up, and says how long to wait when there were too many."""
        who = network(request.client.host if request.client else "")
        wait_s = max(self._by_network.wait_s(who), self._in_all.wait_s(""))
        if not wait_s:
            self._by_network.count(who)
            self._in_all.count("")
        return wait_s

    def _form(self, request: Request, language: str, wrong: str = "", typed: str = "") -> Response:
        embedded = request.url.path.endswith("/embed")
        return self.door.page(
            "web/subscribe.html",
            language,
            status=422 if wrong else 200,
            action=f"{self.door.root}/subscribe{'/embed' if embedded else ''}",
            error=self.door.words(language).html(wrong) if wrong else "",
            address=typed,
            **self.door.choices(language),
            offered=self.door.offered("subscribe"),
            embedded=embedded,
        )


def _public(typed: str) -> str:
    """The address in its one form. Raises FormError for what is none, or one of this machine alone."""
    try:
        address = canonical(typed)
    except ValueError:
        address = ""
    if "." not in address.rpartition("@")[2]:
        raise forms.FormError("That does not look like an email address.")
    return address
