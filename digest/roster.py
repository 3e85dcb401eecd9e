"""Lists of readers as CSV: taking in what other programs export, and writing our own.

Columns are known by name, in any order: our own export's, Mailchimp's audience exports (one file each for
subscribed, unsubscribed and cleaned) and listmonk's. Who left over there is not taken, but suppressed here.
Nobody is mailed. The file is streamed: memory does not grow with it.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import IO, Any
from unicodedata import category
from zoneinfo import available_timezones

from digest import consent
from digest.address import canonical
from digest.consent import Step
from digest.errors import ConsentError
from digest.model import ConsentState, Subscriber
from digest.publish import Paper
from digest.store import Store

ACTOR = "import"
BATCH = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that starts so is run by spreadsheets (OWASP, CSV injection)."""
COLUMNS = (
    "address", "name", "state", "language", "timezone", "themes", "schedules", "send_hour", "paused_until",
)  # fmt: skip
ASKED_BACK = "when its owner has asked you to: digest subscribers add ADDRESS --reinstate"
_ADDRESS = ("address", "email address", "email", "e-mail", "mail", "邮箱", "电子邮箱", "邮件地址")
_NAME = ("name", "full name", "姓名", "名字")
_GONE = (
    "unsubscribed", "cleaned", "bounced", "complained", "disabled", "blocklisted", "blacklisted", "erased",
)  # fmt: skip
_HERE = ("", "confirmed", "subscribed", "enabled", "active", "paused")
_THEMES = ("themes", "tags", "主题", "标签")


class Result(StrEnum):
    TAKEN = "taken"
    KNOWN = "known"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of a line of the file; *why* is empty when it was taken."""

    number: int
    result: Result
    address: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line that was read: *why* nobody of it is taken, when the reader is known that left over there."""

    number: int
    given: str = ""
    why: str = ""
    reader: Subscriber | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """How rows become readers: of language, time zone, themes and schedules of *paper*, when they do not say.

    Themes are named by id or name in a column ``themes``, or as a tag over there; others are ignored.
    """

    paper: Paper
    hash_address: Callable[[str], str]
    reason: str

    def run(self, file: IO[str], *, now: datetime) -> Iterator[Line]:
        """Import the rows of *file*, a transaction a thousand; one line for each, in order.

        Raises:
            ValueError: It has no column of addresses.
        """
        rows = self._rows(file)
        while batch := list(islice(rows, BATCH)):
            yield from self._keep(batch, now)

    def _rows(self, file: IO[str]) -> Iterator[_Row]:
        lines = csv.reader(file, delimiter=_delimiter(file), strict=False)
        columns = _columns(next(lines, []))
        while True:
            try:
                cells = next(lines)
            except StopIteration:
                return
            except csv.Error as wrong:
                yield _Row(lines.line_num, why=f"cannot be read as CSV: {wrong}")
                continue
            if any(cell.strip() for cell in cells):
                yield self._row(lines.line_num, dict(zip(columns, map(_plain, cells), strict=False)))

    def _row(self, number: int, cells: Mapping[str, str]) -> _Row:
        given = _first(cells, _ADDRESS)
        try:
            address = canonical(given)
        except ValueError as wrong:
            return _Row(number, given[:80], str(wrong))
        state = _first(cells, ("state", "status")).casefold()
        gone = state if state in _GONE else ""
        for sign, word in (("unsub_time", "unsubscribed"), ("clean_time", "cleaned")):
            gone = word if cells.get(sign) else gone
        if not gone and state not in _HERE:
            return _Row(number, address, f"state {state[:40]!r}: has not confirmed")
        letter, schedules = self.paper.newsletter, {schedule.id for schedule in self.paper.schedules}
        reader = Subscriber(
            id=0,
            address=address,
            name=_first(cells, _NAME) or _both(cells),
            state=ConsentState.PAUSED if state == "paused" else ConsentState.CONFIRMED,
            language=_tag(cells.get("language", "")) or letter.language,
            timezone=zone if (zone := cells.get("timezone", "")) in zones() else letter.timezone,
            themes=self._themes(_first(cells, _THEMES)),
            schedules=tuple(s for s in _listed(cells.get("schedules", "")) if s in schedules),
            send_hour=_hour(cells.get("send_hour", "")),
            paused_until=_moment(cells.get("paused_until", "")) if state == "paused" else None,
        )
        return _Row(number, address, gone, reader)

    def _themes(self, text: str) -> tuple[str, ...]:
        tags = {tag.casefold() for tag in _listed(text)}
        return tuple(
            theme.id
            for theme in self.paper.themes
            if tags & {name.casefold() for name in (theme.id, *theme.names.values())}
        )

    def _keep(self, rows: Sequence[_Row], now: datetime) -> list[Line]:
        people = self.paper.store.subscribers
        hashes = {row.given: self.hash_address(row.given) for row in rows if row.reader}
        known = people.find_all(hashes)
        barred, gone = people.suppressed(hashes.values()), dict[str, str]()
        new: dict[str, Subscriber] = {}
        found: list[Line] = []
        for row in rows:
            key, result, why = row.given.casefold(), Result.REFUSED, row.why
            if row.reader is None:
                pass
            elif why and key in known:
                why = f"{why} there, {known[key].state} here: left as it is"
            elif why:
                gone[hashes[row.given]] = f"import: {why}"
                new.pop(key, None)
                result, why = Result.SUPPRESSED, f"{why} there; never mailed from here"
            elif key in known or key in new:
                result, why = Result.KNOWN, f"is {known[key].state}" if key in known else "stands here twice"
            elif hashes[row.given] in barred or hashes[row.given] in gone:
                why = f"on the suppression list; {ASKED_BACK}"
            else:
                result, new[key] = Result.TAKEN, row.reader
            found.append(Line(number=row.number, result=result, address=row.given, why=why))
        if gone:
            people.suppress(gone, now=now)
        people.add_all(new.values(), actor=ACTOR, now=now, reason=self.reason)
        return found


