"""One SMTP connection: opened by aiosmtplib, then one letter after another."""

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from digest.mail.pipeline import Exchange, LostError, Reply
from digest.mail.transport import (
    Fate,
    Letter,
    Result,
    Security,
    Server,
    Source,
    TransportSettingsError,
    printable,
)

if TYPE_CHECKING:
    from aiosmtplib import SMTP

_OVERTAXED_WORDS = ("frequency limited", "rate limit", "too many", "try again later", "频率")
_TROUBLE = (OSError, LostError)
_AUTH_CODES = frozenset({530, 534, 535, 538})


class _LostEarlyError(Exception):
    """The connection was lost before the mark was asked for: the letter is certainly not out."""


class OpeningError(Exception):
    """No usable connection. *lasting*: it needs a person (certificate, password), so ask seldom."""

    def __init__(self, what: str, *, lasting: bool = False) -> None:
        super().__init__(what)
        self.lasting = lasting


class Connection:
    """An open connection. Letters go one after another; once :attr:`usable` is False, only close it."""

    def __init__(self, smtp: "SMTP", server: Server, now: float) -> None:
        self._smtp = smtp
        self._server = server
        self._exchange = Exchange(cast(asyncio.Transport, smtp.transport))
        self._loop = asyncio.get_running_loop()
        size = smtp.esmtp_extensions.get("size", "").strip()
        self._most_octets = int(size) if size.isdigit() else 0
        self._eight_bit = smtp.supports_extension("8bitmime")
        self._utf8 = smtp.supports_extension("smtputf8")
        self._sized = smtp.supports_extension("size")
        self._pipelining = server.pipelining and smtp.supports_extension("pipelining")
        self._carried = 0
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False
        self.used_at = now

    @property
    def usable(self) -> bool:
        return self._exchange.open

    def is_fresh(self, now: float) -> bool:
        """Still worth another letter: young, used lately, not closed by the other side."""
        return self._has_share_left() and now - self.used_at < self._server.idle_s

    def _has_share_left(self) -> bool:
        return self.usable and self._carried < self._server.messages_per_connection

    @property
    def offers(self) -> tuple[str, ...]:
        """The extensions the server announced, in order of names."""
        return tuple(sorted(self._smtp.esmtp_extensions))

    async def carry(self, letter: Letter | None, source: Source) -> Letter | None:
        """Send *letter* and what *source* gives after it, until it gives none or the connection ends.

        Where the server takes commands in groups, the envelope of the next letter travels with the end of
        this one: one round trip a letter. A letter's mark is asked for when the last one has its reply, so
        that no more than one a connection is between mark and reply.

        Returns:
            The next letter, when the connection ended before its content was out and had worked until
            then (a server may close it at any time between two letters): it is as good as never tried.
        """
        begun = False
        while letter is not None:
            following = None
            known = self._carried > 0
            try:
                result = await self._hand_over(letter, source, begun)
                if result is None:
                    following = self._following(source)
                    result = await self._end(following)
            except _LostEarlyError as trouble:
                if known and not self._expired:
                    return letter
                result = self._result(Fate.DEFERRED, 0, str(trouble))
            except BaseException:
                self.close()  # in the middle of something: no use for the next letter
                raise
            source.settle(letter, result)
            if not self.usable:
                return following
            begun = following is not None
            letter = following or (source.next() if self._has_share_left() else None)
        return None

    async def _hand_over(self, letter: Letter, source: Source, begun: bool) -> Result | None:
        """All but the end of *letter*, marked; None when the end may follow, else what became of it."""
        refusal = None if begun else self._unfit(letter)
        if refusal is not None:
            return refusal
        self._watch(self._server.command_s)
        marked = False
        try:
            refused = await self._open_data(letter, begun)
            self._carried += 1
            if refused is not None:
                return refused
            self._exchange.write(letter.content)
            await self._exchange.drain()
            self._due = math.inf  # the ledger may take its time
            marked = True
            if await source.mark(letter):
                return None
        except _TROUBLE as trouble:
            self.close()
            if marked:
                return self._result(Fate.DEFERRED, 0, self._what(trouble))
            raise _LostEarlyError(self._what(trouble)) from trouble
        self.close()
        return self._result(Fate.WITHDRAWN, 0, "")

    def _following(self, source: Source) -> Letter | None:
        """The letter whose envelope may go with the end of this one."""
        while self._pipelining and self._has_share_left():
            letter = source.next()
            refusal = self._unfit(letter) if letter is not None else None
            if letter is None or refusal is None:
                return letter
            source.settle(letter, refusal)
        return None

    def _unfit(self, letter: Letter) -> Result | None:
        """What the server's EHLO already rules out."""
        octets = len(letter.content)
        if self._most_octets and octets > self._most_octets:
            return self._result(
                Fate.REFUSED, 552, f"message of {octets} octets, the server takes {self._most_octets}"
            )
        if not letter.recipient.isascii() and not self._utf8:
            return self._result(Fate.REFUSED, 553, "the server takes no addresses outside ASCII (SMTPUTF8)")
        if not self._eight_bit and not letter.content.isascii():
            return self._result(Fate.REFUSED, 554, "the server takes no 8-bit messages (8BITMIME)")
        return None

    async def _open_data(self, letter: Letter, begun: bool) -> Result | None:
        """MAIL, RCPT, DATA. None when the server now waits for the message."""
        replies = await (self._exchange.replies(3) if begun else self._ask(self._envelope(letter)))
        for at, reply in enumerate(replies):
            if reply.code == 354 if at == 2 else reply.code < 300:
                continue
            if at < 2 and replies[-1].code == 354:
                await self._take_back_data(replies)
            else:
                await self._reset()
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
            replies.append(await self._exchange.reply())
            if replies[-1].code >= 300:
                break
        return replies

    def _envelope(self, letter: Letter) -> tuple[bytes, bytes, bytes]:
        options = b""
        if self._sized:
            options += b" SIZE=%d" % len(letter.content)
        if self._eight_bit and not letter.content.isascii():
            options += b" BODY=8BITMIME"
        if not (letter.recipient.isascii() and letter.sender.isascii()):
            options += b" SMTPUTF8"
        return (
            b"MAIL FROM:<%b>%b\r\n" % (letter.sender.encode(), options),
            b"RCPT TO:<%b>\r\n" % letter.recipient.encode(),
            b"DATA\r\n",
        )

    async def _take_back_data(self, replies: Sequence[Reply]) -> None:
        """DATA went out with the envelope and was accepted although that was refused.

        Without a recipient it is ended empty (RFC 2920 section 3.1); with one, an empty mail would arrive.
        """
        if len(replies) < 3 or replies[1].code < 400:
            self.close()
            return
        await self._ask((b".\r\n",))
        await self._reset()

    async def _reset(self) -> None:
        if self.usable and (await self._ask((b"RSET\r\n",)))[0].code != 250:
            self.close()

    async def _end(self, following: Letter | None) -> Result:
        """Write the end, and the envelope of the next; wait for the one reply that counts."""
        after = self._envelope(following) if following is not None else ()
        try:
            self._exchange.write(b".\r\n" + b"".join(after), replies=1 + len(after))
        except _TROUBLE as trouble:
            self.close()
            return self._result(Fate.DEFERRED, 0, self._what(trouble))
        self._watch(self._server.reply_s)
        try:
            reply = await self._exchange.reply()
        except _TROUBLE as trouble:
            self.close()
            return self._result(Fate.UNKNOWN, 0, self._what(trouble))
        self._due = math.inf
        return self._judge(reply, step=3)

    def _judge(self, reply: Reply, *, step: int) -> Result:
        """Read a reply. Steps: 0 MAIL, 1 RCPT, 2 DATA, 3 the message."""
        code, text = reply.code, reply.text
        if code == 421:
            self.close()
            # After the whole message it is an answer about the message, before it one about the server.
            return self._result(Fate.DEFERRED if step == 3 else Fate.UNTOUCHED, code, text)
        if 200 <= code < 300 and step == 3:
            return self._result(Fate.SENT, code, text)
        if code < 400:
            self.close()
            fate = Fate.UNKNOWN if step == 3 else Fate.DEFERRED
            return self._result(fate, code, f"out of place: {code} {text}")
        if code < 500 or is_overtaxed(code, text):
            return self._result(Fate.DEFERRED, code, text)
        if code in _AUTH_CODES or (step == 0 and code not in {552, 554}):
            self.close()
            return self._result(Fate.UNTOUCHED, code, text)
        return self._result(Fate.REFUSED, code, text)

    def _result(self, fate: Fate, code: int, text: str) -> Result:
        return Result(fate=fate, code=code, text=printable(text), server=self._server.label)

    def _what(self, trouble: BaseException) -> str:
        return "timed out" if self._expired else str(trouble) or type(trouble).__name__

    def _watch(self, seconds: float) -> None:
        """This step may last so long. One timer serves many steps; wait_for at each costs far more."""
        self._due = self._loop.time() + seconds
        if self._timer is None or self._due < self._timer.when():
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._look) if self._due < math.inf else None

    def _look(self) -> None:
        if self._loop.time() < self._due:
            self._set_timer()
        else:
            self._expired = True
            self._exchange.abort()

    def close(self) -> None:
        """Drop the connection at once."""
        self._due = math.inf
        self._set_timer()
        self._smtp.close()

    def leave(self) -> None:
        """Say QUIT without waiting: the server's answer changes nothing."""
        if self.usable:
            with contextlib.suppress(*_TROUBLE):
                self._exchange.write(b"QUIT\r\n")
        self.close()

    async def quit(self) -> None:
        """Take leave, without waiting long for the answer."""
        if self.usable:
            self._watch(2.0)
            with contextlib.suppress(*_TROUBLE):
                await self._ask((b"QUIT\r\n",))
        self.close()


