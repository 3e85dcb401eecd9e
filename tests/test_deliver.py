"""Delivery from the ledger: the truth about each reader, whatever the server does."""

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hostile_smtp import DROP, NORMAL, STALL, Hostile, serving
from sending import SLOT, a_ledger, a_letter, an_edition
from stored import take_step

from digest.deliver import Policy, Report, Sender, retry_at
from digest.errors import StoreError
from digest.letters import make_writer
from digest.mail.maildir import MaildirTransport
from digest.mail.smtp import SmtpTransport
from digest.mail.transport import Letter, Limit, Server
from digest.model import ConsentState, DeliveryState
from digest.store import Claim, Store

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
QUICK = Policy(patience_s=0.2, lease_s=60, grace_s=0.3)


def smtp(hostile: Hostile, **settings: Any) -> SmtpTransport:
    usual: dict[str, Any] = {"connections": 4, "command_s": 0.4, "reply_s": 0.5, "connect_s": 0.4}
    limits = settings.pop("domain_limits", None)
    server = Server(host="127.0.0.1", port=hostile.port, security="none", **{**usual, **settings})
    return SmtpTransport([server], domain_limits=limits)


async def run(
    store: Store, out: Any, policy: Policy = QUICK, write: Callable[[Claim], Letter] = a_letter, **more: Any
) -> Report:
    with store.owners.register() as owner:
        try:
            sender = Sender(
                store.ledger, write, out, owner=owner, policy=policy, owner_gone=store.owners.is_gone, **more
            )
            return await sender.run()
        finally:
            await out.close()


async def test_everybody_gets_it_once_and_the_edition_is_finished(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 120) as (store, number):
        async with serving(Hostile()) as hostile:
            seen: list[Report] = []
            report = await run(store, smtp(hostile), on_progress=seen.append)
        assert report.sent == 120 and not report.trouble and store.ledger.next_due() is None
        assert Counter(hostile.recipients()) == Counter(f"r{n}@readers.example.org" for n in range(120))
        assert hostile.messages[0][0] == "b@sender.example.org" and hostile.connections <= 4
        assert store.ledger.counts(number) == {DeliveryState.SENT: 120} and store.ledger.finished(number)
        assert seen[0].queued == 120 and (seen[-1].sent, seen[-1].queued) == (120, 0)
        again = await run(store, MaildirTransport(tmp_path / "m"))
        assert again.sent == 0


@pytest.mark.parametrize(
    ("script", "counts", "row"),
    [
        ({"RCPT": ["451 4.3.0 later"]}, {"sent": 9, "queued": 1}, (451, "4.3.0 later")),
        ({"RCPT": ["550 5.1.1 gone"]}, {"sent": 9, "failed": 1}, (550, "5.1.1 gone")),
        (
            {"RCPT": ["550 Domain frequency limited"]},
            {"sent": 9, "queued": 1},
            (550, "Domain frequency limited"),
        ),
        ({"END": ["554 5.7.1 spam"]}, {"sent": 9, "failed": 1}, (554, "5.7.1 spam")),
        ({"MAIL": [DROP]}, {"sent": 9, "queued": 1}, None),
        ({"RCPT": [STALL]}, {"sent": 9, "queued": 1}, (None, "timed out")),
        ({"RCPT": ["nonsense"]}, {"sent": 9, "queued": 1}, None),
        ({"MAIL": ["421 4.7.0 hush"]}, {"sent": 10}, None),
        ({"END": [DROP]}, {"sent": 10}, None),
        ({"END": [STALL]}, {"sent": 10}, None),
    ],
)
async def test_each_reply_leads_to_its_state(
    tmp_path: Path, script: dict[str, Any], counts: dict[str, int], row: tuple[int | None, str] | None
) -> None:
    with a_ledger(tmp_path / "d.db", 10) as (store, number):
        async with serving(Hostile(script=script)) as hostile:
            report = await run(store, smtp(hostile), Policy(patience_s=3, lease_s=60))
        assert {state.value: n for state, n in store.ledger.counts(number).items()} == counts
        others = [d for d in store.ledger.list(number) if d.state is not DeliveryState.SENT]
        if row is not None:
            assert [(d.code, d.text) for d in others] == [row]
        if counts.get("queued"):
            due = store.ledger.next_due()
            assert (
                report.deferred == 1 and due is not None and due > datetime.now(UTC) + timedelta(seconds=200)
            )


