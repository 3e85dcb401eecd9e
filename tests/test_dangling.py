"""The cues of the editorial guide, section 4: what a sentence needs to stand alone."""

import pytest

from digest.people import people
from digest.summarize.dangling import Fix, can_join, standing
from digest.summarize.quotes import is_balanced

NAMES = frozenset({"梁玉芬", "邬立志", "Dana Whitcombe", "Whitcombe"})


def fix(sentence: str, *, spoken: bool = False) -> Fix:
    chinese = not sentence.isascii()
    return standing(sentence, chinese=chinese, names=NAMES, selves=("谭老师",), spoken=spoken).fix


@pytest.mark.parametrize(
    "sentence",
    [
        "梁玉芬坐了四十年轮渡，她记得柴油味。",
        "两艘渡船由长风船厂建造，这是该厂的第一批电动船。",
        "2019年，轮渡公司随后停办了夜班。",
        "邬立志说：“我们试过零下15度，它没有停。”",
        "在邬立志看来，电池并不是难题。",
        "我国有四千多座码头，其中三分之一在长江。",
        "以轮渡为例，一年能省下210吨柴油。",
        "经过一年的试验，2021年3月，长风船厂交出了样船。",
        "水泵由三家工厂供货，船员正在学习用好这些水泵。",
        "在会议室里，梁玉芬讲起了柴油味。",
        "一、二号码头明年改建。",
        "The port sold two boats, and this was a mistake.",
        "两条航线中，一条走内湾，另一条走外海。",
        "长风船厂提出双层电池舱之后，别的船厂也采用了双层电池舱。",
        "“江豚1号”完工后，长风船厂开始造第二艘。",
        "梁玉芬表示，我们明年还要再开两条夜航线。",
        "长风船厂去年亏损，该厂今年只接小船。",
        "最终，“江豚1号”靠两组国产电池走完了全程。",
        "“坐船省时间”，梁玉芬就是听了这句话才去学开船的。",
        "就在两周前，轮渡公司签下了第九条船。",
        "Dana Whitcombe said the cracks in the girder were new.",
        "Harbour Steel said on Monday the company would repair the girder.",
        "Whitcombe said she would close the bridge on Tuesday.",
        "The bridge carries 21,000 vehicles a day, and it is 94 years old.",
    ],
)
def test_fine(sentence: str) -> None:
    assert fix(sentence) is Fix.FINE


@pytest.mark.parametrize(
    "sentence",
    [
        "截至发稿时，轮渡公司尚未答复。",
        "我们先来回顾一下十年前那场大雾。",
        "梁玉芬在信里提到了“双层电池”。",
        "今天就来了解一下造电池的几个人。",
    ],
)
def test_what_only_announces_something_says_nothing(sentence: str) -> None:
    assert standing(sentence, chinese=True, names=NAMES, spoken=True).empty


