"""Take what is due from the ledger, build it, send it, and record the truth about each reader.

claim -> build -> hand over all but the end -> durable mark -> end -> reply -> outcome. Design section 6
has the states; :mod:`digest.scribe` groups the two durable steps over all connections.
"""

import asyncio
import contextlib
import heapq
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import TYPE_CHECKING, Literal

from digest.mail.transport import Fate, Letter, Result, Transport, check_envelope, wire_form
from digest.model import DeliveryState
from digest.scribe import Scribe

if TYPE_CHECKING:
    from digest.store import Claim
    from digest.store.ledger import Ledger

Clock = Callable[[], datetime]

_MOST_PARKED = 200
_LOOK_AGAIN_S = 1.0
_TICK_S = 0.2
_RATE_TICKS = 25
_MOST_BLAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How delivery behaves. The defaults are those of the design.

    Args:
        uncertain: ``resend`` or ``hold``: what becomes of a message whose reply was never seen.
        give_up_at: No retry after this moment (the schedule's next slot); None leaves *give_up_after*.
        lease_s: Longer than any one message can take, or another sender takes over.
        batch: Rows claimed in one transaction.
        patience_s: How long to wait, with nothing else to do, for a server or a retry to come due.
        grace_s: After a stop, how long a message that is not out yet may go on trying to be.
    """

    uncertain: Literal["resend", "hold"] = "resend"
    first_retry_s: float = 300.0
    longest_retry_s: float = 4 * 3600.0
    give_up_after_s: float = 2 * 86_400.0
    give_up_at: datetime | None = None
    lease_s: float = 1800.0
    batch: int = 256
    patience_s: float = 10.0
    grace_s: float = 20.0
    recover_every_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Counts of this run so far. *rate*: messages sent a second, lately."""

    queued: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    rate: float = 0.0
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did.

    Args:
        released: Rows claimed and given back untried.
        fenced: Outcomes refused because another sender had taken over the row.
        stopped: It was asked to stop before it was done.
        trouble: One sentence for each server (or store) that could not be used at the end.
        next_due: When the next row comes due, None when none is waiting.
    """

    sent: int
    deferred: int
    failed: int
    unknown: int
    suppressed: int
    released: int
    fenced: int
    seconds: float
    stopped: bool
    trouble: tuple[str, ...]
    next_due: datetime | None


def utc_now() -> datetime:
    return datetime.now(UTC)


def no_return_path(claim: "Claim") -> str:
    return ""


async def deliver(
    ledger: "Ledger",
    build: "Callable[[Claim], bytes]",
    transport: Transport,
    *,
    owner: str,
    policy: Policy | None = None,
    clock: Clock = utc_now,
    edition: int | None = None,
    return_path: "Callable[[Claim], str]" = no_return_path,
    sign: Callable[[bytes], bytes] | None = None,
    wired: bool = False,
    stop: asyncio.Event | None = None,
    owner_gone: Callable[[str], bool] = lambda owner: False,
    on_refused: "Callable[[Claim, int, str], object] | None" = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Deliver everything due, and wait a little (*policy.patience_s*) for what comes due.

    Args:
        build: Makes the complete message; what it raises fails that one row with the reason.
        owner: Names this run among all senders; never used twice.
        edition: Only this one's deliveries.
        return_path: The envelope sender of each message, so that bounces name the row.
        sign: Signs a complete message (DKIM); called in a thread, several messages at a time.
        wired: *build* promises what :func:`wire_form` makes, as ``digest.message`` does; checking each
            message again costs as much as building it.
        stop: When set: claim no more, finish what is on the wire, give the leases back, return.
        owner_gone: Whether the owner of a lease is provably gone, so that its rows need not wait.
        on_refused: Told of each final refusal by a server (code, text), in the ledger's thread.
        on_progress: Called several times a second, and at the end, from the event loop.

    Raises:
        StoreError: The ledger could not be written for long after a stop. Nothing unrecorded was sent.
    """
    run = _Run(ledger, build, transport, owner, policy or Policy(), clock, edition)
    run.return_path = return_path
    run.sign = sign
    run.wire = bytes if wired else wire_form
    run.on_refused = on_refused
    run.stop = stop or run.stop
    run.owner_gone = owner_gone
    run.on_progress = on_progress
    return await run.run()


def retry_at(claim: "Claim", policy: Policy, now: datetime) -> datetime | None:
    """When to try again: 5 min doubling to 4 h, up to a quarter later; None when that is too late.

    The jitter is the row's own, so the same row and attempt give the same moment.
    """
    wait_s = min(policy.longest_retry_s, policy.first_retry_s * 2.0 ** min(claim.attempts, 16))
    jitter = zlib.crc32(f"{claim.id}:{claim.attempts}".encode()) / 2**32 / 4
    at = now + timedelta(seconds=wait_s * (1 + jitter))
    return at if at < last_moment(claim, policy) else None


def last_moment(claim: "Claim", policy: Policy) -> datetime:
    """After this the row has expired."""
    end = claim.first_at + timedelta(seconds=policy.give_up_after_s)
    return min(end, policy.give_up_at) if policy.give_up_at else end


@dataclass(slots=True, eq=False)
class _Entry:
    """A claimed row on its way through this run."""

    claim: "Claim"
    expires: float
    letter: Letter | None = None
    signing: "asyncio.Future[bytes] | None" = None
    marked: bool = False
    blamed: int = 0


@dataclass
class _Counts:
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    released: int = 0


@dataclass
class _Run:
    ledger: "Ledger"
    build: "Callable[[Claim], bytes]"
    transport: Transport
    owner: str
    policy: Policy
    clock: Clock
    edition: int | None
    return_path: "Callable[[Claim], str]" = no_return_path
    sign: Callable[[bytes], bytes] | None = None
    wire: Callable[[bytes], bytes] = wire_form
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    on_refused: "Callable[[Claim, int, str], object] | None" = None
    owner_gone: Callable[[str], bool] = bool
    on_progress: Callable[[Progress], None] | None = None

    def __post_init__(self) -> None:
        self.counts = _Counts()
        self._ready: deque[_Entry] = deque()
        self._parked: list[tuple[float, int, _Entry]] = []
        self._serial = count()
        self._stale: list[Claim] = []
        self._working: dict[asyncio.Task[None], _Entry] = {}
        self._signing: set[asyncio.Task[None]] = set()
        self._pulse = asyncio.Event()
        self._done = False
        self._queued = 0
        self._began = time.monotonic()

    async def run(self) -> Report:
        self.scribe = Scribe(self.ledger, self.clock, self.stop)
        await self._recover()
        self._queued = await self.scribe.call(self.ledger.due, now=self.clock())
        writing = asyncio.create_task(self.scribe.run())
        ticking = asyncio.create_task(self._tick())
        stopping = asyncio.create_task(self._watch_stop())
        workers = [asyncio.create_task(self._work()) for _ in range(self.transport.connections)]
        self._workers = workers
        try:
            await self._feed()
            self._done = True
            self._wake()
            await _all(workers, writing)
            await self._give_back()
            await self.scribe.end()
            await writing
            return await self._report()
        finally:
            for task in (*workers, writing, ticking, stopping):
                task.cancel()
            await asyncio.gather(*workers, writing, ticking, stopping, return_exceptions=True)
            self.scribe.close()

    # Claiming

    async def _feed(self) -> None:
        """Keep the workers in work until nothing is due, or somebody says stop."""
        recovered_at = time.monotonic()
        while not self.stop.is_set():
            if len(self._ready) > self.policy.batch // 2 or len(self._parked) >= _MOST_PARKED:
                await self._wait(_LOOK_AGAIN_S)
            elif not await self._claim() and not await self._idle():
                return
            if time.monotonic() - recovered_at > self.policy.recover_every_s:
                recovered_at = time.monotonic()
                await self._recover()
            if self._is_hopeless() and not self._working:
                return

    async def _claim(self) -> int:
        """Claim a batch and hand it to the workers; how many rows it had."""
        if self._resting_s():
            await self._wait(min(_LOOK_AGAIN_S, self._resting_s()))
            return 1
        expires = time.monotonic() + self.policy.lease_s / 2
        claims = await self.scribe.call(
            self.ledger.claim,
            self.owner,
            limit=self.policy.batch,
            lease_s=self.policy.lease_s,
            now=self.clock(),
            edition=self.edition,
        )
        self._ready.extend(_Entry(claim, expires) for claim in claims)
        self._wake()
        return len(claims)

    async def _idle(self) -> bool:
        """Nothing is due. Wait for what is in hand or comes due soon; False when there is nothing."""
        if self._working or self._ready or self._parked:
            await self._wait(_LOOK_AGAIN_S)
            return True
        await self.scribe.flush()
        if await self._release(self._stale) or await self._recover():
            return True
        due = await self.scribe.call(self.ledger.next_due)
        wait_s = (due - self.clock()).total_seconds() if due else None
        if wait_s is None or wait_s > self.policy.patience_s or self._is_other_edition(wait_s):
            return False
        await self._wait(max(0.05, min(wait_s, _LOOK_AGAIN_S)))
        return True

    def _is_other_edition(self, wait_s: float) -> bool:
        """Rows are due and were not ours to claim: another edition's."""
        return self.edition is not None and wait_s < -_LOOK_AGAIN_S

    async def _recover(self) -> int:
        """Take back what gone senders left; how many rows that put in the queue."""
        found = await self.scribe.call(
            self.ledger.recover, now=self.clock(), policy=self.policy.uncertain, owner_gone=self._is_gone
        )
        return found.resent + found.requeued

    def _is_gone(self, owner: str) -> bool:
        """Never ourselves, though a restarted database may have forgotten us."""
        return owner != self.owner and self.owner_gone(owner)

    def _resting_s(self) -> float:
        """Seconds until any server may be tried."""
        return self.transport.wait_s("")

    def _is_hopeless(self) -> bool:
        """No server can be used, for longer than we are to wait; one that is merely paced can."""
        return self._resting_s() > self.policy.patience_s and bool(self.transport.trouble())

    # Sending

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while (entry := await self._next()) is not None:
            self._working[task] = entry
            try:
                await self._send(entry)
            except asyncio.CancelledError:
                self._ready.append(entry)
                raise
            finally:
                del self._working[task]
            if not self._working:
                self._wake()

    async def _next(self) -> _Entry | None:
        while not self.stop.is_set():
            entry = self._take()
            if entry is not None:
                return entry
            if self._done and not (self._ready or self._parked):
                return None
            if self._done and self._is_hopeless():
                return None
            parked_s = self._parked[0][0] - time.monotonic() if self._parked else _LOOK_AGAIN_S
            await self._wait(max(0.002, min(self._resting_s() or parked_s, _LOOK_AGAIN_S)))
        return None

    def _take(self) -> _Entry | None:
        """The next row that may go now. One whose domain must wait is parked, others overtake it."""
        if self._resting_s():
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

    def _may_go(self, entry: _Entry, now: float) -> bool:
        if now > entry.expires:
            self._stale.append(entry.claim)
            return False
        wait_s = self.transport.wait_s(entry.claim.address)
        if wait_s:
            self._park(entry, now + min(wait_s, 30.0))
        return not wait_s

    def _park(self, entry: _Entry, until: float) -> None:
        heapq.heappush(self._parked, (until, next(self._serial), entry))

    async def _send(self, entry: _Entry) -> None:
        claim = entry.claim
        if self.clock() >= last_moment(claim, self.policy):
            self._settle(entry, DeliveryState.FAILED, 0, "expired")
            return
        try:
            letter = entry.letter or await self._letter(entry)
        except Exception as error:  # one reader's bad data must not stop the others
            self._settle(entry, DeliveryState.FAILED, 0, f"cannot be built: {error}")
            return
        result = await self.transport.send(letter, lambda: self._mark(entry))
        self._decide(entry, result)
        if result.fate is Fate.REFUSED and self.on_refused is not None:
            await self.scribe.call(self.on_refused, claim, result.code, result.text)

    async def _letter(self, entry: _Entry) -> Letter:
        """The letter, built when it is due; with *sign*, those next in line are built and signed with it."""
        if self.sign is None:
            entry.letter = self._sealed(entry.claim, self.build(entry.claim))
            return entry.letter
        if entry.signing is None:
            self._sign_ahead(entry, self.sign)
        assert entry.signing is not None
        entry.letter = self._sealed(entry.claim, await entry.signing)
        return entry.letter

    def _sealed(self, claim: "Claim", message: bytes) -> Letter:
        sender = self.return_path(claim)
        check_envelope(sender, claim.address)
        return Letter(sender=sender, recipient=claim.address, content=self.wire(message))

    def _sign_ahead(self, entry: _Entry, sign: Callable[[bytes], bytes]) -> None:
        """Sign this one and the next in line in one go: a thread hop a message costs more than signing it."""
        waiting = islice(self._ready, self.transport.connections)
        batch = [entry, *(other for other in waiting if other.signing is None)]
        loop = asyncio.get_running_loop()
        for one in batch:
            one.signing = loop.create_future()
        task = asyncio.ensure_future(self._sign(batch, sign))
        self._signing.add(task)
        task.add_done_callback(self._signing.discard)

    async def _sign(self, batch: list[_Entry], sign: Callable[[bytes], bytes]) -> None:
        built = [_attempt(self.build, one.claim) for one in batch]
        signed = await asyncio.to_thread(_sign_all, built, sign)
        for one, message in zip(batch, signed, strict=True):
            assert one.signing is not None
            if one.signing.done():  # whoever waited was cancelled
                continue
            if isinstance(message, Exception):
                one.signing.set_exception(message)
                one.signing.exception()  # it may be released before anybody asks
            else:
                one.signing.set_result(message)

    async def _mark(self, entry: _Entry) -> bool:
        """Durable, and still ours: a sender that was frozen past its lease must not go on."""
        entry.marked = True
        allowed = await self.scribe.mark(entry.claim)
        if not allowed:
            self.counts.suppressed += 1
            return False
        if time.monotonic() < entry.expires + self.policy.lease_s / 2:
            return True
        self._stale.append(entry.claim)
        return False

    def _decide(self, entry: _Entry, result: Result) -> None:
        """Read a result into the ledger's terms."""
        match result.fate:
            case Fate.SENT:
                self._settle(entry, DeliveryState.SENT, result.code, result.text)
            case Fate.REFUSED:
                self._settle(entry, DeliveryState.FAILED, result.code, result.text)
            case Fate.UNKNOWN:
                self._settle(entry, DeliveryState.UNKNOWN, result.code, result.text)
            case Fate.DEFERRED:
                self._defer(entry, result)
            case Fate.UNTOUCHED:
                self._again(entry, result)
            case Fate.WITHDRAWN:
                pass  # the ledger said why: unsubscribed meanwhile, or somebody else's row by now

    def _defer(self, entry: _Entry, result: Result) -> None:
        at = retry_at(entry.claim, self.policy, self.clock())
        if at is None:
            self._settle(entry, DeliveryState.FAILED, result.code, f"expired: {result.text}")
        else:
            self._settle(entry, DeliveryState.QUEUED, result.code, result.text, at)

    def _again(self, entry: _Entry, result: Result) -> None:
        """The server was in trouble, not the letter; unless it happens to this letter every time."""
        entry.blamed += result.code == 421
        if entry.blamed >= _MOST_BLAMED:
            self._defer(entry, result)
        else:
            self._park(entry, time.monotonic() + self.transport.wait_s(entry.claim.address))

    def _settle(
        self, entry: _Entry, state: DeliveryState, code: int, text: str, next_at: datetime | None = None
    ) -> None:
        from digest.store import Outcome

        self.scribe.settle(
            Outcome(claim=entry.claim, state=state, code=code or None, text=text, next_at=next_at)
        )
        name = "deferred" if state is DeliveryState.QUEUED else state.value
        setattr(self.counts, name, getattr(self.counts, name) + 1)

    # Ending

    async def _watch_stop(self) -> None:
        """After a stop, do not wait for letters that may hang for long before they are out."""
        await self.stop.wait()
        self._wake()
        await asyncio.sleep(self.policy.grace_s)
        for task, entry in tuple(self._working.items()):
            if not entry.marked:
                task.cancel()

    async def _give_back(self) -> None:
        """Everything claimed and not sent."""
        claims = [entry.claim for entry in self._ready] + [entry.claim for _, _, entry in self._parked]
        self.counts.released = await self._release(claims + self._stale)

    async def _release(self, claims: "list[Claim]") -> int:
        given, claims[:] = tuple(claims), []
        return await self.scribe.call(self.ledger.release, given, now=self.clock()) if given else 0

    async def _report(self) -> Report:
        if self.on_progress:
            self.on_progress(self._progress(0.0))
        due = await self.scribe.call(self.ledger.next_due)
        counts = self.counts
        return Report(
            sent=counts.sent,
            deferred=counts.deferred,
            failed=counts.failed,
            unknown=counts.unknown,
            suppressed=counts.suppressed,
            released=counts.released,
            fenced=self.scribe.fenced,
            seconds=time.monotonic() - self._began,
            stopped=self.stop.is_set(),
            trouble=self.transport.trouble(),
            next_due=due,
        )

    async def _tick(self) -> None:
        """Tell how it goes, with the rate over the last seconds."""
        history: deque[tuple[float, int]] = deque(maxlen=_RATE_TICKS)
        while self.on_progress:
            history.append((time.monotonic(), self.counts.sent))
            (then, before), (now, sent) = history[0], history[-1]
            self.on_progress(self._progress((sent - before) / (now - then) if now > then else 0.0))
            await asyncio.sleep(_TICK_S)

    def _progress(self, rate: float) -> Progress:
        counts = self.counts
        done = counts.sent + counts.deferred + counts.failed + counts.unknown + counts.suppressed
        trouble = self.transport.trouble() + ((self.scribe.paused,) if self.scribe.paused else ())
        return Progress(
            queued=max(0, self._queued - done),
            sent=counts.sent,
            deferred=counts.deferred,
            failed=counts.failed,
            unknown=counts.unknown,
            suppressed=counts.suppressed,
            rate=rate,
            trouble=trouble,
        )

    def _wake(self) -> None:
        """Everyone who waits looks again."""
        self._pulse.set()
        self._pulse.clear()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._pulse.wait()


async def _all(workers: list[asyncio.Task[None]], writing: asyncio.Task[None]) -> None:
    """Until the workers have ended; at once when the ledger's writer has failed."""
    working = asyncio.create_task(_ended(workers))
    await asyncio.wait((working, writing), return_when=asyncio.FIRST_COMPLETED)
    if writing.done():
        writing.result()
    for worker in workers:
        if not worker.cancelled():
            worker.result()


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


def _attempt(build: "Callable[[Claim], bytes]", claim: "Claim") -> bytes | Exception:
    try:
        return build(claim)
    except Exception as error:
        return error


def _sign_all(
    built: Sequence[bytes | Exception], sign: Callable[[bytes], bytes]
) -> "list[bytes | Exception]":
    signed: list[bytes | Exception] = []
    for message in built:
        try:
            signed.append(message if isinstance(message, Exception) else sign(message))
        except Exception as error:
            signed.append(error)
    return signed
