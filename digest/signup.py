"""The readers' flow: subscribing, confirming, choosing, leaving, being forgotten.

What a step leads to is ``consent``'s to say; here it is asked and kept, and what follows is done. Steps are
taken in batches, one transaction each: a burst of them costs one wait for the disk instead of many.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

from digest import consent
from digest.consent import Step
from digest.errors import TokenError
from digest.mail.transport import Fate, Letter
from digest.message import MessageTemplate, Personal, compile_message, leave_by_mail, message_id
from digest.model import ConsentState, Newsletter, Subscriber
from digest.render import Renderer
from digest.store import Store, Turn, address_hash
from digest.tokens import Purpose, make_token, read_token

READER = "reader"
HOUR = timedelta(hours=1)
TRY_AGAIN = (timedelta(minutes=1), timedelta(minutes=10), HOUR, 4 * HOUR, 12 * HOUR)
"""After each try that failed for now; after that the reader has to ask again."""
FAILED_FOR_NOW = frozenset({Fate.DEFERRED, Fate.UNTOUCHED, Fate.WITHDRAWN})
FORGET_AFTER = timedelta(days=30)
"""Who never confirmed is forgotten then; the link in the mail is good for seven days."""
EPOCH = datetime.fromtimestamp(0, UTC)
REASONS = {
    Step.CONFIRM: "confirmed by link",
    Step.PAUSE: "paused",
    Step.RESUME: "resumed",
    Step.REINSTATE: "reinstated",
}
"""What is kept with a step for which nobody gives a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A confirmation mail to be sent, and how often that was tried."""

    reader: int
    letter: Letter
    tries: int


@dataclass(frozen=True)
class Signup:
    """Takes readers' steps, over the store.

    Args:
        newsletter: With a ``base_url``, because every mail holds links.
        keys: Sign links, current one first (see ``tokens``).
    """

    store: Store
    renderer: Renderer
    newsletter: Newsletter
    keys: Mapping[str, bytes]

    def hash_address(self, address: str) -> str:
        """For the suppression list, with the last of *keys*: new ones come before."""
        return address_hash(tuple(self.keys.values())[-1], address)

    @cached_property
    def _question(self) -> Callable[[str, datetime], MessageTemplate]:
        """The confirmation mail in a language, dated to the minute, made once for many."""
        return lru_cache(maxsize=16)(self._make_question)

    def _make_question(self, language: str, minute: datetime) -> MessageTemplate:
        """Nothing in it was typed into the form; the link stands where the preferences' does elsewhere."""
        subject, name = "Confirm your subscription to {name}", self.newsletter.name
        parts = self.renderer.letter("confirmation.html", language=language, subject=subject, name=name)
        return compile_message(parts, self.newsletter, edition=0, schedule="confirmation", date=minute)

    def askings(self, *, now: datetime) -> tuple[Asking, ...]:
        """The next confirmation mails to send, made of the wishes that wait and of what failed before.

        None for who is confirmed, complained, was erased, or was asked as often as may be. Wishes of a
        reader who is to be asked take the place of earlier ones. Each has to be settled with :meth:`asked`;
        one that is not, because all ended in between, comes again when it cannot be the second in an hour.
        """

        def decide(one: Subscriber) -> Turn | None:
            asked = consent.RULES[Step.SUBSCRIBE].get(one.state) is ConsentState.PENDING
            return Turn(state=ConsentState.PENDING, reason="form") if asked else None

        if not self.store.wishes.is_due(now):
            return ()
        due = self.store.wishes.claim(decide, self.hash_address, now=now)
        return tuple(
            Asking(reader=one.id, letter=self._confirmation(one, now), tries=tries)
            for one, tries in due.items()
        )

    def asked(self, results: Iterable[tuple[Asking, Fate]], *, now: datetime) -> None:
        """Note what became of confirmation mails."""
        done: list[int] = []
        again: dict[int, datetime] = {}
        for asking, fate in results:
            if fate in FAILED_FOR_NOW and asking.tries < len(TRY_AGAIN):
                again[asking.reader] = now + TRY_AGAIN[asking.tries]
            elif fate is Fate.UNKNOWN and not asking.tries:
                again[asking.reader] = now + HOUR  # it may be out
            else:
                done.append(asking.reader)
        self.store.wishes.settle(done, again, now=now)

    def _confirmation(self, reader: Subscriber, now: datetime) -> Letter:
        token = make_token(Purpose.CONFIRM, reader.id, reader.token_version, keys=self.keys, now=now)
        secret, domain = next(iter(self.keys.values())), self.newsletter.sender.rpartition("@")[2]
        leave = self.link(Purpose.UNSUBSCRIBE, reader)
        content = self._question(reader.language, now.replace(second=0, microsecond=0)).fill(
            Personal(
                address=reader.address,
                name="",
                # Another id for each mail: one that is asked for again must not pass for a copy.
                message_id=message_id(secret, -int(now.timestamp()), reader.id, domain),
                unsubscribe_url=leave,
                preferences_url=f"{self.newsletter.base_url}/confirm/{token}",
                unsubscribe_mailto=leave_by_mail(self.newsletter) + leave.rpartition("/")[2],
            )
        )
        return Letter(sender=self.newsletter.sender, recipient=reader.address, content=content)

    def link(self, purpose: Purpose, reader: Subscriber) -> str:
        """A link that never expires, the same in every mail."""
        token = make_token(purpose, reader.id, reader.token_version, keys=self.keys, now=EPOCH)
        return f"{self.newsletter.base_url}/{purpose}/{token}"

    def who(self, token: str, purpose: Purpose, *, now: datetime) -> Subscriber:
        """The reader a link is for.

        Raises:
            TokenError: Not a good link, or revoked. Unsubscribing cannot be revoked.
        """
        subscriber_id, version = read_token(token, purpose, keys=self.keys, now=now)
        reader = self.store.subscribers.get(subscriber_id)
        if reader is None:  # never confirmed, and forgotten
            raise TokenError("This link has expired. Enter your address to get a new one.")
        if purpose is not Purpose.UNSUBSCRIBE and version != reader.token_version:
            raise TokenError("This link is incomplete. Open it from the mail again.")
        return reader

    def whom(self, token: str) -> int:
        """Whom an unsubscribe link is for: without a look into the database, and however old it is."""
        return read_token(token, Purpose.UNSUBSCRIBE, keys=self.keys, now=EPOCH)[0]

    def take(
        self,
        reader: Subscriber,
        happened: Step,
        until: datetime | None = None,
        *,
        now: datetime,
        actor: str = READER,
    ) -> Subscriber:
        """The reader after a step: confirming, a pause (for good or *until*), its end, coming back.

        Raises ConsentError when that cannot be from where the reader stands.
        """
        return self.turn(happened, {reader.id: REASONS[happened]}, until, now=now, actor=actor)[reader.id]

    def unsubscribe(self, leaving: Mapping[int, str], *, now: datetime, actor: str = READER) -> None:
        """Nobody of *leaving* (id to reason, or none) gets mail any more; who left before stays so."""
        reasons = {one: f"unsubscribed: {why}".removesuffix(": ") for one, why in leaving.items()}
        self.turn(Step.UNSUBSCRIBE, reasons, now=now, actor=actor)

    def erase(self, reader: Subscriber, *, now: datetime) -> None:
        """Forget a reader, save a keyed hash of the address, so that it is never mailed again."""
        if consent.step(reader.state, Step.ERASE) is not reader.state:
            hashed = self.hash_address(reader.address)
            self.store.subscribers.erase(reader.id, address_hash=hashed, now=now)

    def turn(
        self,
        happened: Step,
        reasons: Mapping[int, str],
        until: datetime | None = None,
        *,
        now: datetime,
        actor: str,
    ) -> dict[int, Subscriber]:
        """Take a step for each reader there is a reason for; those readers afterwards."""

        def decide(one: Subscriber) -> Turn | None:
            after = consent.step(one.state, happened)
            if after is one.state and until == one.paused_until:
                return None
            hashed = self.hash_address(one.address)
            return Turn(state=after, reason=reasons[one.id], paused_until=until, hashed=hashed)

        return self.store.subscribers.turn(list(reasons), decide, actor=actor, now=now)


def personal_data(store: Store, reader: Subscriber) -> dict[str, object]:
    """Everything kept of a reader, for the reader."""
    kept = asdict(reader)
    del kept["token_version"]
    return {**kept, "history": [asdict(event) for event in store.subscribers.events(reader.id)]}
