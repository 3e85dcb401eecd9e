"""A page laid out before its body is looked for: marks that are the text's own, and what stands twice."""

import re
from collections.abc import Sequence

from digest.clean.lines import Line
from digest.clean.marks import Kind, is_prose, kind, subjects
from digest.clean.sheet import Sheet

CONTENTS = re.compile(r"(?:table of )?contents:?|in this article:?|(?:文章|本文)?目录[:：]?", re.IGNORECASE)
_NUMBER = re.compile(r"^\d+(?:\.\d+)*\.? |\[edit\]$|¶$")
"""What a heading has in a table of contents and not in the text, or the other way."""
_ABOUT = re.compile(r"关于(\S{2,16})[:：]?|About (\S.{2,40}?):?")
_CAPTION = re.compile(
    r"(?:image|media|video|photo) (?:caption|source|credit)[,:]?|图片(?:说明|来源)[:：]?", re.IGNORECASE
)
_WRITER = re.compile(r"(?:by:? )?((?-i:[A-Z][\w.'’-]+ [A-Z][\w.'’-]+))", re.IGNORECASE)
_OFFER = re.compile(r"sign up (?:to|for)\b", re.IGNORECASE)
_CREDIT = re.compile(r"(?:[A-Z][\w.’'-]+ ){1,2}[A-Z][\w.’'-]+ ?/ ?[A-Z][\w’' /-]{1,40}")
_INTERVIEWER = re.compile(r"(?:记者|記者|采访者|採訪者|reporter)\s?[:：]", re.IGNORECASE)
_TALK = re.compile("[了着我你他她它们没就都也还吗呢吧过说想]")
_PARTICLE = re.compile("[的了着著是也在都就还還很我你他她这這那不会會與及為]")
_PRONOUN = re.compile(r"\b(?:I|you|your|me|my|we|our|us|it|he|him|she|her|they)\b", re.IGNORECASE)


def lay_out(lines: Sequence[Line]) -> Sheet:
    """A sheet with every line classified and second copies taken out; the body is not yet chosen."""
    sheet = Sheet(lines=lines, kinds=[kind(line) for line in lines], dropped=[""] * len(lines))
    whole = sheet.mass(0, len(lines))
    _mark_captions(sheet)
    _mark_around(sheet)
    _mark_companies(sheet)
    _allow_promotion(sheet)
    _allow_services(sheet)
    _allow_verse(sheet)
    _allow_questions(sheet)
    sheet.voted = any(line.vote for line in lines)
    _allow_links(sheet)
    _allow_refrains(sheet)
    _drop_contents(sheet)
    sheet.drop(_copies(lines), "stands in the page twice")
    if whole:
        sheet.doubled = 1 - sheet.mass(0, len(lines)) / whole
    return sheet


def _mark_captions(sheet: Sheet) -> None:
    """What follows a line that says but "Image caption" is one."""
    for i, line in enumerate(sheet.lines[:-1]):
        if _CAPTION.fullmatch(line.text) and sheet.lines[i + 1].size <= 60:
            sheet.kinds[i] = sheet.kinds[i + 1] = Kind.CAPTION


def _mark_around(sheet: Sheet) -> None:
    """No text: a line below a byline that goes on about its writer, and one inside an offer to sign up.

    Nor is a sentence above a picture's credit, where no text stands above it. Jo Doe/The Sun is a credit.
    """
    kinds, lines = sheet.kinds, sheet.lines
    for i, (above, below) in enumerate(zip(lines, lines[2:], strict=False), 1):
        line = lines[i]
        if kinds[i] not in (Kind.PROSE, Kind.SHORT) or line.size > 60 or line.chinese:
            continue
        if kinds[i - 1] is Kind.META and (who := _WRITER.match(above.text)):
            kinds[i] = Kind.META if line.text.startswith(who[1]) and line.size > 8 else kinds[i]
        elif kinds[i - 1] is kinds[i + 1] is Kind.JUNK and _OFFER.match(above.text):
            kinds[i] = Kind.JUNK
        elif line.stops <= 1 and _CREDIT.fullmatch(below.text) and Kind.PROSE not in kinds[max(0, i - 6) : i]:
            kinds[i] = kinds[i + 1] = Kind.CAPTION


def _mark_companies(sheet: Sheet) -> None:
    """A heading that says but whom the text below it begins with, as releases end, ends the body."""
    for i, line in enumerate(sheet.lines[:-1]):
        named = _ABOUT.fullmatch(line.text)
        if named and sheet.lines[i + 1].text.startswith(named[1] or named[2]):
            sheet.kinds[i] = Kind.FINAL


def _allow_promotion(sheet: Sheet) -> None:
    """Where promotion is all a page has, it is the page's text, for the gate to judge."""
    calls = [i for i, found in enumerate(sheet.kinds) if found is Kind.CALL and is_prose(sheet.lines[i])]
    if sum(sheet.lines[i].size for i in calls) * 2 >= sheet.mass(0, len(sheet.lines)):
        for i in calls:
            sheet.kinds[i] = Kind.PROSE


