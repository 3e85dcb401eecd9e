"""``digest serve`` as a real process, killed while it makes editions, and told to reload; and its supervision."""

import asyncio
import email
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from urllib.request import urlopen

import pytest
from running import digest
from sqlalchemy import event
from stored import slot_rows
from test_slots import LETTER, THEME, add_article

from digest.config import write_defaults
from digest.installation import Clock, find_config
from digest.model import ConsentState, DeliveryState, Edition, Schedule, Subscriber
from digest.publish import Paper
from digest.runtime import Runtime, open_runtime
from digest.service import Service
from digest.slots import tick
from digest.store import SlotState, Store, open_store

ROOT = Path(__file__).parent.parent
BEFORE_EIGHT = "2026-01-05T23:59:57+00:00"
SLOT = datetime(2026, 1, 6, tzinfo=UTC)


class Serving:
    """One running ``digest serve`` and what it has logged so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / f"log-{time.monotonic_ns()}"
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "digest", *options, "serve", "--port", "0"]
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            self.process = subprocess.Popen(command, cwd=folder, env=environ, stderr=log, stdout=log)

    def logged(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: str, *, seconds: float = 30) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.logged())
            if found:
                return found[found.lastindex or 0]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"never logged {pattern!r}: {self.logged()}")

    def end(self, with_signal: int = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation with one reader, whose edition is due every day at eight in Shanghai."""
    write_defaults(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text("utf-8").replace('every = "weekday"', 'every = "day"'), "utf-8")
    (tmp_path / "var").mkdir()
    with open_store(f"sqlite:///{tmp_path / 'var/digest.db'}") as store:
        store.migrate()
        add_reader(store, "ann")
        # Met before: on a busy machine serve may start to look only after the slot.
        store.state.set("since:daily", (SLOT - timedelta(hours=1)).isoformat())
    return tmp_path


def add_reader(store: Store, name: str) -> None:
    one = Subscriber(id=0, address=f"{name}@example.org", state=ConsentState.CONFIRMED)
    store.subscribers.add(one, actor="test", now=SLOT - timedelta(days=9))


def mails(folder: Path) -> list[str]:
    return [path.name for path in sorted((folder / "var/inbox").glob("*.eml"))]


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1", "x" * 300])
def test_pages_that_can_be_nowhere_end_the_start_with_what_to_do(folder: Path, host: str) -> None:
    ran = digest(folder, "serve", "--host", host)
    assert (ran.returncode, "choose with --host and --port" in ran.stderr) == (2, True)
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("when", "slot", "hours"),
    [
        ('every = "day"\nat = "08:00"', SLOT, 24),
        ('every = "day"\nat = "08:00"\ntimezone = "reader"', SLOT, 24),
        ('every = "day"\nat = "08:00"\ntimezone = "Europe/Berlin"', datetime(2026, 3, 28, 7, tzinfo=UTC), 23),
        ('every = "monday"\nat = "08:00"', SLOT, 48),
        ('cron = "*/5 * * * *"', SLOT, 1),
        ('every = "day"\nat = "08:00"', SLOT - timedelta(minutes=2), 1),
    ],
)
def test_mail_is_tried_again_until_the_next_slot_or_for_two_days(
    folder: Path, when: str, slot: datetime, hours: int
) -> None:
    config = folder / "config.toml"
    text, changed = re.subn(r'every = "day".*\nat = .*', when, config.read_text("utf-8"))
    assert changed == 1
    config.write_text(text, "utf-8")
    with open_runtime(config, Clock(SLOT)) as opened:
        made = [
            opened.store.editions.freeze(
                Edition(
                    number=0,
                    schedule=schedule,
                    slot=slot,
                    made_at=slot,
                    subject="a",
                    preheader="",
                    sections=(),
                ),
                now=slot,
            ).number
            for schedule in ("daily", "left-out-since")
        ]
        assert [opened.mail.life(number) for number in made] == [
            timedelta(hours=hours),
            timedelta(days=2),
        ]


