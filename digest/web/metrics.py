"""``/metrics``: how things stand as numbers, in Prometheus' text format, version 0.0.4."""

from collections import Counter
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from digest import __version__
from digest.model import ConsentState
from digest.report import feed_overview, overdue
from digest.web.door import Door
from digest.web.manners import Numbers
from digest.web.operator import Counted, Guard

Values = Mapping[tuple[tuple[str, str], ...], float]
"""By labels and what they say."""
Series = tuple[str, str, str, Values]
"""Name, kind, help, values."""


class Metrics:
    def __init__(self, door: Door, numbers: Numbers, guard: Guard, counted: Counted) -> None:
        self.door = door
        self._numbers = numbers
        self._guard = guard
        self._counted = counted

    async def metrics(self, request: Request) -> Response:
        return await self._guard.behind(request, self._metrics)

    def _metrics(self) -> Response:
        text = "".join(_exposed(*one) for one in self._series())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    def _series(self) -> Iterator[Series]:
        store, now = self.door.signup.store, self.door.clock()
        readers = store.subscribers.counts()
        values: Values = {(("state", str(state)),): float(readers.get(state, 0)) for state in ConsentState}
        yield "digest_readers", "gauge", "Readers by state.", values
        due = store.ledger.due(now=now)
        yield "digest_deliveries_due", "gauge", "Deliveries that could be sent now.", {(): due}
        for newest in store.editions.list(1):
            states = self._counted.deliveries(newest.number)
            values = {(("state", state),): n for state, n in states.items()}
            told = "Deliveries of the newest edition by state."
            yield "digest_last_edition_deliveries", "gauge", told, values
            at, told = newest.slot.timestamp(), "When the newest edition was due."
            yield "digest_last_edition_timestamp_seconds", "gauge", told, {(): at}
        runs = self.door.next_runs().items()
        values = {(("schedule", name),): at.timestamp() for name, at in runs if at}
        told = "When each schedule is due next."
        yield "digest_next_edition_timestamp_seconds", "gauge", told, values
        late = overdue(store, self.door.schedules, self.door.newsletter, now=now)
        told = "Kinds of work that stand still; 0 is healthy."
        yield "digest_overdue", "gauge", told, {(): len(late)}
        feeds = Counter(str(row["state"]) for row in feed_overview(store, now=now))
        values = {(("state", state),): n for state, n in feeds.items()}
        yield "digest_feeds", "gauge", "Feeds by health.", values
        yield "digest_info", "gauge", "The running version.", {(("version", __version__),): 1}
        values = {
            (("page", page), ("method", method), ("status", str(status))): n
            for (page, method, status), n in self._numbers.answers.items()
        }
        yield "digest_http_requests_total", "counter", "Requests answered.", values
        values = {(("page", page),): seconds for page, seconds in self._numbers.seconds.items()}
        yield "digest_http_seconds_total", "counter", "Time spent answering.", values
        values = {(("event", event),): n for event, n in self._numbers.events.items()}
        yield "digest_events_total", "counter", "What happened behind the pages.", values


def _exposed(name: str, kind: str, told: str, values: Values) -> str:
    lines = [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
    for labels, value in sorted(values.items()):
        inside = ",".join(f'{key}="{text}"' for key, text in labels)
        lines.append(f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}")
    return "\n".join(lines) + "\n"
