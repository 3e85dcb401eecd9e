"""On PostgreSQL: the work as jobs, which Procrastinate hands to whichever worker is free.

A job says where to look, never what to do; what is due stands in slots, ledger and feeds. So a job that
runs twice finds nothing left, and one that is lost is made again: every few seconds one worker somewhere
runs ``tend``, which drops the jobs of workers without a heartbeat and queues whatever is due and not queued.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import KW_ONLY, dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, DigestError, OutdatedError, StoreError
from digest.fetch import host_of
from digest.store.migrations import revision

if TYPE_CHECKING:
    from procrastinate import App, JobContext
    from procrastinate.worker import Worker

    from digest.collect import Collected
    from digest.feeds import Reader
    from digest.mail.transport import Transport
    from digest.runtime import Runtime

log = logging.getLogger("digest.jobs")

QUEUES = ("mail", "editions", "feeds")
CHUNK = 5_000
"""Deliveries a job takes: some seconds for a fast relay."""
PARTS = 64
"""Jobs of one edition that wait at the same time; enough for so many workers."""
_COUNTED = 4
"""Chunks that are counted; where more is due it is not worth counting, all parts are queued."""
SECRET = "mark of the secret"  # noqa: S105 - where it is kept
TEND_S = 5
STALLED_S = 30.0
"""Without a heartbeat for so long (one comes every 10 s) a worker's jobs are somebody else's."""
_UNREAD, _READ_FIRST_S = timedelta(minutes=10), 60.0
_AUDIT_S = 15.0
_JOB_GRACE_S = 20.0
"""What a job may take to end. Jobs of mail have no such limit, they end by *stop*: one that is cut off could
not record what it sent, and a restarted database would cost copies without any crash of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What all jobs of a kind have in common. Of those that wait, higher priorities go first."""

    queue: str
    priority: int
    alone: bool = False
    """Never two at once with the same arguments, on any host."""
    every: str = ""
    """When one comes up by itself, as croniter reads it: once for all workers together."""


KINDS: Mapping[str, Kind] = {
    "tend": Kind(queue="editions", priority=30, every="* * * * * */{tend_s}"),
    "notice": Kind(queue="mail", priority=20, alone=True, every="*/5 * * * *"),
    "publish": Kind(queue="editions", priority=20, alone=True),
    "deliver": Kind(queue="mail", priority=10),
    "bounces": Kind(queue="editions", priority=10, alone=True, every="*/5 * * * *"),
    "seeds": Kind(queue="feeds", priority=10, alone=True, every="*/5 * * * *"),
    "collect": Kind(queue="feeds", priority=0, alone=True),
}
"""By name; each is done by the method of :class:`Crew` of that name, with ``_`` before it."""

Wanted = tuple[str, Mapping[str, str | int]]
"""A kind of job and its arguments."""


def check_secret(runtime: "Runtime") -> None:
    """Refuse a host with a secret of its own: no other host would take the links in its mails for ours.

    Raises:
        ConfigError: Its secret is another than that of the first host.
    """
    [secret] = runtime.keys.values()
    mark = hmac.digest(secret, b"one installation", "sha256").hex()[:16]
    known = runtime.store.state.get(SECRET)
    if known and known != mark:
        what = (
            "this host's secret is not that of the others: copy theirs (var/secret.key); "
            "if it was changed on purpose, say digest migrate --new-secret once"
        )
        raise ConfigError(runtime.config.path, [(0, "paths.secret_file", what)])
    if not known:
        runtime.store.state.set(SECRET, mark)


@dataclass
class Crew:
    """The hands of one process.

    Mail has a lane of its own, one job at a time, because a job uses every connection there is; so
    nothing else waits for it, nor it for anything.

    Args:
        way_out: Opens the transport, once, in the loop of the mail.
        stop: When set, jobs end in order and the lanes with them.
    """

    runtime: "Runtime"
    way_out: "Callable[[], Awaitable[Transport]]"
    stop: asyncio.Event
    _: KW_ONLY
    queues: Collection[str] = QUEUES
    concurrency: int = 4

    def __post_init__(self) -> None:
        self._reader: Reader | None = None
        self._read_since: float | None = None

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What is to run until *stop*, by name; each raises StoreError when the queue is out of reach."""
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, self.stop.set)
        others = [queue for queue in self.queues if queue != "mail"]
        lanes: dict[str, Callable[[], Awaitable[None]]] = {}
        if "mail" in self.queues:
            lanes["mail jobs"] = lambda: self._lane(["mail"], 1, self.stop)
        if others:
            lanes["other jobs"] = lambda: self._aside(others)
        return lanes

    async def _aside(self, queues: Collection[str]) -> None:
        """A lane in a thread and loop of its own: what takes long there holds no mail up."""
        enders: list[Callable[[], object]] = []

        async def lane() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            enders.append(lambda: loop.call_soon_threadsafe(stop.set))
            if not self.stop.is_set():
                await self._lane(queues, self.concurrency, stop)

        def end() -> None:
            for stop in enders:
                with suppress(RuntimeError):  # the loop has ended by itself
                    stop()

        await until(self.stop, asyncio.to_thread(lambda: asyncio.run(lane())), end)

    async def _lane(self, queues: Collection[str], concurrency: int, stop: asyncio.Event) -> None:
        """Take jobs until *stop*, or until the queue is out of reach."""
        from procrastinate import App, PsycopgConnector
        from procrastinate.exceptions import ConnectorException
        from procrastinate.worker import Worker

        database = self.runtime.store.database
        app = App(connector=PsycopgConnector(conninfo=database.conninfo, min_size=1, max_size=4))
        running: set[int] = set()
        self._register(app, queues, running)
        worker = Worker(
            app,
            queues=queues,
            concurrency=concurrency,
            install_signal_handlers=False,
            shutdown_graceful_timeout=None if "mail" in queues else _JOB_GRACE_S,
            delete_jobs="always",
        )
        try:
            async with app.open_async(), AsyncExitStack() as stack:
                await self._prepare(queues, stack)
                # After a night off first of all what has come in meanwhile; by the clock only from then on.
                await _queue(
                    app, [(name, {}) for name, kind in KINDS.items() if kind.every and kind.queue in queues]
                )
                working = asyncio.ensure_future(worker.run())  # type: ignore[no-untyped-call]
                helping = [
                    asyncio.ensure_future(stop.wait()),
                    asyncio.ensure_future(_audit(app, worker, running)),
                ]
                await asyncio.wait({working, *helping}, return_when=asyncio.FIRST_COMPLETED)
                worker.stop()  # type: ignore[no-untyped-call]
                for task in helping:
                    task.cancel()
                await working
                if not stop.is_set():
                    raise StoreError("the queue of jobs is out of reach")
        except ConnectorException as problem:
            raise StoreError(f"the queue of jobs: {problem.__cause__ or problem}") from problem

    def _register(self, app: "App", queues: Collection[str], running: set[int]) -> None:
        """Make the jobs of *queues* known; *running* holds the ids of those that run here."""
        from procrastinate import RetryStrategy

        again = RetryStrategy(max_attempts=6, exponential_wait=2)
        tend_s = TEND_S if self.runtime.clock.speed < TEND_S else 1
        for name, kind in KINDS.items():
            if kind.queue not in queues:
                continue
            work = self._watched(name, getattr(self, f"_{name}"), running)
            task = app.task(
                name=name, queue=kind.queue, pass_context=True, retry=False if name == "tend" else again
            )(work)
            if kind.every:
                app.periodic(cron=kind.every.format(tend_s=tend_s), **_options(name, {}))(task)

    def _watched(
        self, name: str, work: Callable[..., Awaitable[object]], running: set[int]
    ) -> Callable[..., Any]:
        """The job as Procrastinate calls it: noted while it runs, and what it raises told in our words."""

        async def job(context: "JobContext", timestamp: int = 0, **arguments: Any) -> None:
            assert context.job.id is not None
            running.add(context.job.id)
            try:
                await asyncio.to_thread(revision, self.runtime.store.database)
                await work(context.app, **arguments)
            except OutdatedError as error:
                log.error("stopping: %s", error)
                self._end()
                raise
            except (DigestError, OSError) as error:
                log.error("%s %s failed, it is tried again: %s", name, arguments or "", error)
                raise
            except Exception:
                log.exception("%s %s failed, it is tried again", name, arguments or "")
                raise
            finally:
                running.discard(context.job.id)

        return job

    async def _prepare(self, queues: Collection[str], stack: AsyncExitStack) -> None:
        """Keep what polls feeds open for the life of the lane: its worker processes are dear to start."""
        if "feeds" in queues:
            runtime = self.runtime
            await asyncio.to_thread(runtime.store.feeds.sync, runtime.config.feeds, now=runtime.now)
            self._reader = await stack.enter_async_context(runtime.feed_reader())

    # What the jobs do

    async def _tend(self, app: "App", **_: object) -> None:
        from procrastinate.jobs import Status

        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
            log.warning("job %s was left behind, it is made again", job.call_string)
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        await asyncio.to_thread(self.runtime.mail.recover)
        await _queue(app, await asyncio.to_thread(lambda: list(self._due())))

    def _due(self) -> Iterator[Wanted]:
        """Every job that there is work for."""
        from digest.slots import waiting

        runtime = self.runtime
        store, now = runtime.store, runtime.now
        schedules = waiting(runtime.paper, now=now)
        if not (schedules and self._should_read_first()):
            for schedule in schedules:
                yield "publish", {"schedule": schedule}
        yield from self._due_mail()
        for host in dict.fromkeys(host_of(feed.fetch_url) for feed in store.feeds.due(now)):
            yield "collect", {"host": host}

    def _should_read_first(self) -> bool:
        """Feeds have gone unread for long, as after a night without power: they go first, for a while."""
        runtime = self.runtime
        if not runtime.store.feeds.due(runtime.now - _UNREAD):
            self._read_since = None
            return False
        self._read_since = self._read_since or time.monotonic()
        return time.monotonic() - self._read_since < _READ_FIRST_S

    def _due_mail(self) -> Iterator[Wanted]:
        backlog = self.runtime.store.ledger.backlog(now=self.runtime.now, most=_COUNTED * CHUNK)
        for edition, count in backlog.items():
            parts = PARTS if count == _COUNTED * CHUNK else -(-count // CHUNK)
            for part in range(parts):
                yield "deliver", {"edition": edition, "part": part}

    async def _publish(self, app: "App", schedule: str) -> None:
        await self._seeds(app)
        await publish(self.runtime, schedule)
        await _queue(app, await asyncio.to_thread(lambda: list(self._due_mail())))

    async def _deliver(self, app: "App", edition: int, **_: object) -> None:
        runtime = self.runtime
        if edition not in await asyncio.to_thread(runtime.store.ledger.backlog, now=runtime.now, most=1):
            return  # others were quicker
        transport = await self.way_out()
        await deliver(runtime, transport, edition=edition, at_most=CHUNK, stop=self.stop)
        if not self.stop.is_set():
            await _queue(app, await asyncio.to_thread(lambda: list(self._due_mail())))

    async def _notice(self, app: "App", **_: object) -> None:
        await tend(self.runtime, await self.way_out())

    async def _bounces(self, app: "App", **_: object) -> None:
        if self.runtime.config.bounces:
            await read_bounces(self.runtime)

    async def _seeds(self, app: "App", **_: object) -> None:
        if self.runtime.config.paths.seeds.is_dir():
            tell_collected(await asyncio.to_thread(self.runtime.collect_seeds))

    async def _collect(self, app: "App", host: str) -> None:
        """The due feeds of one host, one after the other."""
        from digest.collect import polled

        assert self._reader is not None
        reader = replace(self._reader, now=self.runtime.now)
        due = await asyncio.to_thread(self.runtime.store.feeds.due, self.runtime.now)
        found = await reader.poll([feed for feed in due if host_of(feed.fetch_url) == host])
        tell_collected(map(polled, found))


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, None], end: Callable[[], object]) -> None:
    """Do *work*, which *end* ends in order when *stop* is set."""
    running, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    end()
    await running


