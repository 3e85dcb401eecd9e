"""Dates, names, outlets and titles as pages print them."""

from datetime import UTC, datetime

import pytest

from digest.clean import clean_page, dates, metadata, titles
from digest.model import Article
from evals import cleaning

NOW = datetime(2024, 3, 10, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("发布时间:2023-07-07 21:43:09 来源:某报", "2023-07-07T21:43:09+08:00"),
        ("2019年4月24日 08:05", "2019-04-24T08:05+08:00"),
        ("2010年05月06日08:30 来源:某报", "2010-05-06T08:30+08:00"),
        ("2021/03/05", "2021-03-05"),
        ("20210305", "2021-03-05"),
        ("2021年6月", "2021-06"),
        ("3小时前", "2024-03-10"),
        ("昨天 18:20", "2024-03-09T18:20+08:00"),
        ("上周五 18:20 来自 某报", "2024-03-01T18:20+08:00"),
        ("本周一", "2024-03-04"),
        ("本周日", "2024-03-10"),
        ("12月30日", "2023-12-30"),
        ("3月9日 07:15", "2024-03-09T07:15+08:00"),
        ("2025-01-01", None),
        ("2023-02-30", None),
        ("版本 10.2.2023.4", None),
        ("版本2.2023.08.14", None),
        ("2023/5/6 下午3:20", "2023-05-06T15:20+08:00"),
        ("2023年5月6日 上午 9:05", "2023-05-06T09:05+08:00"),
        ("二〇二三年十二月三十一日", "2023-12-31"),
        ("2小時前", "2024-03-10"),
        ("三天前", "2024-03-07"),
    ],
)
def test_chinese_dates(text: str, expected: str | None) -> None:
    found = dates.find(text, now=NOW, chinese=True, relative=True)
    assert expected == (str(found) if found else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Published May 3, 2023Updated May 4, 2023", "2023-05-03"),
        ("Jan 3, 2024, 9:10 AM", "2024-01-03T09:10+00:00"),
        ("Sun 2 Dec 2018 07.00 GMT", "2018-12-02"),
        ("17th of August 2021", "2021-08-17"),
        ("2023-05-09T18:42:00-04:00", "2023-05-09T18:42:00-04:00"),
        ("March 4, 2024 3:05 p.m. EST", "2024-03-04T15:05-05:00"),
        ("01/22/2009", "2009-01-22"),
        ("22/01/2009", "2009-01-22"),
        ("07/03/2022", None),
        ("Tue May  3 22:10:05 2005", "2005-05-03T22:10:05+00:00"),
        ("2 days ago", "2024-03-08"),
        ("An hour ago", "2024-03-10"),
        ("3d ago", "2024-03-07"),
        ("3. September 2021", "2021-09-03"),
        ("yesterday", "2024-03-09"),
        ("March 9", "2024-03-09"),
        ("June 2021", "2021-06"),
        ("Today’s Paper", None),
        ("became a dominion on 26 September 1907", None),
    ],
)
def test_english_dates(text: str, expected: str | None) -> None:
    found = dates.find(text, now=NOW, chinese=False, relative=True)
    assert expected == (str(found) if found else None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/2023/05/09/ferry.html", "2023-05-09"),
        ("http://example.cn/a/t20170310_9260562.htm", "2017-03-10"),
        ("https://example.com/2023/13/09/", None),
        ("https://example.com/article/20231", None),
    ],
)
def test_dates_in_addresses(url: str, expected: str | None) -> None:
    found = dates.in_address(url)
    assert (str(found) if found else None) == expected


def test_relative_dates_need_a_clock() -> None:
    assert dates.find("3小时前", now=None, chinese=True, relative=True) is None
    assert dates.find("7月7日", now=NOW, chinese=True) is None


ENGLISH = (
    "The ferry came back on a Tuesday, with forty-one people on board and a dog that had not been counted.",
    "It had been gone for two years. When the bridge was done, people found that it added four miles.",
)
BODY = (
    "镇上的渡口昨天重新开放,第一班船坐了四十一个人,船工把缆绳解了三次才解开。\n"
    "渡口关闭了两年,原因是下游的桥。桥修好以后,人们发现绕路要多走六公里。\n"
    "乡里最后决定把渡口留下,票价两元,老人和学生免费。"
)


