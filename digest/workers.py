"""A few processes that may be killed: hostile input costs one of them, never the program.

Each worker is a fresh Python that runs one call at a time, under limits on CPU and memory that the
kernel enforces. A call that overruns loses its worker; the next call gets a new one.
"""

import asyncio
import contextlib
import os
import pickle
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import BinaryIO, ParamSpec, TypeVar, cast

from digest.errors import DigestError

P = ParamSpec("P")
T = TypeVar("T")

_LENGTH = struct.Struct(">Q")
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR")
_CALLS_BEFORE_RENEWAL = 2000
"""A worker is replaced after so many calls, so that memory its libraries leak stays bounded."""


class WorkError(Exception):
    """The call used more time or memory than it may, took its process down, or met a bug."""


class Workers:
    """At most *size* calls run at once; workers are started when first needed.

    Args:
        wall_s, cpu_s: Limits of one call.
        memory_bytes: Address space of a worker; a call that wants more fails with `WorkError`.
    """

    def __init__(self, *, size: int, wall_s: float, cpu_s: int, memory_bytes: int) -> None:
        self._limits = (cpu_s, memory_bytes)
        self._wall_s = wall_s
        self._free: asyncio.Queue[_Worker | None] = asyncio.LifoQueue()
        for _ in range(size):
            self._free.put_nowait(None)
        self._all: set[_Worker] = set()

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``call(*args, **kwargs)`` in a worker; both must be picklable.

        Raises:
            WorkError: See above.
            DigestError: That the call raised.
        """
        return await self._run(self._wall_s, partial(call, *args, **kwargs))

    async def run_briefly(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` with a quarter of the time: for a part of what has overrun already."""
        return await self._run(self._wall_s / 4, partial(call, *args, **kwargs))

    async def _run(self, wall_s: float, call: "partial[T]") -> T:
        worker = await self._free.get()
        keep = None
        try:
            if worker is None:
                worker = await self._start()
            async with asyncio.timeout(wall_s):
                good, value = await worker.call(pickle.dumps(call, 5))
            if not (not good and isinstance(value, MemoryError)) and worker.calls < _CALLS_BEFORE_RENEWAL:
                keep = worker
        except TimeoutError:
            raise WorkError(f"took longer than {wall_s:g} s") from None
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise WorkError("used up its time or memory") from error
        finally:
            if worker is not None and keep is None:
                worker.kill()
            self._free.put_nowait(keep)
        if good:
            return cast(T, value)
        if isinstance(value, DigestError):
            raise value
        if isinstance(value, MemoryError | RecursionError):
            raise WorkError("needs too much memory") from cast(Exception, value)
        raise WorkError(str(value))

    async def _start(self) -> "_Worker":
        worker = await _Worker.start(*self._limits)
        self._all.add(worker)
        return worker

    async def close(self) -> None:
        for worker in self._all:
            worker.kill()
        await asyncio.gather(*(worker.ended() for worker in self._all))


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.calls = 0

    @classmethod
    async def start(cls, cpu_s: int, memory_bytes: int) -> "_Worker":
        command = f"from digest.workers import serve; serve({cpu_s}, {memory_bytes})"
        # Not our whole environment: secrets are kept there.
        environ = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environ,
                start_new_session=True,  # Ctrl-C is for the program to handle
            )
        )

    async def call(self, request: bytes) -> tuple[bool, object]:
        self.calls += 1
        assert self.process.stdin and self.process.stdout
        self.process.stdin.writelines((_LENGTH.pack(len(request)), request))
        await self.process.stdin.drain()
        try:
            (length,) = _LENGTH.unpack(await self.process.stdout.readexactly(_LENGTH.size))
            return pickle.loads(await self.process.stdout.readexactly(length))  # type: ignore[no-any-return]  # noqa: S301 - our own child
        except asyncio.IncompleteReadError as error:
            raise EOFError from error

    def kill(self) -> None:
        """Not asyncio's: that asks first whether it lives, and takes the answer from who waits for it."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until it is gone and its pipes are closed."""
        assert self.process.stdin and self.process.stdout
        await self.process.wait()
        self.process.stdin.close()
        with contextlib.suppress(OSError):
            await self.process.stdin.wait_closed()
        await self.process.stdout.read()


@contextlib.asynccontextmanager
async def open_workers(
    *, size: int | None = None, wall_s: float = 20.0, cpu_s: int = 10, memory_bytes: int = 1 << 30
) -> AsyncIterator[Workers]:
    """A pool as large as the machine has processors, closed at the end whatever its workers do."""
    workers = Workers(size=size or os.cpu_count() or 1, wall_s=wall_s, cpu_s=cpu_s, memory_bytes=memory_bytes)
    try:
        yield workers
    finally:
        await workers.close()


def serve(cpu_s: int, memory_bytes: int) -> None:
    """The worker's side: answer calls until the pipe closes."""
    import gc
    import resource

    gc.set_threshold(100_000)  # trees of elements are made and dropped whole; looking often costs a fifth
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not speak into the pipe
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while request := _receive(sys.stdin.buffer):
        used = resource.getrusage(resource.RUSAGE_SELF)
        # The soft limit counts the process's whole life: move it along for each call.
        spent = int(used.ru_utime + used.ru_stime) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (spent + cpu_s, resource.RLIM_INFINITY))
        reply = _answer(request)
        try:
            replies.write(_LENGTH.pack(len(reply)))
            replies.write(reply)
            replies.flush()
        except BrokenPipeError:
            os._exit(0)  # who asked is gone


def _receive(stream: BinaryIO) -> bytes:
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def _answer(request: bytes) -> bytes:
    try:
        call = pickle.loads(request)  # noqa: S301 - from our own parent
        return pickle.dumps((True, call()), 5)
    except Exception as error:
        # Many foreign errors do not survive pickling; their words do.
        told = (
            error
            if isinstance(error, (DigestError, MemoryError, RecursionError))
            else RuntimeError(repr(error))
        )
        return pickle.dumps((False, told), 5)
