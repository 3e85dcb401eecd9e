"""Offers: what asks something of the reader, known by independent signs that are added up.

A channel to the seller, the same written so that filters miss it, a call to act, a promise, its terms,
others who were glad of it, a seller's voice, the goods of a trade, and how all of it sounds (`voice`). One
sign is nothing: articles give addresses and tell of gambling. Sentences with signs that
stand together are weighed together; words in quotation marks are somebody else's, and words of reporting
speak against an offer.
"""

import re
import tomllib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import groupby, takewhile

from digest import disguise, voice
from digest.model import Article, Block, Cut
from digest.patterns import Anywhere, Lists, alternatives, joined
from digest.text import CJK, Span, count_cjk, is_cjk, sentences


def pattern(source: str) -> Anywhere:
    """Any of the alternatives of a table of gate.toml; ``^`` begins any line."""
    return Anywhere(_parts(source), re.MULTILINE)


def _parts(source: str) -> list[str]:
    return alternatives(joined(source))


WORDS = tomllib.loads(resources.files("digest").joinpath("gate.toml").read_text("utf-8"))
_SIGNS = {name: _parts(sign["words"]) for name, sign in WORDS["signs"].items()}
_WEIGHTS = {name: float(sign["weight"]) for name, sign in WORDS["signs"].items()}
_TRADES = {code: _parts(words) for code, words in WORDS["trades"].items()}
_WEIGHTS |= dict.fromkeys(_TRADES, 1.0)
_ALL = Lists({**_SIGNS, **_TRADES}, re.MULTILINE)
_SHADY = Lists({code: _TRADES[code] for code in ("gambling", "adult")}, re.MULTILINE)
"""Trades whose words no page has by chance."""
_ASKS = ("channel", "address", "evasion", "call")
"""What asks nothing of its reader is an offer only when it reads like one."""
_GIVES = ("promise", "terms")
_BEARING = Anywhere([part for name in (*_ASKS, "promise") for part in _SIGNS[name]], re.MULTILINE)
"""Every offer holds one of these; most texts hold none, and are read only this once."""
_REPORTING = pattern(WORDS["reporting"])
_BRAND = pattern(WORDS["brand"] + r"|(?:www\.)?[a-z0-9]{3,12}\.(?:com|net|cc|vip|top)")
_LOUD, _SOFT = (pattern(WORDS["praise"][how]) for how in ("loud", "soft"))
_LIVED = re.compile(r"我|说[,:]|\"[^\"]{12,}\"|\b(?:i|we|my|said|says)\b")
"""Who praises says so, or somebody is quoted."""
FIRST = (_BEARING, _BRAND, _LOUD)
"""What every article is looked through for."""
_NUMBERED = re.compile(r"[a-z,] (?:www\.)?[a-z]{2,}\d{2,}\.[a-z]+ [a-z]")
"""An address with numbers amid English words, which no sentence is about."""
_QUOTED = re.compile('"[^"\n]{2,200}"')
_MASK = "[★☆●◆■▲※◇○♠♣*~^_|▇]"
_MASKS = re.compile(rf"{_MASK}(?<=[^\W_].){_MASK}*(?=[^\W_])")

_A_PAGE = 60
"""Characters around an article under which it stands alone, as in a feed."""
_MARKED = re.compile(rf"(?:【([^【】\n]{{2,20}})】|([_|])([^_|\n]{{2,20}})\2)(?=[{CJK}])")
"""Words set apart in a Chinese sentence."""
_SET_APART = re.compile(r"[。！？.!?”\"] ?([【\[][^【】\[\]`\n]{3,24}[】\]]) ?(?=\S)")
"""A name in brackets behind a sentence, before the next."""
_OF_A_SITE = re.compile(
    r"(?:[网店]|资讯|头条|(?i:app)|商城|公众号|客户端|频道|平台).$|[a-z][A-Z]|\.(?:com|cn|net|org).$"
)
_RUN_ON = re.compile(
    r"[.!?”\"] ((?:[A-Z][\w&'’-]+ ){2,5})"
    r"(?=(?:The|An?|It|He|She|They|We|You|In|On|At|But|And|If|When|This|There) )"
)
"""A name behind which the sentence only begins: “Stir well. Gold Cookware Store It is better cold.”"""
_NAMES = 20
"""Names looked for, the most frequent: one site has one."""
_COMPANY = pattern("娱乐(?:公司|平台|游戏)")
_NAME = 12
"""Characters that a name of a site has at most on either side of its last word."""

