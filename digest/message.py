"""A rendered edition as Internet messages: compiled once per variant, filled in per reader.

Filling splices a reader's few values into base64 made beforehand: each fixed piece is encoded in its three
phases (0, 1 or 2 of its first octets taken by the value before it), so that nothing fixed is encoded again.
The result holds no line over 998 octets, none that starts with a dot, no octet over 127, and CRLF only.
"""

import hashlib
import hmac
import re
from base64 import b64encode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import NamedTuple

from digest.errors import RenderError
from digest.model import SLOT_CLOSE, SLOT_OPEN, MailParts, Newsletter

_WORD = 75
"""Octets of an encoded word, delimiters included (RFC 2047 section 2)."""
_NAME_LIMIT = 80
"""Characters of a reader's name; longer ones are cut."""
_LINE = 57
"""Octets that make a base64 line of 76 (RFC 2045 section 6.8)."""
_BASE64_LINE = re.compile(rb".{1,76}")
_SLOT = re.compile(f"{SLOT_OPEN}([a-z_]+){SLOT_CLOSE}")
_CHOICE = re.compile(f"{SLOT_OPEN}([+-])([a-z_]+){SLOT_CLOSE}(.*?){SLOT_OPEN}/{SLOT_CLOSE}", re.DOTALL)
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\u200b\u202a-\u202e\u2066-\u2069]+"
)
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_MARKUP = re.compile(rb"[&<>\"']")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:\"@\x00-\x20\x7f-\U0010ffff]+@[A-Za-z0-9.-]+")
_URL = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x7e]+")


class Personal(NamedTuple):
    """What is one reader's own in a message.

    Args:
        address: Canonical, ASCII, already judged; refused here when it could break a header.
        message_id: With its angle brackets, see ``message_id``.
    """

    address: str
    name: str
    message_id: str
    unsubscribe_url: str | None = None
    preferences_url: str | None = None


def message_id(secret: bytes, edition: int, subscriber: int, domain: str) -> str:
    """``<hmac@domain>``: the same for every try, telling nothing about the reader."""
    digest = hmac.digest(secret, f"message-id:{edition}:{subscriber}".encode(), "sha256")
    return f"<{urlsafe_b64encode(digest[:18]).decode()}@{domain}>"


# --- headers -----------------------------------------------------------------------------------------


def encode_words(text: str, *, first: int = 0) -> str:
    """*text* for an unstructured header or a phrase: as it is when plain ASCII, else RFC 2047 words.

    Each word holds whole characters and at most 75 octets; lines are folded between words. Text with ``=?``
    in it is encoded too, so that nobody's words are decoded as ours.

    Args:
        first: Columns already used on the first line.
    """
    text = _CONTROL.sub(" ", text).strip()
    if _PLAIN.fullmatch(text) and "=?" not in text and len(text) + first <= _WORD:
        return text
    return _words(text, first)


def _words(text: str, first: int) -> str:
    words, piece = [], b""
    room = (_WORD - first - len("=?utf-8?b??=")) // 4 * 3
    if len(whole := text.encode()) <= room:
        return f"=?utf-8?b?{b64encode(whole).decode()}?="
    for char in text:
        octets = char.encode()
        if piece and len(piece) + len(octets) > room:
            words.append(piece)
            piece, room = b"", (_WORD - 1 - len("=?utf-8?b??=")) // 4 * 3
        piece += octets
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, piece])


def mailbox(name: str, address: str, *, first: int = 0) -> str:
    """``name <address>`` for From and To, the name quoted or encoded as it needs.

    Raises:
        RenderError: The address is not one plain ASCII address.
    """
    if not _ADDRESS.fullmatch(address) or len(address) > 254:
        raise RenderError(f"not an address a header can hold: {address!r}")
    name = _one_line(name)
    if not name:
        return address
    phrase = _phrase(name, first=first)
    return f"{phrase}\r\n <{address}>" if len(phrase) + len(address) > 60 else f"{phrase} <{address}>"


