"""Summaries: exact spans that stand alone, keep their speakers and fit their room."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.model import Article, Block, BlockKind, Cut, Excerpt, Flag, Role, Severity, Size
from digest.people import with_office
from digest.summarize import extract, share, summarize
from digest.summarize.passages import passages, read
from digest.summarize.quotes import is_balanced
from digest.text import count, simplified

CORPUS = Path(__file__).parent / "corpus" / "summaries"

PROFILE = """\
凌晨四点，海塘气象站的灯又亮了。
海塘气象站站长秦屿今年四十六岁，带着七名预报员守着东湾三百公里的海岸线，负责两千六百条渔船的天气预报。
# 从渔村到气象站
秦屿出生在东湾的渔村，父亲和两个叔叔都是渔民。1993年的一场台风让村里十一条船没有回来，他的小叔叔也在其中。
“那天的预报说风力六级，实际到了十级。”秦屿说，“我从那时候起就想知道，为什么会差这么多。”
1997年，秦屿考上气象学院，导师柯望平让他研究近海的突发大风。柯望平当时是国内少数做海雾和阵风的人，他的办公室里挂着一张手画的东湾海图。
柯望平说：“预报不是写给同行看的，是写给要出海的人看的。你写一句话，有人会拿命去信。”
# 自己做的浮标
2012年，秦屿和同事在东湾布下了第一批六个自制浮标，每个成本只有1.2万元，是进口浮标的十五分之一。
浮标每十分钟传回一次风速和浪高，让阵风预警的提前量从40分钟增加到3个小时。
此后，浮标增加到四十个，预警的漏报率从18%降到4%。
对此，省气象局曾经派人来学习。
欢迎关注海塘气象公众号，扫码报名参观。
“机器会算，可是渔民问的是能不能去、几点回来。”秦屿说，他坚持每天早上五点在渔船的对讲频道里亲自播报，十一年没有断过。
渔民阮阿四说，自己听秦屿的播报出海，十年里只有一次遇到没报出来的大风。
今年九月，海塘气象站的做法被写进省里的规划，四十八个沿海乡镇明年将布设三百个同样的浮标，总投资约600万元。
"""


def make(text: str = PROFILE, **fields: object) -> Article:
    body, blocks = "", []
    for source in text.strip().splitlines():
        body += "\n\n" if body else ""
        kind = BlockKind.HEADING if source.startswith("# ") else BlockKind.PARAGRAPH
        line = source.removeprefix("# ")
        blocks.append(Block(kind=kind, start=len(body), end=len(body) + len(line)))
        body += line
    article = Article(
        source_id="seeds/profile.txt",
        title="守着三百公里海岸线的预报员秦屿",
        text=body,
        blocks=tuple(blocks),
        language="zh",
        authors=("温澜",),
    )
    return replace(article, **fields)  # type: ignore[arg-type]


def spans(excerpts: tuple[Excerpt, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((e.start, e.end) for e in excerpts)


def summary(article: Article, **changes: object) -> tuple[Excerpt, ...]:
    options: dict[str, object] = {"focus": {}, "size": Size.FULL, "room": 480, **changes}
    return summarize(article, **options)  # type: ignore[arg-type]


def test_every_excerpt_is_the_source_and_none_overlap() -> None:
    article = make()
    found = summary(article)
    assert all(article.text[e.start : e.end] == e.text and is_balanced(e.text) for e in found)
    ordered = sorted(spans(found))
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))


def test_a_full_item_has_a_lead_points_and_keeps_its_budget() -> None:
    found = summary(make())
    roles = [e.role for e in found]
    assert roles[0] is Role.LEAD and "秦屿" in found[0].text
    assert (
        2 <= roles.count(Role.POINT) <= 4 and roles.count(Role.QUOTE) <= 1 and roles.count(Role.FIGURE) <= 4
    )
    assert 200 <= sum(count(e.text) for e in found) <= 480
    points = [e.start for e in found if e.role is Role.POINT]
    assert points == sorted(points)


@pytest.mark.parametrize(
    ("size", "room", "most"), [(Size.BRIEF, 480, 110), (Size.MEDIUM, 480, 260), (Size.FULL, 150, 150)]
)
def test_sizes_and_room(size: Size, room: int, most: int) -> None:
    found = summary(make(), size=size, room=room)
    assert found and sum(count(e.text) for e in found) <= most
    if size is Size.BRIEF:
        assert [e.role for e in found] == [Role.LEAD]


def test_no_room_no_summary() -> None:
    assert summary(make(), room=20) == ()
    assert summary(make("短。")) == ()
    assert summary(replace(make(), text="", blocks=())) == ()


def test_nothing_dangles_or_advertises() -> None:
    used: tuple[tuple[int, int], ...] = ()
    for _ in range(4):
        found = summary(make(), used=used)
        for e in found:
            assert not e.text.startswith(("他", "对此", "此后", "可是")), e.text
            assert "扫码" not in e.text and not e.text.endswith(("？", "："))
        assert not any(a < d and c < b for a, b in spans(found) for c, d in used)
        used += spans(found)
    assert summary(make(), used=((0, len(make().text)),)) == ()


def test_what_stands_next_does_not_open_a_report_whose_opening_was_sent() -> None:
    first = "海塘市11月6日通过新规，全市214所学校的用水全部改为再生水，供应商由各校教师投票选择。"
    report = (
        f"{first}\n海塘水务公司业务负责人温若川的办公室里摆着一只旧水表。\n"
        "2025年，教育局花620万元买下一套净水设备，今年6月的调查却发现，61%的学校已经把它关掉。\n"
        "按照新规，供应商必须公布水质数据，投票每年9月举行一次。市教育局副局长阮一舟表示，两年后将评估效果。"
    )
    source = make(report, title="海塘市214所学校改用再生水，供应商让教师投票")
    (again,) = summary(source, size=Size.BRIEF, used=((0, len(first)),))
    assert "61%的学校" in again.text


def test_quotations_keep_their_speaker() -> None:
    found = summary(make(), room=480)
    quotes = [e for e in found if e.role is Role.QUOTE]
    assert quotes and all(e.speaker and e.speaker.endswith(("秦屿", "柯望平")) for e in quotes)
    for e in found:
        if "我" in e.text:
            assert e.speaker or "秦屿" in e.text or "柯望平" in e.text


def test_a_theme_turns_the_summary() -> None:
    about = summary(make(), focus={"导师": 1.0, "学院": 1.0, "柯望平": 1.0}, size=Size.MEDIUM)
    things = summary(make(), focus={"浮标": 1.0, "预警": 1.0}, size=Size.MEDIUM)
    assert any("柯望平" in e.text for e in about)
    assert any("浮标" in e.text for e in things[:2])


LOSSES = "东湾渔业协会的统计显示，2025年全港因大风停航的渔船损失了约3.6亿元。"
"""More than the points have room for: their own figures stand in them."""


def test_figures_name_their_number_and_label() -> None:
    figures = [e for e in summary(make(PROFILE + LOSSES)) if e.role is Role.FIGURE]
    assert figures
    for e in figures:
        assert e.number and e.label and e.number in e.text and e.label in e.text


def test_figures_are_on_the_theme_and_none_of_a_reworded_copy() -> None:
    def figures(article: Article, **focus: float) -> list[str | None]:
        return [e.number for e in summary(article, focus=focus) if e.role is Role.FIGURE]

    spun = Flag(code="spun", severity=Severity.CAUTION, reason="odd words")
    article = make(PROFILE + LOSSES)
    assert figures(article) == ["约3.6亿元"]
    assert not figures(replace(article, flags=(spun,)))
    assert not figures(article, 导师=1.0, 柯望平=1.0)


def test_what_was_said_is_not_said_again() -> None:
    article = make()
    lead = summary(article)[0]
    again = summary(article, avoid=[lead.text.replace("，", ",")])
    assert lead.text not in [e.text for e in again]
    doubled = make(PROFILE + PROFILE)
    texts = [e.text for e in summary(doubled)]
    assert len(texts) == len(set(texts))


def test_sentences_that_were_cut_are_left_alone() -> None:
    article = make()
    at = article.text.index("布下了第一批")
    found = summary(
        replace(article, cuts=(Cut(at=at, removed="某某网", reason="brand"),)), focus={"浮标": 1.0}
    )
    assert not any(e.start < at < e.end for e in found)


def test_a_quotation_over_several_paragraphs() -> None:
    text = """\
