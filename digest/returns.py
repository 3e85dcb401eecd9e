"""What comes back after a mail is sent: bounces, complaints and goodbyes, and who gets no more mail for them.

A hard bounce ends a subscription at once, refusals of three different mails within thirty days do, a
complaint does, and a mail to leave. What is not proven to be about a mail of ours (no signed return path, no
signed token) ends nothing: it is noted, because anybody can write it. The operator can reinstate whom a
bounce or a complaint stopped.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import consent
from digest.address import canonical
from digest.errors import TokenError
from digest.mail.bounces import Kind, Returned, judge_reply, read_returned
from digest.model import Subscriber
from digest.signup import Signup
from digest.store import Claim

ACTOR = "mail server"
REFUSALS_TO_STOP = 3
REFUSALS_WITHIN = timedelta(days=30)
_STEPS = {Kind.COMPLAINT: consent.Step.COMPLAIN, Kind.LEAVING: consent.Step.UNSUBSCRIBE}
_REFUSED = "refused delivery "
_STOPPED = "stopped: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A returned message and what was done about it.

    Args:
        subscriber_id: Whom it is about; None when that cannot be told.
        done: One sentence for the operator.
    """

    returned: Returned
    subscriber_id: int | None = None
    done: str

    @property
    def stopped(self) -> bool:
        """The reader gets no more mail for it."""
        return self.done.startswith(_STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """Judges what comes back.

    Args:
        delivery_of: Reads a signed return path (``mail.verp``).
    """

    signup: Signup
    delivery_of: Callable[[str], int | None]

    def process(
        self, messages: Iterable[bytes], *, now: datetime, dry_run: bool = False
    ) -> Iterator[Handled]:
        """Judge each message before the next is asked for. Nothing changes in a dry run."""
        for content in messages:
            yield self.handle(read_returned(content, self.delivery_of), now=now, dry_run=dry_run)

    def handle(self, returned: Returned, *, now: datetime, dry_run: bool = False) -> Handled:
        if returned.kind in {Kind.AUTOREPLY, Kind.OTHER}:
            return Handled(returned=returned, done=f"ignored: {returned.text or returned.kind.value}")
        reader, proven = self._reader(returned)
        if reader is None:
            return Handled(returned=returned, done="ignored: it is about no reader of ours")
        act = self._act if proven else self._doubted
        return Handled(returned=returned, subscriber_id=reader.id, done=act(returned, reader, now, dry_run))

    def _act(self, returned: Returned, reader: Subscriber, now: datetime, dry_run: bool) -> str:
        happened = _STEPS.get(returned.kind, consent.Step.BOUNCE)
        if returned.kind is Kind.SOFT:
            refused = self._refusals(returned, reader, now, dry_run)
            if refused < REFUSALS_TO_STOP:
                return f"noted: refused {refused} of {REFUSALS_TO_STOP}"
        after = consent.step(reader.state, happened)
        if after is reader.state:
            return f"already {after.value}"
        if not dry_run:
            reason = f"{happened.value}, delivery {returned.delivery}: {returned.status} {returned.text}"
            if returned.kind is Kind.LEAVING:
                reason = "unsubscribed: by mail"
            self.signup.turn(happened, {reader.id: reason}, now=now, actor=ACTOR)
        return f"{_STOPPED}{after.value}"

    def _doubted(self, returned: Returned, reader: Subscriber, now: datetime, dry_run: bool) -> str:
        if not dry_run:
            self._note(reader, f"unproven {returned.kind.value}: {returned.text}", now)
        if returned.kind is Kind.LEAVING:
            return f"noted: anybody can write it; if it is theirs: digest subscribers remove {reader.address}"
        return "noted: no signed return path proves it"

    def refused(self, claim: Claim, code: int, text: str, *, now: datetime) -> Handled | None:
        """A refusal in the SMTP session, as certain as a bounce; None for recipients given by hand."""
        if claim.subscriber_id is None or code < 500:
            return None
        kind = judge_reply(code, text)
        returned = Returned(kind=kind, delivery=claim.id, address=claim.address, text=f"{code} {text}")
        return self.handle(returned, now=now)

    def _reader(self, returned: Returned) -> tuple[Subscriber | None, bool]:
        """Whom it is about, and whether a signature of ours proves that."""
        store = self.signup.store
        if returned.kind is Kind.LEAVING:
            with contextlib.suppress(TokenError):
                return store.subscribers.get(self.signup.whom(returned.text)), True
        if returned.delivery is not None:
            delivery = store.ledger.get(returned.delivery)
            known = delivery and delivery.subscriber_id
            return store.subscribers.get(known) if known else None, True
        with contextlib.suppress(ValueError):
            return store.subscribers.find(canonical(returned.address or "")), False
        return None, False

    def _refusals(self, returned: Returned, reader: Subscriber, now: datetime, dry_run: bool) -> int:
        """How many different mails were refused lately, this one included; it is noted once."""
        this = f"{_REFUSED}{returned.delivery}: "
        before = {
            event.reason.partition(": ")[0] + ": "
            for event in self.signup.store.subscribers.events(reader.id)
            if event.reason.startswith(_REFUSED) and event.at > now - REFUSALS_WITHIN
        }
        if not dry_run and this not in before:
            self._note(reader, f"{this}{returned.status} {returned.text}", now)
        return len(before | {this})

    def _note(self, reader: Subscriber, reason: str, now: datetime) -> None:
        self.signup.store.subscribers.note(reader.id, actor=ACTOR, now=now, reason=reason)
