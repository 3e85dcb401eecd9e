"""Take what is due from the ledger, build it, send it, and record the truth about each reader.

claim -> build -> hand over all but the end -> durable mark -> end -> reply -> outcome. Design section 6
has the states; :mod:`digest.scribe` groups the two durable steps over all connections.
"""

import asyncio
import contextlib
import math
import sys
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from digest.errors import StoreError
from digest.mail.transport import Fate, Letter, Result, Transport
from digest.model import DeliveryState
from digest.outgoing import Entry, Outgoing
from digest.scribe import Scribe
from digest.store import Claim, Outcome
from digest.store.ledger import Ledger

Clock = Callable[[], datetime]

_LOOK_AGAIN_S = 1.0
_TICK_S = 0.1
_RATE_TICKS = 50
_RECOVER_EVERY_S = 30.0
_MOST_BLAMED = 3
_FIRST_RETRY_S, _LONGEST_RETRY_S = 300.0, 4 * 3600.0
LONGEST_LIFE = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How delivery behaves. The defaults are those of the design.

    Args:
        uncertain: ``resend`` or ``hold``: what becomes of a message whose reply was never seen.
        lease_s: Longer than any one message can take, or another sender takes over.
        batch: Rows claimed in one transaction.
        makers: Threads that make letters ahead: worth it where RSA signs, which needs no interpreter.
        patience_s: How long to wait, with nothing else to do, for a server or a retry to come due.
        grace_s: After a stop, how long a message that is not out yet may go on trying to be, and how
            long the ledger may stay unwritable before that is an error.
    """

    uncertain: Literal["resend", "hold"] = "resend"
    lease_s: float = 1800.0
    batch: int = 500
    makers: int = 0
    patience_s: float = 10.0
    grace_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How many deliveries of a run ended how so far.

    Args:
        queued: What was due at its start and has not ended.
        rate: Messages sent a second, lately.
        trouble: One sentence for each server (or store) that cannot be used now.
        fenced: Outcomes refused because another sender had taken over the row.
    """

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    queued: int
    rate: float
    trouble: tuple[str, ...]
    fenced: int
    seconds: float


def retry_at(claim: Claim, now: datetime, life: timedelta = LONGEST_LIFE) -> datetime | None:
    """When to try again: 5 min doubling to 4 h, up to a quarter later; None when the row has expired then.

    The jitter is the row's own, so the same row and attempt give the same moment.

    Args:
        life: How long after its first attempt there is another.
    """
    wait_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(claim.attempts, 16))
    jitter = zlib.crc32(f"{claim.id}:{claim.attempts}".encode()) / 2**32 / 4
    at = now + timedelta(seconds=wait_s * (1 + jitter))
    return None if has_expired(claim, at, life) else at


def has_expired(claim: Claim, now: datetime, life: timedelta) -> bool:
    return now >= claim.first_at + life


