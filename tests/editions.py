"""Invented editions for the tests of everything readers see; run as a program it writes ``tests/golden``."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from digest.model import (
    Article,
    Block,
    BlockKind,
    Correction,
    Cut,
    Edition,
    Enclosure,
    Excerpt,
    Flag,
    Item,
    Newsletter,
    Precision,
    Published,
    Reason,
    Role,
    Section,
    Severity,
    Size,
    Skipped,
    Theme,
    Update,
)
from digest.text import minutes

SLOT = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"

NEWSLETTER = Newsletter(
    name="窑火与账本",
    sender="digest@example.org",
    sender_name="窑火与账本编辑部",
    list_id="weekly.example.org",
    base_url="https://digest.example.org",
    unsubscribe_mailto="leave@example.org",
    postal_address="景德镇市示例路 18 号，333000",
)
LOCAL = Newsletter(name="Digest", sender="digest@localhost", sender_name="Digest", list_id="digest.localhost")

CRAFT = Theme(id="craft", names={"zh": "手艺", "en": "Craft"}, terms={}, accent="#7a4a12")
COST = Theme(id="cost", names={"zh": "算力成本", "en": "Compute cost"}, terms={}, accent="#1f5f5b")
TEACHING = Theme(id="teaching", names={"zh": "师承", "en": "Mentorship"}, terms={})
THEMES = (CRAFT, COST, TEACHING)

KILN = """陶瓷匠人周砚秋在景德镇办了一间只收六名学徒的作坊,第一年不许碰轮盘,只学看火。

“火候不是温度计上的数字,是窑里那一点声音变了。”周砚秋说,“听不出来的人,烧十年也是碰运气。”

作坊三年里共有29人报名,其中有14人留到出师;同期,附近四家作坊的留任比例不到20%。

市手工艺协会2026年的调查显示,全市登记的柴窑从2019年的120座减到41座,而学徒的平均年龄从34岁降到了27岁。

学徒们每周写一页火候笔记,周砚秋逐条批注,再传给下一届,如今已积成23册。"""

CHIPS = """云端推理的报价在一年里下降了六成,可是中小团队的账单并没有变薄。

财务软件公司“账台”统计了310家客户的云账单:推理单价下降61%,调用次数却上升了3.4倍,总支出净增32%。

“便宜让人放心地浪费。”账台的分析师何予安说,“我们看到的不是省钱,而是把省下的钱换成了更长的上下文。”

该公司建议客户先给每一个功能设上限,再谈换模型——顺序反过来,上限就永远设不下去。"""

SPUN = """三月里,一家地方算力核心的负责人正在授与记者专访时展现,算力本钱题目比大模子自己更难解。

“当机房使用率降至四成以下,每一张卡都正在赔钱。”他说,邦产芯片的价值还会陆续低重。"""

BENCH = """The lab kept its weekly seminar when it moved from twelve servers to two. "We read fewer papers now, and we argue longer," says Ana Ruiz, who runs the group.

Its compute bill fell by 38% in 2025 and by 12% in the first half of 2026, and the number of finished theses did not change.

Students share one notebook per experiment; whoever leaves must teach it to someone else first."""

LETTERS = """老校工把四十年的信件整理成册,才让人看清一位数学老师怎样带出三代学生。

信里谈证明的不多,谈怎么走路、怎么睡觉的倒有一半。

