"""The pages as machines, scanners and enemies use them; browsers are in test_reader_life."""

import asyncio
import http.client
import logging
import re
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
from babel.messages.pofile import read_po
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import SECRET, START, Site, a_site, links, path_of
from starlette.requests import Request
from stored import COST, DAY, NOW, add_readers, article, edition, frozen_edition, reader

from digest.language import catalogs
from digest.model import ConsentState, DeliveryState, Dropped, FeedConfig, Severity, Subscriber
from digest.render.wording import load_wording
from digest.store import Outcome, Store, open_store
from digest.store.schema import consent_events, deliveries, editions, subscribers, suppressions
from digest.tokens import Purpose
from digest.web import Limits
from digest.web.limits import Window, network
from digest.web.operator import Counted, OperatorPages, marked, tally

ROOT = Path(__file__).parents[1]
ONE_CLICK = ("List-Unsubscribe", "One-Click")
OPERATOR = {"Authorization": "Basic " + b64encode(f"me:{SECRET}".encode()).decode()}
ANN = "ann@example.org"
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "a\r\nBcc: victim@example.org",
    "=?utf-8?b?QmNj?=",
    "' OR 1=1; DROP TABLE subscribers;--",
    "../../../../etc/passwd",
    "%2e%2e%2f%00",
    "=cmd|'/c calc'!A1",
    "javascript:alert(1)",
    "ｅｖｉｌ\u202eexe",
    "\x00\x1b[2J\ud7ff\ufdd0",
    "x" * 12_000,
    "9" * 400,
    "-1",
    "",
]


@asynccontextmanager
async def site_over(url: str, folder: Path, **more: object) -> AsyncIterator[Site]:
    with open_store(url) as store:
        async with a_site(store, folder, **more) as site:  # type: ignore[arg-type]
            yield site


