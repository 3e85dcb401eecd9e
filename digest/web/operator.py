"""The operator's pages, behind a secret: how things stand, and why an edition holds what it holds.

Their cost does not grow with the readers: what has to be counted is counted beside them, see :func:`tally`.
"""

import asyncio
import hmac
import json
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from digest.errors import StoreError
from digest.model import ConsentState, DeliveryState
from digest.report import explain, feed_overview
from digest.store import Store
from digest.web import forms
from digest.web.door import Door
from digest.web.limits import Window, is_within, network

EDITIONS = 10
STUCK = (DeliveryState.FAILED, DeliveryState.HELD, DeliveryState.UNKNOWN)
STUCK_SHOWN = 20
STOPPED = (ConsentState.BOUNCED, ConsentState.COMPLAINED)
DAYS, DAYS_KEPT = 90, 400
DAILY = "readers by day"
Endpoint = Callable[[Request], Awaitable[Response]]
_PART = re.compile(r"(\w+) (\d+\.\d+)")
"""A part of a theme's score, as ``Section.why`` has it: ``fresh 0.50 + debt 1.00 = 1.50``."""


def tally(store: Store, *, now: datetime) -> None:
    """Keep how many readers there are, by state, as this day's: for the plot."""
    kept = readers_by_day(store)
    kept[now.date().isoformat()] = {str(state): count for state, count in store.subscribers.counts().items()}
    store.state.set(DAILY, json.dumps({day: kept[day] for day in sorted(kept)[-DAYS_KEPT:]}))


def readers_by_day(store: Store) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(store.state.get(DAILY) or "{}")
    return found


