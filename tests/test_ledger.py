"""The ledger's promise, on both databases: design section 6, row by row."""

import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event, text
from stored import DAY, HOUR, NOW, add_readers, frozen_edition, reader, take_step

from digest.errors import StoreError
from digest.model import ConsentState, DeliveryState
from digest.store import Claim, Outcome, Store, ledger, open_store, planning

QUEUED, LEASED, WIRE, SENT, FAILED, UNKNOWN, HELD, SUPPRESSED = DeliveryState


def planned(store: Store, readers: int) -> int:
    add_readers(store, readers)
    number = frozen_edition(store)
    store.ledger.plan(number, now=NOW)
    return number


def claim(store: Store, owner: str = "me", limit: int = 10, **more: object) -> tuple[Claim, ...]:
    return store.ledger.claim(owner, **({"limit": limit, "lease_s": 60, "now": NOW} | more))  # type: ignore[arg-type]


def outcome(one: Claim, state: DeliveryState = SENT, **more: object) -> Outcome:
    return Outcome(claim=one, state=state, code=250, text="2.0.0 Ok", **more)  # type: ignore[arg-type]


def send(store: Store, claims: tuple[Claim, ...]) -> int:
    return store.ledger.settle([outcome(one) for one in store.ledger.to_wire(claims, now=NOW)], now=NOW)


def recover(
    store: Store, *, policy: str = "resend", later: timedelta = timedelta(), gone: bool = True
) -> int:
    return store.ledger.recover(now=NOW + later, policy=policy, owner_gone=lambda _: gone)  # type: ignore[arg-type]


def test_an_edition_is_planned_for_those_who_are_to_have_it(store: Store) -> None:
    wanted = [
        reader("all"),
        reader("theme", themes=("cost", "craft")),
        reader("schedule", schedules=("weekly", "daily")),
        reader("awake", paused_until=NOW),
        reader("paused-before", state=ConsentState.PAUSED, paused_until=NOW - HOUR),
    ]
    unwanted = [
        reader("other-theme", themes=("cost",)),
        reader("theme-name-inside", themes=("witchcraft",)),
        reader("other-schedule", schedules=("weekly",)),
        reader("pending", state=ConsentState.PENDING),
        reader("left", state=ConsentState.UNSUBSCRIBED),
        reader("bounced", state=ConsentState.BOUNCED),
        reader("paused", state=ConsentState.PAUSED, paused_until=NOW + DAY),
        reader("paused-for-good", state=ConsentState.PAUSED),
    ]
    store.subscribers.add_all(wanted + unwanted, actor="test", now=NOW)
    number = frozen_edition(store)
    assert store.ledger.plan(number, now=NOW) == len(wanted)
    assert {one.address for one in store.ledger.list(number)} == {one.address for one in wanted}


def test_planning_again_adds_nobody(store: Store) -> None:
    number = planned(store, 3)
    store.subscribers.add(reader("late"), actor="test", now=NOW)
    assert store.ledger.plan(number, now=NOW + HOUR) == 0
    assert store.ledger.counts(number) == {QUEUED: 3}


def test_planning_goes_on_where_it_was_killed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "STEP", 4)
    add_readers(store, 10)
    number = frozen_edition(store)
    assert store.ledger.unplanned() == (number,)

    def killed(_seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ledger.time, "sleep", killed)
        store.ledger.plan(number, now=NOW)
    send(store, claim(store))
    assert store.ledger.counts(number) == {SENT: 4}
    assert not store.ledger.finished(number)
    assert store.ledger.unplanned() == (number,)
    assert store.ledger.plan(number, now=NOW) == 6
    send(store, claim(store))
    assert store.ledger.finished(number)
    assert store.ledger.unplanned() == ()


def test_two_planners_at_once_plan_everybody_once(
    store: Store, open_again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "STEP", 7)
    add_readers(store, 60)
    number = frozen_edition(store)
    stores = [open_again(), open_again()]
    with ThreadPoolExecutor(2) as threads:
        added = list(threads.map(lambda one: one.ledger.plan(number, now=NOW), stores))
    assert sum(added) == 60
    assert store.ledger.counts(number) == {QUEUED: 60}


