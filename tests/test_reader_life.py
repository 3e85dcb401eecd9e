"""A reader's life in a real browser: from the form to leaving, with and without JavaScript, on a desk and a phone."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from re import search
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from reading import KEYS, SECRET, Site, a_site, received
from stored import frozen_edition

from digest.deliver import Sender
from digest.letters import make_builder, make_writer
from digest.store import open_store

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.asyncio(loop_scope="module"),
]
ANN = "ann@example.org"


@dataclass
class Visit:
    """A browser window on a site."""

    site: Site
    page: Any
    axe: bool

    async def press(self, words: str) -> None:
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=words, exact=True).click()
        await self.check()

    async def follow(self, words: str) -> None:
        async with self.page.expect_navigation():
            await self.page.get_by_role("link", name=words, exact=True).first.click()
        await self.check()

    async def read_mail(self, number: int) -> None:
        """The newest mail as the inbox keeps it, links and all."""
        await self.site.mails(number)
        await self.page.goto(received(self.site.inbox)[-1].with_suffix(".html").as_uri())

    async def sees(self, words: str) -> bool:
        return words in await self.page.inner_text("body")

    async def check(self) -> None:
        """Nothing wider than the window; no violation of axe's rules, nor of those on contrast in the dark."""
        wide = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, self.page.url
        if not self.axe:
            return
        await self.page.evaluate(AXE_SCRIPT)
        for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            await self.page.emulate_media(color_scheme=scheme)
            run = "rules => axe.run({resultTypes: ['violations'], ...rules}).then(found => found.violations)"
            assert await self.page.evaluate(run, rules) == [], (self.page.url, scheme)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        await opened.close()


@asynccontextmanager
async def visiting(
    browser: Any, url: str, folder: Path, *, scripts: bool = True, axe: bool = True, width: int, **more: Any
) -> AsyncIterator[Visit]:
    with open_store(url) as store:
        async with a_site(store, folder) as site:
            context = await browser.new_context(
                java_script_enabled=scripts, viewport={"width": width, "height": 800}, locale="zh-CN", **more
            )
            page = await context.new_page()
            errors: list[str] = []

            def hear(message: Any) -> None:
                if message.type == "error" and "status of 422" not in message.text:
                    errors.append(message.text)

            page.on("console", hear)
            page.on("pageerror", lambda error: errors.append(str(error)))
            try:
                yield Visit(site, page, axe)
            finally:
                await context.close()
            assert errors == []


async def send_edition(site: Site, number: int, *, sent: int = 1) -> None:
    site.store.ledger.plan(number, now=site.clock())
    newsletter = site.door.newsletter
    build = make_builder(site.store.editions.get, site.door.renderer, newsletter, KEYS)
    write = make_writer(build, return_path=lambda _: newsletter.sender)
    async with site.a_transport() as transport:
        with site.store.owners.register() as owner:
            ledger = site.store.ledger
            sender = Sender(ledger, write, transport, owner=owner, edition=number, clock=site.clock)
            report = await sender.run()
    assert report.sent == sent


