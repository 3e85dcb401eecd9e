"""What an operator is told by mail when something needs a hand, and what is forgotten by age.

Calm: one mail for everything new; a cause is told again when it has changed and a day has passed, or after
a week. What could not be mailed counts as not told.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from digest.mail.transport import Fate, Letter, Result, Transport, wire_form
from digest.model import Newsletter
from digest.store import Store

Cause = tuple[str, str]
"""What a trouble is known by, and a sentence about it with what to do."""

AGAIN, REMIND = timedelta(days=1), timedelta(days=7)
_TOLD, _PRUNED = "operator was told", "pruned"
_NEXT = "asked again at"


def untold(store: Store, causes: Iterable[Cause], *, now: datetime) -> list[Cause]:
    """Those the operator should hear of now."""
    told: dict[str, tuple[str, str]] = json.loads(store.state.get(_TOLD) or "{}")
    return [(name, what) for name, what in causes if name not in told or _again(*told[name], what, now)]


def _again(at: str, before: str, what: str, now: datetime) -> bool:
    """Whether it was long ago. When a feed is asked again changes all the time and is no news."""
    same, age = before.split(_NEXT)[0] == what.split(_NEXT)[0], now - datetime.fromisoformat(at)
    return age >= (REMIND if same else AGAIN)


def remember(store: Store, causes: Iterable[Cause], *, now: datetime) -> None:
    """Note that the operator has heard of these; what is a month old is forgotten."""
    told = json.loads(store.state.get(_TOLD) or "{}")
    told |= {name: [now.isoformat(), what] for name, what in causes}
    month = now - timedelta(days=30)
    kept = {name: last for name, last in told.items() if datetime.fromisoformat(last[0]) > month}
    store.state.set(_TOLD, json.dumps(kept, ensure_ascii=False))


async def tell(
    store: Store,
    transport: Transport,
    newsletter: Newsletter,
    to: str,
    causes: Iterable[Cause],
    *,
    sample: Callable[[int, str], bytes],
    now: datetime,
) -> list[str]:
    """Mail the operator what is new, and editions that wait for review; what was done, in lines.

    That they were told is noted before: what cannot be noted would be mailed again every few minutes.

    Args:
        sample: The mail of an edition to an address.
    """
    told = store.state.get(_TOLD)
    fresh = untold(store, causes, now=now)
    if not fresh:
        return []
    remember(store, fresh, now=now)
    result = await post(transport, newsletter.sender, to, notice(newsletter, to, fresh, now=now))
    if result.fate is not Fate.SENT:
        store.state.set(_TOLD, told)
        return []
    for number in [int(name.split()[1]) for name, _ in fresh if name.startswith("review ")]:
        await post(transport, newsletter.sender, to, sample(number, to))
    return [f"told the operator of {len(fresh)} things"]


def notice(newsletter: Newsletter, to: str, causes: Sequence[Cause], *, now: datetime) -> bytes:
    """The mail that says what needs a hand."""
    subject = causes[0][1] if len(causes) == 1 else f"{len(causes)} things need a hand"
    lines = [f"- {what}" for _, what in causes]
    text = "\n".join([*lines, "", "digest status shows how things stand."]) + "\n"
    return note(newsletter, to, f"{newsletter.name}: {subject}"[:200], text, now=now)


def note(newsletter: Newsletter, to: str, subject: str, text: str, *, now: datetime) -> bytes:
    """A plain mail of our own."""
    message = EmailMessage()
    message["From"] = newsletter.sender
    message["To"] = to
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=newsletter.sender.partition("@")[2])
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message.as_bytes()


async def post(transport: Transport, sender: str, to: str, message: bytes) -> Result:
    """Send one mail that stands in no ledger."""
    return await transport.send(Letter(sender=sender, recipient=to, content=wire_form(message)))


def prune(store: Store, *, keep_days: int, now: datetime) -> dict[str, int]:
    """Forget what is older, once a day; nothing when that was done."""
    last = store.state.get(_PRUNED)
    if last and now - datetime.fromisoformat(last) < timedelta(days=1):
        return {}
    gone = store.prune(before=now - timedelta(days=keep_days))
    store.state.set(_PRUNED, now.isoformat())
    return gone
