"""Which lines of a page are the article: the best run of prose, trimmed at both ends and sifted.

The run of lines with the largest sum of scores is where the body is (prose counts by its size, furniture
against). Everything after that takes lines away for a stated reason: what stands above the byline, what
follows an end mark, captions, promotion, lists of links and teasers inside.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from operator import add

from digest.clean import dates
from digest.clean.lines import Line
from digest.clean.marks import BREAKS, Kind, is_note, is_prose, kind, subjects
from digest.model import BlockKind
from digest.text import CJK

_GRAM = re.compile(rf"[A-Za-z]{{4,}}|[{CJK}]+")
NUMBERED = re.compile(
    r"^(?:[一二三四五六七八九十]{1,3}[、.．]|第[一二三四五六七八九十\d]{1,3}[章节部分]|[(（][一二三四五六七八九十\d]{1,2}[)）]"
    r"|0?\d{1,2}[.、．:：]?\s|0\d$|(?:part|chapter|section) \w+"
    r"|结语|尾声|写在最后|引言|前言|后记|总结|小结|Q\d|[IVX]{1,4}\.)",
    re.IGNORECASE,
)
_OPENING = re.compile(rf"^[{CJK}]{{2,12}}[:：]$|^《.{{2,20}}》$|^——")
"""A salutation, or the head of a poem."""
_PERSON_LAST = re.compile(
    rf"(?:教授|董事|董事长|创始人|总裁|总经理|经理|院士|博士|研究员|院长|主任|主席|校长|秘书长|理事长|部长|书记|总监|合伙人|科学家|工程师|CEO|CTO"
    rf"|负责人|队长|教练|导演|演员|作家|主编)[：:\s]?[{CJK}]{{2,4}}$"
)
_ITEM = re.compile(
    rf"^(?:\d{{1,2}}|[(（]?[一二三四五六七八九十]{{1,3}})[.、．)）]|[，,;；={{}}]"
    rf"|[:：]$|[:：] ?[{CJK}\w]{{4}}"
)
"""What short lines of articles have and navigation has not: numbers, clauses, assignments, colons."""
_CODE = re.compile(r"[=(){}<>;$]|^(?:import|return|from|def|else|try)\b")
CONTENTS = re.compile(r"(?:table of )?contents:?|in this article:?|(?:文章|本文)?目录[:：]?", re.IGNORECASE)
_NUMBER = re.compile(r"^\d+(?:\.\d+)*\.? |\[edit\]$|¶$")
"""What a heading has in a table of contents and not in the text, or the other way."""
_DIGIT = re.compile(r"\d")
_SIGNED = re.compile(r"(?:19|20)\d\d年\d{1,2}月\d{1,2}日")
_REPLIES = re.compile(
    r"(?:[\W\d]|共|全部|最新|网友|用户|精彩|热门|发表|我要|(?:view|all|the|reader|user) )*(?:条|個|个)?"
    r"(?:评论|留言|回复|跟帖|评价|(?:comments|replies|responses)\b|(?:leave|add|post|write) (?:a|your) )",
    re.IGNORECASE,
)
_TALK = re.compile("[了着我你他她它们没就都也还吗呢吧过说想]")
_PARTICLE = re.compile("[的了着著是也在都就还還很我你他她这這那不会會與及為]")
_PRONOUN = re.compile(r"\b(?:I|you|your|me|my|we|our|us|it|he|him|she|her|they)\b", re.IGNORECASE)
MOMENT = re.compile(
    r"\d[-/.年月]\s?\d{1,2}(?:日|[-/.]\d{2,4})?,?\s{0,3}(?:[上下]午\s?)?\d{1,2}:\d\d"
    r"|\d{4},? (?:at )?\d{1,2}:\d\d"
    r"|\d ?(?:秒|分钟|小时|天|周|个月|年)前|\b\d+ (?:min\w*|hour|day|week|month|year)s? ago\b",
    re.IGNORECASE,
)
"""When a post was written: a day with its hour, or how long ago."""
_FLOOR = re.compile(
    r"#\d+$|\d+\s?[#楼]|(?:楼主|沙发|板凳|地板|回复|引用|举报|回应|只看)|(?:reply|quote)$"
    r"|(?:posts|threads|joined|registered|join date|积分|帖子|精华|注册(?:时间)?)\s?[:：]",
    re.IGNORECASE,
)
"""What stands around the posts of a thread, at the beginning of a line."""
_LINK_IN_TEXT = 15.0
"""Reading weight up to which a line that is a link may be a heading or an item of the body."""
MIN_BODY = 30.0
"""Reading weight under which what is left is no article."""
_REACH = 60
"""Lines beyond the best run that are looked at for more of the article."""
SUBJECT = 2_000
"""Characters of a text by which its title is known."""
_FALL = 150.0
"""Score of some twenty lines of furniture in a row."""
_RIVAL = 0.1
"""Share of the largest score from which a run may still be the body."""
_SCORE = {
    Kind.SHORT: -7.0,
    Kind.TEASER: -45.0,
    Kind.LINKS: -25.0,
    Kind.META: -8.0,
    Kind.END: -50.0,
    Kind.FINAL: -60.0,
    Kind.JUNK: -15.0,
    Kind.NOTICE: -20.0,
    Kind.CALL: -30.0,
    Kind.CAPTION: -3.0,
}


@dataclass(slots=True)
class Sheet:
    """A page under the scissors: its lines, what each looks like, why it was dropped ('' when kept).

    Args:
        start, end: The body lies in ``lines[start:end]``; empty when the page has none.
        title: Index of the title's line, None when no line was recognised.
        doubled: Share of the page's prose that stood there a second time.
        voted: Whether tags were seen, and some lines taken for body by them.
        tests_left: How often more may be asked whether text below a mark is kin: it costs time.
    """

    lines: Sequence[Line]
    kinds: list[Kind]
    dropped: list[str]
    start: int = 0
    end: int = 0
    title: int | None = None
    doubled: float = 0.0
    tests_left: int = 8
    headings: set[int] = field(default_factory=set)
    asides: set[int] = field(default_factory=set)
    voted: bool = False

    def mass(self, start: int, end: int) -> float:
        """Prose between two lines, in reading weight."""
        return sum(self.lines[i].size for i in self.prose(start, end))

    def prose(self, start: int, end: int) -> list[int]:
        return [i for i in range(start, end) if self.kinds[i] is Kind.PROSE and not self.dropped[i]]

    def text(self, start: int, end: int) -> str:
        return "\n".join(self.lines[i].text for i in self.prose(start, end))

    def drop(self, indexes: Iterable[int], why: str) -> None:
        for i in indexes:
            self.dropped[i] = self.dropped[i] or why

    def block(self, i: int) -> BlockKind:
        """What line *i* of the body is in the article."""
        if i in self.headings:
            return BlockKind.HEADING
        return BlockKind.ASIDE if i in self.asides else BlockKind.PARAGRAPH

    def kept(self) -> list[int]:
        return [i for i in range(self.start, self.end) if not self.dropped[i]]


def grams(text: str) -> list[str]:
    """What a text is about, roughly: pairs of Chinese characters, beginnings of longer Latin words."""
    pieces: list[str] = []
    for run in _GRAM.findall(text):
        if run[0].isascii():
            pieces.append(run.lower().rstrip("s")[:6])
        else:
            pieces += map(add, run, run[1:])
    return pieces


def share_known(text: str, known: Set[str]) -> float:
    """Share of the pairs and words of *text* that *known* has."""
    own = set(grams(text))
    return len(own & known) / len(own) if own else 0.0


def lay_out(lines: Sequence[Line]) -> Sheet:
    """A sheet with every line classified and second copies taken out; the body is not yet chosen."""
    sheet = Sheet(lines=lines, kinds=[kind(line) for line in lines], dropped=[""] * len(lines))
    whole = sheet.mass(0, len(lines))
    _allow_promotion(sheet)
    _allow_services(sheet)
    _allow_verse(sheet)
    sheet.voted = any(line.vote for line in lines)
    _allow_links(sheet)
    _allow_refrains(sheet)
    _drop_contents(sheet)
    sheet.drop(_copies(lines), "stands in the page twice")
    if whole:
        sheet.doubled = 1 - sheet.mass(0, len(lines)) / whole
    return sheet


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
    bare = [_NUMBER.sub("", line.text) for line in sheet.lines]
    last = {text: i for i, text in enumerate(bare)}
    for i, line in enumerate(sheet.lines):
        if not CONTENTS.fullmatch(line.text):
            continue
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


def keep_first_post(sheet: Sheet, page_title: str) -> None:
    """In a thread, drop all below its first post; questions keep what the page calls answers.

    A page is a thread when below its title short lines with a moment part texts from one another, three
    times, or twice where words of forums stand around them. They stand above their posts, or below.
    """
    top = _last_title(sheet, page_title)
    moments: list[int] = []
    posts: list[int] = []
    for i in range(max(0, top - 8), len(sheet.lines)):
        text = sheet.lines[i].text
        if len(text) > 90 or sheet.kinds[i] is Kind.PROSE or not MOMENT.search(text):
            continue
        if text.startswith("answered"):
            return
        if not moments or sheet.mass(moments[-1], i):
            posts.append(i)
        moments.append(i)
    forum = sum(1 for line in sheet.lines[top:] if _FLOOR.match(line.text)) >= 2
    if len(posts) < (2 if forum else 3):
        return
    above, beneath = max(top + 1, posts[0] - 4), min(moments[-1] + 7, len(sheet.lines))
    signed = forum and sheet.mass(above, posts[0]) >= 20 and not sheet.prose(moments[-1], beneath)
    ends = posts if signed else [*posts[1:], len(sheet.lines)]
    stop = next((i for i in ends if sheet.mass(top + 1, i) >= MIN_BODY), len(sheet.lines))
    if not any(line.vote for line in sheet.lines[top:stop]):
        opened = [line._replace(vote=None) for line in sheet.lines[top:stop]]
        sheet.lines = [*sheet.lines[:top], *opened, *sheet.lines[stop:]]
    sheet.drop(range(stop, len(sheet.lines)), "another post of the thread")


def _last_title(sheet: Sheet, page_title: str) -> int:
    """Index of the last line with the page's title that text follows; 0 when there is none."""
    whole = page_title or sheet.lines[0].text
    least = max(4, len(whole) / 3)
    below = 0.0
    for i in range(len(sheet.lines) - 1, 0, -1):
        text = sheet.lines[i].text
        if below >= MIN_BODY and len(text) >= least and text in whole:
            return i
        below += sheet.mass(i, i + 1)
    return 0


