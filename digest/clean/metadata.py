"""Who wrote it, who edited it, where it came from, when: read from the lines around the body.

Everything is taken as printed. What only might be so (an outlet named in a sentence, not in a byline) is
marked inferred; what is not said is None.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import dropwhile, pairwise, takewhile

from digest.clean import dates
from digest.model import Published
from digest.text import lazy

HAN = r"[^\W\d_a-zA-ZÀ-ɏ]"
"""A letter that is not Latin: Chinese, here. A range of all Chinese takes a hundred times as long
to compile."""
_LABEL = r"(?:^|(?<=[\s(（【\[|丨｜、,，。;；/\"”]))"
_SIGN = r"\s?[:：丨|｜/／∕︱│]\s?"
_AUTHOR = lazy(
    rf"(?:{_LABEL}(?:本文|文章|原文|原创)?(?:作者|撰文|撰稿|文字|编译|翻译|译者|采写|采写记者|采访|采访者|执笔|整理|发信人"
    rf"|文|(?:本报|见习|特约|实习|首席|全媒体)?记者|作 者){_SIGN}|原创作者{_SIGN}|[，,]作者\s?(?=\S+$))"
    r"(?P<names>[^:：丨|｜;；。(（【\[]{2,40})"
)
_QUESTION = lazy(
    r"^(?:记者|記者|采访者|问|問|Q|Reporter)\s?[:：](?=.*[？?！!。…，,].*)(?!\s?\S{2,4}(?:[，,]\s?\S{2,4})*(?:\s|$))"
)
"""What an interviewer says is no byline, though it begins like one."""
_POSTER = lazy(
    r"(?:^posted @ [\d: -]{10,20} |^© ?本文版权归 ?(?!原?作者|本[站网])|^作者(?=\w+ ?\())"
    r"(?P<name>[^\s()]{2,24})(?= 阅读| ?\(| ?所有[，,])"
)
"""How forums and blog hosts sign a post with its writer's account."""
_EDITOR = lazy(
    rf"{_LABEL}(?:本文|责任|責任|责|责|执行|值班|网络|文字|版面)?(?:编辑|編輯|责编|責編|主编){_SIGN}(?P<names>[^:：丨|｜;；。(（)）】\]]{{2,24}})"
)
_REPORTER = lazy(
    rf"(?:[(（〔\[【／]\s?|^[□■●◎\s]*(?:{HAN}{{2,8}} )?){HAN}{{0,10}}?(?:记者|記者|通讯员)[ :：]{{0,2}}"
    rf"(?P<names>(?:{HAN}|·){{2,4}}(?:[ 、,，]\s?(?:通讯员 ?)?(?:{HAN}|·){{2,4}}){{0,4}})\s?(?:[)）/／∕]|$)"
)
_SPACED = lazy(rf"(?<=\s)({HAN}) (?={HAN}(?:\s|$))")
"""A name of two characters set apart: 江 白."""
_BY = lazy(
    r"^(?:(?:By|BY|by|Written by|Reported by|Story by|Words by|Author|AUTHOR|Posted by|Reporter"
    r"|.{2,40}, an? \w+ by):? |(?:Words|Text): |By(?=[A-Z][a-z.]))(?P<names>.{3,120})$"
)
_LATIN_NAME = lazy(
    r"^[A-Z][\w'’.-]*(?: (?:[A-Z][\w'’.-]*|de|da|del|van|von|der|den|bin|al|el|la|le|di|ter)){1,4}$"
)
_NOT_A_PERSON = lazy(
    r"\b(?:ledger|herald|courier|gazette|journal|tribune|chronicle|review|weekly|standard|observer|telegraph|associated|radio|tv|wire|service|instruments|read|"
    r"share|facebook|twitter|forum|board|blog|getty|images|photo|news|press|writer|reporters?|correspondents?|editors?|staff|desk|bureau|team|agency|post|"
    r"times|media|contributors?|daily|reuters|bbc|cnn|ap|afp|sign|log|feedback|newsletter|industry|professor|menu|home|search|our|your|out|in|up|for|next|"
    r"video|ad|tech|insider|project|speech|engineers?|software|senior|technologist|morning|corporation|communications|foundation|cent(?:er|re)|council|"
    r"committee|department|updated|published|minutes?|editorial|admin|guest|university|institute|inc|ltd|llc|the|this|more|all|of|online|magazine|network|on|"
    r"gmbh|plc|holdings|technologies|robotics|systems|solutions|"
    r"at|group|consulting|posts|key|points|run|running|chasing|living|making|travel(?:l?ing)?|wandering|eating|cooking|reading|writing|thinking|learning|"
    r"finding|becoming|being|going|building|mon|tue|wed|thu|fri|sat)\b",
    re.IGNORECASE,
)
_NOBODY = lazy(
    r"^(?:小编|责任编辑|整合|\S*支部|本站|本网|(?:超级|系统)?管理员|佚名|未知|网络|互联网|匿名|编辑|原创|转载|综合|整理|来源|作者|记者|官方|无名|不详|暂无|admin|administrator|editor|staff|root|anonymous|unknown"
    r"|super\suser|author|user|guest|原作者|如图|题图|见文末|文末|本报|本刊|发布|时间|日期|浏览|点击|阅读|\d+).{0,2}$|^\w*admin\d*$|^\S+\.(?:com|net|org|cn)$",
    re.IGNORECASE,
)
_SOURCE = lazy(
    rf"{_LABEL}(?:稿件|信息|文章|内容|原文|本文|新闻)?(?:来源|來源|出处|稿源|转自|转载自|来自|首发于?|发信站|發信站){_SIGN}(?P<name>[^:：丨|｜;；。]{{2,40}})"
    rf"|(?:本文|文章)(?:首发于?|原载于?|来源于?|转载自|转自)\s?[:：]?\s?(?:微信)?(?:公众号)?\s?[:：]?"
    rf"[「“\"《]?(?P<first>[^「」“”\"《》，,。（(:：]{{2,20}}?)\s?[」”\"》]?\s?(?:[，,。（(]|$)"
    rf"|(?<=\d\s)来自\s(?P<sent>\S{{2,16}})$"
    rf"|^(?P<own>{HAN}{{2,8}}(?:报|報|網|网|社|台|周刊|新闻|新聞))(?:记者|記者)(?:\s|(?={HAN}{{2,4}}(?:\s|$)))"
    r"|^《(?P<paper>[^》]{2,12})》\s?[（(]?\d{4}"
    r"|(?:^|\s)(?:Source:|SOURCE:?)\s?(?P<en>[A-Z][\w .&'’-]{1,40})$"
)
_ACCOUNT = lazy(
    r"^(?:微信)?公众号\s?[:：]\s?(?P<alone>[^:：,，;；。(（|｜\s]{2,20})$|"
    r"公众号\s?[:：]?\s?[“\"「『《【]?\s?(?P<name>[^“”\"「」『』《》【】:：,，;；。(（\s]{2,20})\s?[”\"」』》】(（,，。;；\s]"
)
_ORIGINAL = lazy(
    r"^原创\s?[丨|｜:：]\s?(?P<name>\w{2,14})$|^(?P<before>\w{2,10})原创作者"
    r"|^原创 (?:\S{2,12} ){1,2}(?P<account>\S{2,16})(?:$| (?=\d{4}年))"
)
_DATELINE = lazy(
    rf"^[(（【]?据?(?P<name>{HAN}{{1,6}}?(?:网|报|社|台|在线|新闻|周刊|财经))"
    rf"(?:(?:讯|消息|报道)[】)）\s(（，,]|(?:讯|消息|报道)?[)）】]?\s?{HAN}{{0,9}}\s?(?:\d{{4}}年)?(?:\d{{1,2}}月)?\d{{1,2}}日"
    rf"(?:电|電|讯|訊|报道|報導|消息))"
)
_WIRE = lazy(r"^(?:[A-Z][\w.,'’ -]{1,40} )?\((?P<name>[A-Z][A-Za-z ]{1,24})\)\s?[-–—]")
_REPORTER_OF = lazy(
    r"《(?P<quoted>[^》]{2,12})》(?:杂志|报社)?(?:的)?记者|接受(?:了)?(?P<plain>[^\W\d_]{2,8}?)(?:的)?(?:独家)?(?:专访|采访)"
)
_MEDIUM = lazy(
    r"(?:网|網|報|报|社|刊|讯|訊|台|频道|新闻|新聞|时报|時報|杂志|雜誌|财经|在线|观察|参考|通讯|评论|传媒|媒体|中心|客户端|公众号|视点|消息|海外版|科技|局|厅|委|办公室|大学|学院|公司|集团|研究院|笔记|日记|手记|札记|见闻|博客|小站|站|故事|工作室)$"
    r"|\b(?:Herald|Times|News|Post|Courier|Press|Gazette|Journal|Tribune|Ledger|Chronicle|Review|Weekly|Observer|Telegraph|Standard|Mirror"
    r"|Magazine|Globe|Register|Bulletin|Examiner|Inquirer|Dispatch|Sentinel|Reuters|BBC|CNN|Daily|Today|Online|Media|Radio|Agency|Wire)$"
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪"
    "范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤陳張劉楊黃趙吳馬許韓馮鄧蕭葉蘇盧鐘譚陸範賈簡"
)
"""The hundred commonest, both scripts: a name without a label must begin with one."""
_SOUNDS = (
    "阿埃艾爱安奥巴贝本比彼波伯博布查达大戴丹道德迪蒂杜多恩尔法菲费弗福富盖戈格古哈海汉赫亨霍基吉加杰金卡凯坎科克肯库拉莱兰劳勒雷"
    "里丽利莉林琳龙卢鲁路伦罗洛马玛迈曼梅门蒙米莫姆穆娜内尼纳南努诺欧帕潘佩皮普奇乔切琼热萨塞森莎沙山舍什圣史斯思苏索塔泰汤特提"
    "托瓦威韦维温文沃乌西希夏谢辛休雅亚扬耶伊英尤约泽扎詹珍朱"
)
"""Characters that names of other languages are written with."""
_FOREIGN = lazy(rf"[{_SOUNDS}]{{1,6}}(?:·[{_SOUNDS}]{{1,8}})+")
_NO_TOKEN = lazy(
    r"[:：]|^来自|^(?:于|在|来自|发[布表]于?|发消息|加好友|更新|关注|分享|举报|打印|收藏|评论|参与|我有话说|我来说两句|编辑|字|大|中|小|来源|作者|阅读|浏览|点击|原创|转载|正文|首页|热度|\W*)$"
    r"|^\d|浏览|阅读|点击|点赞|评论|查看|回复|字体|字号|星期|楼|关注"
    r"|最后|最近|打印|关闭|来源|责任|记者|記者|作者|时间|收藏|报道$|于$|(?<!官方[账帐])号$|政务|支部|整合|[】]"
    r"|min(?:ute)?s? read|updated|published|posted|GMT|UTC|\b(?:[AP]M|[EPCM][SD]?T)\b|comment|share",
    re.IGNORECASE,
)
_WEEKDAY = r"\s(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
_BEHIND_NAMES = lazy(
    r"\s*[|•·–—/]+\s|\s-\s|\s(?:[Ff]or|in|on|at|Follow|Updated|Published|[Ss]taff|[Ss]enior|[Ss]pecial)\s|\(|\s\S+@|\s?[@\d]"
    rf"|(?:(?<=[a-z]{{4}})|(?<= [A-Z][a-z]{{3}}))\.\s|\.\s(?=[A-Z]\w+:)|{_WEEKDAY}"
    r"|\s(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d"
)
_OFFICE = lazy(
    r"^(?P<name>[A-Z][\w'’.-]+ [A-Z][\w'’.-]+),? (?:[A-Z]\w+ ){0,3}"
    r"(?:Reporter|Correspondent|Editor|Writer|Columnist)$"
)
"""Hannah Briggs Local Democracy Reporter."""
_LABELLED = lazy(rf"{HAN}{{1,6}}\s?[:：]\s?[^\s|｜]*")
_ROLE_OF = lazy(r"\b(?:Contributors?|Photos?|Images?|Illustrations?|Editors?)(?: by)?: [^|]*")
_SITE_LAST = lazy(
    r"(?:^|(?<=[,|] ))(?:[a-z\d-]{2,30}\.){1,3}(?:com|org|net|io|co|cn|edu|gov|info|dev|me|uk)"
    r"(?=$|, \d{4}/\d\d$)"
)
_CHANNEL = lazy(
    r"(?:公司|企业|行业|新闻|体育|财经|国际|国内|社会|娱乐|本地|科技|视频|图片|滚动|今日|热点|时政|军事)?(?:新闻|频道|资讯|快讯|中心|观察|评论|科技|财经)$"
)
_TWO_IN_ONE = lazy(r"(?!Ma?c|De|La|Le|Fitz)[A-Za-z]*[a-z][A-Z]\w*[a-z]")
_SECTION = lazy(
    r"News|Features?|Opinions?|Comment|Sports?|Arts?|Culture|Music|Film|Books|Food|Travel|Business|Science|Technology"
    r"|Tech|Politics|Health|Lifestyle|Essays?|School|Campus|Local|World|Episodes|Games|Television|Theatre|Fashion"
)
_BY_WORD = lazy(r"^(?:(?:Posted|Written|Published)(?: on)? ?)?(?:[Bb]y|BY)\b:? ?|^(?:on|at) ")
_SENT_BY = lazy(r"(?:\d (?:points?|votes?) by|^Thread starter) ([\w-]{2,24}) ?$")
_BY_TAG = lazy(r"^(?:(?:Posted |Written |Reviewed )?[Bb]y|BY)(?=[A-Z :])[: ]*")
_TITLE = lazy(r"(?:[A-Z]\.?){2,5}|Ph\.?D\.?|[JS]r\.?")
"""What follows a name behind a comma: degrees, and the agency."""
_PLACE = lazy(
    r"(?:北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南"
    r"|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门|美国|日本|英国|微信|微博|今日|分钟)$"
)
_BEHIND_VALUE = lazy(
    r"\s(?:点击|浏览|阅读|来源|时间|发布|编辑|责编|审核|字体|日期|摄影|图片|供图|制图|策划|校对|\d)"
)
_NEXT_ROLE = lazy(r"\s(?:图|圖|摄|攝|摄影|文|译|编辑|制图|视频|供图)\s?[/／]")
_ROLES = lazy(r"(?:^|\s)(?:通讯员|实习生|特约记者)\s?")
_NO_OUTLET = lazy(
    r"^(?:网络|互联网|本站|本网|原创|未知|综合|整理|转载|其他|其它|不详|官网|作者|网友|佚名|新闻|资讯|公众号|微信|微信公众号|官方|记者|媒体|我们|图片).{0,3}$|^(?:News|Sports?|World|Opinion)$"
)
_AUTHORISED = lazy(
    r"(?P<name>\w{2,12}?)(?:已|获|获得)?经(?:作者|原作者|平台|本人|许可)?授权(?:发布|转载|发表)"
)
_COPYRIGHT = lazy(
    rf"(?:©|\([Cc]\)|[Cc]opyright|版权所有|版權所有)(?:[\s\d©()\-–—~,.:：&;@]|[Cc]opyright|by|BY|[Cc]\))*"
    rf"(?P<name>{HAN}[\w·]{{1,14}}?|[A-Z][A-Za-z0-9&'’ -]{{2,30}}?)"
    r"\s*(?:官方网站|官网)?\s*(?:(?:版|著作)[权權]所有|保留|[.,，|·(（]|\s{2}|[Aa]ll [Rr]ights"
    r"|(?<=\s)[A-Za-z]+\.(?:com|cn|net|org)|\.(?:com|cn|net|org)|ICP|备案|自豪地|[Pp]owered|[Tt]heme|主题|$)"
)
_OWNER = lazy(
    rf"^(?!Copyright)(?P<name>{HAN}[\w·]{{1,14}}?|[A-Z][A-Za-z0-9&'’ -]{{2,30}}?)"
    r"(?:版[权權]所有.{0,6})? ?© ?\d{4}"
)
_OWN_WORK = lazy(r"^本文(?:为|系|是|由)(?P<name>\w{2,12}?)(?:的?原创|独家|首发)")
_MASTHEAD = lazy(
    rf"(?:(?:\d{{1,3}}{HAN}|{HAN}{{2}})[\w·]{{0,10}}(?<!首[页頁])"
    r"|[A-Z][\w&'’.]*(?: [A-Z&][\w&'’.]*){0,4})(?<!\.)"
)
_LOGO = lazy(r"(?P<name>.{2,40}?)(?: - Back to home| [Hh]ome ?page| home)")
_SKIP = lazy(
    r"跳[至到过過转轉]|略过|(?:Skip|Accessibility|Advertisement|Subscribe|Sign|Log|Search|Menu|Open|Close|Donate)\b"
)
_MENU = lazy(
    r"(?:首页|首頁|主页|账号|關於|會員|我的|归档|专栏|栏目|订阅|訂閱|登录|登入|注册|搜索|搜尋|菜单|导航|关于|跳到|返回|打开|下载|欢迎"
    r"|(?:Home|Accessibility|Subscribe|Sign|Log|Menu|Search|About|Archive|Skip|Open|Advertisement|Ad|Back|Close|Share|Donate)\b)"
)
_FORUM_BAR = lazy(r"手机版\s?\|\s?(?:小黑屋\s?\|\s?)?(?P<name>[^|(（\s]{2,16})\s?[(（|]")
_CITED = lazy(r"转载请注明(?:出处|来自|来源)(?:自|[:：])?\s?(?P<name>[^\s，,。！!:：/]{2,20})[。！!]?$")
_COMPANY = lazy(
    r"有限公司|集团|公司$|必究|负责|\b(?:Limited|Corporation|Corp|Inc|Ltd|LLC)\b"
    r"|^All\b|^The (?:Authors?|End)$|^(?:Fin|End)$|^版权|^ICP",
    re.IGNORECASE,
)
_PUBLISHED_FIRST = lazy(r"[发發][布佈表稿]|刊发|published|posted|first", re.IGNORECASE)
_PARTED = lazy(r"20\d\d/\d\d/\d\d")
"""Year and day on lines of their own."""
_EDITED = lazy(r"(?:最后)?(?:编辑|更新|修改)于\s?\d")
"""Below a text, its last change: a date further down is another's."""
_UPDATED_FIRST = lazy(
    r"^.*?(?:updated|modified|更新|修改|编辑|推荐文章).*?(?=发布|发表|刊发|published|posted)", re.IGNORECASE
)
_SENTENCE = lazy(r"[，,][^，,]{4,}[。！？]$")
"""A standfirst: the day in it is what it speaks of."""
_SAYS_DATE = lazy(r"[发發][布佈表稿]|时间|日期|来源|\d楼|published|posted|\bdate", re.IGNORECASE)
_LABELS_DATE = lazy(r"(?:[发發][布佈表稿]|时间|日期|来源)\s?[:：于]|published|posted|\bdate", re.IGNORECASE)
_NO_DATE = lazy(
    r"©|copyright|版权|ICP|^(?:all times are )?GMT[+-]|今天是|现在是|截止|截至|注册"
    r"|最后由|最后编辑|last edited|join(?:ed| date)|member since|有效期|备案|报名"
    r"|(?:活动|会议|讲座|演出|考试|面试|开庭|开放|营业|展览|投票|比赛)时间"
    r"|processed in|^[—-]\s|推荐文章于[^发]+发布$",
    re.IGNORECASE,
)
_SENTENCE_ENDS = (".", "。", ")", "）", "!", "！", "?", "？")
_AHEAD = 50
"""Characters in which a line that ends as a caption or a sentence must name its date, to be a byline."""
_DATELINE_EN = lazy(r"[A-Z]{2}[A-Z .,'’-]*[^–—]{0,60}?\d{4}\b[^–—]{0,20}?[-–—]")
"""SPRINGFIELD, 3 May 2024 - how releases begin: the place in capitals, then the day."""
_HELD = ("专访", "采访", "访谈", "对话", "对谈", "interview", "Interview", "INTERVIEW")
# What each match of the patterns above holds: looking for these first is a tenth of the work.
_TELLS = ("电", "電", "讯", "报道", "消息")
_ASKS = ("记者", "記者", "通讯员", "接受")
_OWNS = ("请注明", "授权", "原创", "手机版", "©", "(C)", "(c)", "opyright", "权所有", "權所有")


