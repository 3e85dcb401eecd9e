"""Figures a text states: a number with its unit and hedge exactly as written, and what is counted.

Dates, years, ordinals, list numbers, phone and registration numbers, versions, models (GPT-4), scores and
dimensions are none. Labels are spans of the same sentence, so everything shown can be found in the source.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.text import CJK, Span, count, sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure at ``text[start:end]``.

    Args:
        number: ``text[start:end]``: hedge, digits and unit as written (8万多个, 约60%, $1.2 billion).
        unit: What *value* is in, normalised: %, 元, $, 个, km ...; empty when things are counted bare.
        value: Comparable within one *kind* and *unit*: 8万多个 is 80000.0.
        label: ``text[label_start:label_end]``, at most 16 characters or six words, what is counted.
        kind: money, percent, multiple, count, length, area, mass, power, data, span or age; only figures
            of one kind and unit may share an axis.
        weight: 0 to 1, how much it tells: large, exact and labelled numbers more, ages and a handful less.
    """

    start: int
    end: int
    number: str
    unit: str
    value: float
    label: str
    label_start: int
    label_end: int
    kind: str
    weight: float


_SCALE = {
    "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "十亿": 1e9, "亿": 1e8, "億": 1e8, "千万": 1e7, "百万": 1e6, "十万": 1e5,
    "万": 1e4, "萬": 1e4, "千": 1e3, "百": 1e2, "trillion": 1e12, "billion": 1e9, "bn": 1e9, "million": 1e6, "m": 1e6,
    "thousand": 1e3, "hundred": 1e2,
}  # fmt: skip
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNITS: dict[str, str] = {
    "percent": "%|％|个百分点|百分点|percentage points?|per ?cent|percent",
    "money": "人民币|美元|美金|欧元|英镑|日元|港元|港币|韩元|元|块钱|dollars|euros|pounds|yuan|yen",
    "multiple": "倍|times(?= (?:more|faster|larger|as))",
    "area": "平方公里|平方千米|平方米|公顷|亩|square (?:miles|kilometres|kilometers|feet|metres|meters)|acres|hectares",
    "length": "公里|千米|厘米|毫米|纳米|微米|英里|米|海里|kilomet(?:re|er)s|miles|met(?:re|er)s|feet|km|cm|nm",
    "mass": "万吨|吨|公斤|千克|克|tonnes|tons|kilograms|kg|pounds of",
    "power": "千瓦时|亿千瓦时|千瓦|兆瓦|吉瓦|度电|kWh|MWh|GWh|kW|MW|GW|megawatts|gigawatts",
    "data": "TB|GB|PB|字节|FLOPS|PFLOPS|tokens?|参数",
    "span": "个多月|个月|年多|年|小时|分钟|秒钟|毫秒|秒|天|周|个星期|years|months|weeks|days|hours|minutes|seconds",
    "age": "岁|years old|year-old",
    "count": "人次|个|名|位|家|篇|项|次|台|辆|件|种|条|款|座|所|层|部|户|只|本|套|场|支|块|张|颗|枚|篇次|人|处|组|轮|届|门|份|字|亿次|架|艘"
    "|people|users|customers|workers|employees|companies|countries|papers|students|patients|homes|cars|vehicles|jobs|votes|deaths",
}  # fmt: skip
_UNIT = "|".join(f"(?P<{kind}>{alternatives})" for kind, alternatives in _UNITS.items())
_HEDGE = (
    r"(?:大约|约为|约|将近|接近|近|超过|超|逾|不到|不足|至少|高达|多达|最多|最高|平均|仅仅|仅有|仅|突破|累计"
    r"|(?:[Aa]bout|[Aa]round|[Nn]early|[Aa]lmost|[Mm]ore than|[Oo]ver|[Aa]t least|[Uu]p to|[Ll]ess than|[Ff]ewer than|[Ss]ome)\s)"
)
_NUMBER = re.compile(
    rf"(?P<hedge>{_HEDGE})?\s?(?P<currency>US\$|HK\$|[$¥￥€£])?\s?"
    r"(?P<digits>(?<![A-Za-z\d._\-/×:：第])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d]*[A-Za-z_×]?\d)"
    r"|(?<![第一二两三四五六七八九十百千万亿])[一二两三四五六七八九十]?[一二两三四五六七八九十](?=[百千万亿]))"
    r"(?P<more>多|余|几)?\s?(?P<scale>万亿|千亿|百亿|十亿|亿|億|千万|百万|十万|万|萬|千(?!克|米|瓦)|百(?!分)"
    r"|(?:trillion|billion|million|thousand|hundred|bn)\b|(?<=[$£€]\d)m\b)?(?P<more2>多|余)?\s?"
    rf"(?:{_UNIT})?"
)
_NOT = re.compile(
    r"\s?(?:[月日号点时]|年代|世纪|年[\s,，]?\d|年(?:初|底|末|间|[春夏秋冬])|[:：/×xX]\d|[-–]\d{3}|℃?版|[A-Za-z]{2,}\d|\.0\b)"
)
_BEFORE_NOT = re.compile(
    r"(?:第|No\.|号|ICP[备证]?|电话|热线|邮编|[A-Za-z]-?|\d[-–:：/.×]|[〔【（(]|[A-Z][A-Za-z]+\s|[vV]|[Ss]ection\s|[Pp]age\s|[Cc]hapter\s)$"
)
_CLAUSE = re.compile(r"[，,；;。！？!?：:（）()“”「」《》、\n]|——|……")
_TAIL = re.compile(
    r"(?:已经?|将)?(?:达到?了?|为|是|有|占|到|至|了|在|约|的|超过?|近|将|可|共|高|仅|只|降低|增长|提高|上升|下降|来自|和|与|用|从|以|于)+$"
)
_EN_STOP = re.compile(
    r"[,.;:?!“”\"()\n]|\s(?:and|but|which|that|who|while|as|by|with|after|before|since|when|if|because)\s|\s[-–—]\s"
)
_LABEL_CHARS = 16
_LABEL_WORDS = 6
_NUMBER_CHARS = 12


