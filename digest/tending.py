"""What an operator is told by mail when something needs a hand, and what is forgotten by age.

Calm: one mail for everything new; a cause is told again when it has changed and a day has passed, or after
a week. What could not be mailed counts as not told.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from digest.mail.transport import Fate, Letter, Transport, wire_form
from digest.model import Newsletter

if TYPE_CHECKING:
    from digest.store import Store

Cause = tuple[str, str]
"""What a trouble is known by, and a sentence about it with what to do."""

AGAIN, REMIND = timedelta(days=1), timedelta(days=7)
_TOLD, _PRUNED = "operator was told", "pruned"


def untold(store: "Store", causes: Iterable[Cause], *, now: datetime) -> list[Cause]:
    """Those the operator should hear of now."""
    told = json.loads(store.state.get(_TOLD) or "{}")
    return [(name, what) for name, what in causes if _is_news(told.get(name), what, now)]


def _is_news(last: list[str] | None, what: str, now: datetime) -> bool:
    if last is None:
        return True
    age = now - datetime.fromisoformat(last[0])
    return age >= (AGAIN if last[1] != what else REMIND)


def remember(store: "Store", causes: Iterable[Cause], *, now: datetime) -> None:
    """Note that the operator has heard of these; what is a month old is forgotten."""
    told = json.loads(store.state.get(_TOLD) or "{}")
    told |= {name: [now.isoformat(), what] for name, what in causes}
    month = now - timedelta(days=30)
    kept = {name: last for name, last in told.items() if datetime.fromisoformat(last[0]) > month}
    store.state.set(_TOLD, json.dumps(kept, ensure_ascii=False))


def notice(newsletter: Newsletter, to: str, causes: Sequence[Cause], *, now: datetime) -> bytes:
    """The mail that says what needs a hand."""
    message = EmailMessage()
    message["From"] = newsletter.sender
    message["To"] = to
    message["Date"] = format_datetime(now)
    message["Subject"] = f"{newsletter.name}: {len(causes)} things need a hand"
    if len(causes) == 1:
        message.replace_header("Subject", f"{newsletter.name}: {causes[0][1]}"[:200])
    message["Auto-Submitted"] = "auto-generated"
    lines = [f"- {what}" for _, what in causes]
    message.set_content("\n".join([*lines, "", "digest status shows how things stand."]) + "\n")
    return message.as_bytes()


async def post(transport: Transport, sender: str, to: str, message: bytes) -> bool:
    """Send one mail that stands in no ledger; whether it is out."""

    async def mark() -> bool:
        return True

    letter = Letter(sender=sender, recipient=to, content=wire_form(message))
    return (await transport.send(letter, mark)).fate is Fate.SENT


def prune(store: "Store", *, keep_days: int, now: datetime) -> dict[str, int]:
    """Forget what is older, once a day; nothing when that was done."""
    last = store.state.get(_PRUNED)
    if last and now - datetime.fromisoformat(last) < timedelta(days=1):
        return {}
    gone = store.prune(before=now - timedelta(days=keep_days))
    store.state.set(_PRUNED, now.isoformat())
    return gone
