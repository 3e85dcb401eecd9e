"""How well copies are found: ``python -m evals.similar``; exit 1 under a floor.

Every labelled text (articles, seeds, bodies of the cleaning corpus) is altered in the ways that copies are,
by a seeded generator; all go into one heap, with same-event and same-site texts that must stay apart. A copy
is found when it shares its original's group; a false pair is two texts of different originals in one.
"""

import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import opencc

from digest.clean import clean_page
from digest.similar import clusters
from digest.text import sentences
from evals.cleaning import load

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "evals" / "corpus"
FLOORS = {
    "edited": 0.98,
    "trimmed": 0.98,
    "spun": 0.98,
    "converted": 0.98,
    "marks": 0.98,
    "wrapped": 0.97,
    "part": 0.98,
    "tenth": 0.95,
    "mixed": 0.98,
    "third": 0.95,
    "all": 0.98,
}
"""Share of copies found, by kind. No false pair is allowed at all."""
SHORTEST = 150
"""Characters; shorter originals are in the heap but not altered."""

FURNITURE = {
    "zh": "本网站所载内容版权归原作者所有,未经书面许可不得转载、摘编或使用;文中观点不代表本站立场,"
    "如有侵权请于三十日内与我们联系,我们将尽快处理。更多资讯请关注本站公众号或下载客户端。",
    "en": "All material on this site may not be published, broadcast, rewritten or redistributed without the"
    " written permission of the publisher. Opinions are those of their authors alone.",
}


def main() -> int:
    originals = dict(_originals())
    heap = dict(_heap(originals))
    found = clusters(heap.items())
    share = _found(heap, found)
    wrong = _false_pairs(heap, found)
    for kind, floor in FLOORS.items():
        print(f"{kind:10} {share[kind]:6.3f}  floor {floor:5.3f} {'UNDER' if share[kind] < floor else ''}")
    print(f"false pairs {len(wrong)} of {len(heap)} texts, {len(originals)} originals: {wrong[:4]}")
    return bool(wrong) or any(share[kind] < floor for kind, floor in FLOORS.items())