def find(text: str, start: int = 0, end: int | None = None) -> tuple[Figure, ...]:
    """Figures of ``text[start:end]`` in order; each lies, with its label, inside one sentence."""
    end = len(text) if end is None else end
    return tuple(figure for span in sentences(text, start, end) for figure in _in_sentence(text, span))


def _in_sentence(text: str, span: Span) -> Iterator[Figure]:
    start, end = span
    if not any(c.isdigit() or c in "百千万亿" for c in text[start:end]):
        return
    for m in _NUMBER.finditer(text, start, end):
        if figure := _figure(text, span, m):
            yield figure


def _figure(text: str, span: Span, m: re.Match[str]) -> Figure | None:
    kind = next((k for k in _UNITS if m.group(k)), "money" if m.group("currency") else "")
    begin = (
        m.start("hedge")
        if m.group("hedge")
        else m.start("currency")
        if m.group("currency")
        else m.start("digits")
    )
    number = text[begin : m.end()].rstrip()
    stop = begin + len(number)
    value = _value(m)
    if (
        value is None
        or count(number) > _NUMBER_CHARS + 8 * number.isascii()
        or _is_other(text, span, m, kind, value)
    ):
        return None
    label = _label_after(text, stop, span[1]) or _label_before(text, span[0], begin)
    if label is None:
        return None
    unit = m.group("currency") or (m.group(kind) if kind and kind in _UNITS else "") or ""
    return Figure(
        start=begin,
        end=stop,
        number=number,
        unit={"％": "%", "percent": "%", "per cent": "%", "美金": "美元"}.get(unit, unit),
        value=value,
        label=text[label[0] : label[1]],
        label_start=label[0],
        label_end=label[1],
        kind=kind or "count",
        weight=_weight(text[span[0] : span[1]], kind, value, m),
    )


def _value(m: re.Match[str]) -> float | None:
    digits = m.group("digits").replace(",", "")
    if digits[0].isdigit():
        base = float(digits) if len(digits) < 16 else None
    else:
        base = (
            float(sum(_DIGITS.get(c, 10) for c in digits)) if len(digits) == 1 or digits[0] == "十" else None
        )
    return None if base is None else base * _SCALE.get(m.group("scale") or "", 1.0)