def page(*head: str, tail: str = "", title: str = "渡口重新开放以后") -> Article:
    raw = "\n".join([title, *head, BODY, tail])
    found = clean_page(raw, source_id="x", now=NOW).article
    assert found is not None
    assert found.title == "渡口重新开放以后" or title != "渡口重新开放以后"
    assert found.text.startswith("镇上的渡口"), found.text
    assert found.text.endswith("学生免费。")
    return found


@pytest.mark.parametrize(
    ("head", "authors", "outlet"),
    [
        (("文丨江白", "原创丨河边的事"), ("江白",), "河边的事"),
        (("作者 | 江白、老何", "来源 | 河边的事(id:heb)"), ("江白", "老何"), "河边的事"),
        (("本文来自微信公众号 “河边的事”(微信号:heb),作者:江白,某站经授权发布。",), ("江白",), "河边的事"),
        (("2024-03-01 来源:河边晚报 作者:江白",), ("江白",), "河边晚报"),
        (("河边晚报原创作者:江白",), ("江白",), "河边晚报"),
        (("河边晚报 2024-03-01",), (), "河边晚报"),
        (("2024-03-01 08:00 河边晚报 江白",), ("江白",), "河边晚报"),
        (("本报记者 江 白", "2024-03-01"), ("江白",), None),
        (("2024-03-01 作者:记者江白 来源:河边晚报",), ("江白",), "河边晚报"),
        (("作者:小编 2024-03-01 来源:网络",), (), None),
        (("作者:超级管理员 2024-03-01",), (), None),
        (("作者:江白 ▪ 老何 责编:阿青 2024-03-01",), ("江白", "老何"), None),
        (("口述：何一白 整理：江白", "2024-03-01"), ("江白",), None),
        (("转自：河边的事公众号", "采写｜江白"), ("江白",), "河边的事"),
        (("原创 江白 河边夜话", "2024年3月1日 20:02 湖北 听全文"), ("江白",), "河边夜话"),
        (("采访、撰文｜江白", "摄影｜何一白", "2024.3.1"), ("江白",), None),
        (("江白 · 2 天前 · 4120 次点击",), ("江白",), None),
        (("A title of some length", "By Ann Lee Local Democracy Reporter"), ("Ann Lee",), None),
        (("A title of some length", "North Pier Robotics", "Mar 1, 2024, 08:00 ET"), (), None),
        (("原创 最新推荐文章于 2024-03-02 08:00:00 发布", "点赞数 9 收藏 22", "2024-03-01 23:17"), (), None),
        (("2024-03-01 10:22·河上见闻",), (), "河上见闻"),
        (("Thread starter valvegrinder", "Start date Mar 3, 2024"), ("valvegrinder",), None),
        (("142 points by inkwell 22 hours ago | hide | past | 57 comments",), ("inkwell",), None),
        (("〔記者江白∕河邊報導〕", "2024-03-01"), ("江白",), None),
        (("A title of some length", "Words: Ann Lee. Photos: Bo Kim."), ("Ann Lee",), None),
        (("来源:未知 作者:admin",), (), None),
        (("2024-03-01 08:00 来源:河边晚报 举报",), (), "河边晚报"),
        (("本帖最后由 河边人 于 2024-3-1 08:00 编辑",), (), None),
        (("2024-03-01 08:00 收藏本文",), (), None),
        (("2024-03-01 08:00", "发消息", "加好友"), (), None),
        (("2024-03-01 · 江白的折腾笔记",), (), "江白的折腾笔记"),
        (("River Notes, a blog by Ann Lee - 1 March 2024",), ("Ann Lee",), None),
        (("采写:河边晚报见习记者 江白", "2024-03-01"), ("江白",), None),
        (("2024-03-01 08:31 来源: 河边新闻网 责任编辑: 刘小敏",), (), "河边新闻网"),
        (("原创 江白 河边故事 2024年3月1日 20:02 湖北",), ("江白",), "河边故事"),
        (("河边故事 昨天 20:02", "以下文章来源于慢新闻 ,作者江白"), ("江白",), "慢新闻"),
        (("撰文／江白 摄影／何一白", "2024.3.1"), ("江白",), None),
        (
            ("□ 本报记者 江白 通讯员 何一白", "《河边日报》（2024年3月1日 第03版）"),
            ("江白", "何一白"),
            "河边日报",
        ),
        (("河边日报记者 江白", "2024-03-01 06:12"), ("江白",), "河边日报"),
        (("发布日期：2024年3月1日 | 作者：河边科技有限公司 | 人气：88",), (), None),
        (("上周五 18:20 来自 河边晚报",), (), "河边晚报"),
        (("本文转载自公众号「河边的事」，作者：江白，已获授权", "2024-03-01"), ("江白",), "河边的事"),
        (("江白", "2024年3月1日 · 阅读约 6 分钟"), ("江白",), None),
        (("2024-03-01 09:11:05 来源：河边新闻网 分享到：微信 微博",), (), "河边新闻网"),
        (
            ("A title of some length", "By Erin Marsh March 18 at 3:57 PM Follow @emarsh"),
            ("Erin Marsh",),
            None,
        ),
        (
            ("A title of some length", "ByAnn Lee Friday, 1 March 2024"),
            ("Ann Lee",),
            None,
        ),
        (
            ("A title of some length", "By Ann Lee, Senior Technologist, Speech and Privacy Project"),
            ("Ann Lee",),
            None,
        ),
    ],
)
def test_bylines(head: tuple[str, ...], authors: tuple[str, ...], outlet: str | None) -> None:
    found = page(*head)
    assert (authors, outlet) == (found.authors, found.outlet)


