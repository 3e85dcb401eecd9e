"""Lists of readers as CSV: taking in what other programs export, and writing our own.

Columns are known by name, in any order: our own export's, Mailchimp's audience exports (one file each for
subscribed, unsubscribed and cleaned) and listmonk's. Who left over there is not taken, but suppressed here.
Nobody is mailed. The file is streamed: memory does not grow with it.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from digest import consent
from digest.address import canonical
from digest.consent import Step
from digest.errors import ConsentError
from digest.model import ConsentState, Subscriber, Theme

if TYPE_CHECKING:
    from digest.store import Store

ACTOR = "import"
BATCH = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that starts so is run by spreadsheets (OWASP, CSV injection)."""
COLUMNS = (
    "address", "name", "state", "language", "timezone", "themes", "schedules", "send_hour", "paused_until",
)  # fmt: skip
_ADDRESS = ("address", "email address", "email", "e-mail", "邮箱", "电子邮箱", "邮件地址")
_NAME = ("name", "full name", "姓名", "名字")
_GONE = (
    "unsubscribed", "cleaned", "bounced", "complained", "disabled", "blocklisted", "blacklisted", "erased",
)  # fmt: skip
_HERE = ("", "confirmed", "subscribed", "enabled", "active", "paused")
_ZONE = re.compile(r"[A-Za-z_+-]+(/[A-Za-z0-9_+-]+){0,2}")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int
    reader: Subscriber | None = None
    given: str = ""
    gone: str = ""
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """How rows become readers.

    Args:
        language, timezone: For rows that do not say.
        themes: Named by id or name in a column ``themes``, or as a tag over there; others are ignored.
        schedules: Ids a column ``schedules`` may name.
    """

    store: "Store"
    hash_address: Callable[[str], str]
    language: str
    timezone: str
    themes: Sequence[Theme] = ()
    schedules: Sequence[str] = ()
    reason: str = "import"
    _names: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for theme in self.themes:
            for name in (theme.id, *theme.names.values()):
                self._names[name.casefold()] = theme.id

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
                yield _Row(number=lines.line_num, wrong=f"cannot be read as CSV: {wrong}")
                continue
            if any(cell.strip() for cell in cells):
                yield self._row(lines.line_num, dict(zip(columns, map(_plain, cells), strict=False)))

    def _row(self, number: int, cells: Mapping[str, str]) -> _Row:
        given = _first(cells, _ADDRESS)
        try:
            address = canonical(given)
        except ValueError as wrong:
            return _Row(number=number, given=given[:80], wrong=str(wrong))
        state = _first(cells, ("state", "status")).casefold()
        gone = state if state in _GONE else ""
        for sign, word in (("unsub_time", "unsubscribed"), ("clean_time", "cleaned")):
            gone = word if cells.get(sign) else gone
        if not gone and state not in _HERE:
            return _Row(number=number, given=address, wrong=f"state {state[:40]!r}: has not confirmed")
        reader = Subscriber(
            id=0,
            address=address,
            name=_first(cells, _NAME) or _both(cells),
            state=ConsentState.CONFIRMED,
            language=_tag(cells.get("language", "")) or self.language,
            timezone=zone if is_zone(zone := cells.get("timezone", "")) else self.timezone,
            themes=self._themes(_first(cells, ("themes", "tags"))),
            schedules=tuple(s for s in _listed(cells.get("schedules", "")) if s in self.schedules),
            send_hour=_hour(cells.get("send_hour", "")),
        )
        return _Row(number=number, reader=reader, given=address, gone=gone)

    def _themes(self, text: str) -> tuple[str, ...]:
        found = (self._names.get(tag.casefold(), "") for tag in _listed(text))
        return tuple(dict.fromkeys(filter(None, found)))

    def _keep(self, rows: Sequence[_Row], now: datetime) -> list[Line]:
        good = [(row, row.reader) for row in rows if row.reader is not None]
        readers = self.store.subscribers
        hashes = {reader.address: self.hash_address(reader.address) for _, reader in good}
        known = readers.find_all(list(hashes))
        barred = readers.suppressed(list(hashes.values()))
        new: dict[str, Subscriber] = {}
        found: list[Line] = []
        for row in rows:
            if row.reader is None:
                found.append(Line(number=row.number, result=Result.REFUSED, address=row.given, why=row.wrong))
                continue
            key, hashed = row.reader.address.casefold(), hashes[row.reader.address]
            if row.gone:
                result, why = Result.SUPPRESSED, f"{row.gone} there; never mailed from here"
                if key not in known:
                    readers.suppress(hashed, reason=f"import: {row.gone}", now=now)
                    barred |= {hashed}
                    new.pop(key, None)
                else:
                    result, why = Result.REFUSED, f"{row.gone} there, {known[key].state} here: left as it is"
            elif key in known or key in new:
                result, why = Result.KNOWN, f"is {known[key].state}" if key in known else "stands here twice"
            elif hashed in barred:
                result, why = Result.REFUSED, "on the suppression list: only its owner can subscribe it again"
            else:
                result, why = Result.TAKEN, ""
                new[key] = row.reader
            found.append(Line(number=row.number, result=result, address=row.reader.address, why=why))
        if new:
            readers.add_all(new.values(), actor=ACTOR, now=now, reason=self.reason)
        return found


def add_by_hand(store: "Store", reader: Subscriber, *, hashed: str, now: datetime) -> Subscriber:
    """Add a reader who has agreed elsewhere.

    Raises:
        ConsentError: Known here and not mailable, or suppressed: only the reader can come back.
    """
    known = store.subscribers.find(reader.address)
    if known is None and store.subscribers.is_suppressed(hashed):
        raise ConsentError(
            "This address is on the suppression list; only its owner can subscribe, with the form."
        )
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
    """A cell without the ``'`` of :func:`_safe`, blanks around it and controls."""
    text = text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
    text = text.strip()
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


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


def is_zone(text: str) -> bool:
    """Whether *text* names a time zone of the tz database."""
    from zoneinfo import ZoneInfo

    try:
        return bool(_ZONE.fullmatch(text) and ZoneInfo(text))
    except (KeyError, ValueError, OSError):
        return False


def _hour(text: str) -> int | None:
    return int(text) if re.fullmatch(r"1?\d|2[0-3]", text, re.ASCII) else None