港务局局长祝海宁在会上介绍了新码头的建设情况，并回答了代表的提问。
祝海宁说：“新码头明年六月开通，可以停靠五万吨级的货轮，年吞吐量八百万吨。
“老码头不会拆，会改成公园，仓库改成展馆和市场，工人全部转岗，不裁一个人。”
代表们用了两个小时参观老码头，并对仓库的改造提出了十七条意见和建议。"""
    found = summary(make(text, title="祝海宁谈新码头"), room=480)
    for e in found:
        assert is_balanced(e.text)
        if "不裁一个人" in e.text or "五万吨级" in e.text:
            assert e.speaker and e.speaker.endswith("祝海宁")


def test_answers_of_an_interview_are_the_named_persons() -> None:
    text = (CORPUS / "zh_talk_orchard.txt").read_text(encoding="utf-8").split("\n\n", 1)[1]
    found = summary(make(text, title="果农曹海生谈回乡种苹果"))
    assert found and all(e.speaker == "曹海生" for e in found if e.role is not Role.FIGURE)
    assert not any(e.text.startswith(("答", "问")) for e in found)


def test_a_round_table_names_each_speaker() -> None:
    text = (CORPUS / "zh_talk_library.txt").read_text(encoding="utf-8").split("\n\n", 1)[1]
    found = summary(make(text, title="图书馆要不要关门"))
    assert {e.speaker for e in found} <= {"副馆长罗启明", "罗启明", "韩梅", "丁一凡"}
    assert "许静" not in "".join(e.speaker or "" for e in found)


HALL = """\
Marta Quill: You started as a drummer. How does a drummer become a builder of halls?
Devon Okoro: I was thrown out of every flat I rented, so I learned to build walls.
{q}: And the hall in Bergen is the first you built from the ground. Did it work?
{a}: The first night was terrible because the seats were late and the room rang like a bell.
{q}: Everybody speaks of the silence there.
{a}: Spend a third of the money on silence, because air conditioning ruins more evenings than singers do."""


@pytest.mark.parametrize(("q", "a"), [("MQ", "DO"), ("M", "D"), ("Marta", "Devon"), ("Marta Quill", "DO")])
def test_labels_of_an_interview_may_be_short_after_the_first(q: str, a: str) -> None:
    quotes = read(make(HALL.format(q=q, a=a), title="A loud orchestra", language="en"), {}).quotes
    assert [quote.speaker for quote in quotes] == [None, "Devon Okoro"] * 3


@pytest.mark.parametrize(
    ("title", "speaker"), [("对话林若川：让机器人停下", "林若川"), ("让机器人停下", None)]
)
def test_a_surname_as_label_is_whom_the_title_names_or_nobody(title: str, speaker: str | None) -> None:
    text = """\