@pytest.mark.parametrize(
    "sentence",
    [
        "他在船上工作了二十年。",
        "她说轮渡的票价没有变。",
        "这些船都由长风船厂建造。",
        "该厂去年造了十二艘船。",
        "此外，夜里还有四个班次。",
        "轮渡公司想做的就是怎样去用好这些新技术。",
        "在组里，梁玉芬尤其擅长修理水泵。",
        "但是大雾天仍然停航。",
        "因此票价一直没有上涨。",
        "对此，轮渡公司没有回应。",
        "例如北岸码头就装了两个充电桩。",
        "其中九艘明年就要更换。",
        "不久，码头上就挤满了人。",
        "后者的价格要高出一半。",
        "双方已经谈了三个月。",
        "对，那肯定是要换的。",
        "导致所有的航班晚点两个小时。",
        "为了这些渡船，市里花了一亿元。",
        "至于船员的考核，公司认为每年一次就够了。",
        "一开始，人们还不太相信电动船能过冬。",
        "紧接着，船厂又接到了三份订单。",
        "与之相比，柴油船的噪声要大得多。",
        "在此之前，轮渡只有柴油船。",
        "设计工作完成之后，船厂开始切割钢板。",
        "经过一年多的试验，船厂终于交出了样船。",
        "梁玉芬所说的另一个好处是安静。",
        "所有的新船也都采用了这个结构。",
        "需要有人每天检查一次电池的温度。",
        "梁玉芬从前没有开过船，这次试航让她很兴奋。",
        "老船员郑岚就是听了这句话，才去考了驾照。",
        "许多船员评价，这才是最安静的船。",
        "试航结束后，一位船员在日记里写下这样的句子。",
        "船票涨得不快，该公司去年仍然亏了两百万元。",
        "“以这种方式开船的，都是年轻的船员和学徒。”船厂说，学徒有四十名。",
        "两位船员都认为，电池不是难题。",
        "Outside that building the crew waited for the first boat.",
        "At the same time the port was losing money every month.",
        "Not only did the company close the pier, it sold the boats.",
        "Well, the bridge was never meant to carry lorries.",
        "At first the ferry carried only twelve passengers a day.",
        "As for the crew, the city promised to keep everyone.",
        "Compared with that, the diesel boats were noisy and slow.",
        "He had never seen a crack like it before.",
        "However, the bridge remained open for a week.",
        "The company declined to comment on the repairs.",
        "Its owner kept visitors away from the lake.",
        "For example, the ferry runs until eight at night.",
        "众人都说，这次换船换得值。",
        "没有迹象显示这两家船厂会合并。",
        "十二份，一共三百元，船员自己付了钱。",
        "事故发生之后，轮渡停了两天。",
        "Some of that money was lent to the port by the city.",
        "One is to keep the boats, another is to sell them all.",
        "The vehicle struck the pier and was towed away by the port.",
        "Today, in a paper published in Nature Climate, he asks for slower boats.",
        "As the report notes, the ferries are older than their crews.",
        "The port uses this information to plan the crossings.",
        "“坐船的人可不会遇到这个问题。”梁玉芬说。",
        "In short, the ferries ran on time and nobody noticed.",
        "The first option is to keep the boats as they are.",
        "In the eyes of the port this is a question of money.",
        "Only in May did these repairs begin at last.",
        "同年10月，轮渡公司卖掉了最后一条木船。",
        "会上，邬立志介绍，三条航线都要换船。",
        "据一家航运报透露，他们明年还要再买两条船。",
        "听了这话，梁玉芬把船票收了起来。",
        "航运局一位前任局长说，这是因为“没有人愿意上夜班”。",
        "梁玉芬几乎每个月都要碰到这样的乘客。",
        "《方案》要求，三年内换掉所有的柴油船。",
        "归根到底，码头还是太少。",
        "最终，船厂决定停开夜班。",
        "就在那天，轮渡公司签下了第九条船。",
        "Already the pride of the river, this slow boat was built by hand.",
        "另据报道，轮渡公司还想再订九条船。",
        "Not just because the fares rose, but because the night boat stopped.",
        "While it costs a lot, the harbour should not be run like that, the council found.",
        "Dana Whitcombe never spoke about that particular quarrel.",
        "On Friday they asked the court for another month to mend the pier.",
        "Walking along the pier of the old harbour, they reached the ferry in ten minutes.",
        "With a strict captain on board, she was eager to leave the boat in May.",
        "Joy - people like the idea of the night boat, and it costs little.",
        "在长风船厂主要负责电池舱的安装，也看管两条旧船。",
        "The night boats are welcome exceptions to this rule, since they leave on time.",
        "As more people take the night boat, there is more of a reason for this kind of quarrel.",
        "Add the school holidays, and most of the crossings are not worth the diesel.",
    ],
)
def test_needs_what_stood_before(sentence: str) -> None:
    assert fix(sentence) is Fix.JOIN


@pytest.mark.parametrize(
    "sentence",
    [
        "如上述规划所示，航线有五条。",
        "考试期间，前二条所定的停船时间减半计算。",
        "详情见下图。",
        "我第一次坐轮渡是在五岁。",
        "谭老师观察，快速共识是共同特征。",
        "你一定没有坐过这样的船。",
        "首先，船厂要解决电池的问题。",
        "电动船真的可靠吗？",
        "记者问到的问题有三个：",
        "欢迎扫码关注临江发布。",
        "临江发布春运直播进行中。",
        "江豚1号停靠在北岸码头 来源：临江发布",
        "长风船厂总工程师邬立志",
        "I had never seen a crack like that before.",
        "Click here to read more about the bridge.",
        "and nobody knew what to do about it.",
        "What will happen to the old bridge?",
        "No way.",
        "(The count includes the boats that were sold last year.)",
        "第一板斧是，轮渡公司卖掉了旧船。",
        "（三）向所在码头提出维修建议。",
        "四，江边的人都喜欢看船。",
        "渡し船は毎日、北の港から出ています。",
        "2、船票：成人每张三元。",
        "注：红色为停航的班次。",
        "北岸-三号码头-河口-船厂。",
        "Members can write to ferries@port.example for the timetable.",
        "Welcome to the live coverage of the boat race.",
        "Below is a plan of the new pier and of the boats that will use it.",
        "Adapted from the yearbook of the harbour and from other sources.",
        "Summary: Figures of the harbour show that fewer people take the night boat.",
        "The old pier in the spring of 1949, before the storm. Photo from the harbour's own collection.",
    ],
)
def test_cannot_be_used(sentence: str) -> None:
    assert fix(sentence) is Fix.DROP


