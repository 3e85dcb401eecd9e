"""The flow behind the clock: every slot that is due becomes an edition, or a row that says why not.

Slots are rows, so a machine that slept, a clock that jumped and a second process change nothing: each
is made once. Killed between freezing an edition and queueing its deliveries, the next tick queues them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from digest.model import Schedule
from digest.publish import Paper, publish
from digest.store import SlotState, Store
from digest.timing import by_zone, slots

if TYPE_CHECKING:
    from digest.rewriting import Rewriter

READERS = "reader"
_AHEAD = timedelta(hours=26)
"""A reader's morning comes at most so long before the newsletter's (UTC-12 and UTC+14)."""
_ASTRAY = timedelta(days=2)
"""What was settled so far ahead was settled by a clock that has been set right since, and counts for nothing
when its time comes; clocks of two hosts differ less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What became of one slot: an edition's number and any note on it, or None and the reason."""

    schedule: str
    slot: datetime
    edition: int | None
    reason: str = ""


def tick(
    paper: Paper,
    *,
    now: datetime,
    rewriter: "Callable[[], Rewriter | None]" = lambda: None,
    only: str | None = None,
) -> list[Ticked]:
    """Note the slots that have come since the last tick, and settle those that are due, oldest first.

    A schedule that is met for the first time starts now: it has no past to catch up with.

    Args:
        rewriter: Makes what ``publish`` takes as *rewrite*, a new one for each edition.
        only: Settle this schedule's.
    """
    queue(paper, now=now)
    return [
        _settle(paper, schedule, slot, due_at, now, rewriter)
        for schedule, slot, due_at in _due(paper, now)
        if only is None or schedule.id == only
    ]


def waiting(paper: Paper, *, now: datetime) -> set[str]:
    """The schedules for which :func:`tick` would do something now."""
    unplanned = {paper.store.editions.get(number).schedule for number in paper.store.ledger.unplanned()}
    return unplanned | {schedule.id for schedule, _, _ in _due(paper, now)}


def _due(paper: Paper, now: datetime) -> Iterator[tuple[Schedule, datetime, datetime]]:
    """Slots that are due and not settled, oldest first by schedule, with when the first reader's came."""
    store = paper.store
    for schedule in paper.running():
        horizon = now + (_AHEAD if schedule.timezone == READERS else timedelta(0))
        after = _known_until(store, schedule, now, horizon)
        store.slots.add(schedule.id, moments(paper, schedule, after=after, until=horizon), now=now)
        for slot in store.slots.due(schedule.id, now=horizon):
            due_at = min(_by_zone(paper, schedule, slot).values(), default=slot)
            if due_at <= now:
                yield schedule, slot, due_at


def missed(paper: Paper, *, now: datetime) -> Iterator[tuple[str, datetime]]:
    """Slots that have come by *now* and are not settled, by schedule; the first of those not even noted."""
    store = paper.store
    for schedule in paper.running():
        yield from ((schedule.id, slot) for slot in store.slots.due(schedule.id, now=now))
        latest, since = store.slots.latest(schedule.id), store.state.get(f"since:{schedule.id}")
        if latest or since:
            after = latest or datetime.fromisoformat(since)
            unnoted = moments(paper, schedule, after=after, until=now)
            yield from ((schedule.id, moment) for moment in islice(unnoted, 1))


def next_slot(paper: Paper, schedule: Schedule, *, now: datetime) -> datetime | None:
    """When the schedule is due next, by the newsletter's clock; None when it never is by itself."""
    return next(moments(paper, schedule, after=now, until=now + timedelta(days=4 * 366)), None)


def moments(paper: Paper, schedule: Schedule, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """When the schedule is due, on its own clock; the newsletter's for editions at each reader's hour."""
    own = schedule.timezone
    zone = paper.newsletter.timezone if own is None or own == READERS else own
    return slots(schedule.cron, zone, after=after, until=until) if schedule.cron else iter(())


def _settle(
    paper: Paper,
    schedule: Schedule,
    slot: datetime,
    due_at: datetime,
    now: datetime,
    rewriter: "Callable[[], Rewriter | None]",
) -> Ticked:
    def close(state: SlotState, reason: str) -> Ticked:
        paper.store.slots.close(schedule.id, slot, state, now=now, reason=reason)
        return Ticked(schedule=schedule.id, slot=slot, edition=None, reason=reason)

    late = now - due_at
    if late > timedelta(seconds=schedule.grace_s) and schedule.late != "send":
        state = SlotState.FOLDED if schedule.late == "fold" else SlotState.DROPPED
        return close(state, f"found {late / timedelta(hours=1):.1f} h late")
    made = publish(paper, schedule, slot=slot, now=now, rewrite=rewriter())
    if made.edition is None:
        return close(SlotState.MADE, made.plan.skipped[-1].why)
    queue(paper, now=now)
    return Ticked(schedule=schedule.id, slot=slot, edition=made.edition.number, reason=made.note)


def queue(paper: Paper, *, now: datetime) -> None:
    """Queue the deliveries of every edition that has not been queued to the end; the store knows which."""
    known = {schedule.id: schedule for schedule in paper.schedules}
    for number in paper.store.ledger.unplanned():
        edition = paper.store.editions.get(number)
        schedule = known.get(edition.schedule, Schedule(id=edition.schedule))
        due = _by_zone(paper, schedule, edition.slot)
        paper.store.ledger.plan(number, now=now, due_by_zone=due or None)


def _by_zone(paper: Paper, schedule: Schedule, slot: datetime) -> Mapping[str, datetime]:
    """When the slot comes for readers of each zone; empty when all get it at once."""
    if schedule.timezone != READERS:
        return {}
    own = paper.newsletter.timezone
    return by_zone(slot, own, {own, *paper.store.subscribers.timezones()})


def _known_until(store: Store, schedule: Schedule, now: datetime, horizon: datetime) -> datetime:
    """Up to where slots have been noted."""
    latest = store.slots.latest(schedule.id)
    if latest:
        if latest > now + _ASTRAY:
            store.slots.reopen(schedule.id, until=horizon, settled_after=now + _ASTRAY)
        return latest
    key = f"since:{schedule.id}"
    since = store.state.get(key)
    if since and (moment := datetime.fromisoformat(since)) <= horizon:
        return moment
    store.state.set(key, now.isoformat())
    return now
