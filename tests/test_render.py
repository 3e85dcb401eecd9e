"""What readers see, without a browser: words, marks, links, sizes, languages, and outside text that stays text."""

import json
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from babel import Locale
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po
from bs4 import BeautifulSoup
from editions import (
    COST,
    CRAFT,
    ENCLOSURES,
    EVERYTHING,
    GOLDEN,
    LOCAL,
    NEWSLETTER,
    ONE,
    SIX,
    SLOT,
    THEMES,
    THREE,
    article,
    bench_item,
    chips,
    chips_item,
    day,
    edition,
    excerpt,
    kiln,
    kiln_item,
    many,
    section,
    spun_item,
    write_golden,
)

from digest.errors import RenderError
from digest.language import catalogs
from digest.message import choose
from digest.model import (
    Cut,
    Edition,
    Excerpt,
    Flag,
    Item,
    Precision,
    Published,
    Reason,
    Role,
    Severity,
    Theme,
    Update,
)
from digest.render import Renderer, edition_json, encoded_size, make_renderer
from digest.render.plain import WIDTH, fold, to_text
from digest.render.typeset import (
    Typesetter,
    clean,
    cut_title,
    dress,
    gap,
    passage_url,
    safe_url,
)
from digest.render.view import bar_lengths
from digest.render.wording import SOURCE_LANGUAGE, load_wording
from digest.text import columns

ROOT = Path(__file__).parents[1]
EVERY_VALUE = frozenset({"name", "unsubscribe_url", "preferences_url"})
LANGUAGES = ("zh-CN", "en")


@cache
def renderer(*, local: bool = False) -> Renderer:
    return make_renderer(LOCAL if local else NEWSLETTER, themes=THEMES)


class Page:
    """Text, links and tags of a page, as a reader's program sees them."""

    def __init__(self, html: str) -> None:
        soup = BeautifulSoup(html, "html.parser", multi_valued_attributes=None)
        self.tags = [(tag.name, dict(tag.attrs)) for tag in soup.find_all(True)]
        self.links = [str(link["href"]) for link in soup.find_all("a", href=True)]
        for unseen in soup.select("style, title, script, .pre"):
            unseen.decompose()
        for apart in soup.find_all(["br", "td", "p"]):
            apart.insert_before(" ")
        self.text = soup.get_text()