def test_editors_and_republisher() -> None:
    found = page("来源:河边晚报", tail="责任编辑:何山\n手机版|一个转载站 ( 某ICP备00000000号 )")
    assert (found.editors, found.outlet, found.republisher) == (("何山",), "河边晚报", "一个转载站")


@pytest.mark.parametrize(
    ("first", "day"),
    [
        (
            "NORTH PIER, 3 March 2024 - The ferry came back today. It had been gone for two years.",
            "2024-03-03",
        ),
        ("NORTH PIER – The bridge of 3 March 2021 - the first of two - is closed. The ferry is back.", None),
    ],
)
def test_a_dateline_gives_the_day(first: str, day: str | None) -> None:
    more = "The fare is two dollars, and children ride free until they are taller than the rail of the boat."
    found = clean_page(f"The ferry is back\n{first}\n{more}", source_id="x", now=NOW).article
    assert found is not None
    assert day == (str(found.published) if found.published else None)


def test_dates_of_the_site_and_of_other_articles_are_not_the_articles() -> None:
    found = page(
        "来源:河边晚报", tail="相关阅读\n桥修好了 2020-01-01\nGMT+8, 2021-12-9 20:35\n© 2001-2021 某公司"
    )
    assert found.published is None


def test_a_day_below_others_headlines_is_theirs_and_one_told_from_today_is_the_articles() -> None:
    tail = "\n".join(["More on this story", "The village asks for its ferry", "Published 4 March 2023"])
    for head, day in (("3 days ago", "2024-03-07"), ("Culture reporter", "")):
        raw = "\n".join(["The ferry is back", "By Ann Lee", head, *ENGLISH, tail])
        found = clean_page(raw, source_id="x", now=NOW).article
        assert found is not None
        assert (str(found.published or ""), found.text) == (day, "\n\n".join(ENGLISH))