@dataclass
class Sender:
    """Deliver everything due, and wait a little (*policy.patience_s*) for what comes due.

    A task claims, one a connection sends, one writes.

    Args:
        write: Makes a row's letter; what it raises fails that one row with the reason.
        owner: Names this one among all senders; never used twice.
        edition: Only this one's deliveries.
        life: Of an edition: how long it is tried again. Called in the ledger's thread, once each.
        at_most: Claim no more rows than this.
        stop: When set: claim no more, finish what is on the wire, give the leases back, return.
        expecting: Whether rows are still being queued, so that running dry is not the end.
        owner_gone: Whether the owner of a lease is provably gone, so that its rows need not wait.
        on_refused: Told of each final refusal by a server (code, text), in the ledger's thread.
        on_progress: Called several times a second, and at the end, from the event loop.

    Raises:
        StoreError: The ledger could not be written for long after a stop. Nothing unrecorded was sent.
    """

    ledger: Ledger
    write: Callable[[Claim], Letter]
    transport: Transport
    _: KW_ONLY
    owner: str
    policy: Policy = Policy()
    clock: Clock = lambda: datetime.now(UTC)
    edition: int | None = None
    life: Callable[[int], timedelta] = lambda edition: LONGEST_LIFE
    at_most: int = sys.maxsize
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    expecting: Callable[[], bool] = lambda: False
    owner_gone: Callable[[str], bool] = lambda owner: False
    on_refused: Callable[[Claim, int, str], object] | None = None
    on_progress: Callable[[Report], None] | None = None

    def __post_init__(self) -> None:
        self.scribe = Scribe(
            self.ledger, self.clock, self.stop,
            give_up_s=self.policy.grace_s, at_work=lambda: self._carrying, on_refused=self.on_refused,
        )  # fmt: skip
        self.outgoing = Outgoing(self.transport, self.write, self.policy.makers, self.look_again)
        self.counts: Counter[str] = Counter()
        self.holding: dict[Letter, Entry] = {}
        self._lives: dict[int, timedelta] = {}
        self._carrying = 0
        self._pulse = asyncio.Event()
        self._done = False
        self._is_low = False
        self._queued = 0
        self._began = time.monotonic()

    async def run(self) -> Report:
        """From the first claim to the last row given back."""
        await self._recover()
        if self.on_progress:
            self._queued = await self.scribe.call(self.ledger.due, now=self.clock(), edition=self.edition)
        helping = [asyncio.create_task(self._tick()), asyncio.create_task(self._watch_stop())]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.scribe.run())
                self._couriers = [tasks.create_task(self._carry()) for _ in range(self.transport.connections)]
                await self._feed()
                self._done = True
                self.look_again()
                await asyncio.wait(self._couriers)
                cut_off = [entry.claim for entry in self.holding.values()]
                await self._release([*self.outgoing.clear(), *cut_off])
                self.scribe.end()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed.exceptions[0].__cause__
        finally:
            for task in helping:
                task.cancel()
            self.scribe.close()
            self.outgoing.close()
        report = self._report()
        if self.on_progress:
            self.on_progress(report)
        return report

    # Claiming

    async def _feed(self) -> None:
        """Keep the couriers in work until nothing is due, or somebody says stop."""
        recovered_at = looked_at = time.monotonic()
        while not self.stop.is_set() and self.at_most:
            if time.monotonic() - looked_at > _LOOK_AGAIN_S:
                looked_at = time.monotonic()
                await self._drop_stopped()
            if not self.outgoing.has_room(self.policy.batch):
                await self._wait(_LOOK_AGAIN_S)
            elif not await self._claim() and not await self._idle():
                return
            if time.monotonic() - recovered_at > _RECOVER_EVERY_S:
                recovered_at = time.monotonic()
                await self._recover()
            if self._is_hopeless() and not self._carrying:
                return

    async def _drop_stopped(self) -> None:
        """Give back what is not out yet of editions somebody has stopped."""
        in_hand = self.outgoing.editions()
        ready = await self.scribe.call(self.ledger.ready, in_hand)
        if in_hand - ready:
            await self._release(self.outgoing.clear(ready))

    async def _claim(self) -> int:
        """Claim a batch for the couriers; how many rows it had. While no server can be used, wait instead."""
        if resting_s := self.transport.wait_s(""):
            await self._wait(min(_LOOK_AGAIN_S, resting_s))
            return 1
        expires = time.monotonic() + self.policy.lease_s / 2
        claims = await self.scribe.call(
            self.ledger.claim,
            self.owner,
            limit=min(self.policy.batch, self.at_most),
            lease_s=self.policy.lease_s,
            now=self.clock(),
            edition=self.edition,
        )
        self.at_most -= len(claims)
        for number in {claim.edition for claim in claims} - self._lives.keys():
            self._lives[number] = await self.scribe.call(self.life, number)
        now = self.clock()
        for claim in claims:
            if has_expired(claim, now, self._lives[claim.edition]):
                self._settle(claim, DeliveryState.FAILED, 0, "expired")
            else:
                self.outgoing.add(claim, expires)
        self._is_low = False
        self.look_again()
        return len(claims)

    async def _idle(self) -> bool:
        """Nothing is due. Wait for what is in hand or comes due soon; False when there is nothing."""
        if self._carrying or self.outgoing:
            await self._wait(_LOOK_AGAIN_S)
            return True
        await self.scribe.flush()
        if await self._release(self.outgoing.clear()) or await self._recover():
            return True
        due = await self.scribe.call(self.ledger.next_due, self.edition)
        wait_s = (due - self.clock()).total_seconds() if due else math.inf
        if self.expecting():
            wait_s = _TICK_S
        elif wait_s > self.policy.patience_s:
            return False
        await self._wait(max(0.05, min(wait_s, _LOOK_AGAIN_S)))
        return True

    async def _recover(self) -> int:
        """Take back what gone senders left; how many rows that put in the queue."""

        def is_gone(owner: str) -> bool:
            """Never ourselves, though a restarted database may have forgotten us."""
            return owner != self.owner and self.owner_gone(owner)

        now, policy = self.clock(), self.policy.uncertain
        return await self.scribe.call(self.ledger.recover, now=now, policy=policy, owner_gone=is_gone)

    async def _release(self, claims: Sequence[Claim]) -> int:
        if not claims:
            return 0
        return await self.scribe.call(self.ledger.release, tuple(claims), now=self.clock())

    def _is_hopeless(self) -> bool:
        """No server can be used, for longer than we are to wait; one that is merely paced can."""
        return self.transport.wait_s("") > self.policy.patience_s and bool(self.transport.trouble())

    # Sending

    async def _carry(self) -> None:
        """A courier: takes letters to the transport, one connection's at a time."""
        while (letter := await self._first()) is not None:
            self._carrying += 1
            try:
                await self.transport.carry(letter, self)
            finally:
                self._carrying -= 1
            self.look_again()

    async def _first(self) -> Letter | None:
        """As :meth:`next`, but wait for one; None when there will be none."""
        while not self.stop.is_set():
            letter = self.next()
            if letter is not None:
                return letter
            if self._done and (not self.outgoing or self._is_hopeless()):
                return None
            await self._wait(self.outgoing.wait_s(_LOOK_AGAIN_S))
        return None

    def next(self) -> Letter | None:
        """The next that may go; None when there is none, or when it is to end."""
        while not self.stop.is_set():
            entry = self.outgoing.take()
            if not self._is_low and self.outgoing.has_room(self.policy.batch):
                self._is_low = True
                self.look_again()
            if entry is None:
                return None
            try:
                letter = self.outgoing.letter(entry)
            except StoreError:  # nothing is wrong with the letter
                self.outgoing.park(entry, _LOOK_AGAIN_S)
                return None
            except Exception as error:  # one reader's bad data must not stop the others
                self._settle(entry.claim, DeliveryState.FAILED, 0, f"cannot be built: {error}")
            else:
                entry.courier = asyncio.current_task()
                self.holding[letter] = entry
                return letter
        return None

    async def mark(self, letter: Letter) -> bool:
        """Durable, and still ours: a sender that was frozen past its lease must not go on."""
        entry = self.holding[letter]
        entry.marked = True
        if not await self.scribe.mark(entry.claim):
            self.counts["suppressed"] += 1
            return False
        if time.monotonic() < entry.expires + self.policy.lease_s / 2:
            return True
        self.outgoing.stale.append(entry.claim)
        return False

    def settle(self, letter: Letter, result: Result) -> None:
        """Read a result into the ledger's terms."""
        entry = self.holding.pop(letter)
        claim, code, text = entry.claim, result.code, result.text
        match result.fate:
            case Fate.SENT | Fate.UNKNOWN:
                self._settle(claim, DeliveryState(result.fate), code, text)
            case Fate.REFUSED:
                self._settle(claim, DeliveryState.FAILED, code, text)
                self.scribe.refused(claim, code, text)
            case Fate.DEFERRED:
                self._defer(claim, result)
            case Fate.UNTOUCHED:
                self._again(entry, result)
            case Fate.WITHDRAWN:
                pass  # the ledger said why: unsubscribed meanwhile, or somebody else's row by now

    def _defer(self, claim: Claim, result: Result) -> None:
        at = retry_at(claim, self.clock(), self._lives[claim.edition])
        if at is None:
            self._settle(claim, DeliveryState.FAILED, result.code, f"expired: {result.text}")
        else:
            self._settle(claim, DeliveryState.QUEUED, result.code, result.text, at)

    def _again(self, entry: Entry, result: Result) -> None:
        """The server was in trouble, not the letter; unless it happens to this letter every time."""
        entry.blamed += result.code == 421
        if entry.blamed >= _MOST_BLAMED:
            self._defer(entry.claim, result)
        else:
            self.outgoing.park(entry, self.transport.wait_s(entry.claim.address))

    def _settle(
        self, claim: Claim, state: DeliveryState, code: int, text: str, next_at: datetime | None = None
    ) -> None:
        self.scribe.settle(Outcome(claim, state, code or None, text, next_at))
        self.counts["deferred" if state is DeliveryState.QUEUED else state.value] += 1

    # Stopping and telling

    async def _watch_stop(self) -> None:
        """After a stop, do not wait for letters that may hang for long before they are out."""
        await self.stop.wait()
        self.look_again()
        await asyncio.sleep(self.policy.grace_s)
        needed = {entry.courier for entry in self.holding.values() if entry.marked}
        for courier in self._couriers:
            if courier not in needed:
                courier.cancel()

    async def _tick(self) -> None:
        """Tell how it goes, with the rate over the last seconds."""
        history: deque[tuple[float, int]] = deque(maxlen=_RATE_TICKS)
        while self.on_progress:
            history.append((time.monotonic(), self.counts["sent"]))
            (then, before), (now, sent) = history[0], history[-1]
            self.on_progress(self._report((sent - before) / (now - then) if now > then else 0.0))
            await asyncio.sleep(_TICK_S)

    def _report(self, rate: float = 0.0) -> Report:
        trouble = self.transport.trouble() + ((self.scribe.paused,) if self.scribe.paused else ())
        return Report(
            **self.counts,
            queued=max(0, self._queued - self.counts.total()),
            rate=rate,
            trouble=trouble,
            fenced=self.scribe.fenced,
            seconds=time.monotonic() - self._began,
        )

    def look_again(self) -> None:
        """Everyone who waits looks again."""
        self._pulse.set()
        self._pulse.clear()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._pulse.wait()
