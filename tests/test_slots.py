"""Slots on a fake clock: one edition each, whatever the clock and the processes do."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from digest.model import Article as ArticleValue
from digest.model import Block, BlockKind, ConsentState, Newsletter, Schedule, Subscriber, Term, Theme
from digest.publish import publish
from digest.report import overdue
from digest.similar import sketch
from digest.slots import tick
from digest.store import SlotState, Store, open_store

LETTER = Newsletter(
    name="文摘", sender="digest@example.org", sender_name="文摘", list_id="digest.example.org"
)
THEME = Theme(id="tea", names={"zh": "茶"}, terms={"zh": (Term(text="茶叶"),)}, threshold=0.5)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'digest.db'}") as opened:
        opened.migrate()
        yield opened


def add_article(store: Store, number: int, now: datetime) -> None:
    text = (
        f"第{number}号茶园今年采下{number}吨茶叶。茶农林{number}清说,今年的茶叶卖到每斤{number + 90}元。\n\n"
        f"县农业局的统计显示,全县{number}个乡镇的茶叶产量比去年增加了一成。"
    )
    middle = text.index("\n\n")
    blocks = tuple(
        Block(kind=BlockKind.PARAGRAPH, start=a, end=b) for a, b in ((0, middle), (middle + 2, len(text)))
    )
    article = ArticleValue(
        source_id=f"feeds/tea/{number}",
        title=f"第{number}号茶园的茶叶丰收",
        text=text,
        blocks=blocks,
        language="zh",
    )
    store.articles.save(article, sketch=sketch(text), now=now)


def daily(**options: object) -> Schedule:
    return Schedule(id="daily", cron="0 8 * * *", **options)  # type: ignore[arg-type]


def test_every_morning_has_one_edition_though_clocks_jump_and_two_processes_tick(
    store: Store, tmp_path: Path
) -> None:
    """A month around a change of clocks, ticked at random moments by two processes, some of them in the past."""
    rng = random.Random(7)
    letter = Newsletter(**{**{k: getattr(LETTER, k) for k in LETTER.__slots__}, "timezone": "Europe/Berlin"})
    now = datetime(2026, 3, 20, tzinfo=UTC)
    schedule = daily(late="send")
    made: Counter[datetime] = Counter()
    with open_store(f"sqlite:///{tmp_path / 'digest.db'}") as twin:
        for step in range(60):
            if step % 2 == 0:
                add_article(store, step, now)
            for one in (store, twin):
                jumped = now + timedelta(hours=rng.choice([0, 0, -3, 1]))
                made.update(done.slot for done in tick(one, [THEME], [schedule], letter, now=jumped))
            now += timedelta(hours=rng.choice([3, 9, 12, 20, 30]))
    slots = [slot for slot in store.slots.list(limit=1000) if slot.state is not SlotState.DUE]
    days = [slot.slot.astimezone(ZoneInfo("Europe/Berlin")) for slot in slots]
    assert set(made.values()) == {1}
    assert all(day.hour == 8 for day in days)
    dates = sorted(day.date() for day in days)
    assert dates == [dates[0] + timedelta(days=n) for n in range(len(dates))]
    editions = store.editions.list(1000)
    assert len({edition.slot for edition in editions}) == len(editions) > 15


@pytest.mark.parametrize(
    ("late", "states"),
    [
        ("send", [SlotState.MADE] * 4),
        ("fold", [SlotState.FOLDED] * 3 + [SlotState.MADE]),
        ("drop", [SlotState.DROPPED] * 3 + [SlotState.MADE]),
    ],
)
def test_days_asleep_go_by_the_schedules_rule(store: Store, late: str, states: list[SlotState]) -> None:
    tick(store, [THEME], [daily(late=late)], LETTER, now=START)
    for number in range(8):
        add_article(store, number, START)
    tick(store, [THEME], [daily(late=late)], LETTER, now=START + timedelta(days=4, minutes=5))
    assert [slot.state for slot in reversed(store.slots.list())] == states


def test_killed_between_freezing_and_queueing_the_next_tick_queues(store: Store) -> None:
    store.subscribers.add(
        Subscriber(id=0, address="a@example.org", state=ConsentState.CONFIRMED), actor="test", now=START
    )
    add_article(store, 1, START)
    schedule = daily()
    tick(store, [THEME], [schedule], LETTER, now=START)
    slot = START + timedelta(days=1)
    store.slots.add("daily", [slot], now=slot)
    made = publish(store, [THEME], schedule, slot=slot, now=slot, language="zh-CN")
    assert made.edition
    assert store.ledger.due(now=slot) == 0
    tick(store, [THEME], [schedule], LETTER, now=slot + timedelta(minutes=1))
    assert store.ledger.due(now=slot + timedelta(minutes=1)) == 1
    assert len(store.editions.list()) == 1


def test_each_reader_gets_it_at_eight_on_their_own_clock(store: Store) -> None:
    for name, zone in (("a", "Asia/Shanghai"), ("b", "America/Sao_Paulo"), ("c", "Pacific/Auckland")):
        store.subscribers.add(
            Subscriber(id=0, address=f"{name}@example.org", state=ConsentState.CONFIRMED, timezone=zone),
            actor="test",
            now=START,
        )
    schedule = daily(timezone="reader")
    tick(store, [THEME], [schedule], LETTER, now=START)
    add_article(store, 1, START)
    seen: dict[str, str] = {}
    now = START
    with store.owner() as owner:
        while now < START + timedelta(days=2) and len(seen) < 3:
            now += timedelta(minutes=30)
            tick(store, [THEME], [schedule], LETTER, now=now)
            for claim in store.ledger.claim(owner, limit=9, lease_s=60, now=now):
                reader = store.subscribers.get(claim.subscriber_id or 0)
                local = now.astimezone(ZoneInfo(reader.timezone))
                seen[reader.address] = f"{local:%H:%M}"
    assert seen == dict.fromkeys(["a@example.org", "b@example.org", "c@example.org"], "08:00")
    assert len(store.editions.list()) == 1


def test_too_little_waits_for_the_next_slot_and_nothing_new_is_said(store: Store) -> None:
    schedule = daily(minimum_items=2)
    tick(store, [THEME], [schedule], LETTER, now=START)
    add_article(store, 1, START)
    first = tick(store, [THEME], [schedule], LETTER, now=START + timedelta(days=1))
    assert [(done.edition, done.reason) for done in first] == [(None, "1 items, at least 2 are wanted")]
    add_article(store, 50, START)
    second = tick(store, [THEME], [schedule], LETTER, now=START + timedelta(days=2))
    assert [done.edition for done in second] == [1]
    later = [
        tick(store, [THEME], [schedule], LETTER, now=START + timedelta(days=day))[0] for day in range(3, 9)
    ]
    assert later[-1].edition is None
    assert later[-1].reason


def test_an_edition_for_review_is_not_sent_before_it_is_approved(store: Store) -> None:
    store.subscribers.add(
        Subscriber(id=0, address="a@example.org", state=ConsentState.CONFIRMED), actor="test", now=START
    )
    add_article(store, 1, START)
    schedule = daily(review=True)
    tick(store, [THEME], [schedule], LETTER, now=START)
    now = START + timedelta(days=1)
    assert tick(store, [THEME], [schedule], LETTER, now=now)[0].edition == 1
    with store.owner() as owner:
        assert not store.ledger.claim(owner, limit=9, lease_s=60, now=now)
        store.editions.set_status(1, "ready")
        tick(store, [THEME], [schedule], LETTER, now=now)
        assert len(store.ledger.claim(owner, limit=9, lease_s=60, now=now)) == 1


def test_what_stands_still_is_told(store: Store) -> None:
    store.subscribers.add(
        Subscriber(id=0, address="a@example.org", state=ConsentState.CONFIRMED), actor="test", now=START
    )
    add_article(store, 1, START)
    tick(store, [THEME], [daily()], LETTER, now=START)
    slot, minute = START + timedelta(days=1), timedelta(minutes=1)
    store.slots.add("daily", [slot], now=START)
    assert overdue(store, now=slot + 14 * minute) == []
    assert overdue(store, now=slot + 16 * minute) == ["daily: the edition of 2026-01-02 00:00 UTC is overdue"]
    store.state.set_paused("daily", True)
    assert overdue(store, now=slot + 16 * minute) == []
    store.state.set_paused("daily", False)
    assert tick(store, [THEME], [daily()], LETTER, now=slot + 20 * minute)[0].edition == 1
    assert overdue(store, now=slot + 40 * minute) == []
    assert "mail has been due" in overdue(store, now=slot + 60 * minute)[0]
