"""What the text engine costs beside rjieba merely segmenting the same page: ``python -m benchmarks.text``.

One Chinese article of 6,000 characters, an ordinary page around it. Prints milliseconds and ratios, the best
of several runs; ratios travel, times do not. Targets: 12 for cleaning, gate, scoring and fingerprint
together, 20 for the summary.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import rjieba

from digest import gate, similar, summarize, themes
from digest.clean import clean_page
from digest.model import Size, Term, Theme
from evals import cleaning

NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
CHARS = 6_000
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


def best(work: Callable[[], object]) -> float:
    """Processor seconds of the quickest of some runs, after one that fills the caches."""
    work()
    costs = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        costs.append(time.process_time() - started)
    return min(costs)


def main() -> None:
    raw = page()
    cleaned = gate.judge(clean_page(raw, source_id="bench", now=NOW))
    article = cleaned.article
    assert article is not None
    focus = themes.focus(THEME)
    segmenting = best(lambda: rjieba.cut(raw))
    steps: dict[str, Callable[[], object]] = {
        "clean": lambda: clean_page(raw, source_id="bench", now=NOW),
        "gate": lambda: gate.judge(cleaned),
        "score": lambda: themes.score(THEME, article),
        "fingerprint": lambda: similar.sketch(article.text),
    }
    costs = {name: best(work) for name, work in steps.items()}
    costs["together"] = sum(costs.values())
    costs["summary"] = best(lambda: summarize.summarize(article, focus=focus, size=Size.MEDIUM, room=600))
    print(f"{len(raw)} characters, kept {len(article.text)}; rjieba {segmenting * 1e3:.2f} ms")
    for name, cost in costs.items():
        print(f"{name:12} {cost * 1e3:7.2f} ms  {cost / segmenting:5.1f} x")


if __name__ == "__main__":
    main()
