"""The ledger's costs: planning, claiming, marking, settling, counting and listing, by number of rows.

    python benchmarks/ledger.py [--rows 10000,1000000] [--url postgresql://…] [--batch 500] [--json]

Each size runs in a process of its own, so that peak memory is that size's. Rates are rows a second with the
durability of the product (SQLite: synchronous=FULL).
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from digest.model import ConsentState, DeliveryState, Edition, Subscriber
from digest.store import Outcome, Store, open_store

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROUNDS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,1000000")
    parser.add_argument("--url", default="")
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = []
    for rows in map(int, arguments.rows.split(",")):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results.append(pool.apply(measure, (arguments.url, rows, arguments.batch)))
    if arguments.json:
        print(json.dumps(results))
        return
    for name in results[0]:
        print(f"{name:28}", *(f"{result[name]:>14,.2f}" for result in results))


def measure(url: str, rows: int, batch: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _opened(url, Path(folder)) as store:
        return _measured(store, rows, batch)


def _opened(url: str, folder: Path) -> Store:
    store = open_store(url or f"sqlite:///{folder / 'digest.db'}")
    store.migrate()
    return store


def _measured(store: Store, rows: int, batch: int) -> dict[str, float]:
    took: dict[str, float] = {"rows": rows}
    edition = _prepare(store, rows, took)
    with _timed(took, "plan s"):
        planned = store.ledger.plan(edition, now=NOW)
    assert planned == rows
    took["plan rows/s"] = rows / took["plan s"]
    took["peak MB after planning"] = _peak_mb()
    _send(store, edition, batch, took)
    with _timed(took, "counts ms", 1000):
        store.ledger.counts(edition)
    with _timed(took, "finished ms", 1000):
        store.ledger.finished(edition)
    with _timed(took, "first page ms", 1000):
        page = store.ledger.list(edition, DeliveryState.QUEUED)
    middle = page[0].id + rows // 2
    with _timed(took, "middle page ms", 1000):
        store.ledger.list(edition, DeliveryState.QUEUED, after=middle)
    with _timed(took, "readers, first page ms", 1000):
        store.subscribers.list()
    with _timed(took, "demand ms", 1000):
        store.subscribers.demand(["llm"])
    with _timed(took, "recover ms", 1000):
        store.ledger.recover(now=NOW + timedelta(days=1), policy="hold", owner_gone=lambda _: True)
    took["peak MB"] = _peak_mb()
    return took


def _prepare(store: Store, rows: int, took: dict[str, float]) -> int:
    readers = (
        Subscriber(id=0, address=f"reader{n}@example.org", name=f"R {n}", state=ConsentState.CONFIRMED)
        for n in range(rows)
    )
    with _timed(took, "import s"):
        store.subscribers.add_all(readers, actor="benchmark", now=NOW)
    empty = Edition(
        number=0, schedule=f"bench-{rows}", slot=NOW, made_at=NOW, subject="s", preheader="", sections=()
    )
    took["base MB"] = _peak_mb()
    return store.editions.freeze(empty, now=NOW).number


def _send(store: Store, edition: int, batch: int, took: dict[str, float]) -> None:
    claiming = marking = settling = together = 0.0
    count = 0
    with store.owner() as owner:
        for turn in range(ROUNDS):
            started = time.perf_counter()
            claims = store.ledger.claim(owner, limit=batch, lease_s=600, now=NOW, edition=edition)
            claimed = time.perf_counter()
            if turn == 0:
                took["first claim ms"] = (claimed - started) * 1000
            ready = store.ledger.to_wire(claims, now=NOW)
            marked = time.perf_counter()
            outcomes = [
                Outcome(claim=claim, state=DeliveryState.SENT, code=250, text="2.0.0 Ok") for claim in ready
            ]
            count += store.ledger.settle(outcomes, now=NOW)
            settled = time.perf_counter()
            claiming += claimed - started
            marking += marked - claimed
            settling += settled - marked
            if count >= 0.9 * took["rows"]:
                break
        claims = store.ledger.claim(owner, limit=500, lease_s=600, now=NOW, edition=edition)
        outcomes = []
        started = time.perf_counter()
        for start in range(0, len(claims), 10):
            ready = store.ledger.exchange(outcomes, claims[start : start + 10], now=NOW)[1]
            outcomes = [Outcome(claim=c, state=DeliveryState.SENT, code=250, text="2.0.0 Ok") for c in ready]
        together = time.perf_counter() - started
    took["claim us/row"] = claiming / count * 1e6
    took["mark us/row"] = marking / count * 1e6
    took["settle us/row"] = settling / count * 1e6
    took["all three rows/s"] = count / (claiming + marking + settling)
    took["exchange of 10, rows/s"] = len(claims) / together if claims else 0.0


@contextmanager
def _timed(took: dict[str, Any], name: str, factor: float = 1.0) -> Iterator[None]:
    started = time.perf_counter()
    yield
    took[name] = (time.perf_counter() - started) * factor


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
