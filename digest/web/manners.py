"""What holds for every answer: headers, a line in the log without a token, the numbers for ``/metrics``."""

import logging
import re
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("digest.web")

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors {ancestors}"
)
PERSONAL = frozenset({"confirm", "preferences", "unsubscribe"})
"""Pages whose address holds a token."""
PRIVATE = PERSONAL | {"operator", "metrics"}
KNOWN = PRIVATE | {"", "subscribe", "editions", "atom.xml", "healthz", "robots.txt"}
_TOKEN = re.compile(rf"/({'|'.join(sorted(PERSONAL))})/+[^/]+", re.IGNORECASE)


class Numbers:
    """Requests answered, by the first part of their path, method and status; and the time they took."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.seconds: Counter[str] = Counter()
        self.events: Counter[str] = Counter()


@dataclass
class Manners:
    """The outermost layer.

    Args:
        root: Path of the base address, taken off requests that carry it, so that the pages work behind
            proxies that keep it and proxies that do not.
    """

    app: ASGIApp
    numbers: Numbers
    root: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        if self.root and (path == self.root or path.startswith(f"{self.root}/")):
            path = path[len(self.root) :] or "/"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        began = time.perf_counter()
        first = path.split("/")[1] if path.startswith("/") else ""
        page = first if first in KNOWN else "other"
        headers = _headers(page, path == "/subscribe/embed")
        scope["peer"] = scope.get("client")
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                message["headers"] = message["headers"] + [pair for pair in headers if pair[0] not in given]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            took = time.perf_counter() - began
            self.numbers.answers[page, _method(scope["method"]), status] += 1
            self.numbers.seconds[page] += took  # type: ignore[assignment]  # a Counter of seconds
            if log.isEnabledFor(logging.INFO):
                log.info("%s %s %d %.0f ms", _method(scope["method"]), masked(path), status, took * 1000)


def masked(path: str) -> str:
    """*path* for a log: without tokens, one line, of a length one can read."""
    shown = _TOKEN.sub(r"/\1/***", path)
    return "".join(c if c.isprintable() and c != " " else f"\\x{ord(c):02x}" for c in shown[:200])


def _method(method: str) -> str:
    return method if method in {"GET", "HEAD", "POST", "OPTIONS"} else "other"


@cache
def _headers(page: str, embedded: bool) -> list[tuple[bytes, bytes]]:
    policy = POLICY.format(ancestors="*" if embedded else "'none'")
    found = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store" if page in PRIVATE else "no-cache",
    }
    if page in PRIVATE:
        found["x-robots-tag"] = "noindex, nofollow"
    return [(name.encode(), value.encode()) for name, value in found.items()]
