"""Which lines of a page are the article: the best run of prose, trimmed at both ends.

The run of lines with the largest sum of scores is where the body is (prose counts by its size, furniture
against). What follows takes lines away for a stated reason: what stands above the byline or after an end
mark, boxes of links, promotion.
"""

import math
import re
from collections.abc import Iterator, Sequence

from digest.clean.marks import BREAKS, NUMBERED, Kind
from digest.clean.metadata import is_person
from digest.clean.sheet import SUBJECT, Sheet, grams, is_kin, share_known
from digest.text import CJK

_OPENING = re.compile(rf"^[{CJK}]{{2,12}}[:：]$|^《.{{2,20}}》$|^——|^[{CJK}]{{2,12}}〔\d{{4}}〕\d{{1,4}}号$")
"""A salutation, the head of a poem, or the number of an official paper."""
_ITEM = re.compile(
    rf"^(?:\d{{1,2}}|[(（]?[一二三四五六七八九十]{{1,3}})[.、．)）]|[，,;；={{}}]"
    rf"|[:：]$|[:：] ?[{CJK}\w]{{4}}"
)
"""What short lines of articles have and navigation has not: numbers, clauses, assignments, colons."""
_SUMMARY = re.compile(r"(?:文章|全文|AI|智能|内容)\s?(?:摘要|速览|总结)")
_MORE = re.compile(r"read (?:more|next|also)|(?:阅读|查看)更多", re.IGNORECASE)
"""What stands below the headline of a box, not above."""
_LINKED = re.compile(r"(?:read(?: more)?|more|watch|listen|related): \w", re.IGNORECASE)
"""A link to another article, set between two paragraphs."""
_SIGNED = re.compile(r"(?:19|20)\d\d年\d{1,2}月\d{1,2}日")
_REPLIES = re.compile(
    r"(?:[\W\d]|共|全部|最新|网友|用户|精彩|热门|发表|我要|(?:view|all|the|reader|user) )*(?:条|個|个)?"
    r"(?:评论|留言|回复|跟帖|评价|(?:comments|replies|responses)\b|(?:leave|add|post|write) (?:a|your) )",
    re.IGNORECASE,
)
_REACH = 60
"""Lines beyond the best run that are looked at for more of the article."""
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


def choose_run(sheet: Sheet) -> None:
    """Set start and end to the most convincing of the runs of lines with the largest scores."""
    scores = [_score(sheet, i) for i in range(len(sheet.lines))]
    runs = dict.fromkeys([*_runs(scores, math.inf), *_runs(scores, _FALL)])
    most = max((score for score, _, _ in runs), default=0.0)
    likely = [run for run in runs if run[0] >= most * _RIVAL]
    if len(likely) > 1:
        likely.sort(key=lambda run: -run[0] * _evidence(sheet, run[1], run[2]))
    if likely:
        _, sheet.start, sheet.end = likely[0]


def _runs(scores: Sequence[float], fall: float) -> Iterator[tuple[float, int, int]]:
    """(score, start, end) of the best run between each two places where it pays to begin anew (Kadane).

    Args:
        fall: Begin anew, too, where that much was lost since the best: an article below long furniture.
    """
    best = total = 0.0
    start = first = end = 0
    for i, score in enumerate(scores):
        total += score
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
    if found is Kind.PROSE:
        worth = min(line.size, 300.0) * (1 if line.ends else 0.7)
        return worth if line.vote is not False else min(worth * 0.3, 30) - 25
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
    light = line.heading or (found is Kind.SHORT and (line.bullet or _ITEM.search(line.text)))
    return _SCORE[found] * (0.3 if light or line.vote else 1)


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
    _drop_boxed_summary(sheet)
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
    near = [line.text for line in sheet.lines[i : i + 3]]
    label = r"(?:作者|文|撰文|编辑|记者|采写)\s?[:：丨|｜/]|(?:(?:words|written|story|text) )?by "
    above = sheet.lines[i - 1].text.split(", ") if i else []
    return any(re.match(label, text, re.I) for text in near) or all(map(is_person, above or [""]))


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


def _drop_boxed_summary(sheet: Sheet) -> None:
    """Drop the summary that a site puts in a box above its text: a heading, a paragraph, points."""
    for i in range(max(0, sheet.start - 2), min(sheet.end, sheet.start + 3)):
        if _SUMMARY.fullmatch(sheet.lines[i].text):
            stop = i + 2
            while stop < sheet.end and sheet.lines[stop].bullet:
                stop += 1
            if sheet.mass(i, stop) * 2 < sheet.mass(i, sheet.end):
                sheet.drop(range(i, stop), "summary above the text")
                sheet.start = stop
            return


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
    linked = follows < sheet.end and sheet.lines[follows].size >= 30 and _LINKED.match(sheet.lines[i].text)
    least = 1.0 if final else 0.0 if follows == i + 1 and (linked or _is_row(sheet, follows)) else 0.2
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


def _drop_box(sheet: Sheet, i: int) -> None:
    """Drop a box of links inside the body: its mark and the lines below up to the next paragraph."""
    stop = i + 1
    named = sheet.kinds[i - 1] is Kind.SHORT and _MORE.fullmatch(sheet.lines[i].text)
    while stop < sheet.end and sheet.kinds[stop] is not Kind.PROSE and not sheet.lines[stop].vote:
        stop += 1
    sheet.drop(range(i - bool(named), stop), "box of links inside the body")


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