_OFFER = 2.0
"""Weight from which sentences are an offer."""
_STRETCH = 4
"""Sentences that are read as one."""
_HOPELESS = -1.0
"""Likeness under which a sentence is no part of what reads like an advert."""
_ALIKE = 0.4
"""Likeness above which sentences read like an advert: at 0, twice as many clean articles lost some."""
_DISGUISED = 3.0
"""Weight and worth of what two disguised words and those around them say, from which it is an offer."""
_A_LIST = 3
"""Paragraphs with an address, half of all at least, from which they are a list of links."""
_PRAISED = 5
"""Words of praise in a paragraph from which it does nothing else; what only sellers write counts double."""
_TOLD = re.compile("[了着她他却但也都是]|我(?<![加找系戳敲滴]我)(?![们司厂店家院校公微])")
_GIVEN = re.compile("免费|报名|下载|您|欢迎")
_FEW = 7
"""What the cues in a text are worth that all adverts of the labelled set but those with signs reach."""
_BETWEEN = {True: 20, False: 60}
"""Characters of such a paragraph for each, whether Chinese or not."""
_SAMPLE = 2000
"""Characters of an article from which it is known whether all of it offers."""
_DENSE = 0.8
"""Signs that an advert's other lines hold in a hundred Chinese characters, or in 250 others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What was found in an article.

    Args:
        spans: The sentences that offer, in order.
        whole: The rest of the article belongs to the offer: there is nothing else in it.
        code: The trade, or ``advert``.
        reason: The signs, with the words that gave them.
    """

    spans: tuple[Span, ...]
    whole: bool
    code: str
    reason: str
    score: float


_Signs = dict[str, list[str]]
"""Distinct words found, by sign; those of trades by trade."""


def find(article: Article, folded: str) -> Offers | None:
    """None for nearly every article.

    Args:
        folded: The article's text.
    """
    places = [m.start() for m in _BEARING.finditer(folded)]
    bearing = {b.start for b in article.blocks if bisect_left(places, b.start) < bisect_left(places, b.end)}
    said = [folded[b.start : b.end] for b in article.blocks]
    heard = voice.are_heard(said) if voice.is_heard(folded) else [False] * len(said)
    hidden: dict[int, set[str]] = {}
    if disguise.may_hold(article.text):
        own = _unquoted(article.text, folded)
        hidden = {b.start: some for b in article.blocks if (some := _disguised(own[b.start : b.end]))}
    listed = _listed(article, folded)
    blocks = [
        block
        for block, sells in zip(article.blocks, heard, strict=True)
        if (sells or block.start in bearing or block.start in hidden) and block.start not in listed
    ]
    praised = _praised(article, folded)
    if not blocks and not praised:
        return None
    ours = _QUOTED.sub(lambda m: " " * len(m.group()), folded)
    offering = (
        span
        for b in blocks
        if (b.start, b.end) not in praised
        for span in _offering(
            article.text, folded, ours, b, bearing=b.start in bearing, hidden=hidden.get(b.start, set())
        )
    )
    spans = tuple(sorted([*praised, *offering]))
    rest = "".join(_outside(folded, (0, len(folded)), spans))
    share = 1 - len(rest) / max(1, len(folded))
    rest = rest[:_SAMPLE]
    left = _signs(rest)
    if not spans and not any(left[name] for name in _GIVES):
        return None
    signs = _signs("".join(folded[a:b] for a, b in spans)) if spans else left
    whole = _is_advert(left, rest, offered=bool(spans), share=share)
    if not spans and not whole:
        return None
    found = {name: list(dict.fromkeys(signs.get(name, []) + left.get(name, []))) for name in _WEIGHTS}
    trades = Counter({code: len(found[code]) for code in _TRADES if found[code]})
    found["reads like an advert"] = [cue.strip() for a, b in spans for cue in voice.cues(folded[a:b])]
    found["praises"] = [word for words in praised.values() for word in words]
    found["written so that filters miss it"] = sorted(set[str]().union(*hidden.values()))
    told = "; ".join(f"{name}: {', '.join(words[:4])}" for name, words in found.items() if words)
    return Offers(
        spans=spans,
        whole=whole,
        code=trades.most_common(1)[0][0] if trades else "advert",
        reason=told,
        score=min(1.0, max(weight(signs), _OFFER) / 8),
    )