_Lines = Sequence[str]
_Inferred = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a page's tags say about it, believed before what its text looks like.

    Args:
        titles: Best first, site names still on them; page_title: the browser's.
        authors: As the page prints them; unprinted: persons only its tags name.
        likely_site: A name behind the browser's title, for want of any other.
    """

    titles: tuple[str, ...] = ()
    page_title: str = ""
    authors: tuple[str, ...] = ()
    unprinted: tuple[str, ...] = ()
    outlet: str | None = None
    site: str | None = None
    likely_site: str | None = None
    published: Published | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """What the lines around a body said."""

    authors: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    outlet: str | None = None
    inferred_from: str | None = None
    republisher: str | None = None


def credits(
    head: _Lines, tail: _Lines, body: _Lines, footer: _Lines, *, brand: str | None, site: str | None = None
) -> Credits:
    """Read authors, editors, outlet and republisher.

    Args:
        site: Its name in the page's tags. Pages that tell it tell their author, too, or label him: Latin
            words on lines of their own are sections and buttons then, a Source is a picture's.
        head: Lines from the title down to the body; tail: those right below the body.
        body: Its paragraphs.
        footer: The last lines of the page.
        brand: The name header and footer share, if any.
    """
    head, tail = ([line for line in lines if not _QUESTION.match(line)] for lines in (head, tail))
    edges = [*(text[:120] for text in body[:2]), *(text[-60:] for text in body[-1:])]
    named, medium = _unlabelled(head, site)
    outlet, inferred = _outlet([*head, *tail], body, medium, latin=not site)
    around = [*head, *tail]
    asked = [_SPACED.sub(r"\1", line) for line in (*around, *edges) if _holds(line, _ASKS)]
    site = _republisher([*around, *footer]) or brand
    authors = (
        _people(around, _AUTHOR) or _posters(around) or _bylines(around) or _people(asked, _REPORTER) or named
    )
    if site in authors or (site and outlet and (site in outlet or outlet in site)):
        site = None
    return Credits(
        authors=authors,
        editors=_people(around, _EDITOR),
        outlet=outlet,
        inferred_from=inferred,
        republisher=site,
    )


def _people(lines: Iterable[str], label: re.Pattern[str]) -> tuple[str, ...]:
    for line in lines:
        for match in label.finditer(line[:300]):
            value = match["names"]
            if line[match.end("names") :][:1] in (":", "："):  # up to the next label, and that is no name
                value = re.sub(r"[\s，,、][^\s，,、]*$", "", value)
            names = split_names(_NEXT_ROLE.split(value)[0])
            if names:
                return names
    return ()


def _posters(lines: Iterable[str]) -> tuple[str, ...]:
    return next(((match["name"],) for line in lines if (match := _POSTER.match(line[:120]))), ())


def _unlabelled(lines: _Lines, site: str | None) -> tuple[tuple[str, ...], str | None]:
    """(authors, outlet) of bylines without labels: name and source beside a date, or alone near one."""
    authors: list[str] = []
    first = _tokens(lines[0], "") if lines and len(lines[0]) <= 16 else []
    kinds = [
        "medium" if is_medium(token) and not _CHANNEL.match(token) else is_person(token) for token in first
    ]
    outlet = first[0] if kinds == ["medium", True] else None  # some paper, some writer: right below the title
    authors += first[1:] if outlet else []
    dated = [dates.locate(line) for line in lines]
    for i, line in enumerate(lines):
        near = any(dated[max(0, i - 2) : i + 4])
        if _NO_DATE.search(line):
            continue
        if any(dated[i + 1 : i + 2]) and (named := _stationed(line)):
            authors += named
            continue
        if (place := dated[i]) and len(line) <= (140 if " | " in line else 90):
            before, after = line[: place[0]], line[place[1] :]
        elif (near and len(line) <= 40) or (len(line) <= 60 and _SITE_LAST.search(line)):
            before, after = line, ""
        else:
            continue
        if account := _SENT_BY.search(before):
            authors.append(account[1])
            continue
        tokens = _tokens(_ROLE_OF.sub("", before), after)
        tokens = [t for t in tokens if not any(is_medium(o) and f"{o}, {t}" in line for o in tokens)]
        outlet = outlet or (None if site else _paper(tokens, bool(place)))
        for token in tokens:
            if site and token.isascii() and (not place or site in token):
                continue
            if account := re.fullmatch(r"(\S{2,12})官方[账帐]号", token):
                outlet = outlet or account[1]
            elif is_medium(token):
                outlet = outlet or tidy_outlet(re.split(r"[-—]", token)[-1])
            elif len(pair := re.split(r" (?:and|&) ", token)) > 1 and all(map(is_person, pair)):
                authors += pair
            elif is_person(token) or (place and not authors and _is_account(token)):
                authors.append(_tidy_case(token))
    return tuple(dict.fromkeys(authors)), outlet


def _stationed(line: str) -> list[str]:
    """The writers in a line that tells where each of them is: Jane Doe in Paris and Ann Roe in Rome."""
    pairs = [part.partition(" in ") for part in re.split(r", | and ", line[:160])]
    known = all(
        is_person(name) and re.fullmatch(r"[A-Z]\S+(?: [A-Z]\S+)?", place) for name, _, place in pairs
    )
    return [name for name, _, _ in pairs] if known else []


def _paper(tokens: Sequence[str], dated: bool) -> str | None:
    """The address of a site; beside a date a single name before a section, or one of two words in one."""
    for before, token in zip(("", *tokens), tokens, strict=False):
        if _SITE_LAST.fullmatch(token):
            return token
        if dated and is_person(before) and _TWO_IN_ONE.fullmatch(token):
            return token
    single = dated and len(tokens) == 2 and _SECTION.fullmatch(tokens[1])
    named = single and re.fullmatch(
        rf"(?!(?:Home|Blog|Archives?|{_SECTION.pattern})$)[A-Z]\w{{2,20}}", tokens[0]
    )
    return tokens[0] if named else None


def _tokens(before: str, after: str) -> list[str]:
    text = _LABELLED.sub("|", f"{before}|{after}")
    names = [match.group() for match in _FOREIGN.finditer(text)]
    parts = re.split(rf"[|｜／·•»>，,]|\s[-–—]\s|{_WEEKDAY}", _FOREIGN.sub("|", text))
    pieces = (
        piece.strip(" 】【()（）[]") for part in parts for piece in _words(_BY_WORD.sub("", part.strip()))
    )
    return names + [piece for piece in pieces if piece and not _NO_TOKEN.search(piece)]


def _words(part: str) -> list[str]:
    """Chinese bylines are parted by blanks, English names hold them."""
    return part.split() if re.search(HAN, part) else [part]


def is_medium(name: str) -> bool:
    """Whether a name is a paper's, a site's or an office's, by its last word."""
    return bool(_MEDIUM.search(name)) and len(name) <= 30


