"""Fetching with manners: conditional, bounded, one at a time a host, and never where a feed must not lead us.

aiohttp underneath; redirects are followed here, so that every hop is checked, counted and told.
"""

import asyncio
import email.utils
import errno
import re
import socket
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from digest import __version__
from digest.errors import FetchError
from digest.guard import refusal
from digest.links import one_line
from digest.model import FeedSettings, Fetched

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

FEEDS = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
PAGES = "text/html, application/xhtml+xml, */*;q=0.5"
MAX_REDIRECTS = 5
DAY_S = 24 * 3600
"""Nobody, publisher or server, makes us wait longer."""
Clock = Callable[[], datetime]
_utc_now = partial(datetime.now, UTC)
_PERMANENT, _PASSING = (301, 308), (302, 303, 307)


class Refused(OSError):  # noqa: N818 - an OSError, so that the driver tries the host's other addresses
    """An address that no feed may lead to."""


class Fetcher:
    """Fetches; its connections end with the block.

    Args:
        resolver: aiohttp's interface; None asks the system. Whatever it answers is checked at connect.
    """

    def __init__(
        self, settings: FeedSettings, *, resolver: "AbstractResolver | None" = None, clock: Clock = _utc_now
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._clock = clock
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.sessions: dict[tuple[str, ...], aiohttp.ClientSession] = {}

    async def __aenter__(self) -> "Fetcher":
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self.sessions.values():
            await session.close()

    async def get(
        self,
        url: str,
        *,
        source_id: str,
        etag: str | None = None,
        modified: str | None = None,
        allow: tuple[str, ...] = (),
        accept: str = FEEDS,
    ) -> Fetched:
        """One GET, through at most `MAX_REDIRECTS` redirects.

        Waits for its turn at the host first; the deadline counts from then.

        Args:
            etag, modified: Validators to replay; with either, *status* may be 304.
            allow: Networks opened for the host and port of *url* alone, not for where it redirects to.

        Raises:
            FetchError: There was no usable answer: refused, unreachable, too slow, too large,
                cut off, or a redirect that must not be followed.
        """
        import aiohttp

        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        _check_address(url, source_id)
        async with self._hosts[host_of(url)]:
            began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(self._settings.deadline_s):
                    answer = await self._follow(url, headers, allow, source_id)
                return replace(answer, took_s=asyncio.get_running_loop().time() - began)
            except FetchError:
                raise
            except aiohttp.ServerTimeoutError as error:
                raise FetchError(source_id, f"silent for {self._settings.silence_s:g} s") from error
            except TimeoutError as error:
                raise FetchError(source_id, f"not finished after {self._settings.deadline_s:g} s") from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise FetchError(source_id, _explain(error)) from error

    async def _follow(
        self, url: str, headers: Mapping[str, str], allow: tuple[str, ...], source_id: str
    ) -> Fetched:
        own = {_origin(url), ("https", host_of(url), 443)}  # the same host gone over to https, too
        hops: list[tuple[int, str]] = []
        moved_to: str | None = None
        at = url
        while True:
            _check_address(at, source_id)
            session = self._session(allow if _origin(at) in own else ())
            async with session.get(at, headers=headers, allow_redirects=False) as response:
                if response.status not in (*_PERMANENT, *_PASSING) or "Location" not in response.headers:
                    return await self._fetched(
                        response, source_id, url=at, moved_to=moved_to, hops=tuple(hops)
                    )
                target = urljoin(at, _sound(response.headers["Location"]))
            if urlsplit(at).scheme == "https" and urlsplit(target).scheme == "http":
                raise FetchError(source_id, f"redirected from https to http ({target}); not followed")
            if target in {url, *(address for _, address in hops)}:
                raise FetchError(source_id, f"redirects in a circle ({target})")
            if len(hops) == MAX_REDIRECTS:
                raise FetchError(source_id, f"more than {MAX_REDIRECTS} redirects")
            if response.status in _PERMANENT and moved_to == (at if hops else None):
                moved_to = target
            hops.append((response.status, target))
            at = target

    async def _body(self, response: "aiohttp.ClientResponse", source_id: str) -> bytes:
        """Read to the end, counting what comes out of the decoder, not what the server says."""
        limit = self._settings.max_bytes
        too_large = FetchError(source_id, f"larger than {limit / 1024**2:g} MiB when decoded")
        if (response.content_length or 0) > limit:
            raise too_large
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > limit:
                response.close()
                raise too_large
            parts.append(part)
        return b"".join(parts)

    async def _fetched(self, response: "aiohttp.ClientResponse", source_id: str, **way: Any) -> Fetched:
        headers = response.headers
        return Fetched(
            status=response.status,
            body=await self._body(response, source_id) if response.status == 200 else b"",
            content_type=_sound(response.content_type) if "Content-Type" in headers else "",
            charset=response.charset,
            etag=_validator(headers.get("ETag")),
            modified=_validator(headers.get("Last-Modified")),
            wait_s=wait_s(response.status, headers, now=self._clock()),
            **way,
        )

    def _session(self, allow: tuple[str, ...]) -> "aiohttp.ClientSession":
        """One for each permission: a connection opened under one is never reused under another."""
        import aiohttp

        if allow not in self.sessions:
            settings = self._settings

            def guarded(address: Any) -> socket.socket:
                family, kind, protocol, _, target = address
                if reason := refusal(str(target[0]), allow):
                    raise Refused(errno.EACCES, f"address refused: {reason}")
                return socket.socket(family, kind, protocol)

            self.sessions[allow] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, resolver=self._resolver, socket_factory=guarded, keepalive_timeout=5
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": user_agent(settings.contact)},
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=settings.silence_s, sock_read=settings.silence_s
                ),
                max_line_size=16 * 1024,
                max_field_size=16 * 1024,
            )
        return self.sessions[allow]


