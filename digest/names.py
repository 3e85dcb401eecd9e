"""People, organisations and systems that several articles name, found without a model or a list of them.

A name has to be shown to be one, in at least one of the articles, by how it is written about: an office or a
verb of saying beside it, a spelling no ordinary word has, or the ending of an organisation. What is merely
frequent is no name; a missing link costs nothing, a wrong one misleads.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from digest.model import Article
from digest.text import CJK, fold

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊"
    "金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢岳齐梅莫"
    "庄辛管祝左涂谷祁舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲游阳裴席卫查屈鲍位覃霍翁隋植甘景薄柏宁柯阮桂闵解柴华车冉房边吉饶刁瞿戚丘古池滕苑邬臧畅"
    "褚廉简娄盖符穆党燕郎冀姬屠连晏栾郁商蒙计喻揭窦迟宇敖鄢冷卓花艾蓝都井乐虞卞竺冼原楚佟栗匡宗应台巫荆银明沙岑习蔺危代唐"
)
_COMPOUND = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|司徒|令狐|夏侯|端木|南宫"
_PERSON = rf"(?:(?:{_COMPOUND})[{CJK}]{{1,2}}|[{_SURNAMES}][{CJK}]{{1,2}})"
_SAYS = (
    "说|表示|认为|指出|称|介绍|强调|回答|透露|谈道|谈到|坦言|告诉|补充|写道|提到|解释|回忆|笑说|感慨|"
    "评价|直言|总结|回应|预测|判断|看来|的观点|的团队"
)
_OFFICE = (
    "教授|博士|院士|研究员|科学家|院长|所长|主任|总裁|董事长|执行董事|理事长|创始人|CEO|CTO|CFO|COO|"
    "负责人|总经理|合伙人|工程师|分析师|秘书长|会长|校长|局长|部长|发言人|导演|组长|经理|主席|书记|"
    "诗人|作家|导师"
)
_ADDRESS = f"先生|女士|老师|同学|{_OFFICE}"
_BY_SPEECH = re.compile(
    rf"(?:(?<![{CJK}·])|{_OFFICE}|作者|记者|主编)({_PERSON})(?={_SAYS}|{_ADDRESS})", re.IGNORECASE
)
_BY_OFFICE = re.compile(rf"(?:{_OFFICE})({_PERSON})(?!·)", re.IGNORECASE)
_TRANSCRIBED = re.compile(
    rf"(?<![{CJK}·])[{CJK}]{{1,6}}(?:·[{CJK}]{{1,6}}?)+(?={_SAYS}|{_ADDRESS}|[^{CJK}·])"
)
_NO_PERSON = frozenset(
    re.findall(
        r"\w+",
        """
        方案 方面 方法 高管 高层 高校 高手 时候 时间 任何 任务 成员 于是 关于 万元 万人 项目 应该 应用
        管理 金融 明确 明显 温度 江苏 安徽 安全 安排 常常 何时 华人 全国 连续 马上 石油 双方 官方 苏州
        王国 文章 文化 文件 武汉 夏天 谢谢 许多 严重 阳光 易于 余下 原因 曾经 章节 周围 周末 祝福 左右
        卓越 东方 冷静 古代 平台 童年 程序 程度 计算 计划 商业 商家 台湾 习惯 游戏 游客 白宫 段落 顾客
        解释 查看 连接 费用 管理者 计算机 应用程序 高级 常务 首席 特聘 荣誉 代表 代码 明年 万一 花费 安卓
        项目组 商务 宁波 石家庄 白皮书 金山 华为 高通 文本 方向 车辆 原始 简单 盖茨
        """,
    )
)

_ORGANISATION = (
    "大学|学院|研究院|研究所|研究中心|实验室|公司|集团|科技|银行|基金会|协会|学会|委员会|出版社|医院|"
    "科学院|工程院|智库|联盟|日报|通讯社|博物馆|天文台"
)
_ENDING = re.compile(_ORGANISATION)
_BEFORE = re.compile(
    "^.*(?:[在于的由从到是被对了及和与向给让把并或等该本这那某]|加入|来自|创立|成立|创办|进入|担任|"
    "出任|离开|前往|参观|访问|就读|联合|包括|我们|[一两多几][家所个]|全国|著名|知名)"
)
_ANY = re.compile(
    "^(?:上市|科技|互联网|子|母|分|总|相关|其他|其它|大|小|大型|小型|创业|初创|国家|重点|国家重点|同|"
    "控股|有限|股份|股份有限|科技有限|技术|研究|软件|人工智能|中国|美国|国内|国外|海外|外国|游戏|汽车|"
    "芯片|手机|保险|金融|民营|国有|名牌|重点|综合|信息|高新|前沿|数字|商业|中央|投资|高校|企业|专业|"
    "管理|评审)*$"
)

_LONGEST = 50_000
"""Characters of an article that are read for names."""
_WORD = "[A-Za-z][A-Za-z0-9]*(?:[-.][A-Za-z0-9]+)*"
_LATIN = re.compile(rf"(?<![\w-]){_WORD}(?: {_WORD})*", re.A)
_OPENING = re.compile(r"(?:^|[.!?:。！？：]['\"”’)]*)\s*['\"“‘(]*$")
_ODD = re.compile(r"[a-z][A-Z]|[A-Z]{2,}[a-z]{2,}|^[A-Z]{2,}[a-z]*[-.]?\d|^[A-Z]{4,}$")
_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        """
        the this that these those there then they their his her its our your with when where what which
        while who why how after before and but not for from into over under one two three four five six
        seven eight nine ten first second third last next new old more most some many few all both each
        every other another such monday tuesday wednesday thursday friday saturday sunday january february
        march april may june july august september october november december chinese american european
        asian english british french german japanese korean indian russian western china america europe
        asia africa japan korea india russia france germany britain england beijing shanghai hong kong
        london paris tokyo washington york california silicon valley united states kingdom university deep
        learning machine model models language large data intelligence artificial network networks neural
        scaling law laws system systems computer science research report news chapter figure table note
        team paper professor doctor president director chief executive mr mrs ms dr sir according however
        although because since during among between still just even also only never always yes today
        yesterday here now http https www com html pdf online web internet app open source reinforcement
        human feedback training pre general agent prompt token vision robot robotics leader code idea
        garbage nothing final head base know company government council court police minister bank group city state
        """,
    )
)


def shared_names(articles: Sequence[Article]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Names that stand in two articles or more, with the places of those articles in *articles*.

    Widest spread first; then people, organisations, Latin names, acronyms; then by how often they stand.
    Spelt as the first article has them. Left out: names within longer ones of the same articles, and outlets.
    """
    folded = [fold(article.text[:_LONGEST]) for article in articles]
    found: dict[str, set[int]] = defaultdict(set)
    kinds: dict[str, int] = {}
    for kind, finder in enumerate((_people, _organisations, _latin)):
        for name, places in finder(articles, folded):
            found[name] |= places
            kinds.setdefault(name, kind)
    outlets = {fold(name) for a in articles for name in (a.outlet, a.republisher) if name}
    kept = []
    for name, places in found.items():
        if len(places) > 1 and name not in outlets and not _covered(name, places, found):
            first = min(places)
            spelt = _spelt(name, articles[first].text, folded[first])
            often = sum(folded[place].count(name) for place in places)
            kept.append((-len(places), kinds[name], spelt.isupper(), -often, spelt, tuple(sorted(places))))
    return tuple((spelt, places) for *_, spelt, places in sorted(kept))