@pytest.mark.parametrize(
    ("head", "day"),
    [
        (
            ("Thursday, March 7th 2024", "PUBLISHED: March 6, 2024 at 5:49 p.m. | UPDATED: March 7, 2024"),
            "2024-03-06",
        ),
        (
            (
                "The bridge by night, with the last of the ferries under it, on May 3, 2021. (Ann Lee)",
                "Jan. 3, 2024",
            ),
            "2024-01-03",
        ),
        (("— Ann Lee (@annlee) May 3, 2021",), ""),
        (("September 2019 estimate",), ""),
        (("Posted: May 2021",), "2021-05"),
        (("UPDATED: MARCH 5, 2023 9:00 AM | PUBLISHED: MARCH 3, 2023 6:12 PM",), "2023-03-03"),
        (("更新：2024-03-02 10:00 发布：2024-03-01 08:00",), "2024-03-01"),
        (("编辑于 2024-03-02 10:00・发布于 2024-03-01 08:00・著作权归作者所有",), "2024-03-01"),
        (("【記者江白／河邊報導】2024-03-01 03:20",), "2024-03-01"),
        (("最新推荐文章于 2024-03-02 08:00:00 发布 半夜修船 于 2024-03-01 23:17:45 发布",), "2024-03-01"),
        (("最新推荐文章于 2024-03-02 08:00:00 发布",), ""),
        (("据2020-03-04 12:00 的潮汐表，当天江面上有大风。", "文丨江白"), ""),
    ],
)
def test_the_date_is_the_bylines(head: tuple[str, ...], day: str) -> None:
    raw = "\n".join(["The ferry is back", *head, *ENGLISH])
    found = clean_page(raw, source_id="x", now=NOW).article
    assert found is not None
    assert str(found.published or "")[:10] == day


def test_a_day_far_from_the_address_is_not_the_pages() -> None:
    raw = "\n".join(["The ferry is back", "Thursday, November 9th 2023", *ENGLISH])
    found = clean_page(raw, source_id="x", now=NOW, url="https://x.org/2023/02/08/ferry").article
    assert found is not None
    assert str(found.published) == "2023-02-08"


@pytest.mark.parametrize(
    ("browser", "title"),
    [
        ("渡口重新开放以后_地方频道_某某网", "渡口重新开放以后"),
        ("After the ferry came back - The Pier", "After the ferry came back"),
        ("渡口重新开放以后——一个船工的账本", "渡口重新开放以后——一个船工的账本"),
        ("Q&A | ferry", "Q&A | ferry"),
        ("Ferries in the fog - worth it?", "Ferries in the fog - worth it?"),
        ("渡口之战（下）- 江边", "渡口之战（下）"),
        ("[闲聊] 渡口又开了 [复制链接]", "[闲聊] 渡口又开了"),
    ],
)
def test_site_names_leave_browser_titles(browser: str, title: str) -> None:
    assert title == titles.strip_site(browser)


def test_the_browsers_title_that_stands_again_is_the_title() -> None:
    menu = ("News", "Sport", "Tides", "Ferries", "Letters", "Jobs", "Search the archive of the paper")
    head = ("Why the ferry came back after two years - River Post", "Why the ferry came back after two years")
    raw = "\n".join([*head, *menu, "The ferry you have counted", *ENGLISH])
    found = clean_page(raw, source_id="x", now=NOW).article
    assert found is not None
    assert found.title == head[1]


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (
            "首页\n发现\n渡口为什么又开了？\n关注问题\n写回答\n登录后你可以\n不限量看优质回答\n登录\n查看全部 9 个回答\n江边小草\n渡口船工，开了十五年\n关注\n2,311 人赞同了该回答",
            "渡口为什么又开了？",
        ),
        (
            "问答站\n渡口为什么又开了？\n关注者 1,203 被浏览 45,678\n江边小草\n水运 话题下的优秀答主",
            "渡口为什么又开了？",
        ),
        ("Why the ferry came back | Reuters\nBy Ann Lee", "Why the ferry came back"),
    ],
)
def test_a_question_or_a_line_with_the_agency_is_the_title(head: str, title: str) -> None:
    body = BODY if title.endswith("？") else "\n".join(ENGLISH)
    found = clean_page(f"{head}\n{body}", source_id="x", now=NOW).article
    assert found is not None
    assert found.title == title


