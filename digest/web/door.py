"""What the web pages work with, and the desk behind the forms: steps written in batches, letters posted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from digest.mail.transport import Fate, Letter, Transport
from digest.model import Newsletter, Schedule, Subscriber, Theme
from digest.signup import Departure, Signup, Wish
from digest.web.clerk import Clerk
from digest.web.limits import Network
from digest.web.manners import Numbers

if TYPE_CHECKING:
    from digest.render import Renderer

log = logging.getLogger("digest.web")

TRY_AGAIN_S = (0.0, 60.0, 600.0)
"""When a confirmation is posted; after that its reader will ask again."""
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
        # One thread: two would only wait for one another at the database.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._wishes: Clerk[Wish, tuple[Letter, ...]] = Clerk(self._subscribe, self._thread)
        self._leaving: Clerk[Departure, None] = Clerk(self._unsubscribe, self._thread)
        self._posting: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    def wish(self, wish: Wish) -> bool:
        """Take a sign-up; it is dealt with after the answer is given. False: there is no room."""
        if len(self._posting) >= MOST_LETTERS:
            return False
        taken = self._wishes.take(wish)
        if taken is None:
            return False
        taken.add_done_callback(_tell)
        return True

    def leave(self, departure: Departure) -> "asyncio.Future[None] | None":
        """Take an unsubscribing; done when it is durable. None: there is no room."""
        return self._leaving.take(departure)

    async def close(self) -> None:
        await self._wishes.close()
        await self._leaving.close()
        await asyncio.sleep(0)  # lets the letters of the last batch be posted
        if self._posting:
            _, late = await asyncio.wait(self._posting, timeout=GRACE_S)
            for task in late:
                task.cancel()
        await self._stack.aclose()
        self._thread.shutdown()

    async def start(self) -> None:
        """Open the transport in the loop that will use it; before the first step is taken."""
        self._loop = asyncio.get_running_loop()
        self._transport = await self._open_transport(self._stack)
        self._turn = asyncio.Semaphore(self._transport.connections)

    def _subscribe(self, wishes: Sequence[Wish]) -> tuple[Letter, ...]:
        letters = self._signup.subscribe(wishes, now=self._clock())
        self._loop.call_soon_threadsafe(self._post_all, letters)
        return letters

    def _unsubscribe(self, leaving: Sequence[Departure]) -> None:
        self._signup.unsubscribe(leaving, now=self._clock())

    def _post_all(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            task = asyncio.create_task(self._post(letter))
            self._posting.add(task)
            task.add_done_callback(self._posting.discard)

    async def _post(self, letter: Letter) -> None:
        for pause_s in TRY_AGAIN_S:
            await asyncio.sleep(pause_s)
            async with self._turn:
                result = await self._transport.send(letter, _always)
            self._numbers.events[f"confirmation {result.fate}"] += 1
            if result.fate not in {Fate.DEFERRED, Fate.UNTOUCHED}:
                return
            log.warning("a confirmation mail could not be sent: %d %s", result.code, result.text)


async def _always() -> bool:
    return True


def _tell(taken: "asyncio.Future[tuple[Letter, ...]]") -> None:
    if not taken.cancelled() and (problem := taken.exception()) is not None:
        log.error("sign-ups were lost: %s", problem)
