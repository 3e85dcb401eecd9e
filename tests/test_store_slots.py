"""Slots and small facts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from stored import DAY, NOW

from digest.store import SlotState, Store


def test_slots_are_noted_once_and_told_oldest_first(store: Store) -> None:
    assert store.slots.add("daily", [NOW + DAY, NOW], now=NOW) == 2
    assert store.slots.add("daily", [NOW, NOW + DAY, NOW + 2 * DAY], now=NOW) == 1
    assert store.slots.add("daily", [], now=NOW) == 0
    assert [one.slot for one in store.slots.due(now=NOW + DAY)] == [NOW, NOW + DAY]
    assert store.slots.due(now=NOW + DAY, schedule="weekly") == ()
    assert len(store.slots.list(limit=2)) == 2


@pytest.mark.parametrize("state", [SlotState.DROPPED, SlotState.FOLDED, SlotState.MADE])
def test_a_slot_is_settled_once(store: Store, state: SlotState) -> None:
    store.slots.add("daily", [NOW], now=NOW)
    assert store.slots.close("daily", NOW, state, now=NOW, reason="too late")
    assert not store.slots.close("daily", NOW, SlotState.MADE, now=NOW)
    assert store.slots.due(now=NOW) == ()
    latest = store.slots.latest("daily")
    assert latest and (latest.state, latest.reason, latest.edition) == (state, "too late", None)
    assert store.slots.latest("weekly") is None


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
