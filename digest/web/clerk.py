"""Writes that arrive together are written together: one transaction, one wait for the disk."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Clerk(Generic[Item, Answer]):
    """Hands what has gathered since the last batch to *work*, in a thread, one batch at a time.

    Args:
        most: Items a batch.
        room: Items that may wait; more are turned away.
        gather_s: The least time between two batches: the first goes at once, the next gathers.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Answer],
        executor: Executor,
        *,
        most: int = 200,
        room: int = 2000,
        gather_s: float,
    ) -> None:
        self._work = work
        self._executor = executor
        self._most = most
        self._room = room
        self._gather_s = gather_s
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._writing: asyncio.Task[None] | None = None

    def take(self, item: Item) -> "asyncio.Future[Answer] | None":
        """What the batch with *item* in it will give, or raise; None when there is no room left."""
        if len(self._waiting) >= self._room:
            return None
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return answer

    async def rest(self) -> None:
        """Wait until everything taken is written, and nothing came in the time it takes to gather more."""
        while self._writing is not None and not self._writing.done():
            await asyncio.shield(self._writing)  # who will not wait any longer does not end it

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                answer = await loop.run_in_executor(self._executor, self._work, [item for item, _ in batch])
            except Exception as problem:
                for _, waiting in batch:
                    if not waiting.cancelled():
                        waiting.set_exception(problem)
            else:
                for _, waiting in batch:
                    if not waiting.cancelled():
                        waiting.set_result(answer)
            await asyncio.sleep(self._gather_s)