async def test_an_unknown_one_is_sent_again_once_with_the_same_bytes(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 1) as (store, number):
        async with serving(Hostile(script={"END": [DROP, DROP]})) as hostile:
            await run(store, smtp(hostile))
        assert store.ledger.counts(number) == {DeliveryState.HELD: 1}
        assert len(hostile.messages) == 2 and hostile.messages[0] == hostile.messages[1]


async def test_with_hold_an_unknown_one_waits_for_a_person(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 3) as (store, number):
        async with serving(Hostile(script={"END": [DROP]})) as hostile:
            report = await run(store, smtp(hostile), Policy(patience_s=0.2, uncertain="hold"))
        assert report.unknown == 1 and len(hostile.messages) == 3
        assert store.ledger.counts(number) == {DeliveryState.SENT: 2, DeliveryState.HELD: 1}


async def test_a_dead_server_costs_no_row_an_attempt_and_is_named(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 50) as (store, number):
        async with serving(Hostile()) as gone:
            pass
        report = await run(store, smtp(gone))
        assert report.sent == 0 and "127.0.0.1" in report.trouble[0]
        assert store.ledger.counts(number) == {DeliveryState.QUEUED: 50}
        assert {d.attempts for d in store.ledger.list(number)} == {0}


async def test_a_server_that_comes_back_gets_everything(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 20) as (store, number):
        async with serving(Hostile(script={"GREETING": [DROP, NORMAL]})) as hostile:
            report = await run(store, smtp(hostile), Policy(patience_s=5))
        assert report.sent == 20 and store.ledger.finished(number)


async def test_a_row_that_is_always_answered_421_is_put_off_not_tried_for_ever(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 1) as (store, number):
        async with serving(Hostile(script={"RCPT": "421 4.7.0 no"})) as hostile:
            out = smtp(hostile)
            for lane in out._lanes:
                lane.breaker.trip = lambda *args, **more: None  # type: ignore[method-assign]
            report = await run(store, out, Policy(patience_s=5))
        assert report.deferred == 1 and hostile.count("RCPT") == 3
        assert store.ledger.list(number)[0].attempts == 1


async def test_who_leaves_between_claim_and_wire_gets_nothing(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 5) as (store, number):
        found = store.subscribers.find("r3@readers.example.org")
        assert found is not None

        def write(claim: Claim) -> Letter:
            if claim.address == "r3@readers.example.org":
                take_step(store, found.id, ConsentState.UNSUBSCRIBED, actor="t", now=NOW, reason="")
            return a_letter(claim)

        async with serving(Hostile()) as hostile:
            report = await run(store, smtp(hostile), write=write)
        assert report.suppressed == 1 and "r3@readers.example.org" not in hostile.recipients()
        assert store.ledger.counts(number) == {DeliveryState.SENT: 4, DeliveryState.SUPPRESSED: 1}


async def test_a_store_that_cannot_be_read_for_a_moment_fails_no_letter(tmp_path: Path) -> None:
    troubles = [StoreError("the database restarts")] * 3

    def write(claim: Claim) -> Letter:
        if troubles:
            raise troubles.pop()
        return a_letter(claim)

    with a_ledger(tmp_path / "d.db", 5) as (store, _):
        report = await run(store, MaildirTransport(tmp_path / "m"), write=write)
        assert (report.sent, report.failed) == (5, 0)


