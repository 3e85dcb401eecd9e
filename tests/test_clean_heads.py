"""Heads of pages copied by hand: a title, a line put together of who, where and when, then the text."""

from datetime import UTC, datetime

import pytest

from digest.clean import clean_page
from digest.model import Article

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ZH = "渡口重新开放以后"
EN = "After the Ferry Came Back"
CHINESE = (
    "镇上的渡口重新开放，第一班船坐了四十一个人，船工把缆绳解了三次才解开。\n"
    "渡口关闭了两年，原因是下游的桥。桥修好以后，人们发现绕路要多走六公里。\n"
    "乡里最后决定把渡口留下，票价两元，老人和学生免费。船工说，冬天的班次会少一些。"
)
ENGLISH = (
    "The ferry came back on a Tuesday, with forty-one people on board and a dog that had not been counted.\n"
    "It had been gone for two years. When the bridge was done, people found that it added four miles.\n"
    "The town has now decided to keep the ferry, at two dollars a ride, and the old and the young ride free."
)
LONG = "Keeping to Its Old Ways, the Harbour Got 40% of Its Boats Back on the Water in a Single Year After a Flood"


def read(*head: str) -> Article:
    body = ENGLISH if head[0].isascii() else CHINESE
    found = clean_page("\n".join([*head, body]), source_id="x", now=NOW).article
    assert found is not None
    assert found.text.endswith(body[-20:])
    return found


@pytest.mark.parametrize(
    ("line", "authors", "outlet", "day"),
    [
        ("江岸网 林小满", ("林小满",), "江岸网", ""),
        ("体育新闻 高清", (), None, ""),
        ("公众号：江岸的事", (), "江岸的事", ""),
        ("作者：林小满 江岸故事工作室 2023-05-06", ("林小满",), "江岸故事工作室", "2023-05-06"),
        ("作者：Ann Lee 译者：林小满 2023-05-06", ("Ann Lee",), None, "2023-05-06"),
        ("文/林小满 图/周青", ("林小满",), None, ""),
        ("记者：林小满，周青 2023-05-06", ("林小满", "周青"), None, "2023-05-06"),
        ("江岸晚报记者林小满 河口报道", ("林小满",), "江岸晚报", ""),
        ("江岸晚报记者 林小满 发自河口", ("林小满",), "江岸晚报", ""),
        ("江岸社记者被拦在岸边", (), None, ""),
        ("江岸社河口2023年5月6日电（记者林小满）", ("林小满",), "江岸社", "2023-05-06"),
        ("江岸社記者林小滿河口2023年5月6日電", (), "江岸社", "2023-05-06"),
        ("2023-05-06 江岸時報／記者林小滿", ("林小滿",), "江岸時報", "2023-05-06"),
        ("江岸新聞 記者林小滿／河口報導 2023-05-06", ("林小滿",), "江岸新聞", "2023-05-06"),
        ("江岸新聞網 2023-05-06", (), "江岸新聞網", "2023-05-06"),
        ("据江岸晚报2023年5月6日报道", (), "江岸晚报", "2023-05-06"),
        ("江岸IT 2023-05-06", (), None, "2023-05-06"),
        ("江岸之声 2023-05-06", (), None, "2023-05-06"),
        ("有消息说，渡口关了一年多时间，5月6日又要重新开放。", (), None, ""),
    ],
)
def test_chinese_lines_below_the_title(
    line: str, authors: tuple[str, ...], outlet: str | None, day: str
) -> None:
    found = read(ZH, line)
    got = (found.title, found.authors, found.outlet, str(found.published or "")[:10])
    assert got == (ZH, authors, outlet, day)