async def publish(runtime: "Runtime", only: str | None = None) -> bool:
    """Make every edition that is due, or that of one schedule; whether a slot was settled."""
    done = await asyncio.to_thread(runtime.tick, only)
    for one in done:
        told = "slot schedule=%s slot=%s edition=%s %s"
        log.info(told, one.schedule, one.slot, one.edition, one.reason or "-")
    return bool(done)


async def deliver(
    runtime: "Runtime", transport: "Transport", *, known: Collection[str] = (), **how: Any
) -> tuple[str, ...]:
    """See `Sending.deliver_due`; what gave trouble, of which what is *known* is not told again."""
    report = await runtime.mail.deliver_due(transport, **how)
    if report is None:
        return ()
    counts = report.sent, report.deferred, report.failed, report.unknown, report.suppressed
    if any(counts):
        told = "delivered sent=%d deferred=%d failed=%d unknown=%d suppressed=%d seconds=%.1f%s"
        log.info(told, *counts, report.seconds, f" edition={how['edition']}" if "edition" in how else "")
    for one in report.trouble:
        if one not in known:
            log.warning("delivery: %s", one)
    return report.trouble


async def read_bounces(runtime: "Runtime") -> None:
    handled = await asyncio.to_thread(runtime.mail.read_bounces)
    if handled:
        log.info("bounces read=%d stopped=%d", len(handled), sum(bool(one.stopped) for one in handled))


