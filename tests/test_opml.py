"""Lists of feeds, as various programs write them, in and out."""

from datetime import UTC, datetime

import pytest

from digest.model import Feed
from digest.opml import make_id, read_opml, write_opml

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LISTS = {
    "1.0, flat": '<opml version="1.0"><body><outline text="甲" type="rss" url="http://a.example/f"/></body></opml>',
    "1.1, odd case": '<OPML version="1.1"><body><outline title="甲" xmlurl="http://a.example/f"/></body></OPML>',
    "2.0, category": """<?xml version="1.0" encoding="gbk"?><opml version="2.0"><head><title>x</title></head><body>
        <outline type="rss" text="甲" xmlUrl="http://a.example/f" htmlUrl="http://a.example/" category="/技术/机房,本地"/>
        </body></opml>""",
    "folders": """<opml version="2.0"><body><outline text="技术"><outline text="机房">
        <outline type="rss" text="甲" title="甲刊" xmlUrl="http://a.example/f"/></outline></outline>
        <outline text="本地"><outline type="rss" text="甲" xmlUrl="http://a.example/f"/></outline></body></opml>""",
    "broken and hostile": """<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/hostname">]><opml><body>
        <outline text="&x;"><outline xmlUrl="javascript:alert(1)"/><outline xmlUrl="file:///etc/passwd"/>
        <outline text="甲 & 乙" xmlUrl="http://a.example/f"></body></opml>""",
}
EXPECTED = {
    "1.0, flat": ("甲", ()),
    "1.1, odd case": ("甲", ()),
    "2.0, category": ("甲", ("技术", "机房", "本地")),
    "folders": ("甲刊", ("技术", "机房", "本地")),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_read(name: str) -> None:
    raw = LISTS[name].encode("gbk" if "gbk" in LISTS[name] else "utf-8")
    (feed,) = read_opml(raw)
    assert (feed.url, feed.id) == ("http://a.example/f", "a-example")
    assert (feed.title, feed.tags) == EXPECTED[name]


def test_what_is_broken_is_read_as_far_as_it_goes() -> None:
    (feed,) = read_opml(LISTS["broken and hostile"].encode())
    assert feed.url == "http://a.example/f"
    assert "root" not in repr(feed)


@pytest.mark.parametrize("raw", [b"", b"not xml", b"<html></html>", b"<rss></rss>", b"\x89PNG"])
def test_no_list(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not an OPML"):
        read_opml(raw)


def test_out_and_in_again() -> None:
    feeds = [
        Feed(id=f"f{n}", url=url, fetch_url=url, origin="command", added_at=NOW, title=title, tags=tags)
        for n, (url, title, tags) in enumerate(
            [
                ("http://a.example/?a=1&b=2", '甲 "与" <乙>', ("技术", "机房")),
                ("http://b.example/", "丙", ("技术",)),
                ("http://b.example/2", "", ()),
            ]
        )
    ]
    text = write_opml(feeds, title="水塔 & 周报", now=NOW)
    again = read_opml(text.encode())
    assert [(f.url, f.title, f.tags) for f in again] == [(f.url, f.title or f.id, f.tags) for f in feeds]
    assert [f.id for f in again] == ["a-example", "b-example", "b-example-2"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.blog.example/feed", "blog-example"),
        ("http://中文.example/", "example"),
        ("http://127.0.0.1:80/", "127-0-0-1"),
        ("http://[::1]/", "1"),
        ("x", "feed"),
    ],
)
def test_ids(url: str, name: str) -> None:
    assert make_id(url, ()) == name
    assert make_id(url, {name, f"{name}-2"}) == f"{name}-3"
