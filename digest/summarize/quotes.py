"""Quotations and who speaks them.

A quotation may run on over several paragraphs, each opened again and only the last one closed.
Scare quotes and names in marks (「智源模式」) are not quotations.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from digest.model import Block
from digest.summarize.people import ADVERB, SAYING, named_in

_PAIRS = {
    "“": "”",
    "「": "」",
    "『": "』",
    "（": "）",
    "(": ")",
    "《": "》",
    "【": "】",
    "[": "]",
    "〈": "〉",
}
_CLOSING = {
    "”": "“",
    "」": "「",
    "』": "『",
    "）": "(",
    ")": "(",
    "》": "《",
    "】": "【",
    "]": "[",
    "〉": "〈",
}
_MARKS = re.compile('[“”「」『』（）()《》【】\\[\\]〈〉"‘]')
_SPEECH_MARKS = re.compile('[“”「」"]')
_CLAUSE = re.compile(r"[。！？!?；;”」\n]")
_SAYS_BEFORE = re.compile(
    rf"(?:{SAYING}(?:道|着|说|过|了)?.{{0,12}}|[，,]\s*|[^，。,]{{0,30}})[：:，,]?\s*$"
    r"|\b(?:said|says|added|told .{1,30}|asked|wrote|explained|argued|noted|warned|recalled)[,:]?\s*$"
)
_SAID_BEFORE = re.compile(
    rf"{SAYING}(?:道|着|说|过|了)?[^，。,：:]{{0,8}}[：:，,]?\s*$|[：:]\s*$"
    r"|\b(?:said|says|added|told .{1,30}|asked|wrote|explained|argued|noted|warned|recalled)[,:]?\s*$"
)
_SAID_AFTER_CHINESE = re.compile(
    rf"\s*[，,]?\s*([^，。,！？“「]{{1,20}}?){ADVERB}?{SAYING}(?:道|着|过|了)?(?=[。，,：:]|$)"
)
_SAID_AFTER_ENGLISH = re.compile(
    r"\s*(?:(?:said|says|added|asked|wrote|explained|argued|noted|warned|recalled)\s+([^,.;]{2,60})"
    r"|([^,.;“\"]{2,60}?)\s+(?:said|says|added|asked|told|wrote|explained|argued|noted|warned|recalled)\b)"
)
_PRONOUN = re.compile(r"他|她|\b(?:[Hh]e|[Ss]he)\b")
_REPORTER = re.compile(r"(?:^|[，,\s])(?:我|记者|笔者|本刊|主持人)|问\S{0,12}$|\b[Ii]\b")
_LONGEST_RUN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """Somebody's words, the marks included where they stand.

    Args:
        whole: Both marks stand in one paragraph.
        speaker: As printed, None when the text does not say.
        named: The speaker's name stands in the same paragraph, outside the marks.
    """

    start: int
    end: int
    whole: bool
    speaker: str | None = None


def is_balanced(text: str) -> bool:
    """Whether no mark of a pair stands alone; ``’`` may be an apostrophe and does not count."""
    stack: list[str] = []
    straight = single = 0
    for mark in _MARKS.findall(text):
        if mark == '"':
            straight += 1
        elif mark == "‘":
            single += 1
        elif mark in _PAIRS:
            stack.append("(" if mark == "（" else mark)
        elif not stack or stack.pop() != _CLOSING[mark]:
            return False
    return not stack and straight % 2 == 0 and single <= text.count("’")


def quotations(text: str, paragraphs: Sequence[Block], names: Set[str]) -> tuple[Quotation, ...]:
    """Every quotation of *text* in order, with its speaker."""
    found: list[Quotation] = []
    speaker: str | None = None
    for start, end, whole, paragraph in _spans(text, paragraphs):
        if end - start < 8:
            continue
        if not _is_speech(text, start, end, paragraph):
            continue
        speaker = _speaker(text, start, end, paragraph, names, found)
        found.append(Quotation(start=start, end=end, whole=whole, speaker=speaker))
    return tuple(found)


def _spans(text: str, paragraphs: Sequence[Block]) -> list[tuple[int, int, bool, int]]:
    """Outermost spans between speech marks; paragraphs in the middle of a long quotation count whole."""
    found: list[tuple[int, int, bool, int]] = []
    carried = ""
    for number, block in enumerate(paragraphs):
        depth, opened, mark = (1, block.start, carried) if carried else (0, -1, "")
        if carried and text[block.start] == carried:
            depth = 0
        whole = not depth
        for m in _SPEECH_MARKS.finditer(text, block.start, block.end):
            char = m.group()
            opens = char in "“「" or (char == '"' and depth == 0)
            if opens and (depth == 0 or char == mark):
                if depth == 0:
                    opened, mark, whole = m.start(), char, not carried or m.start() > block.start
                depth += 1
            elif depth and char == {"“": "”", "「": "」", '"': '"'}[mark]:
                depth -= 1
                if depth == 0:
                    found.append((opened, m.end(), whole, number))
                    carried = ""
        if depth and opened >= 0:
            goes_on = carried != "" or _is_closed_later(text, paragraphs, number, mark)
            found.append((opened, block.end, False, number))
            carried = mark if goes_on else ""
    return found


def _is_closed_later(text: str, paragraphs: Sequence[Block], number: int, mark: str) -> bool:
    close = {"“": "”", "「": "」", '"': '"'}[mark]
    for block in paragraphs[number + 1 : number + 1 + _LONGEST_RUN]:
        body = text[block.start : block.end]
        if close in body and (
            mark not in body.lstrip(mark) or body.find(close) < body.lstrip(mark).find(mark)
        ):
            return True
        if not body.startswith(mark):
            return False
    return False


def _is_speech(text: str, start: int, end: int, paragraph: int) -> bool:
    inner = text[start + 1 : end - 1]
    if end - start >= 24 and re.search(r"[，。！？,.!?；;]", inner):
        return True
    before, after = text[max(0, start - 12) : start], text[end : end + 24]
    return bool(
        re.search(r"[：:]\s*$", before)
        or inner[-1:] in "。！？!?.,，"
        or re.match(rf"\s*[，,]?\s*[^，。]{{1,12}}?{SAYING}", after)
    )


def _speaker(
    text: str, start: int, end: int, paragraph: int, names: Set[str], earlier: Sequence[Quotation]
) -> str | None:
    """Who says ``text[start:end]``: looked for before it, behind it, then in the paragraph above."""
    line_start = text.rfind("\n", 0, start) + 1
    before = text[max(line_start, start - 120) : start]
    if not before.strip():
        above = text[: max(0, line_start)].rstrip()
        tail = above[max(above.rfind("\n") + 1, len(above) - 120) :]
        if tail.endswith(("：", ":")):
            before = tail
        elif earlier and _continues(text, earlier[-1], start):
            return earlier[-1].speaker
    clause = _CLAUSE.split(before)[-1]
    if clause.strip() and _SAID_BEFORE.search(clause):
        return _who(text, clause, start, names, earlier)
    behind = text[end : end + 80].split("\n", maxsplit=1)[0]
    for pattern in (_SAID_AFTER_CHINESE, _SAID_AFTER_ENGLISH):
        if m := pattern.match(behind):
            return _who(text, next(g for g in m.groups() if g), start, names, earlier)
    return None


def _continues(text: str, last: Quotation, start: int) -> bool:
    return not last.whole and not text[last.end : start].strip()


def _who(text: str, clause: str, start: int, names: Set[str], earlier: Sequence[Quotation]) -> str | None:
    if _REPORTER.search(clause):
        return None
    inside = named_in(clause, names)
    if inside:
        return inside[0][1] if len({n for _, n in inside}) == 1 else _nearest(clause, inside)
    if _PRONOUN.search(clause):
        return _antecedent(text, start, names, earlier)
    return None


def _nearest(clause: str, inside: Sequence[tuple[int, str]]) -> str:
    """The subject comes first, unless it only introduces: 研究员张三告诉李四 names 张三."""
    return max((pair for pair in inside if pair[0] == inside[0][0]), key=lambda pair: len(pair[1]))[1]


def _antecedent(text: str, start: int, names: Set[str], earlier: Sequence[Quotation]) -> str | None:
    """The one person a pronoun can mean: the last speaker when nobody else was named since."""
    window_from = max(0, start - 400)
    recent = [name for _, name in named_in(text[window_from:start], names)]
    spoken = [q.speaker for q in earlier if q.speaker and q.start >= window_from]
    if spoken and spoken[-1] and all(name in (spoken[-1],) for name in recent if name not in spoken):
        return spoken[-1]
    return recent[0] if len(set(recent)) == 1 else None