def _offering(
    told: str, folded: str, ours: str, block: Block, *, bearing: bool, hidden: set[str]
) -> Iterator[Span]:
    """Runs of sentences of *block* that bear signs and together weigh enough, or that read like an advert.

    Sentences are told in the text as it was *told*: folded, an English one does not begin with a capital.
    None begins with what *ours*, the folded text with blanks for what others say, does not bear.
    """
    text = folded[block.start : block.end]
    if bearing:
        signs = _signs(text)
        bearing = weight(signs) >= _OFFER and any(signs[name] for name in (*_ASKS, *_GIVES))
    every = sentences(told, block.start, block.end)
    runs = groupby(every, lambda span: _bears(ours[slice(*span)])) if bearing else ()
    found = [span for bears, run in runs if bears for span in _weighed(folded, ours, list(run))]
    if hidden:
        marked = [span for span in every if any(word in told[slice(*span)].lower() for word in hidden)]
        found = [(marked[0][0], marked[-1][1])] if marked else [(block.start, block.end)]
    found = found or _read(told, folded, ours, block, every)
    if sum(end - start for start, end in found) * 3 > 2 * len(text):
        yield block.start, block.end
    else:
        yield from ((start, end + (told[end : end + 1] == " ")) for start, end in found)


def _praised(article: Article, folded: str) -> dict[Span, list[str]]:
    """Paragraphs that do nothing but praise, and how, in an article that does not.

    A firm's own story praises all over; a critic says I, and a juror is quoted.
    """
    every = list(_LOUD.finditer(folded))
    starts, often = [match.start() for match in every], Counter(match.group() for match in every)
    found: dict[Span, list[str]] = {}
    for block in article.paragraphs() if every else ():
        here = every[bisect_left(starts, block.start) : bisect_left(starts, block.end)]
        loud = Counter(match.group() for match in here)
        if not loud or sum(n > loud[word] for word, n in often.items()) * 2 > len(loud):
            continue
        text = folded[block.start : block.end]
        praise = sorted(loud) + distinct(_SOFT, text)
        worth = len(loud) + len(praise)
        dense = worth >= max(_PRAISED, len(text) / _BETWEEN[count_cjk(text) > 0])
        if dense and not _LIVED.search(text) and reporting(text) < 2:
            found[block.start, block.end] = praise
    return found if len(found) * 4 <= len(article.paragraphs()) else {}


def _listed(article: Article, folded: str) -> set[int]:
    """Where a list of links with a word on each goes on, as long as nothing else in it asks or gives."""
    if folded.count("://") < _A_LIST:
        return set()
    items = [b for b in article.blocks if "://" in folded[b.start : b.end]]
    if len(items) < _A_LIST or len(items) * 2 < len(article.blocks):
        return set()
    found = {b.start: _signs(folded[b.start : b.end]) for b in items}
    return {
        start
        for start, signs in found.items()
        if not any(signs[name] for name in (*_ASKS, *_GIVES) if name != "address")
    }


def _unquoted(told: str, folded: str) -> str:
    """The text as it was *told*, with blanks for what others say."""
    for match in _QUOTED.finditer(folded):
        told = told[: match.start()] + " " * len(match.group()) + told[match.end() :]
    return told


def _disguised(told: str) -> set[str]:
    """The words in *told* that were to be missed, two at least, when what they and the rest say offers."""
    words = disguise.words(told)
    plain = disguise.plain(told) if len(words) > 1 else ""
    return words if plain and weight(_signs(plain)) + voice.worth(plain) >= _DISGUISED else set()


def _bears(said: str) -> bool:
    return voice.is_heard(said) or any(_signs(said).values())


