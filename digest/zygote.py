"""What workers are forked from, and their side of the channel.

It imports what calls need and little else: until it has, every call waits, and each worker shares it.
"""

import contextlib
import os
import pickle
import signal
import socket
import struct
from collections.abc import Iterable
from importlib import import_module
from io import BufferedIOBase

from digest.errors import DigestError

LENGTH = struct.Struct(">Q")
"""Before each message, on either side, how long it is."""


def serve(cpu_s: int, memory_bytes: int, preload: Iterable[str]) -> None:
    """The zygote's side: a worker for each channel that comes through standard input, until that closes."""
    import gc

    gc.set_threshold(100_000)  # trees of elements are made and dropped whole; looking often costs a fifth
    for name in preload:
        if warm := getattr(import_module(name), "warm", None):
            warm()
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
        stream.write(LENGTH.pack(os.getpid()))
        stream.flush()
        while request := _receive(stream):
            used = resource.getrusage(resource.RUSAGE_SELF)
            # The soft limit counts the process's whole life: move it along for each call.
            spent = int(used.ru_utime + used.ru_stime) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (spent + cpu_s, resource.RLIM_INFINITY))
            reply = _answer(request)
            stream.write(LENGTH.pack(len(reply)))
            stream.write(reply)
            stream.flush()


def _receive(stream: BufferedIOBase) -> bytes:
    head = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


def _answer(request: bytes) -> bytes:
    try:
        call = pickle.loads(request)  # noqa: S301 - from our own parent
        return pickle.dumps((True, call()), 5)
    except Exception as error:
        # Many foreign errors do not survive pickling; their words do.
        whole = isinstance(error, DigestError | MemoryError | RecursionError)
        return pickle.dumps((False, error if whole else RuntimeError(repr(error))), 5)