def test_readers_get_it_when_it_is_due_in_their_zone(store: Store) -> None:
    for zone in ("Asia/Shanghai", "America/Sao_Paulo", "Europe/Paris"):
        store.subscribers.add(reader(zone[-5:], timezone=zone), actor="test", now=NOW)
    number = frozen_edition(store)
    due = {"America/Sao_Paulo": NOW + 11 * HOUR, "Europe/Paris": NOW + 7 * HOUR}
    store.ledger.plan(number, now=NOW, due_by_zone=due)
    assert store.ledger.due(now=NOW) == len(claim(store)) == 1
    assert store.ledger.next_due() == store.ledger.next_due(number) == NOW + 7 * HOUR
    assert (store.ledger.next_due(number + 1), store.ledger.due(now=NOW + DAY, edition=number + 1)) == (
        None,
        0,
    )
    assert store.ledger.due(now=NOW + DAY) == len(claim(store, now=NOW + DAY)) == 2
    assert store.ledger.next_due() is None


def test_addresses_given_by_hand_are_nobodys_subscription(store: Store) -> None:
    number = frozen_edition(store)
    given = ["a@example.org", "b@example.org", "a@example.org"]
    assert store.ledger.plan_addresses(number, given, now=NOW) == 2
    assert store.ledger.plan_addresses(number, ["b@example.org"], now=NOW) == 0
    assert store.ledger.plan_addresses(number, [], now=NOW) == 0
    claims = claim(store)
    assert [(one.address, one.subscriber_id) for one in claims] == [(a, None) for a in given[:2]]
    assert send(store, claims) == 2
    assert store.subscribers.list() == ()


def test_a_correction_goes_to_whom_the_edition_went(store: Store) -> None:
    """Also to those it was queued for, who get the correction alone; not to who left or could not be reached."""
    first = planned(store, 5)
    store.ledger.plan_addresses(first, ["by-hand@example.org"], now=NOW)
    sent, refused, left, unsure, queued, _by_hand = claim(store, limit=6)
    store.ledger.to_wire((sent, refused, left, unsure), now=NOW)
    fates = {sent: SENT, refused: FAILED, left: SENT, unsure: UNKNOWN}
    store.ledger.settle([outcome(one, fate) for one, fate in fates.items()], now=NOW)
    assert left.subscriber_id is not None
    take_step(store, left.subscriber_id, ConsentState.UNSUBSCRIBED, actor="reader", now=NOW)
    store.ledger.release([queued], now=NOW)
    store.subscribers.add(reader("late"), actor="test", now=NOW)
    store.editions.set_status(first, "stopped")
    again = replace(store.editions.get(first), revision=2, corrects=first)
    second = store.editions.freeze(again, now=NOW + HOUR, to_readers=True).number
    assert store.ledger.plan(second, now=NOW + HOUR) == 3
    wanted = {sent.address, unsure.address, queued.address, "by-hand@example.org"}
    assert {one.address for one in claim(store, now=NOW + HOUR)} == wanted
    replaced = [one for one in store.ledger.list(first) if one.text == f"corrected by edition {second}"]
    assert [(one.address, one.state) for one in replaced] == [(queued.address, SUPPRESSED)]


def test_planning_an_edition_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match="no edition 3"):
        store.ledger.plan(3, now=NOW)
    with pytest.raises(StoreError, match="no edition 3"):
        store.ledger.plan_addresses(3, ["a@example.org"], now=NOW)


def test_a_claim_has_everything_a_message_needs(store: Store) -> None:
    one = store.subscribers.add(
        reader("ann", language="en", themes=("craft",), token_version=4), actor="test", now=NOW
    )
    number = frozen_edition(store)
    store.ledger.plan(number, now=NOW)
    (found,) = claim(store, now=NOW + HOUR)
    assert found == Claim(
        id=found.id,
        edition=number,
        subscriber_id=one.id,
        address="ann@example.org",
        name="Ann",
        language="en",
        themes=("craft",),
        token_version=4,
        attempts=0,
        lease=1,
        owner="me",
        first_at=NOW + HOUR,
        lease_s=60,
    )
    assert store.ledger.counts(number) == {LEASED: 1}
    assert claim(store, now=NOW + HOUR) == ()


