"""Setting text for readers: width of marks, gaps, quotation marks, omissions, links that are safe.

Nothing here changes a word: ``NFKC(shown) == NFKC(source)`` once white space is taken out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from markupsafe import Markup, escape

from digest.model import SLOT_OPEN, Article, Excerpt
from digest.text import CJK, columns, restore_punctuation, shorten

_UNWANTED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{SLOT_OPEN}-\ufdef\ufffe\uffff\ud800-\udfff]")
_GAP = re.compile(f"(?<=[{CJK}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%])(?=[{CJK}])")
_WIDE = f"{CJK}，。：；？！、（）《》〈〉「」『』"
_MARKS = re.compile(
    f"——+|“[^“”]*”|‘[^‘’]*’|(?<=[{CJK}])[“”‘’]+|[“”‘’]+(?=[{CJK}])|(?<=[{_WIDE}”])…+|…+(?=[{_WIDE}“])"
)
_ENDLESS = re.compile(r"[\w/.~%+=#@:?-]{29,}", re.ASCII)
_STOPS = "。！？!?.…”’」』\"')）】"
_OPENERS = "“‘「『（(【《"
"""What begins right after one of these is whole at its head: nothing was left out there."""
_CLAUSES = re.compile("[^，。：；？！、]+[，。：；？！、]*|[，。：；？！、]+")
_PARTS = re.compile("(?:“[^”]*”|「[^」]*」|《[^》]*》|（[^）]*）|[^“「《（]+|.)[，。：；？！、]*")
_TAIL = re.compile(f"(?:[A-Za-z0-9.+-]+ )?[{CJK}]{{1,4}}[。？！、）]*$")
"""The end of a clause too long for a phone: so much of it is kept from standing alone in pieces."""
_CLAUSE = re.compile(r"[，。：；？！、,:;?!…]")
_URL_SAFE = "%:/?#[]@!$&()*+,;=~-._"
URL_LIMIT = 2000
"""Longer addresses are dropped: some clients cut them, and one must not eat the size budget."""
COLUMNS = {27: 20, 23: 24, 19: 30, 15: 38}
"""Of type of so many pixels on the narrowest phone, 320 px less the mail's edges."""
FRAGMENT_CHARS = 24
"""Longest clause used in a text fragment."""
FRAGMENT_OCTETS = 150
"""Longer ones give way to the next clause: they are a line of their own in the text part."""


def clean(value: str) -> str:
    """Without controls, lone surrogates and noncharacters; line breaks and tabs are blanks."""
    return _UNWANTED.sub("", re.sub(r"[\t\r\n]+", " ", value))


def gap(text: str) -> str:
    """One blank between Chinese and Latin text or digits where none stands (CLREQ 3.2.2)."""
    return _GAP.sub(" ", text)


@dataclass(frozen=True, slots=True)
class Typesetter:
    """How quoted text becomes HTML.

    Args:
        restore: Full-width marks beside Chinese characters.
    """

    restore: bool

    def plain(self, text: str) -> str:
        """Verbatim text where nothing but text can stand."""
        return restore_punctuation(clean(text)) if self.restore else clean(text)

    def shown(self, text: str) -> Markup:
        """Verbatim text as a reader sees it, escaped."""
        return escape(gap(self.plain(text)))

    def headline(self, text: str, px: int = 27, *, tail: bool = False) -> Markup:
        """As :meth:`shown`, Chinese broken between clauses, at quotations in those too long for a phone.

        Args:
            tail: Hold the last of them alone together: enough for a list, where octets count.
        """

        def fits(part: str) -> bool:
            return columns(part) + part.count("“") + part.count("”") <= COLUMNS[px]

        shown = self.shown(text)
        clauses = _CLAUSES.findall(shown)
        torn = [one for one in clauses if one.count("“") != one.count("”")]  # `dress` looks for whole pairs
        if not _chinese(text) or torn or "‘" in shown or "&" in shown:
            return shown
        parts = [part for one in clauses for part in ([one] if fits(one) else _PARTS.findall(one))]
        # The first begins a line and needs no holding; before Latin ones there may be no place to break.
        first = len(parts) - 1 if tail else 1
        held = [
            f"<nobr>{part}</nobr>" if n and n >= first and fits(part) and _chinese(part) else part
            for n, part in enumerate(parts)
        ]
        if not fits(parts[-1]):
            held[-1] = _TAIL.sub(r"<nobr>\g<0></nobr>", held[-1])
        return Markup("".join(held))  # noqa: S704  pieces of what is escaped

    def excerpt(self, excerpt: Excerpt, article: Article) -> Markup:
        """The span, with …… where it starts or ends inside a sentence."""
        shown = self.shown(excerpt.text)
        if excerpt.by == "model":
            return shown
        dots, blank = ("……", "") if _chinese(excerpt.text) else ("…", " ")
        before = article.text[: excerpt.start].rstrip(" ")
        if before and before[-1] not in _STOPS + _OPENERS + "\n":
            shown = dots + blank + shown
        if excerpt.text.rstrip()[-1:] not in _STOPS:
            shown = shown + blank + dots
        return shown


