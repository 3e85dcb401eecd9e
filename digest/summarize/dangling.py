"""Can a sentence stand alone? The cues of the editorial guide, section 4; the tables are in ``cues.toml``.

A reader sees title, source line and the excerpt. A sentence whose words point outside needs the one
before it (JOIN), or cannot be used (DROP). Words spoken inside quotation marks may say 我 and "you".
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence, Set
from enum import IntEnum
from functools import cache, partial
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

from digest.people import SAYING, named_in
from digest.text import CJK, lazy

_Lacks = Callable[[str, Set[str]], bool]


class Fix(IntEnum):
    """What a sentence needs, the gravest last."""

    FINE = 0
    JOIN = 1
    DROP = 2


class Standing(NamedTuple):
    """How a sentence stands.

    Args:
        leads: It may open an item: fine by itself, no hearsay, not opening with a quotation.
        person: It hangs on a person named before (他), so joining needs exactly one to be there.
        empty: Applause, thanks, what everybody knows.
        weight: 1 for a clean sentence, less for one that only passes.
        lacks: What joining must bring along; without it any sentence before will do.
        cue: The words that hang, for explanations and tests.
    """

    fix: Fix
    leads: bool = False
    person: bool = False
    empty: bool = False
    weight: float = 1.0
    lacks: _Lacks | None = None
    cue: str = ""


class _Hanging(NamedTuple):
    """A word that leans on what stands before it, unless that explains it (``cues.toml``)."""

    cue: re.Pattern[str]
    by: re.Pattern[str]
    named: bool = False
    spoken: bool = False
    pointers: bool = False

    def is_explained(self, again: str | None, before: str, names: Set[str]) -> bool:
        """Whether *before* holds what explains the cue, or *again*, the cue's own word."""
        told = again is not None and again in before
        return told or bool(self.by.search(before)) or (self.named and bool(named_in(before, names)))


class _Cues(NamedTuple):
    """The cues of a language, as ``cues.toml`` explains them."""

    least_words: int
    pointers: re.Pattern[str]
    drop: re.Pattern[str]
    own: re.Pattern[str]
    series: re.Pattern[str]
    start: re.Pattern[str]
    near: re.Pattern[str]
    early: re.Pattern[str]
    time: re.Pattern[str]
    dated: re.Pattern[str]
    person: re.Pattern[str]
    role: re.Pattern[str]
    told: re.Pattern[str]
    empty: re.Pattern[str]
    hollow: re.Pattern[str]
    slogan: re.Pattern[str]
    no_lead: re.Pattern[str]
    soft: re.Pattern[str]
    hanging: tuple[_Hanging, ...]


@cache
def _cues(chinese: bool) -> _Cues:
    """Compiled when a text of the language is first met.

    Of plain alternatives ``re`` looks for the first characters only, ten times as fast as for groups.
    """
    read = resources.files("digest.summarize").joinpath("cues.toml").read_text("utf-8")
    tables = tomllib.loads(read)["zh" if chinese else "en"]

    def compiled(entry: dict[str, Any]) -> dict[str, Any]:
        return {key: _pattern(value) if isinstance(value, str) else value for key, value in entry.items()}

    hanging = tuple(_Hanging(**compiled(entry)) for entry in tables.pop("hanging"))
    return _Cues(**compiled(tables), hanging=hanging)


def _pattern(table: str) -> re.Pattern[str]:
    flat = table.replace("_", r"\s").replace("CJK", CJK).replace("SAYING", SAYING)
    return re.compile("|".join(flat.split()))


_QUOTED = lazy('“[^“”]*(?:”|$)|「[^「」]*(?:」|$)|"[^"]*"')
_HEAD = lazy(r"^[\s“”「」『』\"'（(《【—…·•\-]+")
_QUESTION = lazy(r"[？?][”」』\"'’）)]*$|[吗呢][。.]?[”」』\"]*$")
_ENDED = lazy(r"[。！？!?.…][”」』\"'’）)】\]]*$")
_EXCLAIMS = lazy(r"[！!][”」』\"'’）)]*$")
_CLOSING = 8
"""Characters in which the marks that end a sentence stand."""
_ASIDE = lazy(r"[（(\[【][^（()）]*[)）\]】]")
_LONG_QUOTATION = 16
_SHORTEST, _LONGEST = 4, 1200  # characters; no excerpt is longer
_HANGING_QUOTE = lazy(
    r"[“「\"](?:[他她它]|[以用在对从按为把被]?这(?!么|里)|那(?!么|时候)|(?:He|She|It|They|This|That|These|Those)\b)[^“”「」\"]{14}"
)