def _covered(name: str, places: set[int], found: Mapping[str, set[int]]) -> bool:
    return any(name != other and name in other and places <= found[other] for other in found)


def _spelt(name: str, text: str, folded: str) -> str:
    at = folded.find(name)
    return text[at : at + len(name)]


def _people(articles: Sequence[Article], folded: Sequence[str]) -> Iterator[tuple[str, set[int]]]:
    """Chinese names: three characters shown to be one once are one anywhere; two must be shown each time."""
    shown = [_shown_people(text) for text in folded]
    for name in set().union(*shown):
        if len(name) > 2:
            yield name, {place for place, text in enumerate(folded) if name in text}
        else:
            yield name, {place for place, names in enumerate(shown) if name in names}


def _shown_people(text: str) -> set[str]:
    """Names with an office or a verb of saying beside them; after an office alone, those that stand twice."""
    names = {match.group() for match in _TRANSCRIBED.finditer(text)}
    spoken = {match.group(1) for match in _BY_SPEECH.finditer(text)}
    for longest in {match.group(1) for match in _BY_OFFICE.finditer(text)}:
        name = longest if text.count(longest) >= 0.7 * text.count(longest[:-1]) else longest[:-1]
        after = {text[m.end() : m.end() + 1] for m in re.finditer(re.escape(name), text)}
        if len(name) > 1 and len(after) > 1:
            spoken.add(name)
    return names | {
        name
        for name in spoken
        if name[:2] not in _NO_PERSON and not re.search(f"(?:{_ADDRESS}|总|毕业)$|[说称的了在]", name)
    }