def _read(told: str, folded: str, ours: str, block: Block, every: Sequence[Span]) -> list[Span]:
    """Stretches of sentences that read like an advert, or else the block as one, none that overlap."""

    def likeness(span: Span, *, part: bool = False) -> float:
        return voice.likeness(told, folded, span, reporting=reporting(folded[slice(*span)]), part=part)

    def may(span: Span) -> bool:
        """Whether a sentence may be part of what reads like an advert."""
        return likeness(span, part=True) > _HOPELESS

    found: list[Span] = []
    for n, span in enumerate(every):
        taken = found and span[0] < found[-1][1]
        if taken or not voice.cues(ours[slice(*span)]) or not may(span):
            continue
        near = range(max(0, n - _STRETCH + 1), min(len(every), n + _STRETCH))
        ends = [k for k in near if k == n or may(every[k])]
        stretches = [(every[a][0], every[b][1]) for a in ends for b in ends if a <= n <= b < a + _STRETCH]
        free = (stretch for stretch in stretches if not found or stretch[0] >= found[-1][1])
        score, best = max((likeness(stretch), stretch) for stretch in free)
        if score > _ALIKE and not _is_told(folded[slice(*best)]):
            found.append(best)
    whole = (block.start, block.end)
    if found or not voice.cues(ours[slice(*whole)]):
        return found
    return [whole] * (likeness(whole) > _ALIKE and not _is_told(folded[slice(*whole)]))


def _is_told(text: str) -> bool:
    """Whether somebody tells of something in *text*, which has little of adverts: 我旁边大哥骂了半小时."""
    if len(_TOLD.findall(text)) < 2 or _GIVEN.search(text) or voice.worth(text) >= _FEW:
        return False
    signs = _signs(text)
    return not any(signs[name] for name in (*_ASKS, *_GIVES, *_TRADES))


def _weighed(folded: str, ours: str, run: list[Span]) -> tuple[Span, ...]:
    """The sentences of *run* when they ask something of their reader and weigh enough."""
    start, end = run[0][0], run[-1][1]
    signs = _signs(ours[start:end])
    goods = any(signs[name] for name in (*_TRADES, *_GIVES)) or (signs["evasion"] and signs["call"])
    if not goods or not any(signs[name] for name in _ASKS):
        return ()
    if weight(signs) - 0.75 * reporting(folded[start:end]) < _OFFER:
        return ()
    return ((start, end),)


def reporting(text: str) -> int:
    """How many words of reporting stand in it."""
    return len(set(_REPORTING.findall(text)))


def _signs(folded: str) -> _Signs:
    return _ALL.words(_MASKS.sub("", _QUOTED.sub(" ", folded)))


def distinct(pattern: Anywhere, text: str) -> list[str]:
    """What it finds, each once, in the order of the text."""
    return list(dict.fromkeys(pattern.findall(text)))


def weight(signs: _Signs) -> float:
    """Each sign once, and half as much again for its second and third word; of trades only the strongest."""
    worth = {
        name: _WEIGHTS[name] * (1 + 0.5 * (min(len(words), 3) - 1)) for name, words in signs.items() if words
    }
    trade = max((worth[code] for code in _TRADES if code in worth), default=0.0)
    return trade + sum(value for name, value in worth.items() if name not in _TRADES)


def _is_advert(signs: _Signs, rest: str, *, offered: bool, share: float) -> bool:
    """Whether what is left beside the offers offers too, or is next to nothing."""
    if share > 0.4:
        return True
    size = len(rest) / (100 if count_cjk(rest) else 250)
    words = sum(map(len, signs.values()))
    if words < _DENSE * size or reporting(rest) * 3 > words:
        return False
    kinds = {"trade" if name in _TRADES else name for name, found in signs.items() if found}
    if offered:
        return len(kinds) >= 2 and words >= 3
    return len(kinds) >= 4 and bool(kinds.intersection(_ASKS)) and weight(signs) >= 2.5 * _OFFER


def brands(folded: str, title: str) -> tuple[Span, ...]:
    """Where a name of the kind that sites are sold by stands amid sentences: three times, or in marks."""
    places: dict[str, list[int]] = {}
    for match in _BRAND.finditer(folded):
        places.setdefault(match.group(), []).append(match.start())
    found: list[Span] = []
    for word, starts in places.items():
        if len(starts) < 3:
            continue
        before = _in_common([folded[max(0, at - _NAME) : at][::-1] for at in starts])
        after = _in_common([folded[at + len(word) : at + _NAME] for at in starts])
        spans = [(at - before, at + len(word) + after) for at in starts]
        name = folded[slice(*spans[0])]
        amid = sum(_is_amid(folded, *span) for span in spans)
        if len(name) >= 4 and name not in title and amid * 2 > len(spans):
            found += spans
    return tuple(sorted(found)) or tuple(_marked(folded))


