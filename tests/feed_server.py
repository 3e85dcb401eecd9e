"""A feed server on loopback with scripted manners, good and bad, and the names that lead to it.

Each manner has a host name of its own (``NAME.test``), because one host is asked one thing at a time.
"""

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any

import brotli
from aiohttp.abc import AbstractResolver
from backports import zstd

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WORDS = (
    "城西的旧水塔在去年秋天改成了一座小型数据中心，附近的居民起初担心噪声，后来发现它比冷库还要安静。",
    "负责改造的工程师说，机房全年平均用电是四百二十千瓦，其中三成来自屋顶和停车棚上的光伏板。",
    "街道办公布的账本写得很细：电费、带宽和维护各占多少，每个季度由三名居民代表核对一次。",
    "租用算力的是五家本地公司，最小的一家只有四个人，用它训练识别老照片破损的模型。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    host: str
    path: str
    headers: dict[str, str]
    at: float = 0.0


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the server behaves, and what polling it must come to.

    Args:
        answer: Bytes written as they are, or a coroutine that writes.
        new: Articles kept.
        says: Stands in the detail or in one of the steps.
        has: Stands in the kept articles' repr; *lacks* stands nowhere in it.
        private: The feed may lie on loopback.
        url: Asked instead of ``http://NAME.test:PORT/feed``; ``{port}`` and ``{name}`` are filled in.
    """

    name: str
    answer: bytes | Answer = b""
    state: str = "new"
    new: int = 2
    says: str = ""
    has: str = ""
    lacks: str = ""
    private: bool = True
    url: str = "http://{name}.test:{port}/feed"


@dataclass(slots=True)
class FeedServer:
    """Answers ``NAME.test/…`` by the manner NAME; ``log`` holds every request."""

    manners: dict[str, Manner]
    port: int = 0
    log: list[Request] = field(default_factory=list)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, name: str) -> str:
        return self.manners[name].url.format(name=name, port=self.port)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
            request = Request(
                host=headers["host"].partition(":")[0],
                path=first.split(" ")[1],
                headers=headers,
                at=asyncio.get_running_loop().time(),
            )
            self.log.append(request)
            answer = self.manners[request.host.removesuffix(".test")].answer
            if isinstance(answer, bytes):
                writer.write(answer.replace(b"PORT0", str(self.port).encode().rjust(5, b"0")))
            else:
                await answer(request, writer)
            await writer.drain()
        self.open.discard(writer)
        writer.close()


@asynccontextmanager
async def serve(
    *manners: Manner, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[FeedServer]:
    feeds = FeedServer({manner.name: manner for manner in manners})
    server = await asyncio.start_server(feeds.handle, host, 0, limit=2**20, ssl=tls)
    feeds.port = server.sockets[0].getsockname()[1]
    try:
        yield feeds
    finally:
        server.close()
        for writer in feeds.open:
            writer.transport.abort()
        await asyncio.sleep(0)


class Names(AbstractResolver):
    """Every ``.test`` name is loopback, unless *elsewhere* says where it leads, one list for each question."""

    def __init__(self, elsewhere: dict[str, list[str]] | None = None) -> None:
        self.elsewhere = elsewhere or {}

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        answers = self.elsewhere.get(host)
        address = "127.0.0.1" if answers is None else answers.pop(0) if len(answers) > 1 else answers[0]
        if address == "nowhere":
            raise OSError(f"{host}: no such name")
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [{"hostname": host, "host": address, "port": port, "family": kind, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        return None


def http(body: bytes | str, *headers: str, status: str = "200 OK", kind: str = "application/xml") -> bytes:
    raw = body if isinstance(body, bytes) else body.encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(raw)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + raw


def words(n: int = 0, count: int = 3) -> str:
    """Paragraphs that differ with *n*; enough for an article."""
    return "".join(f"<p>第{n + 1}篇。{WORDS[(n + i) % len(WORDS)]}</p>" for i in range(count))


def item(n: int, *, body: str | None = None, title: str | None = None, date: str | None = "", link: str | None = "",
         guid: str | None = "", more: str = "") -> str:  # fmt: skip
    """An RSS item; None leaves a part out, an empty string means the usual one."""
    day = format_datetime(NOW - timedelta(hours=6 * n + 1))
    parts = {
        "title": f"水塔机房的账本之{n + 1}" if title is None else title,
        "link": f"http://paper.test/{n}" if link == "" else link,
        "guid": f"tag:paper.test,{n}" if guid == "" else guid,
        "pubDate": day if date == "" else date,
        "description": escape(words(n) if body is None else body),
    }
    return f"<item>{''.join(f'<{k}>{v}</{k}>' for k, v in parts.items() if v is not None)}{more}</item>"


def rss(
    *items: str, head: str = "", version: str = "2.0", declare: str = "utf-8", title: str = "水塔周报"
) -> str:
    inside = "".join(items) or item(0) + item(1)
    start = f'<?xml version="1.0" encoding="{declare}"?>'
    names = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    return (
        f'{start}<rss version="{version}" {names}><channel><title>{title}</title>'
        f"<link>http://paper.test/</link><language>zh-CN</language>{head}{inside}</channel></rss>"
    )


def rdf() -> str:
    items = "".join(
        f'<item rdf:about="http://paper.test/{n}"><title>旧塔{n}</title><link>http://paper.test/{n}</link>'
        f"<description>{escape(words(n))}</description><dc:date>2026-03-01T0{n}:00:00+08:00</dc:date></item>"
        for n in range(2)
    )
    return (
        '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="http://paper.test/"><title>水塔</title></channel>{items}</rdf:RDF>'
    )


def atom(
    version: str = "1.0", *, xhtml: bool = False, title: str = "塔<b>下</b>", type_: str = "html"
) -> str:
    space = "http://www.w3.org/2005/Atom" if version == "1.0" else "http://purl.org/atom/ns#"
    day = "updated" if version == "1.0" else "modified"
    body = (
        f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{words()}</div></content>'
        if xhtml
        else f'<content type="html">{escape(words())}</content>'
    )
    entries = "".join(
        f'<entry><title type="{type_}">{escape(title)}{n}</title><id>tag:{n}</id>'
        f'<link rel="alternate" href="/a/{n}"/><{day}>2026-03-01T0{n}:00:00Z</{day}>'
        f"<author><name>林一舟</name></author>{body.replace('第1篇', f'第{n + 1}篇')}</entry>"
        for n in range(2)
    )
    return (
        f'<?xml version="1.0"?><feed xmlns="{space}" version="{version}"><title>塔刊</title>{entries}</feed>'
    )


def json_feed(version: str = "1.1", items: Any = None) -> bytes:
    import json

    people: dict[str, Any] = (
        {"author": {"name": "林一舟"}} if version == "1" else {"authors": [{"name": "林一舟"}]}
    )
    usual = [
        {
            "id": n,
            "url": f"/j/{n}",
            "title": f"塔{n}",
            "content_html": words(n),
            "date_published": f"2026-03-01T0{n}:00:00+08:00",
            "attachments": [{"url": "/talk.mp3", "mime_type": "audio/mpeg"}],
            **people,
        }
        for n in range(2)
    ]
    feed = {
        "version": f"https://jsonfeed.org/version/{version}",
        "title": "塔",
        "items": usual if items is None else items,
    }
    return json.dumps(feed).encode()


def to(target: str, status: str = "302 Found") -> bytes:
    return http(b"", f"Location: {target}", status=status)


def moves(target: str, status: str = "301 Moved Permanently") -> Answer:
    """Redirect ``/feed``, answer everything else with a feed."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(to(target, status) if request.path == "/feed" else http(rss()))

    return answer


def chain(length: int) -> Answer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        step = int(request.path.rpartition("/")[2] or 0) if request.path != "/feed" else 0
        writer.write(to(f"/hop/{step + 1}") if step < length else http(rss()))

    return answer


async def circle(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(to("/b" if request.path == "/feed" else "/feed"))


async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def hang_midway(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(http(rss())[:600])
    await writer.drain()
    await asyncio.sleep(30)


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    for byte in http(rss()):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n<rss>")
    while not writer.is_closing():
        writer.write(b"<item><title>x</title></item>" * 1000)
        await writer.drain()


async def endless_head(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


async def slow(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.4)
    writer.write(http(rss()))


async def reset(_: Request, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def chunked(_: Request, writer: asyncio.StreamWriter) -> None:
    raw = rss().encode()
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    for at in range(0, len(raw), 300):
        part = raw[at : at + 300]
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def chunked_cut(_: Request, writer: asyncio.StreamWriter) -> None:
    raw = rss().encode()
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")


def coded(how: str, body: bytes | None = None) -> bytes:
    raw = rss().encode() if body is None else body
    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": brotli.compress,
        "zstd": zstd.compress,
    }[how]
    return http(pack(raw), f"Content-Encoding: {how}")


def raw_deflate() -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return http(packer.compress(rss().encode()) + packer.flush(), "Content-Encoding: deflate")


BOMB = b"<rss>" + b" " * 50_000_000
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha ha ha ha ">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 12}">' for n in range(9))
    + "]><rss version='2.0'><channel><title>&j;</title><item><title>&j;</title></item></channel></rss>"
)
OUTSIDE = rss().replace(
    '"utf-8"?>', '"utf-8"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
).replace("第1篇。", "第1篇。&amp;x;&x;")  # fmt: skip
BUSY = rss("<item " + " ".join(f"a{n}=''" for n in range(70_000)) + "><title>x</title></item>")
DEEP = rss(item(0, body="<div>" * 20_000 + WORDS[0] + "</div>" * 20_000), item(1))
ODD_ETAG = 'W/"a, b;\\c=~{}"'
SCRIPTS = rss(
    item(0, title="&lt;script&gt;alert(1)&lt;/script&gt;价格&lt;img src=x onerror=alert(2)&gt;表",
         body="<script>alert(3)</script><p onclick='alert(4)'>" + WORDS[0] + "<a href='javascript:alert(5)'>看</a></p>"
         "<iframe src='http://bad.test/alert(6)'></iframe><style>p{alert(7)}</style><form>alert(8)</form>"
         "<svg onload=alert(9)></svg><img src=data:alert(10) >", link="javascript:alert(11)",
         more="<dc:creator>&lt;b onmouseover=alert(12)&gt;林一舟&lt;/b&gt;</dc:creator>"),
    item(1),
)  # fmt: skip
FUTURE = format_datetime(NOW + timedelta(days=400))

MANNERS = (
    Manner(name="rss20", answer=http(rss()), says="rss20, 2 entries: 2 new", has="水塔机房的账本之1"),
    Manner(name="rss091", answer=http(rss(version="0.91"))),
    Manner(name="rss092", answer=http(rss(version="0.92"))),
    Manner(name="rdf", answer=http(rdf()), says="rss10", has="2026, 3, 1"),
    Manner(name="atom10", answer=http(atom()), says="atom10", has="title='塔下0'"),
    Manner(name="atom03", answer=http(atom("0.3")), says="atom03", has="林一舟"),
    Manner(name="atom-xhtml", answer=http(atom(xhtml=True)), has="旧水塔"),
    Manner(name="atom-text-title", answer=http(atom(type_="text")), has="塔<b>下</b>0"),
    Manner(name="json11", answer=http(json_feed(), kind="application/feed+json"), says="json11", has="/talk.mp3', kind='audio/mpeg'"),
    Manner(name="json10", answer=http(json_feed("1")), says="json1,", has="2026, 3, 1"),
    Manner(name="json-odd", answer=http(json_feed(items=[3, None, {"id": [], "title": 7, "content_text": WORDS[0] * 2}])), new=1),
    Manner(name="content-encoded", answer=http(rss(item(0, body="短", more=f"<content:encoded>{escape(words())}</content:encoded>"))), new=1, has="旧水塔"),
    Manner(name="gzip", answer=coded("gzip")),
    Manner(name="deflate", answer=coded("deflate")),
    Manner(name="deflate-raw", answer=raw_deflate()),
    Manner(name="br", answer=coded("br")),
    Manner(name="zstd", answer=coded("zstd")),
    Manner(name="chunked", answer=chunked),
    Manner(name="until-close", answer=b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n" + rss().encode()),
    Manner(name="gbk", answer=http(rss(declare="gbk").encode("gbk")), has="旧水塔"),
    Manner(name="gb2312-and-more", answer=http(rss(item(0, title="朱镕小区"), declare="gb2312").encode("gb18030")), new=1, has="镕"),
    Manner(name="gbk-as-utf8", answer=http(rss().encode("gbk")), has="旧水塔", says="labelled utf-8 but written in gb18030"),
    Manner(name="utf8-as-gbk", answer=http(rss(declare="gbk")), has="旧水塔", says="labelled gb18030 but written in utf-8"),
    Manner(name="big5", answer=http(rss(item(0, body=f"<p>{'這是一個關於水塔的故事，我們說它來自舊城，居民對這個計劃有不同的看法。' * 3}</p>"), declare="big5", title="塔").replace("账", "帳").encode("big5")), new=1, has="居民對這個計劃"),
    Manner(name="utf16", answer=http(rss(declare="utf-16").encode("utf-16")), has="旧水塔"),
    Manner(name="utf16-bare", answer=http(rss(declare="utf-16").encode("utf-16-be")), has="旧水塔"),
    Manner(name="utf8-mark", answer=http(b"\xef\xbb\xbf" + rss().encode()), has="旧水塔"),
    Manner(name="latin-header", answer=http(rss(), kind="text/xml; charset=iso-8859-1"), has="旧水塔", says="labelled cp1252"),
    Manner(name="twice-encoded", answer=http(rss().encode().decode("latin-1").encode()), has="旧水塔", says="encoded as UTF-8 twice"),
    Manner(name="half-a-character", answer=http(rss().replace("旧水塔", "旧水塔X", 1).encode().replace(b"X", b"\xe6", 1)), has="旧水塔", says="could not be read"),
    Manner(name="called-html", answer=http(rss(), kind="text/html")),
    Manner(name="called-binary", answer=http(rss(), kind="application/octet-stream")),
    Manner(name="moved", answer=moves("/new"), says="301 to http://moved.test"),
    Manner(name="moved-308", answer=moves("/new", "308 Permanent Redirect"), says="308 to"),
    Manner(name="found-302", answer=moves("/other", "302 Found"), says="302 to"),
    Manner(name="passing-307", answer=moves("/other", "307 Temporary Redirect"), says="307 to"),
    Manner(name="to-other-port", answer=to("http://to-other-port.test:80/"), state="failed", new=0, says="loopback"),
    Manner(name="five-hops", answer=chain(5), says="302 to"),
    Manner(name="leading-blanks", answer=http("\n\n  " + rss())),
    Manner(name="bare-ampersand", answer=http(rss().replace("账本之1", "账本 & 之1")), says="not well-formed"),
    Manner(name="html-entity", answer=http(rss().replace("账本之1", "账本&nbsp;&mdash;之1")), has="账本 —之1"),
    Manner(name="controls", answer=http(rss().replace("账本之1", "账\x02本之\x0b1")), has="账本之1"),
    Manner(name="no-prefix", answer=http(rss(item(0, more="<media:x>1</media:x>"))), new=1),
    Manner(name="no-guid", answer=http(rss(item(0, guid=None), item(1, guid=None)))),
    Manner(name="same-guid", answer=http(rss(item(0, guid="1"), item(1, guid="1")))),
    Manner(name="twice", answer=http(rss(item(0), item(0), item(1))), says="2 new"),
    Manner(name="same-words-other-guid", answer=http(rss(item(0), item(0, guid="z", link="http://paper.test/z"))), new=1),
    Manner(name="no-dates", answer=http(rss(item(0, date=None), item(1, date=None))), has="code='undated'"),
    Manner(name="bad-dates", answer=http(rss(item(0, date="昨天下午"), item(1, date="32 Foo 20"))), has="cannot be read"),
    Manner(name="future-dates", answer=http(rss(item(0, date=FUTURE), item(1, date="0001-01-01T00:00:00Z"))), has="in the future"),
    Manner(name="chinese-dates", answer=http(rss(item(0, date="2026年3月1日 14:05"), item(1, date="2026-03-01 14:05:06"))), has="2026-03-01 14:05:06"),
    Manner(name="no-titles", answer=http(rss(item(0, title=""), item(1, title=""))), has="title='第1篇。"),
    Manner(name="scripts", answer=http(SCRIPTS), has="title='价格表'", lacks="alert"),
    Manner(name="unclosed", answer=http(rss(item(0, body=words() + "<b><table><tr><td><!-- "), item(1))), has="账本之2"),
    Manner(name="trackers", answer=http(rss(item(0, link="http://paper.test/0?utm_source=rss&amp;id=7&amp;fbclid=x", body=words() + "<img src='http://t.test/p.gif' width='1' height='1'>"))), new=1, has="http://paper.test/0?id=7", lacks="utm_source"),
    Manner(name="huge-entry", answer=http(rss(item(0, body=words(count=4) * 800), item(1)))),
    Manner(name="many-entries", answer=http(rss(*(item(n, body="<p>短讯一则。</p>") for n in range(1500)))), state="unchanged", new=0, says="300 entries"),
    Manner(name="odd-etag", answer=http(rss(), f"ETag: {ODD_ETAG}")),
    Manner(name="odd-bytes", answer=http(rss(), kind="text/K0").replace(b"K0", b"\xff\x9b", 1).replace(b"\r\n", b"\r\nETag: \"\xe9\xff\"\r\n", 1)),
    Manner(name="odd-target", answer=b"HTTP/1.1 302 \xff\r\nLocation: /\xff\x9b\r\nContent-Length: 0\r\n\r\n", state="failed", new=0),
    Manner(name="cookies", answer=http(rss(), "Set-Cookie: id=1; Path=/")),
    Manner(name="slow", answer=slow, says="200 from"),
    Manner(name="no-entries", answer=http(rss("<!-- none -->")), state="unchanged", new=0, says="0 entries"),
    Manner(name="unasked-304", answer=http(b"", status="304 Not Modified"), state="failed", new=0, says="(304)"),
    Manner(name="not-found", answer=http(b"", status="404 Not Found"), state="failed", new=0, says="not found (404)"),
    Manner(name="gone", answer=http(b"", status="410 Gone"), state="gone", new=0, says="gone for good"),
    Manner(name="too-many", answer=http(b"", "Retry-After: 7200", status="429 Too Many Requests"), state="failed", new=0, says="fewer requests"),
    Manner(name="too-many-date", answer=http(b"", f"Retry-After: {format_datetime(NOW + timedelta(hours=5), usegmt=True)}", status="429 Too Many Requests"), state="failed", new=0),
    Manner(name="forever", answer=http(b"", "Retry-After: 99999999", status="503 Unavailable"), state="failed", new=0, says="(503)"),
    Manner(name="trouble", answer=http(b"", status="500 Oops"), state="failed", new=0, says="in trouble (500)"),
    Manner(name="locked", answer=http(b"", status="401 Unauthorized"), state="failed", new=0, says="password"),
    Manner(name="forbidden", answer=http(b"", status="403 Forbidden"), state="failed", new=0, says="refuses us"),
    Manner(name="nothing", answer=http(b"", status="204 No Content"), state="failed", new=0, says="(204)"),
    Manner(name="part", answer=http(rss(), status="206 Partial Content"), state="failed", new=0, says="(206)"),
    Manner(name="circle", answer=circle, state="failed", new=0, says="in a circle"),
    Manner(name="six-hops", answer=chain(6), state="failed", new=0, says="more than 5 redirects"),
    Manner(name="to-nowhere", answer=http(b"", status="301 Moved"), state="failed", new=0, says="(301)"),
    Manner(name="to-file", answer=to("file:///etc/passwd"), state="failed", new=0, says="no http"),
    Manner(name="to-script", answer=to("javascript:alert(1)"), state="failed", new=0, says="no http"),
    Manner(name="to-metadata", answer=to("http://169.254.169.254/latest/meta-data/"), state="failed", new=0, says="link-local"),
    Manner(name="to-decimal", answer=to("http://2130706433:PORT0/"), state="failed", new=0, says="not a usable"),
    Manner(name="to-octal", answer=to("http://0177.0.0.1:PORT0/"), state="failed", new=0, says="not a usable"),
    Manner(name="to-mapped", answer=to("http://[::ffff:127.0.0.1]:PORT0/"), state="failed", new=0, says="loopback"),
    Manner(name="to-neighbour", answer=to("http://rss20.test:PORT0/feed"), state="failed", new=0, says="loopback"),
    Manner(name="to-user", answer=to("http://root:x@paper.test/"), state="failed", new=0, says="user name"),
    Manner(name="hangs", answer=hang, state="failed", new=0, says="silent"),
    Manner(name="hangs-midway", answer=hang_midway, state="failed", new=0, says="silent"),
    Manner(name="drips", answer=drip, state="failed", new=0, says="not finished after"),
    Manner(name="endless", answer=endless, state="failed", new=0, says="larger than"),
    Manner(name="endless-head", answer=endless_head, state="failed", new=0),
    Manner(name="garbage", answer=b"\x00\x01\x02 not http at all\r\n\r\n", state="failed", new=0),
    Manner(name="says-nothing", answer=b"", state="failed", new=0),
    Manner(name="resets", answer=reset, state="failed", new=0),
    Manner(name="shorter-than-said", answer=http(rss())[:-400], state="failed", new=0, says="cut off"),
    Manner(name="huge-said", answer=http(b"", "X: 1").replace(b"Content-Length: 0", b"Content-Length: 99999999999"), state="failed", new=0, says="larger than"),
    Manner(name="chunks-cut", answer=chunked_cut, state="failed", new=0, says="cut off"),
    Manner(name="gzip-cut", answer=http(gzip.compress(rss().encode())[:-60], "Content-Encoding: gzip"), state="failed", new=0),
    Manner(name="gzip-lie", answer=http(rss(), "Content-Encoding: gzip"), state="failed", new=0, says="cut off or damaged"),
    Manner(name="gzip-bomb", answer=coded("gzip", BOMB), state="failed", new=0, says="larger than"),
    Manner(name="br-bomb", answer=coded("br", BOMB), state="failed", new=0, says="larger than"),
    Manner(name="zstd-bomb", answer=coded("zstd", BOMB), state="failed", new=0, says="larger than"),
    Manner(name="half-a-feed", answer=http(rss()[:-700]), state="failed", new=0, says="cut off in the middle"),
    Manner(name="page", answer=http("<!doctype html><html><body>404</body></html>"), state="failed", new=0, says="web page"),
    Manner(name="words-only", answer=http("正在维护，请稍后再来。"), state="failed", new=0, says="not a feed"),
    Manner(name="empty", answer=http(b""), state="failed", new=0, says="empty"),
    Manner(name="picture", answer=http(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40), state="failed", new=0),
    Manner(name="other-xml", answer=http("<?xml version='1.0'?><urlset><url/></urlset>"), state="failed", new=0, says="not a feed"),
    Manner(name="a-path", answer=http("/etc/hostname"), state="failed", new=0, says="not a feed"),
    Manner(name="an-address", answer=http("http://rss20.test:PORT0/feed"), state="failed", new=0, says="not a feed"),
    Manner(name="laughs", answer=http(LAUGHS), state="failed", new=0, says="declares entities"),
    Manner(name="outside-entity", answer=http(OUTSIDE), state="failed", new=0, says="declares entities"),
    Manner(name="old-doctype", answer=http(rss().replace("<rss", "<!DOCTYPE rss PUBLIC '-//X//DTD RSS 0.91//EN' 'http://x.test/rss.dtd'><rss"))),
    Manner(name="70000-attributes", answer=http(BUSY), state="failed", new=0, says="could not be parsed"),
    Manner(name="deep", answer=http(DEEP), new=2),
    Manner(name="json-other", answer=http('{"a": 1}'), state="failed", new=0, says="not a JSON Feed"),
    Manner(name="json-deep", answer=http("[" * 200_000), state="failed", new=0, says="JSON"),
    Manner(name="json-broken", answer=http(json_feed()[:-30]), state="failed", new=0, says="not JSON"),
    Manner(name="no-such-name", state="failed", new=0, says="no address"),
    Manner(name="refuses-connections", url="http://{name}.test:1/feed", state="failed", new=0, says="no connection"),
    Manner(name="loopback-not-allowed", answer=http(rss()), private=False, state="failed", new=0, says="127.0.0.1 is loopback"),
    Manner(name="no-tls", answer=http(rss()), url="https://{name}.test:{port}/feed", state="failed", new=0),
)  # fmt: skip
