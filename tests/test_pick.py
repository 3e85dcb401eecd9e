"""What the next edition holds: each rule by itself, then a year of random feeds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import editions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.model import (
    Article,
    Flag,
    Match,
    Precision,
    Published,
    Schedule,
    Score,
    Severity,
    Size,
    Term,
    Theme,
    Update,
)
from digest.pick import Candidate, Memory, Plan, pick

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEDULE = Schedule(id="daily", themes_per_edition=2, items_per_theme=2)


def theme(id_: str) -> Theme:
    return Theme(id=id_, names={"en": id_.title()}, terms={"en": (Term(text=id_),)})


A, B, C = THEMES = tuple(theme(id_) for id_ in ("a", "b", "c"))


def article(
    name: str, *, severity: Severity | None = None, evergreen: bool = False, **more: object
) -> Article:
    flags = () if severity is None else (Flag(code="spun", severity=severity, reason="odd words throughout"),)
    text, language = f"Text of {name}.", "en"
    return editions.article(
        name, name.upper(), text, language=language, flags=flags, evergreen=evergreen, **more
    )


def candidate(name: str, scores: Mapping[str, float], *, age: float = 0, **more: object) -> Candidate:
    """A candidate seen *age* days ago; keywords of Candidate or else of the article."""
    own = {key: more.pop(key) for key in ("used", "room", "update") if key in more}
    return Candidate(
        article=article(name, **more),  # type: ignore[arg-type]
        scores={
            id_: Score(theme_id=id_, total=total, matches=(Match(term=id_, count=1, points=total),))
            for id_, total in scores.items()
        },
        first_seen_at=NOW - age * DAY,
        **own,  # type: ignore[arg-type]
    )


def plan(
    *candidates: Candidate, memory: Memory | None = None, schedule: Schedule = SCHEDULE, **more: object
) -> Plan:
    return pick(candidates, THEMES, memory or Memory(), schedule, now=NOW, **more)  # type: ignore[arg-type]


def shape(found: Plan) -> dict[str, list[str]]:
    return {s.theme.id: [i.candidate.article.source_id for i in s.items] for s in found.sections}


def whys(found: Plan) -> dict[str, str]:
    return {skipped.name: skipped.why for skipped in found.skipped}


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], {}),
        ([candidate("low", {"a": 0.9})], {}),
        ([candidate("one", {"a": 2})], {"a": ["one"]}),
        ([candidate("weak", {"a": 2}), candidate("strong", {"a": 4})], {"a": ["strong", "weak"]}),
        ([candidate("old", {"a": 9}, age=40), candidate("new", {"a": 1.1})], {"a": ["new", "old"]}),
        ([candidate("seed", {"a": 9}, evergreen=True), candidate("new", {"a": 2})], {"a": ["new", "seed"]}),
        (
            [candidate("sent", {"a": 9}, used=((0, 4),) * 3), candidate("not", {"a": 8})],
            {"a": ["not", "sent"]},
        ),
        ([candidate("full", {"a": 9}, room=20)], {}),
        ([candidate("bad", {"a": 9}, severity=Severity.QUARANTINE)], {}),
    ],
    ids=[
        "nothing",
        "below",
        "one",
        "best first",
        "news first",
        "before seeds",
        "unused first",
        "no room",
        "held",
    ],
)
def test_order_within_a_theme(candidates: list[Candidate], expected: dict[str, list[str]]) -> None:
    assert expected == shape(plan(*candidates))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"a": 1.5, "b": 1.4}, True),
        ({"a": 1.5, "b": 6}, False),
        ({"a": 2.5, "b": 6}, True),
    ],
    ids=["as much as about another", "in passing", "more than in passing"],
)
def test_a_theme_has_no_article_that_only_mentions_it_in_passing(
    scores: Mapping[str, float], expected: bool
) -> None:
    told = replace(candidate("flood", scores), spent=frozenset("b"))
    assert shape(plan(told)) == ({"a": ["flood"]} if expected else {})


def test_what_cannot_be_used_is_named_with_its_reason() -> None:
    found = plan(
        candidate("bad", {"a": 9}, severity=Severity.QUARANTINE), candidate("full", {"a": 9}, room=20)
    )

    reasons = whys(found)
    assert reasons["BAD"] == "quarantined: odd words throughout"
    assert "20 characters" in reasons["FULL"]
    assert "anything left to quote" in reasons["a"]
    assert found.sections == ()


def test_a_cautioned_article_stands_only_where_no_clean_one_covers_the_theme() -> None:
    spun = candidate("spun", {"a": 3.0}, severity=Severity.CAUTION)
    few = replace(SCHEDULE, items_per_theme=1)

    assert shape(plan(spun, candidate("clean", {"a": 2.9}), schedule=few)) == {"a": ["clean"]}
    assert shape(plan(spun, candidate("clean", {"a": 1.2}, age=60), schedule=few)) == {"a": ["spun"]}
    assert shape(plan(spun, schedule=few)) == {"a": ["spun"]}


def test_an_article_stands_once_and_no_theme_goes_without_for_it() -> None:
    shared = candidate("shared", {"a": 4, "b": 3.9})
    other = candidate("other", {"a": 1.5})

    assert shape(plan(shared, other)) == {"a": ["other"], "b": ["shared"]}
    assert shape(plan(shared)) == {"a": ["shared"]}
    assert "stand under a" in whys(plan(shared))["b"]


def test_readers_are_told_of_a_dry_theme_and_not_of_one_that_waits_its_turn() -> None:
    one = replace(SCHEDULE, themes_per_edition=1)
    found = plan(candidate("n", {"a": 3}), candidate("m", {"b": 2}), schedule=one)

    assert {s.name: s.nothing_new for s in found.skipped if s.kind == "theme"} == {"b": False, "c": True}


def test_asked_by_hand_only_the_themes_asked_for_are_spoken_of() -> None:
    found = plan(candidate("n", {"a": 3}), candidate("m", {"b": 2}), only=("a", "c"))

    assert [s.name for s in found.skipped if s.kind == "theme"] == ["c"]


@pytest.mark.parametrize(
    ("outlets", "expected"),
    [
        (["x", "x", "y"], ["n0", "n2", "n1"]),
        (["y", "x", "x"], ["n1", "n0", "n2"]),
        (["x", "x", "x"], ["n0", "n1", "n2"]),
        (["x", "x", "y", "y"], ["n0", "n2", "n1", "n3"]),
        (["x", "y", "z", "z"], ["n0", "n2", "n1", "n3"]),
        ([None, None, None], ["n0", "n1", "n2"]),
    ],
)
def test_no_two_of_an_outlet_in_a_row_if_a_third_can_stand_between(
    outlets: list[str | None], expected: list[str]
) -> None:
    many = replace(SCHEDULE, items_per_theme=4)
    found = plan(*(candidate(f"n{i}", {"a": 9 - i}, outlet=o) for i, o in enumerate(outlets)), schedule=many)

    assert shape(found)["a"] == expected


def test_no_theme_is_more_than_half_of_a_mixed_edition() -> None:
    many = replace(SCHEDULE, items_per_theme=4)
    rich = [candidate(f"n{i}", {"a": 9 - i}) for i in range(4)]

    assert shape(plan(*rich, schedule=many)) == {"a": ["n0", "n1", "n2", "n3"]}
    assert shape(plan(*rich, candidate("b", {"b": 2}), schedule=many)) == {"a": ["n0", "n1"], "b": ["b"]}
    pair = [candidate("b", {"b": 2}), candidate("c", {"b": 1})]
    assert shape(plan(*rich, *pair, schedule=many)) == {"a": ["n0", "n1", "n2"], "b": ["b", "c"]}
    least = replace(many, minimum_items=4)
    assert shape(plan(*rich, candidate("b", {"b": 2}), schedule=least)) == {
        "a": ["n0", "n1", "n2"],
        "b": ["b"],
    }


def test_doubtful_articles_come_last_and_never_in_full_beside_clean_ones() -> None:
    found = plan(candidate("spun", {"a": 9}, severity=Severity.CAUTION), candidate("clean", {"a": 2}))

    items = found.sections[0].items
    assert [item.candidate.article.source_id for item in items] == ["clean", "spun"]
    assert [item.size for item in items] == [Size.FULL, Size.MEDIUM]


def test_a_theme_of_doubtful_articles_alone_opens_no_edition_that_holds_another() -> None:
    spun, clean = candidate("spun", {"a": 9}, severity=Severity.CAUTION), candidate("clean", {"b": 2})

    assert list(shape(plan(spun, clean))) == ["b", "a"]
    assert list(shape(plan(spun))) == ["a"]


def test_copies_become_one_item_that_names_the_others() -> None:
    same = {"copy": "x", "own": "x", "spun": "x"}
    found = plan(
        candidate("copy", {"a": 3}, republisher="Portal"),
        candidate("own", {"a": 2}),
        candidate("spun", {"a": 4}, severity=Severity.CAUTION),
        same=same,
    )

    (item,) = found.sections[0].items
    assert item.candidate.article.source_id == "own"
    assert [article.source_id for article in item.also] == ["copy", "spun"]


def test_a_copy_of_what_was_sent_is_no_news() -> None:
    found = plan(
        candidate("sent", {"a": 3}, used=((0, 9),)),
        candidate("late", {"a": 3}),
        same={"sent": "x", "late": "x"},
    )

    (item,) = found.sections[0].items
    assert (item.candidate.article.source_id, item.reason.kind) == ("sent", "unused")


def test_an_update_is_news_though_nothing_of_its_share_is_left() -> None:
    update = Update(since=NOW - DAY, new=((0, 90),))
    found = plan(
        candidate("sent", {"a": 3}, used=((0, 9),), room=0, update=update), candidate("old", {"a": 3})
    )

    assert {item.candidate.article.source_id: item.reason.kind for item in found.sections[0].items} == {
        "sent": "updated",
        "old": "new",
    }
    assert found.sections[0].items[0].reason.fresh == 1


def test_the_name_of_a_theme_is_no_reason() -> None:
    (item,) = plan(candidate("one", {"a": 3})).sections[0].items
    assert item.reason.terms == ()


def test_old_news_just_found_is_not_fresh() -> None:
    published = Published(at=NOW - 400 * DAY, precision=Precision.DAY)
    found = plan(candidate("archive", {"a": 9}, published=published), candidate("today", {"a": 1.5}))

    assert [(item.candidate.article.source_id, item.reason.kind) for item in found.sections[0].items] == [
        ("today", "new"),
        ("archive", "first"),
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "F"),
        (3, "FMM"),
        (5, "FMMMM"),
        (10, "FFMMMMBBBB"),
    ],
)
def test_sizes_follow_the_number_of_items(count: int, expected: str) -> None:
    many = replace(SCHEDULE, items_per_theme=count)
    found = plan(*(candidate(f"n{i}", {"a": 9 - i / 10}) for i in range(count)), schedule=many)

    assert expected == "".join(item.size.name[0] for item in found.sections[0].items)


def test_an_item_is_no_larger_than_its_room() -> None:
    assert Size.MEDIUM is plan(candidate("n", {"a": 2}, room=200)).sections[0].items[0].size
    assert Size.BRIEF is plan(candidate("n", {"a": 2}, room=90)).sections[0].items[0].size


@pytest.mark.parametrize(
    ("themes", "only", "expected"),
    [
        (("rotate",), (), ["b", "a"]),
        (("auto",), (), ["b"]),
        (("a", "c"), (), ["a", "c"]),
        (("c", "b", "a"), (), ["b", "a"]),
        (("rotate",), ("c", "a", "b"), ["c", "a", "b"]),
    ],
)
def test_which_themes_depends_on_the_schedule_and_on_what_is_asked(
    themes: tuple[str, ...], only: tuple[str, ...], expected: list[str]
) -> None:
    candidates = [candidate(f"{id_}{n}", {id_: 3}, evergreen=True) for id_ in "abc" for n in range(2)]
    candidates.append(candidate("news", {"b": 3}))

    found = plan(*candidates, schedule=replace(SCHEDULE, themes=themes), only=only)

    assert expected == [section.theme.id for section in found.sections]


def test_a_quiet_week_of_auto_still_sends_one_theme_from_the_archive() -> None:
    candidates = [candidate(f"{id_}{n}", {id_: 3}, evergreen=True) for id_ in "abc" for n in range(2)]
    found = plan(*candidates, schedule=replace(SCHEDULE, themes=("auto",)))

    assert shape(found) == {"a": ["a0", "a1"]}


def test_the_board_shows_each_part_of_the_sum() -> None:
    memory = Memory(
        last_sent={"a": NOW - DAY, "b": NOW - 3 * DAY},
        times_sent={"a": 3, "b": 1},
        demand={"a": 10, "b": 5, "c": 0},
    )
    found = plan(candidate("n", {"a": 3}), candidate("m", {"b": 3}, evergreen=True), memory=memory)

    board = {rank.theme_id: dict(rank.parts) for rank in found.board}
    assert board["a"] == {"fresh": 0.75, "debt": 1.0, "behind": 0.0, "demand": 0.5}
    assert board["b"] == {"fresh": 0.0, "debt": 3.0, "behind": 0.5, "demand": 0.25}
    assert all(abs(rank.total - sum(rank.parts.values())) < 0.01 for rank in found.board)
    assert found.sections[1].why == "fresh 0.75 + debt 1.00 + behind 0.00 + demand 0.50 = 2.25"


def test_a_theme_nobody_reads_is_left_out() -> None:
    memory = Memory(demand={"a": 0, "b": 2})
    found = plan(candidate("n", {"a": 3}), candidate("m", {"b": 2}), memory=memory)

    assert list(shape(found)) == ["b"]
    assert whys(found)["a"] == "no reader asks for it"


def test_close_losers_are_named_with_both_scores() -> None:
    found = plan(*(candidate(f"n{i}", {"a": 5 - i}) for i in range(4)))

    assert whys(found)["N2"] == "a: after 'N1'; scores 3.00 (0 sent before) to 4.00 (0 sent before)"


# A year of random feeds.


@dataclass
class Year:
    """What came of a simulation: the editions, and who was quoted how often."""

    plans: list[Plan]
    quoted: Counter[str]


FEEDS = st.lists(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0.2, 6), st.sampled_from(["", "b", "c"]), st.booleans()),
        max_size=4,
    ),
    min_size=12,
    max_size=30,
)
ROOM = 400


def simulate(days: Iterable[list[tuple[str, float, str, bool]]], schedule: Schedule, every: int = 1) -> Year:
    """One edition each *every* days; an item quotes 100 characters of its article's 400."""
    known: dict[str, Candidate] = {
        f"seed-{id_}": candidate(f"seed-{id_}", {id_: 2.5}, evergreen=True, room=ROOM) for id_ in "abc"
    }
    last: dict[str, datetime] = {}
    times: Counter[str] = Counter()
    year = Year(plans=[], quoted=Counter())
    now = NOW
    for number, arrivals in enumerate(days):
        now += every * DAY
        for place, (id_, total, also, cautioned) in enumerate(arrivals):
            scores = {id_: total} | ({also: total / 2} if also else {})
            severity = Severity.CAUTION if cautioned else None
            new = candidate(f"day{number:03}-{place}", scores, severity=severity, room=ROOM)
            known[new.article.source_id] = replace(new, first_seen_at=now - DAY / 2)
        memory = Memory(last_sent=dict(last), times_sent=times, demand={"a": 3, "b": 2, "c": 1})
        found = pick(list(known.values()), THEMES, memory, schedule, now=now)
        assert found == pick(list(reversed(known.values())), THEMES, memory, schedule, now=now)
        year.plans.append(found)
        for section in found.sections:
            last[section.theme.id] = now
            times[section.theme.id] += 1
            for item in section.items:
                name = item.candidate.article.source_id
                year.quoted[name] += 1
                used = (*known[name].used, (year.quoted[name] * 10, year.quoted[name] * 10 + 9))
                known[name] = replace(known[name], used=used, room=ROOM - 100 * len(used))
    return year


