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
from typing import TYPE_CHECKING, cast
from weakref import WeakSet

from digest.charset import decode

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
        folder.mkdir(parents=True, exist_ok=True)
        self._last = max((number for number, _ in numbered(folder)), default=0)

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd looks for
        self, server: "SMTP", session: "Session", envelope: "Envelope"
    ) -> str:
        try:
            path = await asyncio.to_thread(self._store, cast(bytes, envelope.content))
        except OSError as error:
            return f"452 4.3.1 cannot store the message: {error.strerror}"
        return f"250 2.0.0 kept as {path.name}"

    def _store(self, content: bytes) -> Path:
        """Whole or not at all: readers of the folder never see half a message."""
        html = part_text(parsed(content), "html")
        draft = self.folder / f".draft.{os.getpid()}.{id(content)}"
        try:
            draft.write_bytes(content)
            path = self._linked(draft)
        finally:
            draft.unlink(missing_ok=True)
        if html is not None:
            path.with_suffix(".html").write_text(html, encoding="utf-8")
        return path

    def _linked(self, draft: Path) -> Path:
        """The next name that no other inbox on the same folder has taken."""
        while True:
            self._last += 1
            path = self.folder / f"{self._last:04d}.eml"
            try:
                os.link(draft, path)
            except FileExistsError:
                continue
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
    raw = part.get_payload(decode=True) if part is not None else None
    if part is None or not isinstance(raw, bytes):
        return None
    return decode(raw, part.get_content_charset()).text


@asynccontextmanager
async def open_inbox(folder: Path, *, port: int = 0) -> AsyncIterator[Inbox]:
    """Listen on loopback until the block is left; port 0 takes a free one, told as ``.port``.

    Raises:
        OSError: the port is taken, or the folder cannot be written.
    """
    from aiosmtpd.smtp import SMTP

    inbox = Inbox(folder)
    sessions: WeakSet[SMTP] = WeakSet()

    def session() -> SMTP:
        one = SMTP(inbox, data_size_limit=_MOST_OCTETS, enable_SMTPUTF8=True, hostname="digest.inbox")
        sessions.add(one)
        return one

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await _end(sessions)
        await server.wait_closed()
        inbox.port = 0


async def _end(sessions: "WeakSet[SMTP]") -> None:
    """Close what clients left open, and let aiosmtpd's tasks notice."""
    for _ in range(100):
        left = [session.transport for session in sessions if session.transport is not None]
        for transport in left:
            transport.close()
        await asyncio.sleep(0.01 if left else 0)
        if not left:
            return