@pytest.mark.parametrize(
    ("head", "authors"),
    [
        ("2019年5月6日那场大水之后\n文丨顾一帆", ("顾一帆",)),
        ("3天前不见的渡船找到了\n作者：顾一帆", ("顾一帆",)),
        ("12月25日，渡口没有船\n讲座时间：2024年1月6日 14:00", ()),
        ("When the ferry sank on 9 May 2011\nBy Ann Lee", ("Ann Lee",)),
        (
            "渡口重新开放以后\n本文来自微信公众号：江岸（ID：jiangan），作者：顾一帆，题图来自：图库",
            ("顾一帆",),
        ),
    ],
)
def test_a_days_name_in_a_headline_is_not_the_pages_date(head: str, authors: tuple[str, ...]) -> None:
    body = "\n".join(ENGLISH) if head.isascii() else BODY
    found = clean_page(f"{head}\n{body}", source_id="x", now=NOW).article
    assert found is not None
    assert (found.title, found.authors, found.published) == (head.split("\n")[0], authors, None)


def test_an_account_named_in_the_markup_is_the_outlet() -> None:
    body = "".join(f"<p>{text}</p>" for text in BODY.split("\n"))
    raw = f"<h1>渡口重新开放以后</h1><a id=js_name> 河边慢镜头 </a><div>{body}</div>"
    found = clean_page(raw, source_id="x", html=True, now=NOW).article
    assert found is not None
    assert found.outlet == "河边慢镜头"


def test_sources_listed_at_the_end_are_no_body() -> None:
    page("2024-03-01", tail="参考文献\n[1] Lee A. et al. Ferries and bridges. J. Rivers. 2020.")


def test_the_titles_first_word_is_no_brand_for_standing_in_the_tags_below() -> None:
    tail = "热词\n大渡河\n渡船\n相关新闻\n大渡河水位降至三十年新低\n大渡河上的桥"
    page("2024-03-01", title="大渡河上的最后一班渡船", tail=tail)
    raw = f"首页\n大渡河上的最后一班渡船\n2024-03-01\n{BODY}\n{tail}"
    found = clean_page(raw, source_id="x", now=NOW).article
    assert found is not None
    assert found.title == "大渡河上的最后一班渡船"


@pytest.mark.parametrize(
    "tail",
    [
        "关于河边光伏\n河边光伏成立于2009年，产品销往七十多个国家和地区。更多信息请访问公司官网。",
        "特别声明：以上内容为平台用户上传并发布，本平台仅提供信息存储服务。\n"
        "Notice: The content above (including the pictures if any) is uploaded and posted by a user of the platform.",
    ],
)
def test_the_company_and_the_platform_below_are_no_body(tail: str) -> None:
    page("2024-03-01", tail=tail)


def test_a_platforms_notice_at_the_end_is_no_body() -> None:
    page("2024-03-01", tail="该文观点仅代表作者本人，河边网平台仅提供信息存储空间服务。\n+1\n9")


def test_the_outlet_between_title_and_byline_is_not_the_title() -> None:
    raw = f"首页\n新闻\n摇橹声里的最后一代人\n远山纪\n2024-03-01 21:40\n文丨顾一帆\n{BODY}"
    found = clean_page(raw, source_id="x", now=NOW).article
    assert found is not None
    assert found.title == "摇橹声里的最后一代人"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("张三、李四", ("张三", "李四")),
        ("张三 李四", ("张三", "李四")),
        ("Ann Lee and Bo Kim", ("Ann Lee", "Bo Kim")),
        ("佚名", ()),
        ("欧阳小鹿 点击", ("欧阳小鹿",)),
    ],
)
def test_names_are_split(value: str, names: tuple[str, ...]) -> None:
    assert names == metadata.split_names(value)


def test_an_interview_is_dated_when_its_day_is_given_in_full() -> None:
    told = metadata.held_on(["2021 年 6 月 1 日,他在大会上接受了本刊专访。", "另一段。"])
    assert str(told) == "2021-06-01"
    assert metadata.held_on(["2021年6月1日,工厂开工。", "他接受了采访。"]) is None


