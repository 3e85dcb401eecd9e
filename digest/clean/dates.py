"""Dates as pages print them. A wrong date is worse than none: what could mean two days means none."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from digest.model import Precision, Published
from digest.text import lazy

CHINA = timezone(timedelta(hours=8))
"""The zone of Chinese pages that name none."""

_NAMES = "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september"
_MONTHS = {
    name: n
    for n, names in enumerate(f"{_NAMES}|oct october|nov november|dec december".split("|"), 1)
    for name in names.split()
}
_MONTH = "(?P<word>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_TIME = (
    r"(?:\s{0,2}(?:T|at|,|\||-|–|—|•|·|/|\()?\s{0,2}(?P<part>[上中下]午|凌晨|早上|晚上)?\s?"
    r"(?P<hour>\d{1,2})(?:[:：]|(?<=\d)[时時]|\.(?=\d\d\s?[ap]m))(?P<minute>\d{2})(?:分)?"
    r"(?:[:：]?(?P<second>\d{2})(?:\.\d+)?秒?)?\s?(?P<half>[ap]\.?m\b\.?)?"
    r"\s?(?P<zone>Z\b|[+-]\d{2}:?\d{2}\b|GMT\b|UTC\b|BST\b|E[SD]T\b|C[SD]T\b|M[SD]T\b|P[SD]T\b|ET\b|PT\b)?)?"
)
_NUMERALS = "〇零一二三四五六七八九十"
_FORMS = (
    r"(?<![\d.])(?P<year>(?:19|20)\d\d)\s?(?P<sep>[-/.])\s?(?P<month>\d{1,2})\s?(?P=sep)\s?(?P<day>\d{1,2})(?!\d)",
    r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?年\s?(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?[日号]",
    rf"\b{_MONTH}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<year>(?:19|20)\d\d)(?!\d\d)",
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\.?\s|-)(?:of )?{_MONTH},?[\s-](?P<year>(?:19|20)\d\d)(?!\d)",
    r"(?<![\d/-])(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<year>(?:19|20)\d\d)(?!\d)",
    r"(?<![\d.])(?P<year>(?:19|20)\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)(?![\d.])",
    rf"(?P<year>[一二][{_NUMERALS}]{{3}})年(?P<month>[{_NUMERALS}]{{1,2}})月(?P<day>[{_NUMERALS}]{{1,3}})[日号]",
)
_UNIX = (
    rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})\s(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)\s(?P<year>(?:19|20)\d\d)"
    r"(?P<half>$)?(?P<zone>$)?(?P<part>$)?"
)
"""What ctime prints: May  3 22:10:05 2005."""
_FULL = (*(lazy(form + _TIME, re.IGNORECASE) for form in _FORMS), lazy(_UNIX, re.IGNORECASE))
_MONTH_ONLY = (
    lazy(r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?年\s?(?P<month>\d{1,2})\s?月(?!\s?\d)"),
    lazy(rf"\b{_MONTH},?\s(?P<year>(?:19|20)\d\d)(?!\d)", re.IGNORECASE),
)
_PARTIAL = tuple(
    lazy(form + _TIME, re.IGNORECASE)
    for form in (
        r"(?<![\d年.-])(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?日",
        rf"\b{_MONTH}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!,?\s\d{{4}})",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s{_MONTH}(?![a-z]|,?\s\d{{4}})",
        r"(?<![\d/.-])(?P<month>\d{1,2})-(?P<day>\d{1,2})(?=\s\d{1,2}:\d\d)",
    )
)
_AGO = lazy(
    rf"(?P<n>(?<!\d)\d{{1,3}}|[{_NUMERALS}]{{1,3}}|\ban?(?=\s))\s?(?P<unit>秒|分[钟鐘]|小[时時]|天|[周週]|[hd](?=\s)"
    r"|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?)\s?(?:之?前|ago\b)",
    re.IGNORECASE,
)
_DAY_WORD = lazy(
    r"(?P<word>今天|昨天|昨日|今日|前天|\btoday\b|\byesterday\b)" + _TIME.replace("word", "w2"), re.IGNORECASE
)
_WEEKDAY = lazy(
    r"(?P<week>[上本这這])个?(?:周|週|星期|礼拜)(?P<weekday>[一二三四五六日天])" + _TIME, re.IGNORECASE
)
_MENU_DAYS = ("today", "今天", "今日")
"""Menus say so, too: believed with an hour only."""
_UNIT_S = {"秒s": 1, "分m": 60, "小h": 3600, "天d": 86400, "周週w": 604800}
_ZONES = {
    "z": 0, "gmt": 0, "utc": 0, "bst": 1, "est": -5, "edt": -4, "cst": -6, "cdt": -5,
    "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip


def find(text: str, *, now: datetime | None, chinese: bool, relative: bool = False) -> Published | None:
    """The first full date of *text*; with *relative* and *now*, also 3小时前, yesterday, 7月7日, July 7.

    None for days in the future of *now*, days that do not exist, and numbers that could be two days.
    """
    zone: tzinfo = CHINA if chinese else UTC
    for form in _FULL:
        for match in form.finditer(text):
            if (found := _build(match, zone, chinese)) and _is_past(found, now):
                return found
    if relative and now is not None and (found := _relative(text, now, zone)):
        return found
    for form in _MONTH_ONLY:
        alone = form.search(text)
        if alone and len(text) <= len(alone.group()) + _LABELLED:
            found = _month(alone, zone)
            return found if found and _is_past(found, now) else None
    return None


def in_address(url: str) -> Published | None:
    """The day in an address, as publishing systems put it there: /2023/05/09/, /20230509/, t20230509_."""
    match = re.search(r"(?<!\d)(20\d\d)([/-]?)([01]\d)\2([0-3]\d)(?!\d)", url)
    try:
        at = datetime(int(match[1]), int(match[3]), int(match[4]), tzinfo=CHINA) if match else None
    except ValueError:
        return None
    return Published(at=at, precision=Precision.DAY, read_from=match.group()) if at and match else None


def as_dated(
    told: Published | None, printed: Published | None, address: Published | None
) -> Published | None:
    """The day that tags, byline and address agree on best.

    Tags are believed, but for a day in UTC beside the publisher's own: a page of the evening of 8 November
    in Denver tells 9 November, 01:09Z, and prints the 8th. A day printed far from
    the address's is not the page's.
    """
    if told is None:
        far = printed and address and abs((printed.at.date() - address.at.date()).days) > 1
        return address if far else printed or address
    if told.at.utcoffset():
        return told
    beside = told.at.date() + timedelta(days=-1 if told.at.hour < 12 else 1)
    return next((other for other in (address, printed) if other and other.at.date() == beside), told)


def locate(text: str) -> tuple[int, int] | None:
    """Where a byline's date stands with its time, relative ones too; None when there is none."""
    for form in (*_FULL, _DAY_WORD, _WEEKDAY, _AGO, _PARTIAL[-1]):
        if match := form.search(text):
            return match.start(), match.end()
    return None