记者：停住有什么难的？
林：动起来容易，停下来难，差一毫米就会碰到旁边的箱子。
记者：客户是谁？
林：主要是做药品流通的公司，去年装了两千多台机器。"""
    assert [quote.speaker for quote in read(make(text, title=title), {}).quotes] == [None, speaker] * 2


def test_an_interview_may_open_with_an_answer_where_the_title_names_the_band() -> None:
    text = (
        HALL.format(q="MQ", a="DO")
        + """
MQ: What did the city want of you, and what did it get?
DO: The city wanted a landmark for visitors and got a room for two thousand people who listen."""
    )
    found = summary(make(text, title="Lowlight Strings interview", language="en"))
    assert found and {e.speaker for e in found} == {"Devon Okoro"}


def test_he_said_is_no_speaker() -> None:
    text = """\
江东港务局局长祝海宁周三介绍了新码头的建设情况，新码头将在明年六月开通。
祝海宁说：“新码头可以停靠五万吨级的货轮，年吞吐量达到八百万吨。”
他说道：“老码头不会拆，会改成公园，仓库改成展馆和市场，向所有人开放。”
他说道：“工人们全部转岗，不会裁掉一个人，培训已经办了三期，效果不错。”"""
    for _ in range(2):
        found = summary(make(text, title="祝海宁谈新码头"))
        assert found and all(e.speaker is None or e.speaker.endswith("祝海宁") for e in found)


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        (
            "“The ferry was slow and cold,” said Dr. Anneliese Fönhus, who had waited for hours.",
            ["Anneliese Fönhus"],
        ),
        (
            "Detective Chief Inspector Callum Brae said: “Nobody saw the ferry leave that night.”",
            ["Callum Brae"],
        ),
        ("“We will paint the ferry before summer,” DeWitt said. “Then we sell it.”", ["DeWitt"] * 2),
        ("Ruth McKelway said the boat was late. The court wrote: “Nobody is owed a boat at night.”", [None]),
        (
            "Priya Anand, of the Council for Harbour Rights, said so. “It was far too late for that.”",
            ["Priya Anand"],
        ),
        (
            "Two ferries sank in Port Lowmoor. “We are very worried about the boats,” he told a Port Lowmoor-based club.",
            [None],
        ),
        ("梁玉芬表示，票价没有变。梁玉芬跑了三趟，法院最后答复：“渡船没有义务在夜里载客。”", [None]),
    ],
)
def test_speakers_are_named_whole_or_not_at_all(text: str, speakers: list[str | None]) -> None:
    quotes = read(make(text, title="The ferry", language="en"), {}).quotes
    found = [
        q.speaker and q.speaker.endswith(who or "?") and who for q, who in zip(quotes, speakers, strict=True)
    ]
    assert found == speakers


@pytest.mark.parametrize(
    ("name", "text", "printed"),
    [
        (
            "Brandvold",
            "Kari Brandvold, head of engineering at Harbour Steel, came. Mr. Brandvold left.",
            "Kari Brandvold, head of engineering at Harbour Steel",
        ),
        ("Mr Brandvold", "Minister Kari Brandvold came. Mr Brandvold left.", "Minister Kari Brandvold"),
        ("Kari", "On Monday Kari Brandvold came. Kari left.", "Kari Brandvold"),
        ("Brandvold", "Kari Brandvold and Nils Brandvold came.", "Brandvold"),
        ("Mo", "Mo came.", "Mo"),
        ("邬立志", "但长风船厂总工程师邬立志没有来。", "长风船厂总工程师邬立志"),
        ("邬立志", "该厂品牌总监邬立志没有来。", "品牌总监邬立志"),
    ],
)
def test_speakers_have_the_office_the_article_gives(name: str, text: str, printed: str) -> None:
    assert with_office(name, text, "") == printed


def test_a_pronoun_behind_somebody_else_is_not_the_last_speaker() -> None:
    text = """\
