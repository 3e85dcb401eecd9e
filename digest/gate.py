"""Is an article fit for readers: every doubt a flag with its evidence in one English sentence.

Quarantine keeps an article from readers until an operator releases it, caution tells the reader, a note
tells the operator. An article *about* gambling, loans or adverts is not an advert: promotion is known by
what it offers the reader, and the voice of reporting speaks against it.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import resources
from itertools import islice, pairwise
from operator import add

from digest.model import Article, Flag, Page, Severity
from digest.patterns import alternatives, anywhere, joined
from digest.text import CJK, count_cjk, fold, is_cjk, sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trade:
    """A kind of promotion: words of the trade, and what it offers the reader."""

    code: str
    words: re.Pattern[str]
    offers: re.Pattern[str]


def _pattern(source: str) -> re.Pattern[str]:
    return anywhere(alternatives(joined(source)))


_WORDS = tomllib.loads(resources.files("digest").joinpath("gate.toml").read_text("utf-8"))
_TRADES = tuple(
    _Trade(code=code, words=_pattern(trade["words"]), offers=_pattern(trade["offers"]))
    for code, trade in _WORDS["trades"].items()
)
_REPORTING = _pattern(_WORDS["reporting"])
_READER = re.compile(r"\byour?\b")
"""English offers speak to somebody; reports of them do not."""
_WALL = _pattern(_WORDS["wall"])
_TORTURED = _pattern(_WORDS["tortured"])
_MISCONVERTED = _pattern(_WORDS["misconverted"])
"""Words no one writes: one character taken for another (小 幼, 外 表, 制 造, 在 正在, 关 合 or 闭)."""
_PAIRS = tuple(pair.split() for pair in _WORDS["swapped"].replace("\n", " ").split(","))
_SYNONYM = re.compile("|".join(f"{b[0]}(?={b[1:]})" for b in sorted({b for _, b in _PAIRS})))
"""The first character of each of the synonyms, which are two long and may overlap."""
_RUN = re.compile(f"[{CJK}]{{2,}}")
_QUOTED = re.compile('"[^"\n]{2,40}"')
_ARTICLE_SLIPS = re.compile(r"\b(?:a [aeio][a-z]{3,}|an [bcdfgjklmnpqrstvwz][a-z]{2,})\b")
_URL = re.compile(r"(?:https?://|www\.)[\w.-]+|\b[\w-]+\.(?:com|net|cn|xyz|top|vip|cc|org)\b")

_LOOKED_AT = 20_000
"""Characters of head and tail that are compared."""

_Check = Callable[[Article, str, Page], Flag | None]


def judge(page: Page) -> Page:
    """The same page, its article's flags extended; a page without an article comes back as it is.

    Judging twice adds nothing: a code that is already there is not given again.
    """
    article = page.article
    if article is None:
        return page
    folded = f"{fold(article.title)} {fold(article.text)}"  # apart: the sketch folds the same text
    had = {flag.code for flag in article.flags}
    found = (check(article, folded, page) for check in _CHECKS)
    flags = [flag for flag in found if flag is not None and flag.code not in had]
    flags += [flag for flag in _promotion(folded, _surroundings(page)) if flag.code not in had]
    return replace(page, article=replace(article, flags=(*article.flags, *flags))) if flags else page


def _surroundings(page: Page) -> str:
    return fold("\n".join(decision.text for decision in page.decisions if not decision.kept))


def _promotion(folded: str, around: str) -> Iterable[Flag]:
    for trade in _TRADES:
        if (flag := _advert(trade, folded)) or (around and (flag := _host(trade, around))):
            yield flag


def _advert(trade: _Trade, folded: str) -> Flag | None:
    """Quarantine when the article itself offers the trade's goods: words, offers, and little reporting."""
    every = trade.words.findall(folded)
    words, mentions = list(dict.fromkeys(every)), len(every)
    offers = _distinct(trade.offers, _QUOTED.sub("", folded)) if every else []
    if len(offers) < 2 or not (mentions * 250 >= len(folded) or len(offers) >= 4):
        return None
    if len(_REPORTING.findall(folded)) > len(offers):
        return None
    if not count_cjk(folded) and len(_READER.findall(folded)) < 2:
        return None
    return Flag(
        code=trade.code,
        severity=Severity.QUARANTINE,
        reason=f"the text itself promotes: {_list(offers)}, with {_list(words)}, {mentions} times",
        score=min(1.0, 0.5 + 0.1 * (len(offers) + len(words) / 2)),
    )


def _host(trade: _Trade, around: str) -> Flag | None:
    words, offers = _distinct(trade.words, around), _distinct(trade.offers, around)
    company = re.findall(r"娱乐(?:公司|平台|游戏)", around) if trade.code == "gambling" else []
    if len(offers) + len(company) < 2 or not (words or company):
        return None
    return Flag(
        code=trade.code,
        severity=Severity.CAUTION,
        reason=f"the page around the article promotes, not the article: {_list([*words, *company, *offers])}",
        score=0.6,
    )


def _distinct(pattern: re.Pattern[str], text: str) -> list[str]:
    return list(dict.fromkeys(pattern.findall(text)))


