"""Mail into a Maildir folder, for tests and for handing over to other tools."""

import asyncio
import os
import socket
import time
from itertools import count
from pathlib import Path

from digest.mail.pace import Breaker
from digest.mail.transport import Fate, Letter, Result, Source, Transport

_serial = count()


class MaildirTransport(Transport):
    """Each letter becomes a file in ``new``, with its envelope in Return-Path and Delivered-To.

    The file is complete and synced in ``tmp`` before the mark, and moved after it, so that the move
    is what the final dot is to SMTP.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._breaker = Breaker()
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def connections(self) -> int:
        return 1

    def wait_s(self, recipient: str) -> float:
        return self._breaker.wait_s(time.monotonic())

    async def carry(self, letter: Letter, source: Source) -> None:
        source.settle(letter, await self._keep(letter, source))

    async def _keep(self, letter: Letter, source: Source) -> Result:
        name = f"{time.time_ns()}.{os.getpid()}_{next(_serial)}.{socket.gethostname()}"
        draft = self._folder / "tmp" / name
        try:
            await asyncio.to_thread(_write, draft, _stored_form(letter))
        except OSError as error:
            draft.unlink(missing_ok=True)
            what = f"cannot write into {self._folder}: {error.strerror}; make room, or see to the folder"
            self._breaker.trip(time.monotonic(), what)
            return Result(Fate.UNTOUCHED, text=str(error))
        if not await source.mark(letter):
            draft.unlink()
            return Result(Fate.WITHDRAWN)
        try:
            draft.rename(self._folder / "new" / name)
        except OSError as error:
            return Result(Fate.DEFERRED, text=str(error))
        self._breaker.served()
        return Result(Fate.SENT, text=name)

    def trouble(self) -> tuple[str, ...]:
        return (self._breaker.reason,) if self._breaker.reason else ()

    async def close(self) -> None:
        """Nothing is open between letters."""


def _stored_form(letter: Letter) -> bytes:
    """The message with its envelope on top and the wire's dot-stuffing undone."""
    content = letter.content.replace(b"\n..", b"\n.")
    content = content[1:] if content.startswith(b"..") else content
    envelope = f"Return-Path: <{letter.sender}>\r\nDelivered-To: {letter.recipient}\r\n"
    return envelope.encode() + content


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
