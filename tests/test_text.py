"""The text layer: sentences, folding, widths, punctuation for readers."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.language import detect
from digest.text import columns, count, fold, minutes, restore_punctuation, sentences


def split(text: str) -> list[str]:
    return [text[a:b] for a, b in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("船开了。他没赶上！怎么办？", ["船开了。", "他没赶上！", "怎么办？"]),
        ("船开了.他没赶上!怎么办?", ["船开了.", "他没赶上!", "怎么办?"]),
        ("增长2.5%.其中有错.", ["增长2.5%.", "其中有错."]),
        ("错误率降到4. 94%,很好。", ["错误率降到4. 94%,很好。"]),
        ("1.背景与方法2.结论", ["1.背景与方法2.结论"]),
        ("“真好。”李月说。然后走了。", ["“真好。”李月说。", "然后走了。"]),
        ('他走了。"我来了。"门关上了。', ["他走了。", '"我来了。"', "门关上了。"]),
        ("他说：“先修桥。再修路。”散会。", ["他说：“先修桥。", "再修路。”", "散会。"]),
        ("在《水去哪儿了？》一文中，他算过账。好。", ["在《水去哪儿了？》一文中，他算过账。", "好。"]),
        ("能不能？”的问题没人答。好", ["能不能？”的问题没人答。", "好"]),
        ("这些……，都算。后来……没有了。", ["这些……，都算。", "后来……", "没有了。"]),
        ("第一行\n第二行。第三句", ["第一行", "第二行。", "第三句"]),
        (
            "Mr. Hall left at 5 p.m. yesterday. He was tired.",
            ["Mr. Hall left at 5 p.m. yesterday.", "He was tired."],
        ),
        (
            "By . Ann Gray . the bridge . . . mr. hall said , is closed . it reopens on monday .",
            ["By .", "Ann Gray .", "the bridge . . . mr. hall said , is closed .", "it reopens on monday ."],
        ),
        (
            "J. K. Moss wrote 2.5 pages... and left. Done.",
            ["J. K. Moss wrote 2.5 pages... and left.", "Done."],
        ),
        ('"Stop!" Moss said. "Go?" he asked.', ['"Stop!" Moss said.', '"Go?" he asked.']),
        ("It made the U.S. team. The end.", ["It made the U.S. team.", "The end."]),
        ("Tasman Inc. won No. 1 spot. No.", ["Tasman Inc. won No. 1 spot.", "No."]),
        ("See www.example.org/a?b=1 now. Thanks.", ["See www.example.org/a?b=1 now.", "Thanks."]),
        ("没有标点的一行", ["没有标点的一行"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="他说。.!?“”\"'…)（ \nAa1,，", max_size=60))
def test_sentences_cover_the_text_in_order(text: str) -> None:
    spans = sentences(text)
    assert all(a < b for a, b in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert "".join("".join(split(text)).split()) == "".join(text.split())


def test_sentences_stay_inside_the_span_asked_for() -> None:
    text = "甲乙丙。丁戊己。庚辛壬。"
    assert [text[a:b] for a, b in sentences(text, 4, 8)] == ["丁戊己。"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AI,好", "AI，好"),
        ("大会(WAIC)开幕式上", "大会（WAIC）开幕式上"),
        ("我们比较了GPT-4, GPT-5两种", "我们比较了GPT-4, GPT-5两种"),
        ('他说:"好",然后走了.', '他说："好"，然后走了.'),
        ("时间12:30,比分3:2,共1,000人", "时间12:30，比分3:2，共1,000人"),
        ("见https://example.org/a?b=1", "见https://example.org/a?b=1"),
        ("达到60%,高于(试验)组", "达到60%，高于（试验）组"),
        ("吗? 对!", "吗？对！"),
        ("引用超20000,ResNet也成为框架", "引用超20000，ResNet也成为框架"),
        ("Hello, 世界 is (still) the first program", "Hello, 世界 is (still) the first program"),
        ("一句(half 句", "一句(half 句"),
    ],
)
def test_punctuation_is_restored_beside_chinese(text: str, expected: str) -> None:
    assert restore_punctuation(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="中文,.:;?!()\"'%“”，。A1 /\\", max_size=40))
def test_restored_text_is_the_same_under_nfkc(text: str) -> None:
    def same(value: str) -> str:
        return "".join(unicodedata.normalize("NFKC", value).split())

    assert same(restore_punctuation(text)) == same(text)


@given(st.text(max_size=50))
@example("「雲計算」ＡＩ，Ｗhat is ①？" * 3)
@example("旧水塔的合同，" * 9 + "薴苧")
def test_folding_a_text_is_folding_its_characters(text: str) -> None:
    assert fold(text) == "".join(map(fold, text))
    assert len(fold(text)) == len(text)


def test_folding_matches_variants() -> None:
    assert fold("「雲計算」ＡＩ") == fold('"云计算"ai')


def test_widths_and_times() -> None:
    assert columns("中文ab，") == 8
    assert count(" 中 文\u3000a\n") == 3
    assert minutes("") == 1
    assert minutes("字" * 1200) == 3
    assert minutes("word " * 476) == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今天发布GPT模型", "zh"),
        ("The bridge in 台北 closed today", "en"),
        ("これはひらがなのぶんしょうです", "ja"),
        ("123", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect(text) == language