def standing(
    sentence: str,
    *,
    chinese: bool,
    names: Set[str],
    selves: Sequence[str] = (),
    in_full: Mapping[str, Sequence[str]] = MappingProxyType({}),
    spoken: bool = False,
) -> Standing:
    """Judge one *sentence* by itself.

    Args:
        names: People the article names.
        selves: What the author calls themselves (谭老师 for 谭婧): such asides are dropped.
        in_full: Surname to whole names, of those whom the title does not name: alone it tells nobody who.
        spoken: The sentence lies inside a quotation whose marks it does not contain, and its speaker will
            be named beside it: 我 and "you" are theirs.
    """
    if not _SHORTEST <= len(sentence) <= _LONGEST:
        return Standing(fix=Fix.DROP, cue="length")
    outer = _QUOTED.sub(_marks_only, sentence)
    bare, close = _HEAD.sub("", outer), sentence[-_CLOSING:]
    if not bare or not _ENDED.search(close) or _ASIDE.fullmatch(sentence):
        return Standing(fix=Fix.DROP, cue="no end")
    if said := [name for name in selves if name in outer]:
        return Standing(fix=Fix.DROP, cue=said[0])
    if m := _HANGING_QUOTE.search(sentence):
        return Standing(fix=Fix.JOIN, cue=m.group())
    cues = _cues(chinese)
    fix, person, cue, lacks = _needs(cues, sentence, outer, bare, names, spoken)
    if fix is not Fix.DROP and _QUESTION.search(close):
        return Standing(fix=Fix.DROP, cue="question")
    if fix is Fix.FINE and not spoken:
        for _, name in named_in(outer, in_full.keys()):
            if not _holds(wholes := in_full[name], outer):
                fix, cue, lacks = Fix.JOIN, name, partial(_holds, wholes)
    empty = bool(cues.empty.search(outer))
    soft = set(cues.soft.findall(outer[:60]))
    hollow = empty or bool(_EXCLAIMS.search(close))
    if fix is Fix.FINE and not hollow:
        hollow = bool(cues.hollow.search(outer) or cues.slogan.match(bare))
    leads = fix is Fix.FINE and not (spoken or hollow or sentence[0] in '“「『"‘（(')
    leads = leads and not cues.no_lead.search(outer)
    weight = max(0.25, 1.0 - 0.08 * len(soft) - (0.65 if hollow else 0.0))
    return Standing(fix=fix, leads=leads, person=person, empty=empty, weight=weight, lacks=lacks, cue=cue)


def _marks_only(m: re.Match[str]) -> str:
    """A long quotation without its words: only those around it are judged. Names in marks stay."""
    whole = m.group()
    return whole if len(whole) <= _LONG_QUOTATION else whole[0] + whole[-2:]


def _needs(
    cues: _Cues, sentence: str, outer: str, bare: str, names: Set[str], spoken: bool
) -> tuple[Fix, bool, str, _Lacks | None]:
    """What a sentence needs, whether that is a person's name, the words that tell, and what explains them."""
    if m := cues.drop.search(outer) or cues.series.match(bare):
        return Fix.DROP, False, m.group(), None
    for m in () if spoken else cues.own.finditer(outer):
        before = outer[: m.start()]
        if not (cues.told.search(before) and named_in(before, names)):
            return Fix.DROP, False, m.group(), None
    if cues.least_words and (bare[0].islower() or len(sentence.split()) < cues.least_words):
        return Fix.DROP, False, "fragment", None
    person = cues.person.search(outer)
    if person and _is_told(outer[: person.start()], names, cues):
        person = None
    points = cues.pointers.search(outer)
    early = cues.start.match(bare) or cues.near.search(bare[:16]) or (points and cues.early.match(bare))
    if not early and (m := cues.time.match(bare)) and not cues.dated.search(sentence):
        early = m
    if m := early or person:
        return Fix.JOIN, person is not None, m.group(), None
    for hanging in cues.hanging:
        m = hanging.cue.search(outer) if points or not hanging.pointers else None
        if m and not (spoken and hanging.spoken):
            explains = partial(hanging.is_explained, m.group(1) if m.lastindex else None)
            if not explains(outer[: m.start()], names):
                return Fix.JOIN, False, m.group(), explains if hanging.named else None
    return Fix.FINE, False, "", None


def _is_told(before: str, names: Set[str], cues: _Cues) -> bool:
    """Whether a person stands there; what "in", "at" or "the" precede is a place or a paper."""
    elsewhere = (" in ", " at ", " the ")
    found = any(not before[:at].endswith(elsewhere) for at, _ in named_in(before, names))
    return found or bool(cues.role.search(before))


def _holds(wholes: Sequence[str], before: str, names: Set[str] = frozenset()) -> bool:
    return any(whole in before for whole in wholes)


def can_join(standing: Standing, before: str, names: Set[str], *, chinese: bool) -> bool:
    """Whether *before*, the sentences in front of it in the excerpt, is what a JOIN sentence needs."""
    if standing.lacks:
        return standing.lacks(before, names)
    if not standing.person:
        return True
    if inside := named_in(before, names):
        return len(inside) == 1
    return bool(_cues(chinese).role.search(before))
