"""What it costs to start: ``digest now`` and ``digest --help`` against bare interpreters, as wall time.

    python benchmarks/startup.py [--runs 5]

Fails when the best ``digest now`` on the repository's seeds, from an empty data folder, takes over 6 times a
bare interpreter that imports jinja2, feedparser and sqlalchemy; or ``digest --help`` over 3 times one that
imports typer. Runs take turns, so that a busy machine slows both alike; byte code is kept between them, as it
is wherever a program is installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAIRS = (
    ("digest now", ["-m", "digest", "now", "-o", "out.html"], "import jinja2, feedparser, sqlalchemy", 6.0),
    ("digest --help", ["-m", "digest", "--help"], "import typer", 3.0),
)


def main() -> int:
    asked = argparse.ArgumentParser(description="What it costs to start.")
    asked.add_argument("--runs", type=int, default=5)
    runs = asked.parse_args().runs
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "config.toml", folder)
        shutil.copytree(ROOT / "seeds", folder / "seeds")
        for title, command, bare, most in PAIRS:
            ours, theirs = [], []
            for _ in range(runs + 1):  # the first fills the caches of byte code
                shutil.rmtree(folder / "var", ignore_errors=True)
                ours.append(wall(folder, command))
                theirs.append(wall(folder, ["-c", bare]))
            fast, bare_fast = min(ours[1:]), min(theirs[1:])
            ratio = fast / bare_fast
            print(f"{title}: {fast:.2f} s, bare {bare_fast:.2f} s: {ratio:.1f} times (at most {most:g})")
            failed = failed or ratio > most
    return int(failed)


def wall(folder: Path, arguments: list[str]) -> float:
    caches = {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    environ = {**os.environ, **caches, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
