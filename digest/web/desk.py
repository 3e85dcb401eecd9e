"""The desk behind the forms: steps that arrive together are written together, letters posted."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

from digest.errors import StoreError
from digest.mail.transport import Fate
from digest.model import Subscriber
from digest.signup import Asking
from digest.web.door import Door
from digest.web.manners import Numbers

log = logging.getLogger("digest.web")

Item = TypeVar("Item")

ROOM = 2000
"""Steps that may wait to be written; more are turned away."""
BATCH_S = 0.008
"""The least time between two batches of steps: the first goes at once, the next gathers."""
LOOK_S = 5.0
"""Between two looks for confirmation mails whose time has come, besides those just asked for."""
GATHER_S = 0.1
"""Between two rounds of what no visitor waits for: so much is done in one go."""
VISITORS_FIRST_S = 1.0
"""The longest a burst of sign-ups keeps their letters waiting: both want the same processor."""
MOST_LETTERS = 2000
GRACE_S = 10.0
"""At the end, for letters on the wire."""


class Clerk(Generic[Item]):
    """Hands what has gathered since the last batch to *work*, in a thread, one batch at a time."""

    def __init__(self, work: Callable[[Sequence[Item]], None]) -> None:
        self._work = work
        self._gathered: list[Item] = []
        self._last: asyncio.Task[None] | None = None
        self._next_at = 0.0

    async def take(self, item: Item) -> None:
        """Returns, or raises what *work* did, when *item* is written; HTTPException when there is no room."""
        if len(self._gathered) >= ROOM:
            raise HTTPException(503, headers={"retry-after": "60"})
        self._gathered.append(item)
        if self._last is None or len(self._gathered) == 1:
            self._last = asyncio.create_task(self._write(self._last))
        await asyncio.shield(self._last)  # who will not wait any longer does not end it

    async def rest(self) -> None:
        """Wait until everything taken is written, and nothing came in the time it takes to gather more."""
        while self._last is not None and not self._last.done():
            await asyncio.wait([self._last])
            await asyncio.sleep(BATCH_S)

    async def _write(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._next_at - loop.time())
        batch, self._gathered = self._gathered, []
        try:
            await asyncio.to_thread(self._work, batch)
        finally:
            self._next_at = loop.time() + BATCH_S


class Desk:
    """Takes steps from pages. :meth:`start` it with the application and :meth:`close` it at the end."""

    def __init__(self, door: Door, numbers: Numbers) -> None:
        self._door = door
        self._signup = door.signup
        self._numbers = numbers
        self._wishes = Clerk(door.store.wishes.keep)
        self._leaving: Clerk[tuple[int, str]] = Clerk(
            lambda leaving: self._signup.unsubscribe(dict(leaving), now=door.clock())
        )
        self._ended: list[tuple[Asking, Fate]] = []
        self._stack = AsyncExitStack()

    async def wish(self, wish: Subscriber) -> None:
        """Take a sign-up; it is durable then, and dealt with after that."""
        await self._wishes.take(wish)
        self._bell.set()

    async def leave(self, subscriber_id: int, reason: str) -> None:
        """Take an unsubscribing; it is durable then."""
        await self._leaving.take((subscriber_id, reason))

    async def start(self) -> None:
        """Open the transport in the loop that will use it; before the first step is taken."""
        self._transport = await self._door.open_transport(self._stack)
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
                while self._letters.qsize() < MOST_LETTERS and (found := await self._askings()):
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
            await asyncio.to_thread(self._signup.asked, ended, now=self._door.clock())
        except StoreError as problem:
            log.error("confirmation mails will be sent once more, for it cannot be noted: %s", problem)

    async def _askings(self) -> tuple[Asking, ...]:
        return await asyncio.to_thread(self._signup.askings, now=self._door.clock())

    async def _post(self) -> None:
        while True:
            asking = await self._letters.get()
            result = await self._transport.send(asking.letter)
            self._numbers.events[f"confirmation {result.fate}"] += 1
            if result.fate is not Fate.SENT:
                log.warning("a confirmation mail could not be sent: %d %s", result.code, result.text)
            self._settle(asking, result.fate)

    def _settle(self, asking: Asking, fate: Fate) -> None:
        self._ended.append((asking, fate))
        self._bell.set()
        self._letters.task_done()
