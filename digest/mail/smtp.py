"""Mail over SMTP: several servers, each with its own kept connections, pace and breaker."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from digest.mail.connection import Connection, OpeningError, check_settings, make_context, open_connection
from digest.mail.pace import Breaker, Pace
from digest.mail.transport import Fate, Letter, Limit, Mark, Result, Server

Clock = Callable[[], float]

_SERVER_IS_OVERTAXED = frozenset({421, 451, 452, 454})
_DOMAIN_IS_OVERTAXED = frozenset({450, 451, 452})
_MOST_DOMAINS = 10_000


class Lane:
    """One server: its connections, and what it can take now."""

    def __init__(self, server: Server, clock: Clock) -> None:
        check_settings(server)
        self.server = server
        self.breaker = Breaker()
        self.pace = Pace(server.limit)
        self.served = 0.0
        self._clock = clock
        self._context = make_context(server)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()

    def wait_s(self, now: float) -> float:
        return max(self.breaker.wait_s(now), self.pace.wait_s(now))

    def has_room(self) -> bool:
        """A connection is free or may be opened; until one has worked, only one is tried."""
        most = self.server.connections if self.breaker.proven else 1
        return self.pace.busy < most

    async def send(self, letter: Letter, mark: Mark) -> Result:
        """Send over a kept connection or a new one. The caller has checked *wait_s* and *has_room*."""
        self.pace.take(self._clock())
        self.served += 1 / self.server.weight if self.server.weight else 1
        try:
            return await self._send(letter, mark)
        finally:
            self.pace.give_back()

    async def _send(self, letter: Letter, mark: Mark) -> Result:
        while True:
            kept = self._take_idle()
            try:
                connection = kept or await self._open()
            except OpeningError as error:
                return Result(fate=Fate.UNTOUCHED, text=str(error), server=self.server.label)
            began = connection.carried
            self._busy.add(connection)
            try:
                result = await connection.send(letter, mark)
            finally:
                self._busy.discard(connection)
                self._keep(connection)
            # A kept connection may have been closed by the other side while it was idle.
            if kept and began and result.fate is Fate.DEFERRED and not result.code and not connection.marked:
                continue
            self._learn(result)
            return result

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

    def _learn(self, result: Result) -> None:
        now = self._clock()
        if result.code == 421 or result.fate is Fate.UNTOUCHED:
            self.breaker.trip(now, f"{self.server.label} answered {result.code} {result.text}")
        elif result.code:
            self.breaker.served()
        if result.fate is Fate.SENT:
            self.pace.faster()
        elif result.code in _SERVER_IS_OVERTAXED:
            self.pace.slower(now)

    async def close(self) -> None:
        for connection in self._busy:
            connection.close()
        await asyncio.gather(*(connection.quit() for connection in self._idle))
        self._idle.clear()


class SmtpTransport:
    """Hands letters to whichever server can take them now.

    While several can, they share by weight; a server with weight 0 stands in when no other can.

    Args:
        domain_limits: By recipient domain, lower case; ``*`` is for each domain not named.
        clock: Monotonic seconds.

    Raises:
        TransportSettingsError: when a server's settings would show a password to the network.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        domain_limits: Mapping[str, Limit] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._lanes = [Lane(server, clock) for server in servers]
        self._limits = dict(domain_limits or {})
        self._domains: dict[str, Pace] = {}
        self._clock = clock
        self._freed: asyncio.Condition | None = None

    @property
    def connections(self) -> int:
        return sum(lane.server.connections for lane in self._lanes)

    def wait_s(self, recipient: str) -> float:
        now = self._clock()
        servers = min(lane.wait_s(now) for lane in self._lanes)
        pace = self._domains.get(recipient.rpartition("@")[2].lower())
        return max(servers, pace.wait_s(now) if pace else 0.0)

    async def send(self, letter: Letter, mark: Mark) -> Result:
        pace = self._pace(letter.domain)
        pace.take(self._clock())
        try:
            result = await self._send(letter, mark)
        finally:
            pace.give_back()
        self._learn(pace, result)
        return result

    async def _send(self, letter: Letter, mark: Mark) -> Result:
        """Try one server after another while they prove unusable."""
        result = Result(fate=Fate.UNTOUCHED, text="no mail server can be used now")
        tried: set[Lane] = set()
        while (lane := await self._choose(tried)) is not None:
            result = await self._over(lane, letter, mark)
            if result.fate is not Fate.UNTOUCHED:
                break
            tried.add(lane)
        return result

    async def _over(self, lane: Lane, letter: Letter, mark: Mark) -> Result:
        try:
            return await lane.send(letter, mark)
        finally:
            if self._freed is not None:
                await _notify(self._freed)

    async def _choose(self, tried: set[Lane]) -> Lane | None:
        """The server due by weight among those with room; waits for room, not for a resting server."""
        while True:
            now = self._clock()
            open_ = [lane for lane in self._lanes if lane not in tried and not lane.wait_s(now)]
            open_ = [lane for lane in open_ if lane.server.weight] or open_
            if not open_:
                return None
            free = [lane for lane in open_ if lane.has_room()]
            if free:
                return min(free, key=lambda lane: lane.served)
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        if self._freed is None:
            self._freed = asyncio.Condition()
        async with self._freed:
            await self._freed.wait()

    def _pace(self, domain: str) -> Pace:
        pace = self._domains.get(domain)
        if pace is None:
            if len(self._domains) >= _MOST_DOMAINS:
                self._domains = {d: kept for d, kept in self._domains.items() if kept.busy or kept.interval_s}
            limit = self._limits.get(domain, self._limits.get("*", Limit()))
            pace = self._domains[domain] = Pace(limit)
        return pace

    def _learn(self, pace: Pace, result: Result) -> None:
        """The domain asked for less: by a code, or by a 5yz that speaks of frequency."""
        if result.fate is Fate.SENT:
            pace.faster()
        elif result.fate is Fate.DEFERRED and (result.code in _DOMAIN_IS_OVERTAXED or result.code >= 500):
            pace.slower(self._clock())

    def trouble(self) -> tuple[str, ...]:
        return tuple(lane.breaker.reason for lane in self._lanes if lane.breaker.reason)

    async def close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in self._lanes))


async def _notify(freed: asyncio.Condition) -> None:
    async with freed:
        freed.notify_all()
