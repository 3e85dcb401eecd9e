"""Speaking on an open connection: commands and content out, replies in, in order (RFC 2920).

aiosmtplib keeps one reply at a time, so once it has connected, encrypted and authenticated, a protocol of
our own takes its place on the transport.
"""

import asyncio
from typing import NamedTuple

_MOST_REPLY_OCTETS = 32_768


class Reply(NamedTuple):
    """A server's reply; lines of a longer one are joined by line feeds."""

    code: int
    text: str


class LostError(ConnectionError):
    """The connection is gone, or what came over it was no SMTP (a reply outside 200 to 599)."""


class Exchange(asyncio.Protocol):
    """One connection's words. Replies nobody waits for are dropped: they belong to nothing we said."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._tail = b""
        self._texts: list[str] = []
        self._octets = 0
        self._replies: list[Reply] = []
        self._owed = 0
        self._waiter: asyncio.Future[None] | None = None
        self._lost: LostError | None = None
        transport.set_protocol(self)

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
        pause_s = 0.0  # uvloop writes at the end of the loop's turn
        while self._transport.get_write_buffer_size():
            await asyncio.sleep(pause_s)
            pause_s = 0.005
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

    async def reply(self) -> Reply:
        return (await self.replies(1))[0]

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        *lines, self._tail = (self._tail + data).split(b"\n")
        try:
            for line in lines:
                self._read(line)
            if self._octets + len(self._tail) > _MOST_REPLY_OCTETS:
                raise LostError("the server's reply has no end")
        except LostError as lost:
            self._fail(lost)
            self._transport.close()
        if self._replies and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _read(self, line: bytes) -> None:
        """A line of a reply, which ends with the line that has no hyphen after the code."""
        self._texts.append(line[4:].decode("utf-8", "replace").strip())
        if line[3:4] == b"-":
            self._octets += len(line)
            return
        code = int(line[:3]) if line[:3].isdigit() else -1
        if not 200 <= code <= 599:
            raise LostError(f"not an SMTP reply: {line.decode('ascii', 'replace')}")
        if self._owed:
            self._owed -= 1
            self._replies.append(Reply(code, "\n".join(self._texts)))
        self._texts, self._octets = [], 0

    def eof_received(self) -> bool:
        self._fail(LostError("the server closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(LostError(f"connection lost: {exc}" if exc else "connection lost"))

    def _fail(self, lost: LostError) -> None:
        self._lost = self._lost or lost
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
