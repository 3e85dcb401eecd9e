"""Writes that arrive together are written together: one transaction, one wait for the disk."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

Item = TypeVar("Item")

ROOM = 2000
"""Items that may wait; more are turned away."""
GATHER_S = 0.008
"""The least time between two batches: the first goes at once, the next gathers."""


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
            await asyncio.sleep(GATHER_S)

    async def _write(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._next_at - loop.time())
        batch, self._gathered = self._gathered, []
        try:
            await asyncio.to_thread(self._work, batch)
        finally:
            self._next_at = loop.time() + GATHER_S
