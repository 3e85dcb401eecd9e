"""Real senders under SIGKILL and SIGTERM: nobody is lost, and extras stay within the promise.

``make crash KILLS=1000`` runs the longer form (DIGEST_CRASH_KILLS).
"""

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

import pytest
from hostile_smtp import Hostile, serving
from sending import a_message, with_readers

from digest.deliver import Policy, deliver
from digest.mail.smtp import SmtpTransport
from digest.mail.transport import Security, Server
from digest.model import DeliveryState
from digest.store import Store, open_store

CONNECTIONS = 8
KILLS = int(os.environ.get("DIGEST_CRASH_KILLS", "40"))


def a_sender(url: str, port: int, uncertain: str, lease_s: float = 1800) -> None:
    """What a sender's process does: deliver until nothing is due; stop in good order on SIGTERM."""

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        server = Server(host="127.0.0.1", port=port, security=Security.NONE, connections=CONNECTIONS)
        out = SmtpTransport([server])
        policy = Policy(uncertain=uncertain, patience_s=0.1, batch=100, lease_s=lease_s)  # type: ignore[arg-type]
        with open_store(url) as store, store.owner() as owner:
            await deliver(
                store.ledger, a_message, out,
                owner=owner, policy=policy, owner_gone=store.owner_gone, stop=stop,
            )  # fmt: skip
        await out.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., BaseProcess]]:
    """Start a sender; forked from a process that has everything imported, so that it starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_crash", "aiosmtplib", "sqlalchemy.dialects.sqlite", "psycopg"])

    def start(*arguments: object) -> BaseProcess:
        process = context.Process(target=a_sender, args=arguments, daemon=True)
        process.start()
        return process

    with pytest.MonkeyPatch.context() as patch:  # the fork server does not get our sys.path otherwise
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        yield start


@dataclass
class Hunter(Hostile):
    """A server that takes mail, and at a moment drawn for each sender kills it.

    Half of them between the final dot and the reply: the message is taken and the sender cannot know.
    """

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    prey: BaseProcess | None = None
    after: int = 0
    aimed: bool = True

    def hunt(self, prey: BaseProcess, *, most: int) -> None:
        self.prey, self.after = prey, len(self.messages) + self.dice.randint(1, most)
        self.aimed = self.dice.random() < 0.5

    def next(self, step: str) -> str:
        if self.prey is not None and len(self.messages) >= self.after:
            prey, self.prey = self.prey, None
            if self.aimed:
                prey.kill()
            else:
                asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.02), prey.kill)
        return super().next(step)


async def ended(process: BaseProcess) -> int | None:
    await asyncio.to_thread(process.join, 60)
    return process.exitcode


async def killed_again_and_again(
    store: Store, url: str, start: Callable[..., BaseProcess], *, readers: int, kills: int, uncertain: str
) -> tuple[Hunter, int]:
    """Kill sender after sender, then let one finish; the server's record, and the uncertain rows seen."""
    number = with_readers(store, readers)
    uncertain_rows = 0
    async with serving(Hunter()) as server:
        assert isinstance(server, Hunter)
        for _ in range(kills):
            process = start(url, server.port, uncertain)
            server.hunt(process, most=max(2, readers // kills - CONNECTIONS))
            assert await ended(process) == -signal.SIGKILL
            on_wire = store.ledger.counts(number).get(DeliveryState.WIRE, 0)
            assert on_wire <= CONNECTIONS
            uncertain_rows += on_wire
        process = start(url, server.port, uncertain)
        assert await ended(process) == 0
    assert store.ledger.finished(number)
    return server, uncertain_rows


@pytest.mark.timeout(600)
async def test_killed_senders_lose_nobody_and_repeat_no_more_than_was_on_the_wire(
    store: Store, store_url: str, start: Callable[..., BaseProcess]
) -> None:
    kills = KILLS if store_url.startswith("sqlite") else max(1, KILLS // 4)
    readers = 50 * kills
    server, uncertain = await killed_again_and_again(
        store, store_url, start, readers=readers, kills=kills, uncertain="resend"
    )
    counts = Counter(server.recipients())
    parked = {d.address for d in store.ledger.list(1, DeliveryState.HELD, limit=readers)}
    assert {f"r{n}@readers.example.org" for n in range(readers)} == set(counts) | parked
    extras = sum(counts.values()) - len(counts)
    assert extras <= uncertain <= kills * CONNECTIONS
    assert len({content for _, _, content in server.messages}) == len(counts), (
        "a copy differs from its original"
    )
    print(
        f"{kills} kills, {readers} readers: 0 lost, {extras} extras, {uncertain} uncertain, {len(parked)} parked"
    )


@pytest.mark.timeout(600)
async def test_with_hold_killed_senders_repeat_nothing(
    store: Store, store_url: str, start: Callable[..., BaseProcess]
) -> None:
    readers, kills = 200, 5
    server, uncertain = await killed_again_and_again(
        store, store_url, start, readers=readers, kills=kills, uncertain="hold"
    )
    held = {d.address for d in store.ledger.list(1, DeliveryState.HELD, limit=readers)}
    assert len(held) == uncertain
    assert max(Counter(server.recipients()).values()) == 1
    assert {f"r{n}@readers.example.org" for n in range(readers)} == set(server.recipients()) | held


@pytest.mark.timeout(600)
async def test_sigterm_loses_and_repeats_nothing(
    store: Store, store_url: str, start: Callable[..., BaseProcess]
) -> None:
    number = with_readers(store, 300)
    async with serving(Hostile()) as server:
        for _ in range(4):
            before = len(server.messages)
            process = start(store_url, server.port, "resend")
            while len(server.messages) < before + 20:
                server.seen.clear()
                await server.seen.wait()
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            assert await ended(process) == 0
            left = store.ledger.counts(number)
            assert not {DeliveryState.WIRE, DeliveryState.LEASED, DeliveryState.UNKNOWN} & set(left)
        process = start(store_url, server.port, "resend")
        assert await ended(process) == 0
    assert Counter(server.recipients()) == Counter(f"r{n}@readers.example.org" for n in range(300))
    assert store.ledger.finished(number)


class Freezer(Hostile):
    """A server that stops a sender's process between its final dot and the reply."""

    prey: BaseProcess | None = None
    frozen: asyncio.Event

    def next(self, step: str) -> str:
        if step == "END" and self.prey is not None and len(self.messages) >= 30:
            prey, self.prey = self.prey, None
            os.kill(prey.pid or 0, signal.SIGSTOP)
            self.frozen.set()
        return super().next(step)


@pytest.mark.timeout(600)
async def test_a_sender_frozen_past_its_lease_and_its_successor_lose_nobody(
    store: Store, store_url: str, start: Callable[..., BaseProcess]
) -> None:
    number = with_readers(store, 200)
    async with serving(Freezer()) as server:
        assert isinstance(server, Freezer)
        server.frozen = asyncio.Event()
        server.prey = first = start(store_url, server.port, "resend", 2.0)
        await server.frozen.wait()
        await asyncio.sleep(2.1)
        second = start(store_url, server.port, "resend", 2.0)
        # Frozen inside a transaction it holds SQLite's lock, and its successor can only wait for it.
        await asyncio.to_thread(second.join, 3)
        os.kill(first.pid or 0, signal.SIGCONT)
        assert await ended(second) == 0
        assert await ended(first) == 0
    assert store.ledger.counts(number) == {DeliveryState.SENT: 200}
    counts = Counter(server.recipients())
    assert len(counts) == 200 and sum(counts.values()) - 200 <= CONNECTIONS
    assert len({content for _, _, content in server.messages}) == 200
