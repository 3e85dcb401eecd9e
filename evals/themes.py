"""How well themes are told and ranked: ``python -m evals.themes``; exit 1 under a floor.

Three measures: the default themes on labelled texts that mostly use other words than a theme's name, on the
seeds in the order an editor puts them, and ranking of documents for queries by mean average precision.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from digest.clean import clean_page
from digest.config import load_config
from digest.model import Article, Block, BlockKind, Theme
from digest.ranking import Index
from digest.themes import score

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "evals" / "corpus"
FLOORS = {"told": 0.95, "false": 0.95, "seeds": 1.0, "map zh": 0.75, "map en": 0.78}
"""Lowering one is a decision to be written down. The public sets to beat stand at 0.747 with plain BM25."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    value: float
    note: str = ""


def main() -> int:
    rows = [*_membership(), _seeds(), *_ranking()]
    for row in rows:
        short = row.value < FLOORS[row.name]
        floor = f"floor {FLOORS[row.name]:5.3f} {'UNDER' if short else ''}"
        print(f"{row.name:10} {row.value:6.3f}  {floor:18} {row.note}".rstrip())
    return any(row.value < FLOORS[row.name] for row in rows)


@cache
def themes() -> tuple[Theme, ...]:
    return load_config(ROOT / "config.toml", environ={"DIGEST_SECRET": "x" * 32}).themes


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


def article(row: dict[str, Any]) -> Article:
    """A labelled text as an article; its paragraphs are parted by an empty line."""
    blocks, at = [], 0
    for paragraph in row["text"].split("\n\n"):
        blocks.append(Block(kind=BlockKind.PARAGRAPH, start=at, end=at + len(paragraph)))
        at += len(paragraph) + 2
    return Article(
        source_id=row["id"],
        title=row["title"],
        text=row["text"],
        blocks=tuple(blocks),
        language=row["language"],
    )


def _membership() -> Iterator[Row]:
    """Share of labelled (text, theme) pairs that reach the threshold, and of the others that do not."""
    told: list[bool] = []
    others: list[bool] = []
    wrong: list[str] = []
    for row in lines("articles.jsonl"):
        for theme in themes():
            about = score(theme, article(row)).total >= theme.threshold
            expected = theme.id in row["themes"]
            (told if expected else others).append(about == expected)
            if about != expected:
                wrong.append(f"{row['id']} {theme.id}")
    yield Row(name="told", value=sum(told) / len(told), note=", ".join(wrong))
    yield Row(name="false", value=sum(others) / len(others))


def _seeds() -> Row:
    """Share of pairs of seeds in the right order: primary above secondary above the threshold above none."""
    labels = json.loads((CORPUS / "seeds.json").read_text(encoding="utf-8"))
    right, wrong = [], []
    for theme in themes():
        scored = {name: score(theme, _seed(name)).total for name in labels}
        grade = {"primary": 2, "secondary": 1, "none": 0}
        for one, label in labels.items():
            shown = grade[label[theme.id]] > 0
            right.append((scored[one] >= theme.threshold) == shown)
            right += [
                scored[one] > scored[two]
                for two, other in labels.items()
                if grade[label[theme.id]] > grade[other[theme.id]]
            ]
            wrong += [f"{one[:3]} {theme.id}"] * (not right[-1])
    return Row(name="seeds", value=sum(right) / len(right), note=", ".join(wrong))


@cache
def _seed(name: str) -> Article:
    found = clean_page((ROOT / "seeds" / name).read_text(encoding="utf-8"), source_id=name).article
    assert found is not None
    return found


def _ranking() -> Iterator[Row]:
    documents = lines("articles.jsonl")
    for language in ("zh", "en"):
        mine = [row for row in documents if row["language"] == language]
        index = Index((row["id"], f"{row['title']}\n{row['text']}") for row in mine)
        precisions = [
            average_precision(
                index.rank(query["query"]), {row["id"] for row in mine if row["topic"] == query["topic"]}
            )
            for query in lines("queries.jsonl")
            if query["language"] == language
        ]
        yield Row(name=f"map {language}", value=sum(precisions) / len(precisions))


def average_precision(ranking: Sequence[str], relevant: set[str]) -> float:
    found, total = 0, 0.0
    for place, name in enumerate(ranking, 1):
        if name in relevant:
            found += 1
            total += found / place
    return total / len(relevant)


if __name__ == "__main__":
    sys.exit(main())
