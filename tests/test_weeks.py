"""Four weeks in accelerated time: feeds that change and die, readers who come and go, a crash a week."""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from feed_server import Manner, Request, http, serve
from stored import take_step

from digest.installation import Clock, find_config
from digest.model import ConsentState, DeliveryState, Subscriber
from digest.report import causes, overdue
from digest.runtime import Runtime

START = datetime(2026, 3, 16, tzinfo=UTC)
"""A Monday; in the second week the clocks of Europe change."""
WEEKS, STEP = 4, timedelta(hours=8)
ZONES = (
    "Asia/Shanghai", "America/Sao_Paulo", "Europe/Berlin", "Pacific/Auckland", "Asia/Kolkata",
    "America/Los_Angeles", "UTC", "Africa/Nairobi", "Pacific/Honolulu",
)  # fmt: skip
CONFIG = """
[newsletter]
name = "茶讯"
sender = "digest@example.org"
[operator]
mail = "boss@example.org"
[[themes]]
id = "tea"
names = { zh = "茶" }
terms = { zh = ["茶叶"] }
threshold = 0.5
[[schedules]]
id = "often"
every = ["monday", "wednesday", "friday", "sunday"]
themes_per_edition = 1
[[schedules]]
id = "evening"
every = "wednesday"
at = "16:30"
timezone = "Europe/Berlin"
themes_per_edition = 1
[[schedules]]
id = "monday"
every = "monday"
timezone = "reader"
late = "send"
themes_per_edition = 1
"""
FEED = """
[[feeds]]
id = "feed{n}"
url = "http://127.0.0.1:{port}/{n}"
allow_private = true
"""


class Feeds:
    """Five feeds: two with news every day, one weekly, one that turns to rubbish, one that dies for good."""

    now = START

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        feed, day = int(request.path.strip("/")), (self.now - START).days
        rubbish = feed == 3 and 8 <= day < 15
        days = range(0, day + 1, 7) if feed == 2 else range(max(0, day - 5), day + 1)
        items = "".join(item(feed, number) for number in days)
        body = f"<rss version='2.0'><channel><title>茶园{feed}</title>{items}</channel></rss>"
        status = "410 Gone" if feed == 4 and day >= 10 else "200 OK"
        writer.write(http("<html>error" if rubbish else body, status=status))


def item(feed: int, day: int) -> str:
    number = 10 * day + feed + 3
    date = format_datetime(START + timedelta(days=day))
    return (
        f"<item><guid isPermaLink='false'>{feed}-{day}</guid><title>第{number}号茶园的茶叶丰收</title>"
        f"<pubDate>{date}</pubDate><description>&lt;p&gt;第{number}号茶园今年采下{number}吨茶叶。"
        f"茶农林{number}清说,今年的茶叶卖到每斤{number + 90}元。&lt;/p&gt;"
        f"&lt;p&gt;县农业局的统计显示,全县{number}个乡镇的茶叶产量比去年增加了一成。&lt;/p&gt;</description></item>"
    )


class Readers:
    """Thirty people who come and go on Thursdays at eight; when each was here, and what they should have got."""

    def __init__(self) -> None:
        self.stay: dict[str, tuple[datetime, datetime]] = {}
        self.zones: dict[str, str] = {}

    def step(self, runtime: Runtime, now: datetime) -> None:
        week, thursday = divmod(now - START, timedelta(weeks=1))
        if now != START and thursday != timedelta(days=3, hours=8):
            return
        people = runtime.store.subscribers
        if now > START:
            leaving = f"r{week}-0@example.org"
            take_step(
                runtime.store, people.find(leaving).id, ConsentState.UNSUBSCRIBED, actor="test", now=now
            )  # type: ignore[union-attr]
            self.stay[leaving] = (self.stay[leaving][0], now)
        for n in range(18 if now == START else 3):
            address = f"r{week if now == START else week + 1}-{n}@example.org"
            self.zones[address] = ZONES[n % len(ZONES)]
            self.stay[address] = (now, START + timedelta(weeks=99))
            one = Subscriber(
                id=0, address=address, state=ConsentState.CONFIRMED, timezone=self.zones[address]
            )
            people.add(one, actor="test", now=now)

    def expected(self, runtime: Runtime) -> Counter[tuple[int, str]]:
        """By the promise alone: who was here when an edition was due for them."""
        got: Counter[tuple[int, str]] = Counter()
        for edition in runtime.store.editions.list(1000):
            for address, (came, left) in self.stay.items():
                due = edition.slot
                if edition.schedule == "monday":
                    day = edition.slot.astimezone(ZoneInfo("Asia/Shanghai")).date()
                    due = datetime.combine(day, time(8), ZoneInfo(self.zones[address])).astimezone(UTC)
                if (
                    came
                    < min(due, edition.slot - timedelta(hours=26) if edition.schedule == "monday" else due)
                    and due < left
                ):
                    got[edition.number, address] += 1
        return got