def _one_line(name: str) -> str:
    """A reader's name without controls and marks that turn the direction of text, cut to the limit."""
    return " ".join(_CONTROL.sub(" ", name).split())[:_NAME_LIMIT]


def _phrase(name: str, *, first: int) -> str:
    """A phrase (RFC 5322 section 3.2.5): atoms or a quoted string when short, else encoded words."""
    name = _CONTROL.sub(" ", name).strip()
    if not _PLAIN.fullmatch(name) or "=?" in name or len(name) > 50:
        return _words(name, first)
    return name if _ATOMS.fullmatch(name) else '"' + re.sub(r'([\\"])', r"\\\1", name) + '"'


def _plain_value(what: str, value: str, form: re.Pattern[str] = _TOKEN) -> str:
    if not form.fullmatch(value) or len(value) > 900:
        raise RenderError(f"{what} cannot stand in a header: {value!r}")
    return value


def _url_value(url: str | None) -> str:
    return _plain_value("address", url, _URL) if url is not None else ""


@dataclass(frozen=True, slots=True)
class _Headers:
    """The fixed parts of the header block: before To, between To and Message-ID, after the links.

    Args:
        mailto: Where leaving goes by mail; empty when there is nothing to leave.
    """

    before: str
    middle: str
    after: str
    mailto: str

    def fill(self, personal: Personal) -> bytes:
        url = personal.unsubscribe_url
        ways = [f"<{way}>" for way in (_url_value(url), self.mailto) if way]
        block = "".join(
            (
                f"{self.before}To: {mailbox(personal.name, personal.address, first=4)}",
                f"{self.middle}Message-ID: {_plain_value('message id', personal.message_id)}",
                "\r\nList-Unsubscribe: " if ways else "",
                ",\r\n ".join(ways),
                _ONE_CLICK if url and url.startswith("https:") else "",
                self.after,
            )
        ).encode("ascii")
        if not _BLOCK.fullmatch(block):
            raise RenderError("the header block does not hold exactly the expected headers; nothing was sent")
        return block


_ONE_CLICK = "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
"""Only together with an https address (RFC 8058 section 3.1)."""
_NAMES = (
    "From To Subject Date Message-ID List-Unsubscribe? List-Unsubscribe-Post? List-Id Feedback-ID"
    " Auto-Submitted Precedence Reply-To? MIME-Version Content-Type"
)
_BLOCK = re.compile(
    re.sub(
        r"([\w-]+)(\??) ?",
        lambda m: rf"(?:{m[1]}: [\x20-\x7e]{{1,980}}\r\n(?: [\x20-\x7e]{{1,980}}\r\n)*){m[2]}",
        _NAMES,
    ).encode()
)


# --- bodies ------------------------------------------------------------------------------------------


def _wrapped(octets: bytes) -> bytes:
    """Base64 lines of at most 76 with CRLF after each."""
    return b"\r\n".join([*_BASE64_LINE.findall(b2a_base64(octets, newline=False)), b""])


_Phases = tuple[tuple[bytes, bytes, bytes], ...]
"""A fixed piece in its three phases: octets to lend, lines of the middle, octets carried on."""


def _phases(octets: bytes) -> _Phases:
    phases = []
    for lent in range(3):
        rest = octets[lent:]
        whole = len(rest) // 3 * 3
        phases.append((octets[:lent], _wrapped(rest[:whole]), rest[whole:]))
    return tuple(phases)


@dataclass(frozen=True, slots=True)
class _Base64Body:
    """Fixed pieces, and between them formats (``%(name)b``) for the values and short pieces there."""

    head: bytes
    carry: bytes
    rest: tuple[tuple[bytes, _Phases], ...]
    tail: bytes

    def fill(self, values: Mapping[bytes, bytes], out: list[bytes]) -> None:
        out.append(self.head)
        carry = self.carry
        for spliced, phases in self.rest:
            chunk = carry + spliced % values
            lent, middle, carry = phases[-len(chunk) % 3]
            out += (_wrapped(chunk + lent), middle)
        out.append(_wrapped(carry + self.tail % values))


