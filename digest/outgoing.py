"""Claimed deliveries on their way out: who goes next, who waits, and whose letters are made ahead."""

import asyncio
import contextlib
import heapq
import time
from collections import deque
from collections.abc import Callable, Container, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice

from digest.mail.transport import Letter, Transport
from digest.store import Claim

_MOST_PARKED = 200
_LONGEST_PARK_S = 30.0
_AHEAD, _GROUP = 64, 16
"""So many letters are made ahead, so many in one errand of a thread: each errand wakes everybody."""


@dataclass(slots=True, eq=False)
class Entry:
    """A claimed row on its way through a run.

    Args:
        expires: When its lease is half over, on the monotonic clock: too late to begin.
        letter: Once made, kept for the next attempt.
        making: A thread is at it; done without a letter, its turn makes it, and tells what is wrong.
        courier: Who has it in hand.
        marked: It may be on the wire; from here on only the server's reply ends it.
        blamed: How often a server went into trouble just when it got this one.
    """

    claim: Claim
    expires: float
    letter: Letter | None = None
    making: Future[None] | None = None
    courier: "asyncio.Task[None] | None" = None
    marked: bool = False
    blamed: int = 0


@dataclass
class Outgoing:
    """Rows in the order they were claimed, except that those whose domain must wait are overtaken.

    Args:
        make: From a claim to its letter.
        makers: Threads that do so ahead of the letters' turns; without any it is done when it is their turn.
        told: Called on the loop when letters are made.
    """

    transport: Transport
    make: Callable[[Claim], Letter]
    makers: int
    told: Callable[[], object]

    def __post_init__(self) -> None:
        self._makers = ThreadPoolExecutor(self.makers, "letters") if self.makers else None
        self._ready: deque[Entry] = deque()
        self._parked: list[tuple[float, int, Entry]] = []
        self._serial = count()
        self.stale: list[Claim] = []
        """Claims too old to begin, to be given back."""

    def __len__(self) -> int:
        return len(self._ready) + len(self._parked)

    def _all(self) -> list[Entry]:
        return [*self._ready, *(entry for _, _, entry in self._parked)]

    def has_room(self, batch: int) -> bool:
        """It is time to claim more."""
        return len(self._ready) <= batch // 2 and len(self._parked) < _MOST_PARKED

    def add(self, claim: Claim, expires: float) -> None:
        self._ready.append(Entry(claim, expires))

    def take(self) -> Entry | None:
        """The next that may go now; None when none may."""
        now = time.monotonic()
        self._make_ahead()
        while (entry := self._first(now)) is not None:
            if entry.making is not None and not entry.making.done():
                self._ready.appendleft(entry)
                break
            if self._may_go(entry, now):
                return entry
            if self.transport.wait_s(""):
                break
        return None

    def letter(self, entry: Entry) -> Letter:
        """Raises whatever making it does."""
        entry.letter = entry.letter or self.make(entry.claim)
        return entry.letter

    def _make_ahead(self) -> None:
        """A group more, once fewer than all but one are in the making or made."""
        most = _AHEAD - _GROUP
        if self._makers is None or (len(self._ready) > most and self._ready[most].making):
            return
        new = [entry for entry in islice(self._ready, _AHEAD) if entry.letter is None and not entry.making]
        loop = asyncio.get_running_loop()
        for at in range(0, len(new), _GROUP):
            group = new[at : at + _GROUP]
            making = self._makers.submit(self._make_all, group)
            making.add_done_callback(lambda _: loop.call_soon_threadsafe(self.told))
            for entry in group:
                entry.making = making

    def _make_all(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            with contextlib.suppress(Exception):  # its turn tells
                self.letter(entry)

    def close(self) -> None:
        if self._makers is not None:
            self._makers.shutdown(cancel_futures=True)

    def _first(self, now: float) -> Entry | None:
        """One that was parked until now, else one that is ready."""
        if self._parked and self._parked[0][0] <= now:
            return heapq.heappop(self._parked)[2]
        return self._ready.popleft() if self._ready and len(self._parked) < _MOST_PARKED else None

    def park(self, entry: Entry, wait_s: float) -> None:
        """Look at it again after so long."""
        heapq.heappush(self._parked, (time.monotonic() + wait_s, next(self._serial), entry))

    def wait_s(self, otherwise: float) -> float:
        """Seconds until :meth:`take` may give something; *otherwise* when nothing is waiting for a moment."""
        resting_s = self.transport.wait_s("")
        parked_s = self._parked[0][0] - time.monotonic() if self._parked else otherwise
        return max(0.002, min(resting_s or parked_s, otherwise))

    def editions(self) -> set[int]:
        return {entry.claim.edition for entry in self._all()}

    def clear(self, ready: Container[int] = ()) -> list[Claim]:
        """Everything left, taken out, but for the deliveries of the editions named."""
        left = self._all()
        self._ready = deque(entry for entry in left if entry.claim.edition in ready)
        self._parked = []
        out = [*self.stale, *(entry.claim for entry in left if entry.claim.edition not in ready)]
        self.stale = []
        return out

    def _may_go(self, entry: Entry, now: float) -> bool:
        if now > entry.expires:
            self.stale.append(entry.claim)
            return False
        wait_s = self.transport.wait_s(entry.claim.address)
        if not wait_s:
            return True
        if self.transport.wait_s(""):
            self._ready.appendleft(entry)  # all must wait
        else:
            self.park(entry, min(wait_s, _LONGEST_PARK_S))
        return False
