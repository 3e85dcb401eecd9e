"""The archive: past editions for everybody, by theme, and as a feed."""

from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from digest.errors import StoreError
from digest.web.door import Door, options

PAGE = 20
LAST_PAGE = 10_000
IN_FEED = 20


class Archive:
    def __init__(self, door: Door) -> None:
        self.door = door
        self._edition = lru_cache(maxsize=64)(self._rendered_edition)

    def archive(self, request: Request) -> Response:
        language = self.door.language(request)
        words = self.door.words(language)
        asked = request.query_params.get("page", "1")
        if not (asked.isascii() and asked.isdigit() and 0 < int(asked[:6]) <= LAST_PAGE):
            raise HTTPException(404)
        page, theme = int(asked[:6]), request.query_params.get("theme") or None
        if theme is not None and theme not in {one.id for one in self.door.paper.themes}:
            raise HTTPException(404)
        found = self.door.store.editions.public(
            self._public, theme=theme, skip=(page - 1) * PAGE, limit=PAGE + 1
        )

        def at(number: int) -> str:
            return f"{self.door.root}/editions?{request.url.include_query_params(page=number).query}"

        first_at = self.door.next_at(None)
        names = [(one.id, one.name(language)) for one in self.door.paper.themes]
        shown = self.door.renderer.archive(
            found[:PAGE],
            language=language,
            older=at(page + 1) if len(found) > PAGE else None,
            newer=at(page - 1) if page > 1 else None,
            themes=options([("", words.plain("All themes")), *names], [theme or ""]),
            action=f"{self.door.root}/editions",
            searched=theme,
            first_at=words.moment(first_at, self.door.newsletter.timezone) if first_at else None,
        )
        return HTMLResponse(shown)

    def edition(self, request: Request) -> Response:
        """The last revision of an edition, under the number of any of them."""
        try:
            current = self.door.store.editions.current(request.path_params["number"])
        except (StoreError, OverflowError):
            raise HTTPException(404) from None
        return HTMLResponse(self._edition(current.number, self.door.language(request)))

    def _rendered_edition(self, number: int, language: str) -> str:
        return self.door.renderer.web(self.door.store.editions.get(number), language=language)

    def atom(self, _: Request) -> Response:
        found = self.door.store.editions.public(self._public, limit=IN_FEED)
        feed = self.door.renderer.atom(found, language=self.door.newsletter.language)
        return Response(feed, media_type="application/atom+xml")

    @property
    def _public(self) -> list[str]:
        """Editions made by hand are not in the archive; who has the link of one sees it."""
        return [schedule.id for schedule in self.door.paper.schedules]