@pytest.mark.parametrize(
    ("above", "below", "outlet"),
    [
        ("河岸周刊\n首页 专栏 人物", "分享到微信", "河岸周刊"),
        ("The Lowmoor Post\nSubscribe\nSign in", "Share", "The Lowmoor Post"),
        ("News\nSport", "The Lowmoor Post © 2021", "The Lowmoor Post"),
        ("首頁 專題", "Copyright 2021 河岸新聞網 著作權所有", "河岸新聞網"),
        ("人物", "本文为河岸周刊原创内容，未经授权禁止转载。", "河岸周刊"),
        ("跳至内容\n河岸周刊\n首页", "分享到微信", "河岸周刊"),
        ("渡口\n首页 行情", "关于渡口\n© 2021 FERRYPORT.COM", "渡口"),
        ("要闻\n首页 行情", "分享到微信", None),
        ("百度首页\n登录", "分享到微信", None),
        ("人物", "转载请注明来自 河岸周刊！", "河岸周刊"),
        ("人物", "河岸周刊版权所有不得转载© 2021 The Bank. All Rights Reserved.", "河岸周刊"),
        ("跳转到主要内容\n河岸周刊\n登录", "分享", "河岸周刊"),
        ("人物", "Copyright © 2021 Lowmoor.com All rights reserved.", "Lowmoor"),
        ("人物", "Archiver|手机版|小黑屋|河岸论坛 ( 京ICP备0号 )", "河岸论坛"),
        ("Skip to content\nHome", "Share", None),
        ("Skip to content\nLowmoor Fields\nSubscribe", "© 2021 Lowmoor Fields Trading LLC", "Lowmoor Fields"),
        ("Skip to content\nWhat We Do\nAbout", "Share", None),
        ("Sign in\nThe Lowmoor - Back to home\nNews", "© 2021 Lowmoor Holdings Ltd", "The Lowmoor"),
        ("国际\n要闻", "分享到微信", None),
    ],
)
def test_a_page_copied_as_text_tells_its_site_at_its_edges(
    above: str, below: str, outlet: str | None
) -> None:
    chinese = above > "z"
    title = "渡口重新开放" if chinese else "The ferry of Lowmoor comes back"
    told = {
        True: "镇上的渡口昨天重新开放，第一班船坐了四十一个人，船工把缆绳解了三次才解开，岸上的人一直在笑。",
        False: "The ferry came back on a Tuesday, with forty-one people on board and a dog that nobody had counted.",
    }[chinese]
    more = told.replace("四十一", "三十六").replace("昨天", "今天").replace("Tuesday", "Sunday")
    page = f"{above}\n{title}\n2021-05-02 10:30\n{told}\n{more}\n{told[:-8]}。\n{below}"
    found = clean_page(page, source_id="x").article
    assert found
    assert found.outlet == outlet


@pytest.mark.parametrize("name", ["zh-hk-updated", "en-podcast"])
def test_the_first_link_of_a_menu_is_no_outlet(name: str) -> None:
    page = next(page for page in cleaning.load() if page.name == name)
    found = cleaning.clean(page, cleaning.plain(page, airy=False), False).article
    assert found is not None
    assert found.outlet in {None, page.head.get("outlet")}


@pytest.mark.parametrize(
    ("byline", "authors"),
    [
        (
            "Harriet Loam in London and Owen Tsang in Hong Kong\nPublishedMay 2 2021",
            ("Harriet Loam", "Owen Tsang"),
        ),
        ("By Ray Dombrowski rdombrowski@ledger.example\nMay 2, 2021", ("Ray Dombrowski",)),
        ("Katrina Holloway\nBBC News, West Midlands\nMay 2, 2021", ("Katrina Holloway",)),
    ],
)
def test_where_a_writer_is_and_how_he_is_reached_is_no_name(byline: str, authors: tuple[str, ...]) -> None:
    told = (
        "The ferry came back on a Tuesday, with forty-one people on board and a dog that nobody had counted."
    )
    found = clean_page(
        f"The ferry of Lowmoor comes back\n{byline}\n{told}\n{told[:-9]}.", source_id="x"
    ).article
    assert found is not None
    assert (found.authors, str(found.published and found.published.at.date())) == (authors, "2021-05-02")


