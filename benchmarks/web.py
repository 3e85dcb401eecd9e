"""The pages' speed against a bare Starlette route in the same run, and lists of many readers.

    python -m benchmarks.web [--requests 1500 (0: lists only)] [--rounds 9] [--rows 10000,1000000]

One-click unsubscribes count when they are answered, and so durable (SQLite, synchronous=FULL); sign-ups when
their confirmation has been handed to the transport. Both servers are uvicorn in processes of their own; the
rounds take turns, after one that does not count. Median, least and most of the rounds are told, ratios
within a round. The client is bare sockets: a real one would take longer.
"""

import argparse
import asyncio
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import uvicorn

from benchmarks.delivery import apart, peak_mb
from digest.mail.transport import Fate, Letter, Result, Source, Transport
from digest.model import ConsentState, Edition, Newsletter, Schedule, Section, Subscriber, Term, Theme
from digest.publish import Paper
from digest.render import make_renderer
from digest.roster import Importer
from digest.signup import Signup
from digest.store import Store, open_store
from digest.tokens import Purpose
from digest.web import Door, Limits, make_app

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
KEYS = {"a": b"k" * 40}
SECRET = "benchmark"
CONNECTIONS = 64
THEME = Theme(id="craft", names={"zh": "师承"}, terms={"zh": (Term(text="徒弟"),)})


class Counting(Transport):
    """A transport that takes everything, and tells how much in a file."""

    connections = 8

    def __init__(self, file: Path) -> None:
        self._file = file
        self._count = 0

    def wait_s(self, recipient: str) -> float:
        return 0.0

    async def send(self, letter: Letter) -> Result:
        self._count += 1
        if self._count % 100 == 0:
            self._file.write_text(str(self._count))
        return Result(fate=Fate.SENT)

    async def carry(self, letter: Letter, source: Source) -> None:
        raise AssertionError("pages send only what stands in no ledger")

    def trouble(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        return None


def make_parts(store: Store, base: str) -> tuple[Signup, Newsletter]:
    newsletter = Newsletter(
        name="晨读",
        sender="digest@example.org",
        sender_name="晨读",
        list_id="digest.example.org",
        base_url=base,
    )
    return Signup(store, make_renderer(newsletter, themes=(THEME,)), newsletter, KEYS), newsletter


def serve_pages(listening: socket.socket, base: str, url: str, sent: Path) -> None:
    async def open_transport(_: AsyncExitStack) -> Transport:
        return Counting(sent)

    with open_store(url) as store:
        signup, newsletter = make_parts(store, base)
        door = Door(
            signup=signup,
            renderer=make_renderer(newsletter, themes=(THEME,)),
            paper=Paper(
                store=store, newsletter=newsletter, themes=(THEME,), schedules=(Schedule(id="daily"),)
            ),
            open_transport=open_transport,
            clock=lambda: NOW,
            secret=SECRET,
            limits=Limits(per_network=10**9, in_all=10**9),
        )
        run_server(make_app(door), listening)


def serve_bare(listening: socket.socket) -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    async def bare(request: Request) -> Response:
        await request.body()
        return PlainTextResponse("ok\n")

    run_server(Starlette(routes=[Route("/{any:path}", bare, methods=["GET", "POST"])]), listening)


def run_server(app: Any, listening: socket.socket) -> None:
    config = uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, ws="none")
    uvicorn.Server(config).run([listening])


@dataclass(frozen=True, kw_only=True)
class Served:
    base: str
    pid: int

    def cpu_s(self) -> float:
        """Processor time all its threads have had so far (Linux)."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def serving(target: Callable[..., None], *more: object) -> Iterator["Served"]:
    """A server in a process of its own, once it answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    arguments = (listening, base, *more) if more else (listening,)
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    try:
        asyncio.run(ask(base, [("GET", "/robots.txt", b"")]))
        assert process.pid
        yield Served(base=base, pid=process.pid)
    finally:
        process.terminate()
        process.join()
        listening.close()


