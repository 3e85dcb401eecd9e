"""What senders do to the ledger's rows: claim, mark, settle, give back, recover.

Runs for every message, so each statement is built once, here, and only its parameters change: building one
costs SQLAlchemy more than running it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from digest.model import DeliveryState

from . import documents
from .prepared import Prepared, Quick
from .readers import deliverable
from .schema import Moment, any_of, deliveries, subscribers

CRASHES_TO_PARK = 3
"""A row that was on the wire in three crashes may be what crashes us."""

RESENDS = 1
"""How often a message without a final reply is sent again, under policy resend."""

Policy = Literal["resend", "hold"]


class Claim(NamedTuple):
    """A leased delivery with everything a message needs.

    Args:
        subscriber_id: None for a recipient given by hand.
        first_at: When it was claimed for its first attempt: retries end so long after.
        lease: Number of this lease; with *owner* it fences every later update.
        lease_s: How long each step may take before somebody else may take over.
    """

    id: int
    edition: int
    subscriber_id: int | None
    address: str
    name: str
    language: str
    themes: tuple[str, ...]
    token_version: int
    first_at: datetime
    attempts: int = 0
    lease: int = 0
    owner: str = ""
    lease_s: float = 0.0


class Outcome(NamedTuple):
    """What became of an attempt. *next_at* is needed for ``queued`` only."""

    claim: Claim
    state: DeliveryState
    code: int | None = None
    text: str | None = None
    next_at: datetime | None = None


row = deliveries.c


def is_any_of(*states: DeliveryState) -> sa.ColumnElement[bool]:
    """Written out as the partial indexes have it, not bound: only then does either database use those.

    Untyped, too: SQLAlchemy would compare a boolean with 1 on SQLite, which is another expression.
    """
    return sa.literal_column(f"({any_of('deliveries.state', *states)})")


QUEUED = is_any_of(DeliveryState.QUEUED)
ENDED = is_any_of(DeliveryState.FAILED, DeliveryState.HELD, DeliveryState.SUPPRESSED)

MOVING = row.owner.is_not(None)
"""Leased, on the wire or unknown: a row keeps its owner until its fate is known."""

known_state: sa.ColumnElement[str] = sa.case(
    ((row.state == DeliveryState.WIRE) & (row.unbegun == row.lease), sa.literal(DeliveryState.LEASED.value)),
    else_=row.state,
)
"""A row's state as people know it. A claim stores ``wire`` at once, so that the mark changes no column that
an index has: PostgreSQL then writes the row alone instead of every index, too. And a version that knows
nothing of ``unbegun`` takes for uncertain what was claimed, instead of sending it again."""

_MOMENT = Moment()
_AT = sa.bindparam("at", type_=Moment)
_UNTIL = sa.bindparam("until", type_=Moment)
_AGAIN_AT = sa.bindparam("again_at", type_=Moment)


class _Spelled(sa.sql.functions.FunctionElement[Any]):
    """What the two databases spell each in its own way."""

    sqlite = postgresql = ""


@compiles(_Spelled)
def _spell(element: _Spelled, compiler: Any, **more: Any) -> str:
    spelling: str = getattr(element, compiler.dialect.name)
    return spelling.format(*(compiler.process(clause, **more) for clause in element.clauses))


class _IsAmong(_Spelled):
    """Whether a column is among the ids of a JSON array: one text, and one plan, whatever their number."""

    sqlite = "{} IN (SELECT value FROM json_each({}))"
    postgresql = "{} = ANY (CAST(translate({}, '[]', '{{}}') AS bigint[]))"


class _SaidOf(_Spelled):
    """What a JSON object says of an id; PostgreSQL reads it once, not for each row."""

    sqlite = "json_extract({1}, '$.' || {0})"
    postgresql = "(SELECT CAST({1} AS jsonb)) ->> CAST({0} AS text)"


_THESE = _IsAmong(row.id, sa.bindparam("ids", type_=sa.Text))
_MINE = (
    _THESE
    # So written that no index but that of the ids fits: PostgreSQL would read all that is moving.
    & (sa.func.coalesce(row.owner, sa.literal_column("''")) == sa.bindparam("by", type_=sa.Text))
    & (row.lease == sa.bindparam("under"))
    & (row.state == DeliveryState.WIRE)
)
_READER = sa.select(subscribers.c.id).where(subscribers.c.id == row.subscriber_id, deliverable(_AT))
# Not ``EXISTS``: PostgreSQL keeps a plan for that, made of few readers, that reads all when they are many.
_MAY_GO = row.subscriber_id.is_(None) | _READER.scalar_subquery().is_not(None)
_FIRST_AT = sa.case((row.attempts + row.crashes + row.resends > 0, row.first_at))
"""Of a row that was claimed and given back untried none: a server that was away has cost it no time."""
_FREE: dict[str, Any] = {"owner": sa.null(), "lease_until": sa.null(), "updated_at": _AT}

_FIND_DUE = Prepared(
    sa.select(
        row.id, row.subscriber_id, row.attempts, row.lease, _FIRST_AT,
        sa.func.coalesce(subscribers.c.address, row.address, ""), subscribers.c.name,
        subscribers.c.language, subscribers.c.themes, subscribers.c.token_version,
    )
    .select_from(deliveries.outerjoin(subscribers, subscribers.c.id == row.subscriber_id))
    .where(row.edition == sa.bindparam("number"), QUEUED, row.next_at <= _AT)
    .order_by(row.next_at, row.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(of=deliveries, skip_locked=True)
)  # fmt: skip
_LEASE = Prepared(
    sa.update(deliveries)
    .where(_THESE)
    .values(
        state=DeliveryState.WIRE,
        owner=sa.bindparam("by"),
        lease=row.lease + 1,
        unbegun=row.lease + 1,
        lease_until=_UNTIL,
        first_at=sa.func.coalesce(_FIRST_AT, _AT),
        updated_at=_AT,
    )
)
_MARK = Prepared(
    sa.update(deliveries).where(_MINE, _MAY_GO).values(unbegun=sa.null(), lease_until=_UNTIL, updated_at=_AT)
)
_MARKED = Prepared(sa.select(row.id).where(_MINE, row.unbegun.is_(None)))
_SUPPRESS = Prepared(
    sa.update(deliveries)
    .where(_MINE, ~_MAY_GO)
    .values(state=DeliveryState.SUPPRESSED, text="no longer subscribed", **_FREE)
)


_SETTLE = Prepared(
    sa.update(deliveries)
    .where(_MINE, row.unbegun.is_(None) | sa.bindparam("unbegun_too", type_=sa.Boolean))
    .values(
        state=sa.bindparam("becomes"),
        code=sa.bindparam("said", type_=sa.Integer),
        text=_SaidOf(row.id, sa.bindparam("texts", type_=sa.Text)),
        next_at=sa.func.coalesce(_AGAIN_AT, row.next_at),
        attempts=row.attempts + sa.literal_column("1"),
        **_FREE | {"owner": sa.bindparam("stays", type_=sa.Text)},
    )
)
_GIVE_BACK = Prepared(sa.update(deliveries).where(_MINE).values(state=DeliveryState.QUEUED, **_FREE))
_SENDERS = sa.select(row.owner).where(MOVING).distinct()
_LEFT = (
    sa.select(row.id, known_state.label("state"), row.crashes, row.resends)
    .where(
        MOVING,
        row.owner.in_(sa.bindparam("dead", expanding=True))
        | (row.lease_until <= sa.bindparam("now", type_=Moment))
        | (row.state == DeliveryState.UNKNOWN),
    )
    .with_for_update(skip_locked=True)
)


def claim(quick: Quick, edition: int, owner: str, *, most: int, lease_s: float, now: datetime) -> list[Claim]:
    """Lease the rows of *edition* that are due, earliest first, past those others are claiming just now."""
    at, until = _moments(quick, now, now + timedelta(seconds=lease_s))
    found = quick.run(_FIND_DUE, number=edition, at=at, most=most).fetchall()
    if not found:
        return []
    quick.run(_LEASE, ids=str([one[0] for one in found]), by=owner, until=until, at=at)
    return [
        Claim(
            delivery, edition, subscriber_id, address, name or "", language or "",
            documents.ids(themes or ""), token_version or 0,
            _MOMENT.process_result_value(first_at, quick.dialect) or now, attempts, lease + 1, owner, lease_s,
        )
        for (
            delivery, subscriber_id, attempts, lease, first_at,
            address, name, language, themes, token_version,
        ) in found
    ]  # fmt: skip


def to_wire(quick: Quick, claims: Sequence[Claim], now: datetime) -> list[Any]:
    """Mark those still ours whose readers are still readers; :func:`counted` after the commit."""
    return [quick.run(_MARK, **these) for these in _by_lease(quick, claims, now)]


def sort_out(quick: Quick, claims: Sequence[Claim], now: datetime) -> tuple[Claim, ...]:
    """When fewer were marked: suppress those whose readers are none any more; the marked ones."""
    groups = _by_lease(quick, claims, now)
    for these in groups:
        quick.run(_SUPPRESS, **these)
    marked = {found[0] for these in groups for found in quick.run(_MARKED, **these).fetchall()}
    return tuple(claim for claim in claims if claim.id in marked)


def settle(quick: Quick, outcomes: Sequence[Outcome], now: datetime) -> list[Any]:
    """Alike ones in one statement: most are sent, with the same code. :func:`counted` after the commit."""
    alike: dict[tuple[Any, ...], dict[int, str | None]] = {}
    for claim, state, code, text, next_at in outcomes:
        if state is DeliveryState.QUEUED and next_at is None:
            raise ValueError("a delivery that is queued again needs the time of its next attempt")
        texts = alike.setdefault((claim.owner, claim.lease, state, code, next_at), {})
        texts[claim.id] = None if text is None else documents.printable(text)
    settled = []
    for (owner, lease, state, code, next_at), texts in alike.items():
        at, again_at = _moments(quick, now, next_at)
        only_from_wire = state is DeliveryState.SENT or state is DeliveryState.UNKNOWN
        one = quick.run(
            _SETTLE,
            ids=str(list(texts)),
            texts=msgspec.json.encode(texts).decode(),
            by=owner,
            under=lease,
            unbegun_too=not only_from_wire,
            becomes=state.value,
            stays=owner if state is DeliveryState.UNKNOWN else None,
            said=code,
            at=at,
            again_at=again_at,
        )
        settled.append(one)
    return settled


def counted(done: Sequence[Any]) -> int:
    """Rows that statements have changed, known once their transaction is over."""
    return sum(cursor.rowcount for cursor in done)


def give_back(quick: Quick, claims: Sequence[Claim], now: datetime) -> list[Any]:
    return [quick.run(_GIVE_BACK, **these) for these in _by_lease(quick, claims, now)]


def recover(
    connection: sa.Connection, *, now: datetime, policy: Policy, owner_gone: Callable[[str], bool]
) -> int:
    """Decide on every row that a gone sender left or that is unknown, without locking those of the living."""
    dead = [owner for owner in connection.scalars(_SENDERS).all() if owner_gone(owner)]
    alike: dict[tuple[Any, ...], list[int]] = {}
    for one in connection.execute(_LEFT, {"dead": dead or [""], "now": now}):
        alike.setdefault(_decided(one, policy == "resend"), []).append(one.id)
    for (state, counts, text), ids in alike.items():
        change = {"state": state, "owner": None, "lease_until": None, "updated_at": now}
        if counts:
            change[counts] = row[counts] + 1
        if counts and state is DeliveryState.QUEUED:
            change["next_at"] = now
        if text:
            change["text"] = text
        for at in range(0, len(ids), 1000):  # both databases limit parameters
            these = row.id.in_(ids[at : at + 1000])
            connection.execute(sa.update(deliveries).where(these).values(change))
    return sum(len(ids) for (state, *_), ids in alike.items() if state is DeliveryState.QUEUED)


def _decided(left: Any, resend: bool) -> tuple[DeliveryState, str, str]:
    """What becomes of a row that was left: its state, the column that counts such cases, and words on it."""
    if left.state == DeliveryState.LEASED:
        return DeliveryState.QUEUED, "", ""
    if left.state == DeliveryState.UNKNOWN:
        again = resend and left.resends < RESENDS
        return (DeliveryState.QUEUED, "resends", "") if again else (DeliveryState.HELD, "", "")
    if left.crashes + 1 >= CRASHES_TO_PARK:
        return DeliveryState.HELD, "crashes", f"parked: {CRASHES_TO_PARK} crashes while on the wire"
    if resend:
        return DeliveryState.QUEUED, "crashes", ""
    return DeliveryState.HELD, "crashes", "sent or not: the sender died"


def _moments(quick: Quick, *moments: datetime | None) -> list[Any]:
    return [_MOMENT.process_bind_param(moment, quick.dialect) for moment in moments]


def _by_lease(quick: Quick, claims: Sequence[Claim], now: datetime) -> list[dict[str, Any]]:
    """Parameters of ``_MINE`` by lease number and length: nearly always one group of all."""
    groups: dict[tuple[str, int, float], list[int]] = {}
    for claim in claims:
        groups.setdefault((claim.owner, claim.lease, claim.lease_s), []).append(claim.id)
    found = []
    for (owner, lease, lease_s), ids in groups.items():
        at, until = _moments(quick, now, now + timedelta(seconds=lease_s))
        found.append({"ids": str(ids), "by": owner, "under": lease, "at": at, "until": until})
    return found
