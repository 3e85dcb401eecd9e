"""Readers as rows: to and from columns, who can have mail, and what is kept of what happened to them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.model import ConsentState, Subscriber

from . import documents
from .schema import consent_events, subscribers, suppressions

PENDING, CONFIRMED, ERASED = ConsentState.PENDING, ConsentState.CONFIRMED, ConsentState.ERASED


def takes(column: sa.Column[str], ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """Nothing chosen, or one of *ids* chosen."""
    return sa.or_(column == "", *(column.contains(f"|{one}|", autoescape=True) for one in ids))


def deliverable(now: datetime | sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Confirmed, or paused until a moment that has passed."""
    awake = subscribers.c.paused_until.is_(None) | (subscribers.c.paused_until <= now)
    return ((subscribers.c.state == CONFIRMED) & awake) | (
        (subscribers.c.state == ConsentState.PAUSED) & (subscribers.c.paused_until <= now)
    )


def known_as(connection: sa.Connection, keys: Sequence[str]) -> dict[str, Subscriber]:
    """Readers by casefolded address."""
    query = sa.select(subscribers).where(any_of(subscribers.c.address_key, keys))
    return {row.address_key: from_row(row) for row in connection.execute(query)}


def any_of(column: sa.ColumnElement[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """As ``column.in_(values)``, without a look at every value."""
    return column.in_(sa.bindparam(None, list(values), expanding=True, type_=column.type))


def prove(
    connection: sa.Connection,
    who: sa.ColumnElement[bool],
    actor: str,
    now: datetime,
    reason: str,
    *,
    new: bool = False,
    to: ConsentState | None = None,
) -> None:
    """Keep what happened to readers; before their state is changed.

    Args:
        new: They were nobody before.
        to: The state it leads to; None: the one they are in.
    """
    event = {
        "subscriber_id": subscribers.c.id,
        "at": sa.literal(now, consent_events.c.at.type),
        "actor": sa.literal(documents.printable(actor, 100)),
        "from_state": sa.null() if new else subscribers.c.state,
        "to_state": subscribers.c.state if to is None else sa.literal(to.value),
        "reason": sa.literal(documents.printable(reason)),
    }
    rows = sa.select(*event.values()).where(who, subscribers.c.state != ERASED).order_by(subscribers.c.id)
    connection.execute(sa.insert(consent_events).from_select(list(event), rows))


def barred(connection: sa.Connection, hashes: Iterable[str], *, but: str = "") -> frozenset[str]:
    """Those of *hashes* that are suppressed, for another reason than *but*."""
    column = suppressions.c.address_hash
    found = sa.select(column).where(any_of(column, hashes), suppressions.c.reason != but)
    return frozenset(connection.scalars(found))


def from_row(row: Any) -> Subscriber:
    return Subscriber(
        id=row.id,
        address=row.address or "",
        name=row.name,
        state=ConsentState(row.state),
        send_hour=row.send_hour,
        paused_until=row.paused_until,
        token_version=row.token_version,
        **chosen(row),
    )


def chosen(row: Any) -> dict[str, Any]:
    """What a reader chose on the form, from its columns."""
    ids = {name: documents.ids(getattr(row, name)) for name in ("themes", "schedules")}
    return {"language": row.language, "timezone": row.timezone, **ids}


def choices(one: Subscriber) -> dict[str, str]:
    """The columns of what a reader chooses on the form."""
    return {
        "language": one.language,
        "timezone": one.timezone,
        "themes": documents.words(one.themes),
        "schedules": documents.words(one.schedules),
    }
