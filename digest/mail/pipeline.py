"""Speaking on an open connection: commands and content out, replies in, in order (RFC 2920).

aiosmtplib keeps one reply at a time, so once it has connected, encrypted and authenticated, a protocol of
our own takes its place on the transport.
"""

import asyncio
import re
from typing import NamedTuple

_MOST_REPLY_OCTETS = 32_768
_REPLY = re.compile(rb"(?:[^\n]{3}-[^\n]*\n)*(?![^\n]{3}-)([2-5]\d\d)?[^\n]*\n")
"""Ends with the line that has no hyphen after the code; one without a code in its place is none."""


class Reply(NamedTuple):
    """A server's reply, with its lines as they came."""

    code: int
    octets: bytes

    @property
    def text(self) -> str:
        """The server's words; lines are joined by line feeds."""
        lines = self.octets.decode("utf-8", "replace").split("\n")
        return "\n".join([line[4:].strip() for line in lines[:-1]])


class LostError(ConnectionError):
    """The connection is gone, or what came over it was no SMTP (a reply outside 200 to 599)."""


class Exchange(asyncio.Protocol):
    """One connection's words. Replies nobody waits for are dropped: they belong to nothing we said."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._tail = b""
        self._replies: list[Reply] = []
        self._owed = 0
        self._waiter: asyncio.Future[None] | None = None
        self._lost: LostError | None = None
        transport.set_protocol(self)
        transport.set_write_buffer_limits(0)  # else uvloop writes only at the end of the loop's turn

    @property
    def open(self) -> bool:
        return self._lost is None and not self._transport.is_closing()

    def write(self, data: bytes, *, replies: int = 0) -> None:
        """Write what will be answered by so many replies."""
        if not self.open:
            raise self._lost or LostError("connection closed")
        self._owed += replies
        self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the system took all we wrote: what is still with us is not with the server."""
        while self._transport.get_write_buffer_size():
            await asyncio.sleep(0.005)
            if self._transport.is_closing():
                raise self._lost or LostError("connection lost")

    async def replies(self, count: int) -> list[Reply]:
        """The next replies, once there are so many; fewer when the connection ended with a refusal."""
        while len(self._replies) < count:
            if self._lost is not None:
                if any(reply.code >= 400 for reply in self._replies):
                    break
                raise self._lost
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        taken, self._replies = self._replies[:count], self._replies[count:]
        return taken

    def data_received(self, data: bytes) -> None:
        data, end = self._tail + data, 0
        while found := _REPLY.match(data, end):
            end = found.end()
            octets, code = found.group(0, 1)
            if code is None:
                self._refuse(f"not an SMTP reply: {octets.decode('ascii', 'replace').strip()}")
                break
            if self._owed:
                self._owed -= 1
                self._replies.append(Reply(int(code), octets))
        self._tail = data[end:]
        if len(self._tail) > _MOST_REPLY_OCTETS:
            self._refuse("the server's reply has no end")
        if self._replies and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _refuse(self, why: str) -> None:
        self._fail(LostError(why))
        self._transport.close()

    def eof_received(self) -> bool:
        self._fail(LostError("the server closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(LostError(f"connection lost: {exc}" if exc else "connection lost"))

    def _fail(self, lost: LostError) -> None:
        self._lost = self._lost or lost
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
