"""The web pages over a real store, a real inbox and a real server, for the tests of readers' lives."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from functools import cache
from html import unescape
from pathlib import Path
from re import findall
from urllib.parse import urlsplit

import aiohttp
import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette
from stored import COST, CRAFT

from digest.config.tables import Operator
from digest.mail.inbox import Inbox, open_inbox
from digest.mail.smtp import SmtpTransport
from digest.mail.transport import Server
from digest.model import Newsletter, Schedule
from digest.publish import Paper
from digest.render import Renderer, make_renderer
from digest.signup import Signup
from digest.store import Store
from digest.store.schema import askings, wishes
from digest.tokens import Purpose
from digest.web import Door, Limits, make_app

KEYS = {"a": b"k" * 40}
SECRET = "operator's secret, long enough"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NEWSLETTER = Newsletter(
    name="晨读",
    sender="digest@sender.example.org",
    sender_name="晨读编辑部",
    list_id="digest.sender.example.org",
    base_url="http://127.0.0.1",
)
SCHEDULES = (Schedule(id="daily", cron="0 8 * * 1-5"), Schedule(id="weekly", cron="0 8 * * 1"))


@cache
def a_renderer() -> Renderer:
    """Setting one up takes longer than most tests."""
    return make_renderer(NEWSLETTER, themes=(CRAFT, COST))


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Site:
    """A running installation and a visitor without a browser."""

    base: str
    store: Store
    signup: Signup
    inbox: Inbox
    clock: Clock
    visitor: aiohttp.ClientSession
    door: Door
    headers: Mapping[str, str] = field(default_factory=dict)
    redirected: bool = False

    async def get(self, path: str, **more: object) -> tuple[int, str]:
        async with self.visitor.get(self.at(path), allow_redirects=False, **more) as answer:  # type: ignore[arg-type]
            self.headers = answer.headers
            return answer.status, await answer.text()

    async def post(self, path: str, *fields: tuple[str, str], **more: object) -> tuple[int, str]:
        """Followed to the page that shows what was done; *redirected* tells whether there was one."""
        more.setdefault("data", aiohttp.FormData(fields) if fields else b"")
        async with self.visitor.post(self.at(path), **more) as answer:  # type: ignore[arg-type]
            self.headers, self.redirected = answer.headers, bool(answer.history)
            return answer.status, await answer.text()

    def at(self, path: str) -> str:
        return path if path.startswith("http") else self.base + path

    async def subscribe(self, address: str, *fields: tuple[str, str]) -> tuple[int, str]:
        return await self.post("/subscribe", ("address", address), *(fields or (("theme", "craft"),)))

    async def mails(self, count: int) -> list[str]:
        """The bodies of all mails, once there are *count*; checked that no more come."""
        async with asyncio.timeout(10):
            while len(received(self.inbox)) < count or self._asking():  # noqa: ASYNC110 - noted that they are out
                await asyncio.sleep(0.01)
        assert len(received(self.inbox)) == count
        return [body(path) for path in received(self.inbox)]

    def _asking(self) -> bool:
        with self.store.database.read() as connection:
            return any(connection.execute(sa.select(table)).first() for table in (wishes, askings))

    async def confirmed(self, address: str) -> dict[str, str]:
        """Subscribe and confirm; the links of the reader: confirm, unsubscribe, preferences."""
        before = len(received(self.inbox))
        await self.subscribe(address)
        found = links((await self.mails(before + 1))[-1])
        confirming = next(one for one in found if "/confirm/" in one)
        assert (await self.post(confirming))[0] == 200
        reader = self.store.subscribers.find(address)
        assert reader is not None
        return {
            "confirm": confirming,
            "unsubscribe": self.signup.link(Purpose.UNSUBSCRIBE, reader),
            "preferences": self.signup.link(Purpose.PREFERENCES, reader),
        }

    @asynccontextmanager
    async def a_transport(self) -> AsyncIterator[SmtpTransport]:
        """Another way to the same inbox, as the sender of editions has."""
        transport = to_inbox(self.inbox)
        yield transport
        await transport.close()

    def state(self, address: str) -> str:
        found = self.store.subscribers.find(address)
        return found.state if found else "unknown"


def received(inbox: Inbox) -> list[Path]:
    return sorted(inbox.folder.glob("*.eml"))


def to_inbox(inbox: Inbox) -> SmtpTransport:
    return SmtpTransport([Server(host="127.0.0.1", port=inbox.port, security="none")])


def body(path: Path) -> str:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def links(html: str) -> list[str]:
    return [unescape(one) for one in findall(r'href="(http[^"]+)"', html)]


def path_of(link: str) -> str:
    return urlsplit(link).path


@asynccontextmanager
async def a_site(
    store: Store, folder: Path, *, limits: Limits | None = None, base_path: str = "", proxies: str = ""
) -> AsyncIterator[Site]:
    clock = Clock()
    known = (proxies,) if proxies else ()
    async with open_inbox(folder / "inbox") as inbox:

        async def open_transport(stack: AsyncExitStack) -> SmtpTransport:
            transport = to_inbox(inbox)
            stack.push_async_callback(transport.close)
            return transport

        listening, base = a_port()
        newsletter = replace(NEWSLETTER, base_url=base + base_path)
        renderer = replace(a_renderer(), newsletter=newsletter)
        signup = Signup(store, renderer, newsletter, KEYS)
        door = Door(
            signup=signup,
            renderer=renderer,
            paper=Paper(store=store, newsletter=newsletter, themes=(CRAFT, COST), schedules=SCHEDULES),
            open_transport=open_transport,
            clock=clock,
            operator=Operator(header="Remote-User", proxies=known),
            secret=SECRET,
            limits=limits or Limits(),
        )
        async with served(make_app(door), listening), aiohttp.ClientSession() as visitor:
            yield Site(base, store, signup, inbox, clock, visitor, door)


def a_port() -> tuple[socket.socket, str]:
    """A free one, and the address of pages there."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; it costs 40 ms an answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


@asynccontextmanager
async def served(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    settings = {"log_config": None, "ws": "none", "proxy_headers": False, "access_log": False}
    server = uvicorn.Server(uvicorn.Config(app, timeout_keep_alive=60, **settings))  # type: ignore[arg-type]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listening.close()


@asynccontextmanager
async def looking_at(app: Starlette) -> AsyncIterator[aiohttp.ClientSession]:
    """A visitor of an application."""
    listening, base = a_port()
    async with served(app, listening), aiohttp.ClientSession(base) as visitor:
        yield visitor
