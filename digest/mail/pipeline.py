"""Two ways of speaking on an open connection: a command at a time, or several in one go (RFC 2920).

aiosmtplib keeps one reply at a time, so pipelining needs a protocol of our own on its transport,
put there once aiosmtplib has connected, encrypted and authenticated.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from aiosmtplib import SMTP

_MOST_REPLY_OCTETS = 32_768


class Reply(NamedTuple):
    """A server's reply; lines of a longer one are joined by line feeds."""

    code: int
    text: str


class LostError(ConnectionError):
    """The connection is gone, or what came over it was no SMTP."""


class Exchange(Protocol):
    """An open, greeted, authenticated connection. Replies outside 200 to 599 raise :class:`LostError`."""

    async def commands(self, lines: Sequence[bytes]) -> list[Reply]:
        """Send the commands and give the replies, in order; may stop at the first above 299."""

    def write(self, data: bytes) -> None: ...

    async def reply(self) -> Reply:
        """The reply to what was written; to be awaited right after the write."""


class Plain:
    """A command at a time, through aiosmtplib's public interface alone."""

    def __init__(self, smtp: "SMTP") -> None:
        from aiosmtplib import SMTPException

        self._smtp = smtp
        self._errors = SMTPException

    async def commands(self, lines: Sequence[bytes]) -> list[Reply]:
        replies = []
        for line in lines:
            try:
                response = await self._smtp.execute_command(line, timeout=None)
            except self._errors as error:
                raise LostError(str(error)) from error
            replies.append(checked(response.code, response.message))
            if response.code >= 300:
                break
        return replies

    def write(self, data: bytes) -> None:
        if self._smtp.protocol is None:
            raise LostError("connection closed")
        self._smtp.protocol.write(data)

    async def reply(self) -> Reply:
        if self._smtp.protocol is None:
            raise LostError("connection closed")
        try:
            response = await self._smtp.protocol.read_response(timeout=None)
        except self._errors as error:
            raise LostError(str(error)) from error
        return checked(response.code, response.message)


class Pipelined(asyncio.Protocol):
    """Several commands in one write; replies are matched to them in order."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._lost: LostError | None = None
        transport.set_protocol(self)

    async def commands(self, lines: Sequence[bytes]) -> list[Reply]:
        futures = [self._expect() for _ in lines]
        self.write(b"\r\n".join(lines) + b"\r\n")
        return [await future for future in futures]

    def write(self, data: bytes) -> None:
        if self._lost is not None or self._transport.is_closing():
            raise self._lost or LostError("connection closed")
        self._transport.write(data)

    async def reply(self) -> Reply:
        return await self._expect()

    def _expect(self) -> "asyncio.Future[Reply]":
        future = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            raise self._lost
        self._waiting.append(future)
        return future

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while (reply := self._next()) is not None:
                if self._waiting:
                    self._waiting.popleft().set_result(reply)
        except LostError as lost:
            self._fail(lost)
            self._transport.close()

    def _next(self) -> Reply | None:
        """The first whole reply in the buffer, taken out of it."""
        texts, at = [], 0
        while (end := self._buffer.find(b"\n", at)) >= 0:
            line = bytes(self._buffer[at:end]).rstrip(b"\r")
            at = end + 1
            texts.append(line[4:].decode("utf-8", "replace").strip())
            if line[3:4] != b"-":
                del self._buffer[:at]
                code = line[:3]
                return checked(int(code) if code.isdigit() else -1, "\n".join(texts), line)
        if len(self._buffer) > _MOST_REPLY_OCTETS:
            raise LostError("the server's reply has no end")
        return None

    def eof_received(self) -> bool:
        self._fail(LostError("the server closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(LostError(f"connection lost: {exc}" if exc else "connection lost"))

    def _fail(self, lost: LostError) -> None:
        self._lost = self._lost or lost
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(self._lost)
                future.exception()  # nobody may be waiting any more


def make_exchange(smtp: "SMTP", *, pipelining: bool) -> Exchange:
    """Pipelined when the server offers it and the transport lets us, else a command at a time."""
    transport = smtp.transport
    if pipelining and smtp.supports_extension("pipelining") and hasattr(transport, "set_protocol"):
        return Pipelined(cast(asyncio.Transport, transport))
    return Plain(smtp)


def checked(code: int, text: str, line: bytes = b"") -> Reply:
    if not 200 <= code <= 599:
        raise LostError(f"not an SMTP reply: {line.decode('ascii', 'replace') or text}")
    return Reply(code, text)