def is_channel(name: str) -> bool:
    """Whether a name is a section's."""
    return bool(_CHANNEL.match(name) or _SECTION.fullmatch(name))


def is_person(name: str) -> bool:
    """Whether it has the form of a person's name."""
    if _NOBODY.match(name):
        return False
    if _LATIN_NAME.match(name):
        return bool(re.search(r"\w{2}", name)) and not _NOT_A_PERSON.search(name)
    return bool(re.fullmatch(f"[{_SURNAMES}]{HAN}{{1,2}}", name) or _FOREIGN.fullmatch(name))


def _is_account(name: str) -> bool:
    """Whether it may be what a writer calls himself on a platform; the platform tells where he is, too."""
    return bool(re.fullmatch(r"[\w·]{2,7}", name)) and not (
        re.search("[A-Za-z]|之.$", name) or _NOBODY.match(name) or _PLACE.match(name)
    )


def split_names(text: str) -> tuple[str, ...]:
    """The persons in a byline's value, as printed; what cannot be a name ends the list."""
    names: list[str] = []
    text = _BEHIND_VALUE.split(text.strip(" 】"))[0]
    text = _ROLES.sub("、", re.sub(r"^\S*?(?:记者|記者|作者|编辑)(?:\s|(?=\S{2,4}$))", "", text))
    for part in re.split(r"[、,，&;；/▪]|\s和\s?|\s与\s?|\b(?:and|AND)\b", text.strip()):
        pieces = list(takewhile(lambda piece: not is_medium(piece), part.split()))
        if not pieces or (names and _TITLE.fullmatch(part.strip())):
            continue
        chinese = [p for p in pieces if re.fullmatch(rf"(?:{HAN}|·){{2,6}}", p)]
        for name in (
            chinese if chinese and len(chinese) == len(pieces) else [" ".join(pieces).strip(" .。)）")]
        ):
            if not _is_name(name):
                return tuple(dict.fromkeys(names))
            names.append(name)
    return tuple(dict.fromkeys(names))


