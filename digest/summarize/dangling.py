"""Can a sentence stand alone? The cues of the editorial guide, section 4, as tables.

A reader sees title, source line and the excerpt. A sentence whose words point outside needs the one
before it (JOIN), or cannot be used (DROP). Words spoken inside quotation marks may say 我 and "you".
"""

import re
from collections.abc import Callable, Sequence, Set
from enum import IntEnum
from typing import NamedTuple

from digest.people import SAYING, named_in
from digest.text import CJK, alternatives, lazy


class Fix(IntEnum):
    """What a sentence needs, the gravest last."""

    FINE = 0
    JOIN = 1
    DROP = 2


class Standing(NamedTuple):
    """How a sentence stands.

    Args:
        leads: It may open an item: fine by itself, no hearsay, not opening with a quotation.
        person: It hangs on a person named before (他), so joining needs exactly one to be there.
        empty: Applause, thanks, what everybody knows.
        weight: 1 for a clean sentence, less for one that only passes.
        cue: The words that hang, for explanations and tests.
    """

    fix: Fix
    leads: bool = False
    person: bool = False
    empty: bool = False
    weight: float = 1.0
    cue: str = ""


_ZH_POINTS_OUT = alternatives(
    r"""
    上述 前述 如前所 前文 如下 下文 下面 下图 上图 左图 右图 见图 如图 下表 见表
    第[一二三四五]个?方面 图[一二三四五六七八九十\d] 表\d 本文 本刊 本站 编者按 文末 小编 笔者 本人(?!的)
    谈回 话不多说 言归正传 举了?一?个例子
    """
)
_ZH_FIRST_PERSON = r"我(?<![自忘敌小]我)(?!国|市|省|校|军)|咱|你(?<!迷你)(?!好)|您|大家(?!庭|族|长)|各位"
_ZH_FURNITURE = alternatives(
    r"""
    资料图 图源 图片来源 供图 责编 责任编辑 来源[:：/] 摄影?[）)：:] 长按.{0,8}二维码 识别.{0,8}二维码
    （[左右中][一二三四]?） \([左右中][一二三四]?\) 扫描?.{0,8}(?:二维码|下方)
    扫码(?:关注|加|进|入群|报名|下载|领)
    点击(?:这里|此处|查看|链接|下方|上方|阅读|关注) 转载(?:请|须|自|于|注明) 禁止转载 请勿转载 未经授权
    版权(?:所有|声明|归) 免责声明 关注我 关注.{0,12}公众号 公众号[：:“「]
    欢迎.{0,6}(?:关注|转发|订阅|报名|分享|点赞|留言|联系|扫)
    请.{0,6}(?:关注|转发|订阅|报名|分享|点赞|留言|联系|扫)
    记得.{0,6}(?:关注|转发|订阅|报名|分享|点赞|留言) https?: www\. -\d{7,8} @\w
    """
)
_ZH_DROP = lazy("|".join((_ZH_POINTS_OUT[3:-1], _ZH_FURNITURE[3:-1], _ZH_FIRST_PERSON)))
"""Flat: of plain alternatives ``re`` looks for their first characters only, ten times as fast."""
_ZH_SELF = frozenset("我咱你您大各")
_ZH_START = lazy(
    alternatives(
        r"""
    这 那(?!不勒|斯达|坡里) 此(?!前) 该 其(?!实) 如此 对此 就此 因此 所以 因而 于是 由此 可见 但 然而 不过
    可是 可(?=[^能以持见用是靠口乐再]) 却 反而 反之 例如 比如 比方 譬如 前者 后者 二者 两者 双方 此外 另外
    另一 其它 其他 其余 除此 同时 与此同时 再者 再次(?=[，,]) 而(?!立) 并(?!购|行|非|列|网) 且 甚至 尤其
    否则 换[句言] 也(?!门|许) 还(?!原) 又 亦 仍 更(?!新|换|改) 则 就 才(?!华|能) 便(?!利|捷|宜) 使得
    使(?!用|命|馆|者) 让 成为 成了 导致 意味 包括 通过(?=[这此])
    [两三四五几][个位家项名者][^，,。]{0,10}[，,]?都 以至 从而 进而 正因 为此 据此 至此
    相比之下 同样 相反 总之 总的 简而 简单 言之 具体来 一来 二来 紧接着 接着 再后来 正如(?=[此前这])
    无独有偶 事实证明 不仅如此 说白了 当然 是以 由于(?=[这此]) 基于 对于[这此] 关于[这此第] 在[这此她他]
    从[这此] 有了 听到 和[他她这] 与[他她此] 跟[他她] 再[聊说看] 说回 回到 话说 换做 要分 动员 形成
    归根结底 如果不然 不然 试想 要不 毕竟 其中 既是 只有这样 主要是 实验结果 论文(?=[提中指认]) 最重要的
    更重要的 问题是 原因是 结果是 答案是 最终(?=[，,]) 不料 没想到 原来 果然 显然 难怪 随之 随着[这此]
    到了[这此] 至于 后面的话 接下来 往后 与[之其] 相较之下 相形之下 需要 核心在于 关键在于 关键是 重点是
    区别在于 虽说如此 即便如此 尽管如此 在[组队会场台课群片剧书文村校厂店馆园里][里上中内外]
    """
    )
)
_ZH_SERIES = lazy(
    r"关于[^，。：:]{2,20}[：:]|首先|首要|其次|再次|第[一二三四五](?=[，,、是点])|最后(?=[，,])|一是|二是|三是|一方面|另一方面|开始是|最后一个"
)
_ZH_TIME = lazy(
    "随后|后来|之后|不久|当时|此前|同年|次年|次日|当年|当天|当晚|那时|届时|期间|其间|目前(?=[，,]?[该这])|刚刚|到了"
    "|一开始|刚开始|起初|起先|最初(?=[，,])|开始时|有一[天次](?=[，,])"
    rf"|(?:又?[经通]?过|[{CJK}]{{0,3}}用)了?[^，,。]{{1,6}}[年月天周]的?[^，,。]{{2,4}}[，,]"
    r"|[^，,。A-Za-z\d]{2,10}(?:完成|结束|公布|揭晓)(?:[之以]?后|当[天日晚])[，,]"
)
_ZH_DATED = lazy(r"\d{4}\s*年|\d+\s*月|[一二三四五六七八九十]+月")
_ZH_SHORT_NAME = lazy(
    alternatives(
        r"""
    该(?:公司|模型|实验室|项目|机构|平台|研究|团队|产品|技术|系统|企业|论文|方法|奖|书|校|市|国|院) 本次
    此次 这一?次 此举 此类 上面 给出了?[^，,。]{0,4}(?:答案|回答)
    """
    )
)
_ZH_THIS_EARLY = lazy(
    rf"[^。]{{0,16}}(?:{SAYING}|以为)[，,：:]?这"
    r"|[^，,。：:“「]{0,10}(?:这|那)(?:次|类|种|些|个|项|篇|样|位|条|一|家|场|部|款|几|两|三|里|边|份|群)"
    r"|.{0,14}(?:基于|通过|根据|按照|凭借|由于|对于)(?:如此|这|此|该)"
)
_ZH_TOLD = lazy(f"(?:{SAYING}|看来)[，,：:]")
_ZH_THE_SAME = lazy(
    "该(公司|企业|机构|平台|产品|模型|项目|系统|团队|实验室|研究|论文|技术|方法|学?校|[书市国院省县店馆])"
)
_ZH_THIS_LATE = lazy(
    "(?:[采使利应]用|[用做]好|[为对把]|面对|掌握|发现|解决|采取|实现|提到|看到)[了过]?这[个种些项类套样]([^，,。]{2})|[，,]这次|[出过下了着]这样(?:的|一)"
)
_ZH_ANOTHER = lazy(r"另外?一(?:个|位|种|项|次|家|名|方面)|(?:其他|其它|其余)的?[一二两三四五六七八九几\d]")
_ZH_ONE = lazy(r"(?<!另)(?<!另外)一(?:个|位|种|项|次|家|名|方面)|包括|除|之一")
_ZH_PERSON = lazy(r"(?<![其维吉])他(?!们|人|国|日|乡|山)|她(?!们)")
_ZH_OWN = lazy("自己(?=[^自])")
_ZH_POINTERS = frozenset("这那此该")
_ZH_ANY_NAME = lazy("[A-Za-z]{2}|[》」”]")
_ZH_ITS = lazy("(?<![极尤与何岂])其(?![中实他次余一二三它])")
_ZH_NOUN = lazy(
    "[A-Za-z]{2}|[》”」]|[人者员家师生院所校司团队组型络统台业构门国市省县区村厂店馆会社品器机车船书法案术物]"
)
_ZH_THING = lazy("他们|她们|它们?")
_ZH_NO_LEAD = lazy(
    "据悉|据了解|据说|有消息|有人[认说]|传闻|据传|或许|不知|第[一二三四五六七八九十两\\d]+[个位名项点](?!星期|周|月|季|学期)|"
    "^(?:[^，,。]{0,10}[年月日][，,])?[^，,。]{1,16}?(?:也|还|又|则|再度|再次|随后|接着|却|继续|同样|同时)"
)
_ZH_ROLE = lazy(
    alternatives(r"""
    教授 博士 院长 记者 创始人 总裁 学生 年轻人 研究员 科学家 负责人 CEO 老师 母亲 父亲 男子 女子 孩子
    老人 作者 医生 经理 选手 人们 的人
    """)
)
_ZH_SOFT = lazy("今年|去年|目前|如今|近日|日前|昨日|现在|最近|刚刚|事实上|实际上|其实|可以说|当然|也|还|更")
_ZH_EMPTY = lazy(
    alternatives(
        r"""
    掌声 鼓掌 笑\) 笑） （笑 \(笑 不难想象 众所周知 毋庸置疑 总而言之 毫不夸张 接受.{0,12}(?:专访|采访) 引出
    展开(?:了)?对话 睁开对话 话题 下一个问题 最后一个问题 感谢 再一次 讲述了 为题 台词 各位 下午好 大家好
    上午好 晚上好 先来吧 欢迎来到 谢谢 恭喜 祝(?:大家|各位|贺|愿|你|您)
    回顾一下[^，,。]{0,30}[。.] 提[到出]了?[“「《][^”」》]{1,8}[”」》][。.]
    """
    )
)
_ZH_HOLLOW = lazy(
    alternatives(
        "主办 承办 协办 拉开帷幕 隆重 圆满 告捷 成功举[办行] 顺利举[办行] 成功召开 顺利召开 谱写 扬帆 再创"
    )
)
"""Notices of events, and slogans: they say little; so does whatever ends in an exclamation mark."""
_ZH_ANSWER = lazy(r"(?:对|是的|没错|当然|不是|不|好的?|嗯|可以|会的|是|有|没有|不会|肯定)[，,。.]")