@pytest.mark.parametrize(
    ("store_url", "scripts", "axe", "width"),
    [
        ("sqlite", True, True, 1000),
        ("sqlite", False, False, 1000),
        ("postgresql", True, False, 320),
    ],
    ids=["desk", "no-javascript", "phone, on PostgreSQL"],
    indirect=["store_url"],
)
async def test_from_the_form_to_the_last_mail(
    browser: Any, store_url: str, tmp_path: Path, scripts: bool, axe: bool, width: int
) -> None:
    async with visiting(browser, store_url, tmp_path, scripts=scripts, axe=axe, width=width) as visit:
        page, site = visit.page, visit.site
        await page.goto(site.base + "/")
        await visit.check()
        await page.get_by_label("邮箱").fill(ANN)
        await page.get_by_label("Compute cost").or_(page.get_by_label("算力成本")).uncheck()
        await visit.press("订阅")
        assert await visit.sees("确认邮件已经发出")

        await visit.read_mail(1)
        await visit.follow("确认订阅")
        assert site.state(ANN) == "pending", "opening the link is not confirming"
        await visit.press("确认订阅")
        assert await visit.sees("订阅成功")
        assert await visit.sees("下一期：2026 年 3 月 3 日 08:00。")
        assert site.state(ANN) == "confirmed"

        await visit.follow("选择主题和时间")
        await page.get_by_label("语言").select_option("en")
        await page.get_by_label("时区").select_option("Europe/Paris")
        await page.get_by_label("送达时间").select_option("07:00")
        await visit.press("保存")
        assert await visit.sees("Saved; it counts from the next edition.")
        await page.get_by_label("Pause until").fill("2026-03-20")
        await visit.press("Pause")
        assert await visit.sees("Paused until March 20, 2026")
        await visit.press("Resume")
        one = site.store.subscribers.find(ANN)
        assert one
        assert (one.themes, one.language, one.timezone, one.send_hour) == (
            ("craft",),
            "en",
            "Europe/Paris",
            7,
        )

        await send_edition(site, frozen_edition(site.store))
        await visit.read_mail(2)
        assert await visit.sees("手艺要慢慢学")
        await visit.follow("View on the web")
        assert await visit.sees("手艺要慢慢学")
        await visit.read_mail(2)
        await visit.follow("Change themes, schedule or time")
        assert await visit.sees(ANN)
        await visit.read_mail(2)
        await visit.follow("Unsubscribe")
        assert site.state(ANN) == "confirmed"
        await page.get_by_label("Why are you leaving? (optional)").fill("moving on")
        await visit.press("Yes, unsubscribe")
        assert await visit.sees("Unsubscribed. You will get no further mail.")
        assert site.state(ANN) == "unsubscribed"
        await visit.follow("Subscribe again")


async def test_a_mail_program_leaves_with_one_click(sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url) as store:
        async with a_site(store, tmp_path) as site:
            await site.confirmed(ANN)
            await send_edition(site, frozen_edition(site.store))
            await site.mails(2)
            mail = message_from_bytes(received(site.inbox)[-1].read_bytes(), policy=policy.default)
            way = search(r"<(http[^>]+)>", mail["List-Unsubscribe"])
            assert way
            assert (await site.post(way[1], ("List-Unsubscribe", "One-Click")))[0] == 200
            assert site.state(ANN) == "unsubscribed"


async def test_every_other_page_is_fit_for_everybody(browser: Any, sqlite_url: str, tmp_path: Path) -> None:
    operator = {"username": "me", "password": SECRET}
    async with visiting(browser, sqlite_url, tmp_path, width=320, http_credentials=operator) as visit:
        page, site = visit.page, visit.site
        await page.goto(site.base + "/editions")
        await visit.check()
        number = frozen_edition(site.store, review=True)
        mine = await site.confirmed(ANN)
        for path in (
            "/subscribe?lang=en",
            "/subscribe/embed",
            "/editions?lang=en",
            "/operator",
            "/operator?lang=en",
            "/operator/editions/1",
        ):
            await page.goto(site.base + path)
            await visit.check()
        await page.goto(site.base + "/subscribe?lang=en")
        await page.get_by_label("Email address").fill(ANN)
        for box in await page.get_by_role("checkbox").all():
            await box.uncheck()
        await visit.press("Subscribe")
        assert await visit.sees("Choose at least one theme.")
        await page.goto(site.base + "/operator")
        await visit.press("暂停 daily")
        assert site.store.state.is_paused("daily")
        await visit.press("恢复 daily")
        assert not site.store.state.is_paused("daily")
        assert await visit.sees("等待放行")
        await send_edition(site, number, sent=0)
        await visit.press(f"放行第 {number} 期")
        await send_edition(site, number)
        await visit.read_mail(2)
        assert await visit.sees("手艺要慢慢学")
        await page.goto(f"{site.base}/editions/{number}")
        await visit.check()
        await page.goto(mine["preferences"] + "/erase")
        await visit.check()
        await visit.press("确认删除")
        assert site.state(ANN) == "unknown"