def is_overtaxed(code: int, text: str) -> bool:
    """A 5yz that means "slower", not "no": QQ answers its limits with 550 (and 5.7.1-like texts)."""
    return 500 <= code < 600 and any(words in text.lower() for words in _OVERTAXED_WORDS)


def make_context(server: Server) -> ssl.SSLContext | None:
    """TLS as the settings say; certificates and names are checked unless switched off."""
    if server.security is Security.NONE:
        return None
    context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
    if server.ca_file:
        context.load_default_certs()
    if not server.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_connection(
    server: Server, context: ssl.SSLContext | None, clock: Callable[[], float]
) -> Connection:
    """Connect, encrypt, authenticate.

    Raises:
        OpeningError: with one sentence that says what to do, where that can be known.
    """
    from aiosmtplib import SMTP, SMTPException

    smtp = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=server.helo or socket.gethostname(),
        use_tls=server.security is Security.TLS,
        start_tls=server.security is Security.STARTTLS,
        tls_context=context,
        timeout=server.connect_s,
    )
    try:
        async with asyncio.timeout(server.connect_s + server.command_s):
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
            await _authenticate(smtp, server)
    except (OSError, SMTPException, ValueError) as error:
        smtp.close()
        raise _explained(server, error) from error
    except BaseException:
        smtp.close()
        raise
    return Connection(smtp, server, clock())


