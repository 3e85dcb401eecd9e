"""Readers, what they consented to, and who must never be mailed again.

Which step is allowed is decided elsewhere; here it is kept, with who did it and when. How many readers there
are is counted as they change, in the same transaction: asking costs the same however many there are.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa

from digest.errors import StoreError
from digest.model import ConsentState, Subscriber

from . import documents
from .database import Noun
from .readers import CONFIRMED, ERASED, PENDING, any_of, barred, choices, from_row, known_as, prove, takes
from .schema import askings, consent_events, deliveries, editions, reader_counts, subscribers, suppressions

LEFT_ELSEWHERE = "import: unsubscribed"
"""The reason kept of who left a list that was taken in: no import brings them back, but the form does."""
BATCH = 1000
"""Rows a statement when importing; more gains nothing."""
LOOKED_BACK = 5000
"""Steps among which the last bounces are looked for, so that it costs the same however many there are."""
GONE = frozenset({ConsentState.UNSUBSCRIBED, ConsentState.BOUNCED, ConsentState.COMPLAINED, ERASED})


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
        wish: Whose themes, schedules, language and time zone the reader gets with it.
        hashed: What the suppression list holds of the address: who goes is put on it, who is confirmed off.
    """

    state: ConsentState
    reason: str
    paused_until: datetime | None = None
    wish: Subscriber | None = None
    hashed: str = ""


def address_hash(key: bytes, address: str) -> str:
    """What is kept of an address that must be forgotten: HMAC-SHA-256 of it, casefolded, in hex."""
    return hmac.digest(key, address.casefold().encode(), "sha256").hex()


