"""Our own words: Babel catalogs, dates, numbers and lists in each language's habit.

Catalogs are ``LANGUAGE/LC_MESSAGES/digest.po`` in ``digest/locale`` and in the ``locale`` folder of a
template directory; a file more is a language more. They are compiled when first read (8 ms).
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path

from babel import Locale, dates, lists, units
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from markupsafe import Markup

from digest.language import catalogs
from digest.model import Precision, Published, Schedule
from digest.render.typeset import clean, gap

SOURCE_LANGUAGE = "en"


@cache
def _translations(path: Path) -> Translations:
    with path.open("rb") as file:
        catalog = read_po(file)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)


@cache
def _recorded(path: Path) -> tuple[tuple[re.Pattern[str], str, bool], ...]:
    """What may be recorded (the context ``recorded``), as a pattern; its words, and whether it has any."""
    with path.open("rb") as file:
        found = [(str(one.id), str(one.string)) for one in read_po(file) if one.context == "recorded"]
    return tuple(
        (_pattern(message), words, bool(re.search(r"\w", re.sub(r"{\w+}", "", message))))
        for message, words in found
    )


def _pattern(message: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", message)
    for n in range(1, len(pieces), 2):
        pieces[n] = rf"(?P<{pieces[n]}>{'[0-9.]+' if pieces[n] == 'n' else '.+?'})"
    return re.compile("".join(piece if n % 2 else re.escape(piece) for n, piece in enumerate(pieces)))


@dataclass(frozen=True, slots=True)
class Wording:
    """What the interface says in one language.

    Messages are named by their English text; ``{name}`` stands for a value. ``html`` results escape
    their values, ``plain`` ones do not.
    """

    language: str
    locale: Locale
    translations: Translations
    catalog: Path

    def plain(self, message: str, **values: object) -> str:
        return gap(self.translations.gettext(message).format(**values))

    def html(self, message: str, **values: object) -> Markup:
        return self._filled(self.translations.gettext(message), values)

    def html_n(self, one: str, many: str, n: int, **values: object) -> Markup:
        return self._filled(self.translations.ngettext(one, many, n), {"n": n, **values})

    def _filled(self, message: str, values: dict[str, object]) -> Markup:
        safe = {key: clean(value) if type(value) is str else value for key, value in values.items()}
        return Markup(gap(Markup(message).format(**safe)))  # noqa: S704  a catalog's text, values escaped

    def told(self, recorded: str) -> str:
        """What was *recorded* in English, where the words are ours; a server's stay as they are.

        A message of marks alone, such as ``{one}; {more}``, is for what holds words of ours.
        """
        for pattern, message, has_words in _recorded(self.catalog):
            if found := pattern.fullmatch(recorded):
                values = {name: self.told(value) for name, value in found.groupdict().items()}
                if has_words or values != found.groupdict():
                    return gap(message.format(**values))
        return recorded

    def dated(self, skeleton: str, day: date) -> str:
        """The parts of *day* that *skeleton* names (Unicode TR 35)."""
        return gap(dates.format_skeleton(skeleton, datetime.combine(day, time()), locale=self.locale))

    def date(self, day: date) -> str:
        return gap(dates.format_date(day, "long", locale=self.locale))

    def published(self, published: Published) -> str:
        """No more than the page told; the time of day is never worth a reader's line."""
        day = published.at.date()
        return self.dated("yMMMM", day) if published.precision is Precision.MONTH else self.date(day)

    def local_date(self, moment: datetime, timezone: str) -> str:
        return self.date(moment.astimezone(dates.get_timezone(timezone)).date())

    def moment(self, moment: datetime, timezone: str) -> str:
        """A day and a time of day on a clock in *timezone*."""
        zone = dates.get_timezone(timezone)
        time = dates.format_time(moment, "short", tzinfo=zone, locale=self.locale)
        return gap(f"{self.local_date(moment, timezone)} {time}")

    def megabytes(self, octets: int) -> str:
        amount = max(0.1, round(octets / 1e6, 1))
        return units.format_unit(amount, "digital-megabyte", "short", locale=self.locale)

    def list(self, names: Sequence[str]) -> str:
        """The names with the language's own separators, without a last “and”."""
        if self.chinese:  # CLDR's unit lists have no separator in Chinese
            return "、".join(names)
        return lists.format_list(names, style="unit", locale=self.locale) if names else ""

    @property
    def chinese(self) -> bool:
        return self.locale.language == "zh"

    def speaks(self, language: str) -> bool:
        """Whether text in *language* needs no mark of its own on a page in this one."""
        return language in ("und", "") or language.split("-")[0] == self.locale.language


def frequency(schedule: Schedule) -> str:
    """A message of the catalogs for how often *schedule* comes; empty when it is not that simple."""
    fields = (schedule.cron or "").split()
    if len(fields) != 5 or fields[2:4] != ["*", "*"]:
        return ""
    often = {"*": "every day", "1-5": "every weekday"}
    return often.get(fields[4], "every week" if fields[4].isdigit() else "")


@cache
def load_wording(language: str, folders: tuple[Path, ...] = ()) -> Wording:
    """The catalog for *language*, else for the language without its region, else English."""
    known = catalogs(folders)
    base = language.split("-")[0]
    near = [tag for tag in known if tag.split("-")[0] == base]
    tag = language if language in known else (near or [SOURCE_LANGUAGE])[0]
    return Wording(tag, Locale.parse(tag, sep="-"), _translations(known[tag]), known[tag])


def language_names(folders: Sequence[Path] = ()) -> dict[str, str]:
    """Tag of each language there is a catalog for, and what it calls itself."""
    tags = sorted(catalogs(folders), key=lambda tag: tag.split("-")[0] != "zh")
    return {tag: Locale.parse(tag, sep="-").get_language_name() or tag for tag in tags}
