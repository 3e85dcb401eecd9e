"""Calls that overrun lose their worker; the pool goes on."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from digest.errors import ParseError
from digest.workers import WorkError, Workers


async def test_the_pool_survives_everything() -> None:
    async with Workers(size=1, wall_s=60, cpu_s=0, memory_bytes=400 << 20) as workers:
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
    async with Workers(size=1, wall_s=0.5) as workers:
        for _ in range(2):
            with pytest.raises(WorkError, match=r"longer than 0\.5 s"):
                await workers.run(time.sleep, 20)


async def test_nothing_of_ours_is_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_SECRET", "s")
    with socket.create_server(("127.0.0.1", 0)):
        async with Workers(size=1) as workers:
            files = await workers.run(os.listdir, "/proc/self/fd")
            assert await workers.run(os.getenv, "DIGEST_SECRET") is None
    assert len(files) <= 5  # output, errors, the channel (a file and its socket are one), the folder itself


async def test_what_was_begun_beforehand_is_what_the_first_call_uses() -> None:
    async with Workers(size=1) as workers:
        before = _children()
        await workers.prepare()
        (begun,) = _children() - before
        await workers.prepare()
        assert await workers.run(os.getppid) == begun
    assert _children() == before


async def test_what_calls_share_is_made_once_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "import os\nmade = []\ndef warm(): made.append(os.getpid())\ndef told(): return made\n"
    (tmp_path / "warmed_before.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    told = import_module("warmed_before").told
    async with Workers(size=1, preload=["warmed_before"]) as workers:
        assert await workers.run(told) == [await workers.run(os.getppid)]


def _children() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


async def test_workers_outlive_what_forked_them_and_others_are_started() -> None:
    async with Workers(size=2) as workers:
        first = await workers.run(os.getpid)
        os.kill(await workers.run(os.getppid), signal.SIGKILL)
        assert await workers.run(os.getpid) == first
        with pytest.raises(WorkError, match="used up"):
            await workers.run(os._exit, 3)
        assert await workers.run(os.getpid) != first


async def test_those_asleep_end_with_the_pool() -> None:
    async with Workers(size=2) as workers:
        pid = await workers.run(os.getpid)
        call = asyncio.create_task(workers.run(time.sleep, 60))
        await asyncio.sleep(0.1)
        call.cancel()
    _await_end(pid)


def test_none_outlives_a_program_that_is_killed() -> None:
    script = """if True:
        import asyncio, os, time
        from digest.workers import Workers

        async def main():
            async with Workers(size=2) as workers:
                print(await workers.run(os.getpid), flush=True)
                await workers.run(time.sleep, 60)

        asyncio.run(main())"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ran:
        assert ran.stdout and ran.stderr
        pid = int(ran.stdout.readline())
        ran.kill()
        assert ran.stderr.read() == b""
    _await_end(pid)


def _await_end(pid: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        while Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
            time.sleep(0.01)


async def test_our_errors_cross_whole() -> None:
    async with Workers(size=1) as workers:
        with pytest.raises(ParseError) as caught:
            await workers.run(_refuse, "s")
    assert (caught.value.source_id, caught.value.what) == ("s", "is empty")


def _refuse(source_id: str) -> None:
    raise ParseError(source_id, "is empty")


async def test_what_a_call_prints_does_not_reach_the_pipe() -> None:
    async with Workers(size=1) as workers:
        await workers.run(os.system, "echo noise")
        await workers.run(print, "noise")
        assert await workers.run(len, "abc") == 3