def _format(pieces: list[str | bytes]) -> bytes:
    return b"".join(
        piece.replace(b"%", b"%%") if isinstance(piece, bytes) else b"%%(%b)b" % piece.encode()
        for piece in pieces
    )


def _base64_body(pieces: list[str | bytes]) -> _Base64Body:
    """*pieces* are fixed octets and slot names. Short fixed pieces travel with the values beside them."""
    first = pieces[0] if isinstance(pieces[0], bytes) else b""
    whole = len(first) // 3 * 3
    rest: list[tuple[bytes, _Phases]] = []
    waiting: list[str | bytes] = []
    for piece in pieces[1:] if isinstance(pieces[0], bytes) else pieces:
        if isinstance(piece, bytes) and len(piece) > _LINE and waiting:
            rest.append((_format(waiting), _phases(piece)))
            waiting = []
        else:
            waiting.append(piece)
    return _Base64Body(_wrapped(first[:whole]), first[whole:], tuple(rest), _format(waiting))


_ESCAPES = [b"=%02X" % n for n in range(256)]
_SAFE = [bytes([n]) if n < 128 and chr(n).isalnum() else _ESCAPES[n] for n in range(256)]
_READABLE = [bytes([n]) if 32 <= n <= 126 and n != 61 else _ESCAPES[n] for n in range(256)]


def _quoted(octets: bytes, table: Sequence[bytes] = _READABLE) -> bytes:
    """Quoted-printable (RFC 2045 section 6.7), CRLF kept as line ends, lines up to 76.

    Dots and blanks at the start or end of a line are encoded, so that no relay has to touch them.
    """
    return b"\r\n".join(_soft_broken([table[n] for n in row]) for row in octets.split(b"\r\n"))


def _soft_broken(row: list[bytes]) -> bytes:
    """One line's characters and escapes, with soft breaks between them."""
    if row and row[-1] == b" ":
        row[-1] = b"=20"
    rest, lines = b"".join(row), list[bytes]()
    while True:
        if rest[:1] in (b".", b" "):
            rest = _ESCAPES[rest[0]] + rest[1:]
        if len(rest) <= 75:
            return b"=\r\n".join([*lines, rest])
        end = next(n for n in (75, 74, 73) if b"=" not in rest[n - 2 : n])
        lines.append(rest[:end])
        rest = rest[end:]


@dataclass(frozen=True, slots=True)
class _QuotedBody:
    """Fixed pieces encoded beforehand; each value on lines of its own between soft breaks."""

    pieces: tuple[bytes | str, ...]

    def fill(self, values: Mapping[bytes, bytes], out: list[bytes]) -> None:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                out.append(piece)
            else:
                out += (b"=\r\n", _quoted(values[piece.encode()], _SAFE), b"=\r\n")


def _quoted_body(pieces: list[str | bytes]) -> _QuotedBody:
    return _QuotedBody(tuple(_quoted(p) if isinstance(p, bytes) else p for p in pieces))


def _split(text: str) -> list[str | bytes]:
    """Fixed octets and slot names in turn, CRLF line ends, first and last fixed."""
    parts = _SLOT.split(re.sub(r"\r\n|\r|\n", "\r\n", text))
    return [part if i % 2 else part.encode() for i, part in enumerate(parts)]


def choose(text: str, given: frozenset[str]) -> str:
    """*text* with the passages that depend on a value kept or taken out, by the names *given*."""
    kept = _CHOICE.sub(lambda m: m[3] if (m[2] in given) is (m[1] == "+") else "", text)
    return re.sub(r"\n{3,}", "\n\n", kept)


