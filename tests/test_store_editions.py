"""Editions: frozen whole, once a slot, checked against what they quote; and the picker's memory."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from stored import COST, CRAFT, DAY, HOUR, NOW, TEXT, add_readers, article, edition, excerpt, slot_rows

from digest.errors import StoreError
from digest.model import Correction, Edition, Excerpt, Role
from digest.store import SlotState, Store


@pytest.fixture
def filled(store: Store) -> Store:
    store.articles.save_all(
        [(article(), ()), (article("tea", "茶师傅说水要滚三遍才好喝。" * 3), ())], now=NOW
    )
    return store


def test_an_edition_comes_back_as_it_was_frozen(filled: Store) -> None:
    made = edition(article(), filled.articles.get("seeds/tea"))
    frozen = filled.editions.freeze(made, now=NOW)
    assert frozen == replace(made, number=1)
    assert filled.editions.get(1) == frozen
    assert filled.editions.latest() == filled.editions.latest("daily") == frozen
    assert filled.editions.list() == (frozen,)


def test_a_slot_has_one_edition_whoever_comes_second(filled: Store) -> None:
    first = filled.editions.freeze(edition(article()), now=NOW)
    second = filled.editions.freeze(edition(filled.articles.get("seeds/tea")), now=NOW + HOUR)
    assert second == first
    assert filled.editions.used("daily", ["seeds/tea"]) == {}


def test_many_processes_at_once_make_one_edition(filled: Store, open_again: Callable[[], Store]) -> None:
    stores = [open_again() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda one: one.editions.freeze(edition(article()), now=NOW), stores))
    assert {one.number for one in made} == {1}
    assert len(filled.editions.list()) == 1


def test_numbers_count_up_over_all_schedules_without_gaps(filled: Store) -> None:
    filled.editions.freeze(edition(article()), now=NOW)
    with pytest.raises(StoreError):
        filled.editions.freeze(edition(article("unknown"), slot=NOW + DAY), now=NOW)
    filled.editions.freeze(edition(article(), schedule="weekly"), now=NOW)
    filled.editions.freeze(edition(article(), slot=NOW + DAY), now=NOW)
    assert [one.number for one in filled.editions.list()] == [3, 2, 1]
    assert [one.number for one in filled.editions.list(schedule="daily")] == [3, 1]
    assert [one.number for one in filled.editions.list(2)] == [3, 2]


def saying(*excerpts: Excerpt) -> Edition:
    """An edition of one item with those excerpts."""
    made = edition(article())
    [section] = made.sections
    items = (replace(section.items[0], excerpts=excerpts),)
    return replace(made, sections=(replace(section, items=items),))


def written(text: str, *, role: Role = Role.LEAD, end: int = 0) -> Excerpt:
    return Excerpt(role=role, by="model", text=text, start=0, end=end)


POINT = replace(excerpt(article()), role=Role.POINT)
REFUSED = {
    "never collected": (edition(article("nowhere")), "collect it first"),
    "another text": (edition(article(text="别的话。")), "collect it first"),
    "no span": (saying(POINT, replace(POINT, text="老周修表三十年。")), "not what the article says"),
    "a model's words alone": (saying(written("Nothing beside it.")), "model"),
    "a model's words with a place": (saying(written("In the source.", end=22), POINT), "model"),
    "a model's words as a quote": (saying(written("A quotation.", role=Role.QUOTE), POINT), "model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_source_does_not_say_is_not_published(filled: Store, name: str) -> None:
    made, why = REFUSED[name]
    with pytest.raises(StoreError, match=why):
        filled.editions.freeze(made, now=NOW)
    assert filled.editions.list() == ()
    assert filled.editions.used(None, ["seeds/watch"]) == {}


def test_a_models_words_are_no_span_and_need_none(filled: Store) -> None:
    said = written("A watchmaker of forty years.")
    frozen = filled.editions.freeze(saying(said, POINT), now=NOW)
    assert filled.editions.get(frozen.number).items()[0].excerpts == (said, POINT)
    assert filled.editions.used("daily", ["seeds/watch"]) == {"seeds/watch": ((0, 8, NOW),)}


def test_used_passages_are_told_by_schedule(filled: Store) -> None:
    filled.editions.freeze(edition(article()), now=NOW)
    filled.editions.freeze(edition(article(), schedule="weekly", span=(8, 15)), now=NOW)
    names = ["seeds/watch", "seeds/tea"]
    assert filled.editions.used("daily", names) == {"seeds/watch": ((0, 8, NOW),)}
    assert filled.editions.used(None, names) == {"seeds/watch": ((0, 8, NOW), (8, 15, NOW))}
    assert filled.editions.used("daily", []) == {}


def test_used_passages_move_with_an_edited_text(filled: Store) -> None:
    filled.editions.freeze(edition(article()), now=NOW)
    filled.editions.freeze(edition(article(), slot=NOW + DAY, span=(8, 15)), now=NOW)
    rewritten = "更正:" + TEXT[:8] + "后半段全部重写。"
    filled.articles.save(article(text=rewritten), sketch=(), now=NOW)
    assert filled.editions.used("daily", ["seeds/watch"]) == {"seeds/watch": ((3, 11, NOW),)}
    assert filled.articles.text("seeds/watch", 1)[8:15] == TEXT[8:15]


def test_an_edition_may_quote_a_version_that_is_no_longer_present(filled: Store) -> None:
    filled.articles.save(article(text="全部重写。"), sketch=(), now=NOW)
    frozen = filled.editions.freeze(edition(article()), now=NOW)
    assert filled.editions.get(frozen.number).items()[0].article.text == TEXT


def test_the_memory_of_a_schedule(filled: Store) -> None:
    for day, theme in enumerate([CRAFT, COST, CRAFT]):
        filled.editions.freeze(edition(article(), slot=NOW + day * DAY, theme=theme), now=NOW)
    filled.editions.freeze(edition(article(), schedule="weekly"), now=NOW)
    history = filled.editions.history("daily", last=2)
    assert history.last_sent == {"cost": NOW + DAY, "craft": NOW + 2 * DAY}
    assert history.times_sent == {"cost": 1, "craft": 2}
    assert history.coverage == (("cost", (1, 0)), ("craft", (0, 1)))
    assert filled.editions.history("never").times_sent == {}
    assert filled.editions.subjects("daily", limit=2) == ("手艺要慢慢学", "手艺要慢慢学")


def test_a_correction_is_a_new_revision_with_a_number_of_its_own(filled: Store) -> None:
    first = filled.editions.freeze(edition(article()), now=NOW)
    note = Correction(note="应为周师傅", slot=NOW, at=NOW + HOUR)
    better = replace(
        edition(article()), revision=2, subject="更正", corrects=1, corrections=(note,), made_at=NOW + HOUR
    )
    second = filled.editions.freeze(better, now=NOW + HOUR)
    assert (second.number, second.revision, second.public_number) == (2, 2, 1)
    assert filled.editions.list()[0] == second
    assert filled.editions.history("daily").times_sent == {"craft": 1}
    assert filled.editions.current(1) == filled.editions.current(2) == second
    assert filled.editions.corrected_since_last("daily") == (note,)
    next_one = filled.editions.freeze(edition(article(), slot=NOW + DAY), now=NOW + DAY)
    assert filled.editions.public(["daily"]) == (next_one, second)
    assert (
        filled.editions.corrected_since_last("daily") == filled.editions.corrected_since_last("weekly") == ()
    )
    filled.editions.set_status(2, "stopped")
    assert filled.editions.current(2) == first
    assert filled.editions.public(["daily"]) == (next_one, first)


def test_freezing_makes_the_slot(filled: Store) -> None:
    filled.slots.add("daily", [NOW], now=NOW)
    filled.editions.freeze(edition(article()), now=NOW)
    [row] = slot_rows(filled)
    assert (row.state, row.edition) == (SlotState.MADE, 1)


def test_asking_for_an_edition_that_is_not_there(store: Store) -> None:
    assert store.editions.latest() is None
    assert store.editions.list() == ()
    assert not store.editions.set_status(1, "stopped")
    for ask in (store.editions.get, store.editions.status):
        with pytest.raises(StoreError, match="no edition 1"):
            ask(1)


def test_an_edition_held_for_review_is_not_sent_until_approved(filled: Store) -> None:
    add_readers(filled, 3)
    filled.editions.freeze(edition(article()), now=NOW, to_readers=True, review=True)
    assert filled.ledger.unplanned() == ()
    assert filled.editions.status(1) == "review"
    filled.ledger.plan(1, now=NOW)
    assert filled.ledger.claim("me", limit=5, lease_s=60, now=NOW) == ()
    assert filled.editions.set_status(1, "ready")
    assert len(filled.ledger.claim("me", limit=5, lease_s=60, now=NOW)) == 3


DIES_FREEZING = """
import os, sys
from stored import NOW, article, edition
from digest.store import editions, open_store
editions.fill_slot = lambda *args, **kwargs: os._exit(9)
open_store(sys.argv[1]).editions.freeze(edition(article()), now=NOW)
"""


def test_a_run_killed_while_freezing_leaves_nothing(filled: Store, store_url: str) -> None:
    filled.slots.add("daily", [NOW], now=NOW)
    died = subprocess.run(
        [sys.executable, "-c", DIES_FREEZING, store_url],
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
    )
    assert died.returncode == 9
    assert filled.editions.list() == ()
    assert filled.editions.used(None, ["seeds/watch"]) == {}
    assert len(filled.slots.due("daily", now=NOW)) == 1
    assert filled.editions.freeze(edition(article()), now=NOW).number == 1