@pytest.fixture
async def site(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with site_over(sqlite_url, tmp_path) as found:
        yield found


def words_of(page: str) -> str:
    return re.sub(r"<[^>]*>", "", page)


def everything(store: Store) -> list[object]:
    with store.database.read() as connection:
        tables = (subscribers, consent_events, suppressions)
        return [tuple(row) for table in tables for row in connection.execute(sa.select(table))]


async def test_a_reader_comes_chooses_and_goes(site: Site) -> None:
    mine = await site.confirmed(ANN)
    status, page = await site.get(mine["preferences"])
    assert status == 200
    assert ANN in page
    choices = [
        ("theme", "cost"),
        ("schedule", "weekly"),
        ("language", "en"),
        ("timezone", "Europe/Paris"),
        ("hour", "7"),
    ]
    status, page = await site.post(mine["preferences"], *choices)
    assert "Saved; it counts from the next edition." in page
    one = site.store.subscribers.find(ANN)
    assert one
    assert (one.themes, one.schedules, one.language, one.timezone, one.send_hour) == (
        ("cost",), ("weekly",), "en", "Europe/Paris", 7,
    )  # fmt: skip
    status, page = await site.post(mine["preferences"], ("do", "pause"), ("until", "2026-03-20"))
    assert "Paused until March 20, 2026" in page
    assert site.state(ANN) == "paused"
    await site.post(mine["preferences"], ("do", "resume"))
    assert site.state(ANN) == "confirmed"
    status, page = await site.get(mine["unsubscribe"])
    assert "Stop receiving 晨读?" in page
    status, page = await site.post(mine["unsubscribe"], ("reason", "enough <b>now</b>"))
    assert "Unsubscribed. You will get no further mail." in page
    assert site.state(ANN) == "unsubscribed"
    assert "enough <b>now</b>" in site.store.subscribers.events(one.id)[-1].reason


async def test_coming_back_to_a_page_or_loading_it_again_sends_no_form(site: Site) -> None:
    """A browser that went back to what a form had answered would ask whether to send it once more."""
    mine = await site.confirmed(ANN)
    assert site.redirected
    _, page = await site.get(mine["confirm"])
    assert ("订阅成功" in page, "<button" in page) == (True, False)
    _, page = await site.post(mine["preferences"], ("do", "pause"), ("until", "2026-03-20"))
    assert (site.redirected, "已保存" in page) == (True, True)
    assert "已保存" not in (await site.get(mine["preferences"]))[1]
    _, page = await site.post(mine["preferences"], ("do", "pause"), ("until", "never"))
    assert (site.redirected, "明天到一年" in page) == (False, True)


async def test_a_reader_sees_and_erases_what_is_kept(site: Site) -> None:
    mine = await site.confirmed(ANN)
    _, data = await site.get(mine["preferences"] + "/data")
    assert ANN in data
    assert "asked to confirm" in data
    assert "attachment" in site.headers["content-disposition"]
    assert (await site.get(mine["preferences"] + "/erase"))[0] == 200
    assert site.state(ANN) == "confirmed"
    assert (await site.post(mine["preferences"] + "/erase"))[0] == 200
    assert site.state(ANN) == "unknown"
    for link in mine.values():
        assert (await site.get(link))[0] in {200, 404}
        assert (await site.post(link))[0] in {200, 404}
    assert site.state(ANN) == "unknown"


WRONG_CHOICES = [
    ([("do", "pause"), ("until", "2026-03-02")], "明天到一年"),
    ([("do", "pause"), ("until", "2029-01-01")], "明天到一年"),
    ([("do", "pause"), ("until", "soon")], "明天到一年"),
    ([("do", "save")], "从列表里选择"),
    ([("theme", "nope"), ("language", "en"), ("timezone", "UTC"), ("hour", "")], "从列表里选择"),
    ([("theme", "cost"), ("language", "xx"), ("timezone", "UTC"), ("hour", "")], "从列表里选择"),
    ([("theme", "cost"), ("language", "en"), ("timezone", "Mars/Base"), ("hour", "")], "从列表里选择"),
    ([("theme", "cost"), ("language", "en"), ("timezone", "UTC"), ("hour", "25")], "从列表里选择"),
    ([("theme", "cost"), ("language", "en"), ("timezone", "UTC"), ("hour", "")], "从列表里选择"),
    ([("language", "en"), ("timezone", "UTC"), ("hour", "")], "至少选一个主题"),
]


async def test_wrong_choices_are_said_and_change_nothing(site: Site) -> None:
    mine = await site.confirmed(ANN)
    before = site.store.subscribers.find(ANN)
    for wrong, said in WRONG_CHOICES:
        status, page = await site.post(mine["preferences"], *wrong)
        assert (status, said in words_of(page)) == (422, True), wrong
    assert site.store.subscribers.find(ANN) == before


async def test_the_form_says_the_same_for_every_address(site: Site) -> None:
    addresses = {ConsentState.PENDING: "p@example.org"}
    for state in set(ConsentState) - {ConsentState.ERASED, ConsentState.PENDING}:
        addresses[state] = f"{state}@example.org"
        one = site.store.subscribers.add(reader(str(state), state=state), actor="test", now=START)
        if state is not ConsentState.CONFIRMED:
            hashed = site.signup.hash_address(one.address)
            site.store.subscribers.suppress({hashed: str(state)}, now=START)
    answers = {await site.subscribe(address) for address in (*addresses.values(), "new@example.org")}
    assert len(answers) == 1
    assert {status for status, _ in answers} == {200}
    await site.mails(4)  # pending, new, unsubscribed, bounced: nobody else


WRONG_FORMS = [
    ([("address", "no address"), ("theme", "craft")], "邮箱地址好像不对"),
    ([("address", "ann@[10.0.0.1]"), ("theme", "craft")], "邮箱地址好像不对"),
    ([("address", "a@x.org,b@x.org"), ("theme", "craft")], "邮箱地址好像不对"),
    ([("address", "root@localhost"), ("theme", "craft")], "邮箱地址好像不对"),
    ([("address", ANN)], "至少选一个主题"),
    ([("address", ANN), ("theme", "nope")], "从列表里选择"),
    ([("theme", "craft")], "邮箱地址好像不对"),
]


async def test_a_form_filled_in_wrongly_comes_back_with_what_is_wrong(site: Site) -> None:
    for fields, said in WRONG_FORMS:
        status, page = await site.post("/subscribe", *fields)
        assert (status, said in words_of(page)) == (422, True), fields
    assert everything(site.store) == []


async def test_who_fills_in_the_hidden_field_is_told_the_same_and_forgotten(site: Site) -> None:
    human = await site.subscribe("human@example.org")
    robot = await site.subscribe("robot@example.org", ("theme", "craft"), ("website", "http://spam.example"))
    assert robot == human
    await site.mails(1)
    assert site.state("robot@example.org") == "unknown"


async def test_a_flood_of_one_address_is_one_mail_an_hour(sqlite_url: str, tmp_path: Path) -> None:
    async with site_over(sqlite_url, tmp_path, limits=Limits(per_network=10_000, in_all=10_000)) as site:
        for hour in range(3):
            answers = await asyncio.gather(*(site.subscribe(ANN) for _ in range(60)))
            assert {status for status, _ in answers} == {200}
            await site.mails(hour + 1)
            site.clock.pass_by(hours=1)
        await site.subscribe(ANN)
        await site.mails(3)


async def test_wishes_a_crash_left_are_answered_after_the_next_start(sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url) as store:
        store.wishes.keep([reader("ann", state=ConsentState.PENDING, language="en")])
        async with a_site(store, tmp_path) as site:
            [mail] = await site.mails(1)
            assert "Confirm your subscription" in mail
        async with a_site(store, tmp_path / "again") as site:
            await site.mails(0)


async def test_a_network_and_all_together_have_their_limits(sqlite_url: str, tmp_path: Path) -> None:
    async with site_over(sqlite_url, tmp_path, limits=Limits(per_network=5, in_all=1000)) as site:
        answers = [(await site.subscribe(f"a{n}@example.org"))[0] for n in range(8)]
        assert answers == [200] * 5 + [429] * 3
        assert int(site.headers["retry-after"]) >= 60
        forged = {"X-Forwarded-For": "203.0.113.9"}
        fields = {"address": "b@example.org", "theme": "craft"}
        assert (await site.post("/subscribe", data=fields, headers=forged))[0] == 429
    async with site_over(sqlite_url, tmp_path / "b", limits=Limits(per_network=1000, in_all=5)) as site:
        assert [(await site.subscribe(f"c{n}@example.org"))[0] for n in range(6)] == [200] * 5 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {
            "data": "List-Unsubscribe=One-Click",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        {
            "data": '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
        {"data": b""},
        {"data": b"\xff\xfe", "headers": {"Content-Type": "nonsense"}},
    ],
)
async def test_one_click_acts_at_once_and_again(site: Site, body: dict[str, object]) -> None:
    mine = await site.confirmed(ANN)
    for _ in range(2):
        status, said = await site.post(mine["unsubscribe"], **body)
        assert (status, said) == (200, "Unsubscribed.\n")
        assert "set-cookie" not in site.headers
        assert not site.redirected
        assert site.state(ANN) == "unsubscribed"
    assert len([e for e in everything(site.store) if "unsubscribed" in e]) == 3  # reader, event, suppression


async def test_a_burst_of_one_clicks_is_all_kept(site: Site) -> None:
    add_readers(site.store, 120)
    found = site.store.subscribers.list(limit=200)
    made = [site.signup.link(Purpose.UNSUBSCRIBE, one) for one in found]
    answers = await asyncio.gather(*(site.post(link, ONE_CLICK) for link in made))
    assert {status for status, _ in answers} == {200}
    assert site.store.subscribers.counts() == {ConsentState.UNSUBSCRIBED: 120}


async def test_who_finds_no_room_is_told_to_come_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = await site.confirmed(ANN)
    monkeypatch.setattr("digest.web.desk.ROOM", 0)
    for status, _ in (await site.post(mine["unsubscribe"], ONE_CLICK), await site.subscribe("b@example.org")):
        assert (status, site.headers["retry-after"]) == (503, "60")
    assert site.state(ANN) == "confirmed"


async def test_link_scanners_change_nothing(site: Site) -> None:
    """Every address of a mail and of the pages it leads to, by GET and HEAD, twice, hours apart."""
    frozen_edition(site.store)
    mine = await site.confirmed(ANN)
    await site.subscribe("new@example.org")
    mails = await site.mails(2)
    before = everything(site.store)
    todo = [link for mail in mails for link in links(mail)] + list(mine.values()) + ["/"]
    seen: set[str] = set()
    for _ in range(2):
        seen.clear()
        queue = list(todo)
        while queue:
            link = queue.pop()
            if link in seen or not site.at(link).startswith(site.base):
                continue
            seen.add(link)
            status, page = await site.get(link)
            assert status < 500, link
            queue += links(page)
            queue += [found.partition('"')[0] for found in page.split('href="')[1:] if found.startswith("/")]
            async with site.visitor.head(site.at(link), allow_redirects=False) as answer:
                assert answer.status == status, link
        site.clock.pass_by(hours=5)
    assert len(seen) > 12
    assert everything(site.store) == before


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_every_page_carries_its_headers(site: Site, lang: str) -> None:
    public, personal = ("/", "/subscribe", "/editions", "/nowhere"), ("confirm", "preferences", "unsubscribe")
    for path in (*public, *(f"/{one}/x" for one in personal), "/operator", "/metrics"):
        _, page = await site.get(f"{path}?lang={lang}")
        policy = site.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "frame-ancestors 'none'" in policy
        assert site.headers["referrer-policy"] == "no-referrer"
        assert site.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in site.headers
        assert (site.headers["cache-control"] == "no-store") == (path not in public)
        assert "<script" not in page


async def test_only_the_form_may_stand_in_other_pages(site: Site) -> None:
    status, page = await site.get("/subscribe/embed?lang=en")
    assert (status, "frame-ancestors *" in site.headers["content-security-policy"]) == (200, True)
    assert 'action="/subscribe/embed"' in page
    status, page = await site.post("/subscribe/embed", ("address", ANN), ("theme", "craft"), ("lang", "en"))
    assert "frame-ancestors *" in site.headers["content-security-policy"]
    assert "a confirmation mail is on its way" in page
    await site.mails(1)


async def test_logs_hold_no_token_and_no_forged_line(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "digest.web"):
        mine = await site.confirmed(ANN)
        for link in mine.values():
            await site.get(link)
            await site.post(link + "%0aroot%20logged%20in")
            await site.get(link + "/data")
            await site.get(path_of(link).replace("/", "//").upper())
        await site.get("/%0d%0aINFO%20forged")
    lines = [record.getMessage() for record in caplog.records]
    assert any("/confirm/***" in line for line in lines)
    for line in lines:
        assert line.isprintable()
        assert "INFO forged" not in line
        assert not any(link.rpartition("/")[2][-10:].upper() in line.upper() for link in mine.values())
        assert ANN not in line


async def test_payloads_through_every_field_and_token(sqlite_url: str, tmp_path: Path) -> None:
    """Nothing executes, nothing breaks, nothing is stored that should not be."""
    async with site_over(sqlite_url, tmp_path, limits=Limits(per_network=10_000, in_all=10_000)) as site:
        add_readers(site.store, len(PAYLOADS))
        site.store.subscribers.add(reader("new"), actor="test", now=START)
        readers = site.store.subscribers.list()
        await asyncio.gather(*(send_everywhere(site, *one) for one in zip(PAYLOADS, readers, strict=False)))


async def send_everywhere(site: Site, payload: str, one: Subscriber) -> None:
    preferences, unsubscribe = (
        site.signup.link(purpose, one) for purpose in (Purpose.PREFERENCES, Purpose.UNSUBSCRIBE)
    )
    safe = quote(payload.encode("utf-8", "replace")[:3000], safe="")
    answers = []
    for name in ("address", "theme", "schedule", "lang", "website"):
        fields = {"address": "new@example.org", "theme": "craft", name: payload}
        answers.append(await site.post("/subscribe", data=fields))
    for name in ("do", "theme", "language", "timezone", "hour", "until"):
        fields = {"theme": "craft", "language": "en", "timezone": "UTC", "hour": "", name: payload}
        answers.append(await site.post(preferences, data=fields))
    for page in ("confirm", "preferences", "unsubscribe", "editions", ""):
        answers.append(await site.get(f"/{page}/{safe}"))
        answers.append(await site.post(f"/{page}/{safe}"))
    answers.append(await site.get(f"/editions?theme={safe}&page={safe}&lang={safe}"))
    header = "".join(c for c in payload if " " <= c <= "~")[:4000]
    answers.append(await site.get("/subscribe", headers={"Accept-Language": header}))
    answers.append(await site.post(unsubscribe, data={"reason": payload}))
    for status, page in answers:
        assert status < 500
        assert "<script>alert" not in page
        assert "onerror=alert(1)>" not in page
        assert "4949" not in page
        assert 'href="javascript:' not in page
    known = {one.address for one in site.store.subscribers.list()}
    assert {one for one in known if not one.startswith("reader")} <= {"new@example.org"}
    after = site.store.subscribers.get(one.id)
    assert (after.state, after.name) == ("unsubscribed", one.name)
    assert after.language in {"zh-CN", "en"}
    assert len(site.store.subscribers.events(one.id)[-1].reason) <= 520


async def test_a_body_too_large_or_with_too_many_fields_is_refused(site: Site) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await site.post("/subscribe", data=b"a" * 20_000, headers=form))[0] == 413
    assert (await site.post("/subscribe", data=b"a=1&" * 500, headers=form))[0] == 400


