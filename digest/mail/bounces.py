"""What mail servers write back: delivery failures (RFC 3464), complaints (RFC 5965), automatic replies.

Reading only: who is suppressed for it is decided elsewhere. The many forms that follow no standard are
recognised by flufl.bounce.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum

from digest.mail.transport import printable

_ENVELOPE_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_GONE = re.compile(r"5\.1\.(0|1|2|3|6|10)|5\.2\.1")
"""RFC 3463 (with RFC 7505): no such mailbox or domain, mailbox moved or disabled, domain takes no mail."""
_GONE_WORDS = re.compile(
    r"user unknown|unknown user|no such (user|mailbox|recipient)|does(n't| not) exist|mailbox not found"
    r"|recipient not found|address rejected|invalid recipient|用户不存在|不存在|无此用户",
    re.IGNORECASE,
)
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY = re.compile(r"\b([45]\d\d)\b")


class Kind(StrEnum):
    """``hard``: the address is gone. ``soft``: refused this time. ``other``: nothing to act on."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    AUTOREPLY = "autoreply"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A message that came back, understood.

    Args:
        delivery: The ledger row it is about, from a signed return path; None when it names none.
        address: The reader's address as the other side gave it; may be forged or forwarded.
        status: Enhanced status (RFC 3463), empty when there was none.
        text: The other side's words.
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
    message = message_from_bytes(content)
    delivery = _first(delivery_of, _envelope_addresses(message))
    report = str(message.get_param("report-type", "") or "").lower()
    if report == "feedback-report" or _part(message, "message/feedback-report"):
        return _complaint(message, delivery, delivery_of)
    if report == "delivery-status" or _part(message, "message/delivery-status"):
        return _delivery_status(message, delivery)
    if _is_autoreply(message):
        return Returned(kind=Kind.AUTOREPLY, delivery=delivery, text=_subject(message))
    return _without_standard(message, delivery)


def judge(status: str, text: str) -> Kind:
    """Hard or soft, from a status or reply code and words. What is unclear is soft: it may repeat itself."""
    if _GONE.fullmatch(status):
        return Kind.HARD
    vague = status in {"", "5.0.0", "5.5.0", "5.7.1"}
    return Kind.HARD if vague and _GONE_WORDS.search(text) else Kind.SOFT


def judge_reply(code: int, text: str) -> Kind:
    """The same for a reply in the SMTP session itself."""
    if code < 500:
        return Kind.SOFT
    found = _STATUS.search(text)
    return judge(found[0] if found else "", text)


def _complaint(message: Message, delivery: int | None, delivery_of: Callable[[str], int | None]) -> Returned:
    """RFC 5965. The return path of the mail complained about names the row, addresses may be hidden."""
    fields = _fields(_part(message, "message/feedback-report"))
    original = _part(message, "message/rfc822") or _part(message, "text/rfc822-headers")
    paths = [*fields.get_all("Original-Mail-From", []), *_original_paths(original)]
    address = _address(str(fields["Original-Rcpt-To"] or ""))
    return Returned(
        kind=Kind.OTHER if str(fields["Feedback-Type"] or "").lower() == "not-spam" else Kind.COMPLAINT,
        delivery=delivery or _first(delivery_of, paths),
        address=address or None,
        text=printable(str(fields["Feedback-Type"] or "abuse")),
    )


def _delivery_status(message: Message, delivery: int | None) -> Returned:
    """RFC 3464: the gravest of the recipients it is about (ours have one)."""
    found = Returned(kind=Kind.OTHER, delivery=delivery, text="no recipient in the report")
    for fields in _recipients(message):
        action = str(fields["Action"] or "").split(" ")[0].lower()
        text = printable(str(fields["Diagnostic-Code"] or ""))
        status = _STATUS.search(str(fields["Status"] or "")) or _STATUS.search(text)
        code = status[0] if status else _reply_status(text)
        given = fields["Original-Recipient"] or fields["Final-Recipient"] or ""
        address = _address(str(given).rpartition(";")[2])
        kind = judge(code, text) if action.startswith(("fail", "error")) else Kind.OTHER
        one = Returned(
            kind=kind, delivery=delivery, address=address or None, status=code, text=text or action
        )
        if kind is Kind.HARD:
            return one
        if found.kind is Kind.OTHER:
            found = one
    return found


