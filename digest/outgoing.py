"""Claimed deliveries on their way out: who goes next, who waits, and the letter each becomes."""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

from digest.mail.transport import Letter, Transport, check_envelope, wire_form

if TYPE_CHECKING:
    from digest.store import Claim

_MOST_PARKED = 200
_LONGEST_PARK_S = 30.0


@dataclass(slots=True, eq=False)
class Entry:
    """A claimed row on its way through a run.

    Args:
        expires: When its lease is half over, on the monotonic clock: too late to begin.
        marked: It may be on the wire; from here on only the server's reply ends it.
        blamed: How often a server went into trouble just when it got this one.
    """

    claim: "Claim"
    expires: float
    letter: Letter | None = None
    signing: "asyncio.Future[bytes] | None" = None
    marked: bool = False
    blamed: int = 0


class Outgoing:
    """Rows in the order they were claimed, except that those whose domain must wait are overtaken."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ready: deque[Entry] = deque()
        self._parked: list[tuple[float, int, Entry]] = []
        self._serial = count()
        self.stale: list[Claim] = []
        """Claims too old to begin, to be given back."""

    def __len__(self) -> int:
        return len(self._ready) + len(self._parked)

    def has_room(self, batch: int) -> bool:
        """It is time to claim more."""
        return len(self._ready) <= batch // 2 and len(self._parked) < _MOST_PARKED

    def add(self, claims: Iterable["Claim"], expires: float) -> None:
        self._ready.extend(Entry(claim, expires) for claim in claims)

    def put_back(self, entry: Entry) -> None:
        self._ready.append(entry)

    def take(self) -> Entry | None:
        """The next that may go now; None when none may."""
        if self._transport.wait_s(""):
            return None
        now = time.monotonic()
        while self._parked and self._parked[0][0] <= now:
            entry = heapq.heappop(self._parked)[2]
            if self._may_go(entry, now):
                return entry
        while self._ready and len(self._parked) < _MOST_PARKED:
            entry = self._ready.popleft()
            if self._may_go(entry, now):
                return entry
        return None

    def park(self, entry: Entry, wait_s: float) -> None:
        """Look at it again after so long."""
        heapq.heappush(self._parked, (time.monotonic() + wait_s, next(self._serial), entry))

    def wait_s(self, otherwise: float) -> float:
        """Seconds until :meth:`take` may give something; *otherwise* when nothing is waiting for a moment."""
        resting_s = self._transport.wait_s("")
        parked_s = self._parked[0][0] - time.monotonic() if self._parked else otherwise
        return max(0.002, min(resting_s or parked_s, otherwise))

    def next_in_line(self, most: int) -> list[Entry]:
        return list(islice(self._ready, most))

    def clear(self) -> list["Claim"]:
        """Everything left, taken out."""
        left = [entry.claim for entry in self._ready] + [entry.claim for _, _, entry in self._parked]
        left += self.stale
        self._ready.clear()
        self._parked.clear()
        self.stale.clear()
        return left

    def _may_go(self, entry: Entry, now: float) -> bool:
        if now > entry.expires:
            self.stale.append(entry.claim)
            return False
        wait_s = self._transport.wait_s(entry.claim.address)
        if wait_s:
            self.park(entry, min(wait_s, _LONGEST_PARK_S))
        return not wait_s


@dataclass
class Scriptorium:
    """Turns entries into letters, each when it is due.

    Args:
        sign: Then the next in line are built and signed with each, in a thread and in one go: a
            thread hop for every message costs more than signing it.
        wired: *build* gives what :func:`wire_form` makes.
    """

    build: "Callable[[Claim], bytes]"
    return_path: "Callable[[Claim], str]"
    sign: Callable[[bytes], bytes] | None
    wired: bool

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def letter(self, entry: Entry, next_in_line: Callable[[], Sequence[Entry]]) -> Letter:
        """Whatever *build* and *sign* raise for this one, and ValueError for an address not to be used."""
        if entry.letter is not None:
            return entry.letter
        if self.sign is None:
            message = self.build(entry.claim)
        else:
            if entry.signing is None:
                self._sign_ahead([entry, *(one for one in next_in_line() if one.signing is None)], self.sign)
            assert entry.signing is not None
            message = await entry.signing
        sender = self.return_path(entry.claim)
        check_envelope(sender, entry.claim.address)
        content = message if self.wired else wire_form(message)
        entry.letter = Letter(sender=sender, recipient=entry.claim.address, content=content)
        return entry.letter

    def _sign_ahead(self, entries: list[Entry], sign: Callable[[bytes], bytes]) -> None:
        loop = asyncio.get_running_loop()
        for entry in entries:
            entry.signing = loop.create_future()
        task = asyncio.create_task(self._sign(entries, sign))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sign(self, entries: list[Entry], sign: Callable[[bytes], bytes]) -> None:
        built = [_attempt(self.build, entry.claim) for entry in entries]
        signed = await asyncio.to_thread(_sign_all, built, sign)
        for entry, message in zip(entries, signed, strict=True):
            future = entry.signing
            if future is None or future.done():  # whoever waited was cancelled
                continue
            if isinstance(message, Exception):
                future.set_exception(message)
                future.exception()  # it may be given back before anybody asks
            else:
                future.set_result(message)


def _attempt(build: "Callable[[Claim], bytes]", claim: "Claim") -> bytes | Exception:
    try:
        return build(claim)
    except Exception as error:
        return error


def _sign_all(built: Sequence[bytes | Exception], sign: Callable[[bytes], bytes]) -> list[bytes | Exception]:
    signed: list[bytes | Exception] = []
    for message in built:
        try:
            signed.append(message if isinstance(message, Exception) else sign(message))
        except Exception as error:
            signed.append(error)
    return signed
