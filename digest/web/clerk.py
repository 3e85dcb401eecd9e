"""Writes that arrive together are written together: one transaction, one wait for the disk."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

Item = TypeVar("Item")

MOST = 200
"""Items a batch."""
ROOM = 2000
"""Items that may wait; more are turned away."""
GATHER_S = 0.008
"""The least time between two batches: the first goes at once, the next gathers."""


class Clerk(Generic[Item]):
    """Hands what has gathered since the last batch to *work*, in *executor*, one batch at a time."""

    def __init__(self, work: Callable[[Sequence[Item]], None], executor: Executor) -> None:
        self._work = work
        self._executor = executor
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def take(self, item: Item) -> None:
        """Returns, or raises what *work* did, when *item* is written; HTTPException when there is no room."""
        if len(self._waiting) >= ROOM:
            raise HTTPException(503, headers={"retry-after": "60"})
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await written

    async def rest(self) -> None:
        """Wait until everything taken is written, and nothing came in the time it takes to gather more."""
        while self._writing is not None and not self._writing.done():
            await asyncio.shield(self._writing)  # who will not wait any longer does not end it

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            problem = None
            try:
                await loop.run_in_executor(self._executor, self._work, [item for item, _ in batch])
            except Exception as raised:
                problem = raised
            for _, written in batch:
                if written.done():  # who asked did not wait for it
                    continue
                if problem is None:
                    written.set_result(None)
                else:
                    written.set_exception(problem)
            await asyncio.sleep(GATHER_S)