async def test_a_message_that_cannot_be_built_fails_alone(tmp_path: Path) -> None:
    def write(claim: Claim) -> Letter:
        if claim.address.startswith("r2@"):
            raise ValueError("a name with a line break")
        return a_letter(claim)

    with a_ledger(tmp_path / "d.db", 5) as (store, number):
        report = await run(store, MaildirTransport(tmp_path / "m"), write=write)
        assert (report.sent, report.failed) == (4, 1)
        failed = store.ledger.list(number, DeliveryState.FAILED)
        assert failed[0].text == "cannot be built: a name with a line break"


@pytest.mark.parametrize("makers", [0, 2])
async def test_messages_are_signed_and_one_that_cannot_be_fails_alone(tmp_path: Path, makers: int) -> None:
    def sign(message: bytes) -> bytes:
        if b"r7@" in message:
            raise ValueError("no key")
        return b"Signed: yes\r\n" + message

    write = make_writer(lambda c: a_letter(c).content, return_path=lambda c: f"b{c.id}@x.example", sign=sign)
    with a_ledger(tmp_path / "d.db", 99) as (store, number):
        async with serving(Hostile()) as hostile:
            report = await run(store, smtp(hostile), write=write, policy=replace(QUICK, makers=makers))
        assert (report.sent, report.failed) == (98, 1)
        assert all(content.startswith(b"Signed: yes\r\n") for _, _, content in hostile.messages)
        assert {sender for sender, _, _ in hostile.messages} == {
            f"b{n}@x.example" for n in range(1, 100) if n != 8
        }
        assert store.ledger.list(number, DeliveryState.FAILED)[0].text == "cannot be built: no key"


@pytest.mark.parametrize(
    "address", ["a@b@c.example", "a b@c.example", "a@c.example>\r\nRCPT TO:<e@e.example", "a"]
)
async def test_an_address_that_should_not_be_there_is_refused_before_the_wire(
    tmp_path: Path, address: str
) -> None:
    with a_ledger(tmp_path / "d.db", 1) as (store, number):
        store.ledger.plan_addresses(number, [address], now=SLOT)
        async with serving(Hostile()) as hostile:
            report = await run(store, smtp(hostile))
        assert (report.sent, report.failed) == (1, 1)
        assert hostile.recipients() == ["r0@readers.example.org"] and hostile.count("RCPT") == 1


async def test_refusals_are_told_with_their_words(tmp_path: Path) -> None:
    told = []
    with a_ledger(tmp_path / "d.db", 3) as (store, _):
        async with serving(Hostile(script={"RCPT": ["550 5.1.1 gone"]})) as hostile:
            await run(store, smtp(hostile), on_refused=lambda claim, code, text: told.append((code, text)))
    assert told == [(550, "5.1.1 gone")]


async def test_maildir_holds_what_was_sent_with_its_envelope(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 3) as (store, _):
        report = await run(store, MaildirTransport(tmp_path / "m"))
        assert report.sent == 3
    kept = sorted(path.read_bytes() for path in (tmp_path / "m" / "new").iterdir())
    assert len(kept) == 3 and not list((tmp_path / "m" / "tmp").iterdir())
    assert kept[0].startswith(
        b"Return-Path: <b@sender.example.org>\r\nDelivered-To: r0@readers.example.org\r\n"
    )
    assert kept[0].endswith(b"<p>one</p>\r\n.\r\n..two\r\n")


async def test_a_maildir_that_cannot_be_written_rests_and_says_so(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 3) as (store, number):
        out = MaildirTransport(tmp_path / "m")
        (tmp_path / "m/tmp").rmdir()
        report = await run(store, out)
        assert report.trouble == (
            f"cannot write into {tmp_path / 'm'}: No such file or directory; make room, or see to the folder",
        )
        assert store.ledger.counts(number) == {DeliveryState.QUEUED: 3}
        assert {d.attempts for d in store.ledger.list(number)} == {0}
        (tmp_path / "m/tmp").mkdir()
        assert (await run(store, out, Policy(patience_s=5))).sent == 3 and not out.trouble()