def bare(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def with_title(title: str, **more: object) -> Edition:
    source = replace(kiln, title=title, **more)  # type: ignore[arg-type]
    return edition(section(CRAFT, replace(kiln_item, article=source)))


def test_golden(tmp_path: Path) -> None:
    """Made again by ``python tests/editions.py``; look at the difference before keeping it."""
    write_golden(tmp_path)
    names = sorted(path.name for path in GOLDEN.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        assert (tmp_path / name).read_text("utf-8") == (GOLDEN / name).read_text("utf-8"), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("shown", [ONE, THREE, SIX, many(10)], ids=["one", "three", "six", "ten"])
def test_text_part_says_what_the_mail_says(shown: Edition, language: str) -> None:
    parts = renderer().mail(shown, language=language)
    html = Page(choose(parts.html, EVERY_VALUE))
    text = choose(parts.text, EVERY_VALUE)
    words = re.findall(r"[A-Za-z0-9]+|[一-鿿]", html.text)
    kept = re.findall(r"[A-Za-z0-9]+|[一-鿿]", text)
    assert len(set(words) & set(kept)) >= 0.98 * len(set(words))
    assert len(kept) >= 0.98 * len(words)
    outside = {link for link in html.links if not link.startswith("#")}
    lines = {line.strip() for line in text.splitlines()}
    assert outside - lines == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_part_reads_well(language: str) -> None:
    text = choose(renderer().mail(SIX, language=language).text, EVERY_VALUE)
    for line in text.splitlines():
        assert columns(line) <= WIDTH or re.match(r"\s*(https?|mailto):\S+$", line), line
        assert not re.match(r"\s*[，。、：；？！）》”’」,.;:!?]", line), line
        assert not re.search(r"[“‘「（《]$", line), line
        assert not re.match(r" \S", line), line
    assert not re.search(r"\*\*|\]\(|^#|\|---|<\w|&\w+;|\\", text, re.MULTILINE)
    assert "\n\n\n\n" not in text


def test_every_excerpt_is_shown_letter_for_letter() -> None:
    for view in (renderer().mail(SIX, language="zh-CN").html, renderer().web(SIX, language="en")):
        seen = bare(Page(view).text)
        for item in SIX.items():
            for one in item.excerpts:
                if one.role is not Role.FIGURE:
                    assert bare(one.text) in seen
                else:
                    assert bare(one.number or "") in seen
                    assert bare(one.label or "") in seen


def test_order_of_an_item() -> None:
    page = Page(renderer().mail(edition(section(COST, spun_item)), language="zh-CN").html).text
    parts = [
        "机房使用率",
        "城市经济报，经转载站转载",
        "旧文重读：2024 年",
        "为什么选这条",
        "阅读提示",
        "三月里",
        "没有原文链接",
    ]
    at = [page.index(part) for part in parts]
    assert at == sorted(at)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_doubtful_republisher_is_neither_named_nor_linked(language: str) -> None:
    shown = edition(section(COST, spun_item, replace(chips_item, also_from=(spun_item.article,))))
    views = [
        renderer().mail(shown, language=language).html,
        renderer().mail(shown, language=language).text,
        renderer().web(shown, language=language),
        renderer().markdown(shown, language=language),
        renderer().atom([shown], language=language),
        json.dumps(edition_json(shown), ensure_ascii=False),
    ]
    for view in views:
        assert "好运体育" not in view
        assert "lucky-casino" not in view


def test_cautions_are_two_at_most_and_gravest_first() -> None:
    text = renderer().mail(edition(section(COST, spun_item)), language="en").text.replace("\n", " ")
    assert "machine-reworded" in text
    assert text.index("machine-reworded") < text.index("advertising words")
    assert "years ago" not in text


def test_undated_says_so_and_gives_the_period() -> None:
    source = article("s/1", "无日期的旧事", "1998年的事,2023年4月又有人提起。\n\n2031年还早。", outlet="旧报")
    shown = edition(section(CRAFT, Item(**{**_fields(kiln_item), "article": source, "excerpts": ()})))
    assert "未标日期，文中提到 2023 年 4 月" in renderer().mail(shown, language="zh-CN").text
    assert "Undated; the text mentions April 2023" in renderer().mail(shown, language="en").text


def _fields(item: Item) -> dict[str, object]:
    return {name: getattr(item, name) for name in Item.__slots__}


def test_contents_from_five_items_on() -> None:
    assert "本期目录" not in renderer().mail(many(4), language="zh-CN").html
    page = Page(renderer().web(many(10), language="zh-CN"))
    anchors = [link for link in page.links if link.startswith("#")]
    ids = {values["id"] for _, values in page.tags if "id" in values}
    assert len(anchors) == 10
    assert {anchor[1:] for anchor in anchors} <= ids
    links = Page(renderer().mail(many(10), language="zh-CN").html).links
    assert [link for link in links if "/40#" in link] == [
        f"https://digest.example.org/editions/40{anchor}" for anchor in anchors
    ]
    assert not [link for link in links if link.startswith("#")], "dead in Gmail and Yahoo on phones"
    assert "#i1" not in renderer(local=True).mail(many(10), language="zh-CN").html


def test_names_lead_to_the_other_item_on_pages_and_in_feeds_only() -> None:
    link = '#i2">四十年的信：一位数学老师和他的三代学生</a>'
    assert f'周砚秋也出现在：<a class="a" href="{link}' in renderer().web(SIX, language="zh-CN")
    assert f"/editions/12{link}" in unescape(renderer().atom([SIX], language="zh-CN"))
    for plain in (
        renderer().mail(SIX, language="zh-CN").html,
        unescape(renderer(local=True).atom([SIX], language="zh-CN")),
    ):
        assert "周砚秋也出现在：四十年的信：一位数学老师和他的三代学生" in plain


def test_no_last_character_of_a_title_stands_alone_in_the_contents() -> None:
    html = renderer().mail(many(10), language="zh-CN").html
    assert "推理降价六成，<nobr>账单为什么反而涨了三成</nobr></a> <nobr>原文约 4 分钟" in html


@pytest.mark.parametrize("count", [1, 3, 10, 50, 200])
def test_size_is_kept_and_what_is_cut_is_said(count: int) -> None:
    parts = renderer().mail(many(count), language="zh-CN")
    assert encoded_size(parts.html) <= 90_000
    left_out = count - parts.html.count("阅读原文：") - parts.html.count("没有原文链接")
    assert (f"另有 {left_out} 条，见网页版" in parts.text) == (left_out > 0) == (count >= 50)
    if count == 10:
        assert encoded_size(parts.html) < 38_000
        assert encoded_size(renderer().mail(many(10), language="en").html) < 38_000
    assert f"{SLOT_NAME}unsubscribe_url" in parts.html


SLOT_NAME = "\ufdd0"


def test_a_reader_of_one_theme_gets_a_subject_of_that_theme() -> None:
    parts = renderer().mail(THREE, language="zh-CN", themes=frozenset({"cost"}))
    assert parts.subject == "推理降价六成，账单为什么反而涨了三成"
    assert "柴窑" not in parts.html
    assert "你订阅了算力成本" in parts.text
    assert (
        renderer().mail(THREE, language="zh-CN", themes=frozenset({"craft", "cost"})).subject
        == renderer().mail(THREE, language="zh-CN").subject
    )


HOSTILE = [
    "<script>alert(1)</script>",
    "{{ 7*7 }} {% include 'mail.html' %}",
    '"><img src=x onerror=alert(1)>',
    "</title></style></head>",
    "]]> --><!-- <![endif]-->",
    "javascript:alert(1)",
    "a\x00b\x07c\x1bd",
    "\ufdd0unsubscribe_url\ufdd1",
    "&lt;b&gt; &amp;",
    "jj0jj <!--jj1jj-->",
    "{braces} {0} {title}",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_outside_text_stays_text(text: str) -> None:
    source = replace(
        article("f/1", text, f"{text}。第二句在这里。", url="https://a.example/" + "x", outlet=text, republisher=text + "2"),
        authors=(text,), note=text, published=day(2026, 11, 1),
    )  # fmt: skip
    quoted = Excerpt(role=Role.LEAD, text=source.text, start=0, end=len(source.text), speaker=text)
    said = replace(quoted, role=Role.QUOTE)
    figure = replace(quoted, role=Role.FIGURE, number=text, label=text)
    theme = Theme(id="t", names={"zh": text}, terms={}, accent=text)
    shown = edition(
        section(
            theme,
            replace(kiln_item, article=source, excerpts=(quoted, said, figure), also_in=((text, text),)),
        )
    )
    newsletter = replace(NEWSLETTER, name=text, postal_address=text, sender_name=text)
    hostile = make_renderer(newsletter, themes=(theme,))
    for html in (hostile.mail(shown, language="zh-CN").html, hostile.web(shown, language="zh-CN")):
        page = Page(html)
        names = [name for name, _ in page.tags]
        assert not {"script", "img", "iframe", "form"} & set(names)
        assert not [values for _, values in page.tags for key in values if key.startswith("on")]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", html)
        assert names.count("h1") == 1
        for link in page.links:
            assert re.match(r"(https?:|mailto:|#|\ufdd0)", link), link
        expected = bare(clean(text))
        if expected:
            assert expected in bare(page.text)
    plain = hostile.mail(shown, language="zh-CN")
    assert plain.html.count("\ufdd0unsubscribe_url\ufdd1") == 1
    ET.fromstring(hostile.atom([shown], language="zh-CN"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x?y=1&z=2#f", "https://a.example/x?y=1&z=2#f"),
        ("https://例子.example/路径", "https://xn--fsqu00a.example/%E8%B7%AF%E5%BE%84"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("data:text/html,x", None),
        ("//a.example/x", None),
        ("/relative", None),
        ("https://user:pass@a.example/", None),
        ("https://a.example/\r\nX: y", None),
        ("https://a.example/a b", None),
        ("https://[bad", None),
        ("https://a.example/" + "x" * 3000, None),
        ('https://a.example/"onclick="x', "https://a.example/%22onclick=%22x"),
        ("", None),
        (None, None),
    ],
)
def test_only_addresses_a_mail_may_hold(url: str | None, expected: str | None) -> None:
    assert safe_url(url) == expected


def test_passages_are_linked_by_their_own_words() -> None:
    lead = excerpt(kiln, Role.LEAD, "作坊三年里", "20%。")
    assert passage_url(kiln, lead) == (
        "https://kiln.example/2026/11/six-apprentices#:~:text="
        "%E4%BD%9C%E5%9D%8A%E4%B8%89%E5%B9%B4%E9%87%8C%E5%85%B1%E6%9C%8929%E4%BA%BA%E6%8A%A5%E5%90%8D"
    )
    spliced = replace(kiln, cuts=(Cut(at=lead.start + 3, removed="x", reason="y"),))
    assert "%E4%BD%9C%E5%9D%8A" not in str(passage_url(spliced, lead))
    assert passage_url(replace(kiln, url=None), lead) is None
    points = excerpt(chips, Role.POINT, "“便宜", "浪费。”")
    assert "-" not in str(passage_url(replace(chips, url="https://a.example/x"), points)).split("text=")[1]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("用GPT-4写了3篇文章", "用 GPT-4 写了 3 篇文章"),
        ("已是 GPT 时代", "已是 GPT 时代"),
        ("超过60%用户", "超过 60% 用户"),
        ("「大模型+大算力」", "「大模型+大算力」"),
        ("English only, no change", "English only, no change"),
        ("他说:好,走吧(笑)!", "他说：好，走吧（笑）！"),
    ],
)
def test_typesetting_changes_no_character(source: str, shown: str) -> None:
    assert str(Typesetter(restore=True).shown(source)) == shown
    assert bare(shown) == bare(source)


def test_punctuation_can_be_kept() -> None:
    keeping = make_renderer(NEWSLETTER, punctuation="keep")
    assert "只收六名学徒的柴窑:第一年" in keeping.mail(ONE, language="zh-CN").html


def test_omissions_are_shown() -> None:
    setter = Typesetter(restore=True)
    assert str(setter.excerpt(excerpt(kiln, Role.POINT, "而学徒的平均年龄", "27岁"), kiln)).startswith("……而")
    assert str(setter.excerpt(excerpt(kiln, Role.POINT, "全市登记", "41座"), kiln)).endswith("座……")
    assert "…" not in setter.excerpt(excerpt(kiln, Role.POINT, "学徒们每周", "23册。"), kiln)
    english = bench_item.article
    assert setter.excerpt(excerpt(english, Role.POINT, "when it moved", "two."), english).startswith("… when")


def test_chinese_marks_get_a_chinese_face() -> None:
    html = '<p class="src">“甲”</p><p>他说“好”——走 "no" don’t “yes”……</p>'
    dressed = dress(html, faces="F", budget=200)
    face = '<span style="font-family:F">'
    assert dressed.count(face) == 3
    assert f"{face}“好”</span>" in dressed, "one face for a quotation that is all Chinese"
    assert "<nobr>——</nobr>" in dressed
    assert "don’t" in dressed
    assert dress(html, faces="F", budget=20) == dress(html), (
        "the style sheet's, when they would cost too much"
    )
    assert dress(html).count('<span class="m">') == 3
    assert dress("<nobr>甲——乙</nobr>——丙") == "<nobr>甲——乙</nobr><nobr>——</nobr>丙"
    mixed = dress("<p>见“OK”了：“Small teams”: x ‘a“中”b’</p>")
    assert '<span class="m">“</span>OK' in mixed
    assert "：“Small teams”:" in mixed
    assert mixed.count('<span class="m">') == 5
    serif = dress('<h1 class="h1">“窑”</h1><p>“火”</p>')
    assert '<span class="m">“</span>窑' in serif, "the words keep the title's own face"
    assert '<span class="m">“火”</span>' in serif
    assert "<span" not in dress('<div class="pre">“甲”</div>')


@pytest.mark.parametrize(
    ("title", "px", "expected"),
    [
        ("窑火,第一年不许碰轮盘,只学看火", 27, "窑火，|第一年不许碰轮盘，|只学看火"),
        ("窑火:人们怎样影响AI世界（2023）", 27, "窑火：|人们怎样影响 AI 世界|（2023）"),
        ("谈窑:「大窑+大火」撑开了整整一条古老的街", 23, "谈窑：|「大窑+大火」|撑开了整整一条古老的街"),
        ("“重修村里老窑”“动员全村老小”，他说", 19, "“重修村里老窑”|“动员全村老小”，|他说"),
        ("他说“好，就这样", 27, "他说“好，就这样"),
        ("四十年的信", 19, "四十年的信"),
        ("我和守窑人王师傅从清早聊到半夜AI大模型", 23, "我和守窑人王师傅从清早聊到半夜 |AI 大模型"),
        ("Fire, and what it does", 27, "Fire, and what it does"),
    ],
)
def test_titles_break_between_clauses_and_quotations(title: str, px: int, expected: str) -> None:
    shown = Typesetter(True).headline(title, px)
    assert re.sub("</?nobr>", "|", shown).replace("||", "|").strip("|") == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("短标题", "短标题"),
        ("很长的标题" * 20, ("很长的标题" * 20)[:58] + "……"),
        ("前半句说明白了是什么事情而且说得相当完整没有遗漏任何要紧的地方和细节部分,后半句只是补充一些没有人会去看的背景材料和说明文字", "前半句说明白了是什么事情而且说得相当完整没有遗漏任何要紧的地方和细节部分……"),
        ("word " * 60, ("word " * 23).strip() + " …"),
    ],
)  # fmt: skip
def test_long_titles_end_at_a_mark(title: str, expected: str) -> None:
    assert cut_title(title) == expected


