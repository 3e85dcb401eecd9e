"""When editions are due: wall-clock times of a schedule, and the moments they are in each zone.

A wall-clock time is one slot, whatever the clocks do: where it stands twice (autumn) the first counts,
where it does not stand (spring) the moment is as much later as the gap is wide. So daylight saving
neither doubles nor skips an edition.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_LONGEST = timedelta(days=2)
"""Two zones, and a gap between them, are never further apart (UTC-12 to UTC+14)."""


def slots(cron: str, zone: str, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments of *cron* (five fields, Debian's rules) in *zone* after *after*, up to *until*; ascending.

    Raises:
        ValueError: *cron* is no such expression (see ``check``).
    """
    from cronsim import CronSim

    wall = after.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - _LONGEST
    last = after
    for time in CronSim(cron, wall):
        moment = in_zone(time, zone)
        if moment > until:
            return
        if moment > last:
            last = moment
            yield moment


def check(cron: str) -> None:
    """Raise ValueError when *cron* is not five fields of cron, or names no time that ever comes."""
    from cronsim import CronSim, CronSimError

    if len(cron.split()) != 5:
        raise ValueError(f"{cron!r} is not cron's five fields: minute hour day month weekday")
    try:
        next(CronSim(cron, datetime(2024, 1, 1)))  # noqa: DTZ001 - a wall-clock time
    except (CronSimError, StopIteration):
        raise ValueError(f"{cron!r} names no time; write five fields like 0 8 * * 1-5") from None


def in_zone(wall: datetime, zone: str) -> datetime:
    """The moment a clock in *zone* shows the naive time *wall*, in UTC."""
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def by_zone(slot: datetime, zone: str, zones: Iterable[str]) -> Mapping[str, datetime]:
    """When clocks in each of *zones* show what a clock in *zone* shows at *slot*."""
    wall = slot.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return {other: in_zone(wall, other) for other in zones}