def test_the_way_of_a_delivery(store: Store) -> None:
    number = planned(store, 1)
    claims = store.ledger.to_wire(claim(store), now=NOW)
    assert store.ledger.counts(number) == {WIRE: 1}
    assert not store.ledger.finished(number)
    assert store.ledger.settle([outcome(claims[0])], now=NOW + HOUR) == 1
    (row,) = store.ledger.list(number)
    assert (row.state, row.attempts, row.code, row.text) == (SENT, 1, 250, "2.0.0 Ok")
    assert row.updated_at == NOW + HOUR
    assert store.ledger.finished(number)
    assert store.ledger.get(row.id) == row
    assert store.ledger.get(row.id + 1) is None


def test_the_date_and_the_count_stay_through_retries(store: Store) -> None:
    planned(store, 1)
    for turn in range(3):
        now = NOW + turn * HOUR
        (one,) = claim(store, now=now)
        assert (one.first_at, one.attempts, one.lease) == (NOW, turn, turn + 1)
        (one,) = store.ledger.to_wire([one], now=now)
        later = outcome(one, QUEUED, next_at=now + HOUR)
        assert store.ledger.settle([later], now=now) == 1
        assert claim(store, now=now) == ()


def test_queueing_again_needs_a_time(store: Store) -> None:
    planned(store, 1)
    with pytest.raises(ValueError, match="next attempt"):
        store.ledger.settle([outcome(claim(store)[0], QUEUED)], now=NOW)


@pytest.mark.parametrize("state", [SENT, UNKNOWN, FAILED, HELD, SUPPRESSED])
def test_only_what_was_on_the_wire_can_be_sent_or_unknown(store: Store, state: DeliveryState) -> None:
    number = planned(store, 1)
    (one,) = claim(store)
    assert store.ledger.settle([outcome(one, state)], now=NOW) == (state not in {SENT, UNKNOWN})
    assert store.ledger.counts(number) == ({LEASED: 1} if state in {SENT, UNKNOWN} else {state: 1})


def test_a_lease_that_was_taken_over_changes_nothing(store: Store) -> None:
    number = planned(store, 4)
    frozen = claim(store, "sleeper")
    on_wire = store.ledger.to_wire(frozen[:2], now=NOW)
    recover(store, later=HOUR, gone=False)
    taken = claim(store, "other", now=NOW + HOUR)
    assert {one.id for one in taken} == {one.id for one in frozen}

    assert store.ledger.settle([outcome(one) for one in on_wire], now=NOW + HOUR) == 0
    assert store.ledger.to_wire(frozen, now=NOW + HOUR) == ()
    assert store.ledger.release(frozen, now=NOW + HOUR) == 0
    assert store.ledger.counts(number) == {LEASED: 4}
    assert send(store, taken) == 4


def test_a_name_used_again_is_fenced_by_its_lease_number(store: Store) -> None:
    planned(store, 1)
    first = claim(store, "same")
    store.ledger.release(first, now=NOW)
    second = claim(store, "same")
    assert store.ledger.to_wire(first, now=NOW) == ()
    assert store.ledger.to_wire(second, now=NOW) == second


def test_asking_for_the_wire_twice_gives_the_same_answer(store: Store) -> None:
    planned(store, 2)
    claims = claim(store)
    assert store.ledger.to_wire(claims, now=NOW) == store.ledger.to_wire(claims, now=NOW) == claims
    assert send(store, claims) == 2
    assert store.ledger.to_wire(claims, now=NOW) == ()


def test_who_left_meanwhile_is_not_mailed(store: Store) -> None:
    number = planned(store, 4)
    claims = claim(store)
    left = (ConsentState.UNSUBSCRIBED, ConsentState.BOUNCED, ConsentState.PAUSED)
    for one, state in zip(claims[:3], left, strict=True):
        take_step(store, one.subscriber_id or 0, state, actor="reader", now=NOW, paused_until=NOW + DAY)
    assert store.ledger.to_wire(claims, now=NOW) == claims[3:]
    assert store.ledger.counts(number) == {SUPPRESSED: 3, WIRE: 1}
    (gone, *_) = store.ledger.list(number, SUPPRESSED)
    assert gone.text == "no longer subscribed"
    assert send(store, claims) == 1
    assert store.ledger.finished(number)


