"""How well the gate tells promotion and junk from articles: ``python -m evals.gate``; exit 1 under a floor.

The texts of ``tests/corpus/gate.txt`` begin with ``===``, what they are, and a subject. *whole*: junk, to be
quarantined or not taken for an article. *splice*: an article with junk between ``⟦`` and ``⟧`` that must not
reach a reader, while the rest does. *caution*: machine-spun. *clean*: articles, most of them about
gambling, loans, adverts and fraud, that must pass with nothing flagged or left out.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from digest.clean import clean_page
from digest.gate import judge
from digest.model import Severity

TEXTS = Path(__file__).parent.parent / "tests" / "corpus" / "gate.txt"
FLOORS = {"whole": 1.0, "splice": 1.0, "caution": 1.0, "clean": 1.0}
_STOPS = tuple('。！.!"”」')
"""Ends of the lines that must be kept: bylines have none, and a question may be taken for the title."""
_JUNK = re.compile("⟦([^⟧]*)⟧")


def load() -> Iterator[tuple[str, str, str]]:
    """(kind, subject, text) of each."""
    for part in TEXTS.read_text("utf-8").split("=== ")[1:]:
        head, text = part.split("\n", 1)
        kind, subject = head.split(" ", 1)
        yield kind, subject, text


def is_right(kind: str, text: str) -> bool:
    article = judge(clean_page(re.sub("[⟦⟧]", "", text), source_id="text")).article
    if article is None:
        return kind == "whole"
    grave = {Severity.QUARANTINE: "whole", Severity.CAUTION: "caution"}.get(article.severity, "clean")
    if kind in ("whole", "caution"):
        return grave == kind
    shown = "".join(article.text.split())
    junk = ["".join(found.split())[:14] for found in _JUNK.findall(text)]
    lines = [_JUNK.sub("", line) for line in text.splitlines()[1:]]
    ends = ["".join(line.split())[-12:] for line in lines if line[-1:] in _STOPS]
    kept = sum(end in shown for end in ends) / len(ends)
    allowed = ("clean", "caution") if kind == "splice" else ("clean",)
    return grave in allowed and kept > 0.9 and not any(words in shown for words in junk)


def main() -> int:
    texts = list(load())
    every = Counter(kind for kind, _, _ in texts)
    wrong = [(kind, subject) for kind, subject, text in texts if not is_right(kind, text)]
    share = {kind: 1 - sum(1 for one, _ in wrong if one == kind) / n for kind, n in every.items()}
    for kind, subject in wrong:
        print(f"wrong: {kind}: {subject}")
    for kind, floor in FLOORS.items():
        print(f"{kind:8} {share[kind]:.3f}  of {every[kind]}  floor {floor}")
    return int(any(share[kind] < floor for kind, floor in FLOORS.items()))


if __name__ == "__main__":
    sys.exit(main())
