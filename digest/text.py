"""Text, Chinese first: folding, sentences, n-grams, widths and reading time.

Nothing here changes what is stored; offsets always refer to the string that was passed in.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, cast

Span = tuple[int, int]
"""start, end; end exclusive."""

CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_CJK = re.compile(f"[{CJK}]+")
_LATIN = bytes(code if chr(code) in string.ascii_letters else 0x20 for code in range(256))
"""Everything but letters is a blank."""
_CJK_HIGH = bytes([*range(0x34, 0xA0), 0xF9, 0xFA])
"""First bytes of Chinese characters in UTF-16 (big-endian), those beyond its basic plane apart."""
_SPACE = re.compile(r"\s+")
INVISIBLE = "\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad"
_INVISIBLE = re.compile(f"[{INVISIBLE}]")

_LINE = re.compile(r"[^\n\r\u2028\u2029]+")
CLOSERS = "”’」』）)】》〉\"'］]"
_MARK = re.compile(r"[。！？!?….]")
_END = re.compile(
    rf"(?:[。！？!?]+|…{{1,2}}|\.{{3,6}}"
    rf"|(?<=[{CJK}”」])\.(?![A-Za-z0-9_.])"
    rf"|(?<=[\w)\]%”\"'’])\.(?=[\s”\"'’)\]]|$)|(?<=[A-Za-z)\]%\"])\.(?=[{CJK}])|(?<=[^\s.]\s)\.(?!\s\.)(?=\s|$))"
    rf"[{re.escape(CLOSERS)}]{{0,4}}"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Inc|Ltd|Co|Corp|vs|etc|Fig|Sen|Rep|Gov|Gen|Col|Lt|Capt|Sgt|Rev|Hon|Jan|Feb"
    r"|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|e\.g|i\.e|a\.m|p\.m|[A-Z]\.[A-Z]|cf|al|approx)|\b[A-Z])\.$"
)
_STARTER = re.compile(
    r"\s+[“\"]?(?:The|A|An|In|On|At|He|She|It|We|They|But|And|This|That|These|Those|There|If|When|While|After|For|His|Her"
    r"|Its|Their|However|Meanwhile|As|By|With|So|Now|Since)\s"
)
_SAYS = re.compile(
    r"\s*(?:[·\w]{1,12}?(?:说|表示|认为|指出|称|问|道|强调|坦言|补充|回忆|介绍|写道|透露)(?:[。，,.：:]|$)"
    r"|(?:[A-Z][\w.’'-]+\s+){1,4}(?:said|says|asked|told|added|wrote|recalled|explained|told)\b"
    r"|(?:said|says|asked|added|wrote)\s[A-Z])"
)
_TORN_NUMBER = re.compile(rf"\s?\d+(?:%|[{CJK}])")  # 4. 94%
_GOES_ON = re.compile(r"\s{0,40}(?:[a-z，,、；;：:]|[的地得之等和与及或]|——)")


def word_table(table: str) -> frozenset[str]:
    """The blank-separated words of a table in source code."""
    return frozenset(table.split())


def alternatives(table: str) -> str:
    """A regular expression for any of the blank-separated pieces of *table*; ``_`` is a blank in one."""
    return "(?:" + "|".join(table.replace("_", r"\s").split()) + ")"


class _Lazy:
    def __init__(self, pattern: str, flags: int) -> None:
        self._source = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._source)
        for method in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern that compiles when first used: large ones, at every start, take a tenth of a second."""
    return cast(re.Pattern[str], _Lazy(pattern, flags))


def is_cjk(char: str) -> bool:
    return bool(_CJK.match(char))


def count_cjk(text: str) -> int:
    """How many Chinese characters are in *text*."""
    if text.isascii():
        return 0
    high = text.encode("utf-16-be", "surrogatepass")[::2]
    if len(high) > len(text):  # characters of four bytes
        return sum(map(len, _CJK.findall(text)))
    return len(high) - len(high.translate(None, _CJK_HIGH))


@cache
def _simplified() -> dict[str, str]:
    """Traditional characters that have exactly one simplified form (OpenCC's tables)."""
    import opencc

    block = "".join(chr(c) for c in range(0x4E00, 0xA000))
    return {a: b for a, b in zip(block, opencc.OpenCC("t2s").convert(block), strict=False) if a != b}


@cache
def _traditional() -> re.Pattern[str]:
    return re.compile(f"[{''.join(_simplified())}]")


def simplified(text: str) -> str:
    """*text* in simplified characters, as long as it is."""
    return (
        _traditional().sub(lambda char: _simplified()[char.group()], text)
        if is_chinese(text[:20_000])
        else text
    )


