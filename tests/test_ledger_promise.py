"""The ledger's promise under any order of events: random senders that crash, freeze and lose replies.

A model counts every copy that left and every doubt about one; the ledger must lose nobody, and send a copy
too many only where there was a doubt. Seeded, so that a failure can be played again.
"""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest
from stored import NOW, add_readers, frozen_edition, take_step

from digest.model import ConsentState, Delivery, DeliveryState
from digest.store import Claim, Outcome, Store, open_store
from digest.store.leases import CRASHES_TO_PARK, Policy
from digest.store.schema import metadata

READERS = 6
LEASE_S = 60
FATES = [DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.FAILED, DeliveryState.UNKNOWN]


class World:
    """Two senders over one ledger. Each holds claims, and marked ones that may leave at any time."""

    def __init__(self, store: Store, policy: Policy, seed: int) -> None:
        self.store, self.policy = store, policy
        self.random = random.Random(seed)
        add_readers(store, READERS)
        self.edition = frozen_edition(store)
        store.ledger.plan(self.edition, now=NOW)
        self.now: datetime = NOW
        self.names = ["a", "b"]
        self.held: list[list[Claim]] = [[], []]
        self.marked: list[list[Claim]] = [[], []]
        self.copies: Counter[int] = Counter()
        self.doubts: Counter[int] = Counter()
        self.left: set[int | None] = set()
        self.refused: set[int] = set()

    def step(self) -> None:
        """One random event; sending is likelier than accidents."""
        sender = self.random.randrange(2)
        events = {
            self.claim: 5,
            self.mark: 4,
            self.end: 5,
            self.crash: 2,
            self.give_back: 1,
            self.wait: 3,
            self.recover: 4,
            self.unsubscribe: 1,
        }
        (event,) = self.random.choices(list(events), list(events.values()))
        event(sender)

    def claim(self, who: int, limit: int = 2) -> None:
        self.held[who] += self.store.ledger.claim(self.names[who], limit=limit, lease_s=LEASE_S, now=self.now)

    def mark(self, who: int, count: int = 2) -> None:
        asked, self.held[who] = self.held[who][:count], self.held[who][count:]
        allowed = self.store.ledger.to_wire(asked, now=self.now)
        assert not {one.subscriber_id for one in allowed} & self.left
        self.marked[who] += allowed

    def end(self, who: int, fate: DeliveryState | None = None) -> None:
        """One marked message has its fate; a copy left when it was sent, and perhaps when nobody knows."""
        if not self.marked[who]:
            return
        one = self.marked[who].pop(0)
        fate = fate or self.random.choices(FATES, [5, 1, 1, 2])[0]
        self.copies[one.id] += fate is DeliveryState.SENT or (
            fate is DeliveryState.UNKNOWN and self.random.random() < 0.5
        )
        again = self.now + timedelta(seconds=30) if fate is DeliveryState.QUEUED else None
        ours = self.store.ledger.settle([Outcome(claim=one, state=fate, next_at=again)], now=self.now)
        self.doubts[one.id] += ours and fate is DeliveryState.UNKNOWN
        if ours and fate is DeliveryState.FAILED:
            self.refused.add(one.id)

    def crash(self, who: int) -> None:
        """Some of what was marked had left already; nobody will ever say which."""
        gone = self.marked[who][: self.random.randint(0, 2)]
        self.copies.update(one.id for one in gone)
        self.held[who], self.marked[who] = [], []
        self.names[who] += "'"

    def give_back(self, who: int) -> None:
        self.store.ledger.release(self.held[who], now=self.now)
        self.held[who] = []

    def wait(self, _who: int = 0) -> None:
        self.now += timedelta(seconds=self.random.choice([1, LEASE_S + 1, LEASE_S + 1]))

    def unsubscribe(self, _who: int) -> None:
        reader = self.random.randint(1, READERS)
        take_step(self.store, reader, ConsentState.UNSUBSCRIBED, actor="reader", now=self.now)
        self.left.add(reader)

    def recover(self, _who: int = 0) -> None:
        before = {row.id: row.state for row in self.rows()}
        self.store.ledger.recover(
            now=self.now, policy=self.policy, owner_gone=lambda name: name not in self.names
        )
        for row in self.rows():
            self.doubts[row.id] += before[row.id] is DeliveryState.WIRE is not row.state

    def rows(self) -> tuple[Delivery, ...]:
        return self.store.ledger.list(self.edition)

    def check(self) -> None:
        """Nobody is missing, and every copy too many had a doubt that the policy lets be sent again."""
        assert sum(self.store.ledger.counts(self.edition).values()) == READERS
        for row in self.rows():
            allowed = 1 + (self.doubts[row.id] if self.policy == "resend" else 0)
            assert self.copies[row.id] <= allowed, row
            assert self.copies[row.id] or row.state is not DeliveryState.SENT, row

    def finish(self) -> None:
        """A calm sender does the rest; then every row says what became of its reader, and why."""
        for who in (0, 1):
            self.crash(who)
        for _ in range(CRASHES_TO_PARK + 2):
            self.now += timedelta(seconds=LEASE_S + 1)
            self.recover()
            self.claim(0, READERS)
            self.mark(0, READERS)
            while self.marked[0]:
                self.end(0, DeliveryState.SENT)
        assert self.store.ledger.finished(self.edition)
        self.check()
        for row in self.rows():
            match row.state:
                case DeliveryState.FAILED:
                    assert row.id in self.refused
                case DeliveryState.SUPPRESSED:
                    assert row.subscriber_id in self.left
                case DeliveryState.HELD:
                    assert self.doubts[row.id] >= (1 if self.policy == "hold" else 2)
                case other:
                    assert other is DeliveryState.SENT


@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_nobody_is_lost_and_no_copy_is_unexplained(policy: Policy) -> None:
    for seed in range(12):
        with open_store("sqlite://") as store:
            metadata.create_all(store.database.engine)
            world = World(store, policy, seed)
            for step in range(80):
                world.step()
                if step % 16 == 0:
                    world.check()
            world.finish()