@settings(max_examples=40, deadline=None)
@given(days=FEEDS, per_edition=st.integers(1, 2))
def test_random_feeds_never_repeat_overdraw_overfill_or_starve_a_theme(
    days: list[list[tuple[str, float, str, bool]]], per_edition: int
) -> None:
    """However fresh the others are, a theme waits at most nine editions while it has an article of its own."""
    year = simulate(days, replace(SCHEDULE, themes_per_edition=per_edition))

    waiting: Counter[str] = Counter()
    for found in year.plans:
        names = [item.candidate.article.source_id for section in found.sections for item in section.items]
        assert len(names) == len(set(names))
        assert len(found.sections) <= per_edition
        assert all(1 <= len(section.items) <= 2 for section in found.sections)
        assert all(
            item.candidate.scores[section.theme.id].total >= 1 and item.candidate.room >= 50
            for section in found.sections
            for item in section.items
        )
        sent = {section.theme.id for section in found.sections}
        assert {skipped.name for skipped in found.skipped if skipped.kind == "theme"} == {
            "a",
            "b",
            "c",
        } - sent
        assert found.sections or all(skipped.why for skipped in found.skipped)
        able = {s.name for s in found.skipped if s.kind == "theme" and "turn comes later" in s.why}
        waiting = Counter({id_: waiting[id_] + 1 for id_ in able - sent})
        assert max(waiting.values(), default=0) <= 9
    assert max(year.quoted.values(), default=0) <= ROOM / 100


