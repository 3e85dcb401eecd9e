"""The command line as a person types it, within this process, because starting fifty of them takes minutes."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from digest.cli import main

ROOT = Path(__file__).parents[1]
CLOCK = "2026-01-05T08:00:00+08:00"


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


def digest(folder: Path, *words: str, clock: str = CLOCK, stdin: str = "") -> Ran:
    """The command as typed in *folder*."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["digest", "--clock", clock, *words])
        for name, stream in (("stdout", out), ("stderr", err), ("stdin", given)):
            patch.setattr(sys, name, stream)
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
    texts = []
    for stream in (out, err):
        stream.flush()
        stream.buffer.seek(0)
        texts.append(stream.buffer.read().decode())
    return Ran(code, *texts)