def days(text: str) -> Iterator[tuple[int, int, date]]:
    """(start, end, day) of every full date in running text, in order of form, then place."""
    for form in _FULL[:4]:
        for match in form.finditer(text):
            if found := _build(match, UTC, chinese=True):
                yield match.start(), match.end(), found.at.date()


def parse_machine(value: str, *, chinese: bool) -> Published | None:
    """A date out of a machine's attribute (ISO 8601 mostly)."""
    return find(value.strip()[:40], now=None, chinese=chinese)


_LABELLED = 8
"""Characters beside a month: 发布时间: or Posted:, not a sentence."""
_FIRST_PAGES = 1990
"""No page was published before there was a web; older dates are what a page speaks of."""


def _is_past(found: Published, now: datetime | None) -> bool:
    return found.at.year >= _FIRST_PAGES and (now is None or found.at <= now + timedelta(days=1))


def _number(match: re.Match[str], name: str) -> int | None:
    value = match.groupdict().get(name)
    return _read(value) if value else None


def _read(written: str) -> int:
    """7 for 7 and 七, 2023 for 二〇二三, 31 for 三十一, 1 for a."""
    if written.isdecimal():
        return int(written)
    tens, ten, ones = written.rpartition("十")
    digits = "".join(str(max(0, _NUMERALS.find(c) - 1)) for c in (tens or "一") * bool(ten) + (ones or "零"))
    return int(digits) if written[0] in _NUMERALS else 1


