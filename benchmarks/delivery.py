"""How fast delivery is, beside Postfix's own test sender in the same run.

    python -m benchmarks.delivery [--runs 10] [--messages 3000] [--connections 32] [--only NAME,…]
    python -m benchmarks.delivery --readers 10000,1000000

Each contender sends the same number of messages of the same size (30 kB, multipart, Chinese) over the same
number of connections to the same ``smtp-sink``; runs are interleaved and medians compared. ``smtp-source``
sends one fixed message from memory; Digest claims rows from its ledger, builds each reader's own message,
marks, sends and settles (SQLite, synchronous=FULL unless the name says NORMAL). Needs ``smtp-source`` and
``smtp-sink`` (Debian's package postfix, the programs only; the service is neither needed nor started).

With ``--readers``: an edition is queued for so many while it is sent; the sender is killed after 10,000 mails
(of fewer readers a third) and started again. Its peak memory, and the seconds from its start, imports and
all, to the first mail.
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from digest.mail.transport import Letter
    from digest.store import Claim

Result = TypeVar("Result")
NOW = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
SECRET = {"a": b"x" * 32}
PARAGRAPH = "老周修了四十年的表，他说手艺要慢慢学。算力的成本去年降了四成，模型却大了一倍多。"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A way of sending. *share* of the messages asked for, and *every* how many runs, for those that are
    slow; *far_ms*: round trip; *url*: of the ledger, when that is not SQLite."""

    name: str
    uvloop: bool = True
    pipelining: bool = True
    normal: bool = False
    dkim: tuple[str, ...] = ()
    plain: bool = False
    share: float = 1.0
    every: int = 1
    far_ms: float = 0.0
    connections: int = 0
    url: str = ""


