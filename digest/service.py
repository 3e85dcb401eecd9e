"""``digest serve``: collecting, publishing, delivering and the pages, as supervised tasks of one process.

apscheduler only wakes the loops; what is due stands in the store. A task that fails is logged and
started again after a pause, and takes no other down.
"""

import asyncio
import fcntl
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from digest.runtime import Runtime

log = logging.getLogger("digest.service")

TICK_S = 20
COLLECT_S = 300
SHUTDOWN_S = 30.0
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class Service:
    """One running installation. ``run`` ends when *stop* is set; ``wake`` makes every loop look now."""

    def __init__(self, runtime: "Runtime", *, host: str, port: int) -> None:
        self._runtime = runtime
        self._host, self._port = host, port
        self.stop = asyncio.Event()
        self._bells: list[asyncio.Event] = []

    def wake(self) -> None:
        for bell in self._bells:
            bell.set()

    async def run(self) -> None:
        """Serve until stopped; then everything in flight gets half a minute to end in order."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        waker = AsyncIOScheduler(timezone="UTC")
        jobs = {"collect": (self._collect, COLLECT_S), "publish": (self._publish, TICK_S)}
        tasks = []
        for name, (work, every_s) in jobs.items():
            bell = asyncio.Event()
            bell.set()
            self._bells.append(bell)
            waker.add_job(
                bell.set, "interval", seconds=every_s, coalesce=True, misfire_grace_time=None, max_instances=1
            )
            tasks.append(asyncio.create_task(self._supervise(name, work, bell)))
        async with AsyncExitStack() as stack:
            transport = await self._runtime.open_transport(stack)
            bell = asyncio.Event()
            self._bells.append(bell)
            waker.add_job(bell.set, "interval", seconds=5, coalesce=True, misfire_grace_time=None)
            deliver = partial(self._runtime.deliver_due, transport, stop=self.stop)
            tasks.append(asyncio.create_task(self._supervise("deliver", deliver, bell)))
            tasks.append(asyncio.create_task(self._supervise("web", self._web, None)))
            waker.start()
            await self.stop.wait()
            log.info("stopping")
            waker.shutdown(wait=False)
            self.wake()
            _, late = await asyncio.wait(tasks, timeout=SHUTDOWN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _supervise(
        self, name: str, work: Callable[[], Awaitable[object]], bell: asyncio.Event | None
    ) -> None:
        """Do *work* whenever *bell* rings, again and again whatever it raises."""
        pause_s = _PAUSE_S
        while not self.stop.is_set():
            if bell is not None:
                await bell.wait()
                bell.clear()
            if self.stop.is_set():
                return
            try:
                await work()
                pause_s = _PAUSE_S
            except StoreError as error:
                log.error("%s: the store cannot be used, tried again in %.0f s: %s", name, pause_s, error)
            except Exception:
                log.exception("%s failed, tried again in %.0f s", name, pause_s)
            else:
                continue
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            if bell is not None:
                bell.set()

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return

    async def _collect(self) -> None:
        report = await asyncio.to_thread(self._runtime.collect, on_progress=lambda _: None)
        for one in report:
            if one.state in {"new", "changed", "failed", "empty"}:
                level = logging.WARNING if one.state == "failed" else logging.INFO
                log.log(level, "collected source=%s state=%s %s", one.source_id, one.state, one.detail)

    async def _publish(self) -> None:
        for done in await asyncio.to_thread(self._runtime.tick):
            log.info(
                "slot schedule=%s slot=%s edition=%s %s", done.schedule, done.slot, done.edition, done.reason
            )
            self.wake()

    async def _web(self) -> None:
        import uvicorn

        config = uvicorn.Config(
            self._runtime.web_app(),
            host=self._host,
            port=self._port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        with socket.create_server((self._host, self._port)) as listening:
            log.info("pages at http://%s:%d/", self._host, listening.getsockname()[1])
            # In a thread and loop of its own: a slow page holds no mail up, and our signals stay ours.
            serving = asyncio.create_task(asyncio.to_thread(server.run, [listening]))
            stopped = asyncio.create_task(self.stop.wait())
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            server.should_exit = True
            await serving


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the installation; a second ``serve`` on the same data is refused.

    Raises:
        ConfigError: Another one runs.
    """
    path = data_dir / "serve.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = f"another digest serve uses {data_dir}; stop it first (SQLite takes one)"
            raise ConfigError(None, [(0, "", what)]) from None
        yield


async def serve(service: Service, *, check: Callable[[], object]) -> bool:
    """Run until SIGTERM or SIGINT (False), or until SIGHUP asks for a new configuration (True).

    Args:
        check: Raises ConfigError when the new configuration is wrong; then the old one goes on.
    """
    loop = asyncio.get_running_loop()
    again = False

    def reload() -> None:
        nonlocal again
        try:
            check()
        except ConfigError as error:
            log.error("the new configuration is refused, the old one goes on: %s", error)
            return
        again = True
        service.stop.set()

    loop.add_signal_handler(signal.SIGTERM, service.stop.set)
    loop.add_signal_handler(signal.SIGINT, service.stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await service.run()
    return again