def names_in_tags(text: str, sites: Sequence[str]) -> tuple[str, ...]:
    """The persons in what a tag gives as author; the site itself is none.

    Args:
        sites: The page's names for its site.
    """
    value = _named_first(_BY_TAG.sub("", text))
    others = [_bare(site.split("(")[0]) for site in sites]
    if "//" in value or _is_site(value, others):
        return ()
    return tuple(
        name
        for name in split_names(value)
        if not (is_medium(name) or (" " in name and _NOT_A_PERSON.search(name)) or _is_site(name, others))
    )


def _named_first(text: str) -> str:
    """A byline's value without office and place behind the name."""
    return match["name"] if (match := _OFFICE.match(text)) else _BEHIND_NAMES.split(text)[0]


def _is_site(name: str, others: Iterable[str]) -> bool:
    """Whether it is one of *others*, bare, or what a Chinese one begins with: 某易 of 某易新闻."""
    bare = _bare(name)
    begins = not (name.isascii() or is_person(name))
    return any(bare == other or (begins and other.startswith(bare)) for other in others)


def _bare(name: str) -> str:
    return re.sub(r"\W", "", name).lower()


def _is_name(name: str) -> bool:
    if _NOBODY.match(name) or not name:
        return False
    if re.search(HAN, name):
        return len(name) <= 12 and not re.search(
            r"^发自|[您你吗呢]|(?:报道|報導|报导)$|\d{2}|时间|来源|发布|编辑[:：]|浏览|授权|有限公司|集团$",
            name,
        )
    return bool(re.fullmatch(r"[A-Za-zÀ-ÿ][\w.'’-]*(?: [A-Za-zÀ-ÿ][\w.'’-]*){0,4}", name)) and len(name) <= 40