def _without_standard(message: Message, delivery: int | None) -> Returned:
    """The forms flufl.bounce knows."""
    from flufl.bounce import all_failures

    try:
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors raise whatever a malformed message makes them
        temporary, permanent = frozenset(), frozenset()
    text = _text(message)
    if permanent:
        status = _STATUS.search(text)
        kind = judge(status[0] if status else "", text)
        address = min(permanent).decode("ascii", "replace")
        return Returned(
            kind=kind, delivery=delivery, address=address, status=status[0] if status else "", text=text[:200]
        )
    if temporary:
        return Returned(kind=Kind.OTHER, delivery=delivery, text="delayed: it is still being tried")
    return Returned(
        kind=Kind.OTHER, delivery=delivery, text=printable(str(message["Subject"] or "not a report"))
    )


def _is_autoreply(message: Message) -> bool:
    """RFC 3834, and the headers older programs use."""
    submitted = str(message["Auto-Submitted"] or "no").lower()
    if submitted.startswith("auto-replied") or "X-Autoreply" in message or "X-Autorespond" in message:
        return True
    if str(message["Precedence"] or "").lower() == "auto_reply":
        return True
    subject = _subject(message).lower()
    return "X-Auto-Response-Suppress" in message or subject.startswith(
        ("out of office", "automatic reply", "autoreply", "auto:", "自动回复", "自动答复")
    )


def _subject(message: Message) -> str:
    """Decoded where it can be."""
    given = message["Subject"] or ""
    try:
        return printable(str(make_header(decode_header(given))))
    except (LookupError, ValueError):
        return printable(str(given))


def _envelope_addresses(message: Message) -> Iterator[str]:
    for name in _ENVELOPE_HEADERS:
        yield from (address for _, address in getaddresses([str(v) for v in message.get_all(name, [])]))


def _original_paths(original: Message | None) -> Iterator[str]:
    if original is None:
        return
    payload = original.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    headers = inner if isinstance(inner, Message) else _fields(original)
    yield from (str(value) for value in headers.get_all("Return-Path", []))


def _part(message: Message, kind: str) -> Message | None:
    return next((part for part in message.walk() if part.get_content_type() == kind), None)


def _fields(part: Message | None) -> Message:
    """The ``name: value`` lines of a part, whichever way the parser kept them."""
    if part is None:
        return Message()
    payload = part.get_payload()
    if isinstance(payload, list):
        return payload[0] if payload and isinstance(payload[0], Message) else Message()
    raw = part.get_payload(decode=True)
    return message_from_bytes(raw if isinstance(raw, bytes) else b"")


def _recipients(message: Message) -> Iterator[Message]:
    part = _part(message, "message/delivery-status")
    blocks = part.get_payload() if part is not None else []
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Message) and ("Action" in block or "Final-Recipient" in block):
            yield block


def _reply_status(text: str) -> str:
    """An enhanced status for a bare reply code."""
    found = _REPLY.search(text)
    return f"{found[1][0]}.0.0" if found else ""


def _address(text: str) -> str:
    found = text.strip().strip("<>")
    return found if found.count("@") == 1 and found.isprintable() and " " not in found else ""


def _first(delivery_of: Callable[[str], int | None], addresses: Iterable[str]) -> int | None:
    return next((found for address in addresses if (found := delivery_of(address)) is not None), None)


def _text(message: Message) -> str:
    part = _part(message, "text/plain")
    raw = part.get_payload(decode=True) if part is not None else b""
    return printable(raw.decode("utf-8", "replace") if isinstance(raw, bytes) else "")