async def test_a_database_in_trouble_is_told_calmly(site: Site) -> None:
    mine = await site.confirmed(ANN)
    site.store.database.change(sa.text("ALTER TABLE subscribers RENAME TO away"))
    for link in (mine["preferences"], mine["confirm"]):
        status, page = await site.get(link)
        assert (status, "请稍后再试" in page, "Traceback" in page) == (503, True, False)
    assert (await site.post(mine["unsubscribe"], ONE_CLICK))[0] == 503
    assert (await site.subscribe("bob@example.org"))[0] == 200
    site.store.database.change(sa.text("ALTER TABLE away RENAME TO subscribers"))
    assert (await site.post(mine["unsubscribe"], ONE_CLICK))[0] == 200


async def test_the_archive_shows_what_was_sent_to_readers_by_theme_and_in_pages(site: Site) -> None:
    status, page = await site.get("/editions?lang=en")
    assert "No edition yet. The first comes March 3, 2026" in page
    one = article()
    site.store.articles.save(one, sketch=(), now=NOW)
    for day in range(22):
        made = edition(one, slot=NOW + day * DAY)
        if day == 5:
            section = replace(made.sections[0], theme=COST)
            made = replace(made, sections=(section,))
        site.store.editions.freeze(made, now=NOW, to_readers=True)
    by_hand = site.store.editions.freeze(edition(one, schedule="now"), now=NOW).number
    held = site.store.editions.freeze(edition(one, slot=NOW - DAY), now=NOW, review=True).number
    _, first = await site.get("/editions?lang=en")
    _, second = await site.get("/editions?lang=en&page=2")
    assert (first.count("<li>"), second.count("<li>")) == (20, 2)
    assert f"/editions/{by_hand}" not in first + second
    assert f"/editions/{held}" not in first + second
    _, about_cost = await site.get("/editions?theme=cost")
    assert about_cost.count("<li>") == 1
    assert (await site.get("/editions/6"))[0] == 200
    assert (await site.get(f"/editions/{by_hand}"))[0] == 200, "a link in a mail made by hand"
    for gone in (f"/editions/{held}", "/editions/999", "/editions/99999999999999999999", "/editions?theme=x"):
        assert (await site.get(gone))[0] == 404, gone
    status, feed = await site.get("/atom.xml")
    root = ET.fromstring(feed)
    entries = root.findall("{http://www.w3.org/2005/Atom}entry")
    assert (status, len(entries)) == (200, 20)