def choose_run(sheet: Sheet) -> None:
    """Set start and end to the most convincing of the runs of lines with the largest scores."""
    runs = [*_runs(sheet, math.inf), *_runs(sheet, _FALL)]
    most = max((score for score, _, _ in runs), default=0.0)
    likely = [run for run in runs if run[0] >= most * _RIVAL]
    if likely:
        _, sheet.start, sheet.end = max(likely, key=lambda run: run[0] * _evidence(sheet, run[1], run[2]))


def _runs(sheet: Sheet, fall: float) -> Iterator[tuple[float, int, int]]:
    """(score, start, end) of the best run between each two places where it pays to begin anew (Kadane).

    Args:
        fall: Begin anew, too, where that much was lost since the best: an article below long furniture.
    """
    best = total = 0.0
    start = first = end = 0
    for i in range(len(sheet.lines)):
        total += _score(sheet, i)
        if total <= 0 or total < best - fall:
            if best:
                yield best, first, end
            best, total, start = 0.0, 0.0, i + 1
        elif total > best:
            best, first, end = total, start, i + 1
    if best:
        yield best, first, end


def _evidence(sheet: Sheet, start: int, end: int) -> int:
    """Worth of a run: twice for a byline above, for an end mark below, for a title it shares words with.

    A page copied as text begins with the browser's title: four times more for a run with half of its words.
    """
    byline = Kind.META in sheet.kinds[max(0, start - 8) : start]
    title = sheet.lines[0].text[:200]
    texts = (sheet.lines[i].text for i in sheet.prose(start, end))
    known = set(grams("\n".join(text for text in texts if text[:200] not in title)[:SUBJECT]))
    named = share_known(title, known) if sheet.lines[0].size >= 6 else 0.0
    marked = Kind.FINAL in sheet.kinds[end : end + 3]
    return 1 << (byline + marked + (named >= 0.3) + 2 * (named >= 0.5))


