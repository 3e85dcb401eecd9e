"""What the web pages work with, and the desk behind the forms: steps written in batches, letters posted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from digest.errors import StoreError
from digest.mail.transport import Fate, Transport
from digest.model import Newsletter, Schedule, Subscriber, Theme
from digest.signup import Asking, Departure, Signup
from digest.web.clerk import Clerk
from digest.web.limits import Network
from digest.web.manners import Numbers

if TYPE_CHECKING:
    from digest.render import Renderer

log = logging.getLogger("digest.web")
Found = TypeVar("Found")

LOOK_S = 5.0
"""Between two looks for confirmation mails whose time has come, besides those just asked for."""
GATHER_S = 0.1
"""Between two rounds of what no visitor waits for: so much is done in one go."""
VISITORS_FIRST_S = 1.0
"""The longest a burst of sign-ups keeps their letters waiting: both want the same processor."""
MOST_LETTERS = 2000
GRACE_S = 10.0
"""At the end, for letters on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sign-ups taken in an hour, from one network (a school, a company) and in all."""

    per_network: int = 30
    in_all: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who may see the operator's page and the metrics: with neither given, nobody.

    Args:
        secret: A password, given by HTTP's Basic (with any user) or Bearer scheme.
        header: One that a proxy of ours sets to the name of somebody it knows, like ``Remote-User``.
        proxies: The networks those proxies are in; also whose ``X-Forwarded-For`` is believed.
    """

    secret: str = field(default="", repr=False)
    header: str = ""
    proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Everything the pages need, made elsewhere.

    Args:
        newsletter: With a ``base_url``.
        clock: Now, aware.
        next_runs: When each schedule comes next, None when it does not.
    """

    signup: Signup
    renderer: "Renderer"
    newsletter: Newsletter
    themes: tuple[Theme, ...]
    schedules: tuple[Schedule, ...]
    desk: "Desk"
    clock: Callable[[], datetime]
    next_runs: Callable[[], Mapping[str, datetime | None]] = dict
    operator: Operator = Operator()
    limits: Limits = Limits()

    def next_at(self, reader: Subscriber | None) -> datetime | None:
        """The next edition of any schedule, or of any that *reader* takes."""
        wanted = reader.schedules if reader else ()
        runs = [at for name, at in self.next_runs().items() if at and (not wanted or name in wanted)]
        return min(runs, default=None)


class Desk:
    """Takes steps from pages. :meth:`start` it with the application and :meth:`close` it at the end.

    Args:
        open_transport: What the confirmation mails go through; it closes with the stack it is given.
    """

    def __init__(
        self,
        signup: Signup,
        open_transport: Callable[[AsyncExitStack], Awaitable[Transport]],
        *,
        clock: Callable[[], datetime],
        numbers: Numbers,
    ) -> None:
        self._signup = signup
        self._open_transport = open_transport
        self._clock = clock
        self._numbers = numbers
        # One thread for what visitors wait for, one for the rest: more would only wait for one another.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._back = ThreadPoolExecutor(1, thread_name_prefix="back")
        self._wishes = Clerk(signup.store.wishes.keep, self._thread)
        self._leaving = Clerk(self._unsubscribe, self._thread)
        self._ended: list[tuple[Asking, Fate]] = []
        self._stack = AsyncExitStack()

    async def wish(self, wish: Subscriber) -> bool:
        """Take a sign-up; it is durable then, and dealt with after that. False: there is no room."""
        taken = await self._wishes.take(wish)
        self._bell.set()
        return taken

    async def leave(self, departure: Departure) -> bool:
        """Take an unsubscribing; it is durable then. False: there is no room."""
        return await self._leaving.take(departure)

    async def start(self) -> None:
        """Open the transport in the loop that will use it; before the first step is taken."""
        self._transport = await self._open_transport(self._stack)
        self._letters: asyncio.Queue[Asking] = asyncio.Queue()
        self._bell = asyncio.Event()
        self._bell.set()  # for what an earlier process left
        self._tasks = [asyncio.create_task(self._post()) for _ in range(self._transport.connections)]
        self._tasks.append(asyncio.create_task(self._work()))

    async def close(self) -> None:
        """Letters on the wire have a moment to end; those behind them are sent after the next start."""
        await self._wishes.rest()
        await self._leaving.rest()
        self._tasks.pop().cancel()
        while not self._letters.empty():
            self._settle(self._letters.get_nowait(), Fate.UNTOUCHED)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._letters.join(), GRACE_S)
        for task in self._tasks:
            task.cancel()
        await self._note()
        await self._stack.aclose()
        for thread in (self._thread, self._back):
            thread.shutdown()

    def _unsubscribe(self, leaving: Sequence[Departure]) -> None:
        self._signup.unsubscribe(leaving, now=self._clock())

    async def _work(self) -> None:
        """Whenever somebody signed up or a letter's time has come: letters, as many as there is room for."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), LOOK_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wishes.rest(), VISITORS_FIRST_S)
            self._bell.clear()
            await self._note()
            try:
                while self._letters.qsize() < MOST_LETTERS and (found := await self._in_back(self._askings)):
                    for asking in found:
                        self._letters.put_nowait(asking)
            except StoreError as problem:
                log.error("sign-ups wait: %s", problem)
            await asyncio.sleep(GATHER_S)

    async def _note(self) -> None:
        """Keep what became of letters; what cannot be noted is sent once more when its claim is over."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        try:
            await self._in_back(lambda: self._signup.asked(ended, now=self._clock()))
        except StoreError as problem:
            log.error("confirmation mails will be sent once more, for it cannot be noted: %s", problem)

    def _askings(self) -> tuple[Asking, ...]:
        return self._signup.askings(now=self._clock())

    async def _in_back(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._back, work)

    async def _post(self) -> None:
        while True:
            asking = await self._letters.get()
            result = await self._transport.send(asking.letter, _always)
            self._numbers.events[f"confirmation {result.fate}"] += 1
            if result.fate is not Fate.SENT:
                log.warning("a confirmation mail could not be sent: %d %s", result.code, result.text)
            self._settle(asking, result.fate)

    def _settle(self, asking: Asking, fate: Fate) -> None:
        self._ended.append((asking, fate))
        self._bell.set()
        self._letters.task_done()


async def _always() -> bool:
    return True