async def test_pages_speak_the_visitors_language(site: Site) -> None:
    for header, expected in (
        ("en-GB,en;q=0.9", "en"),
        ("fr,zh;q=0.4,en;q=0.2", "zh-CN"),
        ("", "zh-CN"),
        (";;q=x,", "zh-CN"),
    ):
        _, page = await site.get("/subscribe", headers={"Accept-Language": header})
        assert f'<html lang="{expected}">' in page
    _, page = await site.get("/subscribe?lang=en", headers={"Accept-Language": "zh"})
    assert '<html lang="en">' in page


async def test_machines_find_their_way(site: Site) -> None:
    assert await site.get("/healthz") == (200, "ok\n")
    _, robots = await site.get("/robots.txt")
    assert "Disallow: /unsubscribe" in robots
    for path in ("/editions/", "//example.org/", "/subscribe/"):
        status, _ = await site.get(path)
        assert (status, "location" in site.headers) == (404, False), path
    assert (await site.post("/editions"))[0] == 405


async def test_pages_below_a_path_work_with_proxies_that_keep_it_and_that_do_not(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with site_over(sqlite_url, tmp_path, base_path="/digest") as site:
        mine = await site.confirmed(ANN)
        assert path_of(mine["confirm"]).startswith("/digest/confirm/")
        for link in (mine["preferences"], mine["preferences"].replace("/digest/", "/")):
            status, page = await site.get(link)
            assert status == 200
            assert f'action="{path_of(mine["preferences"])}"' in page
        status, page = await site.get(mine["unsubscribe"])
        assert f'action="{path_of(mine["unsubscribe"])}"' in page


def ill(store: Store) -> None:
    """An edition of which one delivery failed and two wait, and a feed that is gone."""
    frozen_edition(store)
    add_readers(store, 3)
    store.ledger.plan(1, now=START)
    tally(store, now=START - DAY)
    with store.owners.register() as owner:
        [claim] = store.ledger.claim(owner, limit=1, lease_s=60, now=START)
        late = Outcome(claim, DeliveryState.FAILED, code=450, text="expired: 4.7.1 <i>greylisted</i>")
        store.ledger.settle([late], now=START)
    feed = store.feeds.add(FeedConfig(id="old", url="https://old.example/feed"), origin="command", now=START)
    gone = "its server says it is gone for good (410)"
    store.feeds.save([replace(feed, polled_at=START, gone_at=START, error=gone)])


OPERATORS_PAGE = {
    "en": "Next runs|2026-03-03 08:00|queued 2|450 expired: 4.7.1 &lt;i&gt;greylisted|<svg|Pause daily|confirmed 3"
    "|it will not come back: digest feeds remove old|Confirmed readers by day",
    "zh-CN": "下次出刊|2026-03-03 08:00|排队 2|450 已过期：4.7.1 &lt;i&gt;greylisted|<svg|暂停 daily|每日已确认读者"
    "|服务器说它已永久关闭（410）|不会再恢复：digest feeds remove old",
}
WHY = {
    "en": "freshness|rotation debt|score 1.50|Terms of item 1|相关文章 · 热门|freshness 0.40|theme|nothing new|lead|0–8"
    '|<td>3</td><td><span lang="en">below the body: teaser</span></td>',
    "zh-CN": "新鲜度|轮换欠账|得分 1.50|第 1 条的命中词|第 1 条的网页里去掉的内容|天前的|师承|没有新内容|导语|慎读 机器改写"
    '|新鲜度 0.40 + 轮换欠账 1.00 + 读者需求 0.10 = 1.50|<span lang="zh-CN">正文之后：teaser</span>',
}


async def check_shown(site: Site, path: str, told: dict[str, str]) -> None:
    for language, expected in told.items():
        status, page = await site.get(f"{path}?lang={language}", headers=OPERATOR)
        assert (status, [words for words in expected.split("|") if words not in page]) == (200, [])


async def test_the_operators_page_is_the_operators(sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url) as store:
        ill(store)
        async with a_site(store, tmp_path) as site:
            assert (await site.get("/operator"))[0] == 401
            assert "Basic" in site.headers["www-authenticate"]
            await check_shown(site, "/operator", OPERATORS_PAGE)
            assert (await site.get("/operator", headers={"Authorization": f"Bearer {SECRET}"}))[0] == 200
            wrong = {"Authorization": "Basic " + b64encode(b"me:guess").decode()}
            guesses = [(await site.get("/metrics", headers=wrong))[0] for _ in range(12)]
            assert guesses == [401] * 10 + [429] * 2
            assert (await site.get("/operator", headers={"Authorization": "Basic %%%"}))[0] == 429


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("nothing new for 40 days; 12 hours was its longest pause", "40 天没有新内容，以前最长间隔 12 小时"),
        (
            "look for its new address, or take it out of config.toml",
            "找它的新地址，或者从 config.toml 里删掉它",
        ),
        ("bounce, delivery 7: 5.1.1 no such user", "退信，投递 7：5.1.1 no such user"),
        ("550 mailbox is full {0} %s", "550 mailbox is full {0} %s"),
        (
            "its turn comes later: fresh 0.10 + debt 0.50 = 0.60 against 1.00 of the last one taken",
            "还没轮到：新鲜度 0.10 + 轮换欠账 0.50 = 0.60，而最后选上的是 1.00",
        ),
        (
            "caution spun: reads as rewritten by a machine: 在 is written 正在 9 of 10 times; "
            "2 odd words stand for usual ones (大模型 → 大模子, 利用 → 诈骗)",
            "慎读 机器改写：读来像机器改写：10 处“在”有 9 处写成“正在”；"
            "2 个常用词被换成了生僻的词（大模型 → 大模子, 利用 → 诈骗）",
        ),
        (
            "quarantine loan: the text itself promotes (channel: 加微信; loan: 秒批, 放款)",
            "隔离 贷款：正文本身在推销（联系方式：加微信；贷款：秒批, 放款）",
        ),
        ("above the body: list of links", "正文之前：链接列表"),
        (
            "address refused: 10.1.2.3 is private",
            "地址被拒绝：10.1.2.3 属于不可访问的网段（内网）",
        ),
        (
            "craft: after '窑火'; scores 1.20 (0 sent before) to 2.50 (3 sent before)",
            "craft：排在 '窑火' 之后，得分 1.20（已发过 0 段），对方 2.50（已发过 3 段）",
        ),
        (
            "the number '41' does not stand in the source; the article's own words are used",
            "原文里没有数字 '41'；改用原文",
        ),
        ("550 full; see x: a = b + c", "550 full; see x: a = b + c"),
        ("craft: no unused passage can stand alone", "craft：没有未用过又能单独成立的段落"),
        ("80 characters of its share are left, 120 are needed", "可引用的份额还剩 80 字，至少要 120 字"),
        ("", ""),
    ],
)
def test_what_was_recorded_is_told_in_the_pages_language(recorded: str, shown: str) -> None:
    assert load_wording("zh-CN").told(recorded) == shown
    assert load_wording("en").told(recorded) == recorded