“他从不改我的结论,只问我第二步为什么敢这样写。”一位学生在1987年的信中写道。"""


def article(source_id: str, title: str, text: str, **more: object) -> Article:
    blocks, at = [], 0
    for paragraph in text.split("\n\n"):
        blocks.append(Block(kind=BlockKind.PARAGRAPH, start=at, end=at + len(paragraph)))
        at += len(paragraph) + 2
    values: dict[str, object] = {"language": "zh", **more}
    return Article(source_id=source_id, title=title, text=text, blocks=tuple(blocks), **values)  # type: ignore[arg-type]


def day(year: int, month: int, of_month: int) -> Published:
    return Published(at=datetime(year, month, of_month, tzinfo=UTC), precision=Precision.DAY)


def excerpt(source: Article, role: Role, first: str, last: str = "", **more: str) -> Excerpt:
    """From the first words to the last ones."""
    start = source.text.index(first)
    end = source.text.index(last, start) + len(last) if last else start + len(first)
    return Excerpt(role=role, text=source.text[start:end], start=start, end=end, **more)


def item(source: Article, size: Size, *excerpts: Excerpt, terms: Sequence[str] = (), **more: object) -> Item:
    kind = str(more.pop("kind", "new"))
    return Item(
        article=source,
        size=size,
        excerpts=excerpts,
        reason=Reason(kind=kind, terms=tuple(terms)),
        reading_minutes=minutes(source.text * 12),
        **more,  # type: ignore[arg-type]
    )


kiln = article(
    "seeds/kiln",
    "只收六名学徒的柴窑:第一年不许碰轮盘,只学看火",
    KILN,
    url="https://kiln.example/2026/11/six-apprentices",
    authors=("许南川", "Mei Lin"),
    outlet="器物志",
    published=day(2026, 11, 20),
)
chips = article(
    "feeds/cloud/7",
    "推理降价六成,账单为什么反而涨了三成",
    CHIPS,
    url="https://cloud.example/post?id=7&from=feed",
    authors=("何予安",),
    outlet="账台研究",
    published=day(2026, 11, 19),
)
spun = article(
    "seeds/spun",
    "专访算力核心负责人:机房使用率才是真本钱",
    SPUN,
    url="https://lucky-casino.example/a/9",
    outlet="城市经济报",
    republisher="好运体育",
    published=day(2024, 3, 21),
    cuts=(Cut(at=12, removed="好运体育", reason="the site's name"),),
    flags=(
        Flag(code="spun", severity=Severity.CAUTION, reason="odd words throughout"),
        Flag(code="spliced", severity=Severity.CAUTION, reason="the site's name stands in sentences"),
    ),
)
bench = article(
    "feeds/bench/1",
    "“Small teams, long memories”: what moving to two servers changed for a 12-person lab",
    BENCH,
    language="en",
    url="https://bench.example/2026/small-teams",
    authors=("Jo Park",),
    outlet="The Bench",
    published=day(2026, 11, 18),
)
letters = article(
    "seeds/letters",
    "四十年的信:一位数学老师和他的三代学生",
    LETTERS,
    outlet="校史札记",
    republisher="旧闻网",
    held_on=date(2021, 6, 1),
    note="原刊页面已撤,此处据存档",
    evergreen=True,
)

kiln_item = item(
    kiln,
    Size.FULL,
    excerpt(kiln, Role.LEAD, "陶瓷匠人", "只学看火。"),
    excerpt(kiln, Role.POINT, "市手工艺协会", "27岁。"),
    excerpt(kiln, Role.POINT, "学徒们每周", "23册。"),
    excerpt(kiln, Role.QUOTE, "“火候不是", "变了。”", speaker="周砚秋,作坊主人"),
    excerpt(kiln, Role.FIGURE, "作坊三年里", "20%。", number="29人", label="报名"),
    excerpt(kiln, Role.FIGURE, "作坊三年里", "20%。", number="14人", label="留到出师"),
    terms=("学徒", "柴窑", "Master"),
    also_in=(("周砚秋", letters.title),),
)
chips_item = item(
    chips,
    Size.MEDIUM,
    excerpt(chips, Role.LEAD, "财务软件公司", "净增32%。"),
    excerpt(chips, Role.POINT, "该公司建议", "设不下去。"),
    excerpt(chips, Role.FIGURE, "财务软件公司", "净增32%。", number="61%", label="推理单价下降"),
    excerpt(chips, Role.FIGURE, "财务软件公司", "净增32%。", number="32%", label="总支出净增"),
    terms=("推理", "账单"),
    also_from=(spun,),
)
spun_item = item(
    spun, Size.BRIEF, excerpt(spun, Role.LEAD, "三月里", "更难解。"), terms=("算力本钱",), kind="unused"
)
bench_item = item(
    bench,
    Size.MEDIUM,
    excerpt(bench, Role.LEAD, "The lab kept", "to two."),
    excerpt(bench, Role.POINT, "Students share", "first."),
    excerpt(bench, Role.QUOTE, '"We read fewer', 'longer,"', speaker="Ana Ruiz"),
    excerpt(bench, Role.FIGURE, "Its compute bill", "change.", number="38%", label="in 2025"),
    excerpt(
        bench, Role.FIGURE, "Its compute bill", "change.", number="12%", label="in the first half of 2026"
    ),
    terms=("compute",),
)
letters_item = item(
    letters,
    Size.MEDIUM,
    excerpt(letters, Role.LEAD, "老校工", "三代学生。"),
    excerpt(letters, Role.POINT, "信里谈证明", "一半。"),
    kind="unused",
    also_in=(("周砚秋", kiln.title),),
)

COVERAGE = (("craft", (2, 1, 0, 3, 1, 2)), ("cost", (1, 2, 2, 1, 0, 2)), ("teaching", (0, 1, 1, 0, 2, 1)))


def edition(*sections: Section, number: int = 12, skipped: tuple[Skipped, ...] = ()) -> Edition:
    titles = [i.article.title for section in sections for i in section.items]
    return Edition(
        number=number,
        schedule="weekly",
        slot=SLOT,
        made_at=SLOT + timedelta(minutes=1),
        subject=titles[0],
        preheader="；".join(titles[1:3]),
        sections=sections,
        skipped=skipped,
        coverage=COVERAGE,
    )


def section(theme: Theme, *items: Item) -> Section:
    return Section(theme=theme, items=items, why="new material")


ONE = edition(section(CRAFT, kiln_item), number=1)
THREE = edition(
    section(CRAFT, kiln_item),
    section(COST, chips_item, spun_item),
    skipped=(Skipped(kind="theme", name="teaching", why="nothing left to quote", nothing_new=True),),
)
SIX = edition(
    section(CRAFT, kiln_item, letters_item),
    section(COST, chips_item, bench_item, spun_item),
    section(TEACHING, replace(letters_item, article=replace(letters, title="一页火候笔记的三十种批注"))),
)

ENCLOSURES = (
    Enclosure(url="https://kiln.example/a/fire.mp3", kind="audio/mpeg", size=12_400_000, seconds=1530),
    Enclosure(url="https://kiln.example/a/notes.pdf", kind="application/pdf", title="23 册笔记选页"),
)
EVERYTHING = edition(
    section(
        CRAFT,
        replace(
            kiln_item,
            article=replace(kiln, enclosures=ENCLOSURES),
            update=Update(since=SLOT - timedelta(days=7), new=((0, len(kiln.text)),)),
        ),
        letters_item,
    ),
    section(COST, chips_item, bench_item, spun_item),
    number=15,
)
EVERYTHING = replace(
    EVERYTHING,
    revision=2,
    corrects=12,
    corrections=(
        Correction(note="“41 座”一句原为“14 座”。", slot=SLOT - timedelta(days=7), at=SLOT),
        Correction(note="学徒人数应为六名,不是七名。", slot=SLOT, at=SLOT + timedelta(days=1)),
    ),
)
"""A second revision, with files, an update and a word on an earlier edition."""


def many(count: int) -> Edition:
    """*count* items, sizes as the editorial guide has them: two full, four medium of ten, the rest brief."""
    items = []
    for n in range(count):
        base = (kiln_item, chips_item, bench_item, letters_item)[n % 4]
        kept = base.excerpts if n % 10 < 2 else base.excerpts[:2] if n % 10 < 6 else base.excerpts[:1]
        title = f"第{n + 1}号笔记:{base.article.title}"
        source = replace(base.article, source_id=f"feeds/x/{n}", title=title)
        items.append(replace(base, article=source, excerpts=kept, also_in=(), also_from=()))
    half = (count + 1) // 2
    return edition(section(CRAFT, *items[:half]), section(COST, *items[half:]), number=40)


def write_golden(folder: Path = GOLDEN) -> None:
    """Every view of ``THREE`` as it is made now; read the difference before keeping it."""
    from digest.message import Personal, compile_message, message_id
    from digest.render import make_renderer

    renderer = make_renderer(NEWSLETTER, themes=THEMES)
    folder.mkdir(exist_ok=True)
    for language in ("zh-CN", "en"):
        parts = renderer.mail(THREE, language=language)
        personal = Personal(
            address="reader@example.net",
            name="谭砚",
            message_id=message_id(b"golden", 12, 7, "example.org"),
            unsubscribe_url="https://digest.example.org/unsubscribe/t",
            preferences_url="https://digest.example.org/preferences/t",
            unsubscribe_mailto="mailto:leave@example.org?subject=unsubscribe%20t",
        )
        template = compile_message(parts, NEWSLETTER, edition=12, schedule="weekly", date=THREE.made_at)
        for suffix, text in {
            "eml": template.fill(personal).decode("ascii"),
            "html": parts.html,
            "txt": parts.text,
            "web.html": re.sub(
                "<style>.*?</style>", "", renderer.web(THREE, language=language), flags=re.DOTALL
            ),
            "md": renderer.markdown(THREE, language=language),
        }.items():
            (folder / f"three-{language}.{suffix}").write_text(text, "utf-8", newline="")
    corrected = renderer.mail(EVERYTHING, language="zh-CN")
    (folder / "corrected-zh-CN.html").write_text(corrected.html, "utf-8", newline="")
    (folder / "corrected-zh-CN.txt").write_text(corrected.text, "utf-8", newline="")
    (folder / "atom.xml").write_text(renderer.atom([THREE, ONE], language="zh-CN"), "utf-8", newline="")


if __name__ == "__main__":
    write_golden()
