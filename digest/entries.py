"""Which of a feed's entries were met before, and which edits are worth a reader's time.

Feeds lose, repeat and change their GUIDs; links and words then tell what is the same.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from digest.model import Article, Entry, SeenEntry
from digest.text import Span, fold, sentences

_OLD = timedelta(days=30)
"""An entry dated longer ago than this when it is first met is background, whatever brought it up."""
_SLIGHT = 12
"""Characters an edit may change and still be a correction of spelling or style."""
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


class Sight(StrEnum):
    NEW = "new"
    EDITED = "edited"
    KNOWN = "known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """An entry of a poll, how it is to be remembered from now on, and what became of it.

    Args:
        entry: None when it was cleaned.
        article: What came of it; None before, and when there is none in it; then *reason* says why.
        sketch: The article's, see `digest.similar.sketch`.
    """

    title: str
    seen: SeenEntry
    sight: Sight
    entry: Entry | None = None
    article: Article | None = None
    sketch: tuple[int, ...] = ()
    reason: str = ""

    @property
    def at(self) -> datetime:
        """Its date, or when it was first seen where it has none to be believed; until it is cleaned."""
        published = self.entry and self.entry.published
        return published.at if published else self.seen.first_seen_at


def meet(
    entries: Sequence[Entry], seen: Sequence[SeenEntry], *, now: datetime, first_news: int
) -> tuple[Met, ...]:
    """Recognise the entries of one poll; each article once, in the order of *entries*.

    A GUID that stands twice in the feed says nothing, nor does a link; then the other decides, and
    at last the words. In a feed of one entry the link decides: some give every entry the same GUID.

    Args:
        entries: Newest first.
        seen: What this feed brought before; empty at its first poll.
        first_news: Of a first poll, the newest so many are news and the rest background.
    """
    telling = _telling(entries)
    known = {name: one for one in reversed(seen) for name in _names(one)}
    ids = {one.id for one in seen}
    met: list[Met] = []
    taken: set[str] = set()
    fresh = 0
    for entry in entries:
        old = next((known[name] for name in _names(entry) if name in telling and name in known), None)
        if old is None:
            background = not seen and fresh >= first_news
            background |= entry.published is not None and entry.published.at < now - _OLD
            remembered, sight = _remember(entry, taken | ids, now, background), Sight.NEW
            fresh += 1
        else:
            sight = Sight.KNOWN if old.mark == entry.mark else Sight.EDITED
            remembered = replace(old, **_marks(entry))
        if remembered.id in taken:
            continue
        taken.add(remembered.id)
        known |= dict.fromkeys(_names(remembered), remembered)
        met.append(Met(title=entry.title, entry=entry, seen=remembered, sight=sight))
    return tuple(met)


_Name = tuple[str, str]


def _names(entry: Entry | SeenEntry) -> tuple[_Name, ...]:
    """What an entry may be recognised by, the most telling first."""
    return ("guid", entry.guid), ("link", entry.link), ("text", entry.text_mark)


def _telling(entries: Sequence[Entry]) -> set[_Name]:
    """The names that tell one entry of a feed from the others."""
    counts = Counter(name for entry in entries for name in _names(entry))
    return {
        (kind, value)
        for (kind, value), count in counts.items()
        if (kind == "text" and value)
        or (kind == "guid" and value and count == 1 and len(entries) > 1)
        or (kind == "link" and count == 1 and _names_a_page(value))
    }


def _names_a_page(link: str) -> bool:
    parts = urlsplit(link)
    return bool(parts.path.strip("/") or parts.query)


def _remember(entry: Entry, taken: set[str], now: datetime, background: bool) -> SeenEntry:
    """The id is made of what names the entry best, so that a poll done twice gives the same."""
    identity = _id(entry.guid or entry.link or entry.text_mark or entry.mark)
    if identity in taken:
        identity = _id(f"{entry.guid}\0{entry.link}\0{entry.mark}")
    return SeenEntry(id=identity, first_seen_at=now, background=background, **_marks(entry))


def _id(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _marks(entry: Entry) -> dict[str, Any]:
    return {"guid": entry.guid, "link": entry.link, "mark": entry.mark, "text_mark": entry.text_mark}


def is_material(old: str, new: str) -> bool:
    """Whether an edit changed what a reader would learn: a figure, or a sentence that came or went."""
    if Counter(_FIGURE.findall(fold(old))) != Counter(_FIGURE.findall(fold(new))):
        return True
    came, went = additions(old, new), additions(new, old)
    changed = [new[slice(*span)] for span in came] + [old[slice(*span)] for span in went]
    return any(len(_bare(sentence)) > _SLIGHT for sentence in changed)


def additions(old: str, new: str) -> tuple[Span, ...]:
    """Spans of the sentences of *new* that say what *old* did not, in order."""
    before = {_bare(fold(old[start:end])) for start, end in sentences(old)}
    return tuple(
        (start, end)
        for start, end in sentences(new)
        if (words := _bare(fold(new[start:end]))) not in before and not _is_slip(words, before)
    )


def _is_slip(words: str, before: set[str]) -> bool:
    """An old sentence with a word put right; one whose figures changed is news."""
    figures = _FIGURE.findall(words)
    return any(
        abs(len(words) - len(old)) <= _SLIGHT
        and _FIGURE.findall(old) == figures
        and SequenceMatcher(None, words, old, autojunk=False).ratio() > 0.8
        for old in before
    )


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
