"""Bytes to text when labels lie: Chinese pages say GBK and are UTF-8, or the other way round."""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

# The 40 commonest characters of running Chinese in both scripts (Da 2004, Tsai 2006) and its punctuation:
# a third of any real text, next to nothing of one read in the wrong charset.
_COMMON = frozenset(
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于"
    "，。、：《》“”「」！？"
)
_REAL = 0.10
"""Share of common characters from which text counts as Chinese; wrong readings stay under 0.03."""
_TOLERATED = 0.02
"""Share of unreadable characters up to which the rest is still worth reading."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text and how it was read.

    Args:
        note: Empty when the labels were right; else one English sentence for the operator.
        lost: Characters that could not be read (U+FFFD in *text*).
    """

    text: str
    encoding: str
    note: str = ""
    lost: int = 0


def decode(raw: bytes, labels: Iterable[str] = ()) -> Decoded:
    """Read *raw* in the charset it is in, whatever it says it is.

    A byte order mark wins, then valid UTF-8 (nothing else is by accident), then the label, unless GB18030 or
    Big5 read as real Chinese where the label does not. Never raises: what fits nothing is
    read with losses, and says so.

    Args:
        labels: What the transport and the document claim, the most trusted first.
    """
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return _strict(raw[len(mark) :], name) or _lossy(raw[len(mark) :], [name])
    claimed = [name for name in map(_known, labels) if name]
    if wide := _wide(raw):
        return _strict(raw, wide) or _lossy(raw, [wide])
    if found := _strict(raw, "utf-8"):
        if b"\x1b" in raw and claimed and claimed[0].startswith("iso2022"):
            return _strict(raw, claimed[0]) or found
        return _undouble(_noted(found, claimed, raw))
    return _legacy(raw, claimed)


def _legacy(raw: bytes, claimed: list[str]) -> Decoded:
    """Not UTF-8: the label, or the Chinese charset that makes sense of it."""
    said = next((d for name in claimed if name != "utf-8" and (d := _strict(raw, name))), None)
    if said and (_chinese(said.text) >= _REAL):
        return _noted(said, claimed, raw)
    guesses = [d for name in ("gb18030", "cp950") if (d := _strict(raw, name))]
    best = max(guesses, key=lambda d: _chinese(d.text), default=None)
    if best and _chinese(best.text) >= _REAL:
        return _noted(best, claimed, raw)
    if said:
        return said
    lossy = _lossy(raw, [*claimed, "utf-8", "gb18030", "cp950"])
    if lossy.lost <= _TOLERATED * len(lossy.text) + 2:
        return lossy
    text = raw.decode("cp1252", "replace")
    return Decoded(
        text=text,
        encoding="cp1252",
        lost=text.count("\ufffd"),
        note="the charset could not be told; read as Windows-1252",
    )


def _known(label: str) -> str | None:
    try:
        name = codecs.lookup(label.strip("\"' \t")).name
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(name, name)


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a mark, by the zero bytes beside its ASCII."""
    head = raw[:200]
    if not head or head.count(0) * 5 < len(head):
        return None
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


def _strict(raw: bytes, name: str) -> Decoded | None:
    try:
        return Decoded(text=raw.decode(name), encoding=name)
    except (UnicodeError, LookupError):
        return None


def _lossy(raw: bytes, names: list[str]) -> Decoded:
    """The reading that loses least; the first of equals."""
    texts = [(raw.decode(name, "replace"), name) for name in dict.fromkeys(names)]
    text, name = min(texts, key=lambda pair: pair[0].count("\ufffd"))
    lost = text.count("\ufffd")
    note = f"{lost} characters could not be read as {name}" if lost else ""
    return Decoded(text=text, encoding=name, note=note, lost=lost)


def _noted(found: Decoded, claimed: list[str], raw: bytes) -> Decoded:
    if not claimed or claimed[0] == found.encoding or raw.isascii():
        return found
    note = f"labelled {claimed[0]} but written in {found.encoding}; read as the latter"
    return Decoded(text=found.text, encoding=found.encoding, note=note)


def _chinese(text: str) -> float:
    """Share of common Chinese characters among all that are not ASCII, over the first 20,000."""
    wide = re.sub(r"[\x00-\x7f]+", "", text[:20_000])
    return sum(char in _COMMON for char in wide) / len(wide) if wide else 0.0


def _undouble(found: Decoded) -> Decoded:
    """Undo UTF-8 that was read as Latin and written as UTF-8 again (``ä¸\xadå›½`` for 中国)."""
    wide = re.sub(r"[\x00-\x7f]+", "", found.text[:20_000])
    if len(wide) < 6 or sum("\x80" <= char <= "\xff" for char in wide) < len(wide) / 2:
        return found
    try:
        text = b"".join(map(_byte, found.text)).decode("utf-8")
    except UnicodeError:
        return found
    return Decoded(text=text, encoding="utf-8", note="encoded as UTF-8 twice; undone")


def _byte(char: str) -> bytes:
    return char.encode("latin-1") if ord(char) < 256 else char.encode("cp1252")