江东港务局局长祝海宁周三介绍了新码头的建设情况，副局长祝新民陪同参观。
祝海宁说：“新码头可以停靠五万吨级的货轮，年吞吐量达到八百万吨。”
小店的女主人、周师傅的母亲看法不同。“码头搬走以后，街上一个客人也没有了，店只好关门，货全退了。”她说。"""
    (_, quote) = read(make(text, title="新码头"), {}).quotes
    assert quote.speaker is None


def test_share_of_an_article() -> None:
    assert share(make("字" * 600)) == (200, 200)
    assert share(make("字" * 3000)) == (360, 900)
    assert share(make("字" * 9000)) == (500, 2700)
    words = "word " * 3000
    edition, everything = share(make(words, language="en"))
    assert edition == round(500 * 2.35) and everything == 3600


def test_english() -> None:
    text = (CORPUS / "en_news_bridge.txt").read_text(encoding="utf-8").split("\n\n", 1)[1]
    article = make(text, title="Harlow Street Bridge closes after cracks are found", language="en")
    found = summary(article, room=1200)
    assert found[0].role is Role.LEAD and "bridge" in found[0].text.lower()
    assert len(found) >= 3
    assert not any(e.text.startswith(("He ", "It ", "That ")) for e in found)


@pytest.mark.parametrize("name", ["zh_talk_canteen", "zh_news_ferry", "en_news_seal"])
@pytest.mark.parametrize("room", [40, 120, 300, 10_000])
def test_extract_keeps_to_its_limits(name: str, room: int) -> None:
    text = (CORPUS / f"{name}.txt").read_text(encoding="utf-8").split("\n\n", 1)[1]
    found = extract(text, max_chars=room)
    assert list(found) == sorted(found)
    assert len("\n".join(text[a:b] for a, b in found)) <= room
    assert found == extract(text, max_chars=room)
    assert len(extract(text, max_sentences=3)) == 3
    if room >= 300:
        assert sum(b - a for a, b in found) >= 0.85 * min(room, 0.9 * len(text))


def test_extract_follows_the_query() -> None:
    text = (CORPUS / "zh_talk_canteen.txt").read_text(encoding="utf-8").split("\n\n", 1)[1]
    found = extract(text, query="送餐 志愿者 线路", max_chars=80)
    assert any("送餐" in text[a:b] for a, b in found)


def test_extract_counts_neither_bylines_nor_captions_as_the_opening() -> None:
    text = (
        "By . Ann Gray . PUBLISHED: . 09:12, 4 March 2020 . | . UPDATED: . 10:01, 4 March 2020 . The only bridge to"
        " Farholm was closed on Tuesday after a diver found two of its piers hollow. Danger: Piers of the bridge to"
        " Farholm stand in the tide . Buses will turn round at the harbour, and a ferry runs twice an hour. Nobody"
        " knows how long the repairs will take. The council hopes to pay for them out of the road fund."
    )
    (start, end), *_ = extract(text, max_chars=120)
    assert text[start:end].startswith("The only bridge to Farholm was closed")


def test_extract_gives_english_the_room_of_as_many_words_and_skips_adverts() -> None:
    text = (
        "The harbour of Sandwick will be dredged for the first time since 1988, its council said on Monday. The work"
        " costs 2.4 million pounds and takes eleven weeks. Ferries will call at Noss until the end of June. Sign up"
        " for our newsletter and never miss a tide. Fishermen had asked for it since two boats ran aground in 2021."
    )
    shown = [text[a:b] for a, b in extract(text)]
    assert sum(map(len, shown)) > 220 and not any("newsletter" in sentence for sentence in shown)


@pytest.mark.parametrize("limit", [{"max_chars": 0}, {"max_sentences": 0}, {"max_chars": -5}])
def test_extract_of_nothing(limit: dict[str, int]) -> None:
    assert extract("有一句话。", **limit) == ()  # type: ignore[arg-type]
    assert extract("", max_chars=100) == extract("…… ——", max_chars=100) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="他说：“”「」。，！？\"'.,?!…（）()A b1%万元\n\ud800\u200b秦屿", max_size=200),
    st.integers(0, 200),
)
def test_any_text_is_safe(text: str, room: int) -> None:
    article = make(text or "。")
    for e in summary(article, room=room):
        assert article.text[e.start : e.end] == e.text and is_balanced(e.text)
    for a, b in extract(text, query="秦屿", max_chars=room):
        assert 0 <= a < b <= len(text)


def test_time_grows_with_the_text() -> None:
    from time import perf_counter

    def cost(text: str) -> float:
        article = make(text)
        started = perf_counter()
        summary(article)
        extract(text, max_chars=2000)
        return perf_counter() - started

    small = min(cost(PROFILE * 8) for _ in range(3))
    assert cost(PROFILE * 8 * 12) < 12 * 4 * small + 0.5


SHORT_REPORT = """\
西部三个数据中心集群本周宣布下调电价，平均降幅为百分之十二，机架租金同步下调。
按公告，新电价从下月一日起执行，适用于上架率超过六成的机房，合同期不少于三年。
运营方负责人何文博表示，电费占算力成本的四成左右，降价后每张加速卡每年可省电费约一千二百元。
当地能源局介绍，集群用电中绿色电力的比例已经达到七成，明年将再新建两座变电站。"""


def test_a_short_report_leads_with_its_first_sentence() -> None:
    article = make(SHORT_REPORT, title="西部三个数据中心集群下调电价", authors=())
    for size in Size:
        found = summary(article, focus={"数据中心": 0.6, "电费": 0.6, "算力成本": 1.0}, size=size, room=300)
        assert found[0].role is Role.LEAD and found[0].start == 0, size


def test_an_article_about_a_theme_in_parts_is_quoted_from_those_parts_only() -> None:
    found = summary(make(), focus={"浮标": 1.0})
    assert found and all("浮标" in e.text for e in found if e.role in (Role.LEAD, Role.POINT))
    used = spans(found)
    while again := summary(make(), focus={"浮标": 1.0}, used=used):
        assert "浮标" in again[0].text
        used += spans(again)


def test_an_opening_without_the_theme_leads_only_under_its_title() -> None:
    text = """\