async def ask(base: str, requests: Sequence[tuple[str, str, bytes]]) -> list[float]:
    """Send *requests* over a few kept connections; seconds each took. Anything but a 2xx ends it."""
    host, port = base.removeprefix("http://").split(":")
    todo, took = iter(requests), []

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for method, path, body in todo:
            began = time.perf_counter()
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {SECRET}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 2"):
                raise RuntimeError(f"{path}: {head.splitlines()[0]!r}")
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            took.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(worker() for _ in range(min(CONNECTIONS, len(requests)))))
    return took


def timed(
    server: Served, requests: Sequence[tuple[str, str, bytes]], sent: Path | None = None
) -> dict[str, float]:
    """Answers a second, 95th percentile, CPU us an answer; with *sent*, until as many letters are out."""
    already = int(sent.read_text()) if sent and sent.exists() else 0
    began, cpu_s = time.perf_counter(), server.cpu_s()
    took = sorted(asyncio.run(ask(server.base, requests)))
    while sent and (int(sent.read_text() or 0) if sent.exists() else 0) < already + len(requests):
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    return {
        "rate": len(requests) / seconds,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
        "CPU us": (server.cpu_s() - cpu_s) / len(requests) * 1e6,
    }


def measure_steps(folder: Path, requests: int, rounds: int) -> dict[str, list[float]]:
    """Each figure of each round, sorted."""
    url, sent = f"sqlite:///{folder / 'steps.db'}", folder / "sent"
    total = requests * (rounds + 1)
    with open_store(url) as store:
        store.migrate()
        found = (
            Subscriber(id=0, address=f"r{n}@example.org", state=ConsentState.CONFIRMED) for n in range(total)
        )
        store.subscribers.add_all(found, actor="benchmark", now=NOW)
    click = b"List-Unsubscribe=One-Click"
    figures: dict[str, list[float]] = {}
    with serving(serve_bare) as bare, serving(serve_pages, url, sent) as pages:
        with open_store(url) as store:
            signup, _ = make_parts(store, pages.base)
            links = [
                signup.link(Purpose.UNSUBSCRIBE, one).removeprefix(pages.base)
                for one in store.subscribers.list(limit=total)
            ]
        for n in range(rounds + 1):
            mine = links[n * requests : (n + 1) * requests]
            forms = [f"address=new{n}x{m}%40example.org&theme=craft".encode() for m in range(requests)]
            found_now = {
                "bare": timed(bare, [("POST", "/any", click)] * requests),
                "one-click": timed(pages, [("POST", link, click) for link in mine]),
                "sign-up": timed(pages, [("POST", "/subscribe", form) for form in forms], sent),
            }
            for name, value in _told(found_now):
                if n:  # the first round fills caches
                    figures.setdefault(name, []).append(value)
    return {name: sorted(values) for name, values in figures.items()}


def _told(found: dict[str, dict[str, float]]) -> Iterator[tuple[str, float]]:
    for kind, values in found.items():
        yield from ((f"{kind} {unit}", value) for unit, value in values.items())
    for kind in ("one-click", "sign-up"):
        yield f"{kind} / bare, rate", found[kind]["rate"] / found["bare"]["rate"]
        yield f"{kind} / bare, CPU", found["bare"]["CPU us"] / found[kind]["CPU us"]


IMPORTED = 50_000
"""Rows at most that are taken in by import, which does each alike; the others are copies of them."""


