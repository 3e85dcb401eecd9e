"""``/metrics``: how things stand as numbers, in Prometheus' text format, version 0.0.4."""

from collections import Counter
from collections.abc import Iterator, Mapping

from digest import __version__
from digest.model import ConsentState
from digest.report import feed_overview, overdue
from digest.web.door import Door
from digest.web.manners import Numbers
from digest.web.operator import Counted

Series = tuple[str, str, Mapping[str, float]]
"""Name, help, and a value by labels as they are written. Names of counters end in ``_total``."""


def exposed(door: Door, numbers: Numbers, counted: Counted) -> str:
    return "".join(map(_written, _series(door, numbers, counted)))


def _series(door: Door, numbers: Numbers, counted: Counted) -> Iterator[Series]:
    store, now = door.store, door.clock()
    readers = store.subscribers.counts()
    yield "readers", "Readers by state.", _by("state", {one: readers.get(one, 0) for one in ConsentState})
    yield "deliveries_due", "Deliveries that could be sent now.", {"": store.ledger.due(now=now)}
    for newest in store.editions.list(1):
        states, due = counted.deliveries(newest.number), newest.slot.timestamp()
        yield "last_edition_deliveries", "Deliveries of the newest edition by state.", _by("state", states)
        yield "last_edition_timestamp_seconds", "When the newest edition was due.", {"": due}
    runs = {name: at.timestamp() for name, at in door.next_runs().items() if at}
    yield "next_edition_timestamp_seconds", "When each schedule is due next.", _by("schedule", runs)
    late = overdue(door.paper, now=now)
    yield "overdue", "Kinds of work that stand still; 0 is healthy.", {"": len(late)}
    health = Counter(row["state"] for row in feed_overview(store, now=now))
    yield "feeds", "Feeds by health.", _by("state", health)
    yield "info", "The running version.", _by("version", {__version__: 1})
    labels = 'page="{}",method="{}",status="{}"'
    answers = {labels.format(*which): n for which, n in numbers.answers.items()}
    yield "http_requests_total", "Requests answered.", answers
    yield "http_seconds_total", "Time spent answering.", _by("page", numbers.seconds)
    yield "events_total", "What happened behind the pages.", _by("event", numbers.events)


def _by(label: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f'{label}="{value}"': n for value, n in values.items()}


def _written(series: Series) -> str:
    name, told, values = series
    kind = "counter" if name.endswith("_total") else "gauge"
    lines = [f"# HELP digest_{name} {told}", f"# TYPE digest_{name} {kind}"]
    for labels, value in sorted(values.items()):
        lines.append(f"digest_{name}{f'{{{labels}}}' if labels else ''} {value:.15g}")
    return "\n".join(lines) + "\n"
