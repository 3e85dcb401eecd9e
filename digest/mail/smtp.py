"""Mail over SMTP: several servers, each with its own kept connections, pace and breaker."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from digest.mail.connection import Connection, OpeningError, check_settings, make_context, open_connection
from digest.mail.pace import Breaker, Pace
from digest.mail.transport import Fate, Letter, Limit, Result, Server, Source, Transport

Clock = Callable[[], float]
MakePace = Callable[[str, Limit], Pace]

_SERVER_IS_OVERTAXED = frozenset({421, 451, 452, 454})
_DOMAIN_IS_OVERTAXED = frozenset({450, 451, 452})
_MOST_DOMAINS = 10_000


class Lane:
    """One server: its connections, and what it can take now."""

    def __init__(self, server: Server, clock: Clock, make_pace: MakePace) -> None:
        check_settings(server)
        self.server = server
        self.breaker = Breaker()
        self.pace = make_pace(f"server:{server.label}", server.limit)
        self.served = 0.0
        self._active = 0
        self._clock = clock
        self._context = make_context(server)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()

    def wait_s(self, now: float) -> float:
        return max(self.breaker.wait_s(now), self.pace.wait_s(now))

    def has_room(self) -> bool:
        """A connection is free or may be opened; until one has worked, only one is tried."""
        most = self.server.connections if self.breaker.proven else 1
        return self._active < most

    async def carry(self, letter: Letter | None, source: Source) -> None:
        """Send over a kept connection or a new one. The caller has checked *wait_s* and *has_room*."""
        self._active += 1
        try:
            while letter is not None:
                if resting := self.breaker.wait_s(self._clock()) and self.breaker.reason:
                    source.settle(letter, self._untouched(resting))
                    return
                try:
                    connection = self._take_idle() or await self._open()
                except OpeningError as error:
                    source.settle(letter, self._untouched(str(error)))
                    return
                self._busy.add(connection)
                try:
                    letter = await connection.carry(letter, source)
                finally:
                    self._busy.discard(connection)
                    self._keep(connection)
        finally:
            self._active -= 1

    def _untouched(self, why: str) -> Result:
        return Result(fate=Fate.UNTOUCHED, text=why, server=self.server.label)

    def _take_idle(self) -> Connection | None:
        """The one used last, so that the others may grow old and go."""
        now = self._clock()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh(now):
                return connection
            connection.leave()
        return None

    def _keep(self, connection: Connection) -> None:
        connection.used_at = self._clock()
        if connection.is_fresh(connection.used_at):
            self._idle.append(connection)
        else:
            connection.leave()

    async def _open(self) -> Connection:
        try:
            connection = await open_connection(self.server, self._context, self._clock)
        except OpeningError as error:
            first_s, most_s = (300.0, 4 * 3600.0) if error.lasting else (2.0, 900.0)
            self.breaker.trip(self._clock(), str(error), first_s=first_s, most_s=most_s)
            raise
        self.breaker.connected()
        return connection

    def begin(self, now: float) -> None:
        self.pace.take(now)
        self.served += 1 / self.server.weight if self.server.weight else 1

    def end(self, result: Result) -> None:
        self.pace.give_back()
        if result.fate is Fate.SENT:
            self.breaker.served()
            self.pace.faster()
            return
        now = self._clock()
        if result.code == 421 or (result.code and result.fate is Fate.UNTOUCHED):
            self.breaker.trip(now, f"{self.server.label} answered {result.code} {result.text}")
        elif result.code:
            self.breaker.served()
        if result.code in _SERVER_IS_OVERTAXED:
            self.pace.slower(now)

    async def close(self) -> None:
        for connection in self._busy:
            connection.close()
        await asyncio.gather(*(connection.quit() for connection in self._idle))
        self._idle.clear()


def _served(lane: Lane) -> float:
    return lane.served


class SmtpTransport(Transport):
    """Hands letters to whichever server can take them now.

    While several can, they share by weight; a server with weight 0 stands in when no other can.

    Args:
        domain_limits: By recipient domain, lower case; ``*`` is for each domain not named.
        make_pace: Paces for ``server:NAME`` and ``domain:NAME``, for limits shared beyond this process.
        clock: Monotonic seconds.

    Raises:
        TransportSettingsError: when a server's settings would show a password to the network.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        domain_limits: Mapping[str, Limit] | None = None,
        make_pace: MakePace = lambda _, limit: Pace(limit),
        clock: Clock = time.monotonic,
    ) -> None:
        self._lanes = [Lane(server, clock, make_pace) for server in servers]
        self._limits = dict(domain_limits or {})
        self._domains: dict[str, Pace] = {}
        self._make_pace = make_pace
        self.clock = clock
        self.room = asyncio.Event()

    @property
    def connections(self) -> int:
        return sum(lane.server.connections for lane in self._lanes)

    def wait_s(self, recipient: str) -> float:
        now = self.clock()
        wait_s = min([lane.wait_s(now) for lane in self._lanes])
        pace = self.pace(recipient) if self._limits or self._domains else None
        return wait_s if pace is None else max(wait_s, pace.wait_s(now))

    async def carry(self, letter: Letter, source: Source) -> None:
        """Try one server after another while they prove unusable."""
        errand = _Errand(self, source)
        waiting: Letter | None = letter
        while waiting is not None and await errand.find_lane():
            errand.begin(waiting)
            try:
                await errand.lane.carry(waiting, errand)
            finally:
                errand.drop()
                self.room.set()
            waiting = errand.untouched()
        if waiting is not None:
            source.settle(waiting, errand.last)

    async def choose(self, tried: set[Lane]) -> Lane | None:
        """The server due by weight among those with room; waits for room, not for a resting server."""
        while True:
            open_ = self._open_lanes(tried)
            if not open_:
                return None
            free = [lane for lane in open_ if lane.has_room()]
            if free:
                return min(free, key=_served)
            self.room.clear()
            await self.room.wait()

    def is_due(self, lane: Lane) -> bool:
        """Whether the next letter may go over *lane* too; by itself it always may, if it may go."""
        return len(self._lanes) == 1 or min(self._open_lanes(set()), key=_served, default=None) is lane

    def _open_lanes(self, tried: set[Lane]) -> list[Lane]:
        now = self.clock()
        open_ = [lane for lane in self._lanes if lane not in tried and not lane.wait_s(now)]
        return [lane for lane in open_ if lane.server.weight] or open_

    def pace(self, recipient: str, *, make: bool = False) -> Pace | None:
        """That of the recipient's domain; None while nothing limits it, unless one is to be made."""
        domain = recipient.rpartition("@")[2].lower()
        pace = self._domains.get(domain)
        limit = self._limits.get(domain, self._limits.get("*"))
        if pace is None and domain and (limit or make):
            if len(self._domains) >= _MOST_DOMAINS:
                self._domains = {d: kept for d, kept in self._domains.items() if kept.busy or kept.interval_s}
            pace = self._domains[domain] = self._make_pace(f"domain:{domain}", limit or Limit())
        return pace

    def trouble(self) -> tuple[str, ...]:
        return tuple(lane.breaker.reason for lane in self._lanes if lane.breaker.reason)

    async def close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in self._lanes))