class _Folder(dict[int, int]):
    """Maps a code point to its folded one, one to one, so that offsets survive."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        if char.isspace() or code == 0x3000:
            folded = " "
        else:
            folded = unicodedata.normalize("NFKC", char).lower()
            if len(folded) != 1:
                folded = char
            folded = {"「": '"', "」": '"', "“": '"', "”": '"', "『": "'", "』": "'", "‘": "'", "’": "'"}.get(
                folded, folded
            )
            if "\u4e00" <= folded <= "\u9fff":
                folded = _simplified().get(folded, folded)
        self[code] = ord(folded)
        return ord(folded)


_FOLDER = _Folder()


@cache
def _changing() -> re.Pattern[str]:
    """Any character but the commonest of those that folding leaves alone."""
    edges = [0x4DFF, *map(ord, sorted(_simplified())), 0xA000]
    kept = "".join(f"{chr(a + 1)}-{chr(b - 1)}" for a, b in pairwise(edges) if b - a > 1)
    return re.compile(f"[^ -@[-~。、…—·《》{kept}]")


_FEW = 40
"""Different characters up to which changing one after the other is faster than looking up every one."""
_PAGE = 400
"""Characters; shorter texts, as sentences, are rarely folded twice."""


def fold(text: str) -> str:
    """For matching: NFKC, lower case, simplified characters, plain quotes. As long as *text*."""
    return _folded_page(text) if len(text) > _PAGE else _folded(text)


def _folded(text: str) -> str:
    if text.isascii():
        return text.translate(_FOLDER)
    text = text.replace("，", ",")
    changing = {*_changing().findall(text)}
    if len(changing) > min(_FEW, len(text) // 8):
        return text.translate(_FOLDER)
    for char in sorted(changing):  # what 薴 becomes would be changed again
        text = text.replace(char, chr(_FOLDER[ord(char)]))
    return text


_folded_page = lru_cache(maxsize=8)(_folded)
"""Gate, themes, sketch and summary all fold the same article."""


def collapse(text: str) -> str:
    """Invisible characters gone, every run of white space one blank, none at the ends."""
    if text.isprintable() and "  " not in text:  # then nothing but blanks is white, and nothing invisible
        return text.strip(" ")
    return " ".join(_INVISIBLE.sub("", text).split())


def count(text: str) -> int:
    """Characters without white space: the unit of every budget."""
    return len(text) - sum(map(len, _SPACE.findall(text)))


def sentences(text: str, start: int = 0, end: int | None = None) -> tuple[Span, ...]:
    """Spans of the sentences of ``text[start:end]``, in order, blank ends trimmed.

    Chinese and English marks both count, in either width; ``.`` ends a Chinese sentence too
    (flattened copies), but not a number, an abbreviation or an initial; so does one with white space
    before it (tokenised texts). Closing quotes and brackets stay with their sentence. Text without any
    mark is one sentence. Line breaks end one.
    """
    end = len(text) if end is None else end
    found: list[Span] = []
    for line in _LINE.finditer(text, start, end):
        found += _in_line(text, *line.span())
    return tuple(span for span in (_trim(text, *span) for span in found) if span[0] < span[1])


def _in_line(text: str, at: int, stop: int) -> Iterator[Span]:
    seen, quoted = at, False
    for sign in _MARK.finditer(text, at, stop):  # many times faster than looking for an end everywhere
        mark = _END.match(text, sign.start(), stop) if sign.start() >= seen else None
        if mark is None:
            continue
        close = mark.end()
        quoted ^= text.count('"', seen, mark.start()) % 2 == 1
        for i in range(mark.start(), close):
            if text[i] == '"':
                if not quoted:  # a straight mark that opens the next sentence
                    close = i
                    break
                quoted = False
        seen = close
        if not _continues(text, at, mark.start(), close, stop):
            yield at, close
            at = close
    yield at, stop


def _continues(text: str, at: int, mark: int, close: int, stop: int) -> bool:
    """Whether the end mark ``text[mark:close]`` is none, for a sentence that began at *at*."""
    if close >= stop:
        return False
    after, last = text[close], text[close - 1]
    if text[mark] == ".":
        if text[mark - 1].isspace():
            return False
        if text[mark : mark + 2] != ".." and _ABBREVIATION.search(text, max(at, mark - 8), mark + 1):
            return not _STARTER.match(text, close, stop)
        if text[mark - 1].isdigit() and _TORN_NUMBER.match(text, close, stop):
            return True
        if text[max(at, mark - 2) : mark] == "No" and text[close : close + 2].strip()[:1].isdigit():
            return True
    if last in "》〉" or (last in ")）]】］" and text[at] not in "(（[【［"):
        return not after.isspace()
    if last in CLOSERS and _SAYS.match(text, close, stop):
        return True
    if last not in CLOSERS and text[mark] in "。！？!?" and not after.isspace():
        in_address = after.isascii() and text[mark - 1 : mark].isascii() and after not in "\"'(["
        return in_address or after in "，,、；;：:"
    return bool(_GOES_ON.match(text, close, stop))


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def latin_words(text: str) -> int:
    return len(text.encode("ascii", "replace").translate(_LATIN).split())


def is_chinese(text: str) -> bool:
    """Whether the rules of Chinese apply: more than two characters for every Latin word."""
    return count_cjk(text) > 2 * latin_words(text)


def columns(text: str) -> int:
    """Width on a terminal: Chinese characters and full-width marks count two (UAX 11)."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


