"""The flow behind the clock: every slot that is due becomes an edition, or a row that says why not.

Slots are rows, so a machine that slept, a clock that jumped and a second process change nothing: each
is made once. Killed between freezing an edition and queueing its deliveries, the next tick queues them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from digest.model import Newsletter, Schedule, Theme
from digest.publish import Rewrite, publish
from digest.timing import Late, by_zone, judge, slots

if TYPE_CHECKING:
    from digest.store import Store

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
    store: "Store",
    themes: Sequence[Theme],
    schedules: Sequence[Schedule],
    newsletter: Newsletter,
    *,
    now: datetime,
    rewriter: Callable[[], Rewrite | None] = lambda: None,
    only: str | None = None,
) -> list[Ticked]:
    """Note the slots that have come since the last tick, and settle those that are due, oldest first.

    A schedule that is met for the first time starts now: it has no past to catch up with.

    Args:
        rewriter: Makes what ``publish`` takes as *rewrite*, a new one for each edition.
        only: Settle this schedule's.
    """
    queue(store, schedules, newsletter, now=now)
    return [
        _settle(store, themes, schedule, newsletter, slot, due_at, now, rewriter)
        for schedule, slot, due_at in _due(store, schedules, newsletter, now)
        if only is None or schedule.id == only
    ]


def waiting(
    store: "Store", schedules: Sequence[Schedule], newsletter: Newsletter, *, now: datetime
) -> set[str]:
    """The schedules for which :func:`tick` would do something now."""
    unplanned = {store.editions.get(number).schedule for number in store.ledger.unplanned()}
    return unplanned | {schedule.id for schedule, _, _ in _due(store, schedules, newsletter, now)}


def _due(
    store: "Store", schedules: Sequence[Schedule], newsletter: Newsletter, now: datetime
) -> Iterator[tuple[Schedule, datetime, datetime]]:
    """Slots that are due and not settled, oldest first by schedule, with when the first reader's came."""
    for schedule in schedules:
        if schedule.cron is None or store.state.is_paused(schedule.id):
            continue
        horizon = now + (_AHEAD if schedule.timezone == READERS else timedelta(0))
        after = _known_until(store, schedule, now, horizon)
        moments = slots(schedule.cron, zone(schedule, newsletter), after=after, until=horizon)
        store.slots.add(schedule.id, moments, now=now)
        for due in store.slots.due(now=horizon, schedule=schedule.id):
            due_at = min(_by_zone(store, schedule, newsletter, due.slot).values(), default=due.slot)
            if due_at <= now:
                yield schedule, due.slot, due_at


def missed(
    store: "Store", schedules: Sequence[Schedule], newsletter: Newsletter, *, now: datetime
) -> Iterator[tuple[str, datetime]]:
    """Slots that have come by *now* and are not settled, by schedule; the first of those not even noted."""
    for schedule in schedules:
        if schedule.cron is None or store.state.is_paused(schedule.id):
            continue
        yield from ((schedule.id, one.slot) for one in store.slots.due(now=now, schedule=schedule.id))
        latest, since = store.slots.latest(schedule.id), store.state.get(f"since:{schedule.id}")
        if latest or since:
            after = latest.slot if latest else datetime.fromisoformat(since)
            moments = slots(schedule.cron, zone(schedule, newsletter), after=after, until=now)
            yield from ((schedule.id, moment) for moment in islice(moments, 1))


def next_slot(schedule: Schedule, newsletter: Newsletter, *, now: datetime) -> datetime | None:
    """When the schedule is due next, by the newsletter's clock; None when it never is by itself."""
    if schedule.cron is None:
        return None
    year = now + timedelta(days=4 * 366)
    return next(slots(schedule.cron, zone(schedule, newsletter), after=now, until=year), None)


def next_slots(
    schedules: Sequence[Schedule], newsletter: Newsletter, *, now: datetime
) -> dict[str, datetime | None]:
    """The same of all, by id."""
    return {one.id: next_slot(one, newsletter, now=now) for one in schedules}


def _settle(
    store: "Store",
    themes: Sequence[Theme],
    schedule: Schedule,
    newsletter: Newsletter,
    slot: datetime,
    due_at: datetime,
    now: datetime,
    rewriter: Callable[[], Rewrite | None],
) -> Ticked:
    from digest.store import SlotState

    def close(state: SlotState, reason: str) -> Ticked:
        store.slots.close(schedule.id, slot, state, now=now, reason=reason)
        return Ticked(schedule=schedule.id, slot=slot, edition=None, reason=reason)

    fate = judge(due_at, now=now, grace=timedelta(seconds=schedule.grace_s), late=Late(schedule.late))
    if fate is not Late.SEND:
        state = {Late.FOLD: SlotState.FOLDED, Late.DROP: SlotState.DROPPED}[fate]
        return close(state, f"found {(now - due_at).total_seconds() / 3600:.1f} h late")
    rewrite = rewriter()
    made = publish(store, themes, schedule, slot=slot, now=now, language=newsletter.language, rewrite=rewrite)
    if made.edition is None:
        return close(SlotState.MADE, made.plan.skipped[-1].why)
    queue(store, [schedule], newsletter, now=now)
    number, note = made.edition.number, "; ".join(made.notes)
    return Ticked(schedule=schedule.id, slot=slot, edition=number, reason=note)


def queue(store: "Store", schedules: Sequence[Schedule], newsletter: Newsletter, *, now: datetime) -> None:
    """Queue the deliveries of every edition that has not been queued to the end; the store knows which."""
    known = {schedule.id: schedule for schedule in schedules}
    for number in store.ledger.unplanned():
        edition = store.editions.get(number)
        schedule = known.get(edition.schedule, Schedule(id=edition.schedule))
        due = _by_zone(store, schedule, newsletter, edition.slot)
        store.ledger.plan(number, now=now, due_by_zone=due or None)


def _by_zone(
    store: "Store", schedule: Schedule, newsletter: Newsletter, slot: datetime
) -> Mapping[str, datetime]:
    """When the slot comes for readers of each zone; empty when all get it at once."""
    if schedule.timezone != READERS:
        return {}
    return by_zone(slot, newsletter.timezone, {newsletter.timezone, *store.subscribers.timezones()})


def zone(schedule: Schedule, newsletter: Newsletter) -> str:
    """Whose clock the schedule's times are read on; the newsletter's for editions at each reader's hour."""
    own = schedule.timezone
    return newsletter.timezone if own is None or own == READERS else own


def _known_until(store: "Store", schedule: Schedule, now: datetime, horizon: datetime) -> datetime:
    """Up to where slots have been noted."""
    latest = store.slots.latest(schedule.id)
    if latest:
        if latest.slot > now + _ASTRAY:
            store.slots.reopen(schedule.id, until=horizon, settled_after=now + _ASTRAY)
        return latest.slot
    key = f"since:{schedule.id}"
    since = store.state.get(key)
    if since and (moment := datetime.fromisoformat(since)) <= horizon:
        return moment
    store.state.set(key, now.isoformat())
    return now