def test_equal_themes_are_sent_equally_often_and_fresh_ones_more() -> None:
    endless = replace(SCHEDULE, themes_per_edition=1, items_per_theme=1)
    even = simulate([[(id_, 3.0, "", False) for id_ in "abc"] for _ in range(60)], endless)
    pairs = simulate([[(id_, 3.0, "", False) for id_ in "abc"] for _ in range(60)], SCHEDULE)
    uneven = simulate(
        [[("a", 3.0, "", False)] + [("b", 3.0, "", False)] * (day % 6 == 0) for day in range(60)], endless
    )

    for year in (even, pairs):
        counts = Counter(section.theme.id for found in year.plans for section in found.sections)
        assert max(counts.values()) - min(counts.values()) <= 2
    sent = Counter(section.theme.id for found in uneven.plans for section in found.sections)
    assert sent["a"] > sent["b"] > 0


def test_seeds_alone_are_doled_out_and_end_in_a_reasoned_silence() -> None:
    year = simulate([[] for _ in range(12)], SCHEDULE)

    assert dict(year.quoted) == {"seed-a": 4, "seed-b": 4, "seed-c": 4}
    assert year.plans[-1].sections == ()
    assert all("of its share are left" in s.why or "anything left" in s.why for s in year.plans[-1].skipped)