# English. The last rows of the guide's table; words at a sentence's start unless noted.
_EN_POINTS_OUT = alternatives(r"""
    \b[Ff]igure_\d \b[Tt]able_\d \babove, \bas_(?:noted|shown|mentioned)\b \bthe_(?:former|latter)\b
    \b[Cc]lick_(?:here|on|the|below) ^Subscribe\b \b[Ss]ign_up_(?:for|to)_(?:our|the|my)\b \b[Rr]ead_more:
    \b(?:our|my|this)_newsletter\b ^About_[A-Z][^.:]{2,40}:
    \bPhoto(?:graph)?(?:_by|:) Getty_Images \b[Ff]ollow_us\b https?: www\.
    \b[Tt]his_(?:article|story|piece)\b \bCopyright_(?:©|\(c\)|\d) \b[Ss]croll_down\b
    """)
_EN_FIRST_PERSON = (
    r"\b(?:I|I['’](?:m|ve|d|ll)|me|[Mm]y|[Ww]e|[Ww]e['’](?:re|ve|ll)|[Oo]ur|us|[Yy]ou|[Yy]our)\b(?!\.)"
)
_EN_DROP = lazy(f"{_EN_POINTS_OUT}|(?P<person>{_EN_FIRST_PERSON})")
_EN_STARTS = alternatives(r"""
    This That(?:['’]s)? These Those Such So However But Yet Still Nevertheless Nonetheless Instead
    Therefore Thus Hence As_a_result Also Moreover In_addition Furthermore Besides Meanwhile
    For_(?:example|instance) Say Then Later Afterwards? Earlier Both Neither Another Others Which And Or
    Nor Because Here There, It Its Their They He She His Her More Less Better Even Yes No Exactly Right
    Similarly Likewise Indeed In_(?:other_words|contrast) On_the_other_hand By_contrast Too Not_so
    At_(?:first|the_same_time) Initially Soon Eventually As_(?:for|such) In_(?:turn|response) In_a_separate
    (?:Since|Until|By|Back|Only)_then (?:From|Once)_there By_comparison
    Oh Um Yeah (?:Well|Sure|Certainly)(?=,) I_mean You_know (?:Compared_with|Out_of)_(?:this|that)
    (?:With|After|Before|By|In|On|At|Of|For|From|Under|Among|Despite|Outside|Inside|Beyond)_(?:this|that|these|those|them|such)
    The_(?:others?|rest|second|third|next|two|same|pair|man|woman|couple|move|decision|company|model|study|team|firm|group|report)
    The_(?:meeting|event|change|changes|results?|figures|announcement|statement|paper|survey|attack|accident|documents?)
    The_(?:authors|researchers|findings|incident|deal|plan|project|agency|court|judge|suspect|victim|family|crash)
    """)
