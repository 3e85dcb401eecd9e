"""Entries of feeds: most are nothing but a row of paragraphs, whose body needs no search.

Where every line of an entry is plainly a sentence or more, a heading between two such or the caption of a
picture, and none of the words of marks.toml stands in it, the steps of `clean_page` would keep them all but
the captions, and the feed tells what they look for around a body. Any other entry is cleaned as the page it
could be. Both ways come to the same article, which a test holds them to.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

from digest.clean import metadata
from digest.clean.layout import CONTENTS
from digest.clean.lines import MAX_LINES, measure, starts_with_bullet
from digest.clean.marks import Kind, has_marked, kind
from digest.clean.page import clean_page, fitting, inferred
from digest.clean.sift import notes
from digest.clean.splices import brand, title_removals
from digest.clean.thread import MOMENT
from digest.clean.titles import is_variant, strip_site
from digest.language import detect
from digest.model import Article, Block, BlockKind, Page, SiteRule
from digest.text import collapse

_TAG = re.compile(r"<(/?[a-z][a-z0-9]*)(?:\s(?:[^\"<>]|\"[^\"]*\")*)?>")
_KINDS = {"h2": BlockKind.HEADING, "h3": BlockKind.HEADING, "h4": BlockKind.HEADING, "figcaption": None}
"""Of tags whose lines are no paragraphs; None for what is left out."""
_BLOCKS = frozenset(
    mark + tag
    for tag in ("p", "div", "br", "blockquote", "figure", "li", "ol", "section", "ul", *_KINDS)
    for mark in ("", "/")
)
_FONT = frozenset({"a", "b", "em", "i", "span", "strong", "u", "small", "mark", "img"})
_INLINE = _FONT | {f"/{tag}" for tag in _FONT}
_END = re.compile(r"[。！？!?.][”’」』）)】》\"']*$(?<!\.\.)")
_QUOTES = "“”\"‘’'「」"
_WIDE, _WORDS = 100, 60
"""Characters of three bytes, or words, from which a line is a long paragraph whatever marks are in it."""
_LEAST = 40.0
"""Reading weight of an entry that surely is an article; below it `clean_page` decides."""
_LONG = 60.0
"""That of a long paragraph, at least, unless it is marked as furniture."""
_BESIDE = 30.0
"""Reading weight of the paragraphs around a heading from which it surely is the body's."""


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
    kept = [line for line in plain.lines if line.kind]
    told = [n for n, line in enumerate(kept) if line.kind is BlockKind.PARAGRAPH]
    for n in notes([kept[n].text for n in told]):
        kept[told[n]] = kept[told[n]]._replace(kind=BlockKind.ASIDE)
    paragraphs = [line.text for line in kept if line.kind is not BlockKind.HEADING]
    around = [*plain.below, plain.title, *(line.text for line in takewhile(_is_caption, plain.lines))]
    said = metadata.credits((), plain.below, paragraphs, around, brand=None)
    outlet = said.outlet or said.republisher
    article = Article(
        source_id=source_id,
        title=plain.title,
        text="\n\n".join(line.text for line in kept),
        blocks=_blocks(kept),
        language=detect("\n".join(line.text for line in kept)),
        url=url,
        authors=said.authors,
        editors=said.editors,
        outlet=outlet,
        republisher=said.republisher if said.republisher != outlet else None,
        held_on=metadata.held_on(paragraphs),
        flags=(inferred(said.inferred_from),) if said.inferred_from and outlet == said.outlet else (),
        evergreen=evergreen,
    )
    return Page(article=article)


def document(markup: str, title: str, language: str) -> str:
    heading, lang = html.escape(title), f' lang="{html.escape(language)}"' if language else ""
    head = f"<html{lang}><head><title>{heading}</title></head>"
    return f"{head}<body><article><h1>{heading}</h1>{markup}</article></body></html>"


class _Line(NamedTuple):
    """A block of an entry: its text, the share of it in links, and what it is; None for a caption."""

    text: str
    linked: float
    kind: BlockKind | None


