"""Mail over SMTP: several servers, each with its own kept connections, pace and breaker."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from digest.mail.connection import Connection
from digest.mail.opening import OpeningError, open_connection
from digest.mail.pace import Breaker, Pace
from digest.mail.transport import Fate, Letter, Limit, Result, Server, Source, Transport

Clock = Callable[[], float]
MakePace = Callable[[str, Limit], Pace]

_SERVER_IS_OVERTAXED = frozenset({421, 451, 452, 454})
_DOMAIN_IS_OVERTAXED = frozenset({450, 451, 452, *range(500, 600)})
"""A 5yz that was deferred asks for less in words."""
_ABOUT_ONE = re.compile(r"4\.[12]\.|.*\bgr[ae]y-?list", re.IGNORECASE)
"""This mailbox (RFC 3463), or a letter never seen before (RFC 6647): sent slower they fare no better, and a
relay that wants every letter twice would get one a minute."""
_MOST_DOMAINS = 10_000


@dataclass(eq=False)
class Lane:
    """One server: its kept connections, and what it can take now.

    Args:
        served: What it was given so far, divided by its weight.
        active: Connections in use or being opened.
    """

    server: Server
    clock: Clock
    pace: Pace
    served: float = 0.0
    active: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    idle: list[tuple[float, Connection]] = field(default_factory=list)

    def wait_s(self, now: float) -> float:
        return max(self.breaker.wait_s(now), self.pace.wait_s(now))

    def has_room(self) -> bool:
        """A connection is free or may be opened; until one has worked, only one is tried."""
        return self.active < (self.server.connections if self.breaker.proven else 1)

    async def connection(self) -> Connection:
        """A kept one, that used last, so that the others may grow old and go; else a new one."""
        while self.idle:
            since, connection = self.idle.pop()
            if connection.usable and self.clock() - since < self.server.idle_s:
                return connection
            connection.leave()
        try:
            connection = await open_connection(self.server)
        except OpeningError as error:
            first_s, most_s = (300.0, 4 * 3600.0) if error.lasting else (2.0, 900.0)
            self.breaker.trip(self.clock(), str(error), first_s=first_s, most_s=most_s)
            raise
        self.breaker.proven = True
        return connection

    def keep(self, connection: Connection) -> None:
        if connection.usable:
            self.idle.append((self.clock(), connection))
        else:
            connection.leave()

    def learn(self, result: Result) -> None:
        """From what became of a letter, how the server is."""
        now = self.clock()
        if result.fate is Fate.SENT:
            self.pace.faster()
        elif _asks_for_less(result, _SERVER_IS_OVERTAXED):
            self.pace.slower(now)
        if result.code == 421 or (result.code and result.fate is Fate.UNTOUCHED):
            self.breaker.trip(now, f"{self.server.label} answered {result.code} {result.text}")
        elif result.code:
            self.breaker.served()


_served = attrgetter("served")


def _asks_for_less(result: Result, codes: Container[int]) -> bool:
    return result.code in codes and not _ABOUT_ONE.match(result.text)


class SmtpTransport(Transport):
    """Hands letters to whichever server can take them now.

    While several can, they share by weight; a server with weight 0 stands in when no other can.

    Args:
        domain_limits: By recipient domain, lower case; ``*`` is for each domain not named.
        make_pace: Paces for ``server:NAME`` and ``domain:NAME``, for limits shared beyond this process.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        domain_limits: Mapping[str, Limit] | None = None,
        make_pace: MakePace = lambda _, limit: Pace(limit),
        clock: Clock = time.monotonic,
    ) -> None:
        self._lanes = [Lane(one, clock, make_pace(f"server:{one.label}", one.limit)) for one in servers]
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
        return max(wait_s, self.pace(recipient).wait_s(now)) if recipient else wait_s

    async def carry(self, letter: Letter, source: Source) -> None:
        """Over the server due by weight among those with room."""
        lane = await self._free_lane()
        if lane is None:
            source.settle(letter, Result(Fate.UNTOUCHED, text="no mail server can be used now"))
            return
        errand = _Errand(self, lane, source)
        errand.begin(letter)
        lane.active += 1
        try:
            connection = await lane.connection()
            await connection.carry(letter, errand)
            lane.keep(connection)
        except OpeningError as error:
            errand.settle(letter, Result(Fate.UNTOUCHED, text=str(error)))
        finally:
            lane.active -= 1
            errand.drop()
            self.room.set()

    async def _free_lane(self) -> Lane | None:
        """Waits for room, not for a resting server."""
        while open_ := self._open_lanes():
            if free := [lane for lane in open_ if lane.has_room()]:
                return min(free, key=_served)
            self.room.clear()
            await self.room.wait()
        return None

    def is_due(self, lane: Lane) -> bool:
        """Whether the next letter may go over *lane* too; by itself it always may, if it may go."""
        return len(self._lanes) == 1 or min(self._open_lanes(), key=_served, default=None) is lane

    def _open_lanes(self) -> list[Lane]:
        now = self.clock()
        open_ = [lane for lane in self._lanes if not lane.wait_s(now)]
        return [lane for lane in open_ if lane.server.weight] or open_

    def pace(self, recipient: str) -> Pace:
        """That of the recipient's domain."""
        domain = recipient.rpartition("@")[2].lower()
        pace = self._domains.get(domain)
        if pace is None:
            if len(self._domains) >= _MOST_DOMAINS:
                self._domains = {d: kept for d, kept in self._domains.items() if kept.busy or kept.interval_s}
            limit = self._limits.get(domain) or self._limits.get("*") or Limit()
            pace = self._domains[domain] = self._make_pace(f"domain:{domain}", limit)
        return pace

    def trouble(self) -> tuple[str, ...]:
        return tuple(lane.breaker.reason for lane in self._lanes if lane.breaker.reason)

    async def close(self) -> None:
        for lane in self._lanes:
            while lane.idle:
                lane.idle.pop()[1].leave()


@dataclass(eq=False)
class _Errand:
    """One connection's letters: keeps their paces, and tells who gave them."""

    out: SmtpTransport
    lane: Lane
    source: Source
    paces: dict[Letter, Pace] = field(default_factory=dict)

    def begin(self, letter: Letter) -> None:
        now = self.out.clock()
        self.lane.pace.take(now)
        self.lane.served += 1 / (self.lane.server.weight or 1)
        pace = self.paces[letter] = self.out.pace(letter.recipient)
        pace.take(now)

    def next(self) -> Letter | None:
        letter = self.source.next() if self.out.is_due(self.lane) else None
        if letter is not None:
            self.begin(letter)
        return letter

    def mark(self, letter: Letter) -> Awaitable[bool]:
        return self.source.mark(letter)

    def settle(self, letter: Letter, result: Result) -> None:
        pace = self.paces.pop(letter)
        pace.give_back()
        if result.fate is Fate.SENT:
            pace.faster()
        elif result.fate is Fate.DEFERRED and _asks_for_less(result, _DOMAIN_IS_OVERTAXED):
            pace.slower(self.out.clock())
        self.lane.learn(result)
        self.out.room.set()
        self.source.settle(letter, result)

    def drop(self) -> None:
        """Give back what letters hold that were cut off."""
        for pace in self.paces.values():
            pace.give_back()
