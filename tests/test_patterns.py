"""Lists of patterns of which only those are tried that a text may match, and that miss nothing by it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.patterns import Anywhere, alternatives, joined, needs, together

LISTED = (
    r"(?:no )?deposit",
    r"[一二]?点击.{0,3}这里",
    r"\bhe(?:re|y)?\b",
    r"(?<=:)\d{2,}",
    r"(?-i:[A-Z]\w+) says",
    "来源|作者:",
    r"(?<![\w.])[^\w\n]\s?[①-③\d]+(?!\d)$",
    r"[(\[【][\W_]x\b",
    "^一[一点]?",
)


@pytest.mark.parametrize(
    ("pattern", "strings"),
    [
        ("来源|作者", {"来源", "作者"}),
        (r"^[\W_]*(?:相关|推荐)x", {"相关x", "推荐x"}),
        ("(?:no )?deposit", {"deposit", "no deposit"}),
        (r"(?<=x)y|z*", set()),
        (r"a{0,2}bc|-c", {"bc", "-c"}),
        ("[^a]b|.", set()),
        (r"(?-i:[A-Z]x)?\[", {"["}),
        (r"日[赚入]\S+", {"日赚", "日入"}),
        (r"(?<!增)加.{0,2}(?:微信|qq)", {"微信", "qq"}),
        (r"[a-c]{2}\d+", set()),
        (r"\u0041x{2}|\.com", {"x", ".com"}),
        ("(?:a|b*)c+", {"c"}),
    ],
)
def test_what_a_match_must_hold(pattern: str, strings: set[str]) -> None:
    assert strings == needs(pattern)


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
    listed = Anywhere(LISTED, re.IGNORECASE)
    assert plainly.findall(text) == listed.findall(text)
    assert listed.first(text) == next(
        (n for n, pattern in enumerate(LISTED) if re.search(pattern, text, re.IGNORECASE)), None
    )


def test_capitals_count_where_case_does() -> None:
    listed = Anywhere(["VPN", "vpn$"])
    assert [listed.first(text) for text in ("a VPN", "a vpn", "a Vpn")] == [0, 1, None]


@pytest.mark.parametrize("before", [0, 99_999, 199_999, 399_998])
def test_long_texts_are_walked_in_pieces_without_seams(before: int) -> None:
    assert Anywhere(["点击这里"]).first("x" * before + "点击这里" + "y" * 9_000) == 0


def test_an_empty_list_finds_nothing() -> None:
    assert Anywhere(()).first("anything") is None


def test_lists_that_share_a_walk_find_what_each_finds_alone() -> None:
    lists: tuple[list[str], ...] = (["点击这里", "v信"], [], ["cat", r"\d\d元"], ["点击", "cats?$"], [])
    apart, shared = [Anywhere(one) for one in lists], [Anywhere(one) for one in lists]
    together(*shared)
    for text in ("", "点击这里, 20元", "元", "20元", "two cats", "", "加v信: cats", "cats"):
        assert [one.findall(text) for one in shared] == [one.findall(text) for one in apart]


def test_several_texts_are_asked_in_one_walk_and_each_by_itself() -> None:
    words = Anywhere(["^甲乙", r"丙\s丁"])
    assert words.in_any(["一", "二丙 丁"])
    assert words.in_any(["一", "甲乙"])
    assert not words.in_any(["一甲乙", "丙", "丁"])
