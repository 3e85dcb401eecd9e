"""Statements run by the driver alone, for what is done for every message.

There SQLAlchemy's share would be several times the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any

import sqlalchemy as sa


class Prepared:
    """A statement compiled once. Values go in and come out as the driver has them."""

    _numbers = count()

    def __init__(self, statement: Any) -> None:
        self.name = f"digest_{next(self._numbers)}"
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str], dict[str, Any]]] = {}

    def compiled(self, dialect: sa.Dialect) -> tuple[str, Sequence[str], dict[str, Any]]:
        """The text, the order of its parameters, and those that are always the same."""
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            given = {name: value for name, value in compiled.params.items() if value is not None}
            fixed = {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}
            self._compiled[dialect.name] = str(compiled), compiled.positiontup or (), fixed
        return self._compiled[dialect.name]


class Quick:
    """A transaction on the driver's own connection."""

    def __init__(self, connection: Any, dialect: sa.Dialect) -> None:
        self._driver = connection.driver_connection
        self._known: dict[Any, Any] = connection.info
        self.dialect = dialect

    def say(self, text: str, values: Sequence[Any] = ()) -> Any:
        """The cursor, to fetch from, or to count by when the transaction is over."""
        return self._driver.execute(text, values)

    def run(self, statement: Prepared, **values: Any) -> Any:
        """As :meth:`say`."""
        text, order, fixed = statement.compiled(self.dialect)
        told = fixed | values
        return self._put(statement.name, text, [told[name] for name in order])

    def send(self) -> None:
        """Nothing waits."""

    def _put(self, name: str, text: str, values: Sequence[Any]) -> Any:
        return self.say(text, values)


class Grouped(Quick):
    """On PostgreSQL statements line up and go out as one message, with the COMMIT or when rows are fetched.

    So a transaction costs one way there and back, one write and one wake-up on either side: libpq's
    pipeline mode, as psycopg drives it, sends each statement by itself. What goes out as one message is a
    transaction by itself, too: BEGIN and COMMIT are said only where rows are fetched between them.
    """

    def __init__(self, connection: Any, dialect: sa.Dialect) -> None:
        super().__init__(connection, dialect)
        self._texts: list[str] = []
        self._values: list[Any] = []
        self._waiting: list[_Ran] = []

    def say(self, text: str, values: Sequence[Any] = ()) -> Any:
        self._texts.append(text)
        self._values += values
        self._waiting.append(_Ran(self))
        return self._waiting[-1]

    def _put(self, name: str, text: str, values: Sequence[Any]) -> Any:
        if name not in self._known:
            self._driver.execute(f"PREPARE {name} AS {text}")
            self._known[name] = True
        return self.say(f"EXECUTE {name} ({', '.join(['%s'] * len(values))})", values)

    def send(self) -> None:
        from psycopg import ClientCursor

        if self._texts[0] == "BEGIN" and self._texts[-1] == "COMMIT":
            self._texts, self._waiting = self._texts[1:-1], self._waiting[1:-1]
        if not self._texts:
            return
        with ClientCursor(self._driver) as cursor:
            cursor.execute("; ".join(self._texts), self._values)
            for ran, _ in zip(self._waiting, cursor.results(), strict=True):
                ran.rowcount = cursor.rowcount
                ran.rows = cursor.fetchall() if cursor.description else []
        self._texts, self._values, self._waiting = [], [], []


@dataclass(slots=True)
class _Ran:
    """What became of a statement, once it has been sent."""

    group: Grouped
    rowcount: int = -1
    rows: Sequence[Any] = ()

    def fetchall(self) -> Sequence[Any]:
        self.group.send()
        return self.rows