def _is_other(text: str, span: Span, m: re.Match[str], kind: str, value: float) -> bool:
    """Whether the number is a date, an ordinal, a version, a phone number or the like."""
    before, after = (
        text[max(span[0], m.start("digits") - 14) : m.start("digits")],
        text[m.end() : m.end() + 6],
    )
    digits = m.group("digits")
    plain = not m.group("scale") and not m.group("currency")
    if _BEFORE_NOT.search(before) and not (m.group("hedge") or m.group("currency")):
        return not (plain is False or (before[-1:] in "（( " and kind)) or before.endswith("第")
    if (
        kind == "span"
        and plain
        and (len(digits) == 4 or (len(digits) == 2 and digits[0] in "06789"))
        and "年" in m.group()
    ):
        return True
    if _NOT.match(after) and (plain or after[:1] in ":：/"):
        return True
    if plain and not kind:
        return (not m.group("hedge") and not ("," in digits and value >= 1000)) or 1900 <= value <= 2100
    return plain and len(digits.replace(",", "")) > 9


def _label_after(text: str, at: int, end: int) -> Span | None:
    """What follows the number up to a mark: 用户来自海外 after 60%."""
    while at < end and (text[at].isspace() or text[at] in "的"):
        at += 1
    if (
        at < end
        and text[at].isascii()
        and text[at].isalpha()
        and not re.match(rf"[A-Za-z0-9 ]{{0,12}}[{CJK}]", text[at:end])
    ):
        return _english_label(text, at, end)
    stop = m.start() if (m := _CLAUSE.search(text, at, end)) else end
    if number := re.compile(r"\d").search(text, at, stop):
        stop = number.start()
    piece = text[at:stop].rstrip()
    if count(piece) > _LABEL_CHARS:
        cut = max((piece.rfind(c, 2, _LABEL_CHARS) for c in "的了，在以"), default=-1)
        piece = piece[:cut] if cut >= 2 else ""
    if count(piece) < 2 or re.match(
        r"[以之左右上下内外来后前]|[多余]?(?:的时间|左右|以上|以下|以内)|就|时|吗|呢|而|但|也|都|并|和|与|至|到|或",
        piece,
    ):
        return None
    return at, at + len(piece)


def _english_label(text: str, at: int, end: int) -> Span | None:
    if text.startswith("of ", at):
        at += 3
    stop = m.start() if (m := _EN_STOP.search(text, at, end)) else end
    words = list(re.finditer(r"\S+", text[at:stop]))[:_LABEL_WORDS]
    while words and words[-1].group() in (
        "the",
        "a",
        "an",
        "of",
        "in",
        "to",
        "for",
        "on",
        "at",
        "from",
        "its",
        "their",
        "is",
        "was",
    ):
        words.pop()
    if not words or words[0].group() in (
        "in",
        "to",
        "from",
        "on",
        "at",
        "for",
        "is",
        "was",
        "were",
        "a",
        "the",
        "per",
    ):
        return None
    return at, at + words[-1].end()


def _label_before(text: str, start: int, at: int) -> Span | None:
    """What precedes the number from the last mark on: 误差率 before 为5.1%."""
    begin = max(
        (m.end() for m in _CLAUSE.finditer(text, max(start, at - 60), at)), default=max(start, at - 60)
    )
    piece = text[begin:at].rstrip()
    if piece.isascii() and piece.strip():
        words = list(re.finditer(r"\S+", piece))[-_LABEL_WORDS + 2 :]
        while words and words[-1].group().lower() in (
            "to",
            "by",
            "of",
            "the",
            "a",
            "at",
            "for",
            "is",
            "was",
            "than",
            "about",
            "in",
        ):
            words.pop()
        return (begin + words[0].start(), begin + words[-1].end()) if words else None
    piece = piece[: m.start()] if (m := _TAIL.search(piece)) else piece
    piece = piece.rstrip()
    if number := list(re.finditer(r"\d+\S?", piece)):
        begin += number[-1].end()
        piece = piece[number[-1].end() :]
    if count(piece) > _LABEL_CHARS or count(piece) < 2:
        return None
    lead = len(piece) - len(piece.lstrip())
    return begin + lead, begin + len(piece)


def _weight(sentence: str, kind: str, value: float, m: re.Match[str]) -> float:
    weight = {
        "money": 0.9,
        "percent": 0.85,
        "multiple": 0.8,
        "data": 0.8,
        "age": 0.1,
        "span": 0.35,
        "count": 0.6,
    }.get(kind, 0.7)
    if kind == "count" and value < 10:
        weight = 0.15
    elif value >= 10_000:
        weight += 0.1
    if re.search(r"如果|假如|试想|假设|哪怕|即使|好比|比方|\bif\b|\bsuppose\b", sentence):
        weight *= 0.4
    return min(1.0, weight)
