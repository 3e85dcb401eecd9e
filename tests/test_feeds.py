"""Polling feeds of every manner, from the socket to the store."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from editions import LOCAL
from feed_server import (
    MANNERS,
    NOW,
    ODD_ETAG,
    WORDS,
    FeedServer,
    Manner,
    Names,
    Request,
    http,
    item,
    rss,
    serve,
    to,
    words,
)  # fmt: skip

from digest.errors import FetchError, ParseError
from digest.feeds import Polled, Reader
from digest.fetch import Fetcher
from digest.harvest import PRELOAD
from digest.model import Feed, FeedConfig, FeedSettings, Schedule, Term, Theme
from digest.polling import FeedHealth, health
from digest.publish import Paper, publish
from digest.store import Store, open_store
from digest.subscriptions import add, discover
from digest.workers import Workers

SETTINGS = FeedSettings(contact="ops@paper.test", deadline_s=2.0, silence_s=1.0, max_bytes=2**20)
PATIENT = replace(SETTINGS, deadline_s=6.0, silence_s=3.0)
"""For a hundred feeds at once: on a busy machine the good ones take their time, too."""


@dataclass(slots=True)
class World:
    """All manners polled once, at the same time."""

    polled: dict[str, Polled]
    server: FeedServer
    store: Store
    took_s: float


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('feeds')}/digest.db") as store:
        store.migrate()
        yield asyncio.run(_poll_all(store))
    gc.collect()


async def _poll_all(store: Store) -> World:
    names = Names({"no-such-name.test": ["nowhere"]})
    async with (
        serve(*MANNERS) as server,
        Fetcher(PATIENT, resolver=names, clock=lambda: NOW) as fetcher,
        Workers(size=2, wall_s=15, cpu_s=2, preload=PRELOAD) as workers,
    ):
        for manner in MANNERS:
            config = FeedConfig(id=manner.name, url=server.url(manner.name), allow_private=manner.private)
            store.feeds.add(config, origin="command", now=NOW)
        reader = Reader(store=store, fetcher=fetcher, workers=workers, settings=PATIENT, now=NOW)
        began = time.monotonic()
        progress: list[Polled] = []
        await reader.poll(on_progress=progress.append)
        took_s = time.monotonic() - began
    return World({result.feed.id: result for result in progress}, server, store, took_s)


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.name)
def test_manner(manner: Manner, world: World) -> None:
    polled = world.polled[manner.name]
    said = "\n".join((polled.detail, *polled.steps))
    assert (polled.state, polled.new) == (manner.state, manner.new), said
    assert manner.says in said
    assert "please report" not in said
    kept = repr(polled.articles)
    assert manner.has in kept
    assert not manner.lacks or manner.lacks not in kept


def test_failures_keep_what_was_known(world: World) -> None:
    bad = [manner.name for manner in MANNERS if manner.state in ("failed", "gone")]
    feeds = {feed.id: feed for feed in world.store.feeds.list()}
    assert all(feeds[name].etag is None and not feeds[name].body_hash for name in bad)
    assert not any(world.store.feeds.seen(name) for name in bad)
    assert {health(feeds[name], now=NOW).state for name in bad} == {FeedHealth.BROKEN, FeedHealth.GONE}
    assert len(world.polled) == len(MANNERS) >= 100


def test_sick_feeds_hold_nobody_up(world: World) -> None:
    assert world.took_s < 25


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def workers() -> AsyncIterator[Workers]:
    async with Workers(size=1, wall_s=10, cpu_s=5, preload=PRELOAD) as opened:
        yield opened


@dataclass(slots=True)
class Script:
    """One feed whose answers change between polls."""

    answers: list[bytes]
    pages: dict[str, bytes]
    server: FeedServer
    store: Store
    reader: Callable[..., Reader]

    async def poll(self, answer: bytes | None = None, *, now: datetime = NOW) -> Polled:
        if answer is not None:
            self.answers.append(answer)
        feed = self.feed()
        progress: list[Polled] = []
        (result,) = await self.reader(now).poll([feed], on_progress=progress.append)
        assert result == replace(progress[0], drafts=())
        return progress[0]

    def feed(self) -> Feed:
        return self.store.feeds.list()[0]


@pytest.fixture
def script(sqlite_url: str, workers: Workers) -> Callable[..., object]:
    @asynccontextmanager
    async def scripted(settings: FeedSettings = SETTINGS, **config: object) -> AsyncIterator[Script]:
        answers: list[bytes] = []
        pages: dict[str, bytes] = {}

        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(pages[request.path] if request.path in pages else answers[-1])

        with open_store(sqlite_url) as store:
            async with (
                serve(Manner(name="s", answer=answer), Manner(name="t", answer=answer)) as server,
                Fetcher(settings, resolver=Names(), clock=lambda: NOW) as fetcher,
            ):
                url = f"http://s.test:{server.port}/feed"
                told = FeedConfig(**{"id": "s", "url": url, "allow_private": True, **config})  # type: ignore[arg-type]
                store.feeds.add(told, origin="command", now=NOW)

                def reader(now: datetime = NOW) -> Reader:
                    return Reader(store=store, fetcher=fetcher, workers=workers, settings=settings, now=now)

                yield Script(answers, pages, server, store, reader)

    return scripted


same_loop = pytest.mark.asyncio(loop_scope="module")
DAY = timedelta(days=1)
NOT_MODIFIED = http(b"", status="304 Not Modified")


@same_loop
async def test_requests_say_who_asks_and_replay_validators_byte_for_byte(script: Callable) -> None:
    stamp = "Sun, 01 Mar 2026  7:00:00 gmt"  # as some servers write it
    async with script() as s:
        await s.poll(http(rss(), f"ETag: {ODD_ETAG}", f"Last-Modified: {stamp}"))
        again = await s.poll(NOT_MODIFIED, now=NOW + DAY)
        first, second = s.server.log
    assert (
        first.headers["user-agent"].startswith("Digest/") and "ops@paper.test" in first.headers["user-agent"]
    )
    assert first.headers["accept-encoding"] == "gzip, deflate, br, zstd"
    assert not {"if-none-match", "cookie"} & first.headers.keys()
    assert second.headers["if-none-match"] == ODD_ETAG
    assert second.headers["if-modified-since"] == stamp
    assert again.state == "unchanged"
    assert again.feed.etag == ODD_ETAG


@same_loop
async def test_the_same_body_is_not_parsed_again(script: Callable) -> None:
    async with script() as s:
        await s.poll(http(rss(), "ETag: one"))
        again = await s.poll(http(rss(), "ETag: two"), now=NOW + DAY)
    assert (again.state, again.new, again.changed) == ("unchanged", 0, 0)
    assert again.feed.etag == "two"
    assert "not parsed again" in "\n".join(again.steps)


@same_loop
async def test_only_the_newest_entries_of_a_new_feed_are_news(script: Callable) -> None:
    async with script() as s:
        first = await s.poll(http(rss(*(item(n) for n in range(8)))))
        news = [a.title for a in first.articles if not a.evergreen]
        later = await s.poll(http(rss(item(-1, date=None), *(item(n) for n in range(8)))), now=NOW + DAY)
    assert (first.new, first.background, sorted(news)) == (8, 5, [f"水塔机房的账本之{n}" for n in (1, 2, 3)])
    assert (later.new, later.background, later.articles[0].title) == (1, 0, "水塔机房的账本之0")


@same_loop
@pytest.mark.parametrize(
    "second",
    [
        pytest.param(item(0, guid="other"), id="new guid"),
        pytest.param(item(0, guid="tag:paper.test,0", link="http://paper.test/renamed"), id="new link"),
        pytest.param(item(0, guid="x", link="http://moved.test/0?from=rss"), id="new guid and link"),
        pytest.param(item(0, date=None), id="date lost"),
        pytest.param(item(0, body=words().replace("，", ",").replace("安静", "安靜")), id="typography"),
    ],
)
async def test_nothing_is_news_twice(second: str, script: Callable) -> None:
    async with script() as s:
        await s.poll(http(rss(item(0), item(1))))
        await s.poll(http(rss(item(1), item(2))), now=NOW + DAY)
        again = await s.poll(http(rss(second, item(1))), now=NOW + 2 * DAY)
        assert (again.new, again.changed) == (0, 0), again.steps
        assert s.store.articles.count() == 3


@same_loop
async def test_an_edit_that_matters_is_a_new_version(script: Callable) -> None:
    async with script() as s:
        first = await s.poll(http(rss(item(0), item(1))))
        more = words() + "<p>更正：五家公司中有一家已在上月退租，账本随后补记了违约金。</p>"
        again = await s.poll(http(rss(item(0, body=more), item(1))), now=NOW + DAY)
        stored = s.store.articles.find(again.articles[0].source_id)
    assert (again.new, again.changed) == (0, 1)
    assert stored.version == 2
    assert "更正：五家公司" in next(f.reason for f in stored.article.flags if f.code == "updated")
    assert stored.first_seen_at == NOW
    assert first.articles[0].source_id == again.articles[0].source_id


@same_loop
async def test_a_constant_guid_does_not_hide_news(script: Callable) -> None:
    async with script() as s:
        await s.poll(http(rss(item(0, guid="http://paper.test/"))))
        again = await s.poll(http(rss(item(2, guid="http://paper.test/"))), now=NOW + DAY)
    assert again.new == 1


@same_loop
async def test_a_move_is_believed_at_the_third_poll(script: Callable) -> None:
    async with script() as s:
        target = f"http://s.test:{s.server.port}/new"
        s.pages["/new"] = http(rss())
        seen = []
        for day in range(4):
            polled = await s.poll(to("/new", "301 Moved Permanently"), now=NOW + day * DAY)
            seen.append(polled.feed.fetch_url == target)
        asked = [request.path for request in s.server.log]
    assert seen == [False, False, True, True]
    assert asked == ["/feed", "/new", "/feed", "/new", "/feed", "/new", "/new"]
    found = health(polled.feed, now=NOW + 3 * DAY)
    assert found.state is FeedHealth.MOVED


@same_loop
async def test_a_passing_redirect_is_never_a_move(script: Callable) -> None:
    async with script() as s:
        s.pages["/new"] = http(rss())
        for day in range(4):
            polled = await s.poll(to("/new"), now=NOW + day * DAY)
    assert polled.feed.fetch_url == polled.feed.url


@same_loop
@pytest.mark.parametrize(
    ("answer", "hours"),
    [
        pytest.param(http(b"", "Retry-After: 7200", status="429 Slow Down"), 2, id="seconds"),
        pytest.param(http(b"", "Retry-After: soon", status="429 Odd"), 0.25, id="unreadable"),
        pytest.param(http(b"", status="500 Oops"), 0.25, id="first trouble"),
        pytest.param(http(rss(), "Cache-Control: public, max-age=28800"), 8, id="fresh for"),
        pytest.param(http(rss(head="<ttl>600</ttl>")), 10, id="ttl"),
        pytest.param(http(rss(), "Cache-Control: max-age=31536000"), 24, id="a year is a day"),
    ],
)
async def test_publishers_say_when_to_come_again(answer: bytes, hours: float, script: Callable) -> None:
    async with script() as s:
        polled = await s.poll(answer)
    assert (polled.feed.next_at - NOW) / timedelta(hours=1) == pytest.approx(hours, abs=0.01)


@same_loop
async def test_trouble_backs_off_to_a_day_and_ends_when_it_ends(script: Callable) -> None:
    async with script() as s:
        waits = []
        for n in range(9):
            polled = await s.poll(http(b"", status="500 Oops"), now=NOW + n * DAY)
            waits.append((polled.feed.next_at - NOW - n * DAY) / timedelta(minutes=1))
        assert waits == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
        assert health(s.feed(), now=NOW + 8 * DAY).since == NOW
        await s.poll(http(rss(item(-36))), now=NOW + 9 * DAY)
        assert health(s.feed(), now=NOW + 9 * DAY).state is FeedHealth.FINE
        assert health(s.feed(), now=NOW + 40 * DAY).state is FeedHealth.SILENT


@same_loop
async def test_a_broken_body_keeps_what_was_known(script: Callable) -> None:
    async with script() as s:
        await s.poll(http(rss(), "ETag: good"))
        known = s.store.feeds.seen("s")
        polled = await s.poll(http(rss(item(0), item(1), item(2))[:-300], "ETag: bad"), now=NOW + DAY)
        assert polled.state == "failed"
        assert s.feed().etag == "good"
        assert s.store.feeds.seen("s") == known


PAGE = http(
    f"<html><head><title>塔</title></head><body><article><h1>塔</h1>{words(1, 4)}{words(2, 4)}</article></body></html>",
    kind="text/html",
)


def two_teasers(base: str, *headers: str) -> bytes:
    return http(rss(*(item(n, link=f"{base}/{n}", body=f"<p>{WORDS[0]}</p>") for n in range(2))), *headers)


@same_loop
async def test_full_text_comes_from_the_entry_s_own_page(script: Callable) -> None:
    async with script(full_text=True) as s:
        base = f"http://s.test:{s.server.port}"
        s.pages |= {"/0": PAGE, "/1": http(b"", status="404 Not Found")}
        polled = await s.poll(two_teasers(base))
    lengths = {article.title[-1]: len(article.text) for article in polled.articles}
    assert lengths["1"] > 3 * lengths["2"] > 0
    assert ["not found" in repr(article.flags) for article in polled.articles] == [False, True]


@same_loop
async def test_a_missed_page_is_asked_for_again_three_times_and_replaces_the_teaser(script: Callable) -> None:
    hours = [0, 0.5, 1.5, 2, 8, 40, 48, 96]
    asked: list[list[str]] = []
    async with script(full_text=True) as s:
        base = f"http://s.test:{s.server.port}"
        s.pages |= {f"/{n}": http(b"", status="503 Busy") for n in range(2)}
        for hour in hours:
            if hour == 8:
                s.pages["/0"] = PAGE
            before = len(s.server.log)
            polled = await s.poll(two_teasers(base, "ETag: 1"), now=NOW + timedelta(hours=hour))
            asked.append([request.path for request in s.server.log[before:]])
            if hour == 8:
                mended = polled
        again = [request.headers.get("if-none-match") for request in s.server.log if request.path == "/feed"]
    both, one, none = ["/feed", "/0", "/1"], ["/feed", "/1"], ["/feed"]
    assert asked == [both, none, both, none, both, one, none, none]
    assert again == [None, "1", None, "1", None, None, "1", "1"]
    assert (mended.new, mended.changed) == (0, 1)
    assert "updated" in {flag.code for flag in mended.articles[0].flags}


@same_loop
async def test_an_edited_article_comes_back_with_what_is_new_in_it(script: Callable) -> None:
    theme = Theme(
        id="tower", names={"zh": "水塔"}, terms={"zh": (Term(text="水塔"), Term(text="机房"))}, threshold=0.1
    )
    schedule = Schedule(id="daily", themes=("tower",), themes_per_edition=1)
    told = "".join(f"<p>{text}</p>" for text in WORDS[:4])  # two editions use up the share
    news = "今年三月，水塔的机房又添了两排服务器，负责改造的工程师说，用电因此涨到五百一十千瓦，居民代表已经看过账本。"
    subjects = []
    async with script() as s:
        paper = Paper(store=s.store, newsletter=LOCAL, themes=[theme])
        for n, body in enumerate((told, told, f"{told}<p>{news}</p>")):
            at = NOW + n * DAY
            await s.poll(http(rss(item(1, body=body, title="旧水塔的账本"))), now=at)
            made = publish(paper, schedule, slot=at, now=at).edition
            subjects.append(made.items() if made else ())
    (first,), again, (edited,) = subjects
    assert first.update is None
    assert all(one.update is None for one in again)
    assert edited.update is not None
    assert edited.update.since in (NOW, NOW + DAY)
    assert [edited.article.text[start:end] for start, end in edited.update.new] == [news]
    assert edited.excerpts
    assert edited.reason.kind == "updated"
    assert all(edited.update.covers(one) for one in edited.excerpts)


@same_loop
async def test_teasers_are_noticed(script: Callable) -> None:
    async with script() as s:
        await s.poll(http(rss(*(item(n, body=f"<p>{WORDS[n]}阅读全文</p>") for n in range(4)))))
        found = health(s.feed(), now=NOW)
    assert (found.state, "--full-text" in found.next_step) == (FeedHealth.TEASERS, True)


@same_loop
async def test_check_explains_and_changes_nothing(script: Callable) -> None:
    async with script() as s:
        s.answers.append(http(rss(), "Cache-Control: max-age=7200"))
        before = s.feed()
        checked = await s.reader().check(before)
        assert s.feed() == before
        assert s.store.articles.count() == 0
        assert s.store.feeds.seen("s") == ()
    told = "\n".join(checked.steps)
    assert all(
        part in told for part in ("200 from", "rss20", "账本之1: news", "wait 120 minutes", "asked again in")
    )


@same_loop
async def test_one_request_at_a_time_for_each_host(script: Callable) -> None:
    async with script() as s:
        running = peak = 0

        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0.02)
            running -= 1
            writer.write(http(rss()))

        s.server.manners["s"] = Manner(name="s", answer=answer)
        for n in range(5):
            more = FeedConfig(id=f"s{n}", url=s.feed().url + str(n), allow_private=True)
            s.store.feeds.add(more, origin="command", now=NOW)
        polled = await s.reader().poll()
    assert [p.state for p in polled] == ["new"] * 6
    assert peak == 1


@same_loop
async def test_a_poll_ends_in_time_and_leaves_the_rest(script: Callable) -> None:
    async def never(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    async with script(replace(SETTINGS, budget_s=0.6)) as s:
        s.answers.append(http(rss()))
        s.server.manners["t"] = Manner(name="t", answer=never)
        slow = FeedConfig(id="t", url=f"http://t.test:{s.server.port}/", allow_private=True)
        s.store.feeds.add(slow, origin="command", now=NOW)
        polled = await s.reader().poll()
        assert [(p.feed.id, p.state) for p in polled] == [("s", "new"), ("t", "left")]
        assert [feed.id for feed in s.store.feeds.due(NOW)] == ["t"]
        assert s.store.articles.count() == 2


@same_loop
async def test_a_spam_hit_is_told(script: Callable) -> None:
    advert = "<p>澳门真人荷官百家乐，注册即送彩金，最高返水，首存送一百，点击注册投注，提款秒到账，信誉第一平台。</p>"
    async with script() as s:
        await s.poll(http(rss(item(0), item(1))))
        spam = [item(n, body=advert * 4, title=f"娱乐城注册送彩金{n}") for n in range(2, 5)]
        polled = await s.poll(http(rss(*spam, item(0), item(1))), now=NOW + DAY)
        found = health(s.feed(), now=NOW + DAY)
    assert polled.quarantined == 3
    assert found.state is FeedHealth.SPAM


@same_loop
@pytest.mark.parametrize(
    ("page", "path"),
    [
        pytest.param("<link rel='alternate' type='application/rss+xml' href='deep/rss'>", "/deep/rss", id="declared"),
        pytest.param(
            "<link rel=alternate type=application/rss+xml href=/comments/feed>"
            "<link rel=alternate type=application/atom+xml href=/all.atom>", "/all.atom", id="not the comments"),
        pytest.param("<a href='/about'>x</a><a href='/blog/rss.php'>RSS</a>", "/blog/rss.php", id="linked"),
        pytest.param("<p>nothing</p>", "/feed.xml", id="where feeds lie"),
        pytest.param("<base href='/sub/'><link rel=alternate type=application/rss+xml href=f>", "/sub/f", id="base"),
    ],
)  # fmt: skip
async def test_a_site_s_address_is_enough(page: str, path: str, script: Callable) -> None:
    async with script() as s:
        s.answers.append(http(b"", status="404 Not Found"))
        base = f"http://s.test:{s.server.port}"
        s.pages |= {
            "/": http(f"<!doctype html><html><head>{page}</head></html>", kind="text/html"),
            path: http(rss()),
        }
        feed = await add(s.reader(), base + "/", tags=["a"], allow_private=True)
    assert (feed.url, feed.title, feed.origin, feed.tags) == (base + path, "水塔周报", "command", ("a",))


@same_loop
async def test_no_feed_is_said_with_what_was_tried(script: Callable) -> None:
    async with script() as s:
        s.answers.append(http("<html></html>", kind="text/html"))
        with pytest.raises(FetchError, match=r"no feed was found.*feed\.xml"):
            await discover(s.reader(), f"http://s.test:{s.server.port}/", allow_private=True)


@same_loop
async def test_a_feed_that_cannot_be_read_is_no_reason_to_look_elsewhere(script: Callable) -> None:
    async with script() as s:
        s.answers.append(http(rss(item(0))[:300]))
        with pytest.raises(ParseError, match="cut off in the middle"):
            await discover(s.reader(), f"http://s.test:{s.server.port}/", allow_private=True)
        assert len(s.server.log) == 1
