"""What the text engine costs beside rjieba merely segmenting the same page: ``python -m benchmarks.text``.

One Chinese article of 6,000 characters, an ordinary page around it. Prints the quickest run's milliseconds,
and the median of the ratios; ratios travel, times do not. Targets: 12 for cleaning, gate, scoring and
fingerprint together, 20 for the summary, 40 for a text of 200,000 characters beside one of 6,000.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate, count
from statistics import median

import rjieba

from digest import gate, similar, summarize, themes
from digest.clean import clean_page
from digest.model import Article, Block, BlockKind, Size, Term, Theme
from evals import cleaning

NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
CHARS, LONG = 6_000, 200_000
ROUNDS = 15
THEME = Theme(
    id="town",
    names={"zh": "城市"},
    terms={"zh": tuple(Term(text=text) for text in ("码头", "海水淡化", "书店", "居民", "医院", "项目"))},
)


def page() -> str:
    """Head and tail of an ordinary page around paragraphs of the labelled set."""
    pages = [page for page in cleaning.load() if page.language == "zh" and not page.head.get("form")]
    paragraphs = list(dict.fromkeys(text for page in pages for label, text in page.lines if label == "p"))
    taken: list[str] = []
    for text in (text for text in paragraphs if len(text) >= 40):
        if sum(map(len, taken)) >= CHARS:
            break
        taken.append(text)
    menu = ["首页", "新闻", "财经", "体育", "文化", "您的位置: 首页 > 新闻 > 正文"]
    head = [*menu, "一座城市的一天", "2024-03-08 16:55 来源:河边晚报 作者:江白"]
    tail = ["责任编辑:何山", "相关阅读", "旧书店搬到了桥头", "渡船改点以后", "版权所有 河边晚报"]
    return "\n\n".join([*head, *taken, *tail])


def rounds(steps: Mapping[str, Callable[[], object]], times: int = ROUNDS) -> dict[str, list[float]]:
    """Processor seconds of every step, the steps taken in turn, so that what else runs troubles all alike."""
    costs: dict[str, list[float]] = {name: [] for name in steps}
    for work in steps.values():
        work()  # fills the caches
    for _ in range(times):
        for name, work in steps.items():
            started = time.process_time()
            work()
            costs[name].append(time.process_time() - started)
    return costs


def lengthened(article: Article) -> Article:
    """The article's paragraphs again and again, each sentence numbered, up to ``LONG`` characters."""
    found: list[str] = []
    size = 0
    for number in count():
        for block in article.paragraphs():
            found.append(f"{number}号{article.text[block.start : block.end]}")
            size += len(found[-1]) + 1
        if size >= LONG:
            break
    ends = list(accumulate(len(paragraph) + 1 for paragraph in found))
    blocks = [
        Block(kind=BlockKind.PARAGRAPH, start=end - 1 - len(paragraph), end=end - 1)
        for end, paragraph in zip(ends, found, strict=True)
    ]
    return replace(article, text="\n".join(found), blocks=tuple(blocks))


def summary(article: Article) -> object:
    return summarize.summarize(article, focus=themes.focus(THEME), size=Size.MEDIUM, room=600)


def main() -> None:
    raw = page()
    cleaned = gate.judge(clean_page(raw, source_id="bench", now=NOW))
    article = cleaned.article
    assert article is not None
    costs = rounds(
        {
            "rjieba": lambda: rjieba.cut(raw),
            "clean": lambda: clean_page(raw, source_id="bench", now=NOW),
            "gate": lambda: gate.judge(cleaned),
            "score": lambda: themes.score(THEME, article),
            "fingerprint": lambda: similar.sketch(article.text),
            "summary": lambda: summary(article),
        }
    )
    together = ("clean", "gate", "score", "fingerprint")
    costs["together"] = [sum(parts) for parts in zip(*(costs[name] for name in together), strict=True)]
    print(f"{len(raw)} characters, kept {len(article.text)}")
    for name, spent in costs.items():
        ratio = median(one / unit for one, unit in zip(spent, costs["rjieba"], strict=True))
        print(f"{name:12} {min(spent) * 1e3:7.2f} ms  {ratio:5.1f} x")
    long = lengthened(article)
    costs = rounds({"short": lambda: summary(article), "long": lambda: summary(long)}, times=3)
    longer = min(costs["long"]) / min(costs["short"])
    print(f"a summary of {len(long.text)} characters costs {longer:.0f} times one of {len(article.text)}")


if __name__ == "__main__":
    main()
