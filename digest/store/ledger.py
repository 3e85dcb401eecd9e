"""The ledger: a row per edition and reader, and the truth about each.

    queued -> leased -> wire -> sent | queued (4xx) | failed (5xx) | unknown
    leased -> queued (crash, expiry, given back) | suppressed (unsubscribed meanwhile)
    unknown -> queued (policy resend) | held (policy hold, or resent before)

Every update after a claim names the owner and the lease number (fencing): it changes nothing once somebody
else has taken the row over, and the number updated says so. A row is on the wire, durably, before its last
byte is; so nothing is unknown before ``wire`` and everything is after a crash there.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from digest.model import Delivery, DeliveryState

from . import leases, planning
from .database import Noun
from .leases import ENDED, MOVING, QUEUED, Claim, Outcome, Policy, known_state, row
from .schema import UNPLANNED, deliveries, editions, subscribers

_BREATH_S = 0.05
"""Between two steps, at most: SQLite's writers look only so often whether the lock is free."""


class Ledger(Noun):
    @property
    def at_once(self) -> int:
        """How many of its transactions gain by running side by side: SQLite has one writer at a time."""
        return 1 if self._database.is_sqlite else 2

    def plan(
        self,
        edition: int,
        *,
        now: datetime,
        due_by_zone: Mapping[str, datetime] | None = None,
    ) -> int:
        """Queue the edition for everybody who is to have it; how many rows were new.

        Confirmed, unpaused readers of its schedule who take one of its themes, by ``INSERT .. SELECT``
        in the database, so memory does not grow with the list. Done in steps that are committed each, so
        sending may begin beside it; killed and called again it goes on, and once done does nothing more:
        who subscribes later waits for the next edition.

        A correction goes at once to everybody an earlier revision was or may have been sent to, or is
        still queued for; those queued get the correction alone.

        Args:
            due_by_zone: When it is due for readers of a time zone; at once for others.
        """
        total, insert = 0, self._database.insert(deliveries)
        while True:
            began = time.monotonic()
            with self._database.write() as connection:
                added = planning.plan_step(connection, insert, edition, now, due_by_zone or {})
            if added is None:
                return total
            total += added
            time.sleep(min(_BREATH_S, time.monotonic() - began))

    def unplanned(self) -> tuple[int, ...]:
        """Ready editions for readers whose planning has not been done to the end."""
        query = sa.select(editions.c.number).where(sa.text(UNPLANNED.text), editions.c.status == "ready")
        return tuple(self._database.column(query.order_by(editions.c.number)))

    def plan_addresses(self, edition: int, addresses: Iterable[str], *, now: datetime) -> int:
        """Queue the edition for addresses given by hand; they become nobody's subscription."""
        each = {"edition": edition, "state": DeliveryState.QUEUED, "next_at": now, "updated_at": now}
        rows = [{**each, "address": address} for address in dict.fromkeys(addresses)]
        if not rows:
            return 0
        with self._database.write() as connection:
            planning.locked_edition(connection, edition)
            return planning.insert_new(connection, edition, self._database.insert(deliveries).values(rows))

    def claim(
        self, owner: str, *, limit: int, lease_s: float, now: datetime, edition: int | None = None
    ) -> tuple[Claim, ...]:
        """Lease up to *limit* due rows of ready editions to *owner*; empty when nothing is due.

        Earliest due first within an edition; several editions share the batch evenly. Costs what it
        claims, however long the ledger.
        """
        with self._database.read() as connection:
            ready = _editions_to_send(connection, edition)
        found: list[Claim] = []
        with self._database.quick_write() as quick:
            for position, number in enumerate(ready):
                share = -(-(limit - len(found)) // (len(ready) - position))
                found += leases.claim(quick, number, owner, most=share, lease_s=lease_s, now=now)
        return tuple(found)

    def to_wire(self, claims: Sequence[Claim], *, now: datetime) -> tuple[Claim, ...]:
        """Mark, durably, that these are about to be handed over; those that may be, in order.

        Left out: rows somebody else took over, and readers who left, bounced or paused since (these
        become ``suppressed``). The lease starts anew. Asking twice gives the same answer, so that it can be
        asked again when a commit's answer was lost.
        """
        return self.exchange((), claims, now=now)[1]

    def settle(self, outcomes: Sequence[Outcome], *, now: datetime) -> int:
        """Record outcomes in one transaction; how many rows were still ours.

        ``sent`` and ``unknown`` are taken only from the wire; the others from a lease too (a recipient
        refused before the message). Each counts as an attempt.
        """
        return self.exchange(outcomes, (), now=now)[0]

    def exchange(
        self, outcomes: Sequence[Outcome], claims: Sequence[Claim], *, now: datetime
    ) -> tuple[int, tuple[Claim, ...]]:
        """:meth:`settle` and :meth:`to_wire` in one transaction: one wait for the disk instead of two."""
        with self._database.quick_write() as quick:
            settled = leases.settle(quick, outcomes, now)
            marks = leases.to_wire(quick, claims, now)
        marked = tuple(claims)
        if leases.counted(marks) != len(claims):
            with self._database.quick_write() as quick:
                marked = leases.sort_out(quick, claims, now)
        return leases.counted(settled), marked

    def ready(self, numbers: Iterable[int]) -> frozenset[int]:
        """Those of the editions that may be sent: not stopped, not waiting for review."""
        with self._database.read() as connection:
            return frozenset(number for number in numbers if connection.scalar(READY, {"number": number}))

    def release(self, claims: Sequence[Claim], *, now: datetime) -> int:
        """Give rows back that were certainly not sent, whether marked or not; costs them no attempt."""
        with self._database.quick_write() as quick:
            released = leases.give_back(quick, claims, now)
        return leases.counted(released)

    def recover(self, *, now: datetime, policy: Policy, owner_gone: Callable[[str], bool]) -> int:
        """Take back what dead owners and ended leases left, deal with what is unknown; how many are queued.

        A row on the wire of a dead owner may have been sent: it is sent again (same bytes, same
        Message-ID) under policy resend, until its third crash parks it. One whose final reply never came
        is sent again once. Under policy hold all of them wait for a person.
        """
        with self._database.write() as connection:
            return leases.recover(connection, now=now, policy=policy, owner_gone=owner_gone)

    def retry(self, ids: Sequence[int], *, now: datetime) -> int:
        """An operator sends failed, held or unknown rows again, with a clean slate."""
        states = [DeliveryState.FAILED, DeliveryState.HELD, DeliveryState.UNKNOWN]
        clean = {"attempts": 0, "crashes": 0, "resends": 0, "next_at": now}
        return self._by_hand(ids, states, now, state=DeliveryState.QUEUED, **clean)

    def retry_failed(self, edition: int, *, now: datetime) -> int:
        """:meth:`retry` whatever failed of an edition."""
        failed = sa.select(row.id).where(row.edition == edition, ENDED, row.state == DeliveryState.FAILED)
        ids = self._database.column(failed)
        return sum(self.retry(ids[at : at + 1000], now=now) for at in range(0, len(ids), 1000))

    def hold(self, ids: Sequence[int], *, now: datetime) -> int:
        """Keep queued rows back until released."""
        return self._by_hand(ids, [DeliveryState.QUEUED], now, state=DeliveryState.HELD, text="held by hand")

    def unhold(self, ids: Sequence[int], *, now: datetime) -> int:
        """Queue held rows again."""
        return self._by_hand(ids, [DeliveryState.HELD], now, state=DeliveryState.QUEUED, next_at=now)

    def get(self, delivery_id: int) -> Delivery | None:
        """One row, for a bounce that names it."""
        found = self._database.rows(_listed().where(row.id == delivery_id))
        return _delivery(found[0]) if found else None

    def list(
        self, edition: int, state: DeliveryState | None = None, after: int = 0, limit: int = 50
    ) -> tuple[Delivery, ...]:
        """By id, the queued ones by when they are due; pass the last id as *after* for the next page."""
        with self._database.read() as connection:
            rows = connection.execute(_page(connection, edition, state, after).limit(limit))
            return tuple(map(_delivery, rows))

    def counts(self, edition: int) -> dict[DeliveryState, int]:
        """How many rows in each state (those that occur), counted now; after pruning, as they were then.

        ``sent`` is what is in no other state: the indexes answer without reading the rows.
        """
        with self._database.read() as connection:
            return _counts(connection, edition)

    def finished(self, edition: int) -> bool:
        """Planned to the end, and nothing queued, leased, on the wire or unknown.

        Held rows wait for a person, not for us.
        """
        mine = row.edition == edition
        planning = sa.select(editions.c.number).where(editions.c.number == edition, sa.text(UNPLANNED.text))
        # In an order only the index has: else PostgreSQL may read the table from its beginning.
        queued = sa.select(row.id).where(mine, QUEUED).order_by(row.next_at).limit(1)
        moving = sa.select(row.id).where(mine, MOVING).order_by(row.state).limit(1)
        with self._database.read() as connection:
            return all(connection.scalar(left) is None for left in (planning, queued, moving))

    def due(self, *, now: datetime, edition: int | None = None) -> int:
        """Rows that could be claimed now."""
        return sum(self.backlog(now=now, edition=edition).values())

    def backlog(
        self, *, now: datetime, most: int | None = None, edition: int | None = None
    ) -> dict[int, int]:
        """Editions with rows that could be claimed now, and how many; counted up to *most* each."""
        with self._database.read() as connection:
            counts = {n: _claimable(connection, n, now, most) for n in _editions_to_send(connection, edition)}
        return {number: count for number, count in counts.items() if count}

    def next_due(self, edition: int | None = None) -> datetime | None:
        """When the next row can be claimed; None when nothing is queued in a ready edition."""
        with self._database.read() as connection:
            numbers = _editions_to_send(connection, edition)
            firsts = [
                connection.scalar(
                    sa.select(row.next_at).where(row.edition == n, QUEUED).order_by(row.next_at).limit(1)
                )
                for n in numbers
            ]
        return min((moment for moment in firsts if moment is not None), default=None)

    def prune(self, *, before: datetime) -> int:
        """Forget the rows of finished editions frozen before then; how many. The counts are kept."""
        old = sa.select(editions.c.number).where(editions.c.frozen_at < before, editions.c.tally.is_(None))
        numbers = self._database.column(old.order_by(editions.c.number))
        return sum(self._forget(number) for number in numbers if self.finished(number))

    def _forget(self, edition: int) -> int:
        with self._database.write() as connection:
            tally = json.dumps(_counts(connection, edition))
            this = sa.update(editions).where(editions.c.number == edition)
            connection.execute(this.values(tally=tally))
            return connection.execute(sa.delete(deliveries).where(row.edition == edition)).rowcount

    def _by_hand(self, ids: Sequence[int], old: Sequence[DeliveryState], now: datetime, **new: Any) -> int:
        change = sa.update(deliveries).where(row.id.in_(ids), row.state.in_(old))
        change = change.values(owner=None, lease_until=None, updated_at=now, **new)
        return self._database.change(change)


def _counts(connection: sa.Connection, edition: int) -> dict[DeliveryState, int]:
    tally = connection.scalar(sa.select(editions.c.tally).where(editions.c.number == edition))
    if tally is not None:
        return {DeliveryState(state): count for state, count in json.loads(tally).items()}
    mine = row.edition == edition
    total = sa.select(sa.func.count()).select_from(deliveries).where(mine)
    by_state = sa.select(known_state, sa.func.count()).where(mine).group_by(known_state)
    found = {
        DeliveryState(state): count
        for some in (MOVING, ENDED)
        for state, count in connection.execute(by_state.where(some))
    }
    found[DeliveryState.QUEUED] = connection.scalar(total.where(QUEUED)) or 0
    everything = connection.scalar(total) or 0
    found[DeliveryState.SENT] = everything - sum(found.values())
    return {state: count for state, count in found.items() if count}


def _claimable(connection: sa.Connection, edition: int, now: datetime, most: int | None) -> int:
    some = sa.select(row.id).where(row.edition == edition, QUEUED, row.next_at <= now)
    some = some.order_by(row.next_at).limit(most)
    return connection.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0


def _page(connection: sa.Connection, edition: int, state: DeliveryState | None, after: int) -> sa.Select[Any]:
    """The rows after one, so written that an index gives the order, whatever their number."""
    mine = row.edition == edition
    if state is DeliveryState.QUEUED:
        queue = _listed().where(mine, QUEUED).order_by(row.next_at, row.id)
        last = connection.scalar(sa.select(row.next_at).where(row.id == after))
        if last is None:
            return queue
        place = sa.tuple_(sa.literal(last, row.next_at.type), sa.literal(after, row.id.type))
        return queue.where(sa.tuple_(row.next_at, row.id) > place)
    query = _listed().where(row.id > after).order_by(row.id)
    if state in {None, DeliveryState.SENT}:
        first = connection.scalar(sa.select(editions.c.first_delivery).where(editions.c.number == edition))
        # Adding nothing hides the column from the other indexes: only the primary key's order is left.
        query = query.where(row.id >= (first or 0), row.edition + 0 == edition)
        return query if state is None else query.where(row.state == state)
    part = ENDED if state in {DeliveryState.FAILED, DeliveryState.HELD, DeliveryState.SUPPRESSED} else MOVING
    stored = DeliveryState.WIRE if state is DeliveryState.LEASED else state
    return query.where(mine, part, row.state == stored, known_state == state)


HOP = sa.select(sa.func.min(row.edition)).where(QUEUED, row.edition > sa.bindparam("last"))
READY = sa.select(editions.c.status == "ready").where(editions.c.number == sa.bindparam("number"))


def _editions_to_send(connection: sa.Connection, only: int | None) -> list[int]:
    """Ready editions with queued rows, found by hopping through the queue's index: a step an edition."""
    numbers = [] if only is None else [only]
    last = 0
    while only is None and (last := connection.scalar(HOP, {"last": last})) is not None:
        numbers.append(last)
    return [number for number in numbers if connection.scalar(READY, {"number": number})]


def _listed() -> sa.Select[Any]:
    """By the names of `Delivery`."""
    address = sa.func.coalesce(subscribers.c.address, row.address, "").label("address")
    who = row.id, row.edition, row.subscriber_id, address
    what = known_state.label("state"), row.attempts, row.code, row.text, row.updated_at
    rows = deliveries.outerjoin(subscribers, subscribers.c.id == row.subscriber_id)
    return sa.select(*who, *what).select_from(rows)


def _delivery(found: Any) -> Delivery:
    return msgspec.convert(found, Delivery, from_attributes=True)