def _allow_services(sheet: Sheet) -> None:
    """Paragraphs on letters, accounts and cookies stay where the text is about such things.

    It is when four of them or more stand among others, or a fifth of the others name what one of them does.
    """
    both = zip(sheet.kinds, sheet.lines, strict=True)
    told = [x is Kind.PROSE or (x is Kind.JUNK and is_prose(line)) for x, line in both]
    among = [i for i in range(1, len(told) - 1) if all(told[i - 1 : i + 2]) and sheet.kinds[i] is Kind.JUNK]
    others = [sheet.lines[i].text.lower() for i in sheet.prose(0, len(sheet.lines))] if among else []
    least = max(3.0, len(others) / 5)
    for i in among:
        named = (sum(name in text for text in others) for name in subjects(sheet.lines[i].text))
        if len(among) >= 4 or max(named, default=0) >= least:
            sheet.kinds[i] = Kind.PROSE


def _allow_questions(sheet: Sheet) -> None:
    """What an interviewer says begins like a byline: where one asks twice, all of it is text."""
    said = [i for i, line in enumerate(sheet.lines) if _INTERVIEWER.match(line.text)]
    if sum(sheet.lines[i].text.endswith(("?", "？")) for i in said) >= 2:
        for i in said:
            sheet.kinds[i] = Kind.PROSE if sheet.kinds[i] is Kind.META else sheet.kinds[i]


def _allow_links(sheet: Sheet) -> None:
    """A link to more between two lines that tags show to be body ends nothing: each section has one."""
    for i, (above, line, below) in enumerate(
        zip(sheet.lines, sheet.lines[1:], sheet.lines[2:], strict=False), 1
    ):
        if sheet.kinds[i] is Kind.END and line.linked > 0.5 and above.vote and below.vote:
            sheet.kinds[i] = Kind.SHORT


def _allow_refrains(sheet: Sheet) -> None:
    """Three marks or more that begin alike, a paragraph soon after each, part sections and end nothing."""
    marks: dict[str, list[int]] = {}
    for i, found in enumerate(sheet.kinds):
        if found is Kind.END and Kind.PROSE in sheet.kinds[i + 1 : i + 3]:
            marks.setdefault(sheet.lines[i].text[:6], []).append(i)
    for alike in marks.values():
        for i in alike if len(alike) >= 3 else ():
            sheet.kinds[i] = Kind.JUNK


def _drop_contents(sheet: Sheet) -> None:
    """Drop a table of contents: the short lines below its name that stand on the page again as headings."""
    tables = [i for i, line in enumerate(sheet.lines) if CONTENTS.fullmatch(line.text)]
    bare = [_NUMBER.sub("", line.text) for line in sheet.lines] if tables else []
    last = {text: i for i, text in enumerate(bare)}
    for i in tables:
        stop = i + 1
        while stop < len(sheet.lines) and last[bare[stop]] > stop:
            stop += 1
        sheet.drop(range(i, stop), "table of contents")


def _allow_verse(sheet: Sheet) -> None:
    """A long row of short lines that talk is text without marks: verse, or captions of a row of pictures.

    Headlines have few particles: in a row of eight at most three of four lines have one, in such texts nearly
    all; English ones have few pronouns. Where a page has no sentences at all, half of the lines are enough.
    """
    poor = sheet.mass(0, len(sheet.lines)) < 30
    row: list[int] = []
    rows = [row]
    for i, (line, found) in enumerate(zip(sheet.lines, sheet.kinds, strict=True)):
        least = 2 if poor else 8 if line.chinese else 5
        if (found is Kind.SHORT and line.size >= least) or (row and found is Kind.PROSE and line.size < 30):
            row.append(i)
        elif row:
            rows.append(row := [])
    for row in [max(rows, key=len)] if poor else rows:
        talking = sum(1 for i in row if _talks(sheet.lines[i], poor))
        enough = 0.5 if poor else 0.85 if row and sheet.lines[row[0]].chinese else 0.6
        if len(row) >= 8 and talking >= len(row) * enough:
            for i in row:
                sheet.kinds[i] = Kind.PROSE


def _talks(line: Line, poor: bool) -> bool:
    if poor:
        return line.common > 0 or bool(_TALK.search(line.text))
    words = _PARTICLE if line.chinese else _PRONOUN
    return not line.heading and line.linked < 0.3 and bool(words.search(line.text))


def _copies(lines: Sequence[Line]) -> set[int]:
    """Indexes of the second copy of every repeated block.

    A block is two lines or more; of a single repeated paragraph the first goes (an abstract or a teaser
    above the body). Short lines repeat for many reasons and start no block.
    """
    first: dict[str, int] = {}
    copies: set[int] = set()
    j = 0
    while j < len(lines):
        i = first.setdefault(lines[j].text, j)
        if i == j or lines[j].size < 40:
            j += 1
            continue
        stop = 0
        while j + stop < len(lines) and i + stop < j and lines[i + stop].text == lines[j + stop].text:
            stop += 1
        back = 0
        while j - back - 1 > i > back and lines[i - back - 1].text == lines[j - back - 1].text:
            back += 1
        copies.update(range(j - back, j + stop) if stop + back > 1 else (i,))
        j += stop
    return copies
