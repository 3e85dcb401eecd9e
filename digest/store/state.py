"""Small facts under a name: counters, the last time something was done."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from .database import Noun
from .schema import state

_NOW = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)
"""PostgreSQL's clock, as it stands in the middle of a transaction too."""


ANSWERS = "llm:answer:"
"""What a model answered, by question: the moment, a line break, the answer."""


class State(Noun):
    def get(self, key: str, default: str = "") -> str:
        found = self._database.value(sa.select(state.c.value).where(state.c.key == key))
        return default if found is None else found

    def set(self, key: str, value: str) -> None:
        self.set_all({key: value})

    def set_all(self, values: Mapping[str, str]) -> None:
        """In one transaction."""
        row = self._database.insert(state)
        change = row.on_conflict_do_update(index_elements=["key"], set_={"value": row.excluded.value})
        if values:
            self._database.change(change, [{"key": key, "value": value} for key, value in values.items()])

    def add(self, key: str, amount: int = 1) -> int:
        """Count up; the new value. Safe between processes."""
        row = self._database.insert(state).values(key=key, value=str(amount))
        more = sa.cast(sa.cast(state.c.value, sa.BigInteger) + amount, sa.Text)
        counted = row.on_conflict_do_update(index_elements=["key"], set_={"value": more}).returning(
            state.c.value
        )
        with self._database.write() as connection:
            return int(connection.scalar(counted) or 0)

    def book(self, what: str, seconds: float) -> float:
        """Take the next so many seconds of *what* for ourselves; how long until they begin (PostgreSQL).

        By the database's clock, so those of the hosts need not agree.
        """
        span = round(seconds * 1e6)
        row = self._database.insert(state).values(key=f"booked:{what}", value=sa.cast(_NOW + span, sa.Text))
        booked = sa.cast(state.c.value, sa.BigInteger)
        later = sa.cast(sa.func.greatest(booked, _NOW) + span, sa.Text)
        booking = row.on_conflict_do_update(index_elements=["key"], set_={"value": later})
        with self._database.write() as connection:
            wait = connection.scalar(booking.returning(booked - span - _NOW)) or 0
        return max(0, int(wait)) / 1e6

    def forget(self, key: str) -> None:
        self._database.change(sa.delete(state).where(state.c.key == key))

    def prune(self, *, before: datetime) -> int:
        """Forget a model's older answers; how many."""
        old = sa.delete(state).where(state.c.key.startswith(ANSWERS), state.c.value < before.isoformat())
        return self._database.change(old)

    def set_paused(self, schedule: str, paused: bool) -> None:
        """Whether a schedule makes no editions until it is resumed."""
        self.set(f"paused:{schedule}", "yes" if paused else "")

    def is_paused(self, schedule: str) -> bool:
        return bool(self.get(f"paused:{schedule}"))