def add_by_hand(store: Store, reader: Subscriber, *, hashed: str, now: datetime) -> Subscriber:
    """Add a reader who has agreed elsewhere.

    Raises:
        ConsentError: Known here and not mailable, or suppressed: only the reader can come back.
    """
    known = store.subscribers.find(reader.address)
    if known is None and store.subscribers.suppressed([hashed]):
        raise ConsentError(f"This address is on the suppression list; {ASKED_BACK}")
    consent.step(known.state if known else None, Step.ADD)
    return known or store.subscribers.add(reader, actor="operator", now=now, reason="added by hand")


def write_list(readers: Iterable[Subscriber], file: IO[str]) -> int:
    """Our own columns; how many rows. Cells a spreadsheet would run get a ``'`` before them."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for count, one in enumerate(readers, 1):  # noqa: B007
        writer.writerow([_safe(_cell(getattr(one, column))) for column in COLUMNS])
    return count


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(value)
    return value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(text: str) -> str:
    """A cell without the ``'`` of :func:`_safe` and what cannot be seen; controls count as blanks."""
    text = text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " * (category(c) in {"Cc", "Zs"}) for c in text)
    return " ".join(text.split())


def _delimiter(file: IO[str]) -> str:
    """The commonest of comma, semicolon and tab in the first line; the file is left at its start."""
    first = file.readline(10_000)
    file.seek(0)
    return max(",;\t", key=first.count)


def _columns(header: Sequence[str]) -> list[str]:
    names = [name.strip().strip("\ufeff").casefold() for name in header]
    if not set(_ADDRESS) & set(names):
        known = ", ".join(_ADDRESS[:3])
        raise ValueError(f"the first line names no column of addresses; call one of them {known}")
    return names


def _first(cells: Mapping[str, str], names: Sequence[str]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")


def _both(cells: Mapping[str, str]) -> str:
    first, last = cells.get("first name", ""), cells.get("last name", "")
    between = "" if not (first + last).isascii() else " "
    return f"{first}{between}{last}".strip()


def _listed(text: str) -> list[str]:
    return [
        part.strip().strip("\"'") for part in re.split(r'[,;|]|(?<!,)\s+(?=[^"]*$)', text) if part.strip()
    ]


def _tag(text: str) -> str:
    return text if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", text) else ""


@cache
def zones() -> frozenset[str]:
    """The names of the tz database."""
    return frozenset(available_timezones())


def _hour(text: str) -> int | None:
    return int(text) if re.fullmatch(r"1?\d|2[0-3]", text, re.ASCII) else None


def _moment(text: str) -> datetime | None:
    """As :func:`_cell` writes it; in UTC when it does not say."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
