"""What only a socket shows: TLS, rebinding, IPv6, permissions that do not leak between feeds."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp.connector
import pytest
from feed_server import NOW, Manner, Names, Request, http, rss, serve, to
from sending import a_certificate

from digest.errors import FetchError
from digest.fetch import Fetcher, wait_s
from digest.guard import PRIVATE
from digest.model import FeedSettings

SETTINGS = FeedSettings(deadline_s=3.0, silence_s=1.0)


@asynccontextmanager
async def fetching(names: Names | None = None) -> AsyncIterator[Fetcher]:
    async with Fetcher(SETTINGS, resolver=names or Names(), clock=lambda: NOW) as fetcher:
        yield fetcher


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server context whose certificate, for secure.test, aiohttp's own context trusts during these tests."""
    path = a_certificate(tmp_path_factory.mktemp("tls") / "both.pem", "secure.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(path)
    return context


async def test_never_from_https_to_http(tls: ssl.SSLContext) -> None:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(http(rss()) if request.path == "/good" else to("http://secure.test/"))

    async with serve(Manner(name="secure", answer=answer), tls=tls) as server, fetching() as fetcher:
        good = await fetcher.get(f"https://secure.test:{server.port}/good", source_id="s", allow=PRIVATE)
        assert good.status == 200
        with pytest.raises(FetchError, match="https to http"):
            await fetcher.get(f"https://secure.test:{server.port}/down", source_id="s", allow=PRIVATE)
        with pytest.raises(FetchError, match="certificate"):
            await fetcher.get(f"https://other.test:{server.port}/good", source_id="s", allow=PRIVATE)


async def test_rebinding_is_refused_at_connect() -> None:
    names = Names({"turncoat.test": ["203.0.113.1", "127.0.0.1"]})
    async with serve(Manner(name="turncoat", answer=http(rss()))) as server, fetching(names) as fetcher:
        url = f"http://turncoat.test:{server.port}/"
        for _ in range(2):
            with pytest.raises(FetchError, match="address refused"):
                await fetcher.get(url, source_id="s")
        assert server.log == []


async def test_a_permission_does_not_outlive_its_feed() -> None:
    async with (
        serve(Manner(name="inside", answer=http(rss()).replace(b"Connection: close\r\n", b""))) as server,
        fetching() as fetcher,
    ):
        url = f"http://inside.test:{server.port}/"
        assert (await fetcher.get(url, source_id="a", allow=PRIVATE)).status == 200
        with pytest.raises(FetchError, match="loopback"):
            await fetcher.get(url, source_id="b")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_addresses_in_the_link_itself(host: str) -> None:
    async with Fetcher(SETTINGS) as fetcher:
        with pytest.raises(FetchError, match=r"address refused.*loopback"):
            await fetcher.get(f"http://{host}:9/", source_id="s")


async def test_ipv6_is_spoken() -> None:
    names = Names({"six.test": ["::1"]})
    six = serve(Manner(name="six", answer=http(rss())), host="::1")
    async with six as server, fetching(names) as fetcher:
        answer = await fetcher.get(f"http://six.test:{server.port}/", source_id="s", allow=PRIVATE)
    assert answer.status == 200


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.test/",
        "file:///etc/passwd",
        "http:///x",
        "gopher://a",
        "http://u:p@a.test/",
        "",
        "http://[::1/",
    ],
)
async def test_what_is_no_address(url: str) -> None:
    async with fetching() as fetcher:
        with pytest.raises(FetchError):
            await fetcher.get(url, source_id="s")


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {}, 0),
        (200, {"Cache-Control": "max-age=60"}, 60),
        (200, {"Cache-Control": 'private, MAX-AGE = "60"'}, 60),
        (200, {"Cache-Control": "max-age=600", "Age": "100"}, 500),
        (200, {"Cache-Control": "max-age=600", "Expires": "Mon, 02 Mar 2026 20:00:00 GMT"}, 600),
        (304, {"Expires": "Mon, 02 Mar 2026 08:10:00 GMT"}, 600),
        (200, {"Expires": "0"}, 0),
        (200, {"Expires": "Mon, 01 Jan 1990 00:00:00 GMT"}, 0),
        (200, {"Cache-Control": "no-store, max-age=600"}, 0),
        (200, {"Cache-Control": "no-cache", "Expires": "Mon, 02 Mar 2026 17:00:00 GMT"}, 0),
        (200, {"Cache-Control": "max-age=99999999999999999999"}, 86400),
        (429, {"Retry-After": " 30 "}, 30),
        (503, {"Retry-After": "Mon, 02 Mar 2026 08:05:00 GMT"}, 300),
        (503, {"Retry-After": "-5", "Cache-Control": "max-age=600"}, 0),
        (429, {"Retry-After": "9" * 5000}, 86400),
    ],
)
def test_waiting(status: int, headers: dict[str, str], seconds: float) -> None:
    assert wait_s(status, headers, now=NOW) == seconds