async def test_a_slow_domain_does_not_hold_up_the_others(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 20, domain="slow.example") as (store, number):
        store.ledger.plan_addresses(number, [f"q{n}@quick.example" for n in range(20)], now=SLOT)
        limits = {"slow.example": Limit(per_second=20)}
        async with serving(Hostile()) as hostile:
            report = await run(store, smtp(hostile, domain_limits=limits))
        assert report.sent == 40
        domains = [recipient.rpartition("@")[2] for recipient in hostile.recipients()]
        assert domains[:22].count("quick.example") >= 18
        assert report.seconds > 0.9


async def test_stopping_ends_in_good_order_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 150) as (store, number):
        async with serving(Hostile()) as hostile:
            stop = asyncio.Event()

            def enough(progress: Report) -> None:
                if hostile.messages:
                    stop.set()

            limit = Limit(per_second=200)
            report = await run(store, smtp(hostile, limit=limit), stop=stop, on_progress=enough)
            counts = store.ledger.counts(number)
            assert 0 < report.sent < 150
            assert counts == {DeliveryState.SENT: report.sent, DeliveryState.QUEUED: 150 - report.sent}
            assert len(hostile.messages) == report.sent
            await run(store, smtp(hostile))
        assert len(hostile.messages) == 150 == len(set(hostile.recipients()))


async def test_an_edition_that_is_stopped_while_it_goes_out_stops_going_out(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 400) as (store, number):
        async with serving(Hostile()) as hostile:
            out = smtp(hostile, limit=Limit(per_second=50))
            sending = asyncio.create_task(run(store, out, Policy(patience_s=0.2, lease_s=60)))
            await hostile.seen.wait()
            store.editions.set_status(number, "stopped")
            report = await sending
        assert report.sent < 150 and report.sent == len(hostile.messages)
        assert store.ledger.counts(number)[DeliveryState.QUEUED] == 400 - report.sent


async def test_a_run_may_be_bounded(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 30) as (store, number):
        async with serving(Hostile()) as hostile:
            few = Policy(patience_s=0.2, lease_s=60, batch=8)
            first = await run(store, smtp(hostile), few, at_most=20)
            second = await run(store, smtp(hostile), few, at_most=20)
        assert (first.sent, second.sent) == (20, 10)
        assert store.ledger.finished(number)


async def test_stopping_does_not_wait_for_a_server_that_hangs(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 5) as (store, number):
        async with serving(Hostile(script={"RCPT": STALL})) as hostile:
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(0.3, stop.set)
            report = await run(store, smtp(hostile, command_s=60), stop=stop)
        assert report.seconds < 3
        assert store.ledger.counts(number) == {DeliveryState.QUEUED: 5}


async def test_a_locked_database_pauses_and_nothing_unrecorded_is_sent(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 80) as (store, number):
        async with serving(Hostile()) as hostile:
            sending = asyncio.create_task(run(store, smtp(hostile, limit=Limit(per_second=300))))
            await hostile.seen.wait()
            locker = sqlite3.connect(tmp_path / "d.db", isolation_level=None)
            locker.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.2)
            sent_then = len(hostile.messages)
            await asyncio.sleep(0.4)
            assert len(hostile.messages) == sent_then
            assert not sending.done()
            locker.execute("ROLLBACK")
            locker.close()
            report = await sending
        assert report.sent == 80 == len(hostile.messages)
        assert store.ledger.counts(number) == {DeliveryState.SENT: 80}


class Failing:
    """A ledger that now and then (or always) cannot do what is named: its disk is full."""

    def __init__(self, ledger: Any, *names: str, every: int = 1) -> None:
        self._ledger, self._names, self._every = ledger, names, every
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._ledger, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            if self.calls[name] % self._every == 1 % self._every:
                raise StoreError("database or disk is full")
            return real(*args, **kwargs)

        return call if name in self._names else real


