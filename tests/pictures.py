"""Takes the pictures in ``docs/pictures``: ``python tests/pictures.py``."""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from editions import NEWSLETTER, SIX, THEMES

from digest.message import choose
from digest.render import make_renderer

FOLDER = Path(__file__).parents[1] / "docs/pictures"
VIEWS = {
    "mail-desktop": ("mail", "zh-CN", 700, "light"),
    "mail-phone": ("mail", "zh-CN", 360, "light"),
    "mail-dark": ("mail", "zh-CN", 700, "dark"),
    "mail-english": ("mail", "en", 700, "light"),
    "web-copy": ("web", "zh-CN", 800, "light"),
}
"""Name to page, language, width in pixels and colour scheme."""
HEIGHT = 1200


def shoot(browser: Any, folder: Path, names: Collection[str] = tuple(VIEWS)) -> None:
    """Write a PNG of the top of each view of these *names* into *folder*."""
    renderer = make_renderer(NEWSLETTER, themes=THEMES)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        kind, language, width, scheme = VIEWS[name]
        html = renderer.web(SIX, language=language)
        if kind == "mail":
            html = choose(renderer.mail(SIX, language=language).html, frozenset())
        page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
        page.set_content(html)
        page.screenshot(path=folder / f"{name}.png")
        page.close()


def main() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        shoot(browser, FOLDER)
        browser.close()


if __name__ == "__main__":
    main()