class _Errand:
    """One caller's letters over one server after another: keeps the paces, and tells the caller.

    ``last``: why the letter that came back is as good as never tried.
    """

    lane: Lane

    def __init__(self, out: SmtpTransport, source: Source) -> None:
        self._out = out
        self._source = source
        self._paces: dict[Letter, Pace | None] = {}
        self._tried: set[Lane] = set()
        self._untouched: Letter | None = None
        self.last = Result(fate=Fate.UNTOUCHED, text="no mail server can be used now")

    async def find_lane(self) -> bool:
        lane = await self._out.choose(self._tried)
        if lane is not None:
            self.lane = lane
        return lane is not None

    def begin(self, letter: Letter) -> None:
        now = self._out.clock()
        self.lane.begin(now)
        pace = self._paces[letter] = self._out.pace(letter.recipient)
        if pace is not None:
            pace.take(now)

    def next(self) -> Letter | None:
        letter = self._source.next() if self._out.is_due(self.lane) else None
        if letter is not None:
            self.begin(letter)
        return letter

    def mark(self, letter: Letter) -> Awaitable[bool]:
        return self._source.mark(letter)

    def settle(self, letter: Letter, result: Result) -> None:
        pace = self._paces.pop(letter)
        if pace is not None:
            pace.give_back()
        self.lane.end(result)
        self._out.room.set()
        if result.fate is Fate.UNTOUCHED:
            self._untouched, self.last = letter, result
            self._tried.add(self.lane)
            return
        self._tried.clear()
        if result.fate is not Fate.SENT:
            self._slow_down(letter, result)
        elif pace is not None:
            pace.faster()
        self._source.settle(letter, result)

    def _slow_down(self, letter: Letter, result: Result) -> None:
        """When the domain asked for less: by a code, or by words about frequency."""
        if result.fate is Fate.DEFERRED and (result.code in _DOMAIN_IS_OVERTAXED or result.code >= 500):
            pace = self._out.pace(letter.recipient, make=True)
            if pace is not None:
                pace.slower(self._out.clock())

    def untouched(self) -> Letter | None:
        """The letter another server may try."""
        letter, self._untouched = self._untouched, None
        return letter

    def drop(self) -> None:
        """Give back what letters hold that were cut off."""
        for pace in self._paces.values():
            if pace is not None:
                pace.give_back()
            self.lane.pace.give_back()
        self._paces.clear()
