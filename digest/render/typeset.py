"""Setting text for readers: width of marks, gaps, quotation marks, omissions, links that are safe.

Nothing here changes a word: ``NFKC(shown) == NFKC(source)`` once white space is taken out.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from markupsafe import Markup, escape

from digest.model import SLOT_CLOSE, SLOT_OPEN, Article, Excerpt
from digest.text import CJK, restore_punctuation

_UNWANTED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{SLOT_OPEN}-\ufdef\ufffe\uffff\ud800-\udfff]")
_GAP = re.compile(f"(?<=[{CJK}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%+])(?=[{CJK}])")
_WIDE = f"{CJK}，。：；？！、（）《》〈〉「」『』"
_MARKS = re.compile(
    f"——+|(?<=[{_WIDE}])(?:[“”‘’]|…+)+|(?:[“”‘’]|…+)+(?=[{_WIDE}])|(?<=[“”‘’…])[“”‘’…](?=[{_WIDE}])"
)
_STOPS = "。！？!?.…”’」』\"')）】"
_CLAUSE = re.compile(r"[，。：；？！、,:;?!…]")
URL_LIMIT = 2000
"""Longer addresses are dropped: some clients cut them, and one must not eat the size budget."""
FRAGMENT_CHARS = 16
"""Characters of a passage's head and tail in a text fragment: enough to be found, nine octets each."""


def clean(value: str) -> str:
    """Without controls, lone surrogates and noncharacters; line breaks and tabs are blanks."""
    return _UNWANTED.sub("", re.sub(r"[\t\r\n]+", " ", value))


def gap(text: str) -> str:
    """One blank between Chinese and Latin text or digits where none stands (CLREQ 3.2.2)."""
    return _GAP.sub(" ", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typesetter:
    """How text becomes HTML.

    Args:
        restore: Full-width marks beside Chinese characters.
        marks: Opening tag round Chinese quotation marks and dots, so that a Latin face does not set
            them; empty for none.
        dashes: Opening tag round —— so that no line end tears it apart.
    """

    restore: bool
    marks: str
    dashes: str

    def shown(self, text: str) -> Markup:
        """Verbatim text as a reader sees it, escaped."""
        text = clean(text)
        if self.restore:
            text = restore_punctuation(text)
        return Markup(_MARKS.sub(self._wrap, str(escape(gap(text)))))  # noqa: S704  escaped just before

    def number(self, text: str) -> Markup:
        """Digits, unit and hedge exactly as written."""
        return Markup("{}").format(clean(text))

    def _wrap(self, found: re.Match[str]) -> str:
        tag = self.dashes if found.group().startswith("—") else self.marks
        return f"{tag}{found.group()}</span>" if tag else found.group()

    def excerpt(self, excerpt: Excerpt, article: Article) -> Markup:
        """The span, with …… where it starts or ends inside a sentence."""
        shown = self.shown(excerpt.text)
        if excerpt.by == "model":
            return shown
        dots, blank = ("……", "") if _chinese(excerpt.text) else ("…", " ")
        before = article.text[: excerpt.start].rstrip(" ")
        if before and before[-1] not in _STOPS + "\n":
            shown = self.shown(dots) + blank + shown
        if excerpt.text.rstrip()[-1:] not in _STOPS:
            shown = shown + blank + self.shown(dots)
        return shown


def _chinese(text: str) -> bool:
    return bool(re.search(f"[{CJK}]", text))


def cut_title(title: str, limit: int = 60) -> str:
    """Titles over *limit* characters end at a mark, with dots (editorial guide, section 2)."""
    title = clean(title)
    if len(title) <= limit:
        return title
    marks = [m.start() for m in _CLAUSE.finditer(title, limit // 2, limit)] or [
        m.start() for m in re.finditer(" ", title[:limit])
    ]
    return title[: marks[-1] if marks else limit].rstrip() + ("……" if _chinese(title) else " …")


def same_text(shown: str, source: str) -> bool:
    """Whether both hold the same characters, white space and the width of marks aside."""
    return _bare(shown) == _bare(source)


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def safe_url(value: str | None) -> str | None:
    """As an ASCII address a mail may hold: http, https or mailto, else None."""
    if not value or len(value) > URL_LIMIT or value != clean(value) or " " in value:
        return None
    try:
        parts = urlsplit(value)
        host = parts.netloc.encode("ascii", "ignore").decode() == parts.netloc or parts.netloc.encode("idna")
    except ValueError:
        return None
    if parts.scheme == "mailto":
        return quote(value, safe="%:/?#[]@!$&()*+,;=~-._")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    netloc = parts.netloc if host is True else host.decode()  # type: ignore[union-attr]
    safe = "%:/?#[]@!$&()*+,;=~-._"
    return urlunsplit(
        (parts.scheme, netloc, quote(parts.path, safe), quote(parts.query, safe), quote(parts.fragment, safe))
    )


def passage_url(article: Article, excerpt: Excerpt) -> str | None:
    """The article's address with a text fragment for the passage (WICG scroll-to-text-fragment).

    Head and tail end at clause marks, since browsers match whole words only; words a site spliced in
    still stand in its page, so a piece with a cut in it is not used.
    """
    url = safe_url(article.url)
    if url is None or "#" in url or excerpt.by != "source":
        return url
    cuts = [cut.at for cut in article.cuts]
    pieces = _pieces(article.text, excerpt.start, excerpt.end, cuts)
    if not pieces:
        return url
    ends = pieces[:1] if len(pieces) == 1 else [pieces[0], pieces[-1]]
    return f"{url}#:~:text={','.join(quote(piece, safe='').replace('-', '%2D') for piece in ends)}"


def _pieces(text: str, start: int, end: int, cuts: Sequence[int]) -> list[str]:
    found: list[str] = []
    at = start
    for stop in [m.start() for m in _CLAUSE.finditer(text, start, end)] + [end]:
        piece = text[at:stop].strip(" “”‘’「」『』\"'")
        if 4 <= len(piece) <= 2 * FRAGMENT_CHARS and "\n" not in piece and not any(at < c < stop for c in cuts):
            found.append(piece)
        at = stop + 1
    return found
