"""Values to store in tests: short, valid, and different where it matters."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa

from digest.model import (
    Article,
    Block,
    BlockKind,
    ConsentState,
    Cut,
    Edition,
    Excerpt,
    Flag,
    Item,
    Precision,
    Published,
    Reason,
    Role,
    Section,
    Severity,
    Size,
    Skipped,
    Subscriber,
    Term,
    Theme,
)
from digest.store import Store, Turn
from digest.store.schema import slots

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TEXT = "老周修表四十年。他说，手艺要慢慢学。徒弟小林今年二十一岁。"

COST = Theme(
    id="cost",
    names={"zh": "算力成本", "en": "Compute cost"},
    terms={"zh": (Term(text="算力"), Term(text="成本", weight=0.5)), "en": (Term(text="GPU"),)},
)
CRAFT = Theme(id="craft", names={"zh": "师承"}, terms={"zh": (Term(text="徒弟"),)}, never=("彩票",))


def article(
    name: str = "watch", text: str = TEXT, *, severity: Severity | None = None, evergreen: bool = False
) -> Article:
    """One with every field filled in."""
    flags = (Flag(code="spun", severity=severity, reason="odd words", score=0.7),) if severity else ()
    return Article(
        source_id=f"seeds/{name}",
        title="修表人",
        text=text,
        blocks=(Block(kind=BlockKind.PARAGRAPH, start=0, end=len(text)),),
        language="zh",
        url="https://clock.example/1",
        authors=("陈记者",),
        outlet="钟表周刊",
        published=Published(
            at=datetime(2023, 7, 7, 21, 43, tzinfo=timezone(HOUR * 8)),
            precision=Precision.MINUTE,
            read_from="2023-07-07 21:43",
        ),
        held_on=date(2023, 7, 1),
        cuts=(Cut(at=3, removed="某站", reason="site name"),),
        flags=flags,
        evergreen=evergreen,
    )


def excerpt(of: Article, start: int = 0, end: int = 8) -> Excerpt:
    return Excerpt(role=Role.LEAD, text=of.text[start:end], start=start, end=end)


def edition(
    *articles: Article,
    schedule: str = "daily",
    slot: datetime = NOW,
    theme: Theme = CRAFT,
    span: tuple[int, int] = (0, 8),
) -> Edition:
    items = tuple(
        Item(
            article=one,
            size=Size.FULL,
            excerpts=(excerpt(one, *span),),
            reason=Reason(kind="new", terms=("徒弟",), score=1.5),
            reading_minutes=1,
            also_in=(("小林", "另一篇"),),
        )
        for one in articles
    )
    return Edition(
        number=0,
        schedule=schedule,
        slot=slot,
        made_at=slot,
        subject="手艺要慢慢学",
        preheader="修表四十年",
        sections=(Section(theme=theme, items=items, why="its turn"),),
        skipped=(Skipped(kind="theme", name="cost", why="nothing new"),),
        coverage=(("craft", (1, 0, 2)),),
    )


def reader(local: str = "ann", /, **changes: object) -> Subscriber:
    one = Subscriber(id=0, address=f"{local}@example.org", name=local.title(), state=ConsentState.CONFIRMED)
    return replace(one, **changes)  # type: ignore[arg-type]


def slot_rows(store: Store) -> list[Any]:
    """Of all schedules, latest first."""
    with store.database.read() as connection:
        return list(connection.execute(sa.select(slots).order_by(slots.c.slot.desc(), slots.c.schedule)))


def take_step(
    store: Store,
    reader: int | None,
    state: ConsentState,
    *,
    actor: str = "reader",
    now: datetime = NOW,
    **more: Any,
) -> Subscriber:
    """Take a step, whatever led to it."""
    turn = Turn(**({"state": state, "reason": ""} | more))
    return store.subscribers.turn([reader or 0], lambda _: turn, actor=actor, now=now)[reader or 0]


def add_readers(store: Store, count: int, **changes: object) -> None:
    found = (reader(f"reader{n}", **changes) for n in range(count))
    store.subscribers.add_all(found, actor="test", now=NOW)


def frozen_edition(
    store: Store, *, slot: datetime = NOW, schedule: str = "daily", review: bool = False
) -> int:
    """Number of a stored edition for readers of the theme craft."""
    one = article()
    store.articles.save(one, sketch=(), now=NOW)
    made = edition(one, slot=slot, schedule=schedule)
    return store.editions.freeze(made, now=NOW, to_readers=True, review=review).number