def _score(sheet: Sheet, i: int) -> float:
    line, found = sheet.lines[i], sheet.kinds[i]
    if sheet.dropped[i]:
        return 0.0
    if found is Kind.SHORT and line.vote:
        return line.size / 2
    if found is Kind.SHORT and line.vote is None and sheet.voted:
        return 0.0
    if found is Kind.SHORT and len(line.text) <= 3 and not line.cjk:
        return -1.0  # a symbol of a formula
    if found is Kind.TEASER and i > 0 and sheet.kinds[i - 1] is Kind.PROSE:
        return 0.0
    if found is Kind.JUNK and i > 0 and sheet.kinds[i - 1] is Kind.JUNK:
        return -4.0  # a box inside an article has many lines
    if found is not Kind.PROSE:
        light = line.heading or (found is Kind.SHORT and (line.bullet or _ITEM.search(line.text)))
        return _SCORE[found] * (0.3 if light or line.vote else 1)
    worth = min(line.size, 300.0) * (1 if line.ends else 0.7)
    return worth if line.vote is not False else min(worth * 0.3, 30) - 25


def reach_out(sheet: Sheet) -> None:
    """Take in what lists, code and verse kept out of the run: up to the byline, down to the end mark."""
    if sheet.start == sheet.end:
        return
    for i in range(sheet.start - 1, max(-1, sheet.start - _REACH), -1):
        found = sheet.kinds[i]
        if found is Kind.META or (found in BREAKS and Kind.META in sheet.kinds[max(0, i - 3) : i]):
            sheet.start = i + 1 if _is_text(sheet, i + 1, sheet.start) else sheet.start
            break
        if found in BREAKS:
            break
    _reach_taken(sheet)
    last = sheet.end
    for i in range(sheet.end, min(len(sheet.lines), sheet.end + _REACH)):
        if sheet.kinds[i] is Kind.END and _resumes(sheet, i):
            continue
        if sheet.kinds[i] in BREAKS or sheet.kinds[i] is Kind.META:
            sheet.end = last if _is_text(sheet, sheet.end, last) else sheet.end
            break
        last = i + 1 if sheet.kinds[i] is Kind.PROSE and sheet.lines[i].vote is not False else last