def dress(html: str, *, faces: str | None = None, budget: int = 0) -> str:
    """Faces for Chinese quotation marks and dots, and no line end inside ——, in the body's text.

    A Latin face would set the marks a third as wide. ``nobr`` because Outlook on Windows has no
    ``white-space``.

    Args:
        faces: Named at each mark, for clients that drop style sheets, unless that costs more than *budget*
            octets; else the style sheet has them for the class ``m``.
    """
    head, body_tag, body = html.partition("<body") if "<body" in html else ("", "", html)
    dressed, spent = _dressed(body, f'<span style="font-family:{faces}">') if faces else ("", 0)
    if not faces or spent > budget:
        dressed, _ = _dressed(body, '<span class="m">')
    return head + body_tag + dressed


_BETWEEN = re.compile(r'(<!--.*?-->|<div class="pre".*?</div>|<[^>]*>)', re.DOTALL)
_SERIF = re.compile(r'<\w+ class="(?:h1|h3x|said)\b')
_MIXED = re.compile("[!-~—“”‘’]")
"""What one face for a whole quotation would not do for."""


def _dressed(body: str, marks: str) -> tuple[str, int]:
    spent, held, serif, out = 0, False, False, []

    def wrap(found: re.Match[str]) -> str:
        nonlocal spent
        whole = found.group()
        if whole.startswith("—"):  # browsers end a nobr where one begins inside it
            return whole if held else f"<nobr>{whole}</nobr>"
        quoted = whole[1:-1] if whole[0] in "“‘" and whole[-1] in "”’" else ""
        plain = quoted and not _is_chinese_pair(found)
        apart = quoted and (plain or serif or _MIXED.search(quoted))
        pieces = [whole[0], whole[-1]] if apart else [whole]
        if not plain:
            pieces = [f"{marks}{piece}</span>" for piece in pieces]
            spent += len(pieces) * len(f"{marks}</span>")
        return (_MARKS.sub(wrap, quoted) if apart else "").join(pieces)

    for n, piece in enumerate(_BETWEEN.split(body)):
        out.append(piece if n % 2 else _MARKS.sub(wrap, _breakable(piece)))
        held = piece == "<nobr>" or (held and piece != "</nobr>")
        serif = bool(_SERIF.match(piece)) or (serif and piece not in ("</h1>", "</h3>", "</p>"))
    return "".join(out), spent


def _breakable(text: str) -> str:
    """Places to break in words no phone has room for: no style for it is known to all clients."""
    return _ENDLESS.sub(lambda m: re.sub(".{12}", r"\g<0><wbr>", m.group()), text)


def _is_chinese_pair(found: re.Match[str]) -> bool:
    """Marks round Chinese, or round anything in a Chinese sentence; not those of an English title in one."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return bool(_chinese(found.group()) or re.fullmatch(f"[{_WIDE}]{{2}}", before + after))


def _chinese(text: str) -> bool:
    return bool(re.search(f"[{CJK}]", text))


def cut_title(title: str) -> str:
    """Titles over 60 full-width characters end at a mark, with dots (editorial guide, section 2)."""
    return shorten(clean(title), 120)


def safe_url(value: str | None) -> str | None:
    """As an ASCII address a mail may hold: http, https or mailto, else None."""
    if not value or len(value) > URL_LIMIT or value != clean(value) or " " in value:
        return None
    try:
        parts = urlsplit(value)
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    except ValueError:
        return None
    if parts.scheme == "mailto":
        return quote(value, _URL_SAFE)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in host:
        return None
    path, query, fragment = (quote(part, _URL_SAFE) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, host, path, query, fragment))


def passage_url(article: Article, excerpt: Excerpt) -> str | None:
    """The article's address with a text fragment for the passage (WICG scroll-to-text-fragment).

    A clause is enough when it stands once in the article: the first short one, since a Chinese character is
    nine octets in an address, else the first. Otherwise head and tail are given. Pieces end at clause marks,
    since browsers match whole words only; words a site spliced in still stand in its page, so a piece with a
    cut in it is not used.
    """
    url = safe_url(article.url)
    if url is None or "#" in url or excerpt.by != "source":
        return url
    cuts = [cut.at for cut in article.cuts]
    pieces = _pieces(article.text, excerpt.start, excerpt.end, cuts)
    if not pieces:
        return url
    once = [piece for piece in pieces if len(piece) >= 6 and article.text.count(piece) == 1]
    short = [piece for piece in once if len(quote(piece, safe="")) <= FRAGMENT_OCTETS]
    ends = (short or once)[:1] or list(dict.fromkeys((pieces[0], pieces[-1])))
    return f"{url}#:~:text={','.join(quote(piece, safe='').replace('-', '%2D') for piece in ends)}"


def _pieces(text: str, start: int, end: int, cuts: Sequence[int]) -> list[str]:
    """Clauses of the passage, long Latin ones up to a blank, that stand in the page as they stand here."""
    found: list[str] = []
    at = start
    for stop in [m.start() for m in _CLAUSE.finditer(text, start, end)] + [end]:
        piece = text[at:stop].strip(" “”‘’「」『』\"'")
        if len(piece) > FRAGMENT_CHARS and not _chinese(piece):
            piece = piece[: FRAGMENT_CHARS + 1].rpartition(" ")[0]
        if 4 <= len(piece) <= FRAGMENT_CHARS and "\n" not in piece and not any(at < c < stop for c in cuts):
            found.append(piece)
        at = stop + 1
    return found
