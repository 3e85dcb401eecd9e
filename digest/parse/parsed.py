"""A feed as it was read, and what its readers share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from digest.model import Entry

MAX_TITLE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """A feed read to its end.

    Args:
        kind: ``rss20``, ``atom10``, ``json11`` and so on, feedparser's names.
        entries: Newest first as far as dates tell, else in the feed's own order; at most `MAX_ENTRIES`.
        every_s: How often its publisher says it is worth asking, 0 when it does not.
        teasers: Most entries only open the article.
        charset_note: What was wrong with its charset labels, empty when nothing was.
        syntax_note: What is wrong with its XML, read all the same.
    """

    kind: str
    title: str
    site: str
    language: str
    entries: tuple[Entry, ...] = ()
    every_s: int = 0
    teasers: bool = False
    charset_note: str = ""
    syntax_note: str = ""


Aside = tuple[str, Mapping[str, str]]
"""A body the parser did not see, and what else of its entry, by the parser's names."""


class Told(NamedTuple):
    """A document as its parser tells it.

    Args:
        feed: Without its entries.
        entries: In feedparser's form, whatever parser it was; a body may be a mark, of those in *bodies*.
    """

    feed: ParsedFeed
    entries: Sequence[Mapping[str, Any]]
    bodies: Mapping[str, Aside] = {}


def sound(text: str) -> str:
    """Without what XML and UTF-8 cannot hold; numeric references and JSON escapes bring it in."""
    return _FORBIDDEN.sub("", text)


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def whole(value: object) -> int:
    text = str(value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 14 else 0
