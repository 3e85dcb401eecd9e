"""HTML pages: lines with what their tags tell.

trafilatura, asked for precision, votes on every line; our own reading of the page supplies the lines, so
that nothing it overlooks is lost and the plain-text cleaner has the page's surroundings to compare with.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import unescape
from itertools import islice, takewhile
from typing import Any

from digest.clean import tags
from digest.clean.lines import MAX_LINES, Line, measure, usable
from digest.clean.marks import BREAKS, kind
from digest.clean.metadata import Told
from digest.text import collapse, word_table

_SKIP = "script|style|noscript|template|svg|iframe|object|select|button|input|textarea|head|canvas|map"
_SKIPPED = frozenset(f"{_SKIP}|audio|video|dialog".split("|"))
_BLOCKS = word_table(
    "address article aside blockquote body br caption center dd details dir div dl dt fieldset figcaption"
    " figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol option p pre"
    " section summary table tbody td tfoot th thead tr ul"
)
"""What browsers set apart; any other element, known or not, is part of a line."""
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_AROUND = frozenset({"nav", "aside", "footer", "menu"})
_MAIN = frozenset({"body", "html", "article", "main"})
_AROUND_CLASS = re.compile(
    r"\b(?:nav|navbar|menu|breadcrumbs?|side(?:bar)?|footer|related|recommend\w*|comments?|comment-?list|share|social"
    r"|pagination|pager|hot|rank\w*|tags?|copyright|newsletter|subscribe|promo|advert\w*|banner|login|toast|popup|modal)\b",
    re.IGNORECASE,
)
_POST = re.compile(
    r"(?:^|\s)(?:post_?message_\d+|msg_\d+|postcontent\d+|t_f|t_msgfont|read_tpc|tpc_content|bbWrapper|messageText|pid_\d+"
    r"|cooked|topic_content|reply_content|d_post_content|usertext-body|js-post-body)(?:\s|$)"
)
"""What the common forum programs call the text of a post, in its class or id."""
_POST_BODY = re.compile(r"\bpostbody\b|\bpost_content\d")
_MEMBER = re.compile(
    r"space-uid-\d|mod=space|home/main\?|memberlist\.php|member\.php|/(?:u|users?|members?|profile)/[^/?#]"
)
"""The address of a member's page."""
_CAPTION_CLASS = re.compile(r"\bcaptions?\b|\b(?:img|image|pic|photo)[_-]?desc", re.IGNORECASE)
_TAG_ROLES = {"a": "a", "pre": "code"}
_BOX_CLASS = re.compile(
    r"(?:(?<![a-z])(?:img|image|photo|picture|gallery|author|bio|byline|credits?|disclaimer|correction|time|meta)"
    r"|caption)(?![a-z])",
    re.IGNORECASE,
)
_CENTRED = re.compile(r"text-align\s*:\s*center", re.IGNORECASE)
_WORDS_BELOW = 40
"""Characters that centred words below a picture may have."""
_MOST_BOXED = 3
"""Paragraphs that a box of a picture or an author may have."""
_SHINGLE = 12
_MAX_CHARS = 4_000_000
"""Longer pages are cut off: scripts can be ten times as long as the text, and stand before it."""
_MAX_ELEMENTS = 60_000
"""Of a page with more, where a block counts six, no second opinion is asked, nor are paragraphs counted: its
time grows with the square of the blocks."""
_DEEPEST = 100
"""Elements within one another up to which a second opinion is asked: its time grows with them, too."""
_PLACEHOLDER = re.compile(r"\{\{|<%")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def read_html(raw: str, *, alone: bool = False) -> tuple[list[Line], Told]:
    """(lines in page order, what its tags told). Empty when nothing can be parsed.

    Args:
        alone: The article stands alone; no second opinion is asked on which lines are its own.
    """
    from lxml import etree
    from lxml import html as lxml_html

    text = usable(raw, _MAX_CHARS)
    if not text.strip():
        return [], Told()
    parser = lxml_html.HTMLParser(encoding="utf-8")
    try:
        root = lxml_html.document_fromstring(text.encode(), parser=parser)
    except (ValueError, etree.LxmlError):
        return [], Told()
    root.extend([more for more in root.itersiblings() if isinstance(more.tag, str)])  # a second <html>
    _write_out_templates(root)
    huge = sum(6 if element.tag in _BLOCKS else 1 for element in root.iter()) > _MAX_ELEMENTS
    whole = 0 if huge else _count_paragraphs(root)
    _show_main(root, whole)
    lines = list(islice(_lines(root, whole), MAX_LINES))
    data = tags.linked_data(root)
    told = tags.told(root, data, lines)
    if any(line.vote for line in lines):  # the first post of a thread
        return [line if line.vote else line._replace(vote=False) for line in lines], replace(
            told, authors=_opener(root)
        )
    return _body_in(data, lines) or (_voted(lines, "") if alone or huge else _judged(lines, root)), told


