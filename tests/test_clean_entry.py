"""Entries cleaned the short way come to what the long way makes of them, whatever is mixed into them."""

import html
import random
from dataclasses import replace

import pytest
from feed_server import NOW, WORDS

from digest.clean import clean_page, entry
from digest.links import tidy_html
from digest.model import Page

PROSE = [
    *("".join(WORDS[n:] + WORDS[:n]) for n in range(4)),
    *WORDS,
    "本报记者周岭报道，十一月的一个早晨，水塔下面排起了队，人们想看看自己交的电费变成了什么。",
    "“我们没有想到会这么安静。”住在对面的退休教师说，她每天早晨在机房外面的长椅上看报，已经看了整整一个夏天。"
    * 2,
    "The old water tower was turned into a small data centre last autumn, and the people who live around it were "
    "worried about the noise at first; they found later that it is quieter than the cold store next door. "
    * 2,
    "Nobody asked for it. It came anyway, and by March it was paid for.",
    "Ann Lee is a founder of the paper. She has written about the water tower since before it was sold to the town.",
    "采访于2026年2月3日在北岸进行，以下是经过整理的对话，其中的数字由街道办公布，季度之间的差别来自屋顶上的光伏板。"
    * 2,
]
ODD = [
    "相关阅读", "责任编辑：李华", "（完）", "来源：水塔报", "作者 | 周岭", "2026-03-01 08:00", "扫描二维码关注我们",
    "版权所有，未经许可不得转载。", "点击阅读全文", "Read more…", "The post A tower appeared first on The Paper.",
    "一、塔下", "• 机房", "图：水塔旧照", "“我们没有想到会这么安静。”", "他说：", "旧水塔的新账本", "塔", "",
    "免责声明：本文仅代表作者观点，与本站无关，本站对文中陈述、观点判断保持中立。" * 3, "周岭 北岸 报道",
    "更多精彩内容，请立即扫码关注公众号，限时免费领取资料，抢购名额有限，先到先得，快来报名参加吧！" * 2,
    "电费 & 带宽 <各占多少> \u3000 \u00a0 \u200b 由三名居民代表核对一次。", "目录", "共12条评论",
]  # fmt: skip
WRAPS = ["<p>{}</p>", "<p>{}</p>", "<p><em>{}</em></p>", "{}<br>", "<div>{}</div>", "<p><b>{}</b></p>", "<p><span>{}</span></p>",
         '<p><a href="/x">{}</a></p>', "<li>{}</li>", "<h2>{}</h2>", "<blockquote>{}</blockquote>"]  # fmt: skip
APART = ["<h2>{}</h2>", "<h3>{}</h3>", "<figure><img src='/a.jpg'><figcaption>{}</figcaption></figure>"]
HEADINGS = [
    "机房", "塔下的账本", "电费从哪里来", "一、塔下", "3、电费", "Who paid for it", "A tower’s ledger, again", "目录", "小结",
    "2026年的账本", "3天前", "2026-03-01 08:00", "图1 水塔旧照", "水塔旧照，街道办供图", "北岸街道办主任周岭", "他们怎么说？",
    "旧水塔的新账本", "相关阅读", "参考资料", "编者按",
]  # fmt: skip
TITLES = [
    "旧水塔的新账本",
    "塔",
    "A tower’s ledger",
    "旧水塔的新账本_水塔报",
    "“安静”",
    WORDS[0],
    "2026-03-01",
    "• 账本",
]


def make(seed: int) -> tuple[str, str]:
    """(title, markup) of an entry, the plainer the smaller the odd part drawn."""
    rng = random.Random(seed)
    odd = rng.choice([0, 0, 0.15, 0.5])
    blocks, parted = [], rng.choice([0, 0.2, 0.5])
    for prose in rng.sample(PROSE, rng.randint(1, 8)) + [PROSE[0]] * (rng.random() < odd):
        text = html.escape(rng.choice(ODD) if rng.random() < odd else prose, quote=False)
        if rng.random() < 0.15:
            middle = len(text) // 2
            text = f'{text[: middle - 4]}<a href="http://a.example/?a=1&b=>2">{text[middle - 4 : middle]}</a>{text[middle:]}'
        if rng.random() < parted:
            blocks.append(rng.choice(APART).format(rng.choice(HEADINGS)))
        blocks.append(rng.choice(WRAPS if rng.random() < odd else WRAPS[:4]).format(text))
    return rng.choice(TITLES), tidy_html("\n".join(blocks), "http://a.example/")


def both(title: str, markup: str) -> tuple[Page, Page]:
    about = {"source_id": "feeds/a/1", "url": "http://a.example/2026/1", "now": NOW}
    short = entry.clean_entry(markup, title=title, language="zh", dated=True, **about)  # type: ignore[arg-type]
    page = entry.document(markup, title, "zh")
    long = clean_page(page, html=True, alone=True, **about)  # type: ignore[arg-type]
    if not short.decisions and long.article:
        long = replace(long, article=replace(long.article, published=None))  # the feed's date counts
    return short, long


@pytest.mark.parametrize("seed", range(5))
def test_the_short_way_comes_to_the_same(seed: int) -> None:
    short_ways = 0
    for n in range(120):
        title, markup = make(1000 * seed + n)
        short, long = both(title, markup)
        short_ways += not short.decisions
        assert short == replace(long, decisions=short.decisions), (title, markup)
    assert short_ways > 30


@pytest.mark.parametrize(
    "markup",
    [
        "<p>" + PROSE[0] + "</p><p>" + PROSE[10] + "</p>",
        "<p>" + PROSE[1] + "</p><p><a href='/2'>相关</a><img src='/p.gif'></p>",
        PROSE[2] + "<br><br>" + PROSE[3],
        f"<figure><img src='/t.jpg'><figcaption>旧水塔</figcaption></figure><p>{PROSE[0]}</p><h2>机房</h2>"
        f"<blockquote><p>{PROSE[1]}</p></blockquote><ul><li>{PROSE[2]}</li><li>{PROSE[3]}</li></ul>",
    ],
)
def test_plain_entries_go_the_short_way(markup: str) -> None:
    short, long = both("旧水塔的新账本", tidy_html(markup, "http://a.example/"))
    assert not short.decisions
    assert short.article == long.article is not None
