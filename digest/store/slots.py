"""Slots: the moments editions are due. Rows, not timers, so that a sleeping machine misses none."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from .database import Database
from .schema import slots

DUE: sa.ColumnElement[str] = sa.literal_column("'due'")
"""Written out, not bound: only then do both databases see that the partial index fits."""


class SlotState(StrEnum):
    """Due; made into an edition (or found empty, then without one); dropped or folded as too late."""

    DUE = "due"
    MADE = "made"
    DROPPED = "dropped"
    FOLDED = "folded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    schedule: str
    slot: datetime
    state: SlotState
    edition: int | None = None
    reason: str = ""


class Slots:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, schedule: str, moments: Iterable[datetime], *, now: datetime) -> int:
        """Note that editions are due at *moments*; those noted already stay. How many were new."""
        rows = [
            {"schedule": schedule, "slot": moment, "state": SlotState.DUE, "updated_at": now}
            for moment in moments
        ]
        if not rows:
            return 0
        with self._database.write() as connection:
            added = self._database.insert(slots).values(rows).on_conflict_do_nothing().returning(slots.c.slot)
            return len(connection.execute(added).all())

    def due(self, *, now: datetime, schedule: str | None = None) -> tuple[Slot, ...]:
        """Not made yet and not after *now*, oldest first."""
        query = sa.select(slots).where(slots.c.state == DUE, slots.c.slot <= now).order_by(slots.c.slot)
        if schedule is not None:
            query = query.where(slots.c.schedule == schedule)
        with self._database.read() as connection:
            return tuple(_slot(row) for row in connection.execute(query))

    def close(
        self, schedule: str, slot: datetime, state: SlotState, *, now: datetime, reason: str = ""
    ) -> bool:
        """Settle a slot that is due, without an edition; False when somebody else has settled it."""
        change = (
            sa.update(slots)
            .where(slots.c.schedule == schedule, slots.c.slot == slot, slots.c.state == DUE)
            .values(state=state, reason=reason, updated_at=now)
        )
        with self._database.write() as connection:
            return connection.execute(change).rowcount > 0

    def latest(self, schedule: str) -> Slot | None:
        """The last one noted, whatever became of it: where to go on counting from."""
        query = sa.select(slots).where(slots.c.schedule == schedule).order_by(slots.c.slot.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _slot(row) if row else None

    def reopen(self, schedule: str, *, until: datetime, settled_after: datetime) -> int:
        """Make those due again that lie before *until* and were settled later but not made; how many."""
        mine = (slots.c.schedule == schedule) & (slots.c.slot <= until) & (slots.c.state != DUE)
        change = sa.update(slots).where(mine, slots.c.updated_at > settled_after, slots.c.edition.is_(None))
        with self._database.write() as connection:
            return connection.execute(change.values(state=SlotState.DUE, reason="")).rowcount

    def list(self, *, limit: int = 50) -> tuple[Slot, ...]:
        """Of all schedules, latest first."""
        query = sa.select(slots).order_by(slots.c.slot.desc(), slots.c.schedule).limit(limit)
        with self._database.read() as connection:
            return tuple(_slot(row) for row in connection.execute(query))


def fill_slot(connection: sa.Connection, schedule: str, slot: datetime, edition: int, now: datetime) -> None:
    """Note which edition a slot has, also when another process found nothing for it a moment ago."""
    mine = (slots.c.schedule == schedule) & (slots.c.slot == slot)
    made = {"state": SlotState.MADE, "edition": edition, "reason": "", "updated_at": now}
    connection.execute(sa.update(slots).where(mine).values(made))


def _slot(row: Any) -> Slot:
    return Slot(
        schedule=row.schedule,
        slot=row.slot,
        state=SlotState(row.state),
        edition=row.edition,
        reason=row.reason,
    )