def _resumes(sheet: Sheet, i: int) -> bool:
    """Whether two paragraphs of the article stand together soon below mark *i*: a box was set in."""
    soon = range(i + 1, min(i + 8, len(sheet.lines) - 1))
    follows = next((k for k in soon if sheet.kinds[k] is Kind.PROSE), i)
    together = sheet.kinds[follows + 1 : follows + 2] == [Kind.PROSE]
    if not together or sheet.mass(follows, follows + 2) < 50 or not sheet.tests_left:
        return False
    sheet.tests_left -= 1
    return is_kin(sheet.text(sheet.start, i), sheet.text(follows, follows + 2))


def _reach_taken(sheet: Sheet) -> None:
    """Take in paragraphs that tags show to be body beyond tables and lists: all above, below if many."""
    for i in range(sheet.start - 1, -1, -1):
        if sheet.start - i > _REACH:
            break
        sheet.start = i if _is_taken(sheet, i) else sheet.start
    stop, more = sheet.end, 0.0
    for i in range(sheet.end, len(sheet.lines)):
        if i - stop > _REACH or sheet.kinds[i] in (Kind.META, Kind.FINAL, Kind.NOTICE):
            break
        if _is_taken(sheet, i):
            stop, more = i + 1, more + sheet.lines[i].size
    if more > 0.2 * sum(line.size for line in sheet.lines[sheet.start : sheet.end]):
        sheet.end = stop


def _is_taken(sheet: Sheet, i: int) -> bool:
    return bool(sheet.lines[i].vote) and sheet.kinds[i] is Kind.PROSE and not sheet.dropped[i]