def test_gap_is_added_once() -> None:
    assert gap(gap("中文A中文")) == "中文 A 中文"


@pytest.mark.parametrize(
    ("numbers", "spans", "expected"),
    [
        (["29篇", "14篇"], [(0, 9), (0, 9)], [100, 48]),
        (["29篇", "14篇"], [(0, 9), (20, 30)], [None, None]),
        (["61%", "32%"], [(0, 9), (20, 30)], [61, 32]),
        (["8万多个", "约4万个"], [(0, 9), (0, 9)], [100, 50]),
        (["29篇", "14个"], [(0, 9), (0, 9)], [None, None]),
        (["三成", "14个"], [(0, 9), (0, 9)], [None, None]),
        (["29篇"], [(0, 9)], [None]),
        ([], [], []),
    ],
)
def test_only_figures_of_one_kind_share_an_axis(
    numbers: list[str], spans: list[tuple[int, int]], expected: list[int | None]
) -> None:
    made = [
        Excerpt(role=Role.FIGURE, text="", start=a, end=b, number=n)
        for n, (a, b) in zip(numbers, spans, strict=True)
    ]
    assert bar_lengths(made) == expected


def test_themes_with_nothing_new_are_named_and_others_not() -> None:
    assert "这一期没有新内容的主题：师承" in renderer().mail(THREE, language="zh-CN").text
    waiting = replace(THREE, skipped=tuple(replace(s, nothing_new=False) for s in THREE.skipped))
    assert "没有新内容" not in renderer().mail(waiting, language="zh-CN").text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "zh-CN",
            [
                "更正：2026 年 11 月 15 日一期", "“41 座”一句原为“14 座”。", "2026 年 11 月 23 日更正",
                "学徒人数应为六名，不是七名。", "有更新", "2026 年 11 月 15 日之后有更新，新内容：",
                "音频：fire.mp3 （26 分钟、12.4 MB）", "文件：23 册笔记选页",
            ],
        ),
        (
            "en",
            [
                "Correction to the edition of November 15, 2026", "Corrected on November 23, 2026", "updated",
                "Updated since November 15, 2026; new here:", "Audio: fire.mp3 (26 min, 12.4 MB)", "File: 23",
            ],
        ),
    ],
)  # fmt: skip
def test_corrections_updates_and_files_are_in_every_form(language: str, said: list[str]) -> None:
    parts = renderer().mail(EVERYTHING, language=language)
    views = [parts.html, renderer().web(EVERYTHING, language=language)]
    texts = [Page(view).text for view in views]
    texts += [
        parts.text,
        re.sub(r"\]\([^)]*\)|[\[*\\]", "", renderer().markdown(EVERYTHING, language=language)),
    ]
    for text in texts:
        flat = " ".join(text.split())
        assert [one for one in said if bare(one) not in bare(flat)] == []
        assert all(
            file.url in view
            for file in ENCLOSURES
            for view in (*views, parts.text, renderer().markdown(EVERYTHING, language=language))
        )
    first = edition_json(EVERYTHING)["themes"][0]["items"][0]
    assert first["files"][0] == {
        "url": "https://kiln.example/a/fire.mp3", "kind": "audio/mpeg", "bytes": 12_400_000, "seconds": 1530, "title": "",
    }  # fmt: skip
    assert first["updated"] == "2026-11-15T00:00:00+00:00"


