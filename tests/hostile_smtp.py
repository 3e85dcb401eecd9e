"""An SMTP server on loopback with scripted bad manners, that remembers all it was told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

DROP = "drop"
STALL = "stall"
DRIP = "drip"
ENDLESS = "endless"
NORMAL = ""

USUAL = {
    "GREETING": "220 hostile.example.org ESMTP",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "END": "250 2.0.0 taken",
    "RSET": "250 2.0.0 forgotten",
    "STARTTLS": "220 go on",
    "QUIT": "221 bye",
}


@dataclass
class Hostile:
    """Answers each step from its script, then as usual.

    Args:
        script: By step, what to do the first, second... time over all connections: a reply line (any
            text), or DROP, STALL, DRIP, ENDLESS, NORMAL. A bare string is done every time.
        extensions: Offered after EHLO.
        users: Name to password, for AUTH PLAIN and LOGIN.
    """

    script: dict[str, str | list[str]] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8")
    extensions_after_tls: tuple[str, ...] | None = None
    context: ssl.SSLContext | None = None
    users: dict[str, str] = field(default_factory=dict)
    port: int = 0
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    commands: list[str] = field(default_factory=list)
    messages: list[tuple[str, str, bytes]] = field(default_factory=list)
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    def recipients(self) -> list[str]:
        return [recipient for _, recipient, _ in self.messages]

    def count(self, verb: str) -> int:
        return sum(command.upper().startswith(verb) for command in self.commands)

    def next(self, step: str) -> str:
        planned = self.script.get(step, NORMAL)
        if isinstance(planned, str):
            return planned
        return planned.pop(0) if planned else NORMAL


class _Session:
    def __init__(self, server: Hostile, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.sender: str | None = None
        self.recipient = ""

    async def run(self) -> None:
        await self.answer("GREETING")
        while line := await self.reader.readline():
            command = line.decode().rstrip("\r\n")
            self.server.commands.append(command)
            self.server.seen.set()
            verb = command.split(" ", 1)[0].upper()
            await getattr(self, f"on_{verb.lower()}", self.on_other)(command, verb)

    async def answer(self, step: str, usual: str = "") -> bool:
        """Do as scripted; True when that was the usual thing."""
        planned = self.server.next(step)
        if planned == DROP:
            raise ConnectionAbortedError
        if planned == STALL:
            await asyncio.sleep(3600)
        if planned == DRIP:
            for byte in b"250-" + b"slowly " * 1000:
                await self.write(bytes([byte]))
                await asyncio.sleep(0.02)
        while planned == ENDLESS:
            await self.write(b"250-more\r\n" * 1000)
        reply = planned or usual or USUAL[step]
        await self.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        return planned == NORMAL

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def on_ehlo(self, command: str, verb: str) -> None:
        offered = ("hostile.example.org", *self.server.extensions)
        lines = [f"250{'-' if at < len(offered) - 1 else ' '}{word}" for at, word in enumerate(offered)]
        await self.answer("EHLO", "\r\n".join(lines))

    async def on_starttls(self, command: str, verb: str) -> None:
        assert self.server.context is not None
        if await self.answer("STARTTLS"):
            await self.writer.start_tls(self.server.context)
            self.server.extensions = self.server.extensions_after_tls or self.server.extensions

    async def on_auth(self, command: str, verb: str) -> None:
        import base64
        import hmac

        _, method, *initial = command.split(" ")
        if method == "PLAIN":
            _, user, password = base64.b64decode(initial[0]).decode().split("\0")
        elif method == "LOGIN":
            user = base64.b64decode(initial[0]).decode()
            await self.write(b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(await self.reader.readline()).decode()
        elif method == "XOAUTH2":
            user, password = base64.b64decode(initial[0]).decode().split("\1")[:2]
            user, password = user.removeprefix("user="), password.removeprefix("auth=Bearer ")
        else:
            await self.write(b"334 " + base64.b64encode(b"<challenge>") + b"\r\n")
            user, digest = base64.b64decode(await self.reader.readline()).decode().split(" ")
            right = self.server.users.get(user, "").encode()
            password = right.decode() if digest == hmac.new(right, b"<challenge>", "md5").hexdigest() else ""
        known = bool(password) and self.server.users.get(user) == password
        await self.answer("AUTH", "235 2.7.0 welcome" if known else "535 5.7.8 wrong password")

    async def on_mail(self, command: str, verb: str) -> None:
        self.recipient, self.sender = "", None
        if await self.answer("MAIL"):
            self.sender = command[command.index("<") + 1 : command.index(">")]

    async def on_rcpt(self, command: str, verb: str) -> None:
        if (
            await self.answer("RCPT", "503 5.5.1 who from?" if self.sender is None else "")
            and self.sender is not None
        ):
            self.recipient = command[command.index("<") + 1 : command.index(">")]

    async def on_data(self, command: str, verb: str) -> None:
        if not await self.answer("DATA"):
            return
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                return
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.commands.append("END")
        planned = self.server.script.get("END", NORMAL)
        planned = planned if isinstance(planned, str) else next(iter(planned), NORMAL)
        if self.recipient and planned[:1] not in {"4", "5"}:  # DROP and its like come after it was taken
            self.server.messages.append((self.sender or "", self.recipient, b"".join(lines)))
        await self.answer("END", "" if self.recipient else "554 5.5.1 no valid recipients")

    async def on_rset(self, command: str, verb: str) -> None:
        await self.answer("RSET")

    async def on_quit(self, command: str, verb: str) -> None:
        await self.answer("QUIT")
        raise ConnectionAbortedError

    async def on_other(self, command: str, verb: str) -> None:
        await self.write(b"500 5.5.1 what?\r\n")


@asynccontextmanager
async def serving(hostile: Hostile, *, implicit_tls: bool = False) -> AsyncIterator[Hostile]:
    """Run it until the block is left; ``.port`` says where."""
    sessions: set[asyncio.Task[Any]] = set()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        sessions.add(task)
        hostile.connections += 1
        hostile.open_now += 1
        hostile.most_open = max(hostile.most_open, hostile.open_now)
        with suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            await _Session(hostile, reader, writer).run()
        hostile.open_now -= 1
        sessions.discard(task)
        writer.close()

    server = await asyncio.start_server(
        session, "127.0.0.1", 0, ssl=hostile.context if implicit_tls else None
    )
    hostile.port = server.sockets[0].getsockname()[1]
    try:
        yield hostile
    finally:
        server.close()
        await _cancelled(sessions)
        await server.wait_closed()


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tuple(tasks):
        task.cancel()
    await asyncio.sleep(0.01)
