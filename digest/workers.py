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
import struct
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import BufferedIOBase
from typing import ParamSpec, TypeVar, cast

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
    """At most *size* calls run at once; workers are started when first needed, and end with the block.

    Args:
        size: As many as the machine has processors when None.
        wall_s, cpu_s: Limits of one call.
        memory_bytes: Address space of a worker; a call that wants more fails with `WorkError`.
        preload: Modules that calls will need.
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
        self._command = f"from digest.workers import serve; serve({cpu_s}, {memory_bytes}, {[*preload]})"
        self._wall_s = wall_s
        self._free: asyncio.Queue[_Worker | None] = asyncio.LifoQueue()
        for _ in range(size or os.cpu_count() or 1):
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
            (pid,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
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
        self.writer.writelines((_LENGTH.pack(len(request)), request))
        await self.writer.drain()
        (length,) = _LENGTH.unpack(await self.reader.readexactly(_LENGTH.size))
        return pickle.loads(await self.reader.readexactly(length))  # type: ignore[no-any-return]  # noqa: S301 - our own child

    def kill(self) -> None:
        """Its number is its own until the zygote forks the next time, even when it is dead."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.writer.transport.abort()


def serve(cpu_s: int, memory_bytes: int, preload: Iterable[str]) -> None:
    """The zygote's side: a worker for each channel that comes through standard input, until that closes."""
    import gc

    gc.set_threshold(100_000)  # trees of elements are made and dropped whole; looking often costs a fifth
    for name in preload:
        import_module(name)
    gc.freeze()  # what is shared stays shared
    os.dup2(2, 1)  # what a library prints
    forked: set[int] = set()
    with socket.socket(fileno=os.dup(0)) as requests:
        os.close(0)
        while channels := socket.recv_fds(requests, 1, 1)[1]:
            with socket.socket(fileno=channels[0]) as channel:
                if (pid := os.fork()) == 0:
                    requests.close()
                    _work(channel, cpu_s, memory_bytes)
                    os._exit(0)
            forked.add(pid)
            with contextlib.suppress(ChildProcessError):
                while ended := os.waitpid(-1, os.WNOHANG)[0]:
                    forked.discard(ended)
    for pid in forked:  # whoever is still at work, works for nobody
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)  # to take apart what was imported would take as long as an import


def _work(channel: socket.socket, cpu_s: int, memory_bytes: int) -> None:
    """The worker's side: answer calls until the channel closes."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), channel.makefile("rwb") as stream:  # OSError: who asked is gone
        stream.write(_LENGTH.pack(os.getpid()))
        stream.flush()
        while request := _receive(stream):
            used = resource.getrusage(resource.RUSAGE_SELF)
            # The soft limit counts the process's whole life: move it along for each call.
            spent = int(used.ru_utime + used.ru_stime) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (spent + cpu_s, resource.RLIM_INFINITY))
            reply = _answer(request)
            stream.write(_LENGTH.pack(len(reply)))
            stream.write(reply)
            stream.flush()


def _receive(stream: BufferedIOBase) -> bytes:
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
