"""What all pages share: the language they speak, the words of short messages, lists to choose from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from digest.render.wording import Wording, frequency, language_names
from digest.web import forms
from digest.web.door import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    id: str
    name: str
    chosen: bool = False
    url: str = ""


class Voice:
    """Speaks to visitors.

    Args:
        door: ``root`` is the path of its newsletter's base address, before every address of ours.
    """

    def __init__(self, door: Door) -> None:
        self.door = door
        self.root = urlsplit(door.newsletter.base_url or "").path.rstrip("/")

    @cached_property
    def languages(self) -> dict[str, str]:
        """Tag to its own name."""
        return language_names(self.door.renderer.locale_dirs)

    def offered(self, page: str) -> list[Option]:
        """Links to *page* in every language."""
        names = self.languages.items()
        return [Option(id=tag, name=name, url=f"{self.root}/{page}?lang={tag}") for tag, name in names]

    def language(self, request: Request, given: str = "") -> str:
        asked = given or (request.scope["query_string"] and request.query_params.get("lang", ""))
        if asked in self.languages:
            return str(asked)
        default = self.door.newsletter.language
        return forms.preferred(request.headers.get("accept-language", ""), tuple(self.languages), default)

    def words(self, language: str) -> Wording:
        return self.door.renderer.words(language)

    def message(
        self,
        language: str,
        title: str,
        text: str = "",
        onward: Sequence[tuple[str, str]] = (),
        *,
        action: str = "",
        button: str = "",
        reason: bool = False,
    ) -> str:
        """A page that says something, or asks for a press of *button*, and then perhaps for a *reason*."""
        return self.door.renderer.page(
            "web/message.html",
            language=language,
            title=title,
            text=text,
            onward=onward,
            action=f"{self.root}{action}",
            button=button,
            reason=reason,
        )

    def ended(self, language: str, title: str) -> str:
        words = self.words(language)
        return self.message(language, title, "", [(f"{self.root}/subscribe", words.html("Subscribe again"))])

    def too_many(self, language: str, wait_s: float) -> Response:
        words, minutes = self.words(language), max(1, -(-int(wait_s) // 60))
        title = words.html_n(
            "Too many requests. Try again in {n} minute.",
            "Too many requests. Try again in {n} minutes.",
            minutes,
        )
        return html(self.message(language, title), 429, {"retry-after": str(minutes * 60)})

    def problem(self, request: Request, status: int, message: str) -> Response:
        """*message* on a page; where nothing is to be found, with the way to the form."""
        language = self.language(request)
        words = self.words(language)
        form = f"{self.root}/subscribe", words.html("Subscribe to {name}", name=self.door.newsletter.name)
        return html(self.message(language, words.html(message), "", [form] if status == 404 else []), status)

    def themes(self, language: str, chosen: Sequence[str] | None) -> list[Option]:
        return [
            Option(id=theme.id, name=theme.name(language), chosen=not chosen or theme.id in chosen)
            for theme in self.door.themes
        ]

    def schedules(self, words: Wording, chosen: Sequence[str] | None) -> list[Option]:
        told = [frequency(schedule) for schedule in self.door.schedules]
        return [
            Option(
                id=schedule.id,
                name=words.plain(often).capitalize() if often and told.count(often) == 1 else schedule.id,
                chosen=not chosen or schedule.id in chosen,
            )
            for schedule, often in zip(self.door.schedules, told, strict=True)
        ]


def options(pairs: Iterable[tuple[str, str]], chosen: str) -> list[Option]:
    return [Option(id=one, name=name, chosen=one == chosen) for one, name in pairs]


def html(page: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return HTMLResponse(page, status, headers)