青石滩渔港在最近的五年里换了三任经理，码头上的老屋也拆去了一半，如今只剩下两排仓库。
渔港经理夏秋山说，港里的电动渔船今年增加到四十条，充电费用比柴油便宜一半以上。
渔民每天傍晚把电动渔船开回来充电，第二天清晨三点以前就能出海，电池可以跑八十海里。
港里的鱼市每天早上五点开张，来买鱼的多半是附近三个镇上的饭馆和学校的食堂。"""
    asked = {"电动渔船": 1.0}
    assert "电动渔船" in summary(make(text, title="青石滩的早晨"), focus=asked, size=Size.BRIEF)[0].text


HARBOUR = """\
渔港经理夏秋山说，港里的电动渔船今年增加到四十条，充电的费用比烧柴油便宜一半以上。
渔民每天傍晚把电动渔船开回来充电，第二天清晨不到三点就能出海捕鱼，中午以前回港。
青石滩渔港在最近的五年里换了三任经理，码头上的老屋也拆去了一半，只剩下两排仓库。
夏秋山早年在县里的水产学校教过书，他的妻子如今还在镇上的小学里当图画老师。
{more}
"""


def test_off_the_theme_of_a_title_only_the_first_point_may_be() -> None:
    article = make(HARBOUR.format(more=""), title="青石滩的电动渔船")
    points = [e.text for e in summary(article, focus={"电动渔船": 1.0}) if e.role is Role.POINT]
    assert points and all("电动渔船" in point for point in points)


def test_a_point_with_a_figure_goes_before_one_without() -> None:
    told = "电动渔船的电池装在船尾的舱里，{}，换一次电池要两个渔民一起动手。"
    more = "\n".join(told.format(words) for words in ("每组一共重达1100公斤", "由 KDX、HML 和 OXY 供货"))
    for text in (more, "\n".join(reversed(more.splitlines()))):
        article = make(HARBOUR.format(more=text), title="青石滩的电动渔船")
        points = [e.text for e in summary(article, focus={"电动渔船": 1.0}) if e.role is Role.POINT]
        assert any("1100公斤" in point for point in points)
        assert not any("KDX" in point for point in points)


REWRITTEN = """\
滨河数据局局长岑立言周二在会上介绍了数据中心的建设计划，一期工程明年六月完工。
数据局要充塞发现并诈骗全市的数据资源，让企业和学校都能用上数据中心的算力。
数据中心一期有四百个机架，全部用水电供电，每年可以少烧三千吨煤。
数据中心的编造由两家公司负责维护，每天有三十名工程师在现场轮流值班。"""


def test_a_rewritten_text_accuses_nobody() -> None:
    spun = Flag(code="spun", severity=Severity.CAUTION, reason="reads as rewritten")
    article = make(REWRITTEN, title="滨河数据中心明年完工")
    assert "诈骗" in "".join(e.text for e in summary(article))
    shown = "".join(e.text for e in summary(replace(article, flags=(spun,))))
    assert shown and "诈骗" not in shown and "编造" not in shown


def test_neighbouring_points_are_one_excerpt() -> None:
    for focus in ({}, {"浮标": 1.0}, {"渔民": 1.0}):
        article = make()
        points = [e for e in summary(article, focus=focus) if e.role is Role.POINT]
        for one, other in pairwise(points):
            assert article.text[one.end : other.start].strip() or "\n" in article.text[one.end : other.start]


def test_half_a_quotation_is_never_set_large() -> None:
    text = """\
