"""Text, Chinese first: folding, sentences, n-grams, widths and reading time.

Nothing here changes what is stored; offsets always refer to the string that was passed in.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

Span = tuple[int, int]
"""start, end; end exclusive."""

CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_CJK = re.compile(f"[{CJK}]")
_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")

CLOSERS = "”’」』）)】》〉\"'］]"
_END = re.compile(
    rf"(?:[。！？!?]+|…{{1,2}}|\.{{3,}}|(?<=[{CJK}”」])\.(?![\w.])|(?<=[\w)\]%”\"'’])\.(?=[\s”\"'’)\]]|$))"
    rf"[{re.escape(CLOSERS)}]*"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Inc|Ltd|Co|Corp|vs|etc|No|Fig|Sen|Rep|Gov|Gen|Col|Lt|Jan|Feb|Mar|Apr"
    r"|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|e\.g|i\.e|a\.m|p\.m|U\.S|U\.K|U\.N|cf|al|approx)|\b[A-Z])\.$"
)


def is_cjk(char: str) -> bool:
    return bool(_CJK.match(char))


@cache
def _simplified() -> dict[str, str]:
    """Traditional characters that have exactly one simplified form (OpenCC's tables)."""
    import opencc

    block = "".join(chr(c) for c in range(0x4E00, 0xA000))
    return {a: b for a, b in zip(block, opencc.OpenCC("t2s").convert(block), strict=False) if a != b}


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


def fold(text: str) -> str:
    """For matching: NFKC, lower case, simplified characters, plain quotes. As long as *text*."""
    return text.translate(_FOLDER)


def collapse(text: str) -> str:
    """Invisible characters gone, every run of white space one blank, none at the ends."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()


def count(text: str) -> int:
    """Characters without white space: the unit of every budget."""
    return len(text) - sum(map(len, _SPACE.findall(text)))


def sentences(text: str, start: int = 0, end: int | None = None) -> tuple[Span, ...]:
    """Spans of the sentences of ``text[start:end]``, in order, blank ends trimmed.

    Chinese and English marks both count, in either width; ``.`` ends a Chinese sentence too
    (flattened copies), but not a number, an abbreviation or an initial. Closing quotes and
    brackets stay with their sentence. Text without any mark is one sentence. Line breaks end one.
    """
    end = len(text) if end is None else end
    found: list[Span] = []
    at = start
    for line in re.finditer(r"[^\n]+", text[start:end]):
        at, stop = start + line.start(), start + line.end()
        for mark in _END.finditer(text, at, stop):
            if mark.end() <= at:
                continue
            if mark.group().startswith(".") and (
                _ABBREVIATION.search(text, at, mark.start() + 1) or _goes_on(text, mark.end(), stop)
            ):
                continue
            if mark.group()[0] in "…." and len(mark.group()) > 1 and _goes_on(text, mark.end(), stop):
                continue
            found.append((at, mark.end()))
            at = mark.end()
        found.append((at, stop))
    return tuple(span for span in (_trim(text, *span) for span in found) if span[0] < span[1])


def _goes_on(text: str, at: int, stop: int) -> bool:
    """Whether what follows continues the sentence: a lower-case letter or a comma."""
    rest = text[at:stop].lstrip()
    return bool(rest) and (rest[0].islower() or rest[0] in "，,、；;：:")


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def ngrams(folded: str, n: int) -> Iterator[str]:
    """Overlapping n-grams of characters, as they come; white space must be gone already."""
    return (folded[i : i + n] for i in range(len(folded) - n + 1))


def columns(text: str) -> int:
    """Width on a terminal: Chinese characters and full-width marks count two (UAX 11)."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def minutes(text: str) -> int:
    """Reading time, at least 1: 400 Chinese characters (convention) or 238 words (Brysbaert 2019) a minute."""
    chinese = len(_CJK.findall(text))
    words = len(re.findall(r"[A-Za-z][\w'’-]*", text))
    return max(1, round(chinese / 400 + words / 238))


_WIDE = {",": "，", ":": "：", ";": "；", "?": "？", "!": "！", "(": "（", ")": "）"}


def restore_punctuation(text: str) -> str:
    """Full-width marks beside Chinese characters, for readers only; ``NFKC`` of both is the same.

    A mark is widened when a Chinese character, or a mark already wide, touches it (white space between
    them apart), never between digits; brackets are widened in pairs.
    """
    out = list(text)
    pairs: list[int] = []
    for i, char in enumerate(text):
        if char not in _WIDE:
            continue
        before = next((c for c in reversed(text[max(0, i - 3) : i]) if not c.isspace()), "")
        after = next((c for c in text[i + 1 : i + 4] if not c.isspace()), "")
        if char == "(":
            pairs.append(i)
        elif char == ")":
            if pairs:
                opened = pairs.pop()
                inner = text[opened + 1 : i]
                outer = text[opened - 1 : opened] + after
                if _CJK.search(inner) or _CJK.search(outer):
                    out[opened], out[i] = "（", "）"
        elif not (before.isdigit() and after.isdigit()) and (
            _touches(before) or (_touches(after) and not before.isascii())
        ) or (char in ",;:?!" and before in ")\"'" and _touches(after)):
            out[i] = _WIDE[char]
    shown = "".join(out)
    return re.sub(r"(?<=[，：；？！（）。、]) +| +(?=[，：；？！（）。、])", "", shown)


def _touches(char: str) -> bool:
    return bool(char) and (is_cjk(char) or char in "。，、；：？！“”‘’「」『』（）《》…—")