def _bylines(lines: Iterable[str]) -> tuple[str, ...]:
    for line in lines:
        if match := _BY.match(line[:200]):
            names = map(_tidy_case, split_names(_named_first(match["names"])))
            if people := tuple(takewhile(is_person, names)):
                return people
    return ()


def _tidy_case(name: str) -> str:
    return name.title() if name.isupper() and " " in name else name


def tidy_outlet(name: str) -> str | None:
    """A source's name without marks, account ids and addresses; None for "the net" and its like."""
    name = re.split(
        r"[(（)）【】\[\]]|\s(?:作者|编辑|时间|日期|发布|责任|记者|浏览|点击|阅读|参与|评论|我有话说|字体|字号|分享|关注|举报|收藏|打印|原标题|\d)|\s{2}",
        name.strip().removeprefix("据"),
    )[0]
    if quoted := re.search("《([^》]{2,20})》?", name):
        name = quoted[1]
    name = re.sub(r"(?<=..)(?:微信)?公众号$|\s[\w.]+\.(?:com|cn|net|org|edu).*", "", name)
    if _PLACE.match(name.rpartition(" ")[2]):  # where its writer sits, as platforms tell
        name = name.rpartition(" ")[0] or name
    name = name.strip(" ·《》“”\"'「」『』【】[]:：,，.。|丨-—>»")
    name = re.sub(r"^(?:来源|來源|出处|(?:微信)?公众号|(?:新浪)?微博)\s?[:：]?\s?[“\"「]?", "", name).strip(
        '“”"「」 '
    )
    return (
        name if 2 <= len(name) <= 40 and not _NO_OUTLET.match(name) and not name.startswith("http") else None
    )


