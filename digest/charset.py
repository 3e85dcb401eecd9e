"""Bytes to text when labels lie: Chinese pages say GBK and are UTF-8, or the other way round.

A reading is judged by how much it looks like writing: a wrong one turns the commonest signs of a
language into rare ones, so the share of common signs tells readings of the same bytes apart.
"""

import codecs
import re
from dataclasses import dataclass, replace

# The commonest characters of running Chinese in both scripts (Da 2004, Tsai 2006), some of the commonest of
# Japanese, and punctuation: a third of any real text, next to nothing of one read in the wrong charset.
_COMMON = frozenset(
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于"
    "下自之年过過发發后後作里裡用道行所然家事成方多经經么麼去法学學如都同现現当當没沒动動面起看定天分还還"
    "进進好小部其些主样樣实實关關点點机機问問题題开開间間长長日本者社電気話見同時技術"
    "，。、：《》“”「」！？；（）"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_ACCENTED = re.compile("(?<=[A-Za-z])[\xc0-\xff’]|[\xc0-\xff’](?=[A-Za-z])|[ (][“‘«]|[”»]")
_ODD = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\uff61-\uff9f\ufffd]")
_REAL = 0.10
"""Share of common signs from which a reading counts as real; wrong readings stay under 0.03."""
_TOLERATED = 0.02
"""Share of unreadable characters up to which the rest is still worth reading."""
_SAMPLE = 20_000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Labels mean their supersets in practice (WHATWG Encoding, section 4.2).
_SUPERSETS = {
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("big5", "big5hkscs"), "cp950"),
    **dict.fromkeys(("iso8859-1", "ascii"), "cp1252"),
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_LEGACY = ("gb18030", "cp950", "euc_jp", "cp932", "cp949", "cp1252")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text and how it was read.

    Args:
        note: Empty when the labels were right; else one English sentence for the operator.
        replaced: Characters that could not be read (U+FFFD in *text*).
    """

    text: str
    encoding: str
    note: str = ""
    replaced: int = 0


def decode(raw: bytes, declared: str | None = None) -> Decoded:
    """Read *raw* in the charset it is in, whatever it says it is.

    A byte order mark wins, then valid UTF-8 (nothing else is by accident), then the label, unless another
    charset reads as real writing where the label does not. Never raises: what fits nothing is
    read with losses, and says so.

    Args:
        declared: The charset the transport or the document claims; any spelling, also nonsense.
    """
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return _read(raw[len(mark) :], name)
    claimed = _known(declared or "")
    if wide := _wide(raw):
        return wide
    if found := _strict(raw, "utf-8"):
        if claimed and claimed.startswith(("iso2022", "hz")):
            return _strict(raw, claimed) or found
        return _undouble(_noted(found, claimed, raw))
    return _legacy(raw, claimed)


def is_binary(raw: bytes) -> bool:
    """Whether *raw* is no text in any charset: an image, an archive, a program.

    A twentieth of control characters (tabs, line and page breaks and escape apart) is more than damage.
    """
    if raw.startswith(b"%PDF-"):  # much of it may be text
        return True
    if raw.startswith(tuple(mark for mark, _ in _BOMS)) or _wide(raw):
        return False
    return len(re.findall(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", raw[:_SAMPLE])) * 20 > len(raw[:_SAMPLE])


def _legacy(raw: bytes, claimed: str | None) -> Decoded:
    """Not UTF-8 throughout: the label where it reads as writing, else what reads best."""
    readings = [_read(raw, name) for name in dict.fromkeys((claimed or "utf-8", "utf-8", *_LEGACY))]
    likely = {one.encoding: _likelihood(one.text) for one in readings}
    said = readings[0] if claimed and claimed != "utf-8" else None
    best = max(readings, key=lambda one: likely[one.encoding])
    # Every byte is something in Windows-1252, so it speaks against no label.
    overruled = likely[best.encoding] >= _REAL > likely[said.encoding] if said else True
    if said and not said.replaced and (not overruled or best.encoding == "cp1252"):
        return said
    if likely[best.encoding] >= _REAL or best.replaced <= _TOLERATED * len(best.text) + 2:
        return _noted(best, claimed, raw)
    last = _read(raw, "cp1252")
    return replace(last, note="the charset could not be told; read as Windows-1252")


def _known(label: str) -> str | None:
    try:
        name = codecs.lookup(label.strip("\"' \t")).name
        b"\xff".decode(name, "replace")
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(name, name)


def _wide(raw: bytes) -> Decoded | None:
    """UTF-16 without a mark: it has zero bytes, no other text has, and reads as writing one way round."""
    if 0 not in raw[:_SAMPLE]:
        return None
    readings = [_read(raw, name) for name in ("utf-16-le", "utf-16-be")]
    likely = [_likelihood(one.text) for one in readings]
    best = readings[likely.index(max(likely))]
    return best if max(likely) >= _REAL and best.replaced <= 1 + _TOLERATED * len(best.text) else None


def _strict(raw: bytes, name: str) -> Decoded | None:
    try:
        return Decoded(text=raw.decode(name), encoding=name)
    except (UnicodeError, LookupError):
        return None


def _read(raw: bytes, name: str) -> Decoded:
    if found := _strict(raw, name):
        return found
    text = raw.decode(name, "replace")
    lost = text.count("\ufffd")
    return Decoded(
        text=text, encoding=name, note=f"{lost} characters could not be read as {name}", replaced=lost
    )


def _noted(found: Decoded, claimed: str | None, raw: bytes) -> Decoded:
    if not claimed or claimed == found.encoding or raw.isascii():
        return found
    note = f"labelled {claimed} but written in {found.encoding}; read as the latter"
    return replace(found, note=f"{note}; {found.note}" if found.note else note)


def _likelihood(text: str) -> float:
    """Share of common signs among those that are not ASCII; 1 for plain ASCII. Odd ones count against it.

    Hangul counts only where nearly all is Hangul: half of GBK's Chinese falls on Hangul when read as Korean.
    """
    text = text[:_SAMPLE]
    signs = re.sub(r"[\x09\x0a\x0c\x0d\x20-\x7e]+", "", text)
    if not signs:
        return 1.0
    odd, hangul = len(_ODD.findall(signs)), len(_HANGUL.findall(signs))
    if hangul > 0.9 * len(signs):
        return (hangul - 3 * odd) / len(signs)
    common = sum(sign in _COMMON for sign in signs) + len(_KANA.findall(signs)) + len(_ACCENTED.findall(text))
    return (common - 3 * odd) / len(signs)


def _undouble(found: Decoded) -> Decoded:
    """Undo UTF-8 that was read as Latin and written as UTF-8 again (``ä¸\xadå›½`` for 中国)."""
    sample = found.text[:_SAMPLE]
    narrow = sample.encode("latin-1", "ignore")  # a wide text, as most are, is told by that in no time
    wide = len(sample) - len(narrow)
    latin = 0 if narrow.isascii() else len(re.findall(rb"[\x80-\xff]", narrow))
    if wide + latin < 6 or latin < wide:
        return found
    try:
        text = b"".join(map(_byte, found.text)).decode("utf-8")
    except UnicodeError:
        return found
    return Decoded(text=text, encoding="utf-8", note="encoded as UTF-8 twice; undone")


def _byte(char: str) -> bytes:
    return char.encode("latin-1") if ord(char) < 256 else char.encode("cp1252")
