"""Slots and small facts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from stored import DAY, NOW, slot_rows

from digest.store import SlotState, Store


def test_slots_are_noted_once_and_told_oldest_first(store: Store) -> None:
    for moments in ([NOW + DAY, NOW], [NOW, NOW + DAY, NOW + 2 * DAY], []):
        store.slots.add("daily", moments, now=NOW)
    assert store.slots.due("daily", now=NOW + DAY) == (NOW, NOW + DAY)
    assert store.slots.due("weekly", now=NOW + DAY) == ()
    assert len(slot_rows(store)) == 3
    assert store.slots.latest("daily") == NOW + 2 * DAY
    assert store.slots.latest("weekly") is None


@pytest.mark.parametrize("state", [SlotState.DROPPED, SlotState.FOLDED, SlotState.MADE])
def test_a_slot_is_settled_once(store: Store, state: SlotState) -> None:
    store.slots.add("daily", [NOW], now=NOW)
    store.slots.close("daily", NOW, state, now=NOW, reason="too late")
    store.slots.close("daily", NOW, SlotState.MADE, now=NOW)
    assert store.slots.due("daily", now=NOW) == ()
    [row] = slot_rows(store)
    assert (row.state, row.reason, row.edition) == (state, "too late", None)


def test_facts_are_kept_counted_and_forgotten(store: Store, open_again: Callable[[], Store]) -> None:
    assert store.state.get("key") == ""
    store.state.set("key", "一")
    store.state.set("key", "二")
    assert store.state.get("key") == "二"
    store.state.forget("key")
    assert store.state.get("key", "none") == "none"
    stores = [store, open_again()]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda n: stores[n % 2].state.add("count", 2), range(20)))
    assert store.state.add("count", 0) == 40