async def test_a_full_disk_pauses_every_step_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_ledger(tmp_path / "d.db", 24) as (store, number), store.owners.register() as owner:
        async with serving(Hostile()) as hostile:
            out = smtp(hostile, connections=16)
            ledger: Any = Failing(store.ledger, "exchange", "claim", "recover", every=3)
            report = await Sender(ledger, a_letter, out, owner=owner, policy=QUICK).run()
            await out.close()
        assert report.sent == 24 == len(hostile.messages) and report.fenced == 0
        assert store.ledger.finished(number)
    said = [record.getMessage() for record in caplog.records if record.name == "digest.deliver"]
    assert set(said[0::2]) == {
        "nothing is sent while the ledger cannot be written, it goes on after: database or disk is full"
    }
    assert set(said[1::2]) == {"the ledger can be written again, sending goes on"} and len(said) % 2 == 0


async def test_a_ledger_that_stays_unwritable_is_an_error_only_after_a_stop(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 20) as (store, _), store.owners.register() as owner:
        async with serving(Hostile()) as hostile:
            out, stop = smtp(hostile), asyncio.Event()
            asyncio.get_running_loop().call_later(0.5, stop.set)
            ledger: Any = Failing(store.ledger, "exchange")
            with pytest.raises(StoreError, match="full"):
                await Sender(ledger, a_letter, out, owner=owner, policy=QUICK, stop=stop).run()
            await out.close()
        assert hostile.messages == []


async def test_a_fault_of_our_own_ends_the_run_instead_of_hanging_it(tmp_path: Path) -> None:
    class Broken(MaildirTransport):
        async def carry(self, letter: Any, source: Any) -> None:
            raise ZeroDivisionError

    with a_ledger(tmp_path / "d.db", 5) as (store, _), pytest.raises(ZeroDivisionError):
        await run(store, Broken(tmp_path / "m"))


async def test_two_senders_share_one_ledger(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 120) as (store, number):
        async with serving(Hostile()) as hostile:
            few = Policy(patience_s=0.2, batch=10)
            one, two = await asyncio.gather(run(store, smtp(hostile), few), run(store, smtp(hostile), few))
        assert one.sent + two.sent == 120 and one.fenced == two.fenced == 0
        assert len(set(hostile.recipients())) == 120 == len(hostile.messages)
        assert store.ledger.finished(number)


async def test_a_sender_frozen_past_its_lease_sends_nothing_more_and_is_fenced(tmp_path: Path) -> None:
    """It claims, freezes before the mark, and wakes when another has taken its rows over."""
    with a_ledger(tmp_path / "d.db", 8) as (store, number):
        later = [NOW]
        async with serving(Hostile()) as slow, serving(Hostile()) as quick:
            frozen = threading.Event()

            def write(claim: Claim) -> Letter:
                frozen.set()
                time.sleep(0.4)  # the whole process stands still
                return a_letter(claim)

            def first() -> Report:
                async def freeze() -> Report:
                    out = smtp(slow, connections=1)
                    policy = Policy(patience_s=0.1, lease_s=0.2, batch=1)
                    sender = Sender(
                        store.ledger, write, out, owner="slow", policy=policy, clock=lambda: later[0]
                    )
                    report = await sender.run()
                    await out.close()
                    return report

                return asyncio.run(freeze())

            freezing = asyncio.create_task(asyncio.to_thread(first))
            await asyncio.to_thread(frozen.wait)
            later[0] = NOW + timedelta(seconds=60)
            out = smtp(quick)
            await Sender(
                store.ledger, a_letter, out, owner="quick", policy=QUICK, clock=lambda: later[0]
            ).run()
            await out.close()
            await freezing
        assert sorted(quick.recipients() + slow.recipients()) == [
            f"r{n}@readers.example.org" for n in range(8)
        ]
        assert store.ledger.finished(number)


