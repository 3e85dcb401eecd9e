"""Readers, what they consented to, and who must never be mailed again.

Which step is allowed is decided elsewhere; here it is kept, with who did it and when.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from digest.errors import StoreError
from digest.model import ConsentState, Subscriber

from . import documents
from .database import Database
from .schema import consent_events, deliveries, editions, subscribers, suppressions

BATCH = 1000
"""Rows a statement when importing; more gains nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """One step: who (``reader``, ``operator``, ``import``, ``bounce`` ...), when, from what to what, why."""

    at: datetime
    actor: str
    from_state: ConsentState | None
    to_state: ConsentState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A step decided for one reader: the state it leads to, and what is written together with it.

    Args:
        suppress, unsuppress: A hash of the address that is to be added to the list, or taken off it.
    """

    state: ConsentState
    reason: str
    paused_until: datetime | None = None
    suppress: str | None = None
    unsuppress: str | None = None


def address_hash(key: bytes, address: str) -> str:
    """What is kept of an address that must be forgotten: HMAC-SHA-256 of it, casefolded, in hex."""
    return hmac.new(key, address.casefold().encode(), hashlib.sha256).hexdigest()


class Subscribers:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, subscriber: Subscriber, *, actor: str, now: datetime, reason: str = "") -> Subscriber:
        """Keep a new reader under an id of the database's choosing; the address must be canonical.

        When the address (in any case) is there already, that reader is returned, unchanged.
        """
        insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
        new = insert(subscribers).values(_columns(subscriber, now)).on_conflict_do_nothing()
        with self._database.write() as connection:
            new_id = connection.scalar(new.returning(subscribers.c.id))
            if new_id is not None:
                _note(connection, new_id, None, subscriber.state, actor, now, reason)
            return _found(connection, subscriber.address)

    def add_all(
        self, found: Iterable[Subscriber], *, actor: str, now: datetime, reason: str = ""
    ) -> tuple[int, int]:
        """Import in one transaction and bounded memory: (added, already there). The latter stay."""
        insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
        new = insert(subscribers).on_conflict_do_nothing().returning(subscribers.c.id, subscribers.c.state)
        added = seen = 0
        with self._database.write() as connection:
            for batch in _batches(found):
                rows = connection.execute(new, [_columns(subscriber, now) for subscriber in batch]).all()
                events = [_event(row.id, None, ConsentState(row.state), actor, now, reason) for row in rows]
                if events:
                    connection.execute(sa.insert(consent_events), events)
                added += len(rows)
                seen += len(batch)
        return added, seen - added

    def get(self, subscriber_id: int) -> Subscriber:
        with self._database.read() as connection:
            return _get(connection, subscriber_id)

    def look_up(self, subscriber_id: int) -> Subscriber | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(subscribers).where(subscribers.c.id == subscriber_id)).first()
        return _subscriber(row) if row else None

    def find(self, address: str) -> Subscriber | None:
        """By canonical address, in any case."""
        with self._database.read() as connection:
            return _find(connection, address)

    def list(
        self,
        *,
        state: ConsentState | None = None,
        theme: str | None = None,
        schedule: str | None = None,
        search: str | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> tuple[Subscriber, ...]:
        """By id, oldest first; pass the last id as *after* for the next page.

        *theme* and *schedule* match readers who get it, chosen or by wanting all; *search* is a part of the
        address or name. Erased readers are listed only when asked for by state.
        """
        query = sa.select(subscribers).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(limit)
        query = query.where(
            subscribers.c.state != ConsentState.ERASED if state is None else subscribers.c.state == state
        )
        if theme is not None:
            query = query.where(takes(subscribers.c.themes, (theme,)))
        if schedule is not None:
            query = query.where(takes(subscribers.c.schedules, (schedule,)))
        if search:
            query = query.where(
                subscribers.c.address_key.contains(search.casefold(), autoescape=True)
                | subscribers.c.name.icontains(search, autoescape=True)
            )
        with self._database.read() as connection:
            return tuple(_subscriber(row) for row in connection.execute(query))

    def set_state(
        self,
        subscriber_id: int,
        state: ConsentState,
        *,
        actor: str,
        now: datetime,
        reason: str = "",
        paused_until: datetime | None = None,
    ) -> Subscriber:
        """Take a step that was decided, and keep the proof of it."""
        with self._database.write() as connection:
            before = _get(connection, subscriber_id)
            change = {"state": state, "paused_until": paused_until, "updated_at": now}
            connection.execute(sa.update(subscribers).where(subscribers.c.id == subscriber_id).values(change))
            _note(connection, subscriber_id, before.state, state, actor, now, reason)
            return _get(connection, subscriber_id)

    def find_all(self, addresses: Sequence[str]) -> dict[str, Subscriber]:
        """Those who are there, by casefolded address."""
        query = sa.select(subscribers).where(
            subscribers.c.address_key.in_([address.casefold() for address in addresses])
        )
        with self._database.read() as connection:
            return {row.address_key: _subscriber(row) for row in connection.execute(query)}

    def turn(
        self,
        ids: Sequence[int],
        decide: Callable[[Subscriber], Turn | None],
        *,
        actor: str,
        now: datetime,
        wishes: Mapping[int, Subscriber] | None = None,
    ) -> dict[int, Subscriber]:
        """Take a step for each of *ids*, decided from the state it finds, all in one transaction.

        Args:
            decide: None: this reader stays as it is.
            wishes: Themes, schedules, language and time zone to set for readers who took a step.

        Returns:
            Everybody of *ids* who exists, as they are afterwards.
        """
        query = sa.select(subscribers).where(subscribers.c.id.in_(ids))
        with self._database.write() as connection:
            found = [_subscriber(row) for row in connection.execute(query.with_for_update())]
            turns = {one.id: turn for one in found if (turn := decide(one)) is not None}
            after = {one.id: _turned(one, turns.get(one.id), (wishes or {}).get(one.id)) for one in found}
            if turns:
                self._write_turns(connection, found, turns, after, actor, now)
        return after

    def _write_turns(
        self,
        connection: sa.Connection,
        found: Sequence[Subscriber],
        turns: Mapping[int, Turn],
        after: Mapping[int, Subscriber],
        actor: str,
        now: datetime,
    ) -> None:
        kept = ("state", "paused_until", "themes", "schedules", "language", "timezone")
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in kept}
        change = (
            sa.update(subscribers)
            .where(subscribers.c.id == sa.bindparam("reader"))
            .values(values | {"updated_at": now})
        )
        rows = [{"reader": n, **{f"new_{k}": _columns(after[n], now)[k] for k in kept}} for n in turns]
        connection.execute(change, rows)
        events = [
            _event(one.id, one.state, turns[one.id].state, actor, now, turns[one.id].reason)
            for one in found
            if one.id in turns
        ]
        connection.execute(sa.insert(consent_events), events)
        barred = [
            {"address_hash": turn.suppress, "reason": turn.reason.partition(":")[0], "since": now}
            for turn in turns.values()
            if turn.suppress
        ]
        if barred:
            insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
            connection.execute(insert(suppressions).on_conflict_do_nothing(), barred)
        gone = [turn.unsuppress for turn in turns.values() if turn.unsuppress]
        if gone:
            connection.execute(sa.delete(suppressions).where(suppressions.c.address_hash.in_(gone)))

    def last_events(
        self, ids: Sequence[int], reason: str, *, since: datetime
    ) -> dict[int, tuple[datetime, ...]]:
        """When something with that *reason* happened to each of *ids* after *since*, oldest first."""
        query = (
            sa.select(consent_events.c.subscriber_id, consent_events.c.at)
            .where(
                consent_events.c.subscriber_id.in_(ids),
                consent_events.c.reason == reason,
                consent_events.c.at > since,
            )
            .order_by(consent_events.c.id)
        )
        found: dict[int, tuple[datetime, ...]] = {}
        with self._database.read() as connection:
            for reader, at in connection.execute(query):
                found[reader] = (*found.get(reader, ()), at)
        return found

    def recent(
        self, states: Sequence[ConsentState], *, limit: int = 20
    ) -> tuple[tuple[int, ConsentEvent], ...]:
        """The last steps into one of *states*, newest first; looks back over 5,000 steps, not over all."""
        last = sa.select(consent_events).order_by(consent_events.c.id.desc()).limit(5000).subquery()
        query = sa.select(last).where(last.c.to_state.in_(states), last.c.from_state != last.c.to_state)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(last.c.id.desc()).limit(limit)).all()
        return tuple((row.subscriber_id, _consent_event(row)) for row in rows)

    def forget_unconfirmed(self, before: datetime) -> int:
        """Delete who asked, never confirmed, and was never heard of since *before*; how many."""
        # Somebody who was a reader once has a history that must stay: it says that they left.
        history = sa.exists().where(
            consent_events.c.subscriber_id == subscribers.c.id,
            consent_events.c.to_state != ConsentState.PENDING,
        )
        idle = sa.select(subscribers.c.id).where(
            subscribers.c.state == ConsentState.PENDING, subscribers.c.updated_at < before, ~history
        )
        with self._database.write() as connection:
            ids = connection.scalars(idle.limit(BATCH)).all()
            connection.execute(sa.delete(consent_events).where(consent_events.c.subscriber_id.in_(ids)))
            connection.execute(sa.delete(subscribers).where(subscribers.c.id.in_(ids)))
        return len(ids)

    def set_preferences(
        self,
        subscriber_id: int,
        *,
        now: datetime,
        themes: Sequence[str] | None = None,
        schedules: Sequence[str] | None = None,
        language: str | None = None,
        timezone: str | None = None,
        name: str | None = None,
        send_hour: int | None = None,
    ) -> Subscriber:
        """Change what is given. Empty *themes* or *schedules* mean all; *send_hour* -1 unsets it."""
        changes: dict[str, Any] = {
            "themes": None if themes is None else documents.words(tuple(themes)),
            "schedules": None if schedules is None else documents.words(tuple(schedules)),
            "language": language,
            "timezone": timezone,
            "name": None if name is None else documents.printable(name, 200),
            "send_hour": send_hour,
        }
        changes = {key: value for key, value in changes.items() if value is not None}
        if send_hour == -1:
            changes["send_hour"] = None
        with self._database.write() as connection:
            connection.execute(
                sa.update(subscribers)
                .where(subscribers.c.id == subscriber_id)
                .values(updated_at=now, **changes)
            )
            return _get(connection, subscriber_id)

    def renew_tokens(self, subscriber_id: int, *, now: datetime) -> Subscriber:
        """Make every link sent so far invalid."""
        change = {"token_version": subscribers.c.token_version + 1, "updated_at": now}
        with self._database.write() as connection:
            connection.execute(sa.update(subscribers).where(subscribers.c.id == subscriber_id).values(change))
            return _get(connection, subscriber_id)

    def remove(self, subscriber_id: int, *, actor: str, now: datetime, reason: str = "") -> Subscriber:
        """Unsubscribe without forgetting; :meth:`erase` forgets."""
        return self.set_state(subscriber_id, ConsentState.UNSUBSCRIBED, actor=actor, now=now, reason=reason)

    def erase(self, subscriber_id: int, *, address_hash: str, now: datetime) -> None:
        """Forget the person: address, name, choices, proofs, servers' replies. The hash stays suppressed.

        The row stays as a number, so that the ledger's counts stay true.
        """
        forgotten = {
            "address": None, "address_key": None, "name": "", "themes": "", "schedules": "",
            "language": "", "timezone": "", "send_hour": None, "paused_until": None,
            "state": ConsentState.ERASED, "updated_at": now,
        }  # fmt: skip
        all_editions = sa.select(editions.c.number)
        mine = deliveries.c.edition.in_(all_editions) & (deliveries.c.subscriber_id == subscriber_id)
        with self._database.write() as connection:
            address = _get(connection, subscriber_id).address
            connection.execute(
                sa.delete(consent_events).where(consent_events.c.subscriber_id == subscriber_id)
            )
            connection.execute(sa.update(deliveries).where(mine).values(text=None))
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.edition.in_(all_editions), deliveries.c.address == address)
                .values(address=sa.literal("erased ") + sa.cast(deliveries.c.id, sa.Text), text=None)
            )
            connection.execute(
                sa.update(subscribers).where(subscribers.c.id == subscriber_id).values(forgotten)
            )
            self._suppress(connection, address_hash, "erased", now)

    def suppress(self, address_hash: str, *, reason: str, now: datetime) -> None:
        """Never mail the address again, whoever imports it; the first reason stays."""
        with self._database.write() as connection:
            self._suppress(connection, address_hash, reason, now)

    def unsuppress(self, address_hash: str) -> bool:
        """The way back, by the operator's hand."""
        with self._database.write() as connection:
            row = sa.delete(suppressions).where(suppressions.c.address_hash == address_hash)
            return connection.execute(row).rowcount > 0

    def is_suppressed(self, address_hash: str) -> bool:
        return bool(self.suppressed([address_hash]))

    def suppressed(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those of *hashes* that are suppressed."""
        query = sa.select(suppressions.c.address_hash).where(suppressions.c.address_hash.in_(hashes))
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

    def events(self, subscriber_id: int) -> tuple[ConsentEvent, ...]:
        """The proof of consent, oldest first."""
        query = (
            sa.select(consent_events)
            .where(consent_events.c.subscriber_id == subscriber_id)
            .order_by(consent_events.c.id)
        )
        with self._database.read() as connection:
            return tuple(_consent_event(row) for row in connection.execute(query))

    def note(self, subscriber_id: int, *, actor: str, now: datetime, reason: str) -> None:
        """Keep something that happened without a step: a soft bounce, an export."""
        with self._database.write() as connection:
            state = _get(connection, subscriber_id).state
            _note(connection, subscriber_id, state, state, actor, now, reason)

    def counts(self) -> dict[ConsentState, int]:
        query = sa.select(subscribers.c.state, sa.func.count()).group_by(subscribers.c.state)
        with self._database.read() as connection:
            return {ConsentState(state): count for state, count in connection.execute(query)}

    def demand(self, themes: Sequence[str] = ()) -> dict[str, int]:
        """How many confirmed readers want each theme; those who chose none want all of *themes*."""
        query = (
            sa.select(subscribers.c.themes, sa.func.count())
            .where(subscribers.c.state == ConsentState.CONFIRMED)
            .group_by(subscribers.c.themes)
        )
        wanted = dict.fromkeys(themes, 0)
        with self._database.read() as connection:
            for chosen, count in connection.execute(query):
                for theme in documents.ids(chosen) or themes:
                    wanted[theme] = wanted.get(theme, 0) + count
        return wanted

    def timezones(self) -> tuple[str, ...]:
        """Of confirmed readers, each once."""
        query = (
            sa.select(subscribers.c.timezone).where(subscribers.c.state == ConsentState.CONFIRMED).distinct()
        )
        with self._database.read() as connection:
            return tuple(sorted(connection.scalars(query)))

    def _suppress(self, connection: sa.Connection, address_hash: str, reason: str, now: datetime) -> None:
        insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
        row = insert(suppressions).values(address_hash=address_hash, reason=reason, since=now)
        connection.execute(row.on_conflict_do_nothing())


def takes(column: sa.Column[str], ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """Nothing chosen, or one of *ids* chosen."""
    return sa.or_(column == "", *(column.contains(f"|{one}|", autoescape=True) for one in ids))


def deliverable(now: datetime | sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Confirmed, or paused until a moment that has passed."""
    awake = subscribers.c.paused_until.is_(None) | (subscribers.c.paused_until <= now)
    return ((subscribers.c.state == ConsentState.CONFIRMED) & awake) | (
        (subscribers.c.state == ConsentState.PAUSED) & (subscribers.c.paused_until <= now)
    )


def _columns(subscriber: Subscriber, now: datetime) -> dict[str, Any]:
    return {
        "address": subscriber.address,
        "address_key": subscriber.address.casefold(),
        "name": documents.printable(subscriber.name, 200),
        "state": subscriber.state,
        "language": subscriber.language,
        "timezone": subscriber.timezone,
        "send_hour": subscriber.send_hour,
        "themes": documents.words(subscriber.themes),
        "schedules": documents.words(subscriber.schedules),
        "paused_until": subscriber.paused_until,
        "token_version": subscriber.token_version,
        "created_at": now,
        "updated_at": now,
    }


def _subscriber(row: Any) -> Subscriber:
    return Subscriber(
        id=row.id,
        address=row.address or "",
        name=row.name,
        state=ConsentState(row.state),
        language=row.language,
        timezone=row.timezone,
        send_hour=row.send_hour,
        themes=documents.ids(row.themes),
        schedules=documents.ids(row.schedules),
        paused_until=row.paused_until,
        token_version=row.token_version,
    )


def _get(connection: sa.Connection, subscriber_id: int) -> Subscriber:
    row = connection.execute(sa.select(subscribers).where(subscribers.c.id == subscriber_id)).first()
    if row is None:
        raise StoreError(f"there is no subscriber {subscriber_id}")
    return _subscriber(row)


def _found(connection: sa.Connection, address: str) -> Subscriber:
    known = _find(connection, address)
    assert known is not None
    return known


def _find(connection: sa.Connection, address: str) -> Subscriber | None:
    query = sa.select(subscribers).where(subscribers.c.address_key == address.casefold())
    row = connection.execute(query).first()
    return _subscriber(row) if row else None


def _turned(one: Subscriber, turn: Turn | None, wish: Subscriber | None) -> Subscriber:
    if turn is None:
        return one
    after = replace(one, state=turn.state, paused_until=turn.paused_until)
    if wish is None:
        return after
    return replace(
        after, themes=wish.themes, schedules=wish.schedules, language=wish.language, timezone=wish.timezone
    )


def _consent_event(row: Any) -> ConsentEvent:
    return ConsentEvent(
        at=row.at,
        actor=row.actor,
        from_state=ConsentState(row.from_state) if row.from_state else None,
        to_state=ConsentState(row.to_state),
        reason=row.reason,
    )


def _event(
    subscriber_id: int, old: ConsentState | None, new: ConsentState, actor: str, now: datetime, reason: str
) -> dict[str, Any]:
    return {
        "subscriber_id": subscriber_id,
        "at": now,
        "actor": documents.printable(actor, 100),
        "from_state": old,
        "to_state": new,
        "reason": documents.printable(reason),
    }


def _note(
    connection: sa.Connection,
    subscriber_id: int,
    old: ConsentState | None,
    new: ConsentState,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    connection.execute(sa.insert(consent_events).values(_event(subscriber_id, old, new, actor, now, reason)))


def _batches(found: Iterable[Subscriber]) -> Iterable[list[Subscriber]]:
    batch: list[Subscriber] = []
    for subscriber in found:
        batch.append(subscriber)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
