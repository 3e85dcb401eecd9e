"""Writes to the ledger for all connections at once.

A commit that survives a power cut costs about as much as sending a message, so what the connections
ask for while one is running goes into the next. Outcomes are written with the marks or before them:
a connection's last message is settled when its next can be on the wire.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar

from digest.errors import StoreError
from digest.store import Claim, Outcome
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


@dataclass
class Scribe:
    """The ledger's threads: one group at a time, and beside it, where that helps, a claim of the next rows.

    Pauses and retries while the ledger cannot be written.

    Args:
        give_up_s: How long it may stay unwritable once stopping; then StoreError is raised.
        at_work: How many connections may ask for a mark at the same time.
        on_refused: Told of each final refusal by a server, in the thread.
    """

    ledger: Ledger
    clock: Callable[[], datetime]
    stop: asyncio.Event
    give_up_s: float
    at_work: Callable[[], int]
    on_refused: Callable[[Claim, int, str], object] | None

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(self.ledger.at_once, "ledger")
        self._marks: list[tuple[Claim, asyncio.Future[bool]]] = []
        self._outcomes: list[Outcome] = []
        self._refusals: list[tuple[Claim, int, str]] = []
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.paused: str = ""
        self.fenced = 0
        """Outcomes that named a lease somebody else has taken over."""

    def mark(self, claim: Claim) -> "asyncio.Future[bool]":
        """Record that the message may now be out; False when it must not go out after all."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks.append((claim, future))
        if len(self._marks) >= self.at_work() - _LATE:
            self._wake.set()
        elif len(self._marks) == 1:
            self._soon(_MARKS_WAIT_S)
        return future

    def settle(self, outcome: Outcome) -> None:
        """Record it with the next group, soon."""
        self._outcomes.append(outcome)
        self._soon(_OUTCOMES_WAIT_S)

    def _soon(self, seconds: float) -> None:
        """Write a group in so long, unless it is written before."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_later(seconds, self._wake.set)

    def refused(self, claim: Claim, code: int, text: str) -> None:
        """Tell of a refusal once it is settled."""
        if self.on_refused is not None:
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
                    told = "nothing is sent while the ledger cannot be written, it goes on after: %s"
                    log.warning(told, error)
                self.paused = str(error)
                now = time.monotonic()
                if self.stop.is_set():
                    stopping_at = stopping_at or now
                if stopping_at is not None and now - stopping_at > self.give_up_s:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            else:
                if self.paused:
                    log.warning("the ledger can be written again, sending goes on")
                self.paused = ""
                return result

    async def run(self) -> None:
        """Write groups until :meth:`end`."""
        while not (self._ended and not self._marks and not self._outcomes):
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    def end(self) -> None:
        """Let :meth:`run` write what is left and return."""
        self._ended = True
        self._wake.set()

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def flush(self) -> None:
        """Return when everything handed over so far is in the ledger."""
        async with self._writing:
            outcomes, self._outcomes = self._outcomes, []
            marks, self._marks = self._marks, []
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            allowed = await self.call(self._write, outcomes, [claim for claim, _ in marks])
            for claim, future in marks:
                if not future.done():  # whoever waited may be gone
                    future.set_result(claim.id in allowed)
            while self._refusals and self.on_refused is not None:
                await self.call(self.on_refused, *self._refusals.pop())

    def _write(self, outcomes: Sequence[Outcome], claims: Sequence[Claim]) -> frozenset[int]:
        """In the thread: both in one transaction, one wait for the disk."""
        if not outcomes and not claims:
            return frozenset()
        settled, allowed = self.ledger.exchange(outcomes, claims, now=self.clock())
        self.fenced += len(outcomes) - settled
        return frozenset(claim.id for claim in allowed)
