"""Can a sentence stand alone? The cues of the editorial guide, section 4, as tables.

A reader sees title, source line and the excerpt. A sentence whose words point outside needs the one
before it (JOIN), or cannot be used (DROP). Words spoken inside quotation marks may say 我 and "you".
"""

import re
from collections.abc import Set
from dataclasses import dataclass
from enum import IntEnum

from digest.summarize.people import named_in
from digest.text import CJK


class Fix(IntEnum):
    """What a sentence needs, the gravest last."""

    FINE = 0
    JOIN = 1
    DROP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a sentence stands.

    Args:
        leads: It may open an item: fine by itself, no hearsay, no question, somebody or something named.
        person: It hangs on a person named before (他), so joining needs exactly one to be there.
        weight: 1 for a clean sentence, less for one that only passes.
        cue: The words that hang, for explanations and tests.
    """

    fix: Fix
    leads: bool
    person: bool = False
    weight: float = 1.0
    cue: str = ""


_QUOTED = re.compile('“[^“”]*”|「[^「」]*」|"[^"]*"')
_HEAD = re.compile(r"^[\s“”「」『』\"'（(《【—…·•\-]+")

_ZH_DROP = re.compile(
    r"上述|前述|如前所|前文|如下|下文|下面|下图|上图|左图|右图|见图|如图|下表|见表|图[一二三四五六七八九十\d]|表\d"
    r"|(?<![自忘敌小])我(?!国|市|省|校)|我们|咱|笔者|小编|本人(?!的)|(?<![迷])你(?!好)|您"
    r"|本文|本刊|本站|编者按|文末|按[：:]|资料图|图源|图片来源|供图|责编|责任编辑|(?:^|[\s（(])来源[:：/]|摄影?[）)：:]|[（(][左右中][一二三四]?[)）]"
    r"|扫码|扫描|二维码|公众号|抽奖|点击|转载|未经授权|版权|免责声明|关注我|(?:欢迎|敬请|记得|请).{0,6}(?:关注|转发|订阅|报名|加入|分享|点赞|留言|联系)"
    r"|https?:|www\.|@\w|\d{3,4}-\d{7,8}"
)
_ZH_START = re.compile(
    r"(?:这|那(?!不勒)|此(?!前)|该|其(?!实)|如此|对此|就此|因此|所以|因而|于是|由此|可见|但|然而|不过|可是|可(?=[^能以持见用是靠])|却|反而|反之|例如"
    r"|比如|比方|譬如|前者|后者|二者|两者|双方|此外|另外|另一|其它|其他|其余|除此|同时|与此同时|再者|再次(?=[，,])|而(?!立)|并(?!购|行|非)|且|而且|甚至|尤其|否则|换[句言]"
    r"|也(?!门)|还(?!原)|又|亦|仍|更(?!新|换|改)|则|就|才(?!华|能)|便(?!利|捷|宜)|使得|使(?!用|命|馆|者)|令(?=人)|让|成为|成了|导致|意味|包括|通过|以至|从而|进而|正因|为此|据此|至此|相比之下|同样|相反|总之|简而|简单"
    r"|言之|具体来|一来|二来|紧接着|接着|跟着(?=[，,])|再后来|正如(?=[此前])|无独有偶|事实证明|不仅如此|不只|说白了|当然|是以|由于(?=[这此])|基于[这此如]|对于[这此]|关于[这此]"
    r"|在[这此他她]|从[这此]|有了[这此]|听到[这此]|和[他她这]|与[他她此]|跟[他她])"
)
_ZH_SERIES = re.compile(r"(?:首先|首要|其次|再次|第[一二三四五]|最后|一是|二是|三是|一方面|另一方面|开始是)")
_ZH_TIME = re.compile(
    r"(?:随后|后来|之后|不久|当时|此前|同年|次年|次日|当年|当天|那时|这时|届时|期间|其间|目前(?=[，,]?[该这])|刚刚)"
)
_ZH_DATED = re.compile(r"\d{4}\s*年|\d+\s*月|[一二三四五六七八九十]+月")
_ZH_EARLY = re.compile(
    r"该(?:公司|模型|实验室|项目|机构|平台|研究|团队|产品|技术|系统|企业|论文|方法|奖|书)|本次|此次|此举|此类|上面|以上(?!的)"
)
_ZH_PERSON = re.compile(r"(?<![其维])他(?!们|人|国|日|乡|山)|她(?!们)")
_ZH_THING = re.compile(r"他们|她们|它们?")
_ZH_HEARSAY = re.compile(r"据悉|据了解|据说|有消息|有人[认说]|传闻|据传|或许|可能是|不知")
_ZH_ROLE = re.compile(
    r"教授|博士|院长|记者|创始人|总裁|学生|年轻人|研究员|科学家|负责人|CEO|老师|母亲|父亲|男子|女子|孩子|老人|作者|医生|经理"
)
_ZH_SOFT = re.compile(r"今年|去年|目前|如今|近日|日前|昨日|现在|最近|事实上|实际上|其实|可以说|也|还|又|更")
_ZH_EMPTY = re.compile(
    r"没有输家|掌声|鼓掌|笑[)）]|[（(]笑|不难想象|众所周知|毋庸置疑|总而言之|老生常谈|毫不夸张"
)
_ZH_ANSWER = re.compile(r"(?:对|是的|没错|当然|不是|不|好的?|嗯|可以|会的|是|有|没有)[，,。.]")

_EN_DROP = re.compile(
    r"\b(?:I|I'm|I’m|I've|I’ve|me|my|we|we're|we’re|our|us|you|your|you're)\b|\b[Ff]igure \d|\b[Tt]able \d|\babove\b,|\bas (?:noted|shown|mentioned)\b|\bthe former\b"
    r"|\bthe latter\b|\b[Cc]lick\b|\b[Ss]ubscribe\b|\b[Ss]ign up\b|\b[Rr]ead more\b|\b[Nn]ewsletter\b|\bPhoto(?:graph)?(?: by|:)|Getty Images|\b[Ff]ollow us\b|https?:|www\.|\bthis article\b|\bcopyright\b"
)
_EN_START = re.compile(
    r"(?:This|That|These|Those|Such|So|However|But|Yet|Still|Nevertheless|Nonetheless|Instead|Therefore|Thus|Hence|As a result|Also|Moreover"
    r"|In addition|Furthermore|Besides|Meanwhile|For example|For instance|Say|Then|Later|Afterwards?|Earlier|Both|Neither|Another|Others|The others|The rest"
    r"|The two|The (?:company|model|study|team|firm|group|report|pair|man|woman|couple|move|decision)|Which|And|Or|Nor|Because|Here|There,|It|Its|Their|They|He|She|His|Her|More|Less"
    r"|Better|Even|Yes|No|Exactly|Right|That's|Similarly|Likewise|Indeed|In other words|On the other hand|In contrast|By contrast|Once there|The same)\b(?! year| week| month| World)"
)
_EN_SERIES = re.compile(
    r"(?:First(?:ly)?|Second(?:ly)?|Third(?:ly)?|Finally|Lastly|On the one hand|Another reason)\b,?"
)
_EN_TIME = re.compile(r"(?:That (?:year|day|month|night)|The next|The following|At the time)\b")
_EN_PERSON = re.compile(r"\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Hh]im)\b")
_EN_THING = re.compile(r"\b(?:[Tt]hey|[Tt]hem|[Tt]heir|[Ii]t|[Ii]ts)\b")
_EN_HEARSAY = re.compile(r"\b[Rr]eportedly\b|\b[Ss]ources said\b|\b[Ss]ome (?:argue|say)\b|\brumou?r")
_EN_SOFT = re.compile(r"\b(?:today|yesterday|now|recently|last week|this week|also)\b", re.I)
_EN_NAME = re.compile(r"\b[A-Z][A-Za-z]+")
_QUESTION = re.compile(r"[？?][”」』\"'’）)]*$|[吗呢][。.]?[”」』\"]*$")
_ENDED = re.compile(r"[。！？!?.…][”」』\"'’）)】\]]*$")


def standing(sentence: str, *, chinese: bool, names: Set[str], spoken: bool = False) -> Standing:
    """Judge one *sentence* by itself.

    Args:
        names: People the article names.
        spoken: The sentence lies inside a quotation whose marks it does not contain, and its speaker will
            be named beside it: 我 and "you" are theirs.
    """
    outer = _QUOTED.sub(lambda m: "“”" + m.group()[-2:-1] if len(m.group()) > 16 else m.group(), sentence)
    bare = _HEAD.sub("", outer)
    if not bare or not _ENDED.search(sentence):
        return Standing(fix=Fix.DROP, leads=False, cue="no end")
    judge = _chinese if chinese else _english
    found = judge(sentence, outer, bare, names, spoken)
    if found.fix is Fix.FINE and _QUESTION.search(sentence):
        return Standing(fix=Fix.DROP, leads=False, cue="question")
    return found


def _hangs(fix: Fix, m: re.Match[str], *, person: bool = False) -> Standing:
    return Standing(fix=fix, leads=False, person=person, cue=m.group())


def _chinese(sentence: str, outer: str, bare: str, names: Set[str], spoken: bool) -> Standing:
    if (m := _ZH_DROP.search(outer)) and not (spoken and m.group()[0] in "我你您咱"):
        return _hangs(Fix.DROP, m)
    if m := _ZH_SERIES.match(bare):
        return _hangs(Fix.DROP, m)
    if (m := _ZH_START.match(bare)) or (m := _ZH_ANSWER.match(bare)) or (m := _ZH_EARLY.search(bare[:16])):
        return _hangs(Fix.JOIN, m)
    if (m := _ZH_TIME.match(bare)) and not _ZH_DATED.search(sentence):
        return _hangs(Fix.JOIN, m)
    if m := _ZH_PERSON.search(outer):
        before = outer[: m.start()]
        if not named_in(before, names) and not _ZH_ROLE.search(before):
            return _hangs(Fix.JOIN, m, person=True)
    if (m := _ZH_THING.search(outer)) and len(outer[: m.start()].strip("“「")) < 5:
        return _hangs(Fix.JOIN, m)
    weight = 1.0 - 0.1 * len(set(_ZH_SOFT.findall(outer[:40]))) - 0.3 * bool(_ZH_EMPTY.search(sentence))
    opens_quoted = sentence[:1] in '“「『"'
    leads = not _ZH_HEARSAY.search(outer) and not opens_quoted and not spoken
    return Standing(fix=Fix.FINE, leads=leads, weight=max(0.4, weight))


def _english(sentence: str, outer: str, bare: str, names: Set[str], spoken: bool) -> Standing:
    if (m := _EN_DROP.search(outer)) and not (spoken and m.group()[0] in "Immywou"):
        return _hangs(Fix.DROP, m)
    if m := _EN_SERIES.match(bare):
        return _hangs(Fix.DROP, m)
    if bare[:1].islower() or len(sentence.split()) < 6:
        return Standing(fix=Fix.DROP, leads=False, cue="fragment")
    if m := _EN_START.match(bare):
        return _hangs(Fix.JOIN, m, person=m.group() in ("He", "She", "His", "Her"))
    if (m := _EN_TIME.match(bare)) and not re.search(r"\b\d{4}\b", sentence):
        return _hangs(Fix.JOIN, m)
    if (m := _EN_PERSON.search(outer)) and not _EN_NAME.search(outer[1 : m.start()]):
        if not re.search(
            r"\b(?:man|woman|boy|girl|mother|father|son|daughter|teacher|officer|player|star)\b", outer
        ):
            return _hangs(Fix.JOIN, m, person=True)
    if (m := _EN_THING.search(outer)) and len(outer[: m.start()].split()) < 2:
        return _hangs(Fix.JOIN, m)
    weight = 1.0 - 0.08 * len(_EN_SOFT.findall(outer))
    leads = not _EN_HEARSAY.search(outer) and sentence[:1] not in '“"‘' and not spoken
    return Standing(fix=Fix.FINE, leads=leads, weight=max(0.4, weight))


def can_join(standing: Standing, before: str, names: Set[str], *, chinese: bool) -> bool:
    """Whether *before*, the sentences in front of it in the excerpt, is what a JOIN sentence needs."""
    if not standing.person:
        return True
    inside = {name for _, name in named_in(before, names)}
    whole = {name for name in inside if not any(name != other and name in other for other in inside)}
    if whole:
        return len(whole) == 1
    return bool(_ZH_ROLE.search(before)) if chinese else bool(_EN_NAME.search(before[1:]))


def is_chinese(text: str) -> bool:
    """Whether the cues of Chinese apply: a third of the letters or more are Chinese characters."""
    return len(re.findall(f"[{CJK}]", text)) * 2 > len(re.findall(r"[A-Za-z]+", text))