def _write_out_templates(root: Any) -> None:
    """Put in the place of each template its paragraphs, if nothing is to be filled in."""
    from lxml import html as lxml_html

    for script in list(root.iter("script")):
        text = script.text or ""
        if (
            "template" in (script.get("type") or "")
            and text.count("<p") > 2
            and not _PLACEHOLDER.search(text)
        ):
            script.getparent().replace(script, lxml_html.fragment_fromstring(text, create_parent="div"))


def _show_main(root: Any, whole: int) -> None:
    """Show what holds most of the page's paragraphs though its style hides it: a script fades it in."""
    for element in root.iter() if whole else ():
        if _HIDDEN.search(element.get("style") or "") and _count_paragraphs(element) * 2 > whole:
            del element.attrib["style"]


def _opener(root: Any) -> tuple[str, ...]:
    """Who began a thread: the first member named below a heading and above the end of the first post."""
    found: tuple[str, ...] = ()
    tests_left = 200
    for element in root.iter("h1", "h2", "a", "div", "td", "article"):
        if element.tag in _HEADINGS:
            found = ()
        elif element.tag != "a" and _role(element, 0) == "post" and found:
            break
        elif not found and tests_left and _MEMBER.search(element.get("href") or ""):
            tests_left -= 1
            name = collapse(element.text_content())
            fits = 1 < len(name) <= 24 and not name.isdigit() and not _is_aside(element)
            found = (name,) if fits else ()
    return found


def _is_aside(element: Any) -> bool:
    return any(
        _AROUND_CLASS.search(above.get("class") or "") for above in element.iterancestors("div", "nav")
    )


def _body_in(data: dict[str, Any], lines: Sequence[Line]) -> list[Line]:
    """The lines with the article out of the page's data below them, where its tags show but a part of it."""
    from lxml import html as lxml_html

    whole = data.get("articleBody")
    if not isinstance(whole, str):
        return []
    markup = usable(unescape(whole), _MAX_CHARS).replace("\n", "<br>")
    body = list(_lines(lxml_html.fragment_fromstring(markup, create_parent="div"), 0))
    shown = sum(len(line.text) for line in lines if line.linked < 0.3)
    if sum(len(line.text) for line in body) <= 1.5 * shown:
        return []
    around = [line._replace(vote=False) for line in lines]
    own = [line.vote is None and line.linked < 0.66 for line in body]
    return around + [line._replace(number=len(lines), vote=v) for line, v in zip(body, own, strict=True)]


def _judged(lines: list[Line], root: Any) -> list[Line]:
    """Lines with trafilatura's votes.

    Where it took but a fifth of the running text outside navigation, it is asked once more, less strictly:
    when it finds no more then either, that is the article, beside other text; else it missed.
    """
    if root.xpath(f"boolean(//*[count(ancestor::*) > {_DEEPEST}])"):
        return _voted(lines, "")
    strict = _extract(root, precise=True)
    voted = _voted(lines, strict)
    if voted is lines and len(_extract(root, precise=False)) <= 1.2 * len(strict):
        return _voted(lines, strict, sure=True)
    return voted


def _extract(root: Any, *, precise: bool) -> str:
    """What trafilatura takes for the body; empty when it finds none or trips over the page."""
    import trafilatura

    try:
        return trafilatura.extract(root, favor_precision=precise, include_comments=False) or ""
    except Exception:  # a parser's bug on a hostile page must not cost the run; our own reading remains
        return ""


def _lines(root: Any, whole: int) -> Iterator[Line]:
    """The page's blocks in order; those in navigation, asides and footers carry a vote against.

    Args:
        whole: How many paragraphs the page has; 0 where they are not counted.
    """
    from lxml import etree

    parts: list[str] = []
    within: Counter[str] = Counter()
    linked = number = posts = 0
    heading = False
    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        tag, ending = element.tag, event == "end"
        if not isinstance(tag, str):
            parts.append(element.tail or "")
            continue
        if tag in _BLOCKS and (tag == "pre" or not within["code"]):
            if line := _flush(parts, number, linked, heading, within, posts):
                yield line
            number, linked = number + 1, 0
            parts.clear()
        if not (hidden := _is_hidden(element)):
            role = _role(element, whole)
            posts += role == "post" and not ending and not within["post"] and not within["around"]
            within[role] += -1 if ending else 1
            heading = (tag in _HEADINGS and not ending) or (heading and tag not in _BLOCKS)
        elif not ending:
            walk.skip_subtree()
        if piece := element.tail if ending else None if hidden else element.text:
            linked += len(piece.strip()) if within["a"] else 0
            parts.append(piece)
    if line := _flush(parts, number, linked, heading, within, posts):
        yield line


def _count_paragraphs(element: Any) -> int:
    return int(element.xpath("count(.//p) + count(.//br)"))


def _is_hidden(element: Any) -> bool:
    return (
        element.tag in _SKIPPED
        or (element.tag == "td" and "gutter" in (element.get("class") or ""))  # numbers of lines of code
        or element.get("hidden") is not None
        or bool(_HIDDEN.search(element.get("style") or ""))
    )