def _build(match: re.Match[str], zone: tzinfo, chinese: bool, year: int | None = None) -> Published | None:
    year, month, day = year or _number(match, "year"), _number(match, "month"), _number(match, "day")
    if word := match.groupdict().get("word"):
        month = _MONTHS[word.lower()]
    if match.groupdict().get("a"):
        pair = _ordered(int(match["a"]), int(match["b"]))
        if pair is None:
            return None
        month, day = pair
    if not (year and month and day):
        return None
    at, precision = _clock(match, zone)
    try:
        moment = datetime(year, month, day, tzinfo=at)
        hour, minute, second = _number(match, "hour"), _number(match, "minute"), _number(match, "second")
        if precision is not Precision.DAY and hour is not None:
            hour = _afternoon(hour, match["half"] or match["part"])
            moment = moment.replace(hour=hour, minute=minute or 0, second=second or 0)
    except ValueError:
        return None
    return Published(at=moment, precision=precision, read_from=match.group().strip())


def _clock(match: re.Match[str], zone: tzinfo) -> tuple[tzinfo, Precision]:
    if not match.groupdict().get("hour"):
        return zone, Precision.DAY
    named = (match["zone"] or "").lower()
    if named[:1] in ("+", "-"):
        sign = -1 if named[0] == "-" else 1
        digits = named[1:].replace(":", "")
        zone = timezone(sign * timedelta(hours=int(digits[:2]) % 24, minutes=int(digits[2:]) % 60))
    elif named in _ZONES and not (named == "cst" and zone is CHINA):
        zone = timezone(timedelta(hours=_ZONES[named])) if _ZONES[named] else UTC
    elif named in ("et", "pt"):
        return zone, Precision.DAY
    return zone, Precision.SECOND if match["second"] else Precision.MINUTE


def _afternoon(hour: int, half: str | None) -> int:
    if not half or half[0] in "上早中":
        return hour
    return hour % 12 + (12 if half[0] in "pP下晚" else 0)


def _ordered(a: int, b: int) -> tuple[int, int] | None:
    """(month, day) of two numbers, None when either could be the month."""
    if a == b:
        return a, b
    if a <= 12 < b:
        return a, b
    return (b, a) if b <= 12 < a else None


def _month(match: re.Match[str], zone: tzinfo) -> Published | None:
    word = match.groupdict().get("word")
    month = _MONTHS[word.lower()] if word else int(match["month"])
    if not 1 <= month <= 12:
        return None
    at = datetime(int(match["year"]), month, 1, tzinfo=zone)
    return Published(at=at, precision=Precision.MONTH, read_from=match.group())


def _relative(text: str, now: datetime, zone: tzinfo) -> Published | None:
    local = now.astimezone(zone)
    if match := _AGO.search(text):
        return _ago(match, local)
    match = _DAY_WORD.search(text)
    if match and (match["hour"] or match["word"].lower() not in _MENU_DAYS):
        back = {"昨": 1, "y": 1, "前": 2}.get(match["word"][0].lower(), 0)
        day = local - timedelta(days=back)
        return _with_time(match, day, zone)
    if match := _WEEKDAY.search(text):
        back = local.weekday() - "一二三四五六日".find(match["weekday"].replace("天", "日"))
        back += 7 if match["week"] == "上" else 0
        return _with_time(match, local - timedelta(days=back), zone) if back >= 0 else None
    for form in _PARTIAL:
        if match := form.search(text):
            for year in (local.year, local.year - 1):
                found = _build(match, zone, chinese=True, year=year)
                if found and found.at <= now + timedelta(days=1):
                    return found
    return None


def _with_time(match: re.Match[str], day: datetime, zone: tzinfo) -> Published | None:
    _, precision = _clock(match, zone)
    at = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if precision is not Precision.DAY:
        hour, minute = _afternoon(int(match["hour"]), match["half"] or match["part"]), int(match["minute"])
        if hour > 23 or minute > 59:
            return None
        at, precision = at.replace(hour=hour, minute=minute), Precision.MINUTE
    return Published(at=at, precision=precision, read_from=match.group().strip())


def _ago(match: re.Match[str], local: datetime) -> Published:
    """Hours and minutes ago tell the day only; it is the day that is certain."""
    step = next(seconds for units, seconds in _UNIT_S.items() if match["unit"][0].lower() in units)
    at = (local - timedelta(seconds=step * _read(match["n"]))).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return Published(at=at, precision=Precision.DAY, read_from=match.group())