def test_every_wording_that_is_told_is_one_that_is_recorded() -> None:
    files = [path for path in ROOT.joinpath("digest").rglob("*.*") if path.suffix in (".py", ".toml")]
    source = "".join(path.read_text("utf-8") for path in files)
    with catalogs()["zh-CN"].open("rb") as file:
        ours = [str(one.id) for one in read_po(file) if one.context == "recorded"]
    pieces = {one: re.split(r" ?\(?{\w+}\)?", one) for one in ours}
    assert [one for one, parts in pieces.items() if any(part not in source for part in parts)] == []


async def test_the_operator_sees_why_an_edition_holds_what_it_holds(site: Site) -> None:
    dropped = (Dropped(reason="below the body: teaser", blocks=3, openings=("相关文章", "热门")),)
    one = replace(article(severity=Severity.CAUTION), dropped=dropped)
    site.store.articles.save(one, sketch=(), now=NOW)
    made = edition(one)
    [item] = made.items()
    items = (replace(item, reason=replace(item.reason, fresh=0.4)),)
    section = replace(made.sections[0], items=items, why="fresh 0.40 + debt 1.00 + demand 0.10 = 1.50")
    number = site.store.editions.freeze(replace(made, sections=(section,)), now=NOW).number
    where = f"/operator/editions/{number}"
    assert (await site.get(where))[0] == 401
    await check_shown(site, where, WHY)
    for missing in ("/operator/editions/999", "/operator/editions/99999999999999999999"):
        assert (await site.get(missing, headers=OPERATOR))[0] == 404


