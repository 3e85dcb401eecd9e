"""Writes to the ledger for all connections at once.

A commit that survives a power cut costs about as much as sending a message, so what the connections
ask for while one is running goes into the next. Outcomes are written with the marks or before them:
a connection's last message is settled when its next can be on the wire.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from digest.errors import StoreError
from digest.model import DeliveryState
from digest.store import Outcome

if TYPE_CHECKING:
    from digest.store import Claim
    from digest.store.ledger import Ledger

log = logging.getLogger("digest.deliver")

P = ParamSpec("P")
T = TypeVar("T")

_OUTCOMES_WAIT_S = 0.02
_MARKS_WAIT_S = 0.002
_LATE = 8
"""A group is written when all connections at work but so many wait for their marks, or after the time above:
it costs nearly the same however many are in it (docs/performance.md). Few connections never wait."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0


class Scribe:
    """The ledger's threads: one group at a time, and beside it, where that helps, a claim of the next rows.

    Pauses and retries while the ledger cannot be written.

    Args:
        give_up_s: How long it may stay unwritable once stopping; then StoreError is raised.
        at_work: How many connections may ask for a mark at the same time.
        on_refused: Told of each final refusal by a server, in the thread.
    """

    def __init__(
        self,
        ledger: "Ledger",
        clock: Callable[[], datetime],
        stop: asyncio.Event,
        *,
        give_up_s: float,
        at_work: Callable[[], int],
        on_refused: "Callable[[Claim, int, str], object] | None" = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._stop = stop
        self._give_up_s = give_up_s
        self._at_work = at_work
        self._threads: Executor = ThreadPoolExecutor(ledger.at_once, "ledger")
        self._marks: list[tuple[Claim, asyncio.Future[bool]]] = []
        self._outcomes: list[Outcome] = []
        self._on_refused = on_refused
        self._refusals: list[tuple[Claim, int, str]] = []
        self._flushes: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.paused: str = ""
        self.fenced = 0
        """Outcomes that named a lease somebody else has taken over."""

    def mark(self, claim: "Claim") -> "asyncio.Future[bool]":
        """Record that the message may now be out; False when it must not go out after all."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks.append((claim, future))
        if len(self._marks) >= self._at_work() - _LATE:
            self._wake.set()
        elif len(self._marks) == 1:
            self._soon(_MARKS_WAIT_S)
        return future

    def settle(
        self, claim: "Claim", state: DeliveryState, code: int | None, text: str, next_at: datetime | None
    ) -> None:
        """Record an outcome with the next group, soon."""
        self._outcomes.append(Outcome(claim, state, code, text, next_at))
        self._soon(_OUTCOMES_WAIT_S)

    def _soon(self, seconds: float) -> None:
        """Write a group in so long, unless it is written before."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_later(seconds, self._wake.set)

    def refused(self, claim: "Claim", code: int, text: str) -> None:
        """Tell of a refusal once it is settled."""
        if self._on_refused is not None:
            self._refusals.append((claim, code, text))

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a ledger function in a thread, again and again until the store takes it.

        Raises:
            StoreError: still unwritable a while after being asked to stop.
        """
        pause_s, stopping_at = _FIRST_PAUSE_S, None
        loop = asyncio.get_running_loop()
        while True:
            try:
                result = await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
            except StoreError as error:
                if not self.paused:
                    log.warning(
                        "nothing is sent while the ledger cannot be written, it goes on after: %s", error
                    )
                self.paused = str(error)
                now = time.monotonic()
                if self._stop.is_set():
                    stopping_at = stopping_at or now
                if stopping_at is not None and now - stopping_at > self._give_up_s:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            else:
                if self.paused:
                    log.warning("the ledger can be written again, sending goes on")
                self.paused = ""
                return result

    async def flush(self) -> None:
        """Return when every outcome handed over so far is in the ledger."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append(future)
        self._wake.set()
        await future

    async def run(self) -> None:
        """Write groups until :meth:`end`."""
        while not (self._ended and not self._marks and not self._outcomes and not self._flushes):
            await self._wake.wait()
            self._wake.clear()
            await self._write_group()

    def end(self) -> None:
        """Let :meth:`run` write what is left and return."""
        self._ended = True
        self._wake.set()

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def _write_group(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        marks, self._marks = self._marks, []
        flushes, self._flushes = self._flushes, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            allowed = await self.call(self._write, outcomes, [claim for claim, _ in marks])
        except BaseException as error:
            _fail([future for _, future in marks], error)
            _fail(flushes, error)
            raise
        for claim, future in marks:
            if not future.done():
                future.set_result(claim.id in allowed)
        for flushed in flushes:
            if not flushed.done():
                flushed.set_result(None)
        while self._refusals and self._on_refused is not None:
            await self.call(self._on_refused, *self._refusals.pop())

    def _write(self, outcomes: "Sequence[Outcome]", claims: "Sequence[Claim]") -> frozenset[int]:
        """In the thread: both in one transaction, one wait for the disk."""
        if not outcomes and not claims:
            return frozenset()
        settled, allowed = self._ledger.exchange(outcomes, claims, now=self._clock())
        self.fenced += len(outcomes) - settled
        return frozenset(claim.id for claim in allowed)


def _fail(futures: "Sequence[asyncio.Future[T]]", error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()  # whoever waited may be gone
