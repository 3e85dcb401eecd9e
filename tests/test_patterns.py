"""Lists of patterns that are tried only where one of them may begin, and miss nothing by it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.patterns import Anywhere, alternatives, at_start, begins, joined

LISTED = (
    r"(?:no )?deposit",
    r"[一二]?点击.{0,3}这里",
    r"\bhe(?:re|y)?\b",
    r"(?<=:)\d{2,}",
    r"(?-i:[A-Z]\w+) says",
    "来源|作者:",
    r"(?<![\w.])[^\w\n]\s?[①-③\d]+(?!\d)$",
    r"[(\[【][\W_]x\b",
)


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("来源|作者", "[来作]"),
        (r"^[\W_]*(?:相关|推荐)x", r"[\W_相推]"),
        ("(?:no )?deposit", "[nd]"),
        (r"(?<=x)y|z*", r"[\s\S]"),
        (r"a{0,2}b|-c", r"[ab\-]"),
        ("[^a]b|.", r"[\s\S]"),
        (r"(?-i:[A-Z]x)?\[", r"[A-Z\[]"),
    ],
)
def test_what_a_pattern_may_begin_with(pattern: str, first: str) -> None:
    assert first == begins(pattern)


def test_alternatives_are_parted_outside_brackets_only() -> None:
    assert alternatives(joined("a(?:b|c)\n  |[|]d|\\|e")) == ["a(?:b|c)", "[|]d", "\\|e"]


TEXTS = st.lists(
    st.sampled_from(
        [
            "no ",
            "deposit",
            "点击",
            "一",
            "这里",
            "he",
            "here",
            ":",
            "12",
            "Ann",
            " says",
            "来源",
            "作者:",
            ".",
            " ",
            "\u3000",
            "\x1c",
            "٣",
            "①",
            "【",
            "[é",
            "x",
            "\ud800",
            "\n",
        ]
    )
).map("".join)


@settings(deadline=None)
@given(text=TEXTS)
def test_the_same_is_found_as_by_re_alone(text: str) -> None:
    plainly = re.compile("|".join(f"(?:{pattern})" for pattern in LISTED), re.IGNORECASE)
    assert plainly.findall(text) == Anywhere(LISTED, re.IGNORECASE).findall(text)
    first = at_start(list(enumerate(LISTED)), re.IGNORECASE)(text)
    assert first == next(
        (n for n, pattern in enumerate(LISTED) if re.match(pattern, text, re.IGNORECASE)), None
    )


def test_an_empty_list_finds_nothing() -> None:
    assert Anywhere(()).search("anything") is None
    assert at_start([])("anything") is None
