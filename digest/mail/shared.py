"""One rate for all processes together: each books blocks of tokens, and spends a token a message."""

import asyncio
import heapq
import time
from collections.abc import Callable

from digest.errors import StoreError
from digest.mail.pace import Pace
from digest.mail.transport import Limit

_BLOCK_S = 0.25
"""The most a block holds is what may go in so long: bookings of one server come to a few a second in all."""
_SPREAD_S = 1.0
"""A block is spent evenly over so long from its turn on. Turns come no faster than the limit lets them, so
what is being spent at any moment adds up to no more than the limit, and several can be at it at once."""
_LATE_S = 0.05
_HEADROOM = 1.05
"""What a token may be spent late, and what the limit is undercut by for that."""
_LOOK_AGAIN_S = 0.02
_PAUSE_S = 1.0

Book = Callable[[float], float]
"""Books the next so many seconds of a server's time; how long until they begin. Blocks; StoreError."""


class SharedPace(Pace):
    """As :class:`Pace`, with tokens that no other process has.

    A token that is not spent in time is lost, so whatever is frozen, killed or cut off, the rate is never
    above the limit. While none can be booked nothing goes.
    """

    def __init__(self, limit: Limit, book: Book) -> None:
        super().__init__(limit)
        self._book = book
        self._most = max(1, int(_BLOCK_S / limit.interval_s)) if limit.interval_s else 0
        self._late_s = max(_LATE_S, limit.interval_s)
        self._tokens: list[float] = []
        self._turn = 0.0
        self._size, self._lost = self._most, 0
        self._booking: asyncio.Task[None] | None = None

    def wait_s(self, now: float) -> float:
        wait_s = super().wait_s(now)
        if not self._most:
            return wait_s
        while self._tokens and self._tokens[0] + self._late_s < now:
            heapq.heappop(self._tokens)
            self._lost += 1
        if self._turn <= now and wait_s < _SPREAD_S:
            self._ask()
        return max(wait_s, self._tokens[0] - now if self._tokens else _LOOK_AGAIN_S)

    def take(self, now: float) -> None:
        self.busy += 1
        if self._tokens:
            heapq.heappop(self._tokens)
        if self._slow_s:
            self._next = max(now, self._next) + self._slow_s

    def _ask(self) -> None:
        if self._booking is None or self._booking.done():
            self._booking = asyncio.get_running_loop().create_task(self._fetch())

    async def _fetch(self) -> None:
        """Book a block; a smaller one when much of the last was lost, so that others may have the rest."""
        wanted = self._size // 2 if self._lost > self._size // 2 else self._size * (1 if self._lost else 2)
        self._size, self._lost = max(1, min(self._most, wanted)), 0
        try:
            wait_s = await asyncio.to_thread(self._book, self._size * self._limit.interval_s * _HEADROOM)
        except StoreError:
            await asyncio.sleep(_PAUSE_S)
            return
        self._turn = time.monotonic() + wait_s
        step_s = max(self._limit.interval_s, _SPREAD_S / self._size)
        for token in range(self._size):
            heapq.heappush(self._tokens, self._turn + token * step_s)