def test_giving_back_costs_no_attempt(store: Store) -> None:
    number = planned(store, 3)
    claims = claim(store)
    store.ledger.to_wire(claims[:1], now=NOW)
    assert store.ledger.release(claims[:2], now=NOW) == 2
    assert store.ledger.counts(number) == {QUEUED: 2, DeliveryState.LEASED: 1}
    again = claim(store)
    assert [(one.attempts, one.lease) for one in again] == [(0, 2), (0, 2)]


def test_a_mark_starts_the_lease_anew(store: Store) -> None:
    planned(store, 1)
    claims = claim(store)
    assert store.ledger.to_wire(claims, now=NOW + timedelta(seconds=59)) == claims
    assert recover(store, later=timedelta(seconds=61), gone=False) == 0
    assert send(store, claims) == 1


@pytest.mark.parametrize(
    ("gone", "later", "lost"),
    [(True, timedelta(), True), (False, timedelta(seconds=60), True), (False, timedelta(seconds=59), False)],
)
def test_what_is_lost_is_known_by_the_owner_or_the_lease(
    store: Store, gone: bool, later: timedelta, lost: bool
) -> None:
    number = planned(store, 3)
    claims = claim(store)
    store.ledger.to_wire(claims[:1], now=NOW)
    found = recover(store, gone=gone, later=later)
    assert found == (3 if lost else 0)
    assert store.ledger.counts(number) == ({QUEUED: 3} if lost else {WIRE: 1, LEASED: 2})


def test_policy_hold_keeps_uncertain_ones_for_a_person(store: Store) -> None:
    number = planned(store, 2)
    store.ledger.to_wire(claim(store), now=NOW)
    assert recover(store, policy="hold") == 0
    assert store.ledger.finished(number)
    held = store.ledger.list(number, HELD)
    assert [one.text for one in held] == ["sent or not: the sender died"] * 2
    assert store.ledger.retry([one.id for one in held], now=NOW) == 2
    assert send(store, claim(store)) == 2


def test_an_older_version_beside_us_and_we_know_each_others_rows(store: Store) -> None:
    """Before form 0006 a claim stored ``leased``, a mark ``wire``, and a row may have an old ``unbegun``."""
    number = planned(store, 4)
    ours, begun = claim(store, limit=2)
    store.ledger.to_wire([begun], now=NOW)
    claim(store, limit=2)
    as_before = "UPDATE deliveries SET state = :state, lease = 2, unbegun = 1, owner = 'old' WHERE id = :id"
    with store.database.write() as connection:
        for state, id_ in (("leased", begun.id + 1), ("wire", begun.id + 2)):
            connection.execute(text(as_before), {"state": state, "id": id_})
        stored = "SELECT state FROM deliveries WHERE id = :id"
        assert connection.scalar(text(stored), {"id": ours.id}) == "wire", "older ones would send it again"
    assert store.ledger.counts(number) == {LEASED: 2, WIRE: 2}
    assert recover(store, policy="hold") == 2
    assert store.ledger.counts(number) == {QUEUED: 2, HELD: 2}


def test_the_third_crash_parks_a_row(store: Store) -> None:
    number = planned(store, 1)
    for crash in (1, 2, 3):
        store.ledger.to_wire(claim(store), now=NOW)
        assert recover(store) == (crash < 3)
    assert store.ledger.counts(number) == {HELD: 1}
    (row,) = store.ledger.list(number, HELD)
    assert row.text == "parked: 3 crashes while on the wire"


def test_a_crash_before_the_wire_parks_nobody(store: Store) -> None:
    number = planned(store, 3)
    for _ in range(9):
        claim(store)
        recover(store)
    assert store.ledger.counts(number) == {QUEUED: 3}