def _outlet(around: _Lines, body: _Lines, medium: str | None, *, latin: bool) -> _Inferred:
    """(outlet, the words it was inferred from when no byline names it)."""
    for pattern in (_ACCOUNT, _SOURCE, _ORIGINAL):
        for line in around:
            if (match := pattern.search(line[:300])) and (latin or not match.groupdict().get("en")):
                name = next((value for value in match.groups() if value), "")
                if line[match.end() :][:1] in (":", "："):  # its last word is the next label
                    name = re.sub(r"\s+\S+$", "", name)
                if found := tidy_outlet(name):
                    return found, None
    if medium:
        return medium, None
    for text in (*around[:2], *body[:2]):
        head = text[:80]
        match = (_holds(head, _TELLS) and _DATELINE.match(head)) or _WIRE.match(head)
        if match and (found := tidy_outlet(match["name"])):
            return found, match.group().strip()
    return _interviewer(body)


def _interviewer(body: _Lines) -> _Inferred:
    for text in body[:6]:
        if (
            _holds(text, _ASKS)
            and (match := _REPORTER_OF.search(text))
            and (found := tidy_outlet(match["quoted"] or match["plain"]))
        ):
            return found, match.group()
    return None, None


def _republisher(lines: Sequence[str]) -> str | None:
    telling = [line for line in reversed(lines) if _holds(line, _OWNS)]
    for pattern in (_AUTHORISED, _OWN_WORK, _FORUM_BAR, _CITED, _OWNER, _COPYRIGHT):
        for line in telling:
            for match in pattern.finditer(line[:400]):
                name = re.sub(r" [A-Z]$", "", match["name"].strip())  # L.P.
                if not _COMPANY.search(name) and not _NO_OUTLET.match(name):
                    return name
    return None