def test_a_correction_keeps_its_number_and_address_and_says_so_in_the_subject() -> None:
    parts = renderer().mail(EVERYTHING, language="zh-CN")
    assert parts.subject == "更正：只收六名学徒的柴窑：第一年不许碰轮盘，只学看火"
    assert "第 12 期" in parts.text
    assert "https://digest.example.org/editions/12\n" in parts.text
    assert "15" not in re.findall(r"editions/(\d+)", parts.html)
    head = re.search(r"<h1.*?</h1>", parts.html, re.DOTALL)
    assert head and "更正：" in head[0]
    feed = renderer().atom([EVERYTHING], language="zh-CN")
    assert "2026:editions/12<" in feed
    assert "学徒人数应为六名" in feed
    long = replace(EVERYTHING, subject="很长的标题" * 7)
    assert columns(renderer().mail(long, language="en").subject) <= 70
    assert "Corrected" not in renderer().mail(ONE, language="en").text


def test_an_update_that_also_quotes_old_words_does_not_call_all_of_it_new() -> None:
    update = Update(since=SLOT, new=((0, 10),))
    text = renderer().mail(edition(section(CRAFT, replace(kiln_item, update=update))), language="en").text
    assert "Updated since November 22, 2026." in text
    assert "new here" not in text


def test_files_of_a_doubtful_host_are_not_linked() -> None:
    article = replace(spun_item.article, enclosures=ENCLOSURES)
    shown = edition(section(COST, replace(spun_item, article=article)))
    assert "fire.mp3" not in renderer().mail(shown, language="en").html
    assert edition_json(shown)["themes"][0]["items"][0]["files"] == []