@dataclass(frozen=True, slots=True)
class _Plain:
    """An entry of paragraphs, headings and captions; *below* are the last lines, nothing but links."""

    title: str
    lines: Sequence[_Line]
    below: Sequence[str]


def _plain(read: Sequence[_Line], title: str) -> _Plain | None:
    """None when the entry is anything but paragraphs with headings and captions between them."""
    if starts_with_bullet(title) or not (len(title) >= 6 or title == strip_site(title) != ""):
        return None
    end = len(read)
    while end and read[end - 1].linked > 0.9 and len(read[end - 1].text) <= 80:
        end -= 1
    lines, below = read[:end], [line.text for line in read[end:]]
    if len({title, *(line.text for line in lines)}) <= end or any(
        title in line.text
        and (line.kind is not BlockKind.PARAGRAPH or title_removals(line.text, title, None))
        for line in lines
    ):
        return None
    # A date below may belong to a signature, and so to the text; a name may be spliced into it.
    if any(re.search(r"\d", text) for text in below):
        return None
    above = [title, *(line.text for line in takewhile(_is_caption, lines))]
    if len(below) + len(above) > 2 and brand(above, below):
        return None
    return _Plain(title, lines, below) if _is_row(lines, title) else None


def _is_caption(line: _Line) -> bool:
    return line.kind is None


def _is_row(lines: Sequence[_Line], title: str) -> bool:
    """Whether all lines are plainly paragraphs, headings between two of them, or captions above the last."""
    shown = [line for line in lines if line.kind]
    captions = len(lines) - len(shown)
    sizes = [_size(line.text, line.linked) if line.kind is BlockKind.PARAGRAPH else -1 for line in shown]
    if not all(sizes) or sum(max(size, 0) for size in sizes) < _LEAST or captions * 2 > len(shown):
        return False
    apart = [i for i, size in enumerate(sizes) if size < 0]
    beside = [0, *sizes, 0]
    return (
        all(min(beside[i], beside[i + 2]) >= _BESIDE for i in apart)
        and (not captions or not _is_caption(lines[-1]))
        and all(_is_apart(line, title) for line in lines if line.kind is not BlockKind.PARAGRAPH)
        and not has_marked(line.text for line, size in zip(shown, sizes, strict=True) if size == _LONG)
    )


def _is_apart(line: _Line, title: str) -> bool:
    """Whether a line of a heading or a caption is plainly that."""
    if MOMENT.search(line.text):
        return False  # above a post
    if line.kind is None:
        return True
    if line.text in title or is_variant(line.text, [title]):
        return False
    short = kind(measure(line.text, 1, heading=True)) is Kind.SHORT
    return short and not line.linked and not CONTENTS.fullmatch(line.text)


def _blocks(lines: Sequence[_Line]) -> tuple[Block, ...]:
    blocks, at = [], 0
    for line in lines:
        if line.kind:
            blocks.append(Block(kind=line.kind, start=at, end=at + len(line.text)))
            at += len(line.text) + 2
    return tuple(blocks)


def _read(markup: str) -> list[_Line] | None:
    """Blocks in order; None when there are other tags than paragraphs, headings and pictures have."""
    lines: list[_Line] = []
    parts: list[str] = []
    linked = 0
    inside = False
    within: BlockKind | None = BlockKind.PARAGRAPH
    pieces = _TAG.split(markup)
    for text, tag in zip(pieces[::2], [*pieces[1::2], "/p"], strict=True):
        if text:
            if "<" in text:
                return None
            parts.append(text)
            linked += len(text.strip()) if inside else 0
        if tag in _BLOCKS:
            if parts and (whole := collapse(html.unescape("".join(parts)))):
                lines.append(_Line(whole, linked / len(whole), within))
            parts.clear()
            linked = 0
            if within is not BlockKind.PARAGRAPH and tag.lstrip("/") not in _KINDS:
                return None
            within = _KINDS.get(tag, BlockKind.PARAGRAPH)
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
        return _LONG
    line = measure(text, 1, linked=linked)
    return line.size if line.stops and kind(line) is Kind.PROSE else 0
