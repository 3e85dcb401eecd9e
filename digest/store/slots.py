"""Slots: the moments editions are due. Rows, not timers, so that a sleeping machine misses none."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from .database import Noun
from .schema import slots

DUE: sa.ColumnElement[str] = sa.literal_column("'due'")
"""Written out, not bound: only then do both databases see that the partial index fits."""


class SlotState(StrEnum):
    """Due; made into an edition (or found empty, then without one); dropped or folded as too late."""

    DUE = "due"
    MADE = "made"
    DROPPED = "dropped"
    FOLDED = "folded"


class Slots(Noun):
    def add(self, schedule: str, moments: Iterable[datetime], *, now: datetime) -> None:
        """Note that editions are due at *moments*; those noted already stay."""
        each = {"schedule": schedule, "state": SlotState.DUE, "updated_at": now}
        rows = [{**each, "slot": moment} for moment in moments]
        if rows:
            self._database.change(self._database.insert(slots).values(rows).on_conflict_do_nothing())

    def due(self, schedule: str, *, now: datetime) -> tuple[datetime, ...]:
        """Not settled yet and not after *now*, oldest first."""
        mine = slots.c.schedule == schedule, slots.c.state == DUE, slots.c.slot <= now
        return tuple(self._database.column(sa.select(slots.c.slot).where(*mine).order_by(slots.c.slot)))

    def close(
        self, schedule: str, slot: datetime, state: SlotState, *, now: datetime, reason: str = ""
    ) -> None:
        """Settle a slot without an edition, unless somebody else has settled it."""
        mine = slots.c.schedule == schedule, slots.c.slot == slot, slots.c.state == DUE
        change = sa.update(slots).where(*mine).values(state=state, reason=reason, updated_at=now)
        self._database.change(change)

    def latest(self, schedule: str) -> datetime | None:
        """The last one noted, whatever became of it: where to go on counting from."""
        query = sa.select(sa.func.max(slots.c.slot)).where(slots.c.schedule == schedule)
        return self._database.value(query)

    def reopen(self, schedule: str, *, until: datetime, settled_after: datetime) -> None:
        """Make those due again that lie before *until* and were settled later but not made."""
        mine = (slots.c.schedule == schedule) & (slots.c.slot <= until) & (slots.c.state != DUE)
        change = sa.update(slots).where(mine, slots.c.updated_at > settled_after, slots.c.edition.is_(None))
        self._database.change(change.values(state=SlotState.DUE, reason=""))


def fill_slot(connection: sa.Connection, schedule: str, slot: datetime, edition: int, now: datetime) -> None:
    """Note which edition a slot has, also when another process found nothing for it a moment ago."""
    mine = (slots.c.schedule == schedule) & (slots.c.slot == slot)
    made = {"state": SlotState.MADE, "edition": edition, "reason": "", "updated_at": now}
    connection.execute(sa.update(slots).where(mine).values(made))