_PAUSE = re.compile(r"[,，。;；:：!！?？、|丨—–…]|\s-\s")


def shorten(title: str, width: int) -> str:
    """*title* in *width* columns, cut with dots: at its last clause mark past a third, else at a blank."""
    if columns(title) <= width:
        return title
    chinese = count_cjk(title)
    room = width - (4 if chinese else 2)
    head = next((title[:n] for n in range(min(len(title), room), 0, -1) if columns(title[:n]) <= room), "")
    marks = [m.start() for m in _PAUSE.finditer(title, 0, len(head) + 1)]
    ends = [at for at in marks if columns(title[:at]) >= width // 3]
    if not ends and head[-1:].isascii() and " " in head:
        ends = [title.rindex(" ", 0, len(head) + 1)]
    return title[: ends[-1] if ends else len(head)].rstrip() + ("……" if chinese else " …")


def minutes(text: str) -> int:
    """Reading time, at least 1: 400 Chinese characters (convention), 238 words (Brysbaert 2019) a minute."""
    words = len(re.findall(r"[A-Za-z][\w'’-]*", text))
    return max(1, round(count_cjk(text) / 400 + words / 238))


_WIDE = {",": "，", ":": "：", ";": "；", "?": "？", "!": "！", "(": "（", ")": "）"}
_WIDE_MARKS = "。，、；：？！“”‘’「」『』（）《》…—"
_BETWEEN_NAMES = re.compile(
    rf"([{CJK}][A-Za-z0-9.%+\-]+),(?=[A-Za-z][A-Za-z0-9.+\-]*[{CJK}])"
)  # 超20000,ResNet也
_BESIDE_WIDE = re.compile(r"(?<=[，：；？！（）。、]) +| +(?=[，：；？！（）。、])")


def restore_punctuation(text: str) -> str:
    """Full-width marks beside Chinese characters, for readers only; ``NFKC`` of both is the same.

    A mark is widened when a Chinese character, or a mark already wide, touches it (white space and one
    quotation mark or bracket between them apart), never between digits, in addresses, or in a text that is
    mostly Latin; brackets are widened in pairs. White space beside a wide mark is taken out.
    """
    if count_cjk(text) * 2 < latin_words(text):
        return text
    out = list(text)
    opened: list[int] = []
    for i, char in enumerate(text):
        if char == "(":
            opened.append(i)
        elif char == ")" and opened:
            left = opened.pop()
            if _chinese_bracket(text, left, i):
                out[left], out[i] = "（", "）"
    for i, char in enumerate(text):
        if char in ",:;?!" and _is_wide_place(out, i):
            out[i] = _WIDE[char]
    return _BESIDE_WIDE.sub("", _BETWEEN_NAMES.sub("\\1，", "".join(out)))


def _chinese_bracket(text: str, left: int, right: int) -> bool:
    around = text[max(0, left - 2) : left].strip()[-1:] + text[right + 1 : right + 3].strip()[:1]
    return any(map(_touches, around)) or (bool(_CJK.search(text, left, right)) and not around.isascii())


def _is_wide_place(out: list[str], at: int) -> bool:
    before = next((c for c in reversed(out[max(0, at - 3) : at]) if not c.isspace()), " ")
    after = next((c for c in out[at + 1 : at + 4] if not c.isspace()), " ")
    if (before.isdigit() and after.isdigit()) or after in "/\\":
        return False
    if before in "\"')" and not _touches(after):
        return at >= 2 and _touches(out[at - 2])
    if after in "\"'(" and not _touches(before):
        return at + 2 < len(out) and _touches(out[at + 2])
    return _touches(before) or _touches(after)


def _touches(char: str) -> bool:
    return is_cjk(char) or char in _WIDE_MARKS