def mailed(folder: Path) -> tuple[Counter[tuple[int, str]], list[str]]:
    """Editions by reader, and the operator's mails."""
    found: Counter[tuple[int, str]] = Counter()
    notices = []
    for path in folder.glob("*.eml"):
        text = path.read_text("utf-8", "replace")
        to = re.search(r"^To: (\S+)", text, re.MULTILINE)
        edition = re.search(r"^Feedback-ID: (\d+):", text, re.MULTILINE)
        assert to
        if edition:
            found[int(edition[1]), to[1]] += 1
        else:
            notices.append(text)
    return found, notices


class Crash(Exception):
    pass


async def weeks(runtime: Runtime, feeds: Feeds, readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        transport = await runtime.mail.open_transport(stack)
        now = START
        while now <= START + timedelta(weeks=WEEKS, days=1):
            feeds.now = now
            runtime.clock.set(now)
            readers.step(runtime, now)
            if (now - START) % (12 * STEP) == 2 * STEP:
                await asyncio.to_thread(runtime.collect)
            if now.weekday() == 2 and now.hour == 0:
                with monkeypatch.context() as patch:  # dies between the frozen edition and its queue
                    patch.setattr(runtime.store.ledger, "plan", crash)
                    with pytest.raises(Crash):
                        await asyncio.to_thread(runtime.tick)
            await asyncio.to_thread(runtime.tick)
            await runtime.mail.deliver_due(transport)
            if now.hour == 8:
                await runtime.mail.tend(transport)
            late = overdue(runtime.paper, now=now)
            assert not [what for what in late if not what.startswith("collecting")]
            now += STEP


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.mark.timeout(300)
async def test_at_the_end_ledger_inbox_and_promise_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds, readers = Feeds(), Readers()
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # one process that reads feeds is enough
    with ExitStack() as stack:
        async with serve(Manner(name="127.0.0.1", answer=feeds.answer)) as server:
            told = (FEED.format(n=n, port=server.port) for n in range(5))
            (tmp_path / "config.toml").write_text(CONFIG + "".join(told), "utf-8")
            config = find_config(tmp_path / "config.toml")
            assert config
            runtime = Runtime(config, Clock(START), stack, lasting=True)
            await weeks(runtime, feeds, readers, monkeypatch)
        editions = runtime.store.editions.list(1000)
        made = Counter(edition.schedule for edition in editions)
        assert made["often"] >= 14
        assert made["evening"] == made["monday"] == WEEKS
        got, notices = mailed(runtime.inbox_dir)
        assert got == readers.expected(runtime)
        for edition in editions:
            counts = runtime.store.ledger.counts(edition.number)
            assert runtime.store.ledger.finished(edition.number)
            assert counts.get(DeliveryState.SENT, 0) == sum(
                n for (number, _), n in got.items() if number == edition.number
            )
        spans = Counter(
            (edition.schedule, item.article.source_id, e.start, e.end)
            for edition in editions for item in edition.items() for e in item.excerpts
        )  # fmt: skip
        assert set(spans.values()) == {1}
        assert 1 <= sum("feed4" in notice for notice in notices) <= WEEKS
        assert any(
            name == "feed feed4" for name, _ in causes(runtime.paper, folder=tmp_path, now=runtime.now)
        )
