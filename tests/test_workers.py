"""Calls that overrun lose their worker; the pool goes on."""

import os
import pickle
import struct
import subprocess
import sys
import time
from functools import partial

import pytest

from digest.errors import ParseError
from digest.workers import WorkError, open_workers


async def test_the_pool_survives_everything() -> None:
    async with open_workers(size=1, wall_s=60, cpu_s=0, memory_bytes=400 << 20) as workers:
        first = await workers.run(os.getpid)
        assert first != os.getpid()
        assert await workers.run(os.getpid) == first
        with pytest.raises(WorkError, match="time or memory"):
            await workers.run(sum, range(10**11))
        with pytest.raises(WorkError, match="memory"):
            await workers.run(bytearray, 1 << 30)
        with pytest.raises(WorkError, match="used up"):
            await workers.run(os._exit, 3)
        with pytest.raises(WorkError, match=r"ValueError.*invalid literal"):
            await workers.run(int, "x")
        assert await workers.run(os.getpid) not in (first, os.getpid())


async def test_the_clock_is_watched_too() -> None:
    async with open_workers(size=1, wall_s=0.5) as workers:
        for _ in range(2):
            with pytest.raises(WorkError, match=r"longer than 0\.5 s"):
                await workers.run(time.sleep, 20)


def test_a_worker_ends_quietly_when_who_asked_is_gone() -> None:
    read, write = os.pipe()
    os.close(read)
    request = pickle.dumps(partial(len, "abc"))
    ran = subprocess.run(
        [sys.executable, "-c", "from digest.workers import serve; serve(9, 1 << 30)"],
        input=struct.pack(">Q", len(request)) + request,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (ran.returncode, ran.stderr) == (0, b"")


async def test_our_errors_cross_whole() -> None:
    async with open_workers(size=1) as workers:
        with pytest.raises(ParseError) as caught:
            await workers.run(_refuse, "s")
    assert (caught.value.source_id, caught.value.what, caught.value.retryable) == ("s", "is empty", False)


def _refuse(source_id: str) -> None:
    raise ParseError(source_id, "is empty", retryable=False)


async def test_what_a_call_prints_does_not_reach_the_pipe() -> None:
    async with open_workers(size=1) as workers:
        await workers.run(os.system, "echo noise")
        await workers.run(print, "noise")
        assert await workers.run(len, "abc") == 3