_EN_START = lazy(rf"(?:{_EN_STARTS})\b(?! year| week| month| World)")
_EN_SERIES = lazy(
    r"(?:First(?:ly)?|Second(?:ly)?|Third(?:ly)?|Finally|Lastly|On the one hand|Another reason)\b,?"
)
_EN_TIME = lazy(r"(?:That (?:year|day|month|night)|The (?:next|following)|At the time)\b")
_EN_PERSON = lazy(r"\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Hh]im)\b")
_EN_ROLE = lazy(
    r"\b(?:man|woman|boy|girl|mother|father|son|daughter|teacher|officer|player|star|student|president|king|queen|judge"
    r"|doctor|driver|victim|suspect|singer|actor|actress|mayor|coach|soldier|captain)\b"
)
_EN_SOMEBODY = lazy(r"An?\s[\w-]+\s\w+|[A-Z][a-z]+,\s(?:who|whose|an?|the|\d+)\b")
_EN_THE_SAME = lazy(r"\s[Tt]he (?:company|firm|agency|committee|startup|couple|pair|duo|ministry)\b(?!-)")
_EN_OPENS = lazy(
    r"(?:The|An?|In|On|At|Not|When|While|If|As|For|By|With|To|Since|Until|Under|Though|Although)\b"
)
_EN_NAMED = lazy(r"\s[A-Z]\w")
_EN_THING = lazy(r"\b(?:[Tt]hey|[Tt]hem|[Tt]heir|[Ii]t|[Ii]ts)\b")
_EN_HOLLOW = lazy(
    r"\b(?:(?:co-)?hosted by|sponsored by|will be held|proud(?:ly)? to|(?:excited|thrilled|delighted) to)\b"
)
_EN_NO_LEAD = lazy(
    r"^(?:\S+\s){1,6}also\b|\b[Rr]eportedly\b|\b[Ss]ources said\b|\b[Ss]ome (?:argue|say)\b|\b[Rr]umou?r"
)
_EN_SOFT = lazy(r"\b(?:today|yesterday|now|recently|last week|this week|also)\b", re.I)
_EN_NOUN = lazy(r"\b(?:[Tt]he|[Aa]n?|[Tt]heir|[Oo]ne|[Ss]ome|[Mm]any|\d[\d,]*)\s\w+\s|\s[A-Z]\w+")