class Subscribers(Noun):
    def add(self, subscriber: Subscriber, *, actor: str, now: datetime, reason: str = "") -> Subscriber:
        """Keep a new reader under an id of the database's choosing; the address must be canonical.

        When the address (in any case) is there already, that reader is returned, unchanged.
        """
        self.add_all([subscriber], actor=actor, now=now, reason=reason)
        found = self.find(subscriber.address)
        assert found is not None
        return found

    def add_all(
        self, found: Iterable[Subscriber], *, actor: str, now: datetime, reason: str = ""
    ) -> tuple[int, int]:
        """Import in bounded memory, a transaction a thousand: (added, already there). The latter stay."""
        added, seen, some = 0, 0, iter(found)
        while batch := list(islice(some, BATCH)):
            wanted = {one.address.casefold(): one for one in batch}
            with self._database.write() as connection:
                self._database.alone(connection, "readers")
                there = known_as(connection, list(wanted))
                new = [one for key, one in wanted.items() if key not in there]
                self.insert(connection, new, actor=actor, now=now, reason=reason)
                self.count(connection, (), new)
            added, seen = added + len(new), seen + len(batch)
        return added, seen - added

    def insert(
        self,
        connection: sa.Connection,
        new: Sequence[Subscriber],
        *,
        actor: str,
        now: datetime,
        reason: str,
    ) -> None:
        """Keep readers who are not there yet, with the proof of it; :meth:`count` them afterwards.

        For who has made sure, alone with ``readers``: that is faster than to ask for each what became of it.
        """
        if new:
            rows = [_columns(one, now) for one in new]
            connection.execute(sa.insert(subscribers), rows)
            keys = [row["address_key"] for row in rows]
            prove(connection, any_of(subscribers.c.address_key, keys), actor, now, reason, new=True)

    def get(self, subscriber_id: int) -> Subscriber | None:
        rows = self._database.rows(sa.select(subscribers).where(subscribers.c.id == subscriber_id))
        return from_row(rows[0]) if rows else None

    def find(self, address: str) -> Subscriber | None:
        """By canonical address, in any case."""
        return self.find_all([address]).get(address.casefold())

    def find_all(self, addresses: Iterable[str]) -> dict[str, Subscriber]:
        """Those who are there, by casefolded address."""
        with self._database.read() as connection:
            return known_as(connection, [address.casefold() for address in addresses])

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
        query = query.where(subscribers.c.state != ERASED if state is None else subscribers.c.state == state)
        if theme is not None:
            query = query.where(takes(subscribers.c.themes, (theme,)))
        if schedule is not None:
            query = query.where(takes(subscribers.c.schedules, (schedule,)))
        if search:
            query = query.where(
                subscribers.c.address_key.contains(search.casefold(), autoescape=True)
                | subscribers.c.name.icontains(search, autoescape=True)
            )
        return tuple(from_row(row) for row in self._database.rows(query))

    def turn(
        self,
        ids: Sequence[int],
        decide: Callable[[Subscriber], Turn | None],
        *,
        actor: str,
        now: datetime,
    ) -> dict[int, Subscriber]:
        """Take a step for each of *ids*, decided from the state it finds, all in one transaction.

        Args:
            decide: None: this reader stays as it is.

        Returns:
            Everybody of *ids* who exists, as they are afterwards.
        """
        query = sa.select(subscribers).where(any_of(subscribers.c.id, ids)).with_for_update()
        with self._database.write() as connection:
            found = {row.id: from_row(row) for row in connection.execute(query)}
            turns = {one.id: turn for one in found.values() if (turn := decide(one)) is not None}
            after = self.write_turns(connection, found, turns, actor=actor, now=now)
            self.count(connection, [found[number] for number in turns], after.values())
        return {**found, **after}

    def write_turns(
        self,
        connection: sa.Connection,
        found: Mapping[int, Subscriber],
        turns: Mapping[int, Turn],
        *,
        actor: str,
        now: datetime,
    ) -> dict[int, Subscriber]:
        """Keep *turns* of readers *found*; those readers afterwards, to :meth:`count`."""
        alike: dict[tuple[Any, ...], list[int]] = {}
        for number, turn in turns.items():
            alike.setdefault((turn.state, turn.paused_until, turn.reason), []).append(number)
            if turn.wish:
                this = subscribers.c.id == number
                connection.execute(sa.update(subscribers).where(this).values(choices(turn.wish)))
        for (state, until, reason), ids in alike.items():
            these = any_of(subscribers.c.id, ids)
            prove(connection, these, actor, now, reason, to=state)
            change = {"state": state, "paused_until": until, "updated_at": now}
            connection.execute(sa.update(subscribers).where(these).values(change))
        known = [turn for turn in turns.values() if turn.hashed]
        self._suppress(connection, {turn.hashed: turn.state for turn in known if turn.state in GONE}, now)
        lifted = [turn.hashed for turn in known if turn.state == CONFIRMED]
        if lifted:
            connection.execute(sa.delete(suppressions).where(suppressions.c.address_hash.in_(lifted)))
        return {number: _turned(found[number], turn) for number, turn in turns.items()}

    def set_preferences(self, subscriber_id: int, *, now: datetime, **changes: Any) -> Subscriber:
        """Change what is given of themes, schedules (empty: all), language, timezone, name and send_hour.

        Another *token_version* makes every link sent so far invalid, save those to unsubscribe.
        """
        this = subscribers.c.id == subscriber_id
        with self._database.write() as connection:
            row = connection.execute(sa.select(subscribers).where(this).with_for_update()).first()
            if row is None:
                raise StoreError(f"there is no subscriber {subscriber_id}")
            before = from_row(row)
            after = replace(before, **changes)
            kept = {name: value for name, value in _columns(after, now).items() if name in changes}
            connection.execute(sa.update(subscribers).where(this).values(updated_at=now, **kept))
            self.count(connection, [before], [after])
        return after

    def recent(
        self, states: Sequence[ConsentState], *, limit: int = 20
    ) -> tuple[tuple[int, ConsentEvent], ...]:
        """The last steps into one of *states*, newest first, of the last *LOOKED_BACK* steps."""
        last = sa.select(consent_events).order_by(consent_events.c.id.desc()).limit(LOOKED_BACK).subquery()
        query = sa.select(last).where(last.c.to_state.in_(states), last.c.from_state != last.c.to_state)
        rows = self._database.rows(query.order_by(last.c.id.desc()).limit(limit))
        return tuple((row.subscriber_id, _event(row)) for row in rows)

    def forget_unconfirmed(self, before: datetime) -> int:
        """Delete who asked, never confirmed, and was never heard of since *before*; how many."""
        # Somebody who was a reader once has a history that must stay: it says that they left.
        history = sa.exists().where(
            consent_events.c.subscriber_id == subscribers.c.id, consent_events.c.to_state != PENDING
        )
        idle = sa.select(subscribers).where(
            subscribers.c.state == PENDING, subscribers.c.updated_at < before, ~history
        )
        with self._database.write() as connection:
            gone = [from_row(row) for row in connection.execute(idle.limit(BATCH))]
            ids = [one.id for one in gone]
            for table in (askings, consent_events):
                connection.execute(sa.delete(table).where(table.c.subscriber_id.in_(ids)))
            connection.execute(sa.delete(subscribers).where(subscribers.c.id.in_(ids)))
            self.count(connection, gone, ())
        return len(ids)

    def erase(self, subscriber_id: int, *, address_hash: str, now: datetime) -> None:
        """Forget the person: address, name, choices, proofs, servers' replies. The hash stays suppressed.

        The row stays as a number, so that the ledger's counts stay true.
        """
        forgotten = {
            "address": None, "address_key": None, "name": "", "themes": "", "schedules": "",
            "language": "", "timezone": "", "send_hour": None, "paused_until": None,
            "state": ERASED, "updated_at": now,
        }  # fmt: skip
        all_editions = sa.select(editions.c.number)
        mine = deliveries.c.edition.in_(all_editions) & (deliveries.c.subscriber_id == subscriber_id)
        this = subscribers.c.id == subscriber_id
        with self._database.write() as connection:
            row = connection.execute(sa.select(subscribers).where(this).with_for_update()).one()
            for table in (askings, consent_events):
                connection.execute(sa.delete(table).where(table.c.subscriber_id == subscriber_id))
            connection.execute(sa.update(deliveries).where(mine).values(text=None))
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.edition.in_(all_editions), deliveries.c.address == row.address)
                .values(address=sa.literal("erased ") + sa.cast(deliveries.c.id, sa.Text), text=None)
            )
            connection.execute(sa.update(subscribers).where(this).values(forgotten))
            self._suppress(connection, {address_hash: "erased"}, now)
            before = from_row(row)
            self.count(connection, [before], [replace(before, state=ERASED)])

    def suppress(self, reasons: Mapping[str, str], *, now: datetime) -> None:
        """Never mail these again (hash to reason), whoever imports them; the first reason of each stays."""
        with self._database.write() as connection:
            self._suppress(connection, reasons, now)

    def lift(self, address_hash: str) -> bool:
        """Let the address subscribe again; False when it was not suppressed."""
        this = suppressions.c.address_hash == address_hash
        return self._database.change(sa.delete(suppressions).where(this)) > 0

    def suppressed(self, hashes: Iterable[str]) -> frozenset[str]:
        """Those of *hashes* that are suppressed."""
        with self._database.read() as connection:
            return barred(connection, hashes)

    def events(self, subscriber_id: int) -> tuple[ConsentEvent, ...]:
        """The proof of consent, oldest first."""
        mine = consent_events.c.subscriber_id == subscriber_id
        query = sa.select(consent_events).where(mine).order_by(consent_events.c.id)
        return tuple(_event(row) for row in self._database.rows(query))

    def note(self, subscriber_id: int, *, actor: str, now: datetime, reason: str) -> None:
        """Keep something that happened without a step: a soft bounce, an export."""
        with self._database.write() as connection:
            prove(connection, subscribers.c.id == subscriber_id, actor, now, reason)

    def counts(self) -> dict[ConsentState, int]:
        return {ConsentState(state): count for state, count in self._counted("state")}

    def demand(self, themes: Sequence[str] = ()) -> dict[str, int]:
        """How many confirmed readers want each theme; those who chose none want all of *themes*."""
        wanted = Counter(dict.fromkeys(themes, 0))
        for chosen, count in self._counted("themes"):
            wanted.update(dict.fromkeys(documents.ids(chosen) or themes, count))
        return dict(wanted)

    def timezones(self) -> tuple[str, ...]:
        """Of confirmed readers, each once."""
        return tuple(sorted(zone for zone, _ in self._counted("timezone")))

    def _counted(self, kind: str) -> Sequence[tuple[str, int]]:
        some = reader_counts.c.kind == kind, reader_counts.c.readers > 0
        query = sa.select(reader_counts.c.name, reader_counts.c.readers).where(*some)
        return [(row.name, row.readers) for row in self._database.rows(query)]

    def count(
        self, connection: sa.Connection, before: Iterable[Subscriber], after: Iterable[Subscriber]
    ) -> None:
        """Keep the counts true: last in a transaction, in order, so that two never block each other."""
        moved = Counter(kind for one in after for kind in _kinds(one))
        moved.subtract(kind for one in before for kind in _kinds(one))
        rows = [{"kind": k, "name": name, "readers": n} for (k, name), n in sorted(moved.items()) if n]
        if rows:
            add = self._database.insert(reader_counts)
            more = {"readers": reader_counts.c.readers + add.excluded.readers}
            connection.execute(add.on_conflict_do_update(index_elements=["kind", "name"], set_=more), rows)

    def _suppress(self, connection: sa.Connection, reasons: Mapping[str, str], now: datetime) -> None:
        rows = [{"address_hash": one, "reason": reason, "since": now} for one, reason in reasons.items()]
        if rows:
            connection.execute(self._database.insert(suppressions).on_conflict_do_nothing(), rows)


def _columns(subscriber: Subscriber, now: datetime) -> dict[str, Any]:
    return {
        "address": subscriber.address,
        "address_key": subscriber.address.casefold(),
        "name": documents.printable(subscriber.name, 200),
        "state": subscriber.state,
        "send_hour": subscriber.send_hour,
        **choices(subscriber),
        "paused_until": subscriber.paused_until,
        "token_version": subscriber.token_version,
        "created_at": now,
        "updated_at": now,
    }


def _turned(one: Subscriber, turn: Turn) -> Subscriber:
    chosen = {name: getattr(turn.wish or one, name) for name in choices(one)}
    return replace(one, state=turn.state, paused_until=turn.paused_until, **chosen)


def _kinds(one: Subscriber) -> Iterator[tuple[str, str]]:
    """What a reader is counted by, and its value."""
    yield "state", one.state
    if one.state == CONFIRMED:
        yield "themes", documents.words(one.themes)
        yield "timezone", one.timezone


def _event(row: Any) -> ConsentEvent:
    return msgspec.convert(row, ConsentEvent, from_attributes=True)
