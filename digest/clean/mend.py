"""Sentences put together again that links and bold words broke into several lines.

Flattening a page tag by tag puts every link on a line of its own. A line that stops in mid-sentence and is
followed by one that begins with a small letter or a closing mark belongs to it, and so does the short
line (the link's words) between two such pieces.
"""

import re
from collections.abc import Sequence

from digest.clean.lines import Line, measure
from digest.clean.marks import Kind, kind
from digest.text import CJK

_RESUMES = re.compile(
    r"(?!(?:via )?\S*\.(?:com|org|net|io|co|cn|me|edu|gov|info|dev)\b)[a-z]|[,，。、;；:：.!！?？)）”’」』》]"
)
_OPEN = re.compile(rf"[\w{CJK},，、;；“‘「『《(（&-]$")
_CJK_LAST = re.compile(f"[{CJK}]$")
_JOINTS = (Kind.PROSE, Kind.SHORT)
_NAMES = re.compile(r"[\w.-]+(?:, [\w.-]+){1,7}(?:, [\w.'’ -]{2,40})?$")
"""A row of single words and a last one of some: writers by their accounts, and where they write."""
_LONGEST_LINK = 20.0
"""Reading weight of the words of one link."""
_MOST_PIECES = 40
"""No sentence is torn into more; without a limit a page of torn lines would be one."""


def mend(lines: Sequence[Line]) -> list[Line]:
    """The lines with broken sentences joined; others as they were."""
    mended: list[Line] = []
    i = 0
    while i < len(lines):
        parts = [lines[i]]
        while len(parts) < _MOST_PIECES:
            following = lines[i + len(parts) : i + len(parts) + 2]
            n = _continuation(parts[-1], parts[0], following)
            if n and i == 0 and following[0].common == 0 and _NAMES.match(following[0].text):
                break  # the title's
            if n == 0:
                break
            parts += following[:n]
        mended.append(parts[0] if len(parts) == 1 else _joined(parts))
        i += len(parts)
    return mended


def _continuation(last: Line, first: Line, following: Sequence[Line]) -> int:
    """How many of the lines that follow belong to the sentence *last* is in the middle of."""
    if not following or last.ends or first.heading or not _OPEN.search(last.text) or not _is_piece(first):
        return 0
    if _resumes(following[0]) and not (_CJK_LAST.search(last.text) and following[0].text[0].isascii()):
        return 1
    link, after = following[0], following[1:]
    is_link = link.size <= _LONGEST_LINK and not link.ends and not link.heading and kind(link) in _JOINTS
    return 2 if is_link and after and _resumes(after[0]) and first.size >= 8 else 0


def _is_piece(line: Line) -> bool:
    return (
        not line.bullet
        and line.linked < 0.6
        and (line.common > 0 or line.size >= 12)
        and kind(line) in _JOINTS
    )


def _resumes(line: Line) -> bool:
    return bool(_RESUMES.match(line.text)) and not line.bullet and not line.goes_on and kind(line) in _JOINTS


def _joined(parts: Sequence[Line]) -> Line:
    text = parts[0].text
    for part in parts[1:]:
        close = re.match(r"[,，。、;；:：.!！?？)）”’」』》]", part.text) or re.search(
            rf"[{CJK}，、“‘「『《(（]$", text[-1:]
        )
        text += part.text if close else f" {part.text}"
    head = parts[0]
    votes = [part.vote for part in parts if part.vote is not None]
    return measure(
        text,
        head.number,
        gap=head.gap,
        goes_on=head.goes_on,
        linked=sum(part.linked * len(part.text) for part in parts) / len(text),
        vote=any(votes) if votes else None,
    )