def test_words_of_a_named_speaker_may_say_i() -> None:
    assert fix("我第一次坐轮渡是在五岁。", spoken=True) is Fix.FINE
    assert fix("We found two new cracks on Monday night.", spoken=True) is Fix.FINE


@pytest.mark.parametrize(
    "sentence",
    [
        "由市航运局主办、河口大学承办的轮渡论坛在三号码头开了一天。",
        "内湾的轮渡，明天会更好！",
        "轮渡公司切实加强管理，不断完善制度，全面提升服务，着力打造平安航线。",
        "各码头要充分发挥船员的作用。",
        "大会开幕式在三号码头的候船厅举行。",
        "航运局局长梁玉芬介绍了夜航线停开的原因。",
        "The conference on ferries, sponsored by the port, will be held at pier three.",
    ],
)
def test_notices_and_slogans_weigh_little(sentence: str) -> None:
    stood = standing(sentence, chinese=not sentence.isascii(), names=NAMES)
    assert stood.fix is Fix.FINE and stood.weight < 0.4


def test_he_after_another_cue_still_needs_a_name() -> None:
    assert standing("但他没有说明电池的去向。", chinese=True, names=NAMES).person


@pytest.mark.parametrize(
    ("before", "brings"),
    [
        ("业内人士说，电池的价格还会再降。", False),
        ("长风船舶公司今年只接小船。", True),
        ("邬立志说，电池的价格还会再降。", True),
    ],
)
def test_the_company_needs_a_company_before_it(before: str, brings: bool) -> None:
    stands = standing(
        "由于电池很贵，码头上的工钱又居高不下，该公司产品卖到两千万元。", chinese=True, names=NAMES
    )
    assert stands.fix is Fix.JOIN
    assert can_join(stands, before, NAMES, chinese=True) is brings


def test_slogans_and_hearsay_do_not_lead() -> None:
    slogan = "轮渡公司切实加强管理，不断完善制度，全面提升服务，着力打造平安航线。"
    assert not standing(slogan, chinese=True, names=NAMES).leads
    assert not standing("据悉，新船将在年底前开通。", chinese=True, names=NAMES).leads
    assert not standing("最终，“江豚1号”走完了全程。", chinese=True, names=NAMES).leads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("他说：“好。”", True),
        ("他说：“好。", False),
        ("好。”他说。", False),
        ("（见「附录」）", True),
        ("（见「附录）」", False),
        ('a "b" c', True),
        ('a "b c', False),
        ("the crew’s boat", True),
        ("the crews' boat isn't 'new'", True),
        ("She said: 'The crew's boat is new.", False),
        ("(half", False),
    ],
)
def test_marks_in_pairs(text: str, expected: bool) -> None:
    assert is_balanced(text) is expected


def test_people_need_evidence() -> None:
    text = "船厂总工程师邬立志表示，电池可靠。于是方面公司说明年再看。教授温如海说，成本会降。温如海还说，高管们同意。"
    assert people(text) == {"邬立志", "温如海"}
    assert "Through McKelway" not in people("Through McKelway’s yard, Ruth McKelway said, boats come back.")
    assert people("Mayor Ruth Delacroix agreed. The Mayor said no. Bray said yes.") >= {"Bray"}
    assert people("As Ruth McKelway decided, Tim O'Dell de la Cruz left Acme's pier. Both Boats sank.") == {
        "Ruth McKelway", "McKelway", "Tim O'Dell", "O'Dell",
    }  # fmt: skip
    assert people("“很好，”列夫·柯里夫写道。校长列夫·柯里夫认为不必着急。") == {"列夫·柯里夫"}