def test_somebody_it_is_sent_to_by_hand_is_not_told_of_a_subscription() -> None:
    parts = renderer().mail(THREE, language="en", subscribed=False)
    assert "窑火与账本编辑部 sent you this by hand; you are not subscribed." in parts.text
    assert not re.search("Unsubscribe|You get this because|leave@", parts.text)


def test_model_sentences_are_marked() -> None:
    written = replace(kiln_item, excerpts=(replace(kiln_item.excerpts[0], by="model", start=0, end=0),))
    text = renderer().mail(edition(section(CRAFT, written)), language="en").text
    assert text.count("Written by a model, checked against the source") == 1


def test_web_copy_has_no_personal_link_and_tells_others_what_it_is() -> None:
    html = renderer().web(THREE, language="zh-CN")
    page = Page(html)
    assert "\ufdd0" not in html
    assert "unsubscribe" not in html
    metas = {values.get("property"): values.get("content") for tag, values in page.tags if tag == "meta"}
    assert metas["og:title"] == THREE.subject
    assert metas["og:url"] == "https://digest.example.org/editions/12"
    assert ("link", {"rel": "canonical", "href": "https://digest.example.org/editions/12"}) in page.tags
    assert "@media print" in html
    local = renderer(local=True).web(THREE, language="zh-CN")
    assert "canonical" not in local
    assert "og:url" not in local