江东港务局局长祝海宁周三介绍了新码头的建设情况，新码头将在明年六月开通。
“新码头可以停靠五万吨级的货轮和所有的客轮，”祝海宁说，“年吞吐量会达到八百万吨。”
代表们用了两个小时参观老码头，并对仓库的改造提出了十七条意见和建议。"""
    assert not [e for e in summary(make(text, title="祝海宁谈新码头")) if e.role is Role.QUOTE]


@pytest.mark.parametrize(
    ("opening", "begins"),
    [
        (
            "新华社江东3月5日电（记者 田野）江东港新码头周三动工，工期三年，可以停靠五万吨级的货轮。",
            "江东港新",
        ),
        ("江东网-客户端讯 江东港新码头周三动工，工期三年，可以停靠五万吨级的货轮。", "江东港新"),
        ("【江东消息】3月5日消息，江东港新码头周三动工，工期三年，可以停靠五万吨级的货轮。", "江东港新"),
        ("3月5日，江东港新码头动工，工期三年，可以停靠五万吨级的货轮，投资二十亿元。", "3月5日，"),
        ("★江东港新码头周三动工，工期三年，可以停靠五万吨级的货轮。", "江东港新"),
        ("PORTLAND, Ore. (AP) -- The old pier will be rebuilt within three years, the port said.", "The old"),
        ("SYDNEY The old pier will be rebuilt within three years, the port said on Monday.", "The old"),
        (
            "SEATTLE, Nov. 12, 2019 (LONGWIND WIRE) -- The old pier will be rebuilt in three years, it said.",
            "The old",
        ),
        (
            "Portland, Oregon - The old pier will be rebuilt within three years, the port said on Monday.",
            "Portland",
        ),
    ],
)
def test_a_lead_begins_behind_the_dateline(opening: str, begins: str) -> None:
    (lead, *_) = summary(make(opening, title="江东港新码头动工"))
    assert lead.role is Role.LEAD and lead.text.startswith(begins)


def test_quotations_beside_the_turns_of_an_interview_keep_their_speakers() -> None:
    text = """\