def masthead(lines: Sequence[str], named: Sequence[str]) -> str | None:
    """The site's name where a page printed as text begins with it.

    It is what the link to its front page says, or stands first of all, a menu right behind; links that skip
    what is there or sign in may precede it when it is a medium's or stands in one of the lines *named*, too.
    Two Chinese characters may be a section's: those lines have to speak of them as of a site.
    """
    for line in lines[:12]:
        if (label := _LOGO.fullmatch(line)) and _MASTHEAD.fullmatch(label["name"]) and label["name"] != "The":
            return label["name"]
    name, *behind = [*(line.split(" › ")[0] for line in dropwhile(_SKIP.match, lines[:12])), ""]
    if lines and not lines[0].startswith(name or "-"):
        chinese = _SKIP.match(lines[0]) and not lines[0].isascii()
        if not (chinese or is_medium(name) or any(name in line for line in named)):
            return None
    if len(name) == 2:
        owner = re.compile("(?:关于|與|与|代表|下载|©.*){0}|{0}(?:APP|版权|客户端)".format(re.escape(name)))
        if not any(map(owner.search, named)):
            return None
    is_name = _MASTHEAD.fullmatch(name) and not (
        _MENU.match(name) or _NO_OUTLET.match(name) or is_channel(name)
    )
    return name if is_name and any(map(_MENU.match, behind[:3])) else None


