"""What every transport does with one message, and what it says became of it.

A transport is handed a letter and a *mark*. Once the whole message but its end is with the server
it awaits the mark, and only when that says yes does it write the end: the ledger can so record
durably that a message may be out before it can be out.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

_PATH = re.compile(r"[^\x00-\x20\x7f<>()\[\]\\,;:\"@]+@[^\x00-\x20\x7f<>()\[\]\\,;:\"@]+")
_LONGEST_PATH = 254
TURN_S = 60.0
"""How long a letter by itself waits for its turn; its caller tries it again much later."""


class Fate(StrEnum):
    """What became of a letter.

    ``untouched``: the letter is as good as never tried, no attempt is counted: its server was in trouble and
    rests now, or closed a connection between two letters. ``withdrawn``: the mark said no. ``unknown``: the
    end was written and no reply came.
    """

    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNTOUCHED = "untouched"
    WITHDRAWN = "withdrawn"


class Result(NamedTuple):
    """A letter's fate, with the server's reply.

    Args:
        code: The SMTP reply code, 0 when there was none.
        text: The server's own words, or ours; without control characters, at most 500 characters.
    """

    fate: Fate
    code: int = 0
    text: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Letter:
    """A message in its envelope; equal to itself alone.

    Args:
        sender: Return path, empty for none (RFC 5321 section 4.5.5); both addresses are canonical.
        content: As :func:`wire_form` makes it.

    Raises:
        ValueError: The last look before the wire: an address is none, is two, or could end the command.
    """

    sender: str
    recipient: str
    content: bytes

    def __post_init__(self) -> None:
        for what, path in ("an address to mail", self.recipient), ("a return path", self.sender or "a@a"):
            if not _PATH.fullmatch(path) or len(path.encode()) > _LONGEST_PATH:
                raise ValueError(f"not {what}: {printable(path)[:80]!r}")


class Source(Protocol):
    """Where a transport gets letters, one after another, and whom it tells what became of each."""

    def next(self) -> Letter | None:
        """A letter that may go now; None when there is none."""

    def mark(self, letter: Letter) -> Awaitable[bool]:
        """Record durably that it is about to be out; False: it must not go out after all."""

    def settle(self, letter: Letter, result: Result) -> None:
        """Every letter ends here, once."""


class Transport(Protocol):
    """A way out for letters. Letters to one transport may be sent side by side."""

    @property
    def connections(self) -> int:
        """How many letters it takes at once."""

    def wait_s(self, recipient: str) -> float:
        """Seconds until a letter to this address may be tried; 0 is now. An estimate, never low for long."""

    async def carry(self, letter: Letter, source: Source) -> None:
        """Send *letter*, and what *source* gives while that suits. Never raises for what a server does."""

    def trouble(self) -> tuple[str, ...]:
        """One sentence for each server that cannot be used now."""

    async def close(self) -> None:
        """End every connection in good order."""

    async def send(self, letter: Letter) -> Result:
        """Send a letter that stands in no ledger, when its turn has come; another way when one fails."""
        end, alone = time.monotonic() + TURN_S, _Alone()
        while (wait_s := self.wait_s(letter.recipient)) and time.monotonic() + wait_s < end:  # noqa: ASYNC110
            await asyncio.sleep(wait_s)
        await self.carry(letter, alone)
        while alone.result.fate is Fate.UNTOUCHED and not self.wait_s(letter.recipient):
            await self.carry(letter, alone)
        return alone.result


class _Alone:
    """A source of no more letters."""

    result = Result(fate=Fate.UNTOUCHED)

    def next(self) -> None:
        return None

    async def mark(self, letter: Letter) -> bool:
        return True

    def settle(self, letter: Letter, result: Result) -> None:
        self.result = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How fast and how broad, for a server or a recipient domain. None is no limit.

    The stricter of the two rates counts, and messages are spaced evenly, without bursts.
    """

    per_second: float | None = None
    per_minute: float | None = None
    connections: int | None = None

    @property
    def interval_s(self) -> float:
        """Least time between two messages."""
        second = 1 / self.per_second if self.per_second else 0.0
        minute = 60 / self.per_minute if self.per_minute else 0.0
        return max(second, minute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A mail server we hand messages to.

    Args:
        security: ``starttls`` is demanded, never merely tried: a server that does not offer it gets no mail.
        weight: Share of the mail among servers that can take it now; 0 is used only when no other can.
        auth: ``auto`` takes the first the server offers of PLAIN, LOGIN and CRAM-MD5 (the other way
            round without TLS); one method, one attempt.
        token: Makes a fresh OAuth 2 token, for ``xoauth2``.
        verify: Check the server's certificate and name; ca_file adds a private authority.
        connections: Kept open side by side.
        messages_per_connection: A connection is replaced after so many, and after *idle_s* unused.
        command_s: Time-out of a step; reply_s: of the reply to the whole message, which RFC 5321
            section 4.5.3.2 sets at ten minutes because a lost reply makes a duplicate.
    """

    host: str
    port: int = 25
    name: str = ""
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    auth: str = "auto"
    token: Callable[[], Awaitable[str]] | None = None
    verify: bool = True
    ca_file: Path | None = None
    connections: int = 4
    weight: int = 1
    limit: Limit = Limit()
    messages_per_connection: int = 500
    idle_s: float = 30.0
    connect_s: float = 30.0
    command_s: float = 60.0
    reply_s: float = 600.0

    @property
    def label(self) -> str:
        return self.name or f"{self.host}:{self.port}"


def wire_form(message: bytes) -> bytes:
    """The message as it goes over the wire, without the final dot.

    CRLF line ends only (a bare CR or LF can smuggle a second message in), a dot before lines that
    begin with one (RFC 5321 section 4.5.2).
    """
    return b"".join([b"." * line.startswith(b".") + line + b"\r\n" for line in message.splitlines()])


def printable(text: str) -> str:
    """A server's words, safe to log and to keep: controls become blanks, at most 500 characters."""
    if text.isprintable() and len(text) < 500 and "  " not in text:
        return text.strip()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]