The harbour has lost half of its boats in ten years, and Dana Whitcombe runs what is left.
“The pier needed new steel, and nobody wanted to pay for a single beam of it,” Whitcombe said. “Now every \
company in the harbour pays its share of the work.”
Dana Whitcombe: Sixty boats that went to Oxmouth in 2019 are never coming back to the harbour of Longbay.
Reporter: What did the new steel cost the town, and who paid for the work on the northern end of it?
Dana Whitcombe: Two million dollars, most of it from the companies that land their fish on the pier."""
    found = summary(
        make(text, title="Dana Whitcombe and the harbour that was left", language="en"), room=1000
    )
    assert {e.speaker for e in found} <= {None, "Whitcombe", "Dana Whitcombe"}
    own = [e for e in found if "share of the work" in e.text or "never coming" in e.text]
    assert own and all("Whitcombe" in (e.speaker or e.text) for e in own)


def test_a_comma_before_said_is_not_set_large() -> None:
    text = """\
Dana Whitcombe, who runs the harbour, spoke about the new pier to a crowd of two hundred on Monday night.
“The boats that went to the other side of the bay are never coming back to the harbour,” Whitcombe said.
The town council will vote on the plan for the northern end of the pier in March, after a third hearing."""
    article = make(text, title="A pier for the harbour", language="en")
    spoken = [p for p in passages(read(article, {}), least=20, most=200) if p.spoken]
    assert [article.text[p.start : p.end][-7:] for p in spoken] == ["harbour"]


def test_words_a_sentence_introduces_are_not_those_of_whom_the_next_one_names() -> None:
    text = """\
