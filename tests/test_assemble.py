from dataclasses import replace
from datetime import UTC, datetime

import editions
import pytest
from editions import article, day, excerpt

from digest.assemble import assemble
from digest.model import (
    Edition,
    Excerpt,
    Flag,
    Item,
    Role,
    Section,
    Severity,
    Size,
    Theme,
)
from digest.text import columns

NOW = datetime(2026, 1, 5, tzinfo=UTC)
THEME = Theme(id="compute", names={"zh-CN": "算力成本", "en": "Compute cost"}, terms={})
TEXT = "芯片的价格在一年里降了一半。机房的电费没有降。"


def item(title: str, *, year: int | None = 2026, severity: Severity = Severity.NOTE) -> Item:
    flags = (Flag(code="x", severity=severity, reason="x"),)
    source = article(f"seeds/{title}", title, TEXT, published=year and day(year, 1, 1), flags=flags)
    return editions.item(source, Size.FULL, excerpt(source, Role.LEAD, TEXT[:14]))


def make(*items: Item, past: tuple[str, ...] = (), language: str = "zh-CN") -> Edition:
    return assemble(
        [Section(theme=THEME, items=items, why="")],
        schedule="daily",
        slot=NOW,
        made_at=NOW,
        language=language,
        past_subjects=past,
    )


@pytest.mark.parametrize(
    ("first", "subject"),
    [
        (item("芯片降价一半"), "芯片降价一半"),
        (item("芯片降价一半", year=2021), "芯片降价一半（2021）"),
        (item("2021年芯片降价一半", year=2021), "2021年芯片降价一半"),
        (item("芯片降价一半", year=None), "芯片降价一半"),
        (item("芯片降价一半", severity=Severity.CAUTION), "算力成本：芯片降价一半"),
        (
            item("他们用了三年时间把一座旧纺织厂改成了全省最大的机房,邻居们却直到去年夏天才知道"),
            "他们用了三年时间把一座旧纺织厂改成了全省最大的机房……",
        ),
    ],
)
def test_the_subject_is_a_headline_in_its_own_words(first: Item, subject: str) -> None:
    assert make(first).subject == subject
    assert columns(subject) <= 70


def test_an_english_subject_has_an_english_colon() -> None:
    doubtful = item("Chips at half price", severity=Severity.CAUTION)
    assert make(doubtful, language="en").subject == f"{THEME.name('en')}: Chips at half price"


def test_a_clean_copy_gives_the_subject_before_a_doubtful_one_that_ranks_higher() -> None:
    edition = make(item("可疑的标题", severity=Severity.CAUTION), item("可靠的标题"))
    assert edition.subject == "可靠的标题"


def test_a_subject_is_never_used_twice() -> None:
    past: tuple[str, ...] = ()
    for _ in range(5):
        subject = make(item("甲"), item("乙"), past=past).subject
        assert subject not in past
        past += (subject,)


def test_the_preheader_adds_the_next_headlines_or_what_the_only_item_says() -> None:
    assert make(item("甲"), item("乙"), item("丙")).preheader == "乙；丙"
    assert make(item("甲")).preheader == "芯片的价格在一年里降了一半。"


def test_a_name_links_two_items_only_where_the_reader_has_met_it() -> None:
    def telling(title: str, text: str) -> Item:
        one = replace(item(title), excerpts=())
        return replace(one, article=replace(one.article, text=text))

    met, unmet = item("张三谈芯片"), telling("机房", "张三造了机房。张三还在造。")
    passing = telling("码头", "张三来过码头。")
    edition = assemble(
        [Section(theme=THEME, items=(met, passing, unmet), why="")],
        schedule="daily",
        slot=NOW,
        made_at=NOW,
        language="zh-CN",
        shared_names=lambda articles: [("张三", (0, 1, 2)), ("芯片", (0, 2))],
    )
    assert [one.also_in for one in edition.items()] == [(("张三", "机房"),), (), ()]


def test_an_empty_edition_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        assemble([], schedule="daily", slot=NOW, made_at=NOW, language="zh-CN")


def test_no_model_writes_a_preheader() -> None:
    one = item("芯片降价一半")
    written = Excerpt(role=Role.LEAD, text="模型写的一句话。", start=0, end=0, by="model")
    point = Excerpt(role=Role.POINT, text=TEXT[14:], start=14, end=len(TEXT))
    assert make(replace(one, excerpts=(written, point))).preheader == "机房的电费没有降。"
