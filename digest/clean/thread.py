"""Threads of forums: the first post is the article, whoever answered it."""

import re

from digest.clean.marks import Kind
from digest.clean.sheet import MIN_BODY, Sheet

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
        line = sheet.lines[i]
        if below >= MIN_BODY and len(line.text) >= least and line.text in whole:
            return i
        below += line.size * (sheet.kinds[i] is Kind.PROSE and not sheet.dropped[i])
    return 0
