"""What an edition costs with few and with many articles stored: it should be what is new, not what is stored.

    python -m benchmarks.publish [--stored 1000,100000] [--editions 5]

Every store gets the same new articles before each edition, and editions are made in turns, so that a busy
machine slows all alike. Fails when the median over the largest store is 1.5 times that over the smallest;
the same of CPU is told beside it, for machines that are not quiet.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digest.model import Article, Block, BlockKind, Newsletter, Schedule, Term, Theme
from digest.publish import Paper, publish
from digest.similar import sketch
from digest.store import Store, open_store

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
NEWSLETTER = Newsletter(name="文摘", sender="d@example.org", sender_name="文摘", list_id="d.example.org")
SCHEDULE = Schedule(id="daily", themes_per_edition=2, items_per_theme=3)
SUBJECTS = {"tea": "茶叶", "bridges": "大桥", "glass": "玻璃", "rain": "降雨"}
THEMES = [
    Theme(id=id_, names={"zh": word}, terms={"zh": (Term(text=word),)}) for id_, word in SUBJECTS.items()
]
SIGNS = [chr(sign) for sign in range(0x5200, 0x5A00)]
"""For names nobody bears, so that articles resemble one another as little as articles do."""
NEW, PARAGRAPHS, MOST = 20, 8, 1.5


def article(number: int) -> Article:
    """About one of the subjects, 600 characters, like no other; the same for the same number."""
    dice = random.Random(number)
    word = dice.choice(list(SUBJECTS.values()))
    paragraphs = []
    for _ in range(PARAGRAPHS):
        firm, town, kind = ("".join(dice.choices(SIGNS, k=k)) for k in (4, 3, 5))
        paragraphs.append(
            f"{firm}公司今年在{town}镇生产了{dice.randint(3, 900)}吨{kind}{word}。"
            f"{town}镇政府的统计显示,全镇{dice.randint(3, 90)}个村的{kind}产量增加了{dice.randint(2, 90)}%。"
        )
    text, blocks = "", []
    for paragraph in paragraphs:
        text += "\n\n" if text else ""
        blocks.append(Block(kind=BlockKind.PARAGRAPH, start=len(text), end=len(text) + len(paragraph)))
        text += paragraph
    return Article(
        source_id=f"feeds/made/{number}",
        title=f"{paragraphs[0][:6]}的{word}有了新产地",
        text=text,
        blocks=tuple(blocks),
        language="zh",
    )


def articles(numbers: range) -> Iterator[tuple[Article, tuple[int, ...]]]:
    for number in numbers:
        one = article(number)
        yield one, sketch(one.text)


def main() -> int:
    asked = argparse.ArgumentParser(
        description="What an edition costs with few and with many articles stored."
    )
    asked.add_argument("--stored", default="1000,100000")
    asked.add_argument("--editions", type=int, default=5)
    given = asked.parse_args()
    sizes = [int(size) for size in given.stored.split(",")]
    took: dict[int, list[tuple[float, ...]]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stores: dict[int, Store] = {}
        for size in sizes:
            stores[size] = stack.enter_context(open_store(f"sqlite:///{folder / f'{size}.db'}"))
            stores[size].migrate()
            start = time.perf_counter()
            stores[size].articles.save_all(articles(range(-size, 0)), now=NOW - timedelta(days=1))
            print(f"{size:>7} articles stored in {time.perf_counter() - start:.1f} s", file=sys.stderr)
        papers = {
            size: Paper(store=store, newsletter=NEWSLETTER, themes=THEMES) for size, store in stores.items()
        }
        for edition in range(given.editions + 1):  # the first warms up
            now = NOW + timedelta(days=edition)
            for size, store in stores.items():
                store.articles.save_all(articles(range(edition * NEW, (edition + 1) * NEW)), now=now)
                began = time.perf_counter(), time.process_time()
                made = publish(papers[size], SCHEDULE, slot=now, now=now)
                took[size].append((time.perf_counter() - began[0], time.process_time() - began[1]))
                assert made.edition
    ratios = []
    for kind, name in enumerate(("wall", "CPU")):
        medians = {size: statistics.median(one[kind] for one in took[size][1:]) for size in sizes}
        told = ", ".join(f"{1000 * seconds:.0f} ms with {size} stored" for size, seconds in medians.items())
        ratios.append(medians[max(sizes)] / medians[min(sizes)])
        print(f"{name}: {told}; ratio {ratios[-1]:.2f} (at most {MOST:g})")
    return int(ratios[0] >= MOST)


if __name__ == "__main__":
    sys.exit(main())