@pytest.mark.parametrize(
    "link", ["Read more: What the ferry did to the price of bread", "Related: Two more piers"]
)
def test_a_link_between_two_paragraphs_ends_nothing(link: str) -> None:
    told = (
        "The ferry came back on a Tuesday, with forty-one people on board and a dog that nobody had counted."
    )
    last = (
        "So the next time a rope is thrown at you from the pier, you might ask whose knot it was that held. "
        "It is not a question that anybody on the boat will thank you for, but they all know the answer."
    )
    raw = f"The ferry of Lowmoor comes back\nBy Ann Lee\nMay 2, 2021\n{told}\n{told[:-9]}.\n{link}\n{last}"
    found = clean_page(raw, source_id="x").article
    assert found is not None
    assert last in found.text
    assert link not in found.text


def test_the_writer_behind_the_title_is_not_its_site() -> None:
    head = (
        "<title>A quiet word for the pool | Rosalind Achebe | The Lamplighter</title>"
        '<meta name="author" content="Rosalind Achebe">'
    )
    told = "<p>At seven in the morning there are nine of us at the pool, and I know the names of none.</p>"
    raw = f"<html><head>{head}</head><body><h1>A quiet word for the pool</h1><p>Rosalind Achebe</p>{told * 3}</body>"
    found = clean_page(raw, source_id="x", html=True).article
    assert found is not None
    assert found.authors == ("Rosalind Achebe",)


@pytest.mark.parametrize(
    ("around", "authors", "outlet"),
    [
        ("2024-03-01 09:10 聯合日報／ 記者林昱辰／南投報導", ("林昱辰",), "聯合日報"),
        ("原创 白露 弄堂口 2024年3月1日 20:01 上海", ("白露",), "弄堂口"),
        ("作者slowsole (慢鞋)\n時間Fri Mar 1 22:17:35 2024", ("slowsole",), None),
        ("作者：宋雨桐 来源：地理学院 审核：马骏 日期：2024-03-01", ("宋雨桐",), "地理学院"),
        ("2024-03-01 21:05 来源: 晚班车笔记 北京 举报", (), "晚班车笔记"),
        ("来源：县政府办公室 发布时间：2024-03-01 打印本页 关闭窗口", (), "县政府办公室"),
        ("2024年3月1日 09:10\n来自江苏", (), None),
        ("字級： A A A\n2024年3月1日", (), None),
        ("2024\n03/01\n09:26:14", (), None),
        ("艾琳·霍尔\n2024年3月1日\n最近更新 2024年3月2日", ("艾琳·霍尔",), None),
    ],
)
def test_platforms_and_papers_sign_in_many_ways(
    around: str, authors: tuple[str, ...], outlet: str | None
) -> None:
    found = clean_page(f"摇橹声里的最后一代人\n{around}\n{BODY}", source_id="x", now=NOW).article
    assert found is not None
    assert (found.authors, found.outlet) == (authors, outlet)
    assert found.published is not None
    assert found.published.at.date().isoformat() == "2024-03-01"


def test_a_dateline_without_a_month_names_the_wire_service() -> None:
    told = BODY.replace("镇上", "（中央社記者蘇思云澎湖17日電）鎮上", 1)
    found = clean_page(f"摇橹声里的最后一代人\n2024-03-01 10:00\n{told}", source_id="x", now=NOW).article
    assert found is not None
    assert found.outlet == "中央社"


def test_the_line_with_day_and_hour_is_no_title() -> None:
    raw = f"摇橹声里的最后一代人\n渡口周刊2024年03月01日 16:20:00来自江苏\n{BODY}"
    found = clean_page(raw, source_id="x", now=NOW).article
    assert found is not None
    assert found.title == "摇橹声里的最后一代人"


def test_a_date_below_the_last_change_is_anothers() -> None:
    below = "编辑于 2024-02-09 22:41\n赞同 12\n另一个人\n发布于 2024-01-30 09:12"
    found = clean_page(f"摇橹声里的最后一代人\n{BODY}\n{below}", source_id="x", now=NOW).article
    assert found is not None
    assert found.published is None