CONTENDERS = (
    Contender(name="engine"),
    Contender(name="engine, synchronous=NORMAL", normal=True),
    Contender(name="engine, no PIPELINING, asyncio", uvloop=False, pipelining=False),
    Contender(name="engine, DKIM Ed25519", dkim=("ed25519",)),
    Contender(name="engine, DKIM RSA-2048", dkim=("rsa",), share=0.5),
    Contender(name="plain way", plain=True, uvloop=False, share=0.05, every=3),
    Contender(name="relay 20 ms away, engine", share=0.1, every=3, far_ms=20, connections=4),
    Contender(name="relay 20 ms away, plain way", plain=True, share=0.025, every=3, far_ms=20, connections=4),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Messages a second, CPU microseconds a message (user and system of the sender), peak memory."""

    rate: float
    cpu_us: float
    peak_mb: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", default="", help="contenders, by the beginning of their names")
    parser.add_argument(
        "--readers", default="", help="measure memory and starts with so many, like 10000,1000000"
    )
    arguments = parser.parse_args()
    if not shutil.which("smtp-source") or not shutil.which("smtp-sink"):
        print("skipped: smtp-source and smtp-sink are not installed (apt-get install postfix has them)")
        return 0
    if arguments.readers:
        for readers in map(int, arguments.readers.split(",")):
            print(f"{readers:>9,} readers: {starts(readers)}")
        return 0
    wanted = [name.strip() for name in arguments.only.split(",") if name.strip()]
    chosen = [c for c in CONTENDERS if not wanted or any(c.name.startswith(w) for w in wanted)]
    results = interleaved(chosen, arguments)
    print(table(results))
    return 0


def interleaved(chosen: list[Contender], arguments: argparse.Namespace) -> dict[str, list[Measured]]:
    """The contenders in turn, so that a loud neighbour disturbs all of them alike."""
    results: dict[str, list[Measured]] = {"smtp-source": [], "smtp-sink (its own CPU)": []}
    results |= {contender.name: [] for contender in chosen}
    for run in range(arguments.runs):
        with sink(pipelining=True) as (port, sink_cpu):
            results["smtp-source"].append(source(port, arguments))
            results["smtp-sink (its own CPU)"].append(
                Measured(rate=0, cpu_us=sink_cpu() / arguments.messages * 1e6)
            )
        for contender in (one for one in chosen if run % one.every == 0):
            with sink(pipelining=contender.pipelining) as (port, _), far(port, contender.far_ms) as distant:
                results[contender.name].append(ours(contender, distant, arguments))
        print(f"run {run + 1} of {arguments.runs}", file=sys.stderr)
    return results


def table(results: dict[str, list[Measured]]) -> str:
    """Medians, with ratios of the rates to smtp-source's."""
    reference = statistics.median(run.rate for run in results["smtp-source"])
    lines = [f"{'':34}{'msgs/s':>9}{'ratio':>8}{'CPU us/msg':>12}{'peak MB':>9}"]
    for name, runs in results.items():
        rate = statistics.median(run.rate for run in runs)
        cpu = statistics.median(run.cpu_us for run in runs)
        peak = max(run.peak_mb for run in runs)
        speed = f"{rate:9,.0f}{rate / reference:8.2f}" if rate else " " * 17
        lines.append(f"{name:34}{speed}{cpu:12,.0f}" + (f"{peak:9.0f}" if peak else ""))
    return "\n".join(lines)


@contextmanager
def sink(*, pipelining: bool) -> Iterator[tuple[int, Callable[[], float]]]:
    """A fresh smtp-sink; its port, and how to ask for its CPU seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = [] if pipelining else ["-p"]
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", *as_nobody, *flags, f"127.0.0.1:{port}", "200"])

    def cpu() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    try:
        _wait_for(port)
        yield port, cpu
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("smtp-sink did not start")


@contextmanager
def far(port: int, round_trip_ms: float) -> Iterator[int]:
    """A port that leads to *port* with a delay, from a process of its own; *port* itself without one."""
    if not round_trip_ms:
        yield port
        return
    context = multiprocessing.get_context("spawn")
    ours_, theirs = context.Pipe()
    process = context.Process(target=_relay, args=(port, round_trip_ms / 2000, theirs), daemon=True)
    process.start()
    try:
        yield ours_.recv()
    finally:
        process.terminate()
        process.join()


def _relay(port: int, one_way_s: float, told: Any) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            loop.call_later(one_way_s, writer.write, data)
        loop.call_later(one_way_s, writer.close)

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, onward_writer), carry(onward_reader, writer))

    async def serve() -> None:
        server = await asyncio.start_server(session, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def source(port: int, arguments: argparse.Namespace) -> Measured:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        ["smtp-source", "-d", "-s", str(arguments.connections), "-m", str(arguments.messages), "-l", "30000",
         f"127.0.0.1:{port}"],
        check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(rate=arguments.messages / seconds, cpu_us=cpu / arguments.messages * 1e6)


def ours(contender: Contender, port: int, arguments: argparse.Namespace) -> Measured:
    messages = max(50, int(arguments.messages * contender.share))
    return apart(_run, contender, port, messages, contender.connections or arguments.connections)


def apart(function: Callable[..., Result], *arguments: object) -> Result:
    """In a process of its own, so that memory and imports are that run's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _run(contender: Contender, port: int, messages: int, connections: int) -> Measured:
    import uvloop

    send, run = _plain if contender.plain else _engine, uvloop.run if contender.uvloop else asyncio.run
    with tempfile.TemporaryDirectory() as folder:
        seconds, cpu = run(send(contender, port, messages, connections, Path(folder)))
    return Measured(rate=messages / seconds, cpu_us=cpu / messages * 1e6, peak_mb=peak_mb())


def peak_mb() -> float:
    """Of this process, so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def timed(took: list[float]) -> Iterator[None]:
    """Appends wall seconds and CPU seconds of this process."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    yield
    after = resource.getrusage(resource.RUSAGE_SELF)
    took += [time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime]


def html_and_text(slot: str) -> tuple[str, str]:
    """About what an edition has: 12 kB of HTML and 9 kB of text, a name and four personal links in them.

    Args:
        slot: How a value of the reader's is written, ``{}`` being its name.
    """
    name, leave, change = map(slot.format, ("name", "unsubscribe_url", "preferences_url"))
    links = f'<a href="{leave}">退订</a> <a href="{change}">偏好</a>'
    items = f'<tr><td style="padding:4px"><p>{PARAGRAPH}</p></td></tr>\n' * 70
    html = f"<html><body><p>{name}</p><table>{items}</table>{links}</body></html>"
    return html, f"{name}\n" + f"{PARAGRAPH}\n\n" * 70 + f"{leave}\n{change}\n"


def a_writer(store: Any, sign: Callable[[bytes], bytes] | None = None) -> "Callable[[Claim], Letter]":
    """From a claim to its letter as the product makes it, but for the rendering, which is once a variant."""
    from digest.letters import make_builder, make_writer
    from digest.model import SLOT_CLOSE, SLOT_OPEN, MailParts, Newsletter

    html, text = html_and_text(f"{SLOT_OPEN}{{}}{SLOT_CLOSE}")
    parts = MailParts(subject="算力成本", html=html, text=text)
    renderer: Any = SimpleNamespace(mail=lambda edition, **_: parts)
    newsletter = Newsletter(
        name="日报", sender="digest@news.example.org", sender_name="日报", list_id="daily.news.example.org",
        base_url="https://news.example.org",
    )  # fmt: skip
    build = make_builder(store.editions.get, renderer, newsletter, SECRET)
    return make_writer(build, return_path=lambda _: "b@news.example.org", sign=sign)


@contextmanager
def a_store(
    folder: Path, readers: int, *, normal: bool = False, plan: bool = True, url: str = ""
) -> Iterator[tuple[Any, Any]]:
    """A store with confirmed readers, and an edition planned for them."""
    import sqlalchemy

    from digest.model import ConsentState, Edition, Subscriber
    from digest.store import open_store

    with open_store(url or f"sqlite:///{folder / 'digest.db'}") as store:
        store.migrate()
        if normal:
            store.database.engine.dispose()
            sqlalchemy.event.listen(
                store.database.engine,
                "connect",
                lambda connection, record: connection.execute("PRAGMA synchronous = NORMAL").close(),
            )
        found = (
            Subscriber(id=0, address=f"r{n}@x{n % 50}.example", name=f"读者{n}", state=ConsentState.CONFIRMED)
            for n in range(readers)
        )
        store.subscribers.add_all(found, actor="benchmark", now=NOW)
        edition = Edition(
            number=0, schedule="daily", slot=NOW, made_at=NOW, subject="算力成本", preheader="", sections=()
        )
        frozen = store.editions.freeze(edition, now=NOW, to_readers=True)
        if plan:
            store.ledger.plan(frozen.number, now=NOW)
        yield store, frozen


def starts(readers: int) -> str:
    """Queue and send, kill, send on; what that took."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, sink(pipelining=True) as (port, _):
        folder = Path(name)
        apart(_fill, folder, readers)
        lines = []
        for what in ("start", "restart after kill"):
            ours_, theirs = context.Pipe()
            began = time.monotonic()
            process = context.Process(target=_sender, args=(folder, port, min(10_000, readers // 3), theirs))
            process.start()
            first, cpu, sent_at, peak_mb = (ours_.recv() for _ in range(4))
            lines.append(
                f"{what}: first mail {first - began:.2f} s ({cpu:.2f} s CPU), "
                f"killed after {sent_at - began:.1f} s"
            )
            process.kill()
            process.join()
    return "; ".join(lines) + f"; peak {peak_mb:.0f} MB"


def _fill(folder: Path, readers: int) -> None:
    with a_store(folder, readers, plan=False):
        pass


def _sender(folder: Path, port: int, enough: int, tell: Any) -> None:
    """What ``digest send`` does with an edition, until it is killed."""
    import uvloop

    from digest.deliver import Report, Sender
    from digest.mail.smtp import SmtpTransport
    from digest.mail.transport import Server
    from digest.store import open_store

    told: list[float] = []

    def on_progress(progress: Report) -> None:
        if progress.sent >= enough and len(told) < 2:
            told.append(time.monotonic())
            tell.send(told[-1])
            tell.send(peak_mb())

    async def run() -> None:
        with open_store(f"sqlite:///{folder / 'digest.db'}") as store, store.owners.register() as owner:
            write = a_writer(store)

            def first(claim: "Claim") -> "Letter":
                if not told:
                    told.append(time.monotonic())
                    tell.send(told[0])
                    tell.send(time.process_time())
                return write(claim)

            server = Server(host="127.0.0.1", port=port, security="none", connections=16)
            planning = asyncio.ensure_future(asyncio.to_thread(store.ledger.plan, 1, now=NOW))
            sender = Sender(
                store.ledger, first, SmtpTransport([server]), owner=owner, owner_gone=store.owners.is_gone,
                expecting=lambda: not planning.done(), on_progress=on_progress,
            )  # fmt: skip
            await sender.run()

    uvloop.run(run())


async def _engine(
    contender: Contender, port: int, messages: int, connections: int, folder: Path
) -> tuple[float, float]:
    from digest.deliver import Policy, Sender
    from digest.mail.dkim import Signer, load_key, make_key
    from digest.mail.smtp import SmtpTransport
    from digest.mail.transport import Server
    from digest.sending import MAKERS

    keys = []
    for algorithm in contender.dkim:
        path = folder / f"{algorithm}.pem"
        path.write_bytes(make_key(algorithm))  # type: ignore[arg-type]
        keys.append(load_key(path, domain="news.example.org", selector=algorithm))
    server = Server(
        host="127.0.0.1", port=port, security="none", connections=connections,
        messages_per_connection=10**9,
    )  # fmt: skip
    took: list[float] = []
    opened = a_store(folder, messages, normal=contender.normal, url=contender.url)
    with opened as (store, edition), store.owners.register() as owner:
        transport = SmtpTransport([server])
        signer = Signer(keys) if keys else None
        write = a_writer(store, signer.sign if signer else None)
        warm = store.editions.freeze(replace(edition, slot=NOW + timedelta(days=1)), now=NOW)
        store.ledger.plan_addresses(warm.number, [f"w{n}@x.example" for n in range(50)], now=NOW)
        await Sender(store.ledger, write, transport, owner=owner, edition=warm.number).run()
        with timed(took):
            policy = Policy(makers=MAKERS if signer and signer.is_slow else 0)
            report = await Sender(store.ledger, write, transport, owner=owner, policy=policy).run()
        await transport.close()
        if report.sent != messages:
            raise RuntimeError(f"not all were sent: {report}")
    return took[0], took[1]


async def _plain(
    contender: Contender, port: int, messages: int, connections: int, folder: Path
) -> tuple[float, float]:
    """jinja2, EmailMessage, send_message() and a commit for each reader: as one would write it first."""
    import aiosmtplib
    import jinja2

    from digest.model import DeliveryState
    from digest.store import Outcome

    html, text = map(jinja2.Template, html_and_text("{{{{ {} }}}}"))
    took: list[float] = []
    with a_store(folder, messages, normal=False) as (store, _), store.owners.register() as owner:
        queue = list(store.ledger.claim(owner, limit=messages, lease_s=3600, now=NOW))

        async def work() -> None:
            async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
                while queue:
                    claim = queue.pop()
                    leave, change = (f"https://news.example.org/{page}/{claim.id}" for page in "up")
                    values = {"name": claim.name, "unsubscribe_url": leave, "preferences_url": change}
                    message = EmailMessage()
                    message["From"], message["Subject"] = "d@news.example.org", "算力"
                    message["To"] = claim.address
                    message.set_content(text.render(values))
                    message.add_alternative(html.render(values), subtype="html")
                    store.ledger.to_wire([claim], now=NOW)
                    await smtp.send_message(message)
                    store.ledger.settle([Outcome(claim=claim, state=DeliveryState.SENT)], now=NOW)

        with timed(took):
            await asyncio.gather(*(work() for _ in range(connections)))
    return took[0], took[1]


if __name__ == "__main__":
    raise SystemExit(main())