_QUOTED = lazy('“[^“”]*(?:”|$)|「[^「」]*(?:」|$)|"[^"]*"')
_HEAD = lazy(r"^[\s“”「」『』\"'（(《【—…·•\-]+")
_QUESTION = lazy(r"[？?][”」』\"'’）)]*$|[吗呢][。.]?[”」』\"]*$")
_ENDED = lazy(r"[。！？!?.…][”」』\"'’）)】\]]*$")
_EXCLAIMS = lazy(r"[！!][”」』\"'’）)]*$")
_CLOSING = 8
"""Characters in which the marks that end a sentence stand."""
_ASIDE = lazy(r"[（(\[【][^（()）]*[)）\]】]")
_LONG_QUOTATION = 16
_SHORTEST, _LONGEST = 4, 1200  # characters; no excerpt is longer
_HANGING_QUOTE = lazy(
    r"[“「\"](?:[他她它]|[以用在对从按为把被]?这(?!么|里)|那(?!么|时候)|(?:He|She|It|They|This|That|These|Those)\b)[^“”「」\"]{14}"
)

Needs = tuple[Fix, bool, str]
"""What a sentence needs, whether it is a person's name, and the words that tell."""


def standing(
    sentence: str, *, chinese: bool, names: Set[str], selves: Sequence[str] = (), spoken: bool = False
) -> Standing:
    """Judge one *sentence* by itself.

    Args:
        names: People the article names.
        selves: What the author calls themselves (谭老师 for 谭婧): such asides are dropped.
        spoken: The sentence lies inside a quotation whose marks it does not contain, and its speaker will
            be named beside it: 我 and "you" are theirs.
    """
    if not _SHORTEST <= len(sentence) <= _LONGEST:
        return Standing(fix=Fix.DROP, cue="length")
    outer = _QUOTED.sub(_marks_only, sentence)
    bare = _HEAD.sub("", outer)
    if not bare or not _ENDED.search(sentence[-_CLOSING:]) or _ASIDE.fullmatch(sentence):
        return Standing(fix=Fix.DROP, cue="no end")
    if said := next((name for name in selves if name in outer), None):
        return Standing(fix=Fix.DROP, cue=said)
    if m := _HANGING_QUOTE.search(sentence):
        return Standing(fix=Fix.JOIN, cue=m.group())
    fix, person, cue = (_chinese if chinese else _english)(sentence, outer, bare, names, spoken)
    if fix is not Fix.DROP and _QUESTION.search(sentence[-_CLOSING:]):
        return Standing(fix=Fix.DROP, cue="question")
    empty = chinese and bool(_ZH_EMPTY.search(outer))
    soft = set((_ZH_SOFT if chinese else _EN_SOFT).findall(outer[:60]))
    leads = fix is Fix.FINE and not (spoken or empty or sentence[0] in '“「『"‘（(')
    leads = leads and not (_ZH_NO_LEAD if chinese else _EN_NO_LEAD).search(outer)
    hollow = empty or _EXCLAIMS.search(sentence[-_CLOSING:])
    hollow = hollow or (_ZH_HOLLOW if chinese else _EN_HOLLOW).search(outer)
    weight = max(0.25, 1.0 - 0.08 * len(soft) - (0.65 if hollow else 0.0))
    return Standing(fix=fix, leads=leads, person=person, empty=empty, weight=weight, cue=cue)


