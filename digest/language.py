"""Which language a text is in: enough to choose rules, fonts and reading speed."""

import re

from digest.text import count_cjk

_KANA = re.compile("[\u3040-\u30ff]")
_LATIN = re.compile(r"[A-Za-z]+")


def detect(text: str) -> str:
    """``zh``, ``en``, ``ja`` or ``und``, by script; Chinese with English words in it is ``zh``.

    A Chinese character carries about as much as a short English word, so characters are weighed
    against words.
    """
    sample = text[:20_000]
    han = count_cjk(sample)
    words = len(_LATIN.findall(sample))
    if _KANA.search(sample) and len(_KANA.findall(sample)) > max(5, han // 5):
        return "ja"
    if han == words == 0:
        return "und"
    return "zh" if han >= words * 0.5 else "en"