@pytest.mark.parametrize(
    ("line", "authors", "outlet", "day"),
    [
        ("Ann Lee, rivertown.com, 2014/08/22", ("Ann Lee",), "rivertown.com", "2014-08-22"),
        ("Ann Lee, news.rivertown.co.uk", ("Ann Lee",), "news.rivertown.co.uk", ""),
        ("Ann Lee, rivertown.com, 2014/08", ("Ann Lee",), "rivertown.com", ""),
        ("rivertown.io", (), "rivertown.io", ""),
        ("via rivertown.com", (), None, ""),
        ("ann@rivertown.com", (), None, ""),
        ("By Ann Lee, HarbourWorks, 2023-05-06", ("Ann Lee",), "HarbourWorks", "2023-05-06"),
        ("John McDonald, 2023-05-06", ("John McDonald",), None, "2023-05-06"),
        ("Harbour | News | 2019-10-14", (), "Harbour", "2019-10-14"),
        ("Home | News | 2019-10-14", (), None, "2019-10-14"),
        ("Ann Lee | News | 2019-10-14", ("Ann Lee",), None, "2019-10-14"),
        ("ferries | rivers | towns | 2019-10-14", (), None, "2019-10-14"),
        (
            "Ann Lee | Contributors: Bo Kim, Cy Tan | The River Herald | 2019-10-14",
            ("Ann Lee",),
            "The River Herald",
            "2019-10-14",
        ),
        ("Chasing Small Boats | 2019-10-14", (), None, "2019-10-14"),
        ("Ann Lee and Bo Kim | 2019-10-14", ("Ann Lee", "Bo Kim"), None, "2019-10-14"),
        ("ANN LEE, RIVERTOWN | MAY 6, 2023", ("Ann Lee",), None, "2023-05-06"),
        ("annlee, bokim, cy-tan, Harbour Works blog", (), None, ""),
    ],
)
def test_english_lines_below_the_title(
    line: str, authors: tuple[str, ...], outlet: str | None, day: str
) -> None:
    found = read(EN, line)
    got = (found.title, found.authors, found.outlet, str(found.published or "")[:10])
    assert got == (EN, authors, outlet, day)


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (("Ferries", "Ann Lee | Letters From Boats | The River Herald | 2019-10-14"), "Ferries"),
        (("The Ferrymen", "rivertown.com", "How a town of two thousand got its boat."), "The Ferrymen"),
        ((EN, "Harbour | News | 2019-10-14", "A town battles its bridge", "A ferry on the river"), EN),
        ((LONG, "CASE STUDY: Harbour. Location Rivertown, Norway"), LONG),
        ((EN, "The River Herald", "2019-10-14"), EN),
        (("Opinion", "By Ann Lee", EN, "2019-10-14"), EN),
        (("渡口", "江岸晚报 2023-05-06"), "渡口"),
        (("1.2亿元的渡口，两元一张票", "江岸晚报 2023-05-06"), "1.2亿元的渡口，两元一张票"),
        (("河口的 Ferry 和今天的 Bridge App", "作者：林小满"), "河口的 Ferry 和今天的 Bridge App"),
        ((ZH, "江岸晚报 2023-05-06", f"原标题 [{ZH}]"), ZH),
        ((f"原标题：{ZH}", "江岸晚报 2023-05-06"), ZH),
        (("社会", "2023-05-06", ZH, "作者：林小满"), ZH),
    ],
)
def test_the_title_over_its_byline(head: tuple[str, ...], title: str) -> None:
    assert read(*head).title == title


def test_the_end_is_no_outlet() -> None:
    page = clean_page(f"{ZH}\n2023-05-06\n{CHINESE}\n© THE END\n转载请联系作者", source_id="x", now=NOW)
    assert page.article is not None
    assert page.article.outlet is None


@pytest.mark.parametrize("first", ["顾师傅，您好，先说说您这两年", "开船", "冬天也走吗？"])
@pytest.mark.parametrize("asker", ["记者", "Q", "采访者"])
def test_questions_of_an_interview_are_text_and_name_nobody(asker: str, first: str) -> None:
    talk = (
        "渡口停了两年，去年秋天重新开船，我们和船工聊了聊他的这两年。",
        f"{asker}：{first}",
        "顾水生：我一天走四趟，早上两趟，晚上两趟，冬天少一趟。",
        f"{asker}：票价会涨吗？",
        "顾水生：不会，两元就够了。老人和学生都不要钱，这个是说好的。",
        f"{asker}：那您以后怎么打算？",
        "顾水生：船还能开十年，我也还能开十年。到时候再说。",
    )
    found = clean_page("\n".join(["顾水生", "本报记者林小满", *talk]), source_id="x", now=NOW).article
    assert found is not None
    assert (found.title, found.authors) == ("顾水生", ("林小满",))
    assert all(said in found.text for said in talk)
