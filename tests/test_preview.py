import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import uvicorn
from editions import NEWSLETTER, SIX, THEMES

from digest.errors import RenderError
from digest.model import SLOT_OPEN, MailParts
from digest.preview import make_preview_app
from digest.render import make_renderer


def render() -> MailParts:
    return make_renderer(NEWSLETTER, themes=THEMES).mail(SIX, language="zh-CN")


@contextmanager
def served(render: Callable[[], MailParts], files: list[Path]) -> Iterator[Callable[[str], str]]:
    app = make_preview_app(render, lambda: files)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def get(path: str) -> str:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    try:
        yield get
    finally:
        server.should_exit = True
        thread.join()


def test_every_view_is_drawn_without_a_reader_and_a_changed_file_redraws(tmp_path: Path) -> None:
    file = tmp_path / "mail.css"
    file.write_text("a")
    with served(render, [file]) as get:
        page = get("/")
        assert [name in page for name in ("Desktop", "Phone", "Dark", "Text")] == [True] * 4
        for view in ("mail", "dark", "text"):
            shown = get(f"/{view}")
            assert SIX.items()[0].article.title[:4] in shown
            assert SLOT_OPEN not in shown
        assert "@media all" in get("/dark")
        before = get("/version")
        assert get("/version") == before
        time.sleep(0.01)
        file.touch()
        assert get("/version") != before


def test_a_broken_template_is_said_in_place_of_the_mail() -> None:
    def broken() -> MailParts:
        raise RenderError("mail.html:3: unexpected <end>")

    with served(broken, []) as get:
        assert "mail.html:3: unexpected &lt;end&gt;" in get("/mail")
