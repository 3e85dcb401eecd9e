"""What the web pages work with, made elsewhere, and what they share: their language, short words, choices."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from digest.config.tables import Operator
from digest.mail.transport import Transport
from digest.model import Newsletter, Subscriber
from digest.publish import Paper
from digest.render import Renderer
from digest.render.wording import Wording, frequency, language_names
from digest.signup import Signup
from digest.slots import next_slot
from digest.store import Store
from digest.web import forms


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sign-ups taken in an hour, from one network (a school, a company) and in all."""

    per_network: int = 30
    in_all: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something to choose, or a link: *id* is the language of the page there."""

    id: str
    name: str
    chosen: bool = False
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Everything the pages need.

    Args:
        paper: Of a newsletter with a ``base_url``.
        open_transport: What confirmation mails go through; it closes with the stack it is given.
        clock: Now, aware.
        secret: The operator's password, given by HTTP's Basic (with any user) or Bearer scheme. Without it
            and a proxy's header nobody sees the operator's page.
    """

    signup: Signup
    renderer: Renderer
    paper: Paper
    open_transport: Callable[[AsyncExitStack], Awaitable[Transport]]
    clock: Callable[[], datetime]
    operator: Operator = field(default_factory=Operator)
    secret: str = field(default="", repr=False)
    limits: Limits = Limits()

    @property
    def newsletter(self) -> Newsletter:
        return self.paper.newsletter

    @property
    def store(self) -> Store:
        return self.paper.store

    @cached_property
    def root(self) -> str:
        """The path of the base address, before every address of ours."""
        return urlsplit(self.newsletter.base_url or "").path.rstrip("/")

    @cached_property
    def languages(self) -> dict[str, str]:
        """Tag to its own name."""
        return language_names(self.renderer.locale_dirs)

    def next_runs(self) -> Mapping[str, datetime | None]:
        """When each schedule comes next, None when it does not by itself."""
        return {one.id: next_slot(self.paper, one, now=self.clock()) for one in self.paper.schedules}

    def next_at(self, reader: Subscriber | None) -> datetime | None:
        """The next edition of any schedule, or of any that *reader* takes."""
        wanted = reader.schedules if reader else ()
        runs = [at for name, at in self.next_runs().items() if at and (not wanted or name in wanted)]
        return min(runs, default=None)

    def language(self, request: Request, given: str = "") -> str:
        asked = given or (request.scope["query_string"] and request.query_params.get("lang", ""))
        if asked in self.languages:
            return str(asked)
        header = request.headers.get("accept-language", "")
        return forms.preferred(header, tuple(self.languages), self.newsletter.language)

    def words(self, language: str) -> Wording:
        return self.renderer.words(language)

    def page(self, template: str, language: str, *, status: int = 200, **values: object) -> Response:
        return HTMLResponse(self.renderer.page(template, language=language, **values), status)

    def say(
        self,
        language: str,
        title: str,
        text: str = "",
        *,
        onward: tuple[str, str] | None = None,
        ask: str = "",
        at: str = "",
        reason: bool = False,
        status: int = 200,
        **values: object,
    ) -> Response:
        """A page that says something, or asks for a press of a button.

        Words are messages of the catalogs; those that are translated already stay as they are.

        Args:
            onward: Words, and the address they lead to.
            ask: The words of the button; it posts to the path *at*, perhaps with a *reason*.
            values: Of the words; ``name`` is the newsletter's.
        """
        words, values = self.words(language), {"name": self.newsletter.name, **values}
        return self.page(
            "web/message.html",
            language,
            status=status,
            title=words.html(title, **values),
            text=words.html(text, **values) if text else "",
            onward=(onward[1], words.html(onward[0], **values)) if onward else None,
            action=f"{self.root}{at}",
            button=words.html(ask) if ask else "",
            reason=reason,
        )

    def done(self, request: Request, query: str = "") -> Response:
        """To the same page to look at: coming back to it or loading it again sends no form once more."""
        return RedirectResponse(f"{self.root}{request.url.path}{query}", 303)

    def problem(self, request: Request, status: int, message: str) -> Response:
        """*message* on a page; where nothing is to be found, with the way to the form."""
        form = ("Subscribe to {name}", f"{self.root}/subscribe") if status == 404 else None
        return self.say(self.language(request), message, onward=form, status=status)

    def too_many(self, language: str, wait_s: float) -> Response:
        minutes = max(1, -(-int(wait_s) // 60))
        title = self.words(language).html_n(
            "Too many requests. Try again in {n} minute.",
            "Too many requests. Try again in {n} minutes.",
            minutes,
        )
        said = self.say(language, title, status=429)
        said.headers["retry-after"] = str(minutes * 60)
        return said

    def offered(self, page: str) -> list[Option]:
        """Links to *page* in every language."""
        names = self.languages.items()
        return [Option(id=tag, name=name, url=f"{self.root}/{page}?lang={tag}") for tag, name in names]

    def choices(self, language: str, reader: Subscriber | None = None) -> dict[str, object]:
        """The ``themes`` and ``schedules`` there are, ticked as *reader* has chosen, or all."""
        words, often = self.words(language), [frequency(one) for one in self.paper.schedules]
        themes = [(one.id, one.name(language)) for one in self.paper.themes]
        schedules = [
            (one.id, words.plain(how).capitalize() if how and often.count(how) == 1 else one.id)
            for one, how in zip(self.paper.schedules, often, strict=True)
        ]
        return {
            "themes": options(themes, (reader and reader.themes) or dict(themes)),
            "schedules": options(schedules, (reader and reader.schedules) or dict(schedules)),
        }

    def chosen(self, form: forms.Form) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The themes and the schedules ticked; where all are, none: that means those to come as well.

        Raises:
            FormError: Something is not in the lists, or there is no theme.
        """
        paper = self.paper
        themes = forms.chosen(form, "theme", [theme.id for theme in paper.themes])
        schedules = forms.chosen(form, "schedule", [schedule.id for schedule in paper.schedules])
        if not themes:
            raise forms.FormError("Choose at least one theme.")
        all_themes, all_schedules = len(themes) == len(paper.themes), len(schedules) == len(paper.schedules)
        return () if all_themes else themes, () if all_schedules else schedules


def options(pairs: Iterable[tuple[str, str]], chosen: Collection[str]) -> list[Option]:
    """From ids and names."""
    return [Option(id=one, name=name, chosen=one in chosen) for one, name in pairs]
