"""From a claimed delivery to its letter: rendered once per variant, filled in per reader, signed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from digest.mail.transport import Letter
from digest.message import MessageTemplate, Personal, compile_message, leave_by_mail, message_id
from digest.model import Edition, Newsletter, Schedule
from digest.render import Renderer
from digest.render.wording import frequency
from digest.store import Claim
from digest.tokens import Purpose, make_token

_ISSUED = datetime.fromtimestamp(0, UTC)
"""A fixed moment for links that never expire, so that a retry gives the same bytes."""
VARIANTS = 64
"""Compiled mails kept at once: languages times the sets of themes readers chose, about 200 kB each."""


def make_builder(
    editions: Callable[[int], Edition],
    renderer: Renderer,
    newsletter: Newsletter,
    keys: Mapping[str, bytes],
    schedules: Sequence[Schedule] = (),
) -> Callable[[Claim], bytes]:
    """A function from a claim to its complete mail; the same claim always gives the same bytes.

    Args:
        editions: Looks an edition up by number.
        keys: Sign links and message ids, current one first (see ``tokens``).
        schedules: Readers are told how often theirs comes.
    """
    secret = next(iter(keys.values()))
    domain = newsletter.sender.rpartition("@")[2]
    by_mail = leave_by_mail(newsletter)
    often = {schedule.id: frequency(schedule) for schedule in schedules}

    @lru_cache(maxsize=4)
    def edition(number: int) -> Edition:
        return editions(number)

    @lru_cache(maxsize=VARIANTS)
    def template(
        number: int, language: str, themes: frozenset[str] | None, subscribed: bool
    ) -> MessageTemplate:
        found = edition(number)
        comes = often.get(found.schedule, "")
        parts = renderer.mail(found, language=language, themes=themes, frequency=comes, subscribed=subscribed)
        return compile_message(parts, newsletter, edition=number, schedule=found.schedule, date=found.made_at)

    def build(claim: Claim) -> bytes:
        sections = frozenset([section.theme.id for section in edition(claim.edition).sections])
        chosen = sections.intersection(claim.themes)
        subscribed = claim.subscriber_id is not None
        language = claim.language if subscribed else newsletter.language
        themes = chosen if chosen and chosen != sections else None
        # Subscribers are told apart by id, addresses given by hand by their row.
        recipient = -claim.id if claim.subscriber_id is None else claim.subscriber_id
        return template(claim.edition, language, themes, subscribed).fill(
            Personal(
                address=claim.address,
                name=claim.name,
                message_id=message_id(secret, claim.edition, recipient, domain),
                **_ways(claim),
            )
        )

    def _ways(claim: Claim) -> dict[str, str]:
        """To leave and to choose, by a page and by mail; for subscribers alone."""
        if claim.subscriber_id is None:
            return {}
        leave, change = (
            make_token(purpose, claim.subscriber_id, claim.token_version, keys=keys, now=_ISSUED)
            for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES)
        )
        ways = {"unsubscribe_mailto": by_mail + leave}
        if root := newsletter.base_url:
            ways["unsubscribe_url"] = f"{root}/{Purpose.UNSUBSCRIBE}/{leave}"
            ways["preferences_url"] = f"{root}/{Purpose.PREFERENCES}/{change}"
        return ways

    return build


def make_writer(
    build: Callable[[Claim], bytes],
    *,
    return_path: Callable[[Claim], str],
    sign: Callable[[bytes], bytes] | None = None,
) -> Callable[[Claim], Letter]:
    """From a claim to the letter it becomes when it is due.

    Args:
        build: Gives the complete message as :func:`~digest.mail.transport.wire_form` makes it, as
            ``digest.message`` promises; making sure again costs as much as building.
        return_path: The envelope sender of each message, so that bounces name the row.
        sign: Signs a complete message (DKIM).
    """

    def write(claim: Claim) -> Letter:
        message = build(claim)
        content = sign(message) if sign is not None else message
        return Letter(sender=return_path(claim), recipient=claim.address, content=content)

    return write