def test_no_final_reply_is_sent_again_once(store: Store) -> None:
    number = planned(store, 1)
    for found in (1, 0):
        (one,) = store.ledger.to_wire(claim(store), now=NOW)
        store.ledger.settle([outcome(one, UNKNOWN)], now=NOW)
        assert not store.ledger.finished(number)
        assert recover(store) == found
    assert store.ledger.counts(number) == {HELD: 1}


def test_what_is_sent_again_goes_behind_the_others(store: Store) -> None:
    planned(store, 3)
    (first, *_) = store.ledger.to_wire(claim(store, limit=1), now=NOW)
    recover(store, later=HOUR)
    assert [one.id for one in claim(store, now=NOW + HOUR)][-1] == first.id


def test_editions_share_a_batch_and_can_be_asked_for_alone(store: Store) -> None:
    add_readers(store, 6)
    first, second = frozen_edition(store), frozen_edition(store, slot=NOW + DAY)
    for number in (first, second):
        store.ledger.plan(number, now=NOW)
    assert Counter(one.edition for one in claim(store, limit=5)) == {first: 3, second: 2}
    assert {one.edition for one in claim(store, limit=2, edition=second)} == {second}
    assert Counter(one.edition for one in claim(store, limit=9)) == {first: 3, second: 2}
    assert claim(store, edition=second) == claim(store, edition=77) == ()


def test_a_stopped_edition_waits(store: Store) -> None:
    number = planned(store, 2)
    store.editions.set_status(number, "stopped")
    assert claim(store) == ()
    assert (store.ledger.due(now=NOW), store.ledger.next_due()) == (0, None)
    assert not store.ledger.finished(number)
    store.editions.set_status(number, "ready")
    assert len(claim(store)) == 2


def test_what_an_operator_can_do_by_hand(store: Store) -> None:
    number = planned(store, 3)
    ids = [one.id for one in store.ledger.list(number)]
    assert store.ledger.hold(ids[:2], now=NOW) == 2
    assert [one.address for one in claim(store)] == ["reader2@example.org"]
    assert store.ledger.unhold(ids, now=NOW) == 2
    assert store.ledger.retry(ids, now=NOW) == 0
    (one, _) = store.ledger.to_wire(claim(store), now=NOW)
    store.ledger.settle([outcome(one, FAILED)], now=NOW)
    assert store.ledger.retry([one.id], now=NOW) == 1
    assert next(row.attempts for row in store.ledger.list(number, QUEUED)) == 0


def test_lists_page_through_every_state(store: Store) -> None:
    number = planned(store, 40)
    other = frozen_edition(store, slot=NOW + DAY)
    store.ledger.plan(other, now=NOW)
    store.ledger.settle([outcome(one) for one in store.ledger.to_wire(claim(store), now=NOW)], now=NOW)
    for state in (FAILED, HELD, SUPPRESSED):
        later = claim(store, limit=10, edition=number)[:5]
        store.ledger.settle([outcome(one, state) for one in later], now=NOW)
    (one,) = claim(store, limit=1, edition=number)
    late = outcome(one, QUEUED, next_at=NOW + DAY)
    store.ledger.settle([late], now=NOW)
    for state in (None, *store.ledger.counts(number)):
        seen: list[int] = []
        while page := store.ledger.list(number, state, after=seen[-1] if seen else 0, limit=3):
            seen += [row.id for row in page]
        expected = store.ledger.counts(number)
        assert len(seen) == len(set(seen)) == (expected[state] if state else 40)
        assert {row.edition for row in store.ledger.list(number, state)} == {number}


def test_pruning_forgets_finished_editions_only(store: Store) -> None:
    first, second = planned(store, 2), frozen_edition(store, slot=NOW + DAY)
    send(store, claim(store))
    store.ledger.plan(second, now=NOW)
    assert store.ledger.prune(before=NOW) == 0
    assert store.ledger.prune(before=NOW + HOUR) == 2
    assert store.ledger.counts(first) == {SENT: 2}
    assert store.ledger.list(first) == ()
    assert store.ledger.prune(before=NOW + HOUR) == 0
    assert store.ledger.counts(second) == {QUEUED: 2}
    assert store.editions.get(first).number == first
    assert store.ledger.plan(first, now=NOW) == 0


