"""Who is named in an article: people, found by what stands beside them, without a model.

Good enough to know whether a 他 or "he" hangs in the air and who said a quotation; a missed name costs
a sentence, a wrong one a reader's trust, so evidence is asked for.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Set

from digest.text import CJK

SAYING = (
    r"(?:说道|表示|认为|指出|谈道|谈到|提到|强调|坦言|透露|回忆|解释|补充|介绍|告诉|称|感慨|总结|回答|评价|写道|写下"
    r"|展现|先容|叙到|直言|建议|呼吁|说|道|问|讲)"
)
TITLE = (
    r"(?:教授|博士|院士|院长|所长|校长|老师|先生|女士|主任|总裁|董事长|总经理|经理|创始人|科学家|研究员|负责人|理事长|董事"
    r"|工程师|导师|主席|部长|局长|书记|分析师|律师|医生|作者|同学|学者|专家|CEO|CTO|COO|CFO)"
)
ADVERB = (
    r"(?:却|还|也|则|又|曾|都|就|再次|随后|进一步|特别|特意|这样|如此|笑|同样|明确|最后|接着|先生|教授|老师)"
)
_SURNAME = (
    "(?:欧阳|司马|上官|诸葛|司徒|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏"
    "魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施"
    "文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单裴霍涂成苗谷盛曲翁骆蓝路游辛"
    "靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂佟闵苟邬边卞姬])"
)
_COMMON = re.compile(
    r"[的了是在不有和我他她它这那们个与及或等也都还就而但为之其]|公司|研究|记者|项目|计划|解决|管理|应用|文化|时代|金融|方面|"
    r"方法|方案|高管|高校|高性|于是|任何|何时|成员|文章|安全|时候|时间|安排|成功|成为|明确|连续|单位|包括|关于|关键|华为|史上|"
    r"路径|路线|游戏|温度|左右|纪录|纪念|成果|成本|成立|成长|成就|任务|任职|白宫|江苏|江西|江湖|黄金|马克|马上|米兰|石油|万|"
    r"国|海外|古代|司法|农业|农民|单一|景区|党委|卫星|席位|费用|边界|车辆|车型|连接|简单|解释|房地|华人|管控|游客|路上|曲线|"
    r"文学|文明|武器|康复|施工|温暖|安装|安徽|宁波|宁夏|尚未|符合|成熟|高度|高端|高等|高速|高质|金属|金额|白天|石头|毛利|钱包|"
    r"严重|严格|顾客|龙头|雷达|段时|秦岭|江南|夏天|贺词|史料|陶瓷|汪洋|范围|钟头|陆续|程序|程度|余下|蔡司|于此|董事|田野|曾经|唐代|宋代"
)
_BEFORE_SAYING = re.compile(
    rf"(?<![{CJK}])?({_SURNAME}[{CJK}]{{1,2}})(?:{TITLE})?(?:[（(][^（）()]{{1,20}}[)）])?{ADVERB}?{SAYING}"
)
_AFTER_TITLE = re.compile(
    rf"{TITLE}({_SURNAME}[{CJK}]{{1,2}})(?=[，,。、：:（()）\s在]|{TITLE}|{ADVERB}?{SAYING}|$)"
)
_BEFORE_TITLE = re.compile(rf"(?:^|[，,。、：:“”「」\s与和给对向])({_SURNAME}[{CJK}]{{1,2}}){TITLE}")
_REPEATED = re.compile(rf"(?=({_SURNAME}[{CJK}]{{2}})(.))")
_FOREIGN = re.compile(rf"[{CJK}]{{1,6}}(?:·[{CJK}]{{1,8}})+")
_LATIN = re.compile(r"\b[A-Z][a-zé]+(?:[ -](?:[A-Z]\.|(?:de|van|von|bin|al|el)|[A-Z][a-zé’'-]+)){1,3}")
_LATIN_SAYS = re.compile(
    r"\b([A-Z][a-zé’'-]{2,})\s+(?:said|says|told|added|asked|wrote|argued|explained|recalled|warned|noted)\b"
    r"|\b(?:said|says|added|asked|Mr|Mrs|Ms|Dr|Prof)\.?\s+([A-Z][a-zé’'-]{2,})"
)
_NOT_LATIN = {
    "The",
    "This",
    "That",
    "They",
    "But",
    "And",
    "She",
    "His",
    "Her",
    "Who",
    "What",
    "When",
    "There",
    "Its",
}


def people(text: str) -> frozenset[str]:
    """Names of people in *text*, in full and, for Latin script, surnames that say something.

    A Chinese name needs a verb of saying or a title beside it, or three uses with different neighbours.
    """
    found: Counter[str] = Counter()
    for pattern in (_BEFORE_SAYING, _AFTER_TITLE, _BEFORE_TITLE):
        found.update(m.group(1) for m in pattern.finditer(text))
    names = {name for name in found if not _COMMON.search(name[1:]) and not _COMMON.search(name)}
    names |= _often_used(text)
    names = {name for name in names if not _is_stump(name, names, text)}
    names.update(m.group() for m in _FOREIGN.finditer(text))
    names.update(m.group() for m in _LATIN.finditer(text) if m.group().split()[0] not in _NOT_LATIN)
    for m in _LATIN_SAYS.finditer(text):
        name = m.group(1) or m.group(2)
        if name not in _NOT_LATIN:
            names.add(name)
    return frozenset(names)


def _often_used(text: str) -> Set[str]:
    after: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for m in _REPEATED.finditer(text):
        after[m.group(1)][m.group(2)] += 1
    return {
        name
        for name, neighbours in after.items()
        if neighbours.total() >= 3 and len(neighbours) >= 3 and not _COMMON.search(name)
    }


def _is_stump(name: str, names: Set[str], text: str) -> bool:
    """Whether a two-character candidate is only ever the head of a three-character name (张祥 of 张祥雨)."""
    if len(name) != 2:
        return False
    longer = [other for other in names if len(other) == 3 and other.startswith(name)]
    return bool(longer) or text.count(name) < 2


def named_in(sentence: str, names: Set[str]) -> list[tuple[int, str]]:
    """``(offset, name)`` of every known person in *sentence*, in order; longer names first."""
    found = [(sentence.find(name), name) for name in names if name in sentence]
    return sorted(found, key=lambda pair: (pair[0], -len(pair[1])))
