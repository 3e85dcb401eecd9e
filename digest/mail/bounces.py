"""What mail servers write back: delivery failures (RFC 3464), complaints (RFC 5965), automatic replies.

Reading only: who is suppressed for it is decided elsewhere. The many forms that follow no standard are
recognised by flufl.bounce.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr
from enum import StrEnum

from digest.charset import decode
from digest.mail.transport import printable

_ENVELOPE_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_GONE = re.compile(r"5\.1\.(1|2|3|6|10)")
"""RFC 3463 (with RFC 7505): no such mailbox or domain, mailbox moved, domain takes no mail."""
_VAGUE = frozenset({"", "5.0.0", "5.1.0", "5.4.1", "5.5.0", "5.7.1"})
"""Said of much else too, so the words beside them decide."""
_GONE_WORDS = re.compile(
    r"\b(unknown|invalid|no such|non-?existent) (user|mailbox|recipient|address|account)"
    r"|\b(user|mailbox|recipient|address|account) (is )?(unknown|not found|disabled|closed|inactive)"
    r"|do(es|s)?(n't| not) (exist|have an? \S+ account)|no longer (accepts|receives) mail|unrouteable address"
    # Sina, Exchange Online and Outlook.com of addresses they do not have, each with a status of its own
    r"|5\.1\.0 address rejected|5\.4\.1 recipient address rejected|5\.5\.0 \D*mailbox unavailable"
    r"|不存在|无此用户|查无此人",
    re.IGNORECASE,
)
_ABOUT_US = re.compile(r"(?i)\bsender\b|mail from|\bhelo|\bIP\b|too quickly|at a rate|bl(ock|ack) ?list|发件")
"""Us or our pace: were it taken for the reader, one fault of ours would end every subscription."""
_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}\b(?!\.\d)")
"""No piece of an IP address."""
_REPLY = re.compile(r"\b([45]\d\d)\b")
_AWAY = re.compile(r"(?i)^auto:|out of (the )?office|automatic reply|auto-?reply|自动(回复|答复|应答)")
_LEAVE = re.compile(r"(?:re: ?)?(?:unsubscribe|退订)(?: (\S+))?", re.IGNORECASE)
_HOTMAIL = "X-HmXmrOriginalRecipient"
"""Outlook.com's junk mail reports put the reader into the mail they hand back, and follow no standard."""
_SERVER = re.compile(r"mailer-daemon|postmaster|mail-?daemon", re.IGNORECASE)
_TAG = re.compile(r"<(style|script|title)\b.*?</\1>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_MOST_OCTETS = 10_000


class Kind(StrEnum):
    """``hard``: the address is gone. ``soft``: refused this time. ``other``: nothing to act on.

    ``leaving``: a reader asks for no more mail, as ``List-Unsubscribe`` says how (RFC 2369).
    """

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    LEAVING = "leaving"
    AUTOREPLY = "autoreply"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A message that came back, understood.

    Args:
        delivery: The ledger row it is about, from a signed return path; None when it names none.
        address: The reader's address as the other side gave it; may be forged or forwarded.
        status: Enhanced status (RFC 3463), empty when there was none.
        text: The other side's words; of ``leaving`` the token that says who, if there is one.
    """

    kind: Kind
    delivery: int | None = None
    address: str | None = None
    status: str = ""
    text: str = ""


def read_returned(content: bytes, delivery_of: Callable[[str], int | None]) -> Returned:
    """Understand one message; never raises for what is in it.

    Args:
        delivery_of: Reads a return path of ours (see :mod:`digest.mail.verp`).
    """
    # RFC 6533 has the same fields under another name, for addresses outside ASCII.
    message = message_from_bytes(content.replace(b"message/global-delivery", b"message/delivery"))
    parts = {part.get_content_type(): part for part in reversed(list(message.walk()))}
    complaint = _fields(parts.get("message/feedback-report"))
    original = _fields(parts.get("message/rfc822") or parts.get("text/rfc822-headers"))
    paths = [value for name in _ENVELOPE_HEADERS for value in message.get_all(name, [])]
    # Addresses in a complaint may be hidden: the return path of the mail it is about names the row, too.
    paths += [*complaint.get_all("Original-Mail-From", []), *original.get_all("Return-Path", [])]
    named = (delivery_of(address) for _, address in getaddresses(map(str, paths)))
    delivery = next((number for number in named if number is not None), None)
    return replace(_understood(message, parts, complaint, original), delivery=delivery)


def _understood(
    message: Message, parts: Mapping[str, Message], complaint: Message, original: Message
) -> Returned:
    if "message/feedback-report" in parts or _HOTMAIL in original:
        return _complaint(complaint, original)
    if (report := parts.get("message/delivery-status")) is not None:
        return _delivery_status(report)
    by_server = _SERVER.match(parseaddr(str(message["From"] or ""))[1]) is not None
    subject = _decoded(message["Subject"])
    if not by_server and (asked := _LEAVE.fullmatch(subject)):
        sender = parseaddr(str(message["From"] or ""))[1]
        return Returned(kind=Kind.LEAVING, address=_address(sender), text=asked[1] or "")
    if not by_server and _is_autoreply(message, subject):
        return Returned(kind=Kind.AUTOREPLY, text=subject)
    text = _text(parts.get("text/plain") or parts.get("text/html"))
    other = Returned(kind=Kind.OTHER, text=subject or "not a report")
    return _without_standard(message, text, by_server) or other


def judge(status: str, text: str) -> Kind:
    """From a status or reply code and words. What is unclear is soft: it may repeat itself."""
    if _GONE.fullmatch(status):
        return Kind.HARD
    if _ABOUT_US.search(text):
        return Kind.OTHER
    gone = status == "5.2.1" or (status in _VAGUE and _GONE_WORDS.search(text))
    return Kind.HARD if gone else Kind.SOFT


def judge_reply(code: int, text: str) -> Kind:
    """The same for a reply in the SMTP session itself."""
    if code < 500:
        return Kind.SOFT
    return judge(_status(text), text)


def _complaint(fields: Message, original: Message) -> Returned:
    """RFC 5965."""
    return Returned(
        kind=Kind.OTHER if str(fields["Feedback-Type"]).lower() == "not-spam" else Kind.COMPLAINT,
        address=_address(str(fields["Original-Rcpt-To"] or original[_HOTMAIL] or "")),
        text=printable(str(fields["Feedback-Type"] or "abuse")),
    )


def _delivery_status(report: Message) -> Returned:
    """RFC 3464: the gravest of the recipients it is about (ours have one)."""
    found = []
    for fields in report.walk():
        if "Action" not in fields and "Final-Recipient" not in fields:
            continue
        action = str(fields["Action"] or "").split(" ")[0].lower()
        text = _decoded(fields["Diagnostic-Code"])
        status = _status(str(fields["Status"] or "")) or _status(text)
        given = str(fields["Original-Recipient"] or fields["Final-Recipient"] or "")
        kind = judge(status, text) if action.startswith(("fail", "error")) else Kind.OTHER
        address = _address(given.rpartition(";")[2])
        found.append(Returned(kind=kind, address=address, status=status, text=text or action))
    nothing = Returned(kind=Kind.OTHER, text="no recipient in the report")
    return min(found, key=lambda one: list(Kind).index(one.kind), default=nothing)


def _without_standard(message: Message, text: str, by_server: bool) -> Returned | None:
    """The forms flufl.bounce knows, and what servers say in a status, a code or plain words."""
    from flufl.bounce import all_failures

    try:
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors raise whatever a malformed message makes them
        temporary, permanent = frozenset(), frozenset()
    status = _status(text)
    if permanent or (by_server and not temporary and (status > "5" or _GONE_WORDS.search(text))):
        address = min(permanent).decode("ascii", "replace") if permanent else None
        kind = judge(status, text)
        return Returned(kind=kind, address=address, status=status, text=text[:200])
    if temporary:
        return Returned(kind=Kind.OTHER, text="delayed: it is still being tried")
    return None


def _is_autoreply(message: Message, subject: str) -> bool:
    """RFC 3834, and the headers older programs use."""
    return (
        str(message["Auto-Submitted"] or "").lower().startswith("auto-replied")
        or str(message["Precedence"] or "").lower() == "auto_reply"
        or any(name in message for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress"))
        or _AWAY.search(subject) is not None
    )


def _decoded(value: object) -> str:
    """Encoded words read where they can be."""
    given = str(value or "")
    try:
        return printable(str(make_header(decode_header(given))))
    except (LookupError, ValueError):
        return printable(given)


def _fields(part: Message | None) -> Message:
    """The ``name: value`` lines of a part, whichever way the parser kept them."""
    if part is None:
        return Message()
    payload = part.get_payload()
    if isinstance(payload, list):
        return payload[0] if payload and isinstance(payload[0], Message) else Message()
    raw = part.get_payload(decode=True)
    return message_from_bytes(raw if isinstance(raw, bytes) else b"")


def _status(text: str) -> str:
    """An enhanced status, or one made of a bare reply code; empty when there is neither."""
    if found := _STATUS.search(text):
        return found[0]
    return f"{found[1][0]}.0.0" if (found := _REPLY.search(text)) else ""


def _address(text: str) -> str | None:
    found = text.strip().strip("<>")
    return found if found.count("@") == 1 and found.isprintable() and " " not in found else None


def _text(part: Message | None) -> str:
    """Its beginning, which is the server's own words; what it quotes of our mail comes after."""
    raw = part.get_payload(decode=True) if part is not None else None
    if part is None or not isinstance(raw, bytes):
        return ""
    text = decode(raw[:_MOST_OCTETS], part.get_content_charset()).text
    return printable(_TAG.sub(" ", text) if part.get_content_subtype() == "html" else text)
