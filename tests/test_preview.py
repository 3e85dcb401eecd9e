import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from editions import NEWSLETTER, SIX, THEMES
from reading import looking_at

from digest.errors import RenderError
from digest.model import SLOT_OPEN, MailParts
from digest.preview import make_preview_app
from digest.render import make_renderer


def render() -> MailParts:
    return make_renderer(NEWSLETTER, themes=THEMES).mail(SIX, language="zh-CN")


@asynccontextmanager
async def preview(
    render: Callable[[], MailParts], *files: Path
) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    async with looking_at(make_preview_app(render, lambda: files)) as visitor:

        async def get(path: str) -> str:
            async with visitor.get(path) as answer:
                return await answer.text()

        yield get


async def test_every_view_is_drawn_without_a_reader_and_a_changed_file_redraws(tmp_path: Path) -> None:
    file = tmp_path / "mail.css"
    file.write_text("a")
    async with preview(render, file) as get:
        page = await get("/")
        assert [name in page for name in ("Desktop", "Phone", "Dark", "Text")] == [True] * 4
        for view in ("mail", "dark", "text"):
            shown = await get(f"/{view}")
            assert SIX.items()[0].article.title[:4] in shown
            assert SLOT_OPEN not in shown
        assert "@media all" in await get("/dark")
        before = await get("/version")
        assert await get("/version") == before
        os.utime(file, (0, 0))
        assert await get("/version") != before


async def test_a_broken_template_is_said_in_place_of_the_mail() -> None:
    def broken() -> MailParts:
        raise RenderError("mail.html:3: unexpected <end>")

    async with preview(broken) as get:
        assert "mail.html:3: unexpected &lt;end&gt;" in await get("/mail")
