"""Takes the pictures of readers' pages in ``docs/pictures``: ``python tests/reader_pictures.py``."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from reading import SECRET, a_site
from stored import DAY, NOW, add_readers, article, edition

from digest.store import open_store
from digest.web.operator import tally

FOLDER = Path(__file__).parents[1] / "docs/pictures"


async def main() -> None:
    from playwright.async_api import async_playwright

    with tempfile.TemporaryDirectory() as name, open_store(f"sqlite:///{name}/digest.db") as store:
        store.migrate()
        add_readers(store, 40)
        one = article()
        store.articles.save(one, sketch=(), now=NOW)
        for day in range(4):
            made = store.editions.freeze(edition(one, slot=NOW - day * DAY), now=NOW, to_readers=True)
            store.ledger.plan(made.number, now=NOW)
            tally(store, now=NOW - day * DAY)
            add_readers(store, 40 + 10 * day)
        async with a_site(store, Path(name)) as site, async_playwright() as playwright:
            mine = await site.confirmed("reader@example.org")
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            views = (
                ("page-subscribe", "/subscribe", 700, "light"),
                ("page-subscribe-phone-dark", "/subscribe", 360, "dark"),
                ("page-preferences", mine["preferences"], 700, "light"),
                ("page-unsubscribe", mine["unsubscribe"], 700, "light"),
                ("page-archive", "/editions", 700, "light"),
                ("page-operator", "/operator", 900, "light"),
            )
            for picture, path, width, scheme in views:
                page = await browser.new_page(
                    viewport={"width": width, "height": 900},
                    color_scheme=scheme,
                    http_credentials={"username": "operator", "password": SECRET},
                )
                await page.goto(site.at(path))
                await page.screenshot(path=FOLDER / f"{picture}.png")
                await page.close()
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