@pytest.mark.parametrize("local", [False, True])
def test_atom_fits_the_schema_of_rfc_4287(local: bool) -> None:
    from lxml import etree

    schema = etree.RelaxNG(etree.parse(Path(__file__).parent / "atom.rng"))
    for editions in ([], [SIX, EVERYTHING]):
        schema.assertValid(etree.fromstring(renderer(local=local).atom(editions, language="zh-CN")))


def test_a_feed_s_contents_lead_to_the_page() -> None:
    feed = renderer().atom([SIX], language="en")
    assert 'href="https://digest.example.org/editions/12#i2"' in feed
    assert 'href="#' not in feed + renderer(local=True).atom([SIX], language="en")


def test_a_feed_reader_finds_every_edition_whole_and_under_its_own_id() -> None:
    import feedparser

    read = feedparser.parse(renderer().atom([THREE, ONE], language="zh-CN").encode())
    assert not read.bozo
    ids = [entry.id for entry in read.entries]
    assert ids == ["tag:weekly.example.org,2026:editions/12", "tag:weekly.example.org,2026:editions/1"]
    assert all("<h3" in entry.content[0].value and entry.link for entry in read.entries)


def test_archive_lists_editions() -> None:
    page = Page(renderer().archive([THREE, ONE], language="en", older="/editions?before=1"))
    assert "https://digest.example.org/editions/12" in page.links
    assert "/editions?before=1" in page.links
    assert "No edition yet." in Page(renderer().archive([], language="en")).text


def test_json_is_the_design_s_form() -> None:
    made = edition_json(THREE)
    assert json.loads(json.dumps(made)) == made
    assert list(made) == ["number", "schedule", "slot", "subject", "themes", "skipped", "corrections"]
    first = made["themes"][0]["items"][0]
    assert list(first) == [
        "title", "authors", "outlet", "republisher", "published", "url", "source", "reading_minutes", "why", "caution",
        "excerpts", "updated", "files",
    ]  # fmt: skip
    for one in first["excerpts"]:
        assert kiln.text[one["start"] : one["end"]] == one["text"]
    assert made["skipped"] == [{"theme": "teaching", "why": "nothing left to quote"}]


def test_own_templates_shadow_ours(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials/quote.html").write_text('<p class="said">» {{ item.quote.text }} «</p>')
    html = make_renderer(NEWSLETTER, template_dirs=[tmp_path]).mail(ONE, language="zh-CN").html
    assert "» <span" in html
    assert 'style="margin:0 0 4px;font:400 20px/34px' in html


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("<p>\n{% if %}</p>", "partials/quote.html, line 2"),
        ("<p>{{ nosuch.thing }}</p>", "nosuch"),
        ('{% include "nowhere.html" %}', "nowhere.html"),
    ],
)
def test_a_broken_template_is_named(tmp_path: Path, source: str, names: str) -> None:
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials/quote.html").write_text(source)
    with pytest.raises(RenderError, match=re.escape(names)):
        make_renderer(NEWSLETTER, template_dirs=[tmp_path]).mail(ONE, language="zh-CN")


def test_a_template_that_does_not_compile_is_told_before_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/archive.html").write_text("<p>\n{{ rows|nosuch }}</p>")
    with pytest.raises(RenderError, match=re.escape("web/archive.html, line 2")):
        make_renderer(NEWSLETTER, template_dirs=[tmp_path])


def test_tokens_change_the_look() -> None:
    html = make_renderer(NEWSLETTER, tokens={"ink": "#000001"}).mail(ONE, language="en").html
    assert "color:#000001" in html
    for wrong in ({"colour": "red"}, {"ink": "red;} body{display:none"}, {"ink": "url(//x)</style>"}):
        with pytest.raises(RenderError, match="design token"):
            make_renderer(NEWSLETTER, tokens=wrong)


def test_a_theme_s_accent_is_used_when_it_is_a_colour() -> None:
    html = renderer().mail(THREE, language="en").html
    assert 'bgcolor="#7a4a12"' in html
    wrong = edition(section(replace(CRAFT, accent="red;x"), kiln_item))
    assert "red;x" not in make_renderer(NEWSLETTER).mail(wrong, language="en").html


