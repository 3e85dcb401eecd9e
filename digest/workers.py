"""A few processes that may be killed: hostile input costs one of them, never the program.

Workers are forked from a zygote, a fresh Python that has imported what they need and holds nothing of ours
(no thread, socket, database or secret): they start in milliseconds and share its memory. Each runs one call
at a time, under limits on CPU and memory that the kernel enforces. A call that overruns loses its worker;
the next call gets a new one.
"""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar, cast

from digest.errors import DigestError
from digest.zygote import LENGTH

P = ParamSpec("P")
T = TypeVar("T")

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR")
_CALLS_BEFORE_RENEWAL = 2000
"""A worker is replaced after so many calls, so that memory its libraries leak stays bounded."""


class WorkError(Exception):
    """The call used more time or memory than it may, took its process down, or met a bug."""


class Workers:
    """At most *size* calls run at once; workers are started when first needed, and end with the block.

    Args:
        size: One more than the machine has processors when None: while one waits for us, the others work.
        wall_s, cpu_s: Limits of one call.
        memory_bytes: Address space of a worker; a call that wants more fails with `WorkError`.
        preload: Modules that calls will need; what one has of the name ``warm`` is called, too.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        wall_s: float = 20.0,
        cpu_s: int = 10,
        memory_bytes: int = 1 << 30,
        preload: Iterable[str] = (),
    ) -> None:
        self._command = f"from digest.zygote import serve; serve({cpu_s}, {memory_bytes}, {[*preload]})"
        self._wall_s = wall_s
        self._free: asyncio.Queue[_Worker | None] = asyncio.LifoQueue()
        for _ in range(size or (os.cpu_count() or 1) + 1):
            self._free.put_nowait(None)
        self._zygote: _Zygote | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> "Workers":
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._free.empty():
            if worker := self._free.get_nowait():
                worker.kill()
        await self._end_zygote()

    async def prepare(self) -> None:
        """Begin what a first call would wait for, beside what else there is to do; never needed."""
        async with self._starting:
            with contextlib.suppress(OSError):
                self._zygote = self._zygote or await _Zygote.start(self._command)

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
        request = pickle.dumps(call, 5)
        worker = await self._free.get()
        keep = None
        try:
            if worker is None:
                worker = await self._start()
            async with asyncio.timeout(wall_s):
                good, value = await worker.call(request)
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
        await asyncio.sleep(0)  # who waits for a worker sends his call before this answer is read
        if good:
            return cast(T, value)
        if isinstance(value, DigestError):
            raise value
        if isinstance(value, MemoryError | RecursionError):
            raise WorkError("needs too much memory") from cast(Exception, value)
        raise WorkError(str(value))

    async def _start(self) -> "_Worker":
        async with self._starting:
            for _ in range(2):  # the zygote may have been killed since it was used last
                with contextlib.suppress(EOFError, OSError):
                    self._zygote = self._zygote or await _Zygote.start(self._command)
                    return await self._zygote.fork()
                await self._end_zygote()
        raise WorkError("no process could be started for it")

    async def _end_zygote(self) -> None:
        """It ends, with all its workers, when nobody can ask it any more."""
        if self._zygote:
            self._zygote.requests.close()
            await self._zygote.process.wait()
        self._zygote = None


@dataclass(frozen=True, slots=True)
class _Zygote:
    process: asyncio.subprocess.Process
    requests: socket.socket

    @classmethod
    async def start(cls, command: str) -> "_Zygote":
        # Not our whole environment: secrets are kept there.
        environ = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", command),
                stdin=theirs.fileno(),
                env=environ,
                start_new_session=True,  # Ctrl-C is for the program to handle
            )
        return cls(process, ours)

    async def fork(self) -> "_Worker":
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            with theirs:
                socket.send_fds(self.requests, [b"f"], [theirs.fileno()])
            (pid,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        except BaseException:
            writer.transport.abort()
            raise
        return _Worker(pid, reader, writer)


@dataclass(slots=True)
class _Worker:
    pid: int
    reader: StreamReader
    writer: StreamWriter
    calls: int = 0

    async def call(self, request: bytes) -> tuple[bool, object]:
        self.calls += 1
        self.writer.writelines((LENGTH.pack(len(request)), request))
        await self.writer.drain()
        (length,) = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))
        return pickle.loads(await self.reader.readexactly(length))  # type: ignore[no-any-return]  # noqa: S301 - our own child

    def kill(self) -> None:
        """Its number is its own until the zygote forks the next time, even when it is dead."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.writer.transport.abort()