def _organisations(articles: Sequence[Article], folded: Sequence[str]) -> Iterator[tuple[str, set[int]]]:
    """What ends like an organisation: as much before the ending as two articles share, less verbs."""
    for place, text in enumerate(folded):
        for before, ending in {_run_before(match, text) for match in _ENDING.finditer(text)}:
            whole = (before[at:] + ending for at in range(len(before) - 1))
            shared = next((n for n in whole if any(n in t for p, t in enumerate(folded) if p != place)), "")
            name = _BEFORE.sub("", shared)
            core = name.removesuffix(ending)
            if len(core) > 1 and not _ANY.match(core) and any(_begins(name, t) for t in folded):
                yield name, {at for at, t in enumerate(folded) if name in t}


def _run_before(ending: re.Match[str], text: str) -> tuple[str, str]:
    """What stands before an ending without a break, at most 14 characters, and the ending."""
    run = re.search(rf"[{CJK}a-z]*$", text[max(0, ending.start() - 14) : ending.start()])
    return run.group() if run else "", ending.group()


def _begins(name: str, text: str) -> bool:
    """Whether *name* stands somewhere in *text* with nothing before it that could be a part of it."""
    starts = (text[max(0, m.start() - 4) : m.start()] for m in re.finditer(re.escape(name), text))
    return any(not re.search(f"[{CJK}a-z]$", start) or _BEFORE.sub("", start) == "" for start in starts)


def _latin(articles: Sequence[Article], folded: Sequence[str]) -> Iterator[tuple[str, set[int]]]:
    """Names in Latin letters: spelt as no word is, or with capitals where none is due."""
    shown, seen = zip(*(_latin_in(article) for article in articles), strict=True) if articles else ((), ())
    for name in set().union(*shown):
        yield name, {place for place, names in enumerate(seen) if name in names}


def _latin_in(article: Article) -> tuple[set[str], set[str]]:
    """Folded names shown to be names here, and everything here that is spelt like one."""
    shown: set[str] = set()
    seen: set[str] = set()
    chinese = not article.language.startswith("en")
    for block in article.paragraphs():
        text = article.text[block.start : min(block.end, _LONGEST)]
        for match in _LATIN.finditer(text):
            opens = bool(_OPENING.search(text[max(0, match.start() - 6) : match.start()]))
            words = match.group().split(" ")
            for start, end in _capitalised(words):
                name = fold(" ".join(words[start:end]))
                seen.add(name)
                due = opens and start == 0 and not chinese
                if end - start > 1 or _ODD.search(words[start]) or (not due and len(name) > 3):
                    shown.add(name)
    return shown, seen


def _capitalised(words: list[str]) -> Iterator[tuple[int, int]]:
    """Runs of words that may be a name: capitals or an odd spelling, none of them an everyday word."""
    start = 0
    for at, word in enumerate([*words, ""]):
        everyday = {fold(word), fold(word).removesuffix("s")} & _ENGLISH
        if (word[:1].isupper() or _ODD.search(word)) and not everyday and len(word) > 1:
            continue
        if at > start and (at - start > 1 or len(words[start]) > 3 or _ODD.search(words[start])):
            yield start, at
        start = at + 1