async def tend(runtime: "Runtime", transport: "Transport") -> None:
    for line in await runtime.mail.tend(transport):
        log.info("%s", line)


def tell_collected(report: "Iterable[Collected]") -> None:
    for one in report:
        if one.state in {"new", "changed", "failed", "empty"}:
            level = logging.WARNING if one.state == "failed" else logging.INFO
            log.log(level, "collected source=%s state=%s %s", one.source_id, one.state, one.detail or "-")


async def _queue(app: "App", wanted: Collection[Wanted]) -> None:
    """Queue what is wanted and does not wait yet."""
    from procrastinate.exceptions import AlreadyEnqueued

    waiting = {job.queueing_lock for job in await app.job_manager.list_jobs_async(status="todo")}
    for name, arguments in wanted:
        options = _options(name, arguments)
        if options["queueing_lock"] not in waiting:
            with suppress(AlreadyEnqueued):  # another one was quicker
                await app.configure_task(name, **options).defer_async(**arguments)


def _options(name: str, arguments: Mapping[str, str | int]) -> dict[str, Any]:
    """How a job of that kind and those arguments is queued."""
    kind = KINDS[name]
    label = " ".join(map(str, (name, *arguments.values())))
    return {
        "queue": kind.queue,
        "priority": kind.priority,
        "queueing_lock": label,
        "lock": label if kind.alone else None,
    }


async def _audit(app: "App", worker: "Worker", running: set[int]) -> None:
    """Drop jobs that count as ours and do not run: the answer to taking or ending them was lost on its way.

    Their worker lives, so nobody else would; and a lock they hold would hold for good.
    """
    from procrastinate.jobs import Status

    suspects: set[int | None] = set()
    while True:
        await asyncio.sleep(_AUDIT_S)
        doing = await app.job_manager.list_jobs_async(status="doing", worker_id=worker.worker_id)
        idle = [job for job in doing if job.id not in running]
        for job in idle:
            if job.id in suspects:
                await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        suspects = {job.id for job in idle}