# --- the whole ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Variant:
    """The body for readers of whom the same values are known."""

    opening: bytes
    text: _Base64Body | _QuotedBody
    between: bytes
    html: _Base64Body | _QuotedBody


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """One edition's message for one language and set of themes; ``fill`` makes a reader's copy.

    Variants are compiled when first needed (at most eight: name or not, each link or not).
    """

    parts: MailParts
    headers: _Headers
    boundary: bytes
    variants: dict[tuple[bytes, ...], _Variant] = field(default_factory=dict)

    def fill(self, personal: Personal) -> bytes:
        """The complete message.

        Raises:
            RenderError: A value that no header or link can hold.
        """
        given = {
            b"name": _one_line(personal.name).encode(),
            b"unsubscribe_url": _url_value(personal.unsubscribe_url).encode(),
            b"preferences_url": _url_value(personal.preferences_url).encode(),
        }
        known = tuple([key for key, value in given.items() if value])
        variant = self.variants.get(known) or self._variant(known)
        out = [self.headers.fill(personal), variant.opening]
        variant.text.fill(given, out)
        out.append(variant.between)
        variant.html.fill({key: _escape(value) for key, value in given.items()}, out)
        out.append(b"\r\n--%s--\r\n" % self.boundary)
        return b"".join(out)

    def _variant(self, known: tuple[bytes, ...]) -> _Variant:
        names = frozenset(key.decode() for key in known)
        text_way, text = _shorter(choose(self.parts.text, names))
        html_way, html = _shorter(choose(self.parts.html, names))
        variant = _Variant(
            b"\r\n--%s\r\n%s" % (self.boundary, _part_head("plain", text_way)),
            text,
            b"\r\n--%s\r\n%s" % (self.boundary, _part_head("html", html_way)),
            html,
        )
        self.variants[known] = variant
        return variant


def _escape(value: bytes) -> bytes:
    return escape(value.decode()).encode() if _MARKUP.search(value) else value


def _part_head(kind: str, way: str) -> bytes:
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {way}\r\n\r\n".encode()


def _shorter(text: str) -> tuple[str, _Base64Body | _QuotedBody]:
    pieces = _split(text)
    fixed = b"".join(p for p in pieces if isinstance(p, bytes))
    if len(_quoted(fixed)) < len(_wrapped(fixed)):
        return "quoted-printable", _quoted_body(pieces)
    return "base64", _base64_body(pieces)


def compile_message(
    parts: MailParts, newsletter: Newsletter, *, edition: int, schedule: str, date: datetime
) -> MessageTemplate:
    """A template for *parts*. Same arguments, same octets.

    Args:
        date: The edition's frozen moment, aware; every try of every copy carries it.

    Raises:
        RenderError: An address or id of *newsletter* that no header can hold.
    """
    seed = f"{edition}\n{schedule}\n{parts.subject}\n{parts.text}\n{parts.html}"
    boundary = f"=_{hashlib.sha256(seed.encode()).hexdigest()[:32]}"
    leave = f"mailto:{mailbox('', newsletter.leave_address)}?subject=unsubscribe"
    sender = mailbox(newsletter.sender_name, newsletter.sender, first=6)
    reply = f"Reply-To: {mailbox('', newsletter.reply_to)}\r\n" if newsletter.reply_to else ""
    feedback = re.sub(r"[^A-Za-z0-9-]+", "-", schedule)  # its fields are divided by colons
    headers = _Headers(
        before=f"From: {sender}\r\n",
        middle=f"\r\nSubject: {encode_words(parts.subject, first=9)}\r\nDate: {format_datetime(date)}\r\n",
        after=(
            f"\r\nList-Id: {_phrase(newsletter.name, first=9)}"
            f"\r\n <{_plain_value('list id', newsletter.list_id.strip('<>'))}>\r\n"
            f"Feedback-ID: {edition}:{feedback}:digest:{newsletter.sender.rpartition('@')[2]}\r\n"
            f"Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\n{reply}MIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
        ),
        mailto=leave if parts.subscribed else "",
    )
    return MessageTemplate(parts, headers, boundary.encode())