def user_agent(contact: str) -> str:
    """Who asks, and whom to write to about it (RFC 9110 section 10.1.5)."""
    return f"Digest/{__version__} (feed reader{f'; {contact}' if contact else ''})"


def wait_s(status: int, headers: Mapping[str, str], *, now: datetime) -> float:
    """How long to stay away: Retry-After of a refusal, else the freshness of the answer; at most a day.

    RFC 9110 section 10.2.3, RFC 9111 sections 5.2.2 and 5.3. What cannot be read counts as absent.
    """
    if status in (429, 503):
        return _capped(_seconds(headers.get("Retry-After", ""), now))
    control = headers.get("Cache-Control", "").lower()
    if re.search(r"\bno-(?:store|cache)\b", control):
        return 0.0
    if found := re.search(r"\bmax-age\s*=\s*\"?(\d{1,10})", control):
        return _capped(int(found[1]) - _seconds(headers.get("Age", ""), now))
    return _capped(_seconds(headers.get("Expires", "x"), now))


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), float(DAY_S))


def _seconds(value: str, now: datetime) -> float:
    """A number of seconds, or the time from now until an HTTP date; 0 when it is neither."""
    if value.strip().isdecimal():
        return float(value.strip()[:12])
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()


def _validator(value: str | None) -> str | None:
    """None when its bytes are no UTF-8: aiohttp could not send them back as they were."""
    return value if value is not None and _sound(value) == value else None


def _sound(value: str) -> str:
    """A header's value without the surrogates that stand for bytes of other charsets."""
    return value.encode("utf-8", "replace").decode("utf-8").strip()


def _check_address(url: str, source_id: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise FetchError(source_id, f"{url!r} is no http or https address")
    if parts.username is not None:
        raise FetchError(source_id, "the address holds a user name; not followed")


def host_of(url: str) -> str:
    """In small letters, without a last dot; empty for what is no address."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, host_of(url), parts.port or (443 if parts.scheme == "https" else 80)


def _explain(error: Exception) -> str:
    """The driver's complaint in one line an operator can use."""
    import aiohttp

    text = one_line(_sound(str(error)))
    if found := re.search(r"address refused: [^,\])']*", text):
        return found[0]
    known = {
        aiohttp.ClientConnectorDNSError: "the host's name has no address",
        aiohttp.ClientConnectorCertificateError: "its certificate or TLS is not accepted",
        aiohttp.ClientSSLError: "its certificate or TLS is not accepted",
        aiohttp.ClientConnectorError: "no connection",
        aiohttp.ClientPayloadError: "the answer was cut off or damaged",
        aiohttp.InvalidURL: "not a usable address",
    }
    for kind, what in known.items():
        if isinstance(error, kind):
            return f"{what} ({text})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
