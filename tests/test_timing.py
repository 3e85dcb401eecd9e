from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest.timing import by_zone, check, slots


def moments(cron: str, zone: str, start: datetime, days: int) -> list[datetime]:
    return list(slots(cron, zone, after=start, until=start + timedelta(days=days)))


def local(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M")


def test_clocks_going_forward_move_a_slot_and_skip_none() -> None:
    found = moments("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 27, tzinfo=UTC), 4)
    assert [local(m, "Europe/Berlin") for m in found] == [
        "03-27 02:30",
        "03-28 02:30",
        "03-29 03:30",
        "03-30 02:30",
    ]


def test_clocks_going_back_show_a_time_twice_and_make_one_slot() -> None:
    found = moments("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC), 3)
    assert len(found) == 3
    assert [local(m, "Europe/Berlin") for m in found][1] == "10-25 02:30"
    assert found[1].hour == 0


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tehran"])
def test_ten_years_of_mornings_have_one_slot_each(zone: str) -> None:
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    found = moments("0 8 * * *", zone, start, 3653)
    days = [m.astimezone(ZoneInfo(zone)).date() for m in found]
    assert len(found) == len(set(days)) == 3653
    assert all(m.astimezone(ZoneInfo(zone)).hour == 8 for m in found)


def test_counting_goes_on_where_it_stopped_however_often_it_is_asked() -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)
    whole = moments("0 */3 * * 1-5", "Europe/London", start, 60)
    after, pieces = start, []
    for hours in range(0, 60 * 24, 7):
        found = list(
            slots("0 */3 * * 1-5", "Europe/London", after=after, until=start + timedelta(hours=hours))
        )
        pieces += found
        after = found[-1] if found else after
    assert pieces == [m for m in whole if m <= start + timedelta(hours=7 * (len(range(0, 60 * 24, 7)) - 1))]


def test_a_leap_day_comes_when_it_comes() -> None:
    found = moments("0 8 29 2 *", "UTC", datetime(2025, 1, 1, tzinfo=UTC), 8 * 366)
    assert [m.year for m in found] == [2028, 2032]


def test_each_zone_gets_the_same_wall_clock_time() -> None:
    slot = datetime(2026, 1, 5, 0, tzinfo=UTC)  # 8:00 in Shanghai
    due = by_zone(slot, "Asia/Shanghai", ["Asia/Shanghai", "America/Sao_Paulo", "Pacific/Kiritimati"])
    assert {zone: local(moment, zone) for zone, moment in due.items()} == dict.fromkeys(due, "01-05 08:00")


@pytest.mark.parametrize(
    "cron", ["", "8 am", "0 8 * *", "60 8 * * *", "0 8 30 2 *", "@daily", "0 8 * * mon-xyz"]
)
def test_what_is_no_time_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"cron|time"):
        check(cron)