def test_a_day_of_serving(folder: Path) -> None:
    """The edition is made at its slot and delivered; a second serve is refused; SIGHUP; SIGTERM."""
    serving = Serving(folder, "--clock", BEFORE_EIGHT)
    try:
        page = serving.wait_for(r"pages at (http://[\d.:]+)/")
        serving.wait_for(r"slot schedule=daily slot=2026-01-06 00:00:00\+00:00 edition=1")
        serving.wait_for("delivered sent=1")
        assert mails(folder) == ["0001.eml"]
        message = email.message_from_bytes((folder / "var/inbox/0001.eml").read_bytes(), policy=default)
        assert message["To"] == "ann@example.org"
        with urlopen(f"{page}/healthz") as answer:
            assert answer.status == 200

        second = Serving(folder)
        assert second.process.wait(20) == 2
        assert "another digest serve holds" in second.logged()
        assert "Traceback" not in second.logged()

        config = folder / "config.toml"
        right = config.read_text("utf-8")
        config.write_text(right.replace('id = "daily"', 'id = "Daily!"'), "utf-8")
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for(r"the new configuration is refused.*an id; use small letters")
        (folder / "own").mkdir()
        (folder / "own/page.html").write_text("{% if %}", "utf-8")
        config.write_text(f'{right}\n[paths]\ntemplates = ["own"]\n', "utf-8")
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for(r"the new configuration is refused.*template page.html, line 1")
        config.unlink()
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for(r"refused, the old one goes on: .*there is none in this folder")
        config.write_text(right.replace('id = "daily"', 'id = "morning"'), "utf-8")
        serving.process.send_signal(signal.SIGHUP)
        again = serving.wait_for(r"(?s)taking the new configuration.*pages at (http://[\d.:]+)/")
        assert again == page, "who has the address keeps it"
        assert serving.process.poll() is None

        assert serving.end() == 0
        assert "Traceback" not in serving.logged()
        assert "ann@example.org" not in serving.logged()
        assert all(json.loads(line)["level"] for line in serving.logged().splitlines())
        assert mails(folder) == ["0001.eml"]
    finally:
        serving.process.kill()
        serving.process.wait()


def test_a_restored_backup_gives_the_same_mail_months_later(folder: Path) -> None:
    shutil.rmtree(folder / "seeds")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    assert digest(folder, "send").returncode == 0
    [sent] = (folder / "var/inbox").glob("*.eml")
    assert digest(folder, "backup", "copy.db").returncode == 0
    for file in [f for f in (folder / "var").glob("digest.db*") if f.is_file()]:
        file.unlink()
    shutil.move(folder / "copy.db", folder / "var/digest.db")

    later = "2026-09-05T08:00:00+08:00"
    again = digest(folder, "editions", "rebuild", "1", "ann@example.org", "-o", "again.eml", clock=later)
    assert again.returncode == 0
    assert lines(folder / "again.eml") == lines(sent)
    assert digest(folder, "send", "--resume", clock=later).returncode == 0
    assert len(mails(folder)) == 1
    unknown = digest(folder, "editions", "rebuild", "1", "nobody@example.org")
    assert unknown.returncode == 1
    assert "there is no reader" in unknown.stderr


def lines(mail: Path) -> list[bytes]:
    """But for how lines end on disk."""
    return mail.read_bytes().replace(b"\r\n", b"\n").splitlines()


async def test_after_a_night_off_editions_wait_for_what_has_come_in_meanwhile(folder: Path) -> None:
    config = find_config(folder / "config.toml")
    assert config
    with ExitStack() as stack:
        runtime = Runtime(config, Clock(SLOT), stack, lasting=True)
        service = Service(runtime)
        service._bells = {name: asyncio.Event() for name in ("collect", "publish")}
        for day in range(2):
            runtime.clock.set(SLOT + timedelta(days=day))
            await service._publish()
            assert len(slot_rows(runtime.store)) == day, "not before the feeds are read"
            assert service._bells["collect"].is_set()
            await service._collect()
            await service._publish()
            assert [one.state for one in slot_rows(runtime.store)] == [SlotState.MADE] * (day + 1)