def _role(element: Any, whole: int) -> str:
    """What an element makes of its lines: ``a``, ``post``, ``around``, what *Line.apart* names, or ''.

    A class says little on an element with most of the page's paragraphs, *whole* in number (0: not counted).
    """
    tag = element.tag
    if tag in _TAG_ROLES:
        return _TAG_ROLES[tag]
    classes = (element.get("class") or "")[:200]
    if _is_post(element, classes):
        return "post"
    if (element.get("itemprop") or "").endswith("edAnswer"):
        return "answer"
    if tag == "figcaption" or _CAPTION_CLASS.search(classes) or (tag == "p" and _is_under_picture(element)):
        role = "caption"
    elif tag in _AROUND or (
        tag not in _MAIN and _AROUND_CLASS.search(f"{classes} {element.get('id') or ''}"[:200])
    ):
        role = "around"
    elif whole and _BOX_CLASS.search(classes):
        return "box" if _count_paragraphs(element) <= _MOST_BOXED else ""
    else:
        return ""
    return "" if whole and _count_paragraphs(element) * 2 > whole else role


def _is_under_picture(element: Any) -> bool:
    """Whether a few centred words stand right below a picture."""
    above = element.getprevious()
    centred = element.get("align") == "center" or _CENTRED.search(element.get("style") or "")
    if above is None or not centred or next(above.iter("img"), None) is None:
        return False
    text = collapse(element.text_content())
    return (
        len(text) <= _WORDS_BELOW
        and not text.endswith(("。", "！", "？"))
        and not above.text_content().strip()
    )


def _is_post(element: Any, classes: str) -> bool:
    """Whether an element is the text of a post in a thread."""
    parent = element.getparent()
    if classes == "content" and parent is not None:
        return bool(_POST_BODY.search(f"{parent.get('class')} {parent.get('id')}"))
    return (
        bool(_POST.search(f"{classes} {element.get('id') or ''}"))
        or (classes == "post" and element.get("itemprop") == "text")
        or (classes == "postbody" and element.tag == "span")
    )


def _flush(
    parts: Sequence[str], number: int, linked: int, heading: bool, within: Counter[str], posts: int
) -> Line | None:
    text = collapse("".join(parts))
    if not text:
        return None
    share = min(1.0, linked / len(text))
    vote = posts == 1 or within["answer"] > 0 if within["post"] else False if within["around"] else None
    apart = next((role for role in ("caption", "code", "box") if within[role]), "")
    return measure(text, number, linked=share, heading=heading, vote=vote, apart=apart)


def _voted(lines: list[Line], extract: str, *, sure: bool = False) -> list[Line]:
    """Lines with the vote of an *extract*; prose it left out among what it took stays open.

    When it took but a fifth of the running text outside navigation, it missed, and its votes do not count,
    unless it is *sure*: the same lines come back.
    """
    squeezed = re.sub(r"\s+", "", extract)
    if len(squeezed) < 80:
        return [line._replace(vote=None) if line.vote is False and line.size > 60 else line for line in lines]
    known = {squeezed[i : i + _SHINGLE] for i in range(len(squeezed) - _SHINGLE + 1)}
    short = set(extract.split("\n"))
    taken = [_is_taken(line.text, known, short) for line in lines]
    mass = sum(line.size for line, yes in zip(lines, taken, strict=True) if yes)
    if not sure and mass < 0.2 * sum(
        line.size for line in lines if line.vote is None and line.stops and line.linked < 0.3
    ):
        return lines
    prose = [i for i, line in enumerate(lines) if taken[i] and line.linked < 0.66]
    first, last = (prose[0], prose[-1] + 1) if prose else (0, 0)
    below = list(takewhile(_is_open, lines[last:]))
    if sum(line.size for line in below) > 0.2 * mass:
        last += len(below)  # more sections, made in another way
    return [
        _vote(line, yes, first <= i < last) for i, (line, yes) in enumerate(zip(lines, taken, strict=True))
    ]


def _is_taken(text: str, known: set[str], short: set[str]) -> bool:
    squeezed = re.sub(r"\s+", "", text)
    if len(squeezed) < _SHINGLE:
        return text in short or f"- {text}" in short
    places = range(0, len(squeezed) - _SHINGLE + 1, 4)
    return sum(1 for i in places if squeezed[i : i + _SHINGLE] in known) >= len(places) * 0.7


def _is_open(line: Line) -> bool:
    """Whether a line may be of the article though it was not taken: it is no link, and no mark of an end."""
    return line.vote is None and line.linked < 0.3 and kind(line) not in BREAKS


def _vote(line: Line, taken: bool, inside: bool) -> Line:
    if taken:
        return line._replace(vote=True)
    open_still = inside and line.vote is None and line.linked < 0.3
    return line._replace(vote=None if open_still else False)