class Counted:
    """Deliveries of the last editions by state; counting those of a million readers takes its time.

    Call :meth:`recount` now and then, beside the pages; who asks for an edition never counted waits once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deliveries: dict[int, dict[str, int]] = {}
        self.at: datetime | None = None

    def recount(self, *, now: datetime) -> None:
        numbers = [edition.number for edition in self._store.editions.list(EDITIONS)]
        self._deliveries = {number: self._count(number) for number in numbers}
        self.at = now

    def deliveries(self, number: int) -> dict[str, int]:
        if number not in self._deliveries:
            self._deliveries[number] = self._count(number)
        return self._deliveries[number]

    def _count(self, number: int) -> dict[str, int]:
        return {str(state): n for state, n in self._store.ledger.counts(number).items()}


class Guard:
    """Lets the operator in and nobody else; who guesses passwords waits."""

    def __init__(self, door: Door) -> None:
        self._operator, self._secret = door.operator, door.secret
        self._wrong = Window(10, 900.0)

    def before(self, page: Callable[[Request, forms.Form], Response]) -> Endpoint:
        """*page*, for the operator alone."""

        async def answer(request: Request) -> Response:
            form = await forms.read_form(request) if request.method == "POST" else {}
            refused = self._refused(request)
            return refused if refused else await asyncio.to_thread(page, request, form)

        return answer

    def _refused(self, request: Request) -> Response | None:
        """What somebody gets who is not the operator; None for the operator."""
        operator, secret = self._operator, self._secret
        who = network(request.client.host if request.client else "")
        if not secret and not operator.header:
            raise HTTPException(404)
        peer = (request.scope["peer"] or [""])[0]
        if operator.header and is_within(peer, operator.proxies) and request.headers.get(operator.header):
            return None
        wait_s = self._wrong.wait_s(who)
        if wait_s:
            later = {"retry-after": str(int(wait_s) + 1)}
            return PlainTextResponse("Too many wrong passwords.\n", 429, later)
        given = _password(request.headers.get("authorization", ""))
        if secret and hmac.compare_digest(given.encode(), secret.encode()):
            return None
        if given:
            self._wrong.count(who)
        ask = {"www-authenticate": 'Basic realm="operator", charset="UTF-8"'}
        return PlainTextResponse("This page is the operator's.\n", 401, ask)


class OperatorPages:
    def __init__(self, door: Door, counted: Counted) -> None:
        self.door = door
        self.store = door.store
        self._counted = counted
        self._zone = ZoneInfo(door.newsletter.timezone)
        self._form_token = hmac.new(door.secret.encode(), b"operator's form", "sha256").hexdigest()

    def act(self, request: Request, form: forms.Form) -> Response:
        came_from = request.headers.get("sec-fetch-site", "same-origin")
        is_ours = hmac.compare_digest(forms.one(form, "token").encode(), self._form_token.encode())
        if came_from not in {"same-origin", "none"} or not is_ours:
            raise HTTPException(403)
        name, do = forms.one(form, "id"), forms.one(form, "do")
        if do in {"pause", "resume"} and name in {schedule.id for schedule in self.door.paper.schedules}:
            self.store.state.set_paused(name, do == "pause")
        elif do == "approve" and name.isascii() and name.isdigit() and len(name) < 9:
            if self.store.editions.status(int(name)) == "review":
                self.store.editions.set_status(int(name), "ready")
        else:
            raise HTTPException(400)
        return self.door.done(request, f"?lang={self.door.language(request, forms.one(form, 'lang'))}")

    def page(self, request: Request, _: forms.Form) -> Response:
        language = self.door.language(request)
        now, store = self.door.clock(), self.store
        days, readers = readers_by_day(store), store.subscribers.counts()
        days[now.date().isoformat()] = {str(state): count for state, count in readers.items()}
        editions = store.editions.list(EDITIONS)
        return self._page(
            "web/operator.html",
            language,
            "operator",
            token=self._form_token,
            now=now,
            runs=[(name, at, store.state.is_paused(name)) for name, at in self.door.next_runs().items()],
            editions=[
                (one, store.editions.status(one.number), self._counted.deliveries(one.number))
                for one in editions
            ],
            counted=self._counted.at,
            stuck=self._stuck([edition.number for edition in editions]),
            readers=[(state, readers.get(state, 0)) for state in ConsentState],
            over_time=[(day[5:], days[day].get("confirmed", 0)) for day in sorted(days)[-DAYS:]],
            coverage=[(one.id, self._coverage(one.id, language)) for one in self.door.paper.schedules],
            feeds=feed_overview(store, now=now),
            bounces=store.subscribers.recent(STOPPED),
        )

    def why(self, request: Request, _: forms.Form) -> Response:
        """What ``digest why`` says, from what was frozen with the edition."""
        language, number = self.door.language(request), request.path_params["number"]
        try:
            found = explain(self.store.editions.get(number))
        except (StoreError, OverflowError):
            raise HTTPException(404) from None
        names = {theme.id: theme.name(language) for theme in self.door.paper.themes}
        for theme in found["themes"]:
            parts = [(name, float(value)) for name, value in _PART.findall(theme["why"])]
            theme |= {"name": names.get(theme["id"], theme["id"]), "parts": parts}
        for one in found["skipped"]:
            one["name"] = names.get(one["name"], one["name"])
        for item in found["items"]:
            item["theme"] = names.get(item["theme"], item["theme"])
            for excerpt in item["excerpts"]:
                excerpt["marked"] = marked(excerpt["text"], item["terms"])
        return self._page("web/why.html", language, f"operator/editions/{number}", **found)

    def _page(self, template: str, language: str, path: str, **values: Any) -> Response:
        return self.door.page(
            template,
            language,
            minute=self._minute,
            operator=f"{self.door.root}/operator",
            offered=self.door.offered(path),
            zone=self._zone,
            **values,
        )

    def _stuck(self, editions: Sequence[int]) -> list[Any]:
        rows: list[Any] = []
        for number, state in product(editions, STUCK):
            if len(rows) < STUCK_SHOWN:
                rows += self.store.ledger.list(number, state, limit=STUCK_SHOWN - len(rows))
        return rows

    def _coverage(self, schedule: str, language: str) -> list[tuple[str, float]]:
        coverage = dict(self.store.editions.history(schedule).coverage)
        return [(theme.name(language), sum(coverage.get(theme.id, ()))) for theme in self.door.paper.themes]

    def _minute(self, moment: datetime | None) -> str:
        """On the newsletter's clock."""
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M}" if moment else ""


def marked(text: str, terms: Sequence[str]) -> Markup:
    """*text* with every one of *terms* marked, the longest where several could be."""
    found = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    if not found:
        return escape(text)
    pieces = re.split(f"({found})", text, flags=re.IGNORECASE)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if n % 2 else escape(piece) for n, piece in enumerate(pieces)
    )


def _password(authorization: str) -> str:
    """From Basic (RFC 7617) or Bearer (RFC 6750) credentials; empty when there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    try:
        return b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
