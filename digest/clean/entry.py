"""Entries of feeds: most are nothing but a row of paragraphs, whose body needs no search.

Where every line of an entry is plainly a sentence or more and none of the words of marks.toml stands in it,
the steps of `clean_page` would keep them all, and the feed tells what they look for around a body. Any other
entry is cleaned as the page it could be. Both ways come to the same article, which a test holds them to.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.clean import metadata
from digest.clean.lines import MAX_LINES, measure, starts_with_bullet
from digest.clean.marks import Kind, is_marked_paragraph, kind
from digest.clean.page import clean_page, fitting, inferred
from digest.clean.splices import brand, title_removals
from digest.clean.titles import strip_site
from digest.language import detect
from digest.model import Article, Block, BlockKind, Page, SiteRule
from digest.text import collapse

_TAG = re.compile(r"<(/?[a-z][a-z0-9]*)(?:\s(?:[^\"<>]|\"[^\"]*\")*)?>")
_BLOCKS = frozenset({"p", "/p", "div", "/div", "br"})
_FONT = frozenset({"a", "b", "em", "i", "span", "strong", "u", "small", "mark", "img"})
_INLINE = _FONT | {f"/{tag}" for tag in _FONT}
_END = re.compile(r"[。！？!?.][”’」』）)】》\"']*$(?<!\.\.)")
_QUOTES = "“”\"‘’'「」"
_WIDE, _WORDS = 100, 60
"""Characters of three bytes, or words, from which a line is a long paragraph whatever marks are in it."""
_LEAST = 40.0
"""Reading weight of an entry that surely is an article; below it `clean_page` decides."""


def clean_entry(
    markup: str,
    *,
    title: str,
    language: str,
    source_id: str,
    url: str | None,
    now: datetime,
    rules: tuple[SiteRule, ...] = (),
    evergreen: bool = False,
    dated: bool = False,
) -> Page:
    """The article in an entry, see `clean_page`.

    Args:
        markup: As `digest.links.tidy_html` leaves it.
        language: The feed's, empty when it does not say.
        dated: The feed tells the entry's date; none is looked for.
    """
    found = _read(markup) if dated and not fitting(rules, f"{title}\n{markup}", url) else None
    plain = _plain(found, collapse(title)) if found else None
    if plain is None:
        page = document(markup, title, language)
        return clean_page(
            page,
            source_id=source_id,
            html=True,
            alone=True,
            url=url,
            now=now,
            rules=rules,
            evergreen=evergreen,
        )
    said = metadata.credits((), plain.below, plain.paragraphs, [*plain.below, plain.title], brand=None)
    outlet = said.outlet or said.republisher
    article = Article(
        source_id=source_id,
        title=plain.title,
        text="\n\n".join(plain.paragraphs),
        blocks=_blocks(plain.paragraphs),
        language=detect("\n".join(plain.paragraphs)),
        url=url,
        authors=said.authors,
        editors=said.editors,
        outlet=outlet,
        republisher=said.republisher if said.republisher != outlet else None,
        held_on=metadata.held_on(plain.paragraphs),
        flags=(inferred(said.inferred_from),) if said.inferred_from and outlet == said.outlet else (),
        evergreen=evergreen,
    )
    return Page(article=article)


def document(markup: str, title: str, language: str) -> str:
    heading, lang = html.escape(title), f' lang="{html.escape(language)}"' if language else ""
    head = f"<html{lang}><head><title>{heading}</title></head>"
    return f"{head}<body><article><h1>{heading}</h1>{markup}</article></body></html>"


@dataclass(frozen=True, slots=True)
class _Plain:
    """An entry of paragraphs; *below* are the last lines, nothing but links."""

    title: str
    paragraphs: Sequence[str]
    below: Sequence[str]


def _plain(read: Sequence[tuple[str, float]], title: str) -> _Plain | None:
    """None when the entry is anything but paragraphs."""
    if starts_with_bullet(title) or not (len(title) >= 6 or title == strip_site(title) != ""):
        return None
    end = len(read)
    while end and read[end - 1][1] > 0.9 and len(read[end - 1][0]) <= 80:
        end -= 1
    paragraphs, below = [text for text, _ in read[:end]], [text for text, _ in read[end:]]
    if len({title, *paragraphs}) <= end or any(
        title in text and title_removals(text, title, None) for text in paragraphs
    ):
        return None
    # A date below may belong to a signature, and so to the text; a name may be spliced into it.
    if any(re.search(r"\d", text) for text in below) or (len(below) > 1 and brand([title], below)):
        return None
    sizes = [_size(text, linked) for text, linked in read[:end]]
    return _Plain(title, paragraphs, below) if all(sizes) and sum(sizes) >= _LEAST else None


def _blocks(paragraphs: Sequence[str]) -> tuple[Block, ...]:
    blocks, at = [], 0
    for text in paragraphs:
        blocks.append(Block(kind=BlockKind.PARAGRAPH, start=at, end=at + len(text)))
        at += len(text) + 2
    return tuple(blocks)


def _read(markup: str) -> list[tuple[str, float]] | None:
    """(text, share of it in links) of each block; None when there are other tags than paragraphs have."""
    lines: list[tuple[str, float]] = []
    parts: list[str] = []
    linked = 0
    inside = False
    pieces = _TAG.split(markup)
    for text, tag in zip(pieces[::2], [*pieces[1::2], "/p"], strict=True):
        if text:
            if "<" in text:
                return None
            parts.append(text)
            linked += len(text.strip()) if inside else 0
        if tag in _BLOCKS:
            if parts and (whole := collapse(html.unescape("".join(parts)))):
                lines.append((whole, linked / len(whole)))
            parts.clear()
            linked = 0
        elif tag not in _INLINE:
            return None
        elif tag in ("a", "/a"):
            inside = tag == "a"
    return lines if len(lines) < MAX_LINES else None


def _size(text: str, linked: float) -> float:
    """The reading weight, at least, of a line that is plainly prose; 0 when it may be anything else."""
    if linked > 0.3 or not _END.search(text[-8:]) or starts_with_bullet(text):
        return 0
    if text[0] in _QUOTES and text[-1] in _QUOTES:
        return 0  # perhaps a sentence of the text in large type
    wide = (len(text.encode("utf-8", "replace")) - len(text)) // 2
    if wide >= _WIDE or text.count(" ") >= _WORDS:
        return 0 if is_marked_paragraph(text) else 60
    line = measure(text, 1, linked=linked)
    return line.size if line.stops and kind(line) is Kind.PROSE else 0
