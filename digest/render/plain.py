"""The text part: the mail's own HTML through markdownify, then folded with Chinese width counted right."""

import re
from typing import Any

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

from digest.model import SLOT_CLOSE, SLOT_OPEN
from digest.text import CJK, CLOSERS, columns

WIDTH = 76
"""Columns; mail is read at 72 to 80."""
_NEVER_FIRST = f"{CLOSERS}，。、：；？！,.:;?!%…—·〕〗～"
_NEVER_LAST = "“‘「『（《〈【([{"
_WIDE_MARKS = "—…“”‘’「」『』（）《》〈〉【】，。、：；？！"
_PIECE = re.compile(rf"\ufdd2[^\ufdd3]*\ufdd3|——+|…+|[{CJK}]|[^\S\n]+|[^\s{CJK}{_WIDE_MARKS}]+|.", re.DOTALL)
_BEHIND = re.compile(r"\n( *(?:https?://|mailto:)\S+) +(\S.*)")
"""What stands behind a link stands behind its words when the address gets a line of its own."""
_SLOT = f"{SLOT_OPEN}[^{SLOT_CLOSE}]*{SLOT_CLOSE}"


def to_text(html: str) -> str:
    """Plain text for the text/plain part, line ends ``\\n``, at most ``WIDTH`` columns.

    Every address of the HTML stands in it on a line of its own.
    """
    text = _BEHIND.sub(r" \2\n\1", _converted(html, _Plain))
    once = re.sub(r"\n{3,}", "\n\n", "\n".join(map(fold, text.split("\n"))))
    shown = re.sub(r"(?<=-\n\n)\x1e|^\x1e|[\ufdd2\ufdd3]", "", once)
    return shown.replace("\x1e", "\n").strip() + "\n"


def to_markdown(html: str) -> str:
    """Markdown of the page's main part, unfolded, one paragraph a line."""
    lines = (line.rstrip() for line in _converted(html, _Layout).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Layout(MarkdownConverter):
    """Tables are layout here, never data: rows become lines."""

    def convert_td(self, el: Any, text: str, parent_tags: Any) -> str:
        return f"{text.strip()}\x1f"

    def convert_tr(self, el: Any, text: str, parent_tags: Any) -> str:
        cells = [cell for cell in text.split("\x1f") if cell.strip()]
        if len(cells) < 2:
            return "".join(cells).strip() + "\n" if cells else ""
        return "- " + "  ".join(cell.strip() for cell in cells).replace("\n", "\n  ") + "\n"

    def convert_div(self, el: Any, text: str, parent_tags: Any) -> str:
        return "" if "pre" in (el.get("class") or ()) else f"\n\n{text.strip()}\n\n"


class _Plain(_Layout):
    def convert_a(self, el: Any, text: str, parent_tags: Any) -> str:
        href = el.get("href")
        return f"{text.strip()}\n{href}" if href else text

    def convert_nobr(self, el: Any, text: str, parent_tags: Any) -> str:
        return f"\ufdd2{text}\ufdd3" if text.strip("—") else text

    def convert_blockquote(self, el: Any, text: str, parent_tags: Any) -> str:
        return "\n\n" + re.sub(r"(?m)^(?=.)", "    ", text.strip()) + "\n\n"

    def convert_br(self, el: Any, text: str, parent_tags: Any) -> str:
        return "\n"

    def convert_h1(self, el: Any, text: str, parent_tags: Any) -> str:
        return self.under(text, "=")

    def convert_h2(self, el: Any, text: str, parent_tags: Any) -> str:
        return self.under(text, "-")

    def convert_h3(self, el: Any, text: str, parent_tags: Any) -> str:
        return f"\n\n\x1e{text.strip()}\n"

    def under(self, text: str, mark: str) -> str:
        widest = max(map(_width, fold(text.strip()).splitlines()), default=0)
        return f"\n\n\x1e{text.strip()}\n{mark * widest}\n\n"


def _converted(html: str, kind: type[_Layout]) -> str:
    soup = BeautifulSoup(html.replace("&nbsp;", " ").replace("\xa0", " "), "html.parser")
    body = soup.find("main") or soup.find("body") or soup
    for link in body.find_all("a", href=re.compile("^#")):
        link.unwrap()  # a place of the page, which this is no longer
    for cell in body.find_all("td"):
        # a row's only cell is a frame, not a cell; markdownify would set its paragraphs on one line
        if cell.parent and len(cell.parent.find_all("td", recursive=False)) == 1:
            cell.name = "div"
    marked, kept = kind is _Layout, None if kind is _Layout else ["b", "strong", "em", "i"]
    return kind(
        heading_style="atx", bullets="-", escape_asterisks=marked, escape_underscores=marked, strip=kept
    ).convert_soup(body)


def fold(line: str) -> str:
    """*line* on as many lines of ``WIDTH`` columns as it needs; lists and quotations stay indented.

    No line starts with a closing mark or ends with an opening one; addresses, Latin words, ——, …… and what
    stands between ``\\ufdd2`` and ``\\ufdd3`` are never broken; a line that holds a reader's own value is
    left alone. Where a last character would stand alone, all lines are a little shorter.
    """
    line = line.rstrip()
    if _width(line) <= WIDTH or re.search(_SLOT, line) or re.fullmatch(r"\s*\S+:\S+", line):
        return line
    indent = re.match(" *(?:- )?", line)
    head = indent.group() if indent else ""
    units = _units(line[len(head) :])
    for width in range(WIDTH, WIDTH - 8, -2):
        rows, row = [], head
        for unit in units:
            if _width(row + unit.rstrip()) > width and row.strip(" -"):
                rows.append(row.rstrip())
                row = " " * len(head) + unit.lstrip()
            else:
                row += unit
        if _width(row.strip()) > 4:
            break
    return "\n".join([*rows, row.rstrip()])


def _width(text: str) -> int:
    return columns(re.sub("[\ufdd2\ufdd3]", "", text))


def _units(text: str) -> list[str]:
    """Pieces that may not be broken, marks glued to what they belong to."""
    units: list[str] = []
    for piece in _PIECE.findall(text):
        glued = units and (
            (piece[0] in _NEVER_FIRST and not units[-1].isspace()) or units[-1][-1] in _NEVER_LAST
        )
        if glued:
            units[-1] += piece
        else:
            units.append(piece)
    return units