The council met on Monday night to hear what the harbour makes of the new pier, and Dana Whitcombe was there.
A notice from the harbour reads, “No boats may leave before the tide has turned.” Whitcombe tore it down."""
    article = make(text, title="A pier for the harbour", language="en")
    assert [quote.speaker for quote in read(article, {}).quotes] == [None]


def test_a_list_by_places_is_no_transcript() -> None:
    text = "\n".join(
        f"{place}: Boats must carry lights from dusk to dawn, and no more than {n} passengers in winter."
        for n, place in enumerate(["Portland", "Salem", "Eugene", "Portland", "Astoria", "Salem"])
    )
    assert not read(make(text, title="New rules for boats", language="en"), {}).quotes


def test_traditional_characters_read_as_simplified_ones_and_are_shown_as_printed() -> None:
    table = str.maketrans("东凉气海湾预报员钟时这对说单", "東涼氣海灣預報員鐘時這對說單")
    here, there = make(), make(PROFILE.translate(table), title="守著三百公里海岸線的預報員秦嶼")
    assert simplified(there.text) == here.text
    one, other = summary(here), summary(there)
    assert spans(one) == spans(other)
    assert [there.text[e.start : e.end] for e in other] == [e.text for e in other]
    assert {e.number for e in other if e.number} <= {n for n in (e.number for e in one) if n}


@pytest.mark.parametrize(
    ("told", "speaker"),
    [
        ("a man close to Dana Whitcombe said.", None),
        ("the wife of Dana Whitcombe said.", None),
        ("Dana Whitcombe’s brother said.", None),
        ("Dana Whitcombe said.", "Dana Whitcombe"),
        ("said Dana Whitcombe, the master of the harbour.", "Dana Whitcombe"),
    ],
)
def test_who_stands_beside_the_speaker_is_not_the_speaker(told: str, speaker: str | None) -> None:
    text = f"""\
The council met on Monday night to hear what the harbour makes of the new pier, and Dana Whitcombe was there.
“The boats that went to the other side of the bay are never coming back to the harbour,” {told}"""
    article = make(text, title="A pier for the harbour", language="en")
    assert [quote.speaker for quote in read(article, {}).quotes] == [speaker]


def test_the_title_of_a_book_is_nobodys_words() -> None:
    text = """\
Dana Whitcombe, who runs the harbour, spoke about the new pier to a crowd of two hundred on Monday night.
Dana Whitcombe said the pier had begun with “The Long Way Home: A Life on the Water” by an aunt of hers."""
    assert not read(make(text, title="A pier for the harbour", language="en"), {}).quotes


FERRY = """\
The harbour council will buy two electric ferries for the east bay, its first new boats in thirty years.
Both were built by Longwind Yard for 14 million dollars and carry 220 passengers each.
The old night boat stops in May, and nobody has said what the shift workers are to do.
{told}
The yard has orders for another three of these boats: {rest}.
"""


@pytest.mark.parametrize(
    ("clear", "unclear"),
    [
        (
            "In March 2019 a diesel engine caught fire and 31 passengers had to swim.",
            "All this would have changed the same things.",
        ),
        (
            "A shop on the quay has sold 900 prints of a map of the bay.",
            "Those others had that, too, and any of them would have.",
        ),
        (
            "Engineers are testing a charger that fills a battery in 40 minutes.",
            "All those lists (above): the same ones were there.",
        ),
        (
            "Divers from Oxmouth found a wooden mast under the north pier in August.",
            "Such ferries for the bay: both new (right) ferries.",
        ),
    ],
)
def test_what_brings_nothing_along_is_no_point(clear: str, unclear: str) -> None:
    text = FERRY.format(told=f"{unclear}\n{clear}", rest="one for the council of the east bay")
    article = make(text, title="The harbour council buys electric ferries", language="en")
    at = {p.start: p.clear for p in passages(read(article, {}), least=20, most=400)}
    assert at.get(article.text.index(unclear), 0) < 0.7 < at[article.text.index(clear)]


@pytest.mark.parametrize(
    ("title", "alone"), [("What the harbour keeps", False), ("What Whitcombe keeps of the harbour", True)]
)
def test_a_surname_alone_tells_nobody_who_it_is(title: str, alone: bool) -> None:
    text = """\
The boats of the harbour were sold for less than the steel of the old pier was worth in that year.
Dana Whitcombe was a welder at the harbour before she was asked to keep what was left of it.
Nobody on the northern side of the bay expected the council to sell the last of the boats in May.
In the winter Whitcombe mended the pier with steel from the boats that nobody had wanted to buy.
In the spring Longwind Yard sent two ferries that run on batteries to the harbour of the bay."""
    article = make(text, title=title, language="en")
    begins = {p.start for p in passages(read(article, {}), least=20, most=400)}
    assert (article.text.index("In the winter") in begins) is alone
    assert article.text.index("In the spring") in begins