def _is_text(sheet: Sheet, start: int, end: int) -> bool:
    """Whether sentences outweigh the short lines."""
    shorts = sum(1 for i in range(start, end) if sheet.kinds[i] is Kind.SHORT)
    return sheet.mass(start, end) >= max(12, 2 * shorts)


def trim_head(sheet: Sheet) -> None:
    """Start after the title and its byline lines; a summary above or glued to the byline goes too."""
    if sheet.title is not None and sheet.title >= sheet.start and not _is_taken_above(sheet, sheet.title):
        sheet.drop(range(sheet.start, sheet.title), "stands above the title")
        sheet.start = sheet.title + 1
    prose = sheet.prose(sheet.start, sheet.end)
    if not prose:
        return
    head = _byline_below(sheet, prose)
    if head is not None:
        sheet.drop((i for i in prose if i < head), "summary above the byline")
        sheet.start = head + 1
    _drop_glued_summary(sheet)
    first = next(iter(sheet.prose(sheet.start, sheet.end)), sheet.end)
    while first > sheet.start and _opens(sheet, first - 1):
        first -= 1
    sheet.drop(range(sheet.start, first), "head of the article, not its body")
    sheet.start = first


def _is_taken_above(sheet: Sheet, title: int) -> bool:
    return sum(sheet.lines[i].size for i in range(sheet.start, title) if _is_taken(sheet, i)) >= 12


def _opens(sheet: Sheet, i: int) -> bool:
    """Whether the short line *i* above the first paragraph is the body's: a heading, or taken by its tags."""
    line = sheet.lines[i]
    marked = line.vote or line.heading or NUMBERED.match(line.text) or _OPENING.search(line.text)
    return bool(marked) and sheet.kinds[i] is Kind.SHORT and i != sheet.title and not sheet.dropped[i]


def _byline_below(sheet: Sheet, prose: Sequence[int]) -> int | None:
    """The last byline line under at most two opening paragraphs that are a small part of the body."""
    found = None
    before, whole = 0.0, sheet.mass(sheet.start, sheet.end)
    for i in range(sheet.start, min(sheet.end, prose[min(2, len(prose) - 1)] + 1)):
        if sheet.kinds[i] in (Kind.META, Kind.FINAL) and before * 6 <= whole:
            found = i if not before or found is not None or _names_people(sheet, i) else found
        elif sheet.kinds[i] is Kind.PROSE and not sheet.dropped[i]:
            before += sheet.lines[i].size
    return found


def _names_people(sheet: Sheet, i: int) -> bool:
    """Whether a byline begins at line *i*: a source alone may be a picture's."""
    near = (line.text for line in sheet.lines[i : i + 3])
    return any(re.match(r"(?:作者|文|撰文|编辑|记者|采写)\s?[:：丨|｜/]|by ", text, re.I) for text in near)


