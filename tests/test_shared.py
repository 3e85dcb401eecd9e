"""Rates that hold for all processes together."""

import asyncio
import time
from bisect import bisect
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from digest.errors import StoreError
from digest.mail.pace import SharedPace
from digest.mail.transport import Limit
from digest.store import open_store


class Calendar:
    """Books as the database does, by our own clock; slow to answer if wanted."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.until = 0.0
        self.booked = 0

    def __call__(self, seconds: float) -> float:
        time.sleep(self.delay_s / 2)
        now = time.monotonic()
        begins = max(now, self.until)
        self.until = begins + seconds
        self.booked += 1
        time.sleep(self.delay_s / 2)
        return begins - now


async def send(pace: SharedPace, sent: list[float], until: float) -> None:
    """As fast as it lets us."""
    while (now := time.monotonic()) < until:
        wait_s = pace.wait_s(now)
        if wait_s:
            await asyncio.sleep(min(wait_s, 0.05))
            continue
        pace.take(now)
        sent.append(now)
        pace.give_back()


async def test_all_together_keep_the_rate_and_use_it() -> None:
    """Servers of several rates at the same time, each with so many senders whose bookings take so long."""
    cases = [(50, 1, 0.0), (50, 3, 0.05), (4, 3, 0.0), (400, 2, 0.02), (1000, 4, 0.0)]
    with ThreadPoolExecutor(20) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        await asyncio.gather(*(keep_the_rate(*case) for case in cases))


HELD_UP_S = 0.04
"""How late a busy machine may let one look at the clock, with the next ones on time."""


async def keep_the_rate(per_second: float, senders: int, delay_s: float) -> None:
    calendar, sent = Calendar(delay_s), list[float]()
    paces = [SharedPace(Limit(per_second=per_second), calendar) for _ in range(senders)]
    began = time.monotonic()
    await asyncio.gather(*(send(pace, sent, began + 2) for pace in paces))
    sent.sort()
    for count_before, first in enumerate(sent):
        within = bisect(sent, first + 1 - HELD_UP_S) - count_before
        assert within <= per_second + senders
    assert len(sent) >= 0.5 * per_second
    assert calendar.booked <= 30


async def test_without_a_limit_nothing_is_booked() -> None:
    calendar, sent = Calendar(), list[float]()
    await send(SharedPace(Limit(), calendar), sent, time.monotonic() + 0.05)
    assert sent and not calendar.booked


async def test_while_nothing_can_be_booked_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.mail.pace._PAUSE_S", 0.01)
    tries, calendar, sent, gone = count(), Calendar(), list[float](), list[int]()

    def book(seconds: float) -> float:
        if next(tries) < 5:
            raise StoreError("gone")
        gone.append(len(sent))
        return calendar(seconds)

    await send(SharedPace(Limit(per_second=100), book), sent, time.monotonic() + 0.5)
    assert sent and gone[0] == 0


def test_bookings_follow_one_another(postgresql_url: str) -> None:
    with open_store(postgresql_url) as one, open_store(postgresql_url) as other:
        assert one.state.book("server relay", 100) == 0
        assert 90 < other.state.book("server relay", 2) <= 100
        assert 92 < one.state.book("server relay", 2) <= 102
        assert other.state.book("server another", 2) == 0
