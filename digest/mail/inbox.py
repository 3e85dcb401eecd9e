"""A mail server on loopback that keeps what it gets as files, to look at what would be sent.

Each message becomes ``0001.eml`` (byte for byte as it was received) and, when it has an HTML part,
``0001.html`` beside it, encoded as UTF-8. Numbers go on where the folder's files end.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

_NUMBERED = re.compile(r"(\d{4,})\.eml")
_MOST_OCTETS = 33_554_432


class Inbox:
    """The files of an inbox, and the handler that adds to them.

    ``port`` is where it listens, 0 while it does not.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.received: list[Path] = []
        self._arrived = asyncio.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._last = max((number for number, _ in numbered(folder)), default=0)

    async def wait_for(self, messages: int, *, timeout_s: float = 30.0) -> list[Path]:
        """Wait until at least so many have come since it was opened; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.received) < messages:
                self._arrived.clear()
                await self._arrived.wait()
        return self.received

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd looks for
        self, server: "SMTP", session: "Session", envelope: "Envelope"
    ) -> str:
        try:
            path = await asyncio.to_thread(self._store, cast(bytes, envelope.content))
        except OSError as error:
            return f"452 4.3.1 cannot store the message: {error.strerror}"
        self.received.append(path)
        self._arrived.set()
        return f"250 2.0.0 kept as {path.name}"

    def _store(self, content: bytes) -> Path:
        html = html_part(content)
        while True:
            self._last += 1
            path = self.folder / f"{self._last:04d}.eml"
            try:
                _write(path, content)
            except FileExistsError:  # another inbox on the same folder
                continue
            if html is not None:
                path.with_suffix(".html").write_text(html, encoding="utf-8")
            return path


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """The messages of an inbox folder with their numbers, newest first."""
    found = ((_NUMBERED.fullmatch(path.name), path) for path in folder.glob("*.eml"))
    return sorted(((int(match[1]), path) for match, path in found if match), reverse=True)


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def part_text(message: EmailMessage, kind: str) -> str | None:
    """The text of the ``plain`` or ``html`` part, decoded; None when there is none."""
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, KeyError):  # a charset or type Python does not know
        return cast(bytes, part.get_payload(decode=True) or b"").decode("utf-8", "replace")


def html_part(content: bytes) -> str | None:
    return part_text(parsed(content), "html")


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: readers of the folder never see half a message."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    try:
        os.link(draft, path)
    finally:
        draft.unlink()


@asynccontextmanager
async def open_inbox(folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Inbox]:
    """Listen until the block is left; port 0 takes a free one, told as ``.port``.

    Raises:
        OSError: the port is taken, or the folder cannot be written.
    """
    from aiosmtpd.smtp import SMTP

    inbox = Inbox(folder)
    open_now: set[Any] = set()

    class Visitor(SMTP):
        """Known while connected, so that closing the inbox ends it."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            open_now.add(self)
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            open_now.discard(self)

    loop = asyncio.get_running_loop()

    def visitor() -> Visitor:
        return Visitor(
            inbox, data_size_limit=_MOST_OCTETS, enable_SMTPUTF8=True, hostname="digest.inbox", loop=loop
        )

    server = await loop.create_server(visitor, host, port)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await _end(open_now)
        await server.wait_closed()
        inbox.port = 0


async def _end(sessions: set[Any]) -> None:
    """Close what clients left open, and let aiosmtpd's tasks notice."""
    for session in tuple(sessions):
        if session.transport is not None:
            session.transport.close()
    for _ in range(100):
        if not sessions:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
