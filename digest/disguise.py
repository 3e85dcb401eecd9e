"""Words written so that filters miss them, told in plain letters: c4sino, f-r-e-e, 首♂存, 扌丁.

One may be a name or a joke; several amid words that sell are a sign louder than any of these.
"""

import unicodedata

from digest.text import CJK, fold, lazy

_TWINS = {
    **str.maketrans("авеіјкмнорсԁѕтухһԛԝοαενρτυικχ", "abeijkmhopcdstyxhqwoaevptuikx"),
    **str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
    **{start + n: 97 + n for start in (0x1F130, 0x1F150, 0x1F170) for n in range(26)},
}
"""Letters of other alphabets, and drawn ones, that look like Latin ones."""
_DIGITS = str.maketrans("013457@$€", "oieastase")
_MARK = rf"[^\w\s{CJK},.。，、;:!?；：！？'\"“”‘’()（）《》〈〉【】「」·…—–/+=%&#\\-]"
"""Not a mark that sentences are built with."""
_DRAWN = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ𝐀-𝟿Ⓐ-ⓩ🄰-🆉"
_LETTER = r"[a-z0-9@$€]"
_WORD = lazy(
    # amid Latin letters, one of another alphabet that looks like them
    r"\b\w*(?:[a-z][авеіјкмнорсԁѕтухһԛԝοενρτυικχ]|[авеіјкмнорсԁѕтухһԛԝοα][a-z])\w*"
    rf"|[{_DRAWN}]{{3,}}"
    # digits for letters
    r"|(?<![\w@./:#=-])[a-z]+(?:[013457@$€]{1,2}[a-z]+)+(?![\w@/=(-]|\.\w)"
    # letters parted by the same mark
    rf"|(?<![\w.]){_LETTER}([^\w\s,;:'\"]|\s)(?:{_LETTER}\1){{2,}}{_LETTER}(?!\w)"
    # Chinese characters parted by one
    rf"|[{CJK}](?P<mark>{_MARK})\ufe0f?(?:[{CJK}]{{1,2}}(?P=mark)\ufe0f?)+"
    rf"|(?<![^\s])[{CJK}](?:(?P<blank>[ .。/|-])[{CJK}](?![{CJK}])){{3,}}"
    # halves of characters
    rf"|[扌氵亻讠钅饣纟忄犭礻衤][{CJK}]|力口|马户|弓长|女马"
)


_HINTS = (
    lazy(
        r"[扌亻讠钅饣纟礻衤\u0370-\u03ff\u0400-\u04ff\u1d00-\u1d7f\U0001d400-\U0001d7ff\U0001f130-\U0001f189]"
    ),
    lazy("力口"),
    lazy(r"[0-9@$€](?<=[A-Za-z].)[0-9@$€]?[a-z]"),
    lazy(r"[!-/:-@\[-`{-~\xa1-\xbf\u2010-\u2bff\u3001-\u303f\uff01-\uff0f\uff1a-\uff20](?<=\w(.))\w\1\w\1"),
    lazy(r" (?<=\w )\w \w "),
)
"""What most disguises hold and most articles do not, apart: `re` is fastest by a first character."""


def may_hold(told: str) -> bool:
    """Whether a disguised word may stand in *told*: without, it need not be looked for."""
    return any(hint.search(told) for hint in _HINTS)


def words(told: str) -> set[str]:
    """Those in *told* that are disguised."""
    return {match.group() for match in _WORD.finditer(told.lower())}


def plain(told: str) -> str:
    """*told* with every disguised word in plain letters, folded."""
    return fold(_WORD.sub(lambda match: _plain(match.group()), told.lower()))


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKC", word).translate(_TWINS).translate(_DIGITS)
    return "".join(filter(str.isalnum, letters))
