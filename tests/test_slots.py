"""Slots on a fake clock: one edition each, whatever the clock and the processes do."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from editions import article
from stored import reader, slot_rows

from digest.material import find_copies, read_candidates, sharing
from digest.model import Newsletter, Schedule, Term, Theme
from digest.pick import Candidate, Memory, pick
from digest.publish import Paper, publish
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


def add_article(store: Store, number: int, now: datetime, feed: str = "tea") -> None:
    text = (
        f"第{number}号茶园今年采下{number}吨茶叶。茶农林{number}清说,今年的茶叶卖到每斤{number + 90}元。\n\n"
        f"县农业局的统计显示,全县{number}个乡镇的茶叶产量比去年增加了一成。"
    )
    one = article(f"feeds/{feed}/{number}", f"第{number}号茶园的茶叶丰收", text)
    store.articles.save(one, sketch=sketch(text), now=now)


def paper(store: Store, *schedules: Schedule) -> Paper:
    return Paper(store=store, newsletter=LETTER, themes=[THEME], schedules=schedules)


def daily(**options: object) -> Schedule:
    return Schedule(id="daily", cron="0 8 * * *", **options)  # type: ignore[arg-type]


YEARS = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2036, 1, 1, 12, tzinfo=UTC)
ONCE: dict[str, Any] = {"late": "send", "recycle_after_days": 9999}
DECADE = (
    Schedule(id="sundays", cron="30 2 * 3,10 0", timezone="Europe/Berlin", **ONCE),
    Schedule(id="readers", cron="0 8 29 2,5,8,11 *", timezone="reader", **ONCE),
)


def wall(zone: str, hour: int, minute: int, wanted: Callable[[date], bool]) -> set[datetime]:
    """What the calendar promises of the decade, counted without cron: the first time a clock shows it, or later."""
    days = (YEARS[0].date() + timedelta(days=n) for n in range(3653))
    moments = (
        datetime.combine(day, time(hour, minute), ZoneInfo(zone)).astimezone(UTC)
        for day in days
        if wanted(day)
    )
    return {moment for moment in moments if YEARS[0] < moment <= YEARS[1] - timedelta(days=30)}


PROMISED = {
    "sundays": wall("Europe/Berlin", 2, 30, lambda day: day.weekday() == 6 and day.month in (3, 10)),
    "readers": wall("Asia/Shanghai", 8, 0, lambda day: day.day == 29 and day.month % 3 == 2),
}


def test_ten_years_of_ticks_settle_every_slot_once(store: Store, tmp_path: Path) -> None:
    """Two processes with clocks of their own tick, often at once; they sleep for weeks, their clocks jump both ways.

    The Sundays hold the half hours that Berlin's clocks leave out and show twice, the 29ths two leap days.
    """
    rng, now, step = random.Random(11), YEARS[0], 0
    for name, zone in (("a", "Pacific/Kiritimati"), ("b", "Pacific/Pago_Pago")):
        store.subscribers.add(reader(name, timezone=zone), actor="test", now=now)
    with open_store(f"sqlite:///{tmp_path / 'digest.db'}") as twin, ThreadPoolExecutor(2) as threads:
        while now < YEARS[1]:
            step += 1
            if step % 20 == 0:
                add_article(store, step, now)
            astray = [timedelta(hours=rng.choice([0, 0, 0, -1, 1, -30])) for _ in range(2)]
            if step % 50 == 0:
                astray[step // 50 % 2] = timedelta(days=rng.choice([-900, 500]))
            clocks = [max(now + by, YEARS[0]) for by in astray]
            ticks = [paper(one, *DECADE) for one in (store, twin)]
            if step % 3:
                for one, moment in zip(ticks, clocks, strict=True):
                    tick(one, now=moment)
            else:
                started = [
                    threads.submit(tick, one, now=moment) for one, moment in zip(ticks, clocks, strict=True)
                ]
                for one in started:
                    one.result()
            now += timedelta(hours=rng.choice([20, 400, 24 * rng.randrange(20, 35)]))
        tick(paper(store, *DECADE), now=now)
    editions = Counter((edition.schedule, edition.slot) for edition in store.editions.list(10_000))
    rows = {name: [row for row in slot_rows(store) if row.schedule == name] for name in PROMISED}
    for name, promised in PROMISED.items():
        settled = {row.slot for row in rows[name] if YEARS[0] < row.slot <= YEARS[1] - timedelta(days=30)}
        assert settled == promised, name
        for row in rows[name]:
            if row.slot in promised:
                assert row.state is not SlotState.DUE
                assert editions[name, row.slot] == (row.edition is not None) != bool(row.reason), row
    assert {name for name, slot in editions} == set(PROMISED)
    assert sum(editions.values()) > 15


def test_a_clock_a_year_ahead_costs_no_edition_once_it_is_set_right(store: Store) -> None:
    schedule, day = daily(), timedelta(days=1)
    tick(paper(store, schedule), now=START)
    assert {slot.edition for slot in tick(paper(store, schedule), now=START + 365 * day)} == {None}
    for number in range(1, 4):
        add_article(store, 7 * number, START + number * day - timedelta(hours=1))
        assert [slot.edition for slot in tick(paper(store, schedule), now=START + number * day)] == [number]
        assert not tick(paper(store, schedule), now=START + number * day + timedelta(hours=3))


@pytest.mark.parametrize(
    ("late", "states"),
    [
        ("send", [SlotState.MADE] * 4),
        ("fold", [SlotState.FOLDED] * 3 + [SlotState.MADE]),
        ("drop", [SlotState.DROPPED] * 3 + [SlotState.MADE]),
    ],
)
def test_days_asleep_go_by_the_schedules_rule(store: Store, late: str, states: list[SlotState]) -> None:
    tick(paper(store, daily(late=late)), now=START)
    for number in range(8):
        add_article(store, number, START)
    tick(paper(store, daily(late=late)), now=START + timedelta(days=4, hours=6))  # its grace to the second
    assert [slot.state for slot in reversed(slot_rows(store))] == states


def test_killed_between_freezing_and_queueing_the_next_tick_queues(store: Store) -> None:
    store.subscribers.add(reader("a"), actor="test", now=START)
    add_article(store, 1, START)
    schedule = daily()
    tick(paper(store, schedule), now=START)
    slot = START + timedelta(days=1)
    store.slots.add("daily", [slot], now=slot)
    made = publish(paper(store), schedule, slot=slot, now=slot)
    assert made.edition
    assert store.ledger.due(now=slot) == 0
    tick(paper(store, schedule), now=slot + timedelta(minutes=1))
    assert store.ledger.due(now=slot + timedelta(minutes=1)) == 1
    assert len(store.editions.list()) == 1


def test_each_reader_gets_it_at_eight_on_their_own_clock(store: Store) -> None:
    for name, zone in (("a", "Asia/Shanghai"), ("b", "America/Sao_Paulo"), ("c", "Pacific/Auckland")):
        store.subscribers.add(reader(name, timezone=zone), actor="test", now=START)
    schedule = daily(timezone="reader")
    tick(paper(store, schedule), now=START)
    add_article(store, 1, START)
    seen: dict[str, str] = {}
    now = START
    with store.owners.register() as owner:
        while now < START + timedelta(days=2) and len(seen) < 3:
            now += timedelta(minutes=30)
            tick(paper(store, schedule), now=now)
            for claim in store.ledger.claim(owner, limit=9, lease_s=60, now=now):
                one = store.subscribers.get(claim.subscriber_id or 0)
                seen[one.address] = f"{now.astimezone(ZoneInfo(one.timezone)):%H:%M}"
    assert seen == dict.fromkeys(["a@example.org", "b@example.org", "c@example.org"], "08:00")
    assert len(store.editions.list()) == 1


def test_too_little_waits_for_the_next_slot_and_nothing_new_is_said(store: Store) -> None:
    schedule = daily(minimum_items=2)
    tick(paper(store, schedule), now=START)
    add_article(store, 1, START)
    first = tick(paper(store, schedule), now=START + timedelta(days=1))
    assert [(done.edition, done.reason) for done in first] == [(None, "1 items, at least 2 are wanted")]
    add_article(store, 50, START)
    second = tick(paper(store, schedule), now=START + timedelta(days=2))
    assert [done.edition for done in second] == [1]
    later = [tick(paper(store, schedule), now=START + timedelta(days=day))[0] for day in range(3, 9)]
    assert later[-1].edition is None
    assert later[-1].reason


def test_a_copy_in_another_feed_is_no_news_and_no_more_to_quote(store: Store) -> None:
    """A schedule sends no passage twice, whoever prints it."""
    schedule, passages = daily(recycle_after_days=9999), []
    tick(paper(store, schedule), now=START)
    for day in range(1, 8):
        add_article(store, 1, START + timedelta(days=day, hours=-1), feed=f"feed{day % 4}")
        tick(paper(store, schedule), now=START + timedelta(days=day))
    for edition in store.editions.list():
        passages += [excerpt.text for item in edition.items() for excerpt in item.excerpts]
    assert len(passages) == len(set(passages)) > 0


def test_a_copy_of_what_is_too_old_to_be_looked_through_is_known(store: Store) -> None:
    """Of an article sent long ago, a copy that comes in today is no news."""
    schedule = daily()
    tick(paper(store, schedule), now=START)
    add_article(store, 1, START)
    tick(paper(store, schedule), now=START + timedelta(days=1))
    now = START + timedelta(days=2)
    add_article(store, 1, now - timedelta(hours=1), feed="later")
    stored = [one for one in store.articles.candidates(now=now) if one.article.source_id == "feeds/later/1"]
    young = read_candidates(store, [THEME], schedule, stored, now=now)
    plan = pick(young, [THEME], Memory(), schedule, now=now)
    same: dict[str, str] = {}
    beyond = find_copies(store, plan, young, same, now=now)
    assert [one.article.source_id for one in beyond or ()] == ["feeds/tea/1"]
    assert set(same.values()) == {"feeds/later/1"}


def test_a_reworded_copy_of_what_is_used_up_has_no_room_either() -> None:
    told, reworded = (
        article("seeds/a", "茶价", "今年春天的茶叶贵了。"),
        article("seeds/b", "茶价", "本年春日茶叶涨价。"),
    )
    candidates = [
        Candidate(article=told, scores={}, first_seen_at=START, used=((0, 9),), room=20),
        Candidate(article=reworded, scores={}, first_seen_at=START, room=200),
    ]
    shared = sharing(candidates, {"seeds/a": "seeds/a", "seeds/b": "seeds/a"})
    assert [one.room for one in shared] == [20, 20]


def test_an_edition_for_review_is_not_sent_before_it_is_approved(store: Store) -> None:
    store.subscribers.add(reader("a"), actor="test", now=START)
    add_article(store, 1, START)
    schedule = daily(review=True)
    tick(paper(store, schedule), now=START)
    now = START + timedelta(days=1)
    assert tick(paper(store, schedule), now=now)[0].edition == 1
    with store.owners.register() as owner:
        assert not store.ledger.claim(owner, limit=9, lease_s=60, now=now)
        store.editions.set_status(1, "ready")
        tick(paper(store, schedule), now=now)
        assert len(store.ledger.claim(owner, limit=9, lease_s=60, now=now)) == 1


def test_what_stands_still_is_told(store: Store) -> None:
    store.subscribers.add(reader("a"), actor="test", now=START)
    add_article(store, 1, START)
    tick(paper(store, daily()), now=START)
    slot, minute = START + timedelta(days=1), timedelta(minutes=1)

    def late(minutes: int) -> list[str]:
        return overdue(paper(store, daily()), now=slot + minutes * minute)

    assert late(14) == []
    assert late(16) == [
        "daily: the edition of 2026-01-02 00:00 UTC is overdue"
    ]  # though it could not be noted
    store.slots.add("daily", [slot], now=START)
    assert late(16) == ["daily: the edition of 2026-01-02 00:00 UTC is overdue"]
    store.state.set_paused("daily", True)
    assert late(16) == []
    store.state.set_paused("daily", False)
    assert tick(paper(store, daily()), now=slot + 20 * minute)[0].edition == 1
    assert late(40) == []
    assert "mail has been due" in late(60)[0]
