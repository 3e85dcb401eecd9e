"""Dates as feeds write them."""

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from digest.links import one_line
from digest.model import Precision, Published

_CHINA = timezone(timedelta(hours=8))
_OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
"""Before feeds there were none: such dates are a clock's zero or a slip."""
_SKEW = timedelta(minutes=10)

OWN_DATE = re.compile(r"(\d{4}-\d\d-\d\dT)|(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{2,4}\s+\d")
"""ISO 8601 and RFC 5322, read here."""
_CHINESE_DATE = re.compile(
    r"(\d{4})\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})\s*日?"
    r"(?:[T\s]*(\d{1,2})\s*[:：时]\s*(\d{1,2})\s*分?(?:\s*[:：]?\s*(\d{1,2})\s*秒?)?)?"
)


def read_date(written: str, parsed: Any, *, now: datetime, chinese: bool) -> tuple[Published | None, str]:
    """A feed's date and, when it cannot be believed, why.

    Args:
        parsed: feedparser's reading (a UTC time tuple) or None; used for forms unknown here.
        chinese: Times without a zone are Beijing's, else UTC.
    """
    written = one_line(written)
    if not written:
        return None, "has no date"
    try:
        at, precision = _moment(written, parsed)
        at = at if at.tzinfo else at.replace(tzinfo=_CHINA if chinese else UTC)
        if at > now + _SKEW:
            return None, f"is dated in the future ({written[:40]})"
        if at < _OLDEST:
            return None, f"is dated before there were feeds ({written[:40]})"
    except (ValueError, OverflowError, TypeError):
        return None, f"has a date that cannot be read ({written[:40]})"
    return Published(at=at, precision=precision, read_from=written[:60]), ""


def _moment(written: str, parsed: Any) -> tuple[datetime, Precision]:
    if (own := OWN_DATE.match(written)) and own[1]:
        return datetime.fromisoformat(written), Precision.SECOND
    if own:
        at = parsedate_to_datetime(written)
        # "-0000" is UTC whose local zone is unknown (RFC 5322 section 3.3), not a time without zone.
        return (at.replace(tzinfo=UTC) if written.endswith("-0000") else at), Precision.SECOND
    if found := _CHINESE_DATE.fullmatch(written):
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        precision = Precision.SECOND if found[6] else Precision.MINUTE if found[4] else Precision.DAY
        return datetime(year, month, day, hour, minute, second), precision  # noqa: DTZ001 - zone is the caller's
    if parsed:
        return datetime.fromtimestamp(timegm(parsed), UTC), Precision.SECOND
    return datetime.fromisoformat(written), Precision.SECOND