def _marks_only(m: re.Match[str]) -> str:
    """A long quotation without its words: only those around it are judged. Names in marks stay."""
    whole = m.group()
    return whole if len(whole) <= _LONG_QUOTATION else whole[0] + whole[-2:]


def _chinese(sentence: str, outer: str, bare: str, names: Set[str], spoken: bool) -> Needs:
    m: re.Match[str] | None
    for m in _ZH_DROP.finditer(outer):
        before = outer[: m.start()]
        told = spoken or (_ZH_TOLD.search(before) and named_in(before, names))
        if not (told and m.group()[0] in _ZH_SELF):
            return Fix.DROP, False, m.group()
    if m := _ZH_SERIES.match(bare):
        return Fix.DROP, False, m.group()
    person = _hanging(_ZH_PERSON, outer, lambda before: named_in(before, names) or _ZH_ROLE.search(before))
    points = not _ZH_POINTERS.isdisjoint(outer)
    early = _ZH_START.match(bare) or _ZH_ANSWER.match(bare) or _ZH_SHORT_NAME.search(bare[:16])
    if not early and points:
        early = _ZH_THIS_EARLY.match(bare)
    if not early and (m := _ZH_TIME.match(bare)) and not _ZH_DATED.search(sentence):
        early = m
    if m := early or person:
        return Fix.JOIN, person is not None, m.group()
    for pattern, explained in (
        (_ZH_OWN, lambda before: spoken or named_in(before, names) or _ZH_ROLE.search(before)),
        (_ZH_ITS, lambda before: named_in(before, names) or _ZH_NOUN.search(before)),
        (_ZH_ANOTHER, _ZH_ONE.search),
        (_ZH_THING, _ZH_NOUN.search),
    ):
        if m := _hanging(pattern, outer, explained):
            return Fix.JOIN, False, m.group()
    if points:
        late, same = _ZH_THIS_LATE.search(outer), _ZH_THE_SAME.search(outer)
        if late and not (late.group(1) and late.group(1) in outer[: late.start()]):
            return Fix.JOIN, False, late.group()
        if same and not (same.group(1) in (before := outer[: same.start()]) or _ZH_ANY_NAME.search(before)):
            return Fix.JOIN, False, same.group()
    return Fix.FINE, False, ""