def test_terms_are_marked_in_passages_and_nothing_else_is_markup() -> None:
    assert marked("GPU 和 gpu<b>", ["gpu"]) == "<mark>GPU</mark> 和 <mark>gpu</mark>&lt;b&gt;"
    assert marked("大模型的模型", ["模型", "大模型"]) == "<mark>大模型</mark>的<mark>模型</mark>"
    assert marked("a < b", []) == "a &lt; b"


def work(store: Store, ask: Callable[[], object]) -> int:
    """What the database does for *ask*, on a busy machine as on a quiet one: SQLite's steps, PostgreSQL's rows."""
    asked: list[tuple[str, object]] = []
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    def note(connection: sa.Connection, _: object, sql: str, parameters: object, *__: object) -> None:
        if store.database.is_sqlite:
            connection.connection.dbapi_connection.set_progress_handler(step, 1)  # type: ignore[union-attr]
        elif sql.startswith("SELECT"):
            asked.append((sql, parameters))

    sa.event.listen(store.database.engine, "before_cursor_execute", note)
    ask()
    sa.event.remove(store.database.engine, "before_cursor_execute", note)
    with store.database.read() as connection:
        for sql, parameters in asked:
            found = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters
            ).scalar_one()  # type: ignore[arg-type]
            steps += sum(map(int, re.findall(r"'(?:Actual Rows|Rows Removed by Filter)': (\d+)", str(found))))
    return steps


