"""The operator's page and the metrics, behind a secret. Their cost does not grow with the readers."""

import asyncio
import hmac
import json
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from digest import __version__
from digest.model import ConsentState, DeliveryState
from digest.report import edition_overview, feed_overview, overdue
from digest.web import forms, plots
from digest.web.door import Door
from digest.web.limits import Window, is_within, network
from digest.web.manners import Numbers

if TYPE_CHECKING:
    from digest.store import Store

EDITIONS = 10
STUCK = (DeliveryState.FAILED, DeliveryState.HELD, DeliveryState.UNKNOWN)
STUCK_SHOWN = 20
DAYS = 90
TALLY = "readers by day"
_AGE = timedelta(minutes=5)


def tally(store: "Store", *, now: datetime) -> None:
    """Count the readers by state and keep it as this day's: the page shows what was kept."""
    kept = _tallies(store)
    kept[now.date().isoformat()] = {
        "at": now.isoformat(),
        **{str(state): count for state, count in store.subscribers.counts().items()},
    }
    days = sorted(kept)[-400:]
    store.state.set(TALLY, json.dumps({day: kept[day] for day in days}))


def _tallies(store: "Store") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(store.state.get(TALLY) or "{}")
    return found


class OperatorPages:
    def __init__(self, door: Door, numbers: Numbers) -> None:
        self.door = door
        self.store = door.signup.store
        self._numbers = numbers
        self._root = urlsplit(door.newsletter.base_url or "").path.rstrip("/")
        self._wrong = Window(10, 900.0)
        secret = door.operator.secret.encode()
        self._form_token = hmac.new(secret, b"operator's form", "sha256").hexdigest()

    def refused(self, request: Request) -> Response | None:
        """What somebody gets who is not the operator; None for the operator."""
        operator, who = self.door.operator, network(request.scope["visitor"])
        if not operator.secret and not operator.header:
            raise HTTPException(404)
        peer = request.client.host if request.client else ""
        if operator.header and is_within(peer, operator.proxies) and request.headers.get(operator.header):
            return None
        wait_s = self._wrong.wait_s(who)
        if wait_s:
            return PlainTextResponse(
                "Too many wrong passwords.\n", 429, {"retry-after": str(int(wait_s) + 1)}
            )
        given = _password(request.headers.get("authorization", ""))
        if operator.secret and hmac.compare_digest(given.encode(), operator.secret.encode()):
            return None
        if given:
            self._wrong.count(who)
        ask = {"www-authenticate": 'Basic realm="operator", charset="UTF-8"'}
        return PlainTextResponse("This page is the operator's.\n", 401, ask)

    async def page(self, request: Request) -> Response:
        return await self._behind_the_secret(request, self._page)

    async def act(self, request: Request) -> Response:
        form = await forms.read_form(request)
        return await self._behind_the_secret(request, lambda: self._act(request, form))

    async def metrics(self, request: Request) -> Response:
        return await self._behind_the_secret(request, self._metrics)

    async def _behind_the_secret(self, request: Request, then: Callable[[], Response]) -> Response:
        refused = self.refused(request)
        return await asyncio.to_thread(then) if refused is None else refused

    def _act(self, request: Request, form: forms.Form) -> Response:
        came_from = request.headers.get("sec-fetch-site", "same-origin")
        if came_from not in {"same-origin", "none"} or not hmac.compare_digest(
            forms.one(form, "token").encode(), self._form_token.encode()
        ):
            raise HTTPException(403)
        name, do = forms.one(form, "id"), forms.one(form, "do")
        if do in {"pause", "resume"} and name in {schedule.id for schedule in self.door.schedules}:
            self.store.state.set_paused(name, do == "pause")
        elif do == "approve" and name.isascii() and name.isdigit() and len(name) < 9:
            if self.store.editions.status(int(name)) == "review":
                self.store.editions.set_status(int(name), "ready")
        else:
            raise HTTPException(400)
        return self._page()

    def _page(self) -> Response:
        now, store = self.door.clock(), self.store
        runs, days = self.door.next_runs(), _tallies(store)
        latest = days[max(days)] if days else {}
        editions = edition_overview(store, EDITIONS)
        html = self.door.renderer.page(
            "web/operator.html",
            language="en",
            action=f"{self._root}/operator",
            token=self._form_token,
            now=_minute(now),
            runs=[
                {"id": one.id, "at": _minute(runs.get(one.id)), "paused": store.state.is_paused(one.id)}
                for one in self.door.schedules
            ],
            editions=[
                {**row, "slot": _minute(row["slot"]), "status": store.editions.status(row["number"])}
                for row in editions
            ],
            stuck=self._stuck([row["number"] for row in editions]),
            readers=[(state, latest.get(str(state), 0)) for state in ConsentState],
            counted=_minute(datetime.fromisoformat(latest["at"])) if latest else "",
            over_time=plots.line(
                [(day[5:], days[day].get("confirmed", 0)) for day in sorted(days)[-DAYS:]],
                "Confirmed readers by day",
            ),
            coverage=self._coverage(),
            feeds=[{**row, "newest_at": _minute(row["newest_at"])} for row in feed_overview(store, now=now)],
            bounces=[
                (reader, event.to_state, _minute(event.at), event.reason)
                for reader, event in store.subscribers.recent((ConsentState.BOUNCED, ConsentState.COMPLAINED))
            ],
        )
        return HTMLResponse(html)

    def _stuck(self, editions: Sequence[int]) -> list[Any]:
        rows: list[Any] = []
        for number in editions:
            for state in STUCK:
                if len(rows) < STUCK_SHOWN:
                    rows += self.store.ledger.list(number, state, limit=STUCK_SHOWN - len(rows))
        return rows

    def _coverage(self) -> list[tuple[str, Any]]:
        names = {theme.id: theme.name("en") for theme in self.door.themes}
        found = []
        for schedule in self.door.schedules:
            coverage = dict(self.store.editions.history(schedule.id).coverage)
            rows = [(names[theme], float(sum(coverage.get(theme, ())))) for theme in names]
            found.append(
                (schedule.id, plots.bars(rows, f"Items by theme in the last editions of {schedule.id}"))
            )
        return found

    def _metrics(self) -> Response:
        """Prometheus' text format, version 0.0.4; numbers of readers are those of the last count."""
        store, days = self.store, _tallies(self.store)
        latest = days[max(days)] if days else {}
        newest = edition_overview(store, 1)
        feeds = Counter(str(row["state"]) for row in feed_overview(store, now=self.door.clock()))
        series: list[tuple[str, str, str, Mapping[tuple[tuple[str, str], ...], float]]] = [
            (
                "digest_readers", "gauge", "Readers by state, at the last count.",
                {(("state", str(state)),): latest.get(str(state), 0) for state in ConsentState},
            ),
            (
                "digest_deliveries_due", "gauge", "Deliveries that could be sent now.",
                {(): store.ledger.due(now=self.door.clock())},
            ),
            (
                "digest_last_edition_deliveries", "gauge", "Deliveries of the newest edition by state.",
                {(("state", state),): n for row in newest for state, n in row["deliveries"].items()},
            ),
            (
                "digest_last_edition_timestamp_seconds", "gauge", "When the newest edition was due.",
                {(): newest[0]["slot"].timestamp()} if newest else {},
            ),
            (
                "digest_next_edition_timestamp_seconds", "gauge", "When each schedule is due next.",
                {(("schedule", name),): at.timestamp() for name, at in self.door.next_runs().items() if at},
            ),
            (
                "digest_overdue", "gauge", "Kinds of work that stand still; 0 is healthy.",
                {(): len(overdue(store, now=self.door.clock()))},
            ),
            (
                "digest_feeds", "gauge", "Feeds by health.",
                {(("state", state),): n for state, n in feeds.items()},
            ),
            (
                "digest_info", "gauge", "The running version.", {(("version", __version__),): 1},
            ),
            (
                "digest_http_requests_total", "counter", "Requests answered.",
                {
                    (("page", page), ("method", method), ("status", str(status))): n
                    for (page, method, status), n in self._numbers.answers.items()
                },
            ),
            (
                "digest_http_seconds_total", "counter", "Time spent answering.",
                {(("page", page),): seconds for page, seconds in self._numbers.seconds.items()},
            ),
            (
                "digest_events_total", "counter", "What happened behind the pages.",
                {(("event", event),): n for event, n in self._numbers.events.items()},
            ),
        ]  # fmt: skip
        text = "".join(_exposed(*one) for one in series)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _exposed(name: str, kind: str, told: str, values: Mapping[tuple[tuple[str, str], ...], float]) -> str:
    lines = [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
    for labels, value in sorted(values.items()):
        inside = ",".join(f'{key}="{text}"' for key, text in labels)
        lines.append(f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _password(authorization: str) -> str:
    """From Basic (RFC 7617) or Bearer (RFC 6750) credentials; empty when there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
