"""One open SMTP connection, and one letter after another over it."""

import asyncio
import contextlib
import math
import re
from collections.abc import Sequence
from typing import cast

from aiosmtplib import SMTP

from digest.mail.pipeline import Exchange, LostError, Reply
from digest.mail.transport import Fate, Letter, Result, Server, Source, printable

_OVERTAXED_WORDS = ("frequency limited", "rate limit", "too many", "too quickly", "try again later", "频率")
_FULL = re.compile(r"(messages?|mails?|transactions?) .*\b(per|this|one) (connection|session)", re.IGNORECASE)
"""In a 421 after some letters (Exim, Yahoo): no more of them over this one."""
_AUTH_CODES = frozenset({530, 534, 535, 538})


class Connection:
    """An open connection. Letters go one after another; once :attr:`usable` is False, it is closed."""

    def __init__(self, smtp: SMTP, server: Server) -> None:
        self._smtp = smtp
        self._server = server
        self._exchange = Exchange(cast(asyncio.Transport, smtp.transport))
        self._loop = asyncio.get_running_loop()
        self.offers = frozenset(smtp.esmtp_extensions)
        """The extensions the server announced, in small letters."""
        size = smtp.esmtp_extensions.get("size", "").strip()
        self._most_octets = int(size) if size.isdigit() else 0
        self._pipelining = "pipelining" in self.offers
        self._carried = 0
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    @property
    def usable(self) -> bool:
        """Open, and with something left of its share."""
        return self._exchange.open and self._carried < self._server.messages_per_connection

    async def carry(self, letter: Letter, source: Source) -> None:
        """Send *letter* and what *source* gives after it, until it gives none or the connection ends.

        Where the server takes commands in groups, the envelope of the next letter travels with the end of
        this one: one round trip a letter. A letter's mark is asked for when the last one has its reply, so
        that no more than one a connection is between mark and reply.
        """
        waiting: Letter | None = letter
        begun = False
        while waiting is not None:
            try:
                result, following = await self._send(waiting, source, begun)
            except BaseException:
                self.close()  # in the middle of something: no use for the next letter
                raise
            source.settle(waiting, result)
            if following is not None and not self._exchange.open:
                source.settle(following, Result(Fate.UNTOUCHED, text="connection closed"))
                return
            begun = following is not None
            waiting = following or (source.next() if self.usable else None)

    async def _send(self, letter: Letter, source: Source, begun: bool) -> tuple[Result, Letter | None]:
        """What became of *letter*, and the next one when its envelope is out.

        A server may close a connection that has worked at any time between two letters: then the next is as
        good as never tried.
        """
        if not begun and (refusal := self._unfit(letter)) is not None:
            return refusal, None
        following: Letter | None = None
        lost_as = Fate.UNTOUCHED if self._carried else Fate.DEFERRED
        self._watch(self._server.command_s)
        try:
            refused = await self._open_data(letter, begun)
            self._carried += 1
            if refused is not None:
                return refused, None
            self._exchange.write(letter.content)
            await self._exchange.drain()
            self._due = math.inf  # the ledger may take its time
            lost_as = Fate.DEFERRED
            if not await source.mark(letter):
                self.close()
                return Result(Fate.WITHDRAWN), None
            following = self._following(source)
            after = self._envelope(following) if following is not None else ()
            self._exchange.write(b".\r\n" + b"".join(after), replies=1 + len(after))
            lost_as = Fate.UNKNOWN
            self._watch(self._server.reply_s)
            [reply] = await self._exchange.replies(1)
        except (OSError, LostError) as trouble:
            self.close()
            if not self._expired:
                return Result(lost_as, text=printable(str(trouble))), following
            lost_as = Fate.DEFERRED if lost_as is Fate.UNTOUCHED else lost_as
            return Result(lost_as, text="timed out"), following
        self._due = math.inf
        return self._judge(reply, step=3), following

    def _following(self, source: Source) -> Letter | None:
        """The letter whose envelope may go with the end of this one."""
        while self._pipelining and self.usable:
            letter = source.next()
            refusal = self._unfit(letter) if letter is not None else None
            if letter is None or refusal is None:
                return letter
            source.settle(letter, refusal)
        return None

    def _unfit(self, letter: Letter) -> Result | None:
        """What the server's EHLO already rules out."""
        octets, most = len(letter.content), self._most_octets
        if most and octets > most:
            return Result(Fate.REFUSED, 552, f"message of {octets} octets, the server takes {most}")
        if not letter.recipient.isascii() and "smtputf8" not in self.offers:
            return Result(Fate.REFUSED, 553, "the server takes no addresses outside ASCII (SMTPUTF8)")
        if "8bitmime" not in self.offers and not letter.content.isascii():
            return Result(Fate.REFUSED, 554, "the server takes no 8-bit messages (8BITMIME)")
        return None

    async def _open_data(self, letter: Letter, begun: bool) -> Result | None:
        """MAIL, RCPT, DATA. None when the server now waits for the message."""
        replies = await (self._exchange.replies(3) if begun else self._ask(self._envelope(letter)))
        for at, reply in enumerate(replies):
            if reply.code == 354 if at == 2 else reply.code < 300:
                continue
            await self._reset(replies)
            return self._judge(reply, step=at)
        return None

    async def _ask(self, commands: Sequence[bytes]) -> list[Reply]:
        """The replies to the commands; without PIPELINING those up to the first above 299."""
        if self._pipelining:
            self._exchange.write(b"".join(commands), replies=len(commands))
            return await self._exchange.replies(len(commands))
        replies: list[Reply] = []
        for command in commands:
            self._exchange.write(command, replies=1)
            replies += await self._exchange.replies(1)
            if replies[-1].code >= 300:
                break
        return replies

    def _envelope(self, letter: Letter) -> tuple[bytes, bytes, bytes]:
        options = b""
        if "size" in self.offers:
            options += b" SIZE=%d" % len(letter.content)
        if "8bitmime" in self.offers and not letter.content.isascii():
            options += b" BODY=8BITMIME"
        if not (letter.recipient.isascii() and letter.sender.isascii()):
            options += b" SMTPUTF8"
        return (
            b"MAIL FROM:<%b>%b\r\n" % (letter.sender.encode(), options),
            b"RCPT TO:<%b>\r\n" % letter.recipient.encode(),
            b"DATA\r\n",
        )

    async def _reset(self, replies: Sequence[Reply]) -> None:
        """Ready for another envelope after one that was refused.

        DATA that went out with it and was accepted is ended empty where there is no recipient (RFC 2920
        section 3.1); with one, an empty mail would arrive.
        """
        if replies[-1].code == 354:
            if len(replies) < 3 or replies[1].code < 400:
                self.close()
                return
            await self._ask((b".\r\n",))
        if self._exchange.open and (await self._ask((b"RSET\r\n",)))[0].code != 250:
            self.close()

    def _judge(self, reply: Reply, *, step: int) -> Result:
        """Read a reply. Steps: 0 MAIL, 1 RCPT, 2 DATA, 3 the message."""
        code, text, is_last = reply.code, printable(reply.text), step == 3
        if 200 <= code < 300 and is_last:
            return Result(Fate.SENT, code, text)
        if code == 421:
            self.close()
            if step == 0 and self._carried and _FULL.search(text):
                return Result(Fate.UNTOUCHED, text=text)  # no code: nothing is wrong with the server
            # After the whole message it is an answer about the message, before it one about the server.
            return Result(Fate.DEFERRED if is_last else Fate.UNTOUCHED, code, text)
        if code < 400:
            self.close()
            return Result(Fate.UNKNOWN if is_last else Fate.DEFERRED, code, f"out of place: {code} {text}")
        if code < 500 or is_overtaxed(code, text):
            return Result(Fate.DEFERRED, code, text)
        if code in _AUTH_CODES or (step == 0 and code not in {552, 554}):
            self.close()
            return Result(Fate.UNTOUCHED, code, text)
        return Result(Fate.REFUSED, code, text)

    def _watch(self, seconds: float) -> None:
        """This step may last so long. One timer serves many steps: asyncio.timeout costs 25 us more."""
        self._due = self._loop.time() + seconds
        if self._timer is None or self._due < self._timer.when():
            self._look()

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._look) if self._due < math.inf else None
        if self._due <= self._loop.time():
            self._expired = True
            self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        self._due = math.inf
        self._look()
        self._smtp.close()

    def leave(self) -> None:
        """Say QUIT without waiting: the server's answer changes nothing."""
        if self._exchange.open:
            with contextlib.suppress(OSError):
                self._exchange.write(b"QUIT\r\n")
        self.close()


def is_overtaxed(code: int, text: str) -> bool:
    """A 5yz that means "slower", not "no": QQ answers its limits with 550 (and 5.7.1-like texts)."""
    return 500 <= code < 600 and any(words in text.lower() for words in _OVERTAXED_WORDS)
