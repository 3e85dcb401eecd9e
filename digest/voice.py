"""Does a piece of text read like an advert? A linear model of cues and of the shape of what is said.

An advert strings short clauses together, speaks to its reader, names prices and tells nothing; and it shares
no subject with the article it was put into. How ``voice.toml`` was learned: docs/decisions.md.
"""

import re
import tomllib
from functools import cache
from importlib import resources

from digest.patterns import Strings
from digest.text import ngrams

_WORTH = {"clear": 3, "likely": 2, "slight": 1}
_ENOUGH = 3
"""Worth of the cues under which nothing is looked at more closely."""
_AROUND = 4_000
"""Characters on either side that a piece is compared with."""


class _Language:
    """What adverts of one language sound like."""

    def __init__(self, code: str) -> None:
        table = tomllib.loads(resources.files("digest").joinpath("voice.toml").read_text("utf-8"))[code]
        self.worth = {
            cue: n for grade, n in _WORTH.items() for cue in table[grade].replace("\n", "").split("|")
        }
        self.cues, self.worths = list(self.worth), list(self.worth.values())
        self.strings = Strings(self.cues)
        self.weights: dict[str, float] = table["weights"]
        self.sizes: dict[str, int] = table["sizes"]
        self._patterns = {name: re.compile(source) for name, source in table["patterns"].items()}

    def count(self, name: str, text: str) -> int:
        """0 for what the language has no pattern of: Chinese calls need no verb in front."""
        return len(self._patterns[name].findall(text)) if name in self._patterns else 0

    def heard(self, text: str) -> list[str]:
        """The cues in *text*, those of most worth first."""
        found = self.strings.numbers(f" {text}".encode("utf-8", "replace"))
        return [self.cues[n] for n in sorted(found)]


_language = cache(_Language)


def _of(text: str) -> _Language:
    return _language(
        "en" if text.isascii() or len(text.encode("utf-8", "replace")) <= 1.5 * len(text) else "zh"
    )


def is_heard(text: str) -> bool:
    """Whether *text* has cues enough to be looked at."""
    octets = f" {text}".encode("utf-8", "replace")
    language = _language("zh" if len(octets) > 1.5 * len(text) else "en")
    found = language.strings.numbers(octets)
    return bool(found) and sum(map(language.worths.__getitem__, found)) >= _ENOUGH


def cues(text: str) -> list[str]:
    """Those in *text*, of most worth first, none that is a part of another."""
    found = _of(text).heard(text)
    return [cue for cue in found if not any(cue in other and cue != other for other in found)]


def reads_so(folded: str, start: int, end: int, reporting: int) -> bool:
    """Whether ``folded[start:end]`` reads like an advert put into the rest.

    Args:
        reporting: How many words of reporting, which speak against it, stand there.
    """
    text = folded[start:end]
    language = _of(text)
    heard = sum(map(language.worth.__getitem__, cues(text)))
    if heard < _ENOUGH or len(text) < language.sizes["least"]:
        return False
    units = max(1, language.count("unit", text))
    measured = {
        "cues": min(12, heard),
        "telling": language.count("telling", text) / units,
        "clause": min(20.0, units / max(1, language.count("clause", text))),
        "reader": min(3, language.count("reader", text)),
        "call": min(1, language.count("call", text)),
        "price": min(3, language.count("price", text)),
        "reporting": min(3, reporting),
        "quoted": min(2, text.count('"')),
        "size": min(5.0, len(text) / language.sizes["usual"]),
    }
    score = language.weights["bias"] + sum(
        language.weights.get(name, 0) * value for name, value in measured.items()
    )
    if score <= 0:  # what follows only lowers it
        return False
    rest = folded[max(0, start - _AROUND) : start] + folded[end : end + _AROUND]
    beside = sum(map(language.worth.__getitem__, language.heard(rest)))
    score += language.weights["beside"] * min(4.0, beside / max(1, len(rest) / language.sizes["part"]))
    return score + language.weights["shared"] * shared(text, rest, language.sizes["run"]) > 0


def shared(text: str, rest: str, length: int) -> float:
    """How many of the runs of so many characters in *text* stand in *rest* as well, of all."""
    runs = set(ngrams("".join(text.split()), length))
    return sum(run in rest for run in runs) / max(1, len(runs))
