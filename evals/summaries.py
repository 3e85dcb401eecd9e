"""Summaries by Digest and by the known methods, at equal length, on tests/corpus/summaries.

ROUGE-1, -2 and -L (Lin 2004, F1) over characters in Chinese and words in English. Every method may
spend as many characters as the reference has, in whole sentences. Exits 1 when Digest falls under a
floor or behind a method.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.summarize import extract
from digest.summarize.salience import bag
from digest.text import CJK, Span, fold, sentences

CORPUS = Path(__file__).parent.parent / "tests" / "corpus" / "summaries"
FLOORS = {"zh talk": (43.5, 21.5, 28.5), "zh news": (58.0, 45.0, 48.0), "en news": (62.0, 48.5, 55.5)}
"""ROUGE-1, -2, -L; lowering one is a decision to be seen."""
KEPT_FLOOR = 0.65
"""Share of the passages people marked that a summary with the query holds."""

Rank = Callable[[Sequence[frozenset[str]]], list[float]]


@dataclass(frozen=True)
class Sample:
    name: str
    group: str
    text: str
    reference: str
    query: str
    marked: tuple[str, ...]


def load() -> list[Sample]:
    """The labelled texts: ``key: value`` lines, a blank line, the text."""
    found = []
    for path in sorted(CORPUS.glob("*.txt")):
        head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
        meta = dict(line.split(": ", 1) for line in head.splitlines())
        marked = tuple(part.strip() for part in meta.get("marked", "").split("|") if part.strip())
        group = f"{meta['language']} {meta['kind']}"
        found.append(Sample(path.stem, group, text.strip(), meta["reference"], meta.get("query", ""), marked))
    return found


def tokens(text: str) -> list[str]:
    return re.findall(rf"[{CJK}]|[a-z0-9]+", fold(text))


def rouge(summary: str, reference: str) -> tuple[float, float, float]:
    mine, theirs = tokens(summary), tokens(reference)
    return ngram_f1(mine, theirs, 1), ngram_f1(mine, theirs, 2), lcs_f1(mine, theirs)


def ngram_f1(mine: Sequence[str], theirs: Sequence[str], n: int) -> float:
    one = Counter(zip(*(mine[i:] for i in range(n)), strict=False))
    other = Counter(zip(*(theirs[i:] for i in range(n)), strict=False))
    return f1((one & other).total(), one.total(), other.total())


def lcs_f1(mine: Sequence[str], theirs: Sequence[str]) -> float:
    row = [0] * (len(theirs) + 1)
    for token in mine:
        last = 0
        for j, other in enumerate(theirs, 1):
            last, row[j] = row[j], last + 1 if token == other else max(row[j], row[j - 1])
    return f1(row[-1], len(mine), len(theirs))


def f1(shared: int, mine: int, theirs: int) -> float:
    return 2 * shared / (mine + theirs) if shared else 0.0


def cosine(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / math.sqrt(len(one) * len(other)) if one and other else 0.0


def walk(links: Sequence[Sequence[float]]) -> list[float]:
    """PageRank by thirty steps of the power method, damping 0.85."""
    count = len(links)
    totals = [sum(row) for row in links]
    score = [1 / count] * count
    for _ in range(30):
        score = [
            0.15 / count + 0.85 * sum(score[j] * links[j][i] / totals[j] for j in range(count) if totals[j])
            for i in range(count)
        ]
    return score


def lexrank(sets: Sequence[frozenset[str]]) -> list[float]:
    """Erkan and Radev 2004, threshold 0.1."""
    return walk(
        [
            [1.0 if i != j and cosine(a, b) > 0.1 else 0.0 for j, b in enumerate(sets)]
            for i, a in enumerate(sets)
        ]
    )


def textrank(sets: Sequence[frozenset[str]]) -> list[float]:
    """Mihalcea and Tarau 2004: shared words over the logarithms of both lengths."""
    return walk(
        [
            [
                len(a & b) / (math.log(len(a) + 1) + math.log(len(b) + 1)) if i != j and a and b else 0.0
                for j, b in enumerate(sets)
            ]
            for i, a in enumerate(sets)
        ]
    )


def latent(sets: Sequence[frozenset[str]]) -> list[float]:
    """Steinberger and Ježek 2004: length in the space of the three strongest topics, by the power method."""
    gram = [[float(len(a & b)) for b in sets] for a in sets]
    scores = [0.0] * len(sets)
    for seed in range(3):
        vector = [1.0 + (i * (seed + 1)) % 3 for i in range(len(sets))]
        value = 0.0
        for _ in range(40):
            vector = [sum(g * v for g, v in zip(row, vector, strict=True)) for row in gram]
            value = math.sqrt(sum(v * v for v in vector)) or 1.0
            vector = [v / value for v in vector]
        scores = [s + value * v * v for s, v in zip(scores, vector, strict=True)]
        gram = [[g - value * vector[i] * vector[j] for j, g in enumerate(row)] for i, row in enumerate(gram)]
    return scores


METHODS: dict[str, Rank] = {
    "lead": lambda sets: [-float(i) for i in range(len(sets))],
    "centrality": lambda sets: [sum(cosine(a, b) for b in sets) for a in sets],
    "lexrank": lexrank,
    "textrank": textrank,
    "lsa": latent,
}


def by_rank(text: str, rank: Rank, room: int) -> str:
    spans = sentences(text)
    scores = rank(bag(text, spans).terms)
    chosen: list[Span] = []
    for _, span in sorted(zip(scores, spans, strict=True), key=lambda pair: (-pair[0], pair[1])):
        if span[1] - span[0] <= room:
            chosen.append(span)
            room -= span[1] - span[0] + 1
    return "\n".join(text[a:b] for a, b in sorted(chosen))


def by_digest(text: str, room: int, query: str = "") -> str:
    return "\n".join(text[a:b] for a, b in extract(text, query=query, max_chars=room))


def kept(summary: str, marked: Sequence[str]) -> float:
    """Share of the marked characters that stand in the summary."""
    found = sum(len(part) for part in marked if part in summary)
    return found / sum(map(len, marked))


def mean(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(100 * sum(column) / len(rows) for column in zip(*rows, strict=True))


def main() -> int:
    samples = load()
    failures = []
    for group, floor in FLOORS.items():
        mine = [s for s in samples if s.group == group]
        table = {
            name: mean([rouge(by_rank(s.text, rank, len(s.reference)), s.reference) for s in mine])
            for name, rank in METHODS.items()
        }
        digest = mean([rouge(by_digest(s.text, len(s.reference)), s.reference) for s in mine])
        print(f"\n{group}, {len(mine)} texts        R-1    R-2    R-L")
        for name, row in {"digest": digest, **table}.items():
            print(f"  {name:20}" + "".join(f"{value:7.1f}" for value in row))
        failures += [
            f"{group}: {value:.1f} under {least}"
            for value, least in zip(digest, floor, strict=True)
            if value < least
        ]
        failures += [f"{group}: behind {name}" for name, row in table.items() if sum(row) > sum(digest)]
    asked = [s for s in samples if s.marked]
    share = sum(kept(by_digest(s.text, 2 * sum(map(len, s.marked)), s.query), s.marked) for s in asked) / len(
        asked
    )
    without = sum(kept(by_digest(s.text, 2 * sum(map(len, s.marked))), s.marked) for s in asked) / len(asked)
    print(f"\nmarked passages kept: {share:.2f} with the query, {without:.2f} without")
    if share < KEPT_FLOOR:
        failures.append(f"marked passages kept: {share:.2f} under {KEPT_FLOOR}")
    print("\n".join(failures) or "\nall floors held")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