def published(
    head: Sequence[str], tail: Sequence[str], first: str, *, now: datetime | None, chinese: bool
) -> Published | None:
    """The date in the head's byline lines, else in the lines right below the body, else in its dateline.

    Args:
        first: The first paragraph.

    A full date is believed before 昨天 and July 7, a line that says 发布 or Published before one that
    says 更新 or Updated.
    """
    heads, tails = ([line for line in lines if not _NO_DATE.search(line)] for lines in (head, tail))
    heads = [line for line in heads if not _SENTENCE.search(line) or _LABELS_DATE.search(line)]
    heads = [line[:_AHEAD] if line.endswith(_SENTENCE_ENDS) else line for line in heads]
    edited = next((i for i, line in enumerate(tails) if _EDITED.match(line)), len(tails))
    tails = tails[: edited + 1]
    heads += [f"{year}/{day}" for year, day in pairwise(heads) if _PARTED.fullmatch(f"{year}/{day}")]
    said, below = ([line for line in lines if _PUBLISHED_FIRST.search(line)] for lines in (heads, tails))
    below += [line for line in tails if _SAYS_DATE.search(line)]
    below += [second for floor, second in pairwise(tails) if floor == "1楼"]
    for lines, relative in ((said, False), (heads, False), (heads, True), (below, False)):
        for line in (*(_UPDATED_FIRST.sub("", line) for line in lines), *lines):
            if found := dates.find(line[:300], now=now, chinese=chinese, relative=relative):
                return found
    dateline = _DATELINE_EN.match(first[:120])
    return dates.find(dateline.group(), now=now, chinese=chinese) if dateline else None


def held_on(paragraphs: Sequence[str]) -> date | None:
    """The day of the interview, when one sentence of the first half gives it in full beside the word."""
    for text in paragraphs[: max(6, len(paragraphs) // 2)]:
        for start, end, day in dates.days(text) if _holds(text, _HELD) else ():
            begin = max(text.rfind(mark, 0, start) for mark in "。！？!?") + 1
            stop = min((at for mark in "。！？!?" if (at := text.find(mark, end)) >= 0), default=len(text))
            if _holds(text[begin : min(stop, end + 60)], _HELD):
                return day
    return None


def _holds(text: str, words: Iterable[str]) -> bool:
    for word in words:  # noqa: SIM110 - any() takes ten times as long
        if word in text:
            return True
    return False
