"""``digest serve``: collecting, publishing, delivering and the pages, as supervised tasks of one process.

apscheduler only wakes the loops; what is due stands in the store. A task that fails is logged and
started again after a pause, and takes no other down. Whatever outlasts the time a shutdown has is cut
off: every flow may be killed and run again.
"""

import asyncio
import fcntl
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest import jobs
from digest.errors import ConfigError, DigestError

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    from digest.mail.transport import Transport
    from digest.runtime import Runtime

log = logging.getLogger("digest.service")

EVERY_S = {"publish": 5, "deliver": 5, "collect": 300, "bounces": 300, "tend": 300}
"""Seconds between two looks at what is due."""
SHUTDOWN_S = 25.0
"""For what is in flight; with what comes before and after it, systemd's and docker's half minute is kept."""
_CUT_OFF_S = 2.0
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_AWAY_S = 600.0
"""Not having looked for so long, editions wait as long at most for what has come in meanwhile to be read."""


class Service:
    """One running installation. ``run`` ends when *stop* is set; ``wake`` makes every loop look now.

    On SQLite it does everything itself. On PostgreSQL the work is jobs, and this one of any number of
    processes that take them; see ``jobs``.

    Args:
        pages: Where they are served; None when they are not.
        crew: On PostgreSQL, what a `jobs.Crew` is told besides: its *queues* and *concurrency*.
    """

    def __init__(
        self,
        runtime: "Runtime",
        *,
        pages: socket.socket | None = None,
        **crew: Any,
    ) -> None:
        self._runtime = runtime
        self._pages = pages
        self._crew = crew
        self.stop = asyncio.Event()
        self._bells: dict[str, asyncio.Event] = {}
        self._stack = AsyncExitStack()
        self._transport: Transport | None = None
        self._opening = asyncio.Lock()
        self._trouble: tuple[str, ...] = ()
        self._looked = self._hold = _LONG_AGO

    def wake(self) -> None:
        for bell in self._bells.values():
            bell.set()

    async def run(self) -> bool:
        """Serve until stopped; then what is in flight gets *SHUTDOWN_S* to end in order: True when it did."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        once = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        waker = AsyncIOScheduler(timezone="UTC", job_defaults=once)
        tasks: list[asyncio.Task[None]] = []
        if self._pages is not None:
            tasks.append(asyncio.create_task(self._supervise("web", partial(self._web, self._pages), None)))
        if self._runtime.store.database.is_sqlite:
            tasks += self._loops(waker)
        else:
            tasks += self._lanes()
        async with self._stack:
            waker.start()
            await self.stop.wait()
            log.info("stopping")
            waker.shutdown(wait=False)
            self.wake()
            _, late = await asyncio.wait(tasks, timeout=SHUTDOWN_S)
            for task in late:
                task.cancel()
            if late:
                log.warning("%d tasks are cut off; they go on at the next start", len(late))
                await asyncio.wait(late, timeout=_CUT_OFF_S)
        return not late

    def _loops(self, waker: "AsyncIOScheduler") -> "list[asyncio.Task[None]]":
        """A task for each kind of work, woken when it is time to look."""
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "collect": self._collect,
            "publish": self._publish,
            "deliver": self._deliver,
            "tend": self._tend,
        }
        if self._runtime.config.bounces:
            works["bounces"] = partial(jobs.read_bounces, self._runtime)
        tasks = []
        for name, work in works.items():
            bell = self._bells[name] = asyncio.Event()
            bell.set()
            seconds = max(0.1, EVERY_S[name] / self._runtime.clock.speed)
            waker.add_job(_ring, "interval", args=[bell], seconds=seconds)
            tasks.append(asyncio.create_task(self._supervise(name, work, bell)))
        return tasks

    def _lanes(self) -> "list[asyncio.Task[None]]":
        """A task for each lane of jobs."""
        jobs.check_secret(self._runtime)
        crew = jobs.Crew(self._runtime, self._way_out, self.stop, **self._crew)
        return [asyncio.create_task(self._supervise(name, lane, None)) for name, lane in crew.lanes().items()]

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
                if pause_s > _PAUSE_S:
                    log.info("%s works again", name)
                pause_s = _PAUSE_S
            except (DigestError, OSError) as error:
                log.error("%s failed, tried again in %.0f s: %s", name, pause_s, error)
            except Exception:
                log.exception("%s failed, tried again in %.0f s", name, pause_s)
            else:
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            if bell is not None:
                bell.set()

    async def _collect(self) -> None:
        try:
            report = await asyncio.to_thread(self._runtime.collect)
        finally:
            self._hold = _LONG_AGO
            self._bells["publish"].set()
        jobs.tell_collected(report)

    def _waits(self) -> bool:
        """Whether editions wait for feeds to be read: at the start, and after a night asleep."""
        now, away = self._runtime.now, timedelta(seconds=_AWAY_S * self._runtime.clock.speed)
        if now - self._looked > away:
            self._hold = now + away
            self._bells["collect"].set()
        self._looked = now
        return now < self._hold

    async def _publish(self) -> None:
        if not self._waits() and await jobs.publish(self._runtime):
            self.wake()

    async def _way_out(self) -> "Transport":
        async with self._opening:
            if self._transport is None:
                self._transport = await self._runtime.mail.open_transport(self._stack)
            return self._transport

    async def _deliver(self) -> None:
        transport = await self._way_out()
        self._trouble = await jobs.deliver(self._runtime, transport, known=self._trouble, stop=self.stop)

    async def _tend(self) -> None:
        await jobs.tend(self._runtime, await self._way_out())

    async def _web(self, pages: socket.socket) -> None:
        import uvicorn

        where = "http://{}:{}".format(*pages.getsockname())
        config = uvicorn.Config(
            self._runtime.web_app(where),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        log.info("pages at %s/", where)
        # In a thread and loop of its own: a slow page holds no mail up, and our signals stay ours.
        serving = asyncio.to_thread(server.run, [pages.dup()])
        await jobs.until(self.stop, serving, lambda: setattr(server, "should_exit", True))


def listen(host: str, port: int, *, options: str = "--host and --port") -> socket.socket:
    """Where the pages are served, as long as the program runs: who knocks while it reloads waits.

    Args:
        options: By which another place is chosen.

    Raises:
        ConfigError: Nothing can be served there.
    """
    try:
        return socket.create_server((host, port))
    except (OSError, UnicodeError) as error:
        what = f"nothing can be served at {host}, port {port} ({error}); choose with {options}"
        raise ConfigError(None, [(0, "", what)]) from None


async def _ring(bell: asyncio.Event) -> None:
    """In the loop: apscheduler runs plain functions in a thread, where an Event must not be set."""
    bell.set()


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the installation; a second ``serve`` on the same data is refused.

    Raises:
        ConfigError: Another one runs.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = f"another digest serve holds {lock}; stop it first (SQLite takes one)"
            raise ConfigError(None, [(0, "", what)]) from None
        yield


async def serve(
    open_service: Callable[[], AbstractContextManager[Service]], check: Callable[[], object]
) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP takes a new configuration, or refuses the whole of it.

    Args:
        open_service: Makes a service of the configuration as it stands then.
        check: Raises ConfigError when the new configuration is wrong; then the old one goes on.
    """
    loop = asyncio.get_running_loop()
    ended = False
    running: list[Service] = []

    def end() -> None:
        nonlocal ended
        ended = True
        stop()

    def reload() -> None:
        try:
            check()
        except DigestError as error:
            log.error("the new configuration is refused, the old one goes on: %s", error)
            return
        log.info("taking the new configuration")
        stop()

    def stop() -> None:
        for service in running:
            service.stop.set()

    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    while not ended:
        with open_service() as service:
            running[:] = [service]
            in_order = await service.run()
        if not in_order and ended:
            # A thread that hangs in a fetch would hold the interpreter; what it does is safe to lose.
            logging.shutdown()
            os._exit(0)
