"""Readers: one row an address, proofs of consent, suppression that outlives the person's data."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from stored import DAY, NOW, add_readers, frozen_edition, reader, take_step

from digest.errors import StoreError
from digest.model import ConsentState, Subscriber
from digest.store import ConsentEvent, Store, Turn, address_hash
from digest.store.schema import reader_counts, subscribers

KEY = b"k" * 32


def test_a_reader_comes_back_as_added(store: Store) -> None:
    one = Subscriber(
        id=0,
        address="Ann.Lee@example.org",
        name="李安",
        state=ConsentState.PAUSED,
        language="en",
        timezone="America/Sao_Paulo",
        themes=("craft", "cost"),
        schedules=("weekly",),
        send_hour=8,
        paused_until=NOW + DAY,
        token_version=3,
    )
    added = store.subscribers.add(one, actor="reader", now=NOW, reason="form")
    assert added.id > 0
    assert store.subscribers.get(added.id) == added
    assert added == Subscriber(**{name: getattr(one, name) for name in one.__slots__} | {"id": added.id})


def test_an_address_has_one_reader_in_any_case(store: Store) -> None:
    first = store.subscribers.add(reader("ann"), actor="reader", now=NOW)
    again = store.subscribers.add(reader("ANN", name="Other"), actor="reader", now=NOW)
    assert again == first
    assert store.subscribers.find("Ann@Example.org") == first
    assert store.subscribers.find("bob@example.org") is None
    assert len(store.subscribers.events(first.id)) == 1


def test_one_address_from_many_forms_at_once_is_one_reader(
    store: Store, open_again: Callable[[], Store]
) -> None:
    stores = [open_again() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda s: s.subscribers.add(reader(), actor="reader", now=NOW), stores))
    assert len({one.id for one in added}) == 1


def test_importing_counts_new_and_known(store: Store) -> None:
    store.subscribers.add(reader("reader7", name="Kept"), actor="reader", now=NOW)
    found = (reader(f"reader{n}") for n in range(2500))
    assert store.subscribers.add_all(found, actor="import", now=NOW, reason="list.csv") == (2499, 1)
    assert store.subscribers.counts() == {ConsentState.CONFIRMED: 2500}
    kept = store.subscribers.find("reader7@example.org")
    assert kept and kept.name == "Kept"
    new = store.subscribers.find("reader2499@example.org")
    assert new and store.subscribers.events(new.id) == (
        ConsentEvent(
            at=NOW, actor="import", from_state=None, to_state=ConsentState.CONFIRMED, reason="list.csv"
        ),
    )
    assert store.subscribers.add_all([], actor="import", now=NOW) == (0, 0)


def test_every_step_is_kept_with_who_and_when(store: Store) -> None:
    one = store.subscribers.add(reader(state=ConsentState.PENDING), actor="reader", now=NOW)
    take_step(store, one.id, ConsentState.CONFIRMED, actor="reader", now=NOW + DAY, reason="link")
    paused = take_step(
        store, one.id, ConsentState.PAUSED, actor="reader", now=NOW + DAY, paused_until=NOW + 9 * DAY
    )
    assert paused.paused_until == NOW + 9 * DAY
    store.subscribers.note(one.id, actor="bounce", now=NOW + 2 * DAY, reason="mailbox full")
    left = take_step(
        store, one.id, ConsentState.UNSUBSCRIBED, actor="operator", now=NOW + 3 * DAY, reason="by mail"
    )
    assert (left.state, left.paused_until) == (ConsentState.UNSUBSCRIBED, None)
    assert [(e.actor, e.from_state, e.to_state) for e in store.subscribers.events(one.id)] == [
        ("reader", None, "pending"),
        ("reader", "pending", "confirmed"),
        ("reader", "confirmed", "paused"),
        ("bounce", "paused", "paused"),
        ("operator", "paused", "unsubscribed"),
    ]


def test_preferences_change_what_is_given(store: Store) -> None:
    one = store.subscribers.add(reader(themes=("craft",), send_hour=7), actor="reader", now=NOW)
    changed = store.subscribers.set_preferences(one.id, now=NOW, language="en", schedules=("weekly",))
    assert (changed.language, changed.schedules, changed.themes) == ("en", ("weekly",), ("craft",))
    changed = store.subscribers.set_preferences(
        one.id, now=NOW, themes=(), timezone="Asia/Tokyo", name="安", send_hour=None
    )
    assert (changed.themes, changed.timezone, changed.name, changed.send_hour) == (
        (),
        "Asia/Tokyo",
        "安",
        None,
    )
    store.subscribers.set_preferences(one.id, now=NOW, token_version=one.token_version + 1)
    assert store.subscribers.get(one.id).token_version == 2


LISTS = [
    ({}, ["ann", "bob", "cem", "dan"]),
    ({"state": ConsentState.PENDING}, ["dan"]),
    ({"theme": "craft"}, ["ann", "cem", "dan"]),
    ({"schedule": "weekly"}, ["ann", "bob", "dan"]),
    ({"theme": "raft"}, ["cem", "dan"]),
    ({"search": "BOB@"}, ["bob"]),
    ({"search": "cem"}, ["cem"]),
    ({"search": "%"}, []),
    ({"limit": 2}, ["ann", "bob"]),
]


def test_readers_are_listed_by_what_is_asked(store: Store) -> None:
    for one in (
        reader("ann", themes=("craft",)),
        reader("bob", themes=("cost",), schedules=("weekly",)),
        reader("cem", schedules=("daily",)),
        reader("dan", state=ConsentState.PENDING),
    ):
        store.subscribers.add(one, actor="test", now=NOW)
    for asked, expected in LISTS:
        found = store.subscribers.list(**asked)
        assert [one.address.split("@")[0] for one in found] == expected, asked


def test_lists_go_on_after_an_id(store: Store) -> None:
    add_readers(store, 5)
    first = store.subscribers.list(limit=3)
    assert len(store.subscribers.list(after=first[-1].id)) == 2


def test_demand_counts_confirmed_readers_and_those_who_want_all(store: Store) -> None:
    for one in (
        reader("ann", themes=("craft", "cost")),
        reader("bob", themes=("craft",)),
        reader("cem"),
        reader("dan", state=ConsentState.PENDING),
    ):
        store.subscribers.add(one, actor="test", now=NOW)
    assert store.subscribers.demand(["craft", "cost", "llm"]) == {"craft": 3, "cost": 2, "llm": 1}
    assert store.subscribers.timezones() == ("Asia/Shanghai",)


def counted(store: Store) -> list[tuple[str, str, int]]:
    """What the counts should be, by counting."""
    ways = [
        sa.select(sa.literal(kind), subscribers.c[kind], sa.func.count())
        .where(which)
        .group_by(subscribers.c[kind])
        for kind, which in (
            ("state", sa.true()),
            ("themes", subscribers.c.state == "confirmed"),
            ("timezone", subscribers.c.state == "confirmed"),
        )
    ]
    with store.database.read() as connection:
        return sorted(tuple(row) for way in ways for row in connection.execute(way))


def test_counts_stay_true_through_every_change(store: Store) -> None:
    people = store.subscribers
    people.add_all(
        (reader(f"r{n}", themes=("craft",) * (n % 2), state=list(ConsentState)[n % 2]) for n in range(40)),
        actor="import",
        now=NOW,
    )
    one, two, three, *_ = people.list(state=ConsentState.CONFIRMED)
    take_step(store, one.id, ConsentState.PAUSED, actor="reader", now=NOW)
    people.set_preferences(two.id, now=NOW, themes=("cost", "craft"), timezone="Asia/Tokyo")
    people.erase(three.id, address_hash="x", now=NOW)
    wish = Turn(state=ConsentState.CONFIRMED, reason="t", wish=reader(themes=("llm",), timezone="UTC"))
    people.turn([n.id for n in people.list(limit=20)], lambda _: wish, actor="test", now=NOW)
    people.forget_unconfirmed(NOW + DAY)
    with store.database.read() as connection:
        kept = connection.execute(sa.select(reader_counts).where(reader_counts.c.readers > 0))
        assert sorted(tuple(row) for row in kept) == counted(store)
    assert people.timezones() == ("Asia/Shanghai", "UTC")


def test_suppression_is_by_keyed_hash_and_has_a_way_back(store: Store) -> None:
    hashed = address_hash(KEY, "Ann@example.org")
    assert hashed == address_hash(KEY, "ann@EXAMPLE.org") != address_hash(b"other", "ann@example.org")
    store.subscribers.suppress({hashed: "complaint"}, now=NOW)
    store.subscribers.suppress({hashed: "again"}, now=NOW)
    assert store.subscribers.suppressed([hashed])
    assert store.subscribers.suppressed([hashed, "other"]) == {hashed}
    one = store.subscribers.add(reader("ann", state=ConsentState.BOUNCED), actor="test", now=NOW)
    lifted = Turn(state=ConsentState.CONFIRMED, reason="reinstated", hashed=hashed)
    store.subscribers.turn([one.id], lambda _: lifted, actor="operator", now=NOW)
    assert not store.subscribers.suppressed([hashed])


def test_erasing_forgets_the_person_and_keeps_the_hash(store: Store, store_url: str) -> None:
    edition = frozen_edition(store)
    one = store.subscribers.add(reader("ann", name="Ann Secret"), actor="reader", now=NOW, reason="form")
    store.ledger.plan(edition, now=NOW)
    store.ledger.plan_addresses(edition, ["ann@example.org", "other@example.org"], now=NOW)
    hashed = address_hash(KEY, one.address)
    store.subscribers.erase(one.id, address_hash=hashed, now=NOW)

    assert store.subscribers.suppressed([hashed])
    assert store.subscribers.find("ann@example.org") is None
    assert store.subscribers.events(one.id) == ()
    assert store.subscribers.list() == ()
    assert [e.state for e in store.subscribers.list(state=ConsentState.ERASED)] == [ConsentState.ERASED]
    left = [delivery.address.split()[0:1] for delivery in store.ledger.list(edition)]
    assert left == [[], ["erased"], ["other@example.org"]]
    with store.database.read() as connection:
        everything = repr([connection.exec_driver_sql(f"SELECT * FROM {t}").all() for t in TABLES])
    assert "ann@" not in everything.lower()
    assert "Secret" not in everything


TABLES = ("subscribers", "consent_events", "deliveries", "suppressions")


def test_asking_for_a_reader_who_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="no subscriber 7"):
        store.subscribers.set_preferences(7, now=NOW, name="x")
