"""What inside the body is not of it, line by line, and which of its lines are headings and asides."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from digest.clean import dates
from digest.clean.lines import Line
from digest.clean.marks import NUMBERED, Kind, is_note, is_prose
from digest.clean.sheet import Sheet
from digest.text import CJK

_PERSON_LAST = re.compile(
    rf"(?:教授|董事|董事长|创始人|总裁|总经理|经理|院士|博士|研究员|院长|主任|主席|校长|秘书长|理事长|部长|书记|总监|合伙人|科学家|工程师|CEO|CTO"
    rf"|负责人|队长|教练|导演|演员|作家|主编)[：:\s]?[{CJK}]{{2,4}}$"
)
_CODE = re.compile(r"[=(){}<>;$]|^(?:import|return|from|def|else|try)\b")
_SIGNED = re.compile(r"(?:19|20)\d\d\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日")
_OFFICE = re.compile(r"(?:[局委厅部院会府处办]|办公室|公司|大学|学校|中心)$")
_DIGIT = re.compile(r"\d")
_LINK_IN_TEXT = 15.0
"""Reading weight up to which a line that is a link may be a heading or an item of the body."""


def sift(sheet: Sheet) -> None:
    """Drop the lines inside the body that are not of it; mark its headings."""
    seen = Counter(line.text for line in sheet.lines)
    title = sheet.lines[sheet.title].text if sheet.title is not None else None
    for i in range(sheet.start, sheet.end):
        if why := _why_not(sheet, i, seen, title):
            sheet.drop([i], why)
    _drop_dated_rows(sheet)
    for streak in _streaks(sheet):
        _judge_streak(sheet, streak)
    _mark_long_headings(sheet)
    _mark_asides(sheet)


def _drop_dated_rows(sheet: Sheet) -> None:
    """Drop a box of other articles inside the body: a row with two headlines or more, and as many bylines."""
    headlines: list[int] = []
    large = dated = 0
    for i in range(sheet.start, sheet.end):
        found, line = sheet.kinds[i], sheet.lines[i]
        if found is Kind.PROSE or line.vote:
            headlines, large, dated = [], 0, 0
        elif found in (Kind.SHORT, Kind.LINKS):
            headlines.append(i)
            large += line.size >= 7
        dated += found is Kind.META
        if dated >= 2 and large >= 2:
            sheet.drop(headlines, "list of articles")
            headlines = []


def _mark_long_headings(sheet: Sheet) -> None:
    """A line of clauses without a full stop, between paragraphs that have theirs, is a heading too."""
    kept = sheet.kept()
    for before, i, after in zip(kept, kept[1:], kept[2:], strict=False):
        line = sheet.lines[i]
        open_ended = sheet.kinds[i] is Kind.PROSE and line.chinese and not line.stops and _is_heading(line)
        if open_ended and sheet.lines[before].ends and sheet.lines[after].ends:
            sheet.headings.add(i)


def _mark_asides(sheet: Sheet) -> None:
    """Mark what is of the text but not of its telling: boxes, code, and notes at either end.

    Where boxes hold a third of the text, they are how the page is made.
    """
    whole = [*(not line.goes_on for line in sheet.lines), True]
    kept = [i for i in sheet.kept() if i not in sheet.headings and whole[i] and whole[i + 1]]
    boxed = [i for i in kept if sheet.lines[i].apart]
    if sum(sheet.lines[i].size for i in boxed) * 3 < sum(sheet.lines[i].size for i in kept):
        sheet.asides.update(boxed)
    sheet.asides.update(kept[n] for n in notes([sheet.lines[i].text for i in kept]))


def notes(paragraphs: Sequence[str]) -> set[int]:
    """Which of the first two and the last four paragraphs speak of the text, its authors or its readers."""
    places = range(len(paragraphs))
    return {n for n in {*places[:2], *places[-4:]} if is_note(paragraphs[n])}


def _why_not(sheet: Sheet, i: int, seen: Counter[str], title: str | None) -> str:
    line, found = sheet.lines[i], sheet.kinds[i]
    if line.text == title:
        return "the title again"
    if found is Kind.PROSE:
        unlikely = line.vote is False and not is_prose(line, strict=True)
        return "not taken for body by its tags" if unlikely else ""
    if found is Kind.TEASER and line.vote and line.linked < 0.1:
        return ""
    if found is Kind.TEASER:
        trails = line.text.endswith("……") and i > sheet.start and sheet.kinds[i - 1] is Kind.PROSE
        followed = trails and i + 1 < sheet.end and sheet.kinds[i + 1] is not Kind.TEASER
        return "" if followed or _is_alone(sheet, i) else found.value
    if found in (Kind.NOTICE, Kind.CALL) and is_prose(line) and _is_alone(sheet, i, 1):
        return "" if sheet.mass(i, sheet.end) > sheet.mass(sheet.start, sheet.end) * 0.1 else found.value
    if found is Kind.LINKS and _is_inside(sheet, i):
        return ""
    if found is Kind.SHORT:
        if line.vote is False and not (line.heading and NUMBERED.match(line.text)):
            return "not taken for body by its tags"
        repeated = seen[line.text] >= 3 and not line.vote and not _CODE.search(line.text)
        return "short line repeated on the page" if repeated else ""
    if found is Kind.META and _is_signature(sheet, i):
        return ""
    return found.value


def _is_signature(sheet: Sheet, i: int) -> bool:
    """Whether an office and the full date below it sign a notice that a paper goes with."""
    above = sheet.lines[i - 1].text
    signed = _SIGNED.fullmatch(sheet.lines[i].text) and sheet.kinds[i - 1] is Kind.SHORT
    return bool(signed and i > sheet.start and _OFFICE.search(above))


def _is_inside(sheet: Sheet, i: int) -> bool:
    """Whether a few words that are a link stand where tags show body: as a heading, or between two of it.

    More words are the headline of another article, set in between.
    """
    if sheet.lines[i].size > _LINK_IN_TEXT:
        return False
    beside = [bool(sheet.lines[k].vote) for k in (i - 1, i + 1) if sheet.start <= k < sheet.end]
    return any(beside) if sheet.lines[i].heading else len(beside) == 2 and all(beside)


def _is_alone(sheet: Sheet, i: int, reach: int = 2) -> bool:
    """Whether a doubtful line stands among paragraphs only: then it is one of them."""
    around = range(max(sheet.start, i - reach), min(sheet.end, i + reach + 1))
    return all(sheet.kinds[k] is Kind.PROSE for k in around if k != i)


def _streaks(sheet: Sheet) -> Iterable[list[int]]:
    """Runs of neighbouring short lines that are still kept."""
    streak: list[int] = []
    for i in range(sheet.start, sheet.end):
        if sheet.dropped[i]:
            continue
        if sheet.kinds[i] is Kind.SHORT:
            streak.append(i)
        elif streak:
            yield streak
            streak = []
    if streak:
        yield streak


def _judge_streak(sheet: Sheet, streak: list[int]) -> None:
    sizes = [sheet.lines[i].size for i in streak]
    items = sum(1 for i in streak if sheet.lines[i].bullet or sheet.lines[i].vote)
    figures = sum(1 for i in streak if _DIGIT.search(sheet.lines[i].text))
    tiny = sum(sizes) / len(sizes) < (4.5 if sheet.lines[streak[0]].cjk else 3)
    table = len(streak) >= 9 and figures * 5 >= len(streak) * 2
    if len(streak) >= 6 and tiny and items * 2 < len(streak) and not table:
        sheet.drop(streak, "run of short lines without punctuation")
        return
    counted = list(takewhile(lambda i: sheet.lines[i].text == str(i - streak[0] + 1), streak))
    if len(counted) >= 2:
        sheet.drop(counted, "numbers of lines of code")
        streak = streak[len(counted) :]
    for i in streak:
        if _is_caption(sheet.lines[i]):
            sheet.drop([i], Kind.CAPTION.value)
        elif sheet.lines[i].heading or (len(streak) <= 2 and _is_heading(sheet.lines[i])):
            sheet.headings.add(i)


def _is_heading(line: Line) -> bool:
    if line.bullet or line.ends or line.apart == "code" or not 2 <= line.size <= (45 if line.chinese else 28):
        return False
    return dates.locate(line.text) is None or bool(NUMBERED.match(line.text))


def _is_caption(line: Line) -> bool:
    """Whether a line between paragraphs is the office and name of who is shown."""
    return bool(not line.heading and not NUMBERED.match(line.text) and _PERSON_LAST.search(line.text))