def _list(words: Iterable[str]) -> str:
    return ", ".join(list(words)[:6])


def _spun(article: Article, folded: str, page: Page) -> Flag | None:
    """Caution when two independent signs of machine rewriting agree, or one speaks very loudly."""
    tests = (_english,) if article.language == "en" else (_zai, _synonyms, _characters)
    signs = [sign for sign in (test(folded) for test in tests) if sign]
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


def _synonyms(folded: str) -> tuple[float, str] | None:
    """Unusual synonyms where the usual word never occurs."""
    found = Counter(folded[at.start() : at.end() + 1] for at in _SYNONYM.finditer(folded))
    often = {b: n for b, n in found.items() if n >= 2}
    swapped = [f"{b} for {a}" for a, b in _PAIRS if b in often and folded.count(a) * 4 <= often[b]]
    enough = 5 if len(folded) < 1500 else 8
    if len(swapped) < enough:
        return None
    return min(
        0.7, 0.05 * len(swapped)
    ), f"{len(swapped)} usual words are missing and stand replaced ({_list(swapped)})"


def _characters(folded: str) -> tuple[float, str] | None:
    found = Counter(match.group() for match in _MISCONVERTED.finditer(folded))
    if len(found) < 3 or found.total() < 4:
        return None
    return 0.3, f"words that do not exist, from characters swapped one for one ({_list(found)})"


def _english(folded: str) -> tuple[float, str] | None:
    phrases = _distinct(_TORTURED, folded)
    slips = [
        slip for slip in _distinct(_ARTICLE_SLIPS, folded) if not re.match(r"a (?:one|uni|use|eu|once)", slip)
    ]
    if len(phrases) < 2 and not (phrases and len(slips) >= 4):
        return None
    return 0.3 + 0.1 * len(phrases) + 0.02 * len(
        slips
    ), f"set phrases turned into synonyms ({_list([*phrases, *slips])})"


def _stuffed(article: Article, folded: str, page: Page) -> Flag | None:
    """One string over and over, or the same sentences again: written for a search engine."""
    squeezed = "".join(folded.split())[:50_000]
    if len(squeezed) < 120:
        return None
    units = _frequent_fours(squeezed) if count_cjk(squeezed) else _word_pairs(folded)
    top, n = Counter(units).most_common(1)[0] if units else ("", 0)
    share = n * len(top.replace(" ", "")) / len(squeezed)
    limit = 0.1 if len(squeezed) > 600 else 0.16
    if n >= 8 and share >= limit:
        reason = f"“{top}” stands in it {n} times, {share:.0%} of the text"
        return Flag(code="stuffed", severity=Severity.QUARANTINE, reason=reason, score=min(1.0, share * 5))
    return None


def _frequent_fours(text: str) -> list[str]:
    """Every four characters that are all frequent: a string that fills a tenth of a text has no others."""
    least = max(8, len(text) // 40)
    frequent = "".join(c for c, n in Counter(text).items() if n >= least and is_cjk(c))
    runs = re.findall(f"[{frequent}]{{4,}}", text) if frequent else ()
    return [run[i : i + 4] for run in runs for i in range(len(run) - 3)]


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
    found = _distinct(_WALL, folded)
    if not found or len(article.text) > 1500:
        return None
    spans = sentences(folded)
    hit = sum(1 for a, b in spans if _WALL.search(folded, a, b))
    if hit * 3 < len(spans):
        return None
    reason = f"{hit} of {len(spans)} sentences are notices of the site itself ({_list(found)})"
    return Flag(code="boilerplate", severity=Severity.QUARANTINE, reason=reason, score=hit / len(spans))


def _tail(article: Article, folded: str, page: Page) -> Flag | None:
    """A note when the last two paragraphs share almost nothing with the rest."""
    paragraphs = article.paragraphs()
    if len(paragraphs) < 6:
        return None
    cut = paragraphs[-2].start
    known, tail = article.text[:cut][:_LOOKED_AT].lower(), _pairs(article.text[cut:][:_LOOKED_AT])
    enough = len(tail) * 0.08
    met = list(islice((pair for pair in tail if pair in known), math.ceil(enough)))
    if len(tail) < 40 or len(met) >= enough:
        return None
    shared = len(met) / len(tail)
    reason = f"the last two paragraphs share {shared:.0%} of their words with the rest"
    return Flag(code="off-topic-tail", severity=Severity.NOTE, reason=reason, score=1 - shared)


def _pairs(text: str) -> set[str]:
    found: set[str] = set()
    for run in _RUN.findall(text):
        found.update(map(add, run, run[1:]))
    return found | {word.lower() for word in re.findall(r"[A-Za-z]{5,}", text)}


def _undated(article: Article, folded: str, page: Page) -> Flag | None:
    if article.published is not None:
        return None
    return Flag(
        code="undated",
        severity=Severity.NOTE,
        reason="the page gives no date of publication that can be trusted",
    )


_CHECKS: tuple[_Check, ...] = (_spun, _stuffed, _links, _boilerplate, _tail, _undated)
