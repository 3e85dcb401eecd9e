"""The pages' speed against a bare Starlette route in the same run, and lists of many readers.

    python -m benchmarks.web [--requests 1500] [--rows 10000,1000000] [--json]

One-click unsubscribes count when they are answered, and so durable (SQLite, synchronous=FULL); sign-ups when
their confirmation has been handed to the transport. Both servers are uvicorn in processes of their own; the
rounds take turns, and the best of each counts. The client is bare sockets: a real one would take longer.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from digest.mail.transport import Fate, Letter, Mark, Result
from digest.model import ConsentState, Edition, Newsletter, Schedule, Section, Subscriber, Term, Theme
from digest.render import make_renderer
from digest.roster import Importer
from digest.signup import Signup, make_signup
from digest.store import Store, open_store
from digest.tokens import Purpose
from digest.web import Desk, Door, Limits, Numbers, Operator, make_app

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
KEYS = {"a": b"k" * 40}
SECRET = "benchmark"
CONNECTIONS = 64
ROUNDS = 3
THEME = Theme(id="craft", names={"zh": "师承"}, terms={"zh": (Term(text="徒弟"),)})


class Counting:
    """A transport that takes everything, and tells how much in a file."""

    connections = 8

    def __init__(self, file: Path) -> None:
        self._file = file
        self._count = 0

    def wait_s(self, recipient: str) -> float:
        return 0.0

    async def send(self, letter: Letter, mark: Mark) -> Result:
        await mark()
        self._count += 1
        if self._count % 100 == 0:
            self._file.write_text(str(self._count))
        return Result(fate=Fate.SENT)

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
    return make_signup(store, make_renderer(newsletter, themes=(THEME,)), newsletter, KEYS), newsletter


def serve_pages(listening: socket.socket, base: str, url: str, sent: Path) -> None:
    async def open_transport(_: AsyncExitStack) -> Counting:
        return Counting(sent)

    with open_store(url) as store:
        signup, newsletter = make_parts(store, base)
        numbers = Numbers()
        door = Door(
            signup=signup,
            renderer=make_renderer(newsletter, themes=(THEME,)),
            newsletter=newsletter,
            themes=(THEME,),
            schedules=(Schedule(id="daily"),),
            desk=Desk(signup, open_transport, clock=lambda: NOW, numbers=numbers),
            clock=lambda: NOW,
            operator=Operator(secret=SECRET),
            limits=Limits(per_network=10**9, in_all=10**9),
        )
        run_server(make_app(door, numbers), listening)


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


def measure_steps(folder: Path, requests: int) -> dict[str, float]:
    url, sent = f"sqlite:///{folder / 'steps.db'}", folder / "sent"
    total = requests * ROUNDS
    with open_store(url) as store:
        store.migrate()
        found = (
            Subscriber(id=0, address=f"r{n}@example.org", state=ConsentState.CONFIRMED) for n in range(total)
        )
        store.subscribers.add_all(found, actor="benchmark", now=NOW)
    click = b"List-Unsubscribe=One-Click"
    results: list[dict[str, dict[str, float]]] = []
    with serving(serve_bare) as bare, serving(serve_pages, url, sent) as pages:
        with open_store(url) as store:
            signup, _ = make_parts(store, pages.base)
            links = [
                signup.link(Purpose.UNSUBSCRIBE, one).removeprefix(pages.base)
                for one in store.subscribers.list(limit=total)
            ]
        for n in range(ROUNDS):
            mine = links[n * requests : (n + 1) * requests]
            forms = [f"address=new{n}x{m}%40example.org&theme=craft".encode() for m in range(requests)]
            results.append(
                {
                    "bare": timed(bare, [("POST", "/any", click)] * requests),
                    "one-click": timed(pages, [("POST", link, click) for link in mine]),
                    "sign-up": timed(pages, [("POST", "/subscribe", form) for form in forms], sent),
                }
            )
    best = {
        kind: {
            unit: (max if unit == "rate" else min)(one[kind][unit] for one in results)
            for unit in ("rate", "p95_ms", "CPU us")
        }
        for kind in results[0]
    }
    return {
        **{f"{kind} {unit}": value for kind, all_of in best.items() for unit, value in all_of.items()},
        **{
            f"{kind} / bare, {what}": best[kind]["rate"] / best["bare"]["rate"]
            if what == "rate"
            else best["bare"]["CPU us"] / best[kind]["CPU us"]
            for kind in ("one-click", "sign-up")
            for what in ("rate", "CPU")
        },
    }


def measure_list(rows: int) -> dict[str, float]:
    """Import, and the first pages of lists of so many readers; in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url, file = f"sqlite:///{folder / 'list.db'}", folder / "list.csv"
        with file.open("w") as out:
            out.write("Email Address,First Name,Last Name,TAGS\n")
            out.writelines(f"reader{n}@example{n % 1000}.org,Ann,Lee{n},craft\n" for n in range(rows))
        with open_store(url) as store:
            store.migrate()
            signup, _ = make_parts(store, "http://127.0.0.1")
            importer = Importer(
                store=store,
                hash_address=signup.hash_address,
                language="zh-CN",
                timezone="UTC",
                themes=(THEME,),
            )
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.perf_counter()
            with file.open(newline="") as text:
                taken = sum(line.result == "taken" for line in importer.run(text, now=NOW))
            import_s = time.perf_counter() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            if taken != rows:
                raise RuntimeError(f"{taken} of {rows} taken")
            section = Section(theme=THEME, items=(), why="")
            values = {"number": 0, "schedule": "daily", "slot": NOW, "made_at": NOW, "sections": (section,)}
            made = store.editions.freeze(
                Edition(subject="a", preheader="b", **values), now=NOW, to_readers=True
            )
            store.ledger.plan(made.number, now=NOW)
            list_ms = _best(lambda: store.subscribers.list(limit=50))
            demand_ms = _best(lambda: store.subscribers.demand(["craft"]))
        with serving(serve_pages, url, folder / "sent") as pages:
            time.sleep(3)  # the count of the deliveries that runs at the start
            page_ms = min(timed(pages, [("GET", "/operator", b"")])["CPU us"] / 1000 for _ in range(40))
        return {
            "rows": rows,
            "import rows/s": rows / import_s,
            "import memory MB": grown,
            "list first page CPU ms": list_ms,
            "demand by theme CPU ms": demand_ms,
            "operator page CPU ms": page_ms,
        }


def _best(work: Callable[[], object]) -> float:
    """CPU ms, at best."""
    took = []
    for _ in range(200):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--rows", default="10000,1000000")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        steps = measure_steps(Path(folder), arguments.requests)
    lists = []
    for rows in filter(None, arguments.rows.split(",")):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            lists.append(pool.submit(measure_list, int(rows)).result())
    if arguments.json:
        print(json.dumps({"steps": steps, "lists": lists}))
        return
    for name, value in steps.items():
        print(f"{name:24} {value:>12,.2f}")
    for name in lists[0] if lists else ():
        print(f"{name:24}", *(f"{one[name]:>12,.2f}" for one in lists))


if __name__ == "__main__":
    main()
