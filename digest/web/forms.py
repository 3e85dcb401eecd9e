"""What a browser sends, bounded and judged; nothing of it is trusted further in."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from operator import itemgetter
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo, available_timezones

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_OCTETS = 16_384
MOST_FIELDS = 200
LONGEST_PAUSE = timedelta(days=366)
PATIENCE_S = 15.0
"""For a whole body; a form is sent in one go."""
AREAS = frozenset(
    {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)
_LANGUAGE = re.compile(r"([A-Za-z]+)[\w-]*(?:\s*;\s*q=([01](?:\.\d*)?))?")
Form = Mapping[str, Sequence[str]]


class FormError(ValueError):
    """Something in a form is; the message of the catalogs says what."""


async def read_form(request: Request) -> Form:
    """The fields of an ``application/x-www-form-urlencoded`` body; none of any other.

    Raises:
        HTTPException: 413 when it is too large, 408 when it does not come, 400 when it is no form.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_OCTETS:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400) from None


def one(form: Form, name: str, *, most: int = 500) -> str:
    """The first value of a field without controls at its ends; empty when there is none."""
    return (form.get(name) or [""])[0].strip()[:most]


def chosen(form: Form, name: str, known: Collection[str]) -> tuple[str, ...]:
    """The values of a field, in the order of *known*. Raises FormError when one is not *known*."""
    given = set(form.get(name, ()))
    if not given <= set(known):
        raise FormError("Choose from the lists.")
    return tuple(value for value in known if value in given)


def resume_at(text: str, zone: str, *, now: datetime) -> datetime | None:
    """The start of the day *text* (ISO 8601) in *zone*; None unless it is within a year from tomorrow."""
    try:
        moment = datetime.combine(date.fromisoformat(text), time(), ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if now < moment <= now + LONGEST_PAUSE else None


@cache
def zones() -> tuple[str, ...]:
    """Time zones people live in: ``Area/City`` and UTC."""
    return ("UTC", *sorted(zone for zone in available_timezones() if zone.partition("/")[0] in AREAS))


@lru_cache(maxsize=256)
def preferred(header: str, known: tuple[str, ...], default: str) -> str:
    """The best of *known* languages for an ``Accept-Language`` header (RFC 9110 section 12.5.4)."""
    wanted = [(-float(weight or 1), tag.lower()) for tag, weight in _LANGUAGE.findall(header[:500])]
    ours = {language.partition("-")[0].lower(): language for language in reversed(known)}
    return next((ours[tag] for _, tag in sorted(wanted, key=itemgetter(0)) if tag in ours), default)