def _hanging(
    pattern: re.Pattern[str], outer: str, explained: Callable[[str], object]
) -> re.Match[str] | None:
    """The first match of *pattern*, unless what stands before it in the sentence explains it."""
    m = pattern.search(outer)
    return None if m is None or explained(outer[: m.start()]) else m


def _english(sentence: str, outer: str, bare: str, names: Set[str], spoken: bool) -> Needs:
    m: re.Match[str] | None
    for m in _EN_DROP.finditer(outer):
        if not (spoken and m.group("person")):
            return Fix.DROP, False, m.group()
    if m := _EN_SERIES.match(bare):
        return Fix.DROP, False, m.group()
    if bare[0].islower() or len(sentence.split()) < 6:
        return Fix.DROP, False, "fragment"
    person = _hanging(
        _EN_PERSON,
        outer,
        lambda before: named_in(before, names) or _EN_ROLE.search(before) or _EN_SOMEBODY.match(before),
    )
    early = _EN_START.match(bare)
    if not early and (m := _EN_TIME.match(bare)) and not re.search(r"\b\d{4}\b", sentence):
        early = m
    if m := early or person:
        return Fix.JOIN, person is not None, m.group()
    for pattern, explained in (
        (_EN_THE_SAME, lambda before: not _EN_OPENS.match(before) or _EN_NAMED.search(before)),
        (_EN_THING, _EN_NOUN.search),
    ):
        if m := _hanging(pattern, outer, explained):
            return Fix.JOIN, False, m.group()
    return Fix.FINE, False, ""


def can_join(standing: Standing, before: str, names: Set[str], *, chinese: bool) -> bool:
    """Whether *before*, the sentences in front of it in the excerpt, is what a JOIN sentence needs."""
    if not standing.person:
        return True
    if inside := named_in(before, names):
        return len(inside) == 1
    return bool((_ZH_ROLE if chinese else _EN_ROLE).search(before))