async def test_lists_and_the_operators_page_read_no_more_of_many_readers(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.subscribers.LOOKED_BACK", 50)

    def send(readers: int) -> None:
        add_readers(store, readers)
        store.ledger.plan(number, now=NOW)
        with store.database.write() as connection:
            connection.execute(sa.update(deliveries).values(state="sent"))
            connection.execute(sa.update(editions).values(planned_at=None))
            if not store.database.is_sqlite:
                connection.exec_driver_sql("ANALYZE")
        counted.recount(now=NOW)

    async with a_site(store, tmp_path) as site:
        number, counted = frozen_edition(store), Counted(store)
        request = Request({"type": "http", "headers": [], "query_string": b""})
        operator = OperatorPages(site.door, counted)
        asked = {"list": store.subscribers.list, "page": lambda: operator.page(request, {})}
        send(60)
        few = {name: work(store, ask) for name, ask in asked.items()}
        send(2000)
        for name, ask in asked.items():
            assert work(store, ask) <= 1.2 * few[name], name


async def test_a_proxy_of_ours_is_believed_and_no_other(sqlite_url: str, tmp_path: Path) -> None:
    told = {"Remote-User": "me", "X-Forwarded-For": "203.0.113.9"}
    async with site_over(sqlite_url, tmp_path, limits=Limits(per_network=1, in_all=9)) as site:
        assert (await site.get("/operator", headers=told))[0] == 401
    async with site_over(
        sqlite_url, tmp_path / "b", limits=Limits(per_network=1, in_all=9), proxies="127.0.0.0/8"
    ) as site:
        assert (await site.get("/operator"))[0] == 401
        assert (await site.get("/operator", headers=told))[0] == 200
        answers = []
        for visitor in ("203.0.113.9", "203.0.113.10", "198.51.100.1", "1.1.1.1, 198.51.100.2, 127.0.0.2"):
            fields = {"address": f"v{len(answers)}@example.org", "theme": "craft"}
            answer = await site.post("/subscribe", data=fields, headers={"X-Forwarded-For": visitor})
            answers.append(answer[0])
        assert answers == [200, 429, 200, 429], "what a visitor put before is not believed"


async def test_the_operator_pauses_a_schedule_and_approves_an_edition(site: Site) -> None:
    one = article()
    site.store.articles.save(one, sketch=(), now=NOW)
    held = site.store.editions.freeze(edition(one), now=NOW, to_readers=True, review=True).number
    _, page = await site.get("/operator", headers=OPERATOR)
    token = page.partition('name="token" value="')[2].partition('"')[0]
    for fields, wrong in (
        ({"do": "approve", "id": str(held), "token": "guess"}, {}),
        ({"do": "approve", "id": str(held), "token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert (await site.post("/operator", data=fields, headers={**OPERATOR, **wrong}))[0] == 403
    assert (await site.post("/operator", data={"do": "approve", "id": str(held), "token": token}))[0] == 401
    for fields in ({"do": "pause", "id": "nope"}, {"do": "erase", "id": "1"}, {}):
        assert (await site.post("/operator", data={**fields, "token": token}, headers=OPERATOR))[0] == 400
    assert site.store.editions.status(held) == "review"
    await site.post("/operator", data={"do": "approve", "id": str(held), "token": token}, headers=OPERATOR)
    assert site.store.editions.status(held) == "ready"
    for do in ("pause", "resume"):
        await site.post("/operator", data={"do": do, "id": "daily", "token": token}, headers=OPERATOR)
        assert site.store.state.is_paused("daily") is (do == "pause")


async def test_metrics_are_prometheus_text(site: Site) -> None:
    await site.confirmed(ANN)
    _, text = await site.get("/metrics", headers=OPERATOR)
    assert 'digest_readers{state="confirmed"} 1\n' in text
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples['digest_events_total{event="confirmation sent"}'] == "1"
    assert samples['digest_http_requests_total{page="confirm",method="POST",status="303"}'] == "1"
    assert all(float(value) >= 0 for value in samples.values())
    assert all(f"# TYPE {sample.partition('{')[0]} " in text for sample in samples)


def test_a_window_lets_so_many_through_and_forgets() -> None:
    now = [0.0]
    window = Window(2, 60, keys=3, clock=lambda: now[0])
    for _ in range(2):
        assert window.wait_s("a") == 0
        window.count("a")
    now[0] = 10
    assert window.wait_s("a") == 50
    now[0] = 60
    assert window.wait_s("a") == 0
    for key in "abcd":
        window.count(key)
    assert window.wait_s("a") == 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("unix:", "unknown"),
    ],
)
def test_networks(address: str, expected: str) -> None:
    assert network(address) == expected


@contextmanager
def served(url: str, folder: Path) -> Iterator[Site]:
    """A site in a thread of its own, for tests that are not asynchronous."""
    ready, done, found = threading.Event(), threading.Event(), []

    async def serve() -> None:
        async with site_over(url, folder, limits=Limits(per_network=10**6, in_all=10**6)) as site:
            found.append(site)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        done.set()
        thread.join()


def inside(site: Site) -> list[str]:
    """Pages behind a token or a password, and those with something to show."""
    number = frozen_edition(site.store)
    one = site.store.subscribers.add(reader("ann"), actor="test", now=NOW)
    found = [path_of(site.signup.link(purpose, one)) for purpose in Purpose]
    found += [f"{link}/{more}" for link in found if "/preferences/" in link for more in ("data", "erase")]
    return [
        *found,
        "/operator",
        f"/operator/editions/{number}",
        "/metrics",
        f"/editions/{number}",
        "/subscribe",
    ]


def test_no_request_whatever_is_an_error_of_ours(sqlite_url: str, tmp_path: Path) -> None:
    pages = ["", "subscribe", "confirm", "preferences", "unsubscribe", "editions", "atom.xml", "operator", "metrics",
             "healthz"]  # fmt: skip
    part = st.text(st.characters(codec="utf-8", exclude_characters="/"), max_size=30) | st.sampled_from(
        ["data", "erase", "embed", "a.1.1.0.x", "1", "0", "-1", "a..", "%00"]
    )
    path = st.builds(
        lambda page, rest: "/" + "/".join([page, *rest]), st.sampled_from(pages), st.lists(part, max_size=3)
    )
    query = st.dictionaries(st.sampled_from(["page", "theme", "lang", "x"]), st.text(max_size=20), max_size=3)
    headers = st.dictionaries(
        st.sampled_from(
            ["Accept-Language", "Authorization", "X-Forwarded-For", "Content-Type", "Sec-Fetch-Site", "Host"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip),
        max_size=4,
    )
    method = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "X"])

    with served(sqlite_url, tmp_path) as site:
        line = http.client.HTTPConnection(urlsplit(site.base).netloc, timeout=20)

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(method, path, query, headers, st.binary(max_size=300))
        def ask(method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> None:
            asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
            line.request(
                method,
                f"{quote(path)}?{asked}",
                body,
                {"Content-Type": "application/x-www-form-urlencoded", **headers},
            )
            answer = line.getresponse()
            page = answer.read()
            assert answer.status < 500, page

        ask()
        assert everything(site.store) == []

        fields = st.dictionaries(
            st.sampled_from(["do", "id", "token", "lang", "theme", "schedule", "language", "timezone", "hour",
                             "until", "reason", "List-Unsubscribe", "address", "website"]),
            st.text(max_size=40) | st.sampled_from(["pause", "resume", "approve", "save", "craft", "daily", "1", "en", "UTC"]),
            max_size=8,
        )  # fmt: skip

        @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.sampled_from(["GET", "HEAD", "POST"]), st.sampled_from(inside(site)), query, fields)
        def ask_with_keys(method: str, link: str, query: dict[str, str], fields: dict[str, str]) -> None:
            form = {"Content-Type": "application/x-www-form-urlencoded", **OPERATOR}
            line.request(method, f"{link}?{urlencode(query)}", urlencode(fields), form)
            answer = line.getresponse()
            page = answer.read()
            assert answer.status < 500, page

        ask_with_keys()
        line.close()