def _marked(folded: str) -> Iterator[Span]:
    """Goods that an article cannot mean, set apart by marks amid a sentence: 每天【…投注平台】都."""
    if not any(mark in folded for mark in "【_|"):
        return
    for match in _MARKED.finditer(folded):
        name = match[1] or match[3]
        amid = is_cjk(folded[match.start() - 1 : match.start()])
        if amid and (any(_SHADY.words(name).values()) or _BRAND.first(name) is not None):
            yield match.span()


def inserted(told: str) -> tuple[Span, ...]:
    """Where a site is named between sentences that do without it: in brackets, or always before a capital.

    Three times at least, and most of them within a paragraph: one that opens paragraphs is who speaks.
    """
    apart = Counter(name for name in _SET_APART.findall(told) if _OF_A_SITE.search(name))
    run_on = Counter(_RUN_ON.findall(told))
    for name, _ in [*apart.most_common(_NAMES), *run_on.most_common(_NAMES)]:
        spans = [m.span() for m in re.finditer(re.escape(name.strip()) + " ?", told)]
        inside = sum(told[a - 1 : a] not in ("", "\n") for a, _ in spans)
        goes_on = name in apart or all(told[b - 1] == " " and told[b : b + 1].isupper() for _, b in spans)
        if len(spans) >= 3 and inside * 2 > len(spans) and goes_on:
            return tuple(spans)
    return ()


def _is_amid(folded: str, start: int, end: int) -> bool:
    """Whether the sentence goes on around it."""
    before = folded[max(0, start - 1) : start]
    chinese = (before == "," or is_cjk(before)) and is_cjk(folded[end : end + 1])
    return chinese or _NUMBERED.fullmatch(folded, start - 2, end + 2) is not None


def _in_common(texts: list[str]) -> int:
    """How many letters all of them begin with."""
    same = takewhile(lambda chars: len(set(chars)) == 1 and chars[0].isalnum(), zip(*texts, strict=False))
    return sum(1 for _ in same)


def host(around: str) -> tuple[str, list[str]] | None:
    """(trade, words) when the lines around an article promote: goods of one trade, and promises or calls."""
    if len(around) < _A_PAGE:
        return None
    for code, words in _SHADY.words(around).items():
        if len(words) < 3:
            continue
        signs = _ALL.words(around)
        offers = [*signs["promise"], *signs["evasion"]]
        if len(offers) >= 3:
            return code, [*words, *offers]
    company = distinct(_COMPANY, around)
    return ("gambling", company) if len(company) >= 2 else None


def without(article: Article, spans: tuple[Span, ...], reason: str) -> Article:
    """*article* less the *spans*, which are in order: whole blocks vanish, parts of one leave a cut."""
    text = ""
    blocks: list[Block] = []
    cuts: list[Cut] = []
    for block in article.blocks:
        near = spans[bisect_left(spans, (block.start,)) : bisect_left(spans, (block.end,))]
        gone = [span for span in near if span[1] <= block.end]
        kept = "".join(_outside(article.text, (block.start, block.end), gone)).rstrip()
        if not kept:
            continue
        start = len(text) + 2 * bool(text)
        text += "\n\n" * bool(text) + kept
        blocks.append(replace(block, start=start, end=len(text)))
        here = [cut for cut in article.cuts if block.start <= cut.at <= block.end]
        here += [Cut(at=a, removed=article.text[a:b], reason=reason) for a, b in gone]
        for cut in here:
            before = sum(min(b, cut.at) - a for a, b in gone if a < cut.at)
            cuts.append(replace(cut, at=cut.at - before + start - block.start))
    return replace(article, text=text, blocks=tuple(blocks), cuts=tuple(cuts))


def _outside(text: str, within: Span, spans: Iterable[Span]) -> Iterator[str]:
    at, end = within
    for a, b in spans:
        if at <= a and b <= end:
            yield text[at:a]
            at = b
    yield text[at:end]
