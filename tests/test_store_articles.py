"""Articles: versions, quarantine, candidates, near-duplicates."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from stored import DAY, HOUR, NOW, TEXT, article, edition

from digest.errors import StoreError
from digest.model import Dropped, Severity
from digest.store import Store


def test_an_article_comes_back_as_it_was(store: Store) -> None:
    one = replace(article(severity=Severity.CAUTION), note="看编者按")
    assert store.articles.save(one, sketch=(1, 2, -3), now=NOW) == "new"
    assert store.articles.get(one.source_id) == one
    assert str(store.articles.get(one.source_id).published) == "2023-07-07T21:43+08:00"


def test_unusual_characters_are_kept(store: Store) -> None:
    one = replace(article(text="𠮷野家\x00é́ 🏮"), title="零\x00字")
    store.articles.save(one, sketch=(), now=NOW)
    assert store.articles.get(one.source_id) == one


def test_collecting_it_again_is_no_change(store: Store) -> None:
    store.articles.save(article(), sketch=(1,), now=NOW)
    around = (Dropped(reason="below the body: short line", blocks=1, openings=("766 views",)),)
    again = replace(article(), dropped=around)
    assert store.articles.save(again, sketch=(1,), now=NOW + DAY) == "unchanged"
    found = store.articles.find(again.source_id)
    assert found and (found.version, found.first_seen_at, found.changed_at) == (1, NOW, NOW)


def test_an_edited_text_is_a_new_version_and_the_old_one_stays(store: Store) -> None:
    store.articles.save(article(), sketch=(1,), now=NOW)
    edited = article(text="更正:" + TEXT)
    assert store.articles.save(edited, sketch=(2,), now=NOW + DAY) == "changed"
    assert store.articles.text("seeds/watch") == "更正:" + TEXT
    assert store.articles.text("seeds/watch", 1) == TEXT
    assert store.articles.near((1,), min_shared=1) == ()
    assert store.articles.near((2,), min_shared=1) == ("seeds/watch",)


def test_another_title_is_a_change_of_the_same_version(store: Store) -> None:
    store.articles.save(article(), sketch=(1,), now=NOW)
    assert store.articles.save(replace(article(), title="新题"), sketch=(1,), now=NOW + DAY) == "changed"
    found = store.articles.find("seeds/watch")
    assert found and (found.article.title, found.version, found.changed_at) == ("新题", 1, NOW + DAY)


def test_saving_many_tells_what_became_of_each(store: Store) -> None:
    store.articles.save(article("a"), sketch=(), now=NOW)
    store.articles.save(article("b"), sketch=(), now=NOW)
    found = [(article("a"), ()), (article("b", "改过。"), ()), (article("c"), ()), (article("d"), (1, 1, 2))]
    assert store.articles.save_all(found, now=NOW) == ("unchanged", "changed", "new", "new")


def test_asking_for_an_article_that_is_not_there(store: Store) -> None:
    assert store.articles.find("seeds/none") is None
    with pytest.raises(StoreError, match="no article seeds/none"):
        store.articles.text("seeds/none")
    store.articles.save(article(), sketch=(), now=NOW)
    with pytest.raises(StoreError, match="version 7"):
        store.articles.text("seeds/watch", 7)


def test_the_newest_come_first(store: Store) -> None:
    store.articles.save_all([(article(str(n)), ()) for n in range(5)], now=NOW)
    assert [one.article.source_id for one in store.articles.newest(3)] == ["seeds/4", "seeds/3", "seeds/2"]


def test_quarantined_articles_wait_for_an_operator(store: Store) -> None:
    bad = article("bad", severity=Severity.QUARANTINE)
    store.articles.save_all([(bad, ()), (article("good"), ())], now=NOW)
    assert [one.article.source_id for one in store.articles.candidates(now=NOW)] == ["seeds/good"]
    assert [one.article for one in store.articles.quarantined()] == [bad]

    assert store.articles.release("seeds/bad")
    assert not store.articles.release("seeds/none")
    assert store.articles.quarantined() == ()
    released = store.articles.find("seeds/bad")
    assert released and released.released
    assert released.article.severity is Severity.CAUTION
    assert len(store.articles.candidates(now=NOW)) == 2


def test_a_release_is_for_the_words_that_were_read(store: Store) -> None:
    bad = article("bad", severity=Severity.QUARANTINE)
    store.articles.save(bad, sketch=(), now=NOW)
    store.articles.release("seeds/bad")
    store.articles.save(replace(bad, title="只改题目"), sketch=(), now=NOW)
    assert store.articles.quarantined() == ()
    store.articles.save(replace(bad, text=TEXT + "另有新话。"), sketch=(), now=NOW)
    assert len(store.articles.quarantined()) == 1


def test_candidates_are_the_newest_and_then_evergreen_ones_longest_unquoted(store: Store) -> None:
    for hours, name in enumerate(["old", "middle", "new"]):
        store.articles.save(article(name), sketch=(), now=NOW + hours * HOUR)
    seeds = [article(name, evergreen=True) for name in ("first", "second", "third")]
    store.articles.save_all([(one, ()) for one in seeds], now=NOW)
    store.editions.freeze(edition(seeds[0], slot=NOW + DAY), now=NOW + DAY)
    store.editions.freeze(edition(seeds[2], slot=NOW + 2 * DAY), now=NOW + 2 * DAY)
    found = store.articles.candidates(now=NOW + 3 * DAY, limit=2)
    names = [one.article.source_id.removeprefix("seeds/") for one in found]
    assert names == ["new", "middle", "second", "first"]


def test_articles_from_the_future_are_no_candidates(store: Store) -> None:
    store.articles.save(article(), sketch=(), now=NOW + HOUR)
    assert store.articles.candidates(now=NOW) == ()


@pytest.mark.parametrize(
    ("sketch", "shared", "expected"),
    [
        ((1, 2, 3, 4), 2, ["seeds/all", "seeds/half"]),
        ((1, 2, 3, 4), 4, ["seeds/all"]),
        ((-(2**63), 2**63 - 1), 2, ["seeds/edge"]),
        ((9, 10), 1, []),
        ((), 1, []),
    ],
)
def test_near_articles_share_values_of_their_sketches(
    store: Store, sketch: tuple[int, ...], shared: int, expected: list[str]
) -> None:
    store.articles.save(article("all"), sketch=(1, 2, 3, 4), now=NOW)
    store.articles.save(article("half"), sketch=(3, 4, 5, 6), now=NOW)
    store.articles.save(article("edge"), sketch=(-(2**63), 2**63 - 1), now=NOW)
    assert list(store.articles.near(sketch, min_shared=shared)) == expected


def test_pruning_keeps_what_is_quoted_or_evergreen(store: Store) -> None:
    quoted, seed, plain = article("quoted"), article("seed", evergreen=True), article("plain")
    store.articles.save_all([(quoted, (1,)), (seed, ()), (plain, (2,))], now=NOW)
    store.articles.save(article("late"), sketch=(), now=NOW + DAY)
    store.editions.freeze(edition(quoted), now=NOW)
    assert store.articles.prune(before=NOW + HOUR) == 1
    assert store.articles.find("seeds/plain") is None
    assert store.articles.near((2,), min_shared=1) == ()
    assert store.articles.count() == 3


def test_two_processes_saving_the_same_article_make_one(
    store: Store, open_again: Callable[[], Store]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stores = [store, open_again()]
    with ThreadPoolExecutor(2) as threads:
        results = list(
            threads.map(lambda n: stores[n % 2].articles.save(article(), sketch=(1,), now=NOW), range(8))
        )
    assert sorted(results) == ["new"] + ["unchanged"] * 7
    assert store.articles.count() == 1
