"""The archive: past editions for everybody, by theme, and as a feed."""

import asyncio
from functools import lru_cache
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from digest.errors import StoreError
from digest.web.door import Door
from digest.web.voice import Option, Voice, html, options

PAGE = 20
LAST_PAGE = 10_000
IN_FEED = 20


class Archive:
    def __init__(self, door: Door, voice: Voice) -> None:
        self.door = door
        self.voice = voice
        self._edition = lru_cache(maxsize=64)(self._rendered_edition)

    async def archive(self, request: Request) -> Response:
        return await asyncio.to_thread(self._archive, request)

    def _archive(self, request: Request) -> Response:
        language = self.voice.language(request)
        words = self.voice.words(language)
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
            return f"{self.voice.root}/editions?{urlencode({k: v for k, v in values.items() if v})}"

        first_at = self.door.next_at(None)
        every = [Option(id="", name=words.plain("All themes"), chosen=theme is None)]
        shown = self.door.renderer.archive(
            found[:PAGE],
            language=language,
            older=at(page + 1) if len(found) > PAGE else None,
            newer=at(page - 1) if page > 1 else None,
            themes=every + options([(t.id, t.name(language)) for t in self.door.themes], theme or "?"),
            action=f"{self.voice.root}/editions",
            searched=theme,
            first_at=words.moment(first_at, self.door.newsletter.timezone) if first_at else None,
        )
        return html(shown)

    async def edition(self, request: Request) -> Response:
        number = request.path_params["number"]
        if number > 2**31 - 1:
            raise HTTPException(404)
        shown = await asyncio.to_thread(self._edition_page, number, self.voice.language(request))
        return html(shown)

    def _edition_page(self, number: int, language: str) -> str:
        """The last revision of an edition, under the number of any of them."""
        try:
            current = self.door.signup.store.editions.current(number)
        except StoreError:
            raise HTTPException(404) from None
        return self._edition(current.number, language)

    def _rendered_edition(self, number: int, language: str) -> str:
        return self.door.renderer.web(self.door.signup.store.editions.get(number), language=language)

    async def atom(self, request: Request) -> Response:
        def feed() -> str:
            found = self.door.signup.store.editions.public(self._public, limit=IN_FEED)
            return self.door.renderer.atom(found, language=self.door.newsletter.language)

        return Response(await asyncio.to_thread(feed), media_type="application/atom+xml")

    @property
    def _public(self) -> list[str]:
        """Editions made by hand are not in the archive; who has the link of one sees it."""
        return [schedule.id for schedule in self.door.schedules]