async def test_only_one_edition_when_asked(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 4) as (store, number):
        other = an_edition(store, SLOT + timedelta(days=1))
        report = await run(store, MaildirTransport(tmp_path / "m"), edition=other)
        assert report.sent == 4
        assert store.ledger.counts(number) == {DeliveryState.QUEUED: 4}


def a_claim(attempts: int, **changes: Any) -> Claim:
    values: dict[str, Any] = {
        "id": 7, "edition": 1, "subscriber_id": 7, "address": "r@x.example", "name": "", "language": "", "themes": (),
        "token_version": 1, "attempts": attempts, "lease": 1, "owner": "o", "first_at": NOW, "lease_s": 60.0,
    }  # fmt: skip
    return Claim(**{**values, **changes})


def test_retries_double_from_five_minutes_to_four_hours_with_jitter_until_it_is_too_late() -> None:
    waits = [(retry_at(a_claim(n), NOW) or NOW) - NOW for n in range(9)]
    for n, wait in enumerate(waits):
        least = min(300 * 2**n, 4 * 3600)
        assert least <= wait.total_seconds() <= least * 1.25
    assert retry_at(a_claim(2), NOW) == retry_at(a_claim(2), NOW)
    assert len({retry_at(a_claim(2, id=n), NOW) for n in range(20)}) > 15
    late = NOW + timedelta(days=2)
    assert retry_at(a_claim(0), late - timedelta(minutes=7)) and not retry_at(
        a_claim(0), late - timedelta(minutes=5)
    )


async def test_a_row_past_its_time_fails_as_expired_without_an_attempt(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 2) as (store, number):
        async with serving(Hostile(script={"RCPT": "451 later"})) as hostile:
            assert (await run(store, smtp(hostile), clock=lambda: SLOT)).deferred == 2
        report = await run(store, MaildirTransport(tmp_path / "m"), clock=lambda: SLOT + timedelta(days=2))
        assert report.failed == 2
        assert {d.text for d in store.ledger.list(number)} == {"expired"}
        assert not list((tmp_path / "m/new").iterdir())


async def test_retries_end_with_the_life_of_the_edition_and_the_last_reply_is_kept(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 2) as (store, number):
        async with serving(Hostile(script={"RCPT": "451 4.7.1 later"})) as hostile:
            for minutes, deferred in ((0, 2), (8, 2), (24, 2), (50, 0)):
                moment = SLOT + timedelta(minutes=minutes)
                told = await run(
                    store, smtp(hostile), clock=lambda at=moment: at, life=lambda edition: timedelta(hours=1)
                )
                assert told.deferred == deferred
        found = {(d.state, d.code, d.text) for d in store.ledger.list(number)}
        assert found == {(DeliveryState.FAILED, 451, "expired: 4.7.1 later")}
        assert store.ledger.finished(number)


async def test_a_relay_that_was_away_for_days_has_cost_nobody_the_mail(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 6) as (store, _number):
        async with serving(Hostile()) as hostile:
            away = smtp(hostile)
        assert (await run(store, away, clock=lambda: SLOT)).trouble
        async with serving(Hostile(script={"RCPT": ["451 4.7.1 greylisted"]})) as hostile:
            back = SLOT + timedelta(days=3)
            told = await run(store, smtp(hostile), clock=lambda: back)
        assert (told.sent, told.deferred, told.failed) == (5, 1, 0)


async def test_an_expired_one_that_an_operator_retries_goes_out(tmp_path: Path) -> None:
    with a_ledger(tmp_path / "d.db", 1) as (store, number):
        async with serving(Hostile(script={"RCPT": "451 later"})) as hostile:
            await run(store, smtp(hostile), clock=lambda: SLOT)
        late = SLOT + timedelta(days=3)
        assert (await run(store, MaildirTransport(tmp_path / "m"), clock=lambda: late)).failed == 1
        assert store.ledger.retry_failed(number, now=late) == 1
        assert (await run(store, MaildirTransport(tmp_path / "m"), clock=lambda: late)).sent == 1