async def _authenticate(smtp: "SMTP", server: Server) -> None:
    """One method, one attempt: trying the rest after a refusal is how accounts get locked."""
    if server.username is None:
        return
    method = _method(server, tuple(smtp.server_auth_methods))
    if method == "xoauth2":
        await smtp.auth_xoauth2(server.username, await server.token() if server.token else "")
        return
    call = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}[method]
    await call(server.username, server.password or "")


def _method(server: Server, offered: tuple[str, ...]) -> str:
    """The method to use: the one set, else the best the server offers."""
    if server.auth != "auto":
        wanted: tuple[str, ...] = (server.auth,)
    elif server.token is not None:
        wanted = ("xoauth2",)
    elif server.security is Security.NONE:
        wanted = ("cram-md5", "plain", "login")
    else:
        wanted = ("plain", "login", "cram-md5")
    for method in wanted:
        if method in offered:
            return method
    raise OpeningError(
        f"the server offers no usable AUTH ({', '.join(offered) or 'none'}, wanted {', '.join(wanted)})",
        lasting=True,
    )


def check_settings(server: Server) -> None:
    """Refuse settings that would show a password to the network.

    Raises:
        TransportSettingsError: before anything is connected.
    """
    if server.auth == "xoauth2" and server.token is None:
        raise TransportSettingsError(f"{server.label}: xoauth2 needs a token")
    bare = server.security is Security.NONE and server.username is not None
    if bare and not server.clear_credentials:
        raise TransportSettingsError(
            f"{server.label}: a password over an unencrypted connection; set security to starttls or tls"
            " (or clear_credentials, if the network is yours)"
        )


def _explained(server: Server, error: Exception) -> OpeningError:
    from aiosmtplib import SMTPAuthenticationError, SMTPResponseException

    label = server.label
    if isinstance(error, SMTPAuthenticationError):
        return OpeningError(
            f"{label} refuses the user name or password ({error.code} {printable(error.message)})",
            lasting=True,
        )
    if isinstance(error, SMTPResponseException):
        return OpeningError(f"{label} turned us away ({error.code} {printable(error.message)})")
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return OpeningError(
            f"{label}: the certificate is not trusted ({cause.verify_message}); set ca_file for a private"
            " authority",
            lasting=True,
        )
    if isinstance(cause, ssl.SSLError):
        return OpeningError(f"{label}: TLS failed ({printable(str(cause))})", lasting=True)
    if "STARTTLS" in str(error):
        return OpeningError(f"{label} does not offer STARTTLS; no mail is sent in clear", lasting=True)
    if isinstance(error, TimeoutError):
        return OpeningError(f"{label} did not answer in time")
    return OpeningError(f"{label}: {printable(str(error))}")
