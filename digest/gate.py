"""Is an article fit for readers: every doubt a flag with its evidence in one English sentence.

Quarantine keeps an article from readers until an operator releases it, caution tells the reader, a note
tells the operator. An article *about* gambling, loans or adverts is not an advert: promotion is known by
what it offers the reader, and the voice of reporting speaks against it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from digest import adverts, choice, stray
from digest.adverts import WORDS, distinct, pattern
from digest.model import Article, BlockKind, Flag, Page, Severity
from digest.patterns import Anywhere, together
from digest.text import CJK, fold, is_cjk, sentences

_WALL = pattern(WORDS["wall"])
_TORTURED = pattern(WORDS["tortured"])
"""Words that nobody puts together: 进步效率 for 提高效率, money is brief."""
_MISCONVERTED = pattern(WORDS["misconverted"])
"""Words no one writes: one character taken for another (小 幼, 外 表, 制 造, 在 正在, 关 合 or 闭)."""

_OLDEN = pattern(WORDS["olden"])


def _pairs_of(table: str) -> tuple[tuple[str, str], ...]:
    """(usual word, what rewriting programs put in its place)."""
    pairs = (pair.split() for pair in table.replace("\n", " ").split(","))
    return tuple((usual.replace("_", " "), odd.replace("_", " ")) for usual, odd in pairs)


_USUAL = {
    odd: (usual, weight)
    for table, weight in (("sometimes", 0.5), ("seldom", 1.0), ("never", 2.0))
    for usual, odd in _pairs_of(WORDS[table])
}
_ODD = Anywhere([odd if is_cjk(odd[0]) else rf"\b{odd}" for odd in sorted(_USUAL, reverse=True)])
together(_WALL, _ODD, _TORTURED, *adverts.FIRST)
_RUN = re.compile(f"[{CJK}]{{2,}}")
_HALVES = bytes(octet >> 1 for octet in range(256))
"""Of two octets in one character, the upper one must not make half of another."""
_URL = re.compile(r"(?:https?://|www\.)[\w.-]+|\b[\w-]+\.(?:com|net|cn|xyz|top|vip|cc|org)\b")

_SHOWN = 160
"""Characters of a line that a decision quotes."""
_COMPANY = re.compile(r"(?:科技|集团|公司|股份|有限|官网|,? (?:Inc|Ltd|Corp)\b\.?)+$")
_I = re.compile(r"\bi\b")
_QUOTED = re.compile('"[^"\n]*"')
_LONG_WORD = re.compile("[a-z]{5,}")
_FAINT = 0.3
"""Weight of a sign of rewriting under which it needs another that seldom errs."""
_A_SENTENCE = 2
"""How often a sentence of dated news may name what it is about: of a firm, every one does."""
_BEGINNING = 20
"""Characters by which an end is shown."""

_Check = Callable[[Article, str, Page], Flag | None]


def judge(page: Page) -> Page:
    """The same page, its article's flags extended; a page without an article comes back as it is.

    Judging twice adds nothing: a code that is already there is not given again.
    """
    article = page.article
    if article is None:
        return page
    had = {flag.code for flag in article.flags}
    folded = f"{fold(article.title)} {fold(article.text)}"  # apart: the sketch folds the same text
    flags = [flag for check in _CHECKS if (flag := check(article, folded, page))]
    if host := _host(page):
        flags.append(host)
    if all(flag.severity is not Severity.QUARANTINE for flag in flags):
        page, article, found = _sorted_out(page, article, fold(article.text))
        flags = [*found, *(flag for flag in flags if flag.code not in {one.code for one in found})]
        if "off-topic-tail" not in had:
            article, end = _without_its_end(article)
            flags += [end] if end else []
    new = tuple(flag for flag in flags if flag.code not in had)
    return replace(page, article=replace(article, flags=(*article.flags, *new))) if flags else page


def _sorted_out(page: Page, article: Article, folded: str) -> tuple[Page, Article, list[Flag]]:
    """Offers spliced into an article are taken out; an article that is nothing else is kept from readers."""
    flags: list[Flag] = []
    if names := adverts.brands(folded, fold(article.title)) or adverts.inserted(article.text):
        name = article.text[slice(*names[0])]
        said = f"“{name}” stood inside sentences and was cut out ({len(names)} ×)"
        flags.append(Flag(code="spliced", severity=Severity.CAUTION, reason=said, score=0.9))
        article = adverts.without(article, names, "a brand inside a sentence")
        folded = fold(article.text)
    offers = adverts.find(article, folded)
    if offers is None:
        return page, article, flags
    if offers.whole:
        reason = f"the text itself promotes ({offers.reason})"
        flag = Flag(code=offers.code, severity=Severity.QUARANTINE, reason=reason, score=offers.score)
        return page, article, [*flags, flag]
    reason = f"promotion, {offers.code}"
    gone = {article.text[a:b][:_SHOWN] for a, b in offers.spans}
    decisions = tuple(
        replace(one, kept=False, reason=reason) if one.kept and one.text[:_SHOWN] in gone else one
        for one in page.decisions
    )
    told = f"promotion that stood in it was left out ({offers.reason})"
    flag = Flag(code="advert", severity=Severity.NOTE, reason=told, score=offers.score)
    return replace(page, decisions=decisions), adverts.without(article, offers.spans, reason), [*flags, flag]


def _host(page: Page) -> Flag | None:
    """Caution when the page around the article is an advert."""
    around = fold("\n".join(decision.text for decision in page.decisions if not decision.kept))
    found = adverts.host(around)
    if found is None:
        return None
    reason = f"the page around the article promotes, not the article: {_list(found[1])}"
    return Flag(code=found[0], severity=Severity.CAUTION, reason=reason, score=0.6)


def _list(words: Iterable[str]) -> str:
    return ", ".join(list(words)[:6])


def _spun(article: Article, folded: str, page: Page) -> Flag | None:
    """Caution when two independent signs of machine rewriting agree, or one speaks very loudly."""
    tests = (_synonyms, _phrases) if article.language == "en" else (_zai, _synonyms, _phrases)
    signs = [sign for sign in (test(folded) for test in tests) if sign]
    support = _choices if article.language == "en" else _characters  # looked for where something else speaks
    if signs and (sign := support(folded)):
        signs.append(sign)
    else:
        signs = [sign for sign in signs if sign[0] >= _FAINT]
    strength = sum(weight for weight, _ in signs)
    if any(flag.code == "spliced" for flag in article.flags) and signs:
        strength += 0.2
        signs.append((0.2, "the site's name or title is spliced into sentences"))
    if strength < (0.6 if len(signs) > 1 else 0.8):
        return None
    return Flag(
        code="spun",
        severity=Severity.CAUTION,
        reason="reads as rewritten by a machine: " + "; ".join(said for _, said in signs),
        score=min(1.0, round(strength, 2)),
    )


def _zai(folded: str) -> tuple[float, str] | None:
    """Nearly every 在 written 正在: in ordinary text it is one in twenty."""
    every, progressive = folded.count("在"), folded.count("正在")
    if every < 8 or progressive < every * 0.5:
        return None
    return 0.5, f"在 is written 正在 {progressive} of {every} times"


def _by_chance(folded: str) -> float:
    """What the odd words in an ordinary text of that length weigh at most."""
    return 4 + len(folded) / (250 if _RUN.search(folded) else 750)


def _synonyms(folded: str) -> tuple[float, str] | None:
    """Odd words for usual ones, each once: a few by chance, and more in a longer text.

    What nobody writes weighs double, what is usual elsewhere half; and half of it where the usual word stands
    beside it.
    """
    found = Counter(_ODD.findall(folded))
    weighed = []
    for odd, often in found.items():
        usual, weight = _USUAL[odd]
        weighed.append((weight / (1 + (folded.count(usual) * 4 > often)), f"{usual} → {odd}"))
    strength = sum(weight for weight, _ in weighed) / _by_chance(folded)
    if strength < 0.2 or (not _RUN.search(folded) and _plain(folded) < 0.2):
        return None
    weighed.sort(key=lambda pair: -pair[0])
    said = f"{len(weighed)} odd words stand for usual ones ({_list(pair for _, pair in weighed)})"
    return min(1.0, strength), said


def _choices(folded: str) -> tuple[float, str] | None:
    """Words that stand where others usually do: of a thousand in a text four, in a rewritten one twenty.

    In stately prose they are at home, and with those who tell of themselves.
    """
    found, words, _ = choice.odd(folded)
    strength = len(found) / (3 + words / 100)
    own = _I.findall(_QUOTED.sub("", folded))
    if len(found) < 5 or strength < 0.75 or _plain(folded) < 0.255 or len(own) > 2:
        return None
    return min(1.0, strength - 0.6), f"{len(found)} words stand where others usually do ({_list(found)})"


def _plain(folded: str) -> float:
    """The share of plain words in an English text, less what its words of old count: laws have few.

    A rewriting program leaves a quarter at least, usually a third.
    """
    return choice.odd(folded)[2] - 0.03 * len(distinct(_OLDEN, folded))


def _characters(folded: str) -> tuple[float, str] | None:
    found = Counter(match.group() for match in _MISCONVERTED.finditer(folded))
    if len(found) < 3 or found.total() < 4:
        return None
    return 0.3, f"words that do not exist, from characters swapped one for one ({_list(found)})"


def _phrases(folded: str) -> tuple[float, str] | None:
    phrases = distinct(_TORTURED, folded)
    if len(phrases) < (2 if _RUN.search(folded) else 1):
        return None
    said = f"words that nobody puts together ({_list(phrases)})"
    return min(1.0, 2 * len(phrases) / _by_chance(folded)), said


def _stuffed(article: Article, folded: str, page: Page) -> Flag | None:
    """One string over and over, or the same sentences again: written for a search engine."""
    squeezed = "".join(folded.split())[:50_000]
    if len(squeezed) < 120:
        return None
    chinese = _RUN.search(squeezed) is not None
    if chinese and not _repeats(squeezed, max(8, len(squeezed) * 0.1 / 4)):
        return None
    units, threes = _frequent(squeezed) if chinese else (_word_pairs(folded), [])
    top, n, share = _most(units, len(squeezed))
    limit = 0.1 if len(squeezed) > 600 else 0.16
    if share < limit and threes:  # a name of three characters stands before each turn of a long interview
        top, n, share = _most(threes, len(squeezed))
        limit = 0.16
    if words := [] if chinese else _LONG_WORD.findall(folded[:200_000]):
        word, often = Counter(words).most_common(1)[0]
        if often >= 8 and often >= 0.08 * folded.count(" "):
            top, n, share, limit = word, often, often / folded.count(" "), 0.08
    news = article.published is not None and n <= _A_SENTENCE * _told_apart(article.text)
    if n >= 8 and share >= limit and not news:
        reason = f"“{top}” stands in it {n} times, {share:.0%} of the text"
        return Flag(code="stuffed", severity=Severity.QUARANTINE, reason=reason, score=min(1.0, share * 5))
    return None


def _told_apart(text: str) -> int:
    """How many different sentences it has."""
    return len({text[a:b] for a, b in sentences(text)})


def _most(units: list[str], size: int) -> tuple[str, int, float]:
    """The most frequent unit, how often it stands, and its share of a text of *size* characters."""
    top, n = Counter(units).most_common(1)[0] if units else ("", 0)
    return top, n, n * len(top.replace(" ", "")) / size


def _repeats(text: str, least: float) -> bool:
    """Whether a string of three or four characters may stand in *text* so often.

    Wherever it stands, a pair of its characters begins at an even place: so only those are counted. A pair is
    told by the lower octets of both, as one character.
    """
    low = text.encode("utf-32-le", "surrogatepass")[::4]
    octets = bytearray(2 * len(low) - 2)
    octets[::2], octets[1::2] = low[:-1], low[1:].translate(_HALVES)
    pairs = octets.decode("utf-16-le")
    often = [pair for pair, n in Counter(pairs[::2]).items() if 2 * n >= least]
    return any(pairs.count(pair) >= least for pair in often)


def _frequent(text: str) -> Iterator[list[str]]:
    """Every four, then every three characters that are all frequent: what fills a text has no others."""
    chars = Counter(text)
    for length, part in ((4, 40), (3, 20)):
        least = max(8, len(text) // part)
        frequent = "".join(c for c, n in chars.items() if n >= least and is_cjk(c))
        runs = re.findall(f"[{frequent}]{{{length},}}", text) if frequent else []
        yield [run[i : i + length] for run in runs for i in range(len(run) - length + 1)]


def _word_pairs(folded: str) -> list[str]:
    words = re.findall(r"[a-z][\w'-]+", folded[:200_000])
    return [f"{a} {b}" for a, b in pairwise(words)]


def _links(article: Article, folded: str, page: Page) -> Flag | None:
    """More addresses than an article has use for."""
    if folded.count(".") < 8:
        return None
    addresses = _URL.findall(folded)
    found, every = list(dict.fromkeys(addresses)), len(addresses)
    if every < 8 or every * 120 < len(folded):
        return None
    reason = f"{every} addresses ({_list(found)}) in {len(folded)} characters"
    return Flag(code="link-farm", severity=Severity.QUARANTINE, reason=reason, score=0.9)


def _boilerplate(article: Article, folded: str, page: Page) -> Flag | None:
    found = distinct(_WALL, folded)
    if not found or len(article.text) > 1500:
        return None
    spans = sentences(article.text)  # folded, no English sentence begins with a capital
    hit = sum(1 for a, b in spans if _WALL.first(fold(article.text[a:b])) is not None)
    least = len(spans) * (1 / 3 if article.published is None else 2 / 3)  # no notice is dated
    if hit < least or hit <= adverts.reporting(folded):
        return None
    reason = f"{hit} of {len(spans)} sentences are notices of the site itself ({_list(found)})"
    return Flag(code="boilerplate", severity=Severity.QUARANTINE, reason=reason, score=hit / len(spans))


def _without_its_end(article: Article) -> tuple[Article, Flag | None]:
    """Where the end belongs to another text it is an aside, which nobody quotes, and noted."""
    folded = fold(article.text)
    paragraphs = article.paragraphs()
    n = stray.end([folded[block.start : block.end] for block in paragraphs])
    if not n:
        return article, None
    last = paragraphs[-n:]
    begins = article.text[last[0].start :][:_BEGINNING]
    reason = f"from “{begins}” on it speaks of nothing that the rest speaks of, and is not quoted"
    blocks = (replace(b, kind=BlockKind.ASIDE) if b in last else b for b in article.blocks)
    flag = Flag(code="off-topic-tail", severity=Severity.NOTE, reason=reason)
    return replace(article, blocks=tuple(blocks)), flag


def _undated(article: Article, folded: str, page: Page) -> Flag | None:
    if article.published is not None:
        return None
    return Flag(
        code="undated",
        severity=Severity.NOTE,
        reason="the page gives no date of publication that can be trusted",
    )


def _own_news(article: Article, folded: str, page: Page) -> Flag | None:
    """What others wrote of a company, on its own site: its name stands in the title."""
    name = _COMPANY.sub("", article.republisher or "")
    named = len(name) > 1 and re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", article.title)
    if not named or name in (article.outlet or name):
        return None
    return Flag(
        code="republished-by-subject",
        severity=Severity.NOTE,
        reason=f"the title names {article.republisher}, which republished it",
    )


_CHECKS: tuple[_Check, ...] = (_spun, _stuffed, _links, _boilerplate, _undated, _own_news)