@pytest.mark.parametrize(
    ("language", "expected"), [("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("en-GB", "en"), ("tlh", "en")]
)
def test_the_nearest_language_is_taken(language: str, expected: str) -> None:
    assert load_wording(language).language == expected


def test_a_third_language_needs_no_code(tmp_path: Path) -> None:
    """A catalog in a folder is a language: all words of ours come from it, dates and plurals follow its rules."""
    with catalogs()["zh-CN"].open("rb") as file:
        catalog = read_po(file)
    catalog.locale = Locale.parse("pl")
    for message in catalog:
        if message.id:
            one = message.id if isinstance(message.id, str) else message.id[1]
            marked = re.sub(r"[a-zA-Z]+(?![^{]*})", "ż", one)
            message.string = marked if isinstance(message.id, str) else tuple(f"{marked} {n}." for n in "abc")
    target = tmp_path / "locale/pl/LC_MESSAGES/digest.po"
    target.parent.mkdir(parents=True)
    with target.open("wb") as out:
        write_po(out, catalog)
    polish = make_renderer(LOCAL, template_dirs=[tmp_path])
    item = replace(
        kiln_item, article=replace(kiln, outlet=None, authors=(), title="题", text="文"), excerpts=()
    )
    shown = replace(edition(section(replace(CRAFT, names={"zh": "艺"}), item)), subject="题", coverage=())
    parts = polish.mail(shown, language="pl", subscribed=False)
    assert '<html lang="pl"' in parts.html
    text = choose(parts.text, frozenset())
    assert "22 listopada 2026" in text
    assert "1 ż, ż 1 ż a." in text, "the form for one"
    left = re.sub(r"https?://\S+|listopada|Digest|Master", "", text)
    assert re.findall(r"[A-Za-z]{2,}", left) == []


@cache
def _used() -> dict[str, str]:
    """Every message templates and modules ask for, and where."""
    keywords = {
        **dict.fromkeys(("_", "html", "plain", "say", "gettext"), None),
        **dict.fromkeys(("ngettext", "html_n"), (1, 2)),
    }
    found = [(path, "jinja2.ext:babel_extract") for path in (ROOT / "templates").rglob("*.html")]
    found += [(path, "python") for path in (ROOT / "digest/render").glob("*.py")]
    return {
        one: f"{path.relative_to(ROOT)}:{line}"
        for path, method in found
        for line, message, _, _ in extract_from_file(method, path, keywords=keywords)
        for one in ([message] if isinstance(message, str) else message)
    }


@pytest.mark.parametrize("language", sorted(catalogs().keys() - {SOURCE_LANGUAGE}))
def test_no_string_is_untranslated_and_none_that_nobody_says_is_kept(language: str) -> None:
    with catalogs()[language].open("rb") as file:
        catalog = read_po(file)
    told: dict[str, tuple[str, ...]] = {}
    source = "".join(path.read_text("utf-8") for path in (ROOT / "digest").rglob("*.py"))
    source = re.sub(r'"\n\s*"', "", source)  # of messages longer than a line
    for message in catalog:
        if message.id and not message.fuzzy:
            ids = [message.id] if isinstance(message.id, str) else message.id
            strings = (message.string,) if isinstance(message.string, str) else tuple(message.string)
            told |= dict.fromkeys(ids, strings)
            assert message.context or ids[0] in _used() or ids[0] in source
    assert {one: where for one, where in _used().items() if one not in told} == {}
    for one, strings in told.items():
        fields = set(re.findall(r"{\w+}", one))
        for string in strings:
            assert string, one
            assert set(re.findall(r"{\w+}", string)) <= fields, one


def test_templates_hold_no_words_of_their_own() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        source = re.sub(
            r"{#.*?#}|{%.*?%}|{{.*?}}|<!--.*?-->|<style.*?</style>|<[^>]*>",
            " ",
            path.read_text("utf-8"),
            flags=re.S,
        )
        assert not re.search(r"[一-鿿]|[A-Za-z]{2,}", unescape(source)), path


@pytest.mark.parametrize(
    "line", ["汉" * 200, "word " * 60, "- " + "项目，" * 60, "x" * 200, "“引”" * 60, "——" * 60]
)
def test_folding_loses_nothing(line: str) -> None:
    folded = fold(line)
    assert bare(folded) == bare(line)
    for row in folded.splitlines():
        assert columns(row) <= WIDTH or len(row.split()) == 1
        assert not re.match(r"[，。”]", row.strip())


def test_the_text_part_breaks_where_the_mail_does() -> None:
    """Labels stay whole and titles break between clauses: no last character stands alone on a line."""
    label = "旧文重读：2023 年"
    html = f"<p>{'经' * 30} · <nobr>{label}</nobr></p><h3>{'窑' * 30}，<nobr>只学看火里的声音</nobr></h3>"
    lines = to_text(html).splitlines()
    assert label in lines
    assert "只学看火里的声音" in lines


def test_no_last_character_stands_alone_in_the_text_part() -> None:
    assert [len(row) for row in fold("窑" * 39).split("\n")] == [36, 3]


def test_subject_and_preheader_are_set_like_the_headline() -> None:
    parts = renderer().mail(replace(ONE, subject="谁在影响AI世界", preheader="3年看1800篇"), language="zh-CN")
    assert parts.subject == "谁在影响 AI 世界"
    assert "3 年看 1800 篇" in parts.html


def flagged(*codes: str, severity: Severity = Severity.NOTE) -> dict[str, Any]:
    return {"flags": tuple(Flag(code=code, severity=severity, reason="r") for code in codes)}


@pytest.mark.parametrize(
    ("more", "english"),
    [
        ({"outlet": None, "republisher": "Copy House"}, "Copy House · "),
        ({"outlet": None, "republisher": "Copy House", **flagged("spun", severity=Severity.CAUTION)}, "a republishing site · "),
        ({"outlet": None, "republisher": None, "authors": ()}, "Published November 20, 2026 · "),
        ({"republisher": "Copy House"}, "器物志, via Copy House · "),
        ({"republisher": "Copy House"}, "A republished copy; it may differ from the original in 器物志."),
        ({"republisher": "Firm", **flagged("republished-by-subject")}, "Republished by the company it is about (Firm)."),
        (flagged("outlet-inferred"), "Outlet inferred from the text; the page does not name it."),
        ({"outlet": None, **flagged("spun")}, "machine-reworded: terms and names may be wrong."),
        ({"republisher": "Copy House", **flagged("spun")}, "Rely on the original in 器物志."),
        ({"republisher": None, **flagged("spun")}, "terms and names may be wrong. No link"),
        ({"published": None, "text": "没有年份"}, "Undated · "),
        ({"published": None, "text": "只有1998年"}, "Undated; the text mentions 1998"),
        (
            {"published": Published(at=datetime(2025, 6, 1, tzinfo=UTC), precision=Precision.MONTH)},
            "Published June 2025 · ",
        ),
        ({"published": day(2025, 6, 1)}, "Published 1 year ago; things may have changed."),
        ({"published": day(2025, 6, 1)}, "From the archive: 2025"),
        ({"held_on": date(2026, 11, 1)}, "Interview held November 1, 2026"),
        ({"held_on": date(2026, 11, 1)}, "An interview: claims are the speaker's own."),
        ({}, "in Chinese"),
        ({"note": "checked by hand"}, "[checked by hand – Ed.]"),
    ],
)  # fmt: skip
def test_what_is_said_about_a_source(more: dict[str, Any], english: str) -> None:
    item = replace(kiln_item, article=replace(kiln, **more), excerpts=(), also_in=())
    text = renderer().mail(edition(section(CRAFT, item)), language="en").text
    assert english.strip() in " ".join(text.split())


def test_an_outlet_that_told_the_same_story_is_named_once_and_never_the_item_s_own() -> None:
    others = (spun_item.article, replace(kiln, title="又一篇"), spun_item.article)
    text = (
        renderer().mail(edition(section(CRAFT, replace(kiln_item, also_from=others))), language="zh-CN").text
    )
    assert "同一件事另见：城市经济报\n" in text


def test_a_site_that_copied_the_item_is_named_by_its_own_name() -> None:
    copied = replace(kiln, title="又一篇", republisher="转抄网")
    shown = edition(section(CRAFT, replace(kiln_item, also_from=(copied,))))
    assert "同一件事另见：转抄网\n" in renderer().mail(shown, language="zh-CN").text


def test_a_reason_without_terms_is_still_a_fact() -> None:
    item = replace(kiln_item, reason=Reason(kind="new", terms=()))
    assert (
        "为什么选这条：“手艺”的新文章\n"
        in renderer().mail(edition(section(CRAFT, item)), language="zh-CN").text
    )


def test_the_chart_needs_something_to_compare() -> None:
    few = replace(THREE, coverage=THREE.coverage[:1])
    assert "最近" not in renderer().mail(few, language="zh-CN").text
    other = replace(THREE, coverage=(*THREE.coverage, ("retired", (1, 0, 0, 0, 0, 0))))
    assert "- retired  1" in renderer().mail(other, language="zh-CN").text


def test_frequency_is_told_when_known() -> None:
    parts = renderer().mail(THREE, language="en", themes=frozenset({"cost"}), frequency="every week")
    assert "You get this because you chose Compute cost, every week." in parts.text
    every = renderer().mail(THREE, language="zh-CN", frequency="every day").text
    assert "你订阅了《窑火与账本》（每天），所以收到这封邮件。" in every