def fill(url: str, rows: int) -> dict[str, float]:
    """Keep so many readers with an edition queued for all; what the import took, in a process of its own."""
    imported = min(rows, IMPORTED)
    with tempfile.TemporaryFile("w+", newline="") as file, open_store(url) as store:
        file.write("Email Address,First Name,Last Name,TAGS\n")
        file.writelines(f"reader{n}@example{n % 1000}.org,Ann,Lee{n},craft\n" for n in range(imported))
        file.seek(0)
        store.migrate()
        signup, newsletter = make_parts(store, "http://127.0.0.1")
        paper = Paper(store=store, newsletter=newsletter, themes=(THEME,))
        importer = Importer(paper=paper, hash_address=signup.hash_address, reason="import of list.csv")
        began = time.process_time()
        taken = sum(line.result == "taken" for line in importer.run(file, now=NOW))
        import_s = time.process_time() - began
        peak = peak_mb()
        if taken != imported:
            raise RuntimeError(f"{taken} of {imported} taken")
        _copy(store, rows // imported)
        edition = Edition(
            number=0,
            schedule="daily",
            slot=NOW,
            made_at=NOW,
            subject="a",
            preheader="b",
            sections=(Section(theme=THEME, items=(), why=""),),
        )
        made = store.editions.freeze(edition, now=NOW, to_readers=True)
        store.ledger.plan(made.number, now=NOW)
    return {"rows": rows, "import CPU us a row": import_s / imported * 1e6, "import peak MB": peak}


def measure_lists(folder: Path, sizes: Sequence[int]) -> list[dict[str, float]]:
    """First pages of lists of so many readers, taken in turns: a busy machine slows all alike."""
    urls = [f"sqlite:///{folder / f'{rows}.db'}" for rows in sizes]
    found = [apart(fill, url, rows) for url, rows in zip(urls, sizes, strict=True)]
    with ExitStack() as stack:
        pages = [stack.enter_context(serving(serve_pages, url, folder / "sent")) for url in urls]
        stores = [stack.enter_context(open_store(url)) for url in urls]
        time.sleep(3)  # the count of the deliveries that runs at the start
        for name, times, asks in (
            ("list first page", 200, [partial(_ms, store.subscribers.list) for store in stores]),
            ("demand by theme", 200, [partial(_ms, store.subscribers.demand) for store in stores]),
            ("operator page", 40, [partial(_page_ms, page) for page in pages]),
        ):
            turns = [[ask() for ask in asks] for _ in range(times)]
            for n, figures in enumerate(found):
                figures[f"{name} CPU ms"] = median(turn[n] for turn in turns)
    return found


def _ms(ask: Callable[[], object]) -> float:
    began = time.thread_time()
    ask()
    return (time.thread_time() - began) * 1000


def _page_ms(pages: Served) -> float:
    return timed(pages, [("GET", "/operator", b"")])["CPU us"] / 1000


def _copy(store: Store, times: int) -> None:
    """So many readers for each there is, with their proofs and counts."""
    columns = "name, state, language, timezone, themes, schedules, token_version, created_at, updated_at"
    each = f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < {times})"
    event = "at, actor, from_state, to_state, reason"
    with store.database.write() as connection:
        for statement in (
            f"INSERT INTO subscribers (address, address_key, {columns}) {each} "
            f"SELECT n || address, n || address_key, {columns} FROM subscribers, n",
            f"INSERT INTO consent_events (subscriber_id, {event}) SELECT subscribers.id, {event} "
            f"FROM subscribers, (SELECT {event} FROM consent_events LIMIT 1) WHERE id > {IMPORTED}",
            f"UPDATE reader_counts SET readers = readers * {times}",
        ):
            if times > 1:
                connection.exec_driver_sql(statement)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", default="10000,1000000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        steps = (
            measure_steps(Path(folder), arguments.requests, arguments.rounds) if arguments.requests else {}
        )
        lists = measure_lists(Path(folder), [int(rows) for rows in arguments.rows.split(",") if rows])
    print(f"{'':24}{'median':>12}{'least':>12}{'most':>12}")
    for name, values in steps.items():
        told = (median(values), values[0], values[-1])
        print(f"{name:24}", *(f"{value:>12,.2f}" for value in told), sep="")
    for name in lists[0] if lists else ():
        print(f"{name:24}", *(f"{one[name]:>12,.2f}" for one in lists), sep="")


if __name__ == "__main__":
    main()
