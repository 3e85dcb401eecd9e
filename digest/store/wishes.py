"""Sign-ups on their way to a confirmation mail: nobody who was promised one is forgotten, whatever crashes.

A wish is kept before its form is answered. It becomes a reader and an asking, a mail to be sent, and the
asking stays until the mail is out. One that was claimed is not claimed again before *HELD* has passed, so
that a crash between sending and noting it repeats no mail within that time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.model import Subscriber

from .database import Database
from .readers import PENDING, any_of, barred, choices, chosen, from_row, known_as, prove
from .schema import askings, consent_events, subscribers
from .schema import wishes as table
from .subscribers import LEFT_ELSEWHERE, Subscribers, Turn

ASKED = "asked to confirm"
"""The reason of the event kept for each confirmation mail: proof, and what the limits count."""
ASKED_AT_MOST = {timedelta(hours=1): 1, timedelta(days=1): 3}
"""Confirmation mails to one address."""
ON_ITS_WAY = timedelta(minutes=30)
"""The longest a claimed letter takes to be out: its turn, and RFC 5321's time-outs (section 4.5.3.2)."""
HELD = timedelta(hours=1) + ON_ITS_WAY
BATCH = 200
FORM = "form"
READER = "reader"


class Wishes:
    def __init__(self, database: Database, readers: Subscribers) -> None:
        self._database = database
        self._readers = readers

    def keep(self, wishes: Sequence[Subscriber]) -> None:
        """Durable when this returns, and the same work for every address: nothing is looked up."""
        rows = [{"address": one.address, **choices(one)} for one in wishes]
        self._database.change(sa.insert(table), rows)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to claim."""
        due = sa.exists().where(askings.c.due_at <= now)
        return bool(self._database.value(sa.select(sa.exists(sa.select(table.c.id)) | due)))

    def claim(
        self,
        decide: Callable[[Subscriber], Turn | None],
        hash_address: Callable[[str], str],
        *,
        now: datetime,
    ) -> dict[Subscriber, int]:
        """Whose mail is to be sent now, and how often it was tried; nobody comes again before *HELD* is over.

        First what failed before or was never settled, then the wishes that wait, a batch of each, oldest
        first. Of several wishes of an address the last counts; none does for addresses that are unknown
        and suppressed (save who left elsewhere), wait for a mail already, or were asked as often as may be.

        Args:
            decide: What becomes of somebody known who would be asked; None: is not asked.
        """
        oldest = sa.select(table.c.id).order_by(table.c.id).limit(BATCH)
        take = sa.delete(table).where(table.c.id.in_(oldest)).returning(table)
        with self._database.write() as connection:
            self._database.alone(connection, "readers")
            found = _again(connection, now)
            rows = sorted(connection.execute(take), key=lambda row: row.id)
            if rows:
                wanted = {
                    row.address.casefold(): Subscriber(id=0, address=row.address, **chosen(row))
                    for row in rows
                }
                asked = self._judge(connection, wanted, decide, hash_address, now)
                due = [{"subscriber_id": one.id, "due_at": now + HELD} for one in asked]
                if due:
                    connection.execute(sa.insert(askings), due)
                found |= dict.fromkeys(asked, 0)
        return found

    def _judge(
        self,
        connection: sa.Connection,
        wanted: Mapping[str, Subscriber],
        decide: Callable[[Subscriber], Turn | None],
        hash_address: Callable[[str], str],
        now: datetime,
    ) -> list[Subscriber]:
        """Those to be asked, as readers, of *wanted* (casefolded address to wish)."""
        known = known_as(connection, list(wanted))
        hashes = {key: hash_address(wish.address) for key, wish in wanted.items() if key not in known}
        never = barred(connection, hashes.values(), but=LEFT_ELSEWHERE)
        new = {key: wanted[key] for key, hashed in hashes.items() if hashed not in never}
        self._readers.insert(connection, list(new.values()), actor=READER, now=now, reason=FORM)
        enough = _asked_enough(connection, [one.id for one in known.values()], now)
        turns = {
            one.id: replace(turn, wish=wanted[key])
            for key, one in known.items()
            if one.id not in enough and (turn := decide(one)) is not None
        }
        found = {one.id: one for one in known.values()}
        after = self._readers.write_turns(connection, found, turns, actor=READER, now=now).values()
        self._readers.count(connection, [found[number] for number in turns], [*new.values(), *after])
        return [*known_as(connection, list(new)).values(), *after]

    def settle(self, asked: Sequence[int], put_off: Mapping[int, datetime], *, now: datetime) -> None:
        """Note whose mail is out, or needs no more trying, and when the others are tried again."""
        later = sa.update(askings).where(askings.c.subscriber_id == sa.bindparam("reader"))
        later = later.values(due_at=sa.bindparam("new_due"), tries=askings.c.tries + 1)
        with self._database.write() as connection:
            if asked:
                prove(connection, any_of(subscribers.c.id, asked), READER, now, ASKED)
                connection.execute(sa.delete(askings).where(any_of(askings.c.subscriber_id, asked)))
            if put_off:
                connection.execute(later, [{"reader": n, "new_due": at} for n, at in put_off.items()])


def _again(connection: sa.Connection, now: datetime) -> dict[Subscriber, int]:
    """Claims of askings whose time has come; those of who confirmed, left or bounced meanwhile end."""
    due = sa.select(askings.c.tries, subscribers).join_from(askings, subscribers)
    due = due.where(askings.c.due_at <= now).order_by(askings.c.due_at).limit(BATCH)
    rows = connection.execute(due).all()
    if rows:
        mine = any_of(askings.c.subscriber_id, [row.id for row in rows])
        connection.execute(sa.update(askings).where(mine).values(due_at=now + HELD))
        gone = [row.id for row in rows if row.state != PENDING]
        connection.execute(sa.delete(askings).where(askings.c.subscriber_id.in_(gone)))
    return {from_row(row): row.tries for row in rows if row.state == PENDING}


def _asked_enough(connection: sa.Connection, ids: Sequence[int], now: datetime) -> set[int]:
    if not ids:
        return set()
    events, reader = consent_events.c, consent_events.c.subscriber_id
    asked = sa.select(reader).where(reader.in_(ids), events.reason == ASKED).group_by(reader)
    found = set(
        connection.scalars(sa.select(askings.c.subscriber_id).where(askings.c.subscriber_id.in_(ids)))
    )
    for span, times in ASKED_AT_MOST.items():
        found |= set(connection.scalars(asked.where(events.at > now - span).having(sa.func.count() >= times)))
    return found