def test_strange_replies_are_kept_readable(store: Store) -> None:
    number = planned(store, 1)
    (one,) = claim(store)
    said = "5.1.1 \x00 no \udc9f such " + "user " * 400
    store.ledger.settle([Outcome(claim=one, state=FAILED, code=550, text=said)], now=NOW)
    (row,) = store.ledger.list(number, FAILED)
    assert row.code == 550
    assert row.text and row.text.startswith("5.1.1  no ? such") and len(row.text) <= 500


def test_two_senders_never_send_the_same_row(store: Store, open_again: Callable[[], Store]) -> None:
    number = planned(store, 150)

    def send_all(mine: Store) -> list[int]:
        sent = []
        with mine.owners.register() as owner:
            while claims := claim(mine, owner, limit=7):
                assert send(mine, claims) == len(claims)
                sent += [one.id for one in claims]
        return sent

    with ThreadPoolExecutor() as threads:
        one, other = threads.map(send_all, [open_again(), open_again()])
    assert sorted(one + other) == [row.id for row in store.ledger.list(number, limit=1000)]
    assert store.ledger.counts(number) == {SENT: 150}
    assert store.ledger.finished(number)


def plans(store: Store, do: Callable[[], object]) -> list[str]:
    """How SQLite goes about each statement that *do* runs."""
    seen: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        if sql.startswith(("SELECT", "UPDATE", "INSERT INTO deliveries")):
            seen.append((sql, parameters))

    event.listen(store.database.engine, "before_cursor_execute", note)
    do()
    event.remove(store.database.engine, "before_cursor_execute", note)
    with store.database.read() as connection:
        return [
            row.detail
            for sql, parameters in seen
            for row in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {sql}", parameters[0] if isinstance(parameters, list) else parameters
            )
        ]


def test_nothing_a_sender_or_operator_asks_reads_a_whole_table(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store:
        number = planned(store, 3)
        claims = claim(store)
        asked = {
            "claim": lambda: claim(store),
            "mark": lambda: store.ledger.to_wire(claims, now=NOW),
            "settle": lambda: store.ledger.settle([outcome(one) for one in claims], now=NOW),
            "recover": lambda: recover(store),
            "finished": lambda: store.ledger.finished(number),
            "counts": lambda: store.ledger.counts(number),
            "next due": store.ledger.next_due,
            "readers": lambda: store.subscribers.list(after=1),
            "pending": lambda: store.subscribers.list(state=ConsentState.PENDING),
            "find": lambda: store.subscribers.find("ann@example.org"),
            "near": lambda: store.articles.near((1, 2), min_shared=1),
            "used": lambda: store.editions.used("daily", ["seeds/watch"]),
            "slots": lambda: store.slots.due("daily", now=NOW),
            "bounce": lambda: store.ledger.get(1),
        } | {
            f"list {state}": partial(store.ledger.list, number, state, after=1)
            for state in (None, *DeliveryState)
        }
        for name, do in asked.items():
            for step in plans(store, do):
                bounded = step.endswith("ix_deliveries_moving") or step.startswith("SCAN anon")
                full = step.startswith("SCAN") and not bounded  # "anon": what a limited subquery left
                assert not full, (name, step)
                assert "TEMP B-TREE FOR ORDER" not in step or name == "near", (name, step)


def test_memory_does_not_grow_with_the_list(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "STEP", 400)
    monkeypatch.setattr(ledger, "_BREATH_S", 0.0)
    peaks = []
    with open_store(sqlite_url) as store:
        for readers in (1200, 5000):
            add_readers(store, readers)
            number = frozen_edition(store, slot=NOW + readers * HOUR)
            tracemalloc.start()
            store.ledger.plan(number, now=NOW)
            last = seen = 0
            while page := store.ledger.list(number, QUEUED, after=last, limit=500):
                last = page[-1].id
                seen += len(page)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert seen == readers
    assert peaks[1] < 1.2 * peaks[0]
