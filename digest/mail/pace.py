"""How fast a server or a domain may be served, by one process or all together; when a failing server is tried
again.

Arithmetic on a monotonic clock in seconds; whoever asks does the waiting.
"""

import asyncio
import heapq
import time
from collections.abc import Callable

from digest.errors import StoreError
from digest.mail.transport import Limit

_FIRST_SLOW_S = 0.1
_SLOWEST_S = 60.0
_NO_LONGER_SLOW_S = 0.01
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


class Pace:
    """Even spacing that widens when the other side asks for less and narrows while it accepts."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._least_s = limit.interval_s
        self._slow_s = 0.0
        self._heard = 0.0
        self._next = 0.0
        self.busy = 0

    @property
    def interval_s(self) -> float:
        return max(self._least_s, self._slow_s)

    def wait_s(self, now: float) -> float:
        """Seconds until one more may go. A full house looks again after a moment."""
        if self._limit.connections is not None and self.busy >= self._limit.connections:
            return max(0.05, self._next - now)
        return self._next - now if self._next > now else 0.0

    def take(self, now: float) -> None:
        """One is going now."""
        self.busy += 1
        if self._least_s or self._slow_s:
            self._next = max(now, self._next) + self.interval_s

    def give_back(self) -> None:
        self.busy -= 1

    def slower(self, now: float) -> None:
        """The other side is overtaxed: double the spacing, at most a message a minute.

        What was sent before it was heard says nothing of the new spacing.
        """
        if now < self._heard:
            return
        self._slow_s = min(_SLOWEST_S, max(_FIRST_SLOW_S, 2 * self.interval_s))
        self._next = max(self._next, now + self._slow_s)
        self._heard = now + self._slow_s

    def faster(self) -> None:
        """A message was accepted: a tenth off the extra spacing."""
        if self._slow_s:
            self._slow_s *= 0.9
            if self._slow_s < _NO_LONGER_SLOW_S:
                self._slow_s = 0.0


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


class Breaker:
    """Keeps a failing server from being stormed: rests after trouble, longer each time.

    Until a connection has worked (``proven``) only one is tried at a time.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.proven = False
        self._failures = 0
        self._until = 0.0

    def trip(self, now: float, reason: str, *, first_s: float = 2.0, most_s: float = 900.0) -> None:
        """Rest; connections that fail together count once."""
        self.proven = False
        self.reason = reason
        if now < self._until:
            return
        self._until = now + min(most_s, first_s * 2.0**self._failures)
        self._failures += 1

    def served(self) -> None:
        """A message got its reply: all is well again."""
        self.proven = True
        if self._failures:
            self._failures, self._until, self.reason = 0, 0.0, ""

    def wait_s(self, now: float) -> float:
        return self._until - now if self._until > now else 0.0
