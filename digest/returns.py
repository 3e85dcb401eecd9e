"""What comes back after a mail is sent: bounces and complaints, and who gets no more mail for them.

A hard bounce ends a subscription at once, refusals of three different mails within thirty days do, a
complaint does. What is not proven to be about a mail of ours (no signed return path) ends nothing: it is
noted, because anybody can write a bounce. The operator can reinstate whom this stopped.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from digest import consent
from digest.address import canonical
from digest.mail.bounces import Kind, Returned, judge_reply, read_returned

if TYPE_CHECKING:
    from digest.store import Claim, Store

ACTOR = "mail server"
REFUSALS_TO_STOP = 3
REFUSALS_WITHIN = timedelta(days=30)
_REFUSED = "refused delivery "


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A returned message and what was done about it.

    Args:
        subscriber_id: Whom it is about; None when that cannot be told.
        done: One sentence for the operator.
        stopped: The reader gets no more mail for it.
    """

    returned: Returned
    subscriber_id: int | None = None
    done: str
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """Judges what comes back.

    Args:
        delivery_of: Reads a signed return path (``mail.verp``).
        hash_address: Turns an address into what the suppression list holds.
    """

    store: "Store"
    delivery_of: Callable[[str], int | None]
    hash_address: Callable[[str], str]

    def process(
        self, messages: Iterable[bytes], *, now: datetime, dry_run: bool = False
    ) -> Iterator[Handled]:
        """Judge each message before the next is asked for. Nothing changes in a dry run."""
        for content in messages:
            yield self.handle(read_returned(content, self.delivery_of), now=now, dry_run=dry_run)

    def handle(self, returned: Returned, *, now: datetime, dry_run: bool = False) -> Handled:
        if returned.kind in {Kind.AUTOREPLY, Kind.OTHER}:
            return Handled(returned=returned, done=f"ignored: {returned.text or returned.kind.value}")
        subscriber_id = self._subscriber(returned)
        if subscriber_id is None:
            return Handled(returned=returned, done="ignored: it is about no reader of ours")
        if returned.delivery is None:
            if not dry_run:
                self._note(subscriber_id, f"unproven {returned.kind.value}: {returned.text}", now)
            return Handled(
                returned=returned, subscriber_id=subscriber_id, done="noted: no signed return path proves it"
            )
        if returned.kind is Kind.SOFT:
            return self._refusal(returned, subscriber_id, now, dry_run)
        happened = consent.Step.COMPLAIN if returned.kind is Kind.COMPLAINT else consent.Step.BOUNCE
        return self._stop(returned, subscriber_id, happened, now, dry_run)

    def refused(self, claim: "Claim", code: int, text: str, *, now: datetime) -> Handled | None:
        """A refusal in the SMTP session, as certain as a bounce; None for recipients given by hand."""
        if claim.subscriber_id is None or code < 500:
            return None
        kind = judge_reply(code, text)
        returned = Returned(kind=kind, delivery=claim.id, address=claim.address, text=f"{code} {text}")
        return self.handle(returned, now=now)

    def _subscriber(self, returned: Returned) -> int | None:
        if returned.delivery is not None:
            delivery = self.store.ledger.get(returned.delivery)
            return delivery.subscriber_id if delivery else None
        try:
            found = self.store.subscribers.find(canonical(returned.address or ""))
        except ValueError:
            return None
        return found.id if found else None

    def _refusal(self, returned: Returned, subscriber_id: int, now: datetime, dry_run: bool) -> Handled:
        """Count refusals of different mails; the third within the time stops."""
        this = f"{_REFUSED}{returned.delivery}: "
        before = {
            event.reason.partition(": ")[0] + ": "
            for event in self.store.subscribers.events(subscriber_id)
            if event.reason.startswith(_REFUSED) and event.at > now - REFUSALS_WITHIN
        }
        if not dry_run and this not in before:
            self._note(subscriber_id, f"{this}{returned.status} {returned.text}", now)
        count = len(before | {this})
        if count >= REFUSALS_TO_STOP:
            return self._stop(returned, subscriber_id, consent.Step.BOUNCE, now, dry_run)
        return Handled(
            returned=returned,
            subscriber_id=subscriber_id,
            done=f"noted: refused {count} of {REFUSALS_TO_STOP}",
        )

    def _stop(
        self, returned: Returned, subscriber_id: int, happened: consent.Step, now: datetime, dry_run: bool
    ) -> Handled:
        reader = self.store.subscribers.get(subscriber_id)
        outcome = consent.step(reader.state, happened)
        changes = outcome.state is not reader.state
        if changes and not dry_run:
            reason = f"{happened.value}, delivery {returned.delivery}: {returned.status} {returned.text}"
            if consent.Effect.SUPPRESS in outcome.effects:
                suppressed = self.hash_address(reader.address)
                self.store.subscribers.suppress(suppressed, reason=happened.value, now=now)
            self.store.subscribers.set_state(
                subscriber_id, outcome.state, actor=ACTOR, now=now, reason=reason
            )
        done = f"stopped: {outcome.state.value}" if changes else f"already {outcome.state.value}"
        return Handled(returned=returned, subscriber_id=subscriber_id, done=done, stopped=changes)

    def _note(self, subscriber_id: int, reason: str, now: datetime) -> None:
        self.store.subscribers.note(subscriber_id, actor=ACTOR, now=now, reason=reason)
