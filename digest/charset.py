"""Bytes to text: what a page is written in, whatever it or its server says.

Order of evidence: a byte order mark; a UTF-8 reading without a fault (other encodings do not look
like UTF-8 by chance); UTF-16 by its zero bytes; the label; then the legacy encoding under which
the text reads most like the language it would be. Labels are read as browsers read them
(https://encoding.spec.whatwg.org/#names-and-labels): ``gb2312`` means GB18030.
"""

import codecs
import re
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LABELS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "utf-16": "utf-16-le",
}
_LEGACY = ("gb18030", "big5hkscs", "cp932", "cp949", "cp1252")

# The commonest signs of running Chinese, simplified and traditional, and of Japanese and Korean. A wrong
# reading of one legacy encoding as another turns them into rare signs, so they tell the readings apart.
_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方"
    "多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实這個們來為國說時會對於著過發後裡種經麼"
    "學現當沒動還進樣實與讓點體關問開話點長見電"
    ",。、!?:;“”「」《》()"
)
_KANA_HANGUL = re.compile("[\u3041-\u30ff\uac00-\ud7a3]")
_ODD = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\uff61-\uff9f\ufffd]")
_DAMAGE = "\ufffd"

_BINARY_MARKS = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x1f\x8b",
    b"SQLite format 3",
    b"\x7fELF",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text and how it was had.

    Args:
        encoding: Python's name of the encoding the bytes were read in.
        replaced: How many places could not be read and stand as U+FFFD.
    """

    text: str
    encoding: str
    replaced: int = 0


def decode(raw: bytes, declared: str | None = None) -> Decoded:
    """Read *raw* as text; never fails, but see ``replaced``.

    Args:
        declared: The label from a header or the page itself; believed only where the bytes allow.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _read(raw[len(mark) :], encoding)
    utf8 = _read(raw, "utf-8")
    if not utf8.replaced and b"\x00" not in raw:
        return utf8
    wide = _wide(raw)
    if wide:
        return wide
    readings = [_read(raw, encoding) for encoding in _candidates(declared)]
    best = max(readings, key=lambda reading: _likelihood(reading.text))
    # A mostly sound UTF-8 text with a few broken places beats any legacy reading of its bytes.
    return utf8 if _likelihood(utf8.text) >= _likelihood(best.text) else best


def is_binary(raw: bytes) -> bool:
    """Whether *raw* is no text in any encoding: an image, an archive, a program."""
    if raw.startswith(_BINARY_MARKS):
        return True
    if any(raw.startswith(mark) for mark, _ in _MARKS) or _wide(raw):
        return False
    controls = len(re.findall(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", raw))
    return controls > len(raw) / 200


def _read(raw: bytes, encoding: str) -> Decoded:
    text = raw.decode(encoding, "replace")
    return Decoded(text=text, encoding=encoding, replaced=text.count(_DAMAGE) - _own_damage(raw, encoding))


def _own_damage(raw: bytes, encoding: str) -> int:
    """U+FFFD that stand in the bytes themselves: damage done before us, sound as encoded."""
    return raw.count(_DAMAGE.encode(encoding)) if encoding.startswith("utf") else 0


def _candidates(declared: str | None) -> tuple[str, ...]:
    """The label first: it wins a draw."""
    label = (declared or "").strip().lower()
    label = _LABELS.get(label, label)
    try:
        known = bool(label) and codecs.lookup(label).name not in ("utf-8", "idna", "punycode")
        b"".decode(label) if known else None
    except (LookupError, UnicodeError):
        known = False
    return (label, *_LEGACY) if known else _LEGACY


def _wide(raw: bytes) -> Decoded | None:
    """UTF-16 without a mark: blanks, line breaks and digits leave zeros on one side only."""
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    if max(even, odd) == 0 or min(even, odd) * 20 > max(even, odd):
        return None
    reading = _read(raw, "utf-16-le" if odd > even else "utf-16-be")
    return (
        reading if _likelihood(reading.text) > 0.5 and reading.replaced * 100 <= len(reading.text) else None
    )


def _likelihood(text: str) -> float:
    """How much the non-ASCII part of *text* reads like writing, about 0 to 1; 1 for plain ASCII.

    Odd signs (controls, private use, half-width kana, damage) count ten times against it.
    """
    signs = [sign for sign in text if sign > "\x7f"]
    odd = len(_ODD.findall(text))
    if not signs:
        return 1.0 - 10 * odd / max(len(text), 1)
    common = sum(sign in _COMMON for sign in signs) + len(_KANA_HANGUL.findall(text))
    return (common - 10 * odd) / len(signs)