class Scripted(Service):
    """Supervision alone: tasks by name, each a function; no store, no mail."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()


async def test_a_task_that_fails_is_tried_again_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.service._PAUSE_S", 0.01)
    service, rung = Scripted(), {"bad": 0, "good": 0}
    bells = {name: asyncio.Event() for name in rung}

    async def bad() -> None:
        rung["bad"] += 1
        raise [RuntimeError("broken"), OSError("no such disk"), KeyError("x")][rung["bad"] % 3]

    async def good() -> None:
        rung["good"] += 1

    tasks = [
        asyncio.create_task(service._supervise(name, work, bells[name]))
        for name, work in (("bad", bad), ("good", good))
    ]
    for _ in range(30):
        for bell in bells.values():
            bell.set()
        await asyncio.sleep(0.01)
    service.stop.set()
    for bell in bells.values():
        bell.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert rung["bad"] >= 3
    assert rung["good"] >= 10


DAILY = Schedule(id="daily", cron="0 0 * * *", themes_per_edition=1)
LETTER_UTC = type(LETTER)(**{**{k: getattr(LETTER, k) for k in LETTER.__slots__}, "timezone": "UTC"})


def a_paper(store: Store) -> Paper:
    return Paper(store=store, newsletter=LETTER_UTC, themes=[THEME], schedules=[DAILY])


WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT")


def a_publisher(url: str, killed_at: int) -> None:
    """Make what is due; the process is killed just before its *killed_at*-th write or commit."""
    with open_store(url) as store:
        left = killed_at

        def write(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        engine = store.database.engine
        event.listen(engine, "commit", write)
        event.listen(
            engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: write() if statement.startswith(WRITES) else None,
        )
        tick(a_paper(store), now=SLOT)


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., int | None]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_service", "sqlalchemy.dialects.sqlite", "digest.publish"])

    def start(*arguments: object) -> int | None:
        process = context.Process(target=a_publisher, args=arguments, daemon=True)
        process.start()
        process.join(30)
        return process.exitcode

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        yield start


def test_killed_at_every_write_an_edition_is_made_once_and_whole(
    start: Callable[..., int | None], tmp_path: Path
) -> None:
    original = tmp_path / "original.db"
    with open_store(f"sqlite:///{original}") as store:
        store.migrate()
        for name in ("ann", "bob", "cyd"):
            add_reader(store, name)
        for number in range(3):
            add_article(store, number, SLOT - timedelta(days=2))
        tick(a_paper(store), now=SLOT - timedelta(hours=1))
    code, killed_at, editions_found = -signal.SIGKILL, 0, set()
    while code == -signal.SIGKILL:
        killed_at += 1
        copy = tmp_path / "copy.db"
        for file in tmp_path.glob("copy.db*"):
            file.unlink()
        shutil.copy(original, copy)
        code = start(f"sqlite:///{copy}", killed_at)
        with open_store(f"sqlite:///{copy}") as store:
            editions_found.add(len(store.editions.list(9)))
            tick(a_paper(store), now=SLOT + timedelta(minutes=1))
            [edition] = store.editions.list(9)
            assert store.ledger.counts(edition.number) == {DeliveryState.QUEUED: 3}
            assert edition.slot == SLOT
            for item in edition.items():
                text = store.articles.text(item.article.source_id)
                for excerpt in item.excerpts:
                    found, said = (
                        unicodedata.normalize("NFKC", one)
                        for one in (text[excerpt.start : excerpt.end], excerpt.text)
                    )
                    assert found == said
    assert code == 0
    assert editions_found == {0, 1}
    assert killed_at > 8
