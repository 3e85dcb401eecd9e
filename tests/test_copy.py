"""An installation moved from one database to another and back, cut off on its way, and refused where it must be."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from running import digest
from stored import DAY, NOW, add_readers, article, frozen_edition, reader

from digest.config import write_defaults
from digest.errors import StoreError
from digest.model import Edition, FeedConfig, SeenEntry
from digest.store import Store, open_store
from digest.store.copying import compare, copy
from digest.store.migrations.queue import check_still
from digest.store.schema import metadata
from digest.store.slots import SlotState

ODD = ("", "é", "Z", "a", "ä", "中", "𠮷", "_", "-", "Ä", "z'")
"""In the order of a language they stand otherwise than in that of bytes."""


def fill(store: Store) -> None:
    """Something in every table that has rows of its own, with keys no two languages sort alike."""
    number = frozen_edition(store)
    add_readers(store, 30)
    for name in ODD:
        store.state.set(f"key {name}", name * 2)
        store.subscribers.suppress({f"hash {name}": "bounce"}, now=NOW)
        store.slots.add(f"schedule {name}", [NOW, NOW + DAY], now=NOW)
    store.slots.close("schedule a", NOW, SlotState.MADE, now=NOW)
    store.articles.save(article("other"), sketch=(-(2**63), 7, 2**63 - 1), now=NOW)
    store.feeds.add(FeedConfig(id="paper", url="https://paper.example/feed"), origin="command", now=NOW)
    entries = [
        SeenEntry(id=name, guid=name, link="", mark="m", text_mark="t", first_seen_at=NOW, background=False)
        for name in ODD
    ]
    store.feeds.save([], {"paper": entries})
    store.ledger.plan(number, now=NOW)
    claims = store.ledger.claim("somebody", limit=5, lease_s=60, now=NOW)
    store.ledger.to_wire(claims, now=NOW)


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


@pytest.fixture
def source(sqlite_url: str) -> Iterator[Store]:
    with open_store(sqlite_url) as store:
        fill(store)
        yield store


@contextmanager
def empty(path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{path}") as store:
        store.migrate()
        yield store


def test_there_and_back_nothing_is_lost(
    source: Store, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.copying.PAGE", 4)
    with open_store(postgresql_url) as there, empty(tmp_path / "back.db") as back:
        counts = copy(source.database, there.database)
        compare(source.database, there.database)
        assert everything(there) == everything(source)
        assert counts == {name: len(rows) for name, rows in everything(source).items()}
        copy(there.database, back.database)
        compare(there.database, back.database)
        assert everything(back) == everything(source)
        # Both go on counting where the source was.
        assert there.subscribers.add(reader("new"), actor="test", now=NOW).id == 31
        [edition] = there.editions.list(9)
        assert there.ledger.plan_addresses(edition.number, ["by@hand.example"], now=NOW) == 1
        assert there.editions.freeze(Edition(**_parts(edition, slot=NOW + DAY)), now=NOW).number == 2


def _parts(edition: Edition, **changes: object) -> dict[str, object]:
    return {name: getattr(edition, name) for name in edition.__slots__} | changes


class Cut(Exception):
    """The copy is killed here."""


def test_a_copy_that_is_cut_off_again_and_again_goes_on(
    source: Store, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.copying.PAGE", 3)
    steps: list[tuple[str, int]] = []
    cuts = {1, 2, 5, 20, 40}

    def cut(what: str, done: int, _total: int) -> None:
        steps.append((what, done))
        if len(steps) in cuts:
            raise Cut

    with open_store(postgresql_url) as target:
        for _ in cuts:
            with pytest.raises(Cut):
                copy(source.database, target.database, on_progress=cut)
        copy(source.database, target.database, on_progress=cut)
        compare(source.database, target.database)
        assert everything(target) == everything(source)
    copied = [step for step in steps if step[0].startswith("copying")]
    assert len(copied) == len(set(copied)), "rows that were there were copied again"
    assert all(a[1] < b[1] for a, b in pairwise(copied) if a[0] == b[0])


def test_what_changed_meanwhile_is_found(source: Store, postgresql_url: str) -> None:
    def meddle(what: str, _done: int, _total: int) -> None:
        if what == "copying subscribers":
            source.database.change(sa.text("UPDATE subscribers SET name = 'Eve' WHERE id = 17"))

    with open_store(postgresql_url) as target:
        copy(source.database, target.database, on_progress=meddle)
        with pytest.raises(StoreError, match=r"subscribers is not the same in both \(id=17\)"):
            compare(source.database, target.database)


def test_other_data_is_never_written_over(source: Store, postgresql_url: str) -> None:
    with open_store(postgresql_url) as target:
        target.state.set("mine", "kept")
        with pytest.raises(StoreError, match=r"holds data already \(in state\)"):
            copy(source.database, target.database)
        with pytest.raises(StoreError, match="onto itself"):
            copy(source.database, source.database)
        target.state.forget("mine")
        target.state.set("copied from", "sqlite:///elsewhere.db")
        with pytest.raises(StoreError, match=r"a copy of sqlite:///elsewhere\.db that was cut off"):
            copy(source.database, target.database)
        target.state.forget("copied from")
        with psycopg.connect(postgresql_url, autocommit=True) as admin:
            admin.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
            with pytest.raises(StoreError, match="1 workers are at work"):
                check_still(target.database)
            admin.execute("DELETE FROM procrastinate_workers")


def test_as_commands(tmp_path: Path, postgresql_url: str) -> None:
    write_defaults(tmp_path)
    made, again = digest(tmp_path, "migrate"), digest(tmp_path, "migrate")
    assert made.returncode == again.returncode == 0
    assert "Made the tables, form 0" in made.stderr
    assert "Nothing to do" in again.stderr
    with open_store(f"sqlite:///{tmp_path / 'var/digest.db'}") as store:
        fill(store)
        before = everything(store)
    began = time.monotonic()
    copied = digest(tmp_path, "copy", "--to", postgresql_url)
    assert copied.returncode == 0, copied.stderr
    assert "30  subscribers" in copied.stderr
    assert time.monotonic() - began < 20
    with open_store(postgresql_url) as target:
        assert everything(target) == before
    twice = digest(tmp_path, "copy", "--to", postgresql_url)
    assert twice.returncode == 1
    assert "holds data already" in twice.stderr