def _originals() -> Iterator[tuple[str, str]]:
    for line in (CORPUS / "articles.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["id"], row["text"]
    for path in sorted((ROOT / "seeds").glob("*.txt")):
        article = clean_page(path.read_text(encoding="utf-8"), source_id=path.name).article
        if article:
            yield path.name, article.text
    for page in load():
        if page.body:
            yield f"page {page.name}", "\n".join(page.body)


def _heap(originals: dict[str, str]) -> Iterator[tuple[str, str]]:
    """``original/kind`` to text; the original itself has no kind. Pages that are variants are left out."""
    names = [name for name, text in originals.items() if len(text) >= SHORTEST]
    for name, text in originals.items():
        yield name, text
    for name in originals.keys() - set(names):
        yield f"{name}/wrapped", _wrapped(originals[name])
    for number, name in enumerate(names):
        chance = random.Random(number)
        text = originals[name]
        for kind, alter in ALTERATIONS.items():
            yield f"{name}/{kind}", alter(text, chance)
        other = originals[names[(number + 7) % len(names)]]
        for kind, share in (("mixed", 0.5), ("third", 0.35)):
            filler = _shuffled(_part(other, chance, (1 - share) * len(text) / len(other)), chance)
            yield f"{name}/{kind}", _part(text, chance, share) + "\n" + filler


def _found(heap: dict[str, str], found: dict[str, str]) -> dict[str, float]:
    hits: dict[str, list[bool]] = defaultdict(list)
    for name in heap:
        original, _, kind = name.partition("/")
        if kind:
            hits[kind].append(found[name] == found[original])
            hits["all"].append(hits[kind][-1])
    return {kind: sum(values) / len(values) for kind, values in hits.items()}


def _false_pairs(heap: dict[str, str], found: dict[str, str]) -> list[tuple[str, str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for name in heap:
        groups[found[name]].add(name.partition("/")[0])
    return [pair for group in groups.values() for pair in combinations(sorted(group), 2)]


def _chinese(text: str) -> bool:
    return len(re.findall(r"[\u4e00-\u9fff]", text)) > len(text) / 4


def _split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def _glue(parts: list[str]) -> str:
    return "".join(part + ("" if _chinese(part) else " ") for part in parts)


def _edited(text: str, chance: random.Random) -> str:
    """A sentence in ten dropped, one in ten moved by one, a character in sixty changed, a lead added."""
    parts = [part for part in _split(text) if chance.random() > 0.1]
    for at in range(len(parts) - 1):
        if chance.random() < 0.1:
            parts[at], parts[at + 1] = parts[at + 1], parts[at]
    lead = (
        "本报综合消息,记者获悉有关情况如下。"
        if _chinese(text)
        else "This newspaper has learned the following. "
    )
    letters = list(lead + _glue(parts))
    for at, letter in enumerate(letters):
        if letter.isalpha() and chance.random() < 1 / 60:
            letters[at] = chance.choice(letters)
    return "".join(letters)


def _part(text: str, chance: random.Random, share: float) -> str:
    """Neighbouring sentences that make up *share* of the text, and at least 80 characters."""
    parts = _split(text)
    length = max(80, len(text) * share)
    start = chance.randrange(max(1, len(parts) - int(len(parts) * share)))
    taken: list[str] = []
    for part in parts[start:] + parts[:start]:
        if sum(map(len, taken)) >= length:
            break
        taken.append(part)
    return _glue(taken)


def _spun(text: str, chance: random.Random) -> str:
    """Synonyms swapped wherever one is known, and a word in fifteen besides."""
    table = dict(
        line.split("\t") for line in (CORPUS / "synonyms.tsv").read_text(encoding="utf-8").splitlines()
    )
    pattern = "|".join(re.escape(word) for word in sorted(table, key=len, reverse=True))
    swapped = re.sub(rf"(?<![a-z])(?:{pattern})(?![a-z])", lambda match: table[match.group()], text)
    if not _chinese(text):
        words = swapped.split(" ")
        return " ".join(word[::-1] if word.islower() and chance.random() < 1 / 15 else word for word in words)
    letters = list(swapped)
    for at in range(0, len(letters) - 1):
        if chance.random() < 1 / 15 and "\u4e00" <= letters[at] <= "\u9fff":
            letters[at] = chance.choice("而且作为进行相应有关情形方式")
    return "".join(letters)


def _converted(text: str, chance: random.Random) -> str:
    """Traditional characters, also with the words of Taiwan; English in capitals and new lines."""
    if not _chinese(text):
        return re.sub(r"\. ", ".\n\n", text).upper()
    to = chance.choice(["s2twp", "s2hk", "t2s"])
    return str(opencc.OpenCC(to).convert(text))


def _marks(text: str, chance: random.Random) -> str:
    """Other punctuation, pinyin and emoji between the words, stray blanks."""
    text = text.translate(str.maketrans("，。：；！？“”", ",.:;!?\"'")).replace("\n", " ")
    if not _chinese(text):
        return re.sub("[,'\"]", "", text)
    return re.sub(
        r"[\u4e00-\u9fff]{2}",
        lambda match: match.group() + chance.choice([""] * 9 + ["(zhège)", " ", "🙂"]),
        text,
    )


def _wrapped(text: str) -> str:
    """The same furniture under every text, as a site has it."""
    return text + "\n" + FURNITURE["zh" if _chinese(text) else "en"]


def _shuffled(text: str, chance: random.Random) -> str:
    """Text that says nothing, of the same letters."""
    pieces = list(text) if _chinese(text) else [f"{word} " for word in text.split()]
    return "".join(chance.sample(pieces, len(pieces)))


ALTERATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "edited": _edited,
    "trimmed": lambda text, chance: _part(text, chance, 0.6),
    "spun": _spun,
    "converted": _converted,
    "marks": _marks,
    "wrapped": lambda text, _: _wrapped(text),
    "part": lambda text, chance: _part(text, chance, 0.2),
    "tenth": lambda text, chance: _part(text, chance, 0.1),
}

if __name__ == "__main__":
    sys.exit(main())