def _drop_glued_summary(sheet: Sheet) -> None:
    """Drop a summary that sticks to the byline where every other paragraph has an empty line around it."""
    prose = sheet.prose(sheet.start, sheet.end)
    if len(prose) < 8 or sheet.lines[prose[0]].size < 40:
        return
    gaps = sorted(sheet.lines[i].gap for i in prose[1:])
    usual = gaps[len(gaps) // 2]
    first = prose[0]
    glued = first > 0 and sheet.lines[first].gap == 0 and sheet.kinds[first - 1] is Kind.META
    if glued and usual and sheet.lines[prose[1]].gap > usual:
        known = set(grams(sheet.text(prose[1], sheet.end)))
        if share_known(sheet.lines[first].text, known) >= 0.5:
            sheet.drop([first], "summary below the byline")


def cut_at_ends(sheet: Sheet) -> None:
    """End the body at the first end mark that no more of the article follows."""
    for i in range(sheet.start, sheet.end):
        if sheet.kinds[i] not in (Kind.END, Kind.FINAL) or sheet.dropped[i]:
            continue
        before, after = sheet.mass(sheet.start, i), sheet.mass(i + 1, sheet.end)
        if before == 0 or (after > before * 6 and before < 250):
            continue
        if not _goes_on_after(sheet, i, before, after):
            byline = _byline_after(sheet, i) if after > before * 1.5 else None
            if byline is not None:
                sheet.drop(range(sheet.start, byline + 1), "stands above the article's byline")
                sheet.start = byline + 1
                continue
            sheet.end = i
            return
        _drop_box(sheet, i)


def _byline_after(sheet: Sheet, i: int) -> int | None:
    """The byline below mark *i* that most of the text follows, when the text above has none of its own."""
    first = _first_prose(sheet, sheet.start)
    own = Kind.META in sheet.kinds[max(0, first - 8) : i] or bool(_REPLIES.match(sheet.lines[i].text))
    own = own or (first < i and bool(sheet.lines[first].vote)) or _is_titled(sheet, first, i)
    for k in range(i + 1, min(i + 15, sheet.end)):
        if sheet.kinds[k] is Kind.META and not own:
            return k if sheet.mass(k, sheet.end) >= sheet.mass(i, sheet.end) * 0.6 else None
    return None


def _is_titled(sheet: Sheet, first: int, stop: int) -> bool:
    """Whether the title above the body is that of the text before *stop*."""
    if sheet.title is None or sheet.title > first:
        return False
    return share_known(sheet.lines[sheet.title].text, set(grams(sheet.text(first, stop)))) >= 0.4


def _goes_on_after(sheet: Sheet, i: int, before: float, after: float) -> bool:
    """Whether the article continues below the mark *i*: enough text, on the same subject."""
    final = sheet.kinds[i] is Kind.FINAL or bool(_REPLIES.match(sheet.lines[i].text))
    follows = _first_prose(sheet, i + 1)
    least = 1.0 if final else 0.0 if follows == i + 1 and _is_row(sheet, follows) else 0.2
    if after < before * least or after < 25 or not sheet.tests_left:
        return False
    taken = sum(sheet.lines[k].size for k in range(i + 1, sheet.end) if _is_taken(sheet, k))
    if not final and taken >= max(25, before * 0.2):
        return True
    if _dates(sheet, i, follows) == 1 or _dates(sheet, follows, min(follows + 3, sheet.end)):
        return False
    sheet.tests_left -= 1
    if is_kin(sheet.text(sheet.start, i), sheet.text(i + 1, sheet.end)):
        return True
    return not final and _is_box(sheet, i, follows)


def _dates(sheet: Sheet, start: int, end: int) -> int:
    """How many byline lines stand there: one belongs to another article, several to a list of articles."""
    return sum(1 for k in range(start, end) if sheet.kinds[k] is Kind.META)


def _first_prose(sheet: Sheet, start: int) -> int:
    return next((k for k in range(start, sheet.end) if sheet.kinds[k] is Kind.PROSE), sheet.end)


def _is_box(sheet: Sheet, i: int, follows: int) -> bool:
    """Whether mark *i* looks set into a text: it carries its link, or paragraphs follow soon."""
    carries = bool(re.search(r"[:：]\s?\S", sheet.lines[i].text)) or sheet.lines[i].size > 12
    few = follows - i <= 5
    return few and (
        _is_row(sheet, follows, 4) or (carries and follows < sheet.end and sheet.lines[follows].size >= 20)
    )


def _is_row(sheet: Sheet, first: int, among: int = 2) -> bool:
    """Whether the first two paragraphs of *among* lines from *first* on are of some length."""
    row = sheet.prose(first, min(first + among, sheet.end))[:2]
    return len(row) == 2 and all(sheet.lines[k].size >= 20 for k in row)


def is_kin(text: str, other: str) -> bool:
    """Whether *other* is about what *text* is about.

    Measured against how much the halves of *text* share; in short texts, where halves share little, by the
    words *text* uses more than once.
    """
    text, other = text[:20_000], other[: max(400, len(text[:20_000]))]
    known, asked = Counter(grams(text)), set(grams(other))
    subject = [gram for gram, n in known.items() if n > 1]
    if len(text) < 600:
        return sum(1 for gram in subject if gram in asked) >= max(2, len(subject) * 0.15)
    half = len(text) // 2
    usual = share_known(text[half:], set(grams(text[:half])))
    shared = share_known(other, known.keys())
    return shared >= 0.15 and shared >= usual * 0.75


def _drop_box(sheet: Sheet, i: int) -> None:
    """Drop a box of links inside the body: its mark and the lines below up to the next paragraph."""
    stop = i + 1
    while stop < sheet.end and sheet.kinds[stop] is not Kind.PROSE and not sheet.lines[stop].vote:
        stop += 1
    sheet.drop(range(i, stop), "box of links inside the body")


def trim_tail(sheet: Sheet) -> None:
    """Take promotion, and trailing lines that are no prose, off the end."""
    _cut_promotion(sheet)
    prose = sheet.prose(sheet.start, sheet.end)
    if not prose:
        sheet.end = sheet.start
        return
    taken = [
        i for i in sheet.kept() if i > prose[-1] and sheet.lines[i].vote and sheet.kinds[i] is Kind.SHORT
    ]
    last = (taken or prose)[-1] + 1
    if sheet.lines[prose[-1]].text[-1] in ":：":
        while last < sheet.end and sheet.kinds[last] is Kind.SHORT and last - prose[-1] <= 15:
            last += 1
    sheet.end = _after_signature(sheet, last)


def _after_signature(sheet: Sheet, last: int) -> int:
    """The end of a notice that is signed with an office and a full date; *last* where it is not."""
    for i in range(last, min(last + 3, len(sheet.lines))):
        if sheet.kinds[i] is Kind.META and _SIGNED.fullmatch(sheet.lines[i].text.replace(" ", "")):
            for k in range(last, i + 1):
                sheet.kinds[k], sheet.dropped[k] = Kind.PROSE, ""
            return i + 1
        if sheet.kinds[i] is not Kind.SHORT or sheet.lines[i].size > 24:
            break
    return last


def _cut_promotion(sheet: Sheet) -> None:
    """Cut the last section off when it calls upon the reader to buy or register, and is short."""
    below = min(len(sheet.lines), sheet.end + 6)
    calls = [i for i in range(sheet.start, below) if sheet.kinds[i] is Kind.CALL]
    whole = sheet.mass(sheet.start, sheet.end)
    for i in calls:
        if sheet.mass(i, sheet.end) > whole * 0.15:
            continue
        for j in range(min(i, sheet.end - 1), max(sheet.start, i - 8), -1):
            if sheet.kinds[j] is Kind.SHORT and sheet.mass(j, sheet.end) <= whole * 0.15:
                sheet.drop(range(j, sheet.end), "promotion after the article")
                sheet.end = j
                return


def sift(sheet: Sheet) -> None:
    """Drop the lines inside the body that are not of it; mark its headings."""
    seen = Counter(line.text for line in sheet.lines)
    title = sheet.lines[sheet.title].text if sheet.title is not None else None
    for i in range(sheet.start, sheet.end):
        sheet.drop([i] if (why := _why_not(sheet, i, seen, title)) else [], why)
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
    if found is Kind.PROSE:
        return (
            "not taken for body by its tags" if line.vote is False and not is_prose(line, strict=True) else ""
        )
    return found.value


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
    for i in streak:
        if _is_caption(sheet, i):
            sheet.drop([i], Kind.CAPTION.value)
        elif sheet.lines[i].heading or (len(streak) <= 2 and _is_heading(sheet.lines[i])):
            sheet.headings.add(i)


def _is_heading(line: Line) -> bool:
    if line.bullet or line.ends or line.apart == "code" or not 2 <= line.size <= (45 if line.chinese else 28):
        return False
    return dates.locate(line.text) is None or bool(NUMBERED.match(line.text))


def _is_caption(sheet: Sheet, i: int) -> bool:
    """Whether a line between paragraphs names the person shown: office and name, or follows a file name."""
    line = sheet.lines[i]
    if line.heading or NUMBERED.match(line.text):
        return False
    after_picture = i > 0 and re.search(r"\.(?:jpe?g|png|gif|webp)$", sheet.lines[i - 1].text)
    return bool(
        _PERSON_LAST.search(line.text) or (after_picture and sheet.lines[i].gap <= 1 and not line.ends)
    )
