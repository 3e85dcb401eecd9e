"""What mail programs make of the base design, by the data of caniemail.com: the mail as it is without ``<style>``.

``caniemail.json`` is a pinned extract of that data (MIT, see there). A feature counts as partly supported unless
every limitation its notes name is shown here not to touch us.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from editions import EVERYTHING, LOCAL, NEWSLETTER, THEMES, many

from digest.render import make_renderer

FEATURES = json.loads((Path(__file__).parent / "caniemail.json").read_text("utf-8"))["features"]
OUTLOOK = "outlook-windows"
OTHERS = sorted({client for one in FEATURES.values() for client in one["support"]} - {OUTLOOK})
FRAME = {"html", "head", "body", "meta", "title"}
"""In every mail; programs that show it inside a page of theirs replace them, so nothing of ours hangs on them."""
NAMED = {
    **dict.fromkeys(("h1", "h2", "h3"), "html-h1-h6"),
    **dict.fromkeys(("ul", "li"), "html-lists"),
    **dict.fromkeys(("table", "tbody", "tr", "td"), "html-table"),
    **dict.fromkeys(("border-left", "border-top", "border-bottom"), "css-border"),
    "list-style-type": "css-list-style-type",
    "b": "html-strong",
}
UNTESTED = {
    *(f"html-{name}" for name in ("a", "br", "nobr", "href", "id", "class", "style", "bgcolor", "border", "nowrap")),
    "css-color", "css-font-family", "css-mso-hide",
}  # fmt: skip
"""Older than any mail program; caniemail has no data on them."""


class Base(HTMLParser):
    """The elements of a mail without its comments and ``<style>``: tag, attributes, declarations, tags around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str], dict[str, str], tuple[str, ...]]] = []
        self.around: list[str] = []
        self.torn: list[str] = []
        self.feed(re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        pairs = (one.split(":", 1) for one in values.get("style", "").split(";") if one)
        self.all.append((tag, values, {k.strip(): v.strip() for k, v in pairs}, tuple(self.around)))
        if tag not in ("br", "meta"):
            self.around.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.around or self.around.pop() != tag:
            self.torn.append(tag)

    def features(self) -> set[str]:
        found = set()
        for tag, attributes, style, _ in self.all:
            if tag in FRAME:
                continue
            names = {*(f"html-{name}" for name in (tag, *attributes)), *(f"css-{name}" for name in style)}
            found |= {NAMED.get(name.partition("-")[2], name) for name in names}
            if attributes.get("href", "").startswith("#"):
                found.add("html-anchor-links")
            if attributes.get("href", "").startswith("mailto:"):
                found.add("html-mailto-links")
            if style.get("display") == "none":
                found.add("css-display-none")
        return found - UNTESTED

    def styled(self, start: str) -> list[tuple[str, str, dict[str, str]]]:
        """Tag, value and all declarations wherever a property beginning so is set."""
        return [
            (tag, value, style)
            for tag, _, style, _ in self.all
            if tag not in FRAME
            for name, value in style.items()
            if name.startswith(start)
        ]


def px_only(values: list[str]) -> bool:
    return all(re.fullmatch(r"(\d+px|0)( (\d+px|0))*", value) for value in values)


ANSWERS: dict[tuple[str, str], Callable[[Base, str], object]] = {
    ("css-border", "1"): lambda base, _: all(int(v[0]) <= 8 for _, v, _ in base.styled("border")),
    ("css-border", "2"): lambda base, _: {tag for tag, _, _ in base.styled("border")} == {"td"},
    ("css-display", "4"): lambda base, _: ("div", "none") in [d[:2] for d in base.styled("display")],
    ("css-display", "5"): lambda base, _: {v for _, v, _ in base.styled("display")} == {"none"},
    ("css-display-none", "1"): lambda base, _: {t for t, _, _ in base.styled("display")} == {"div"},
    ("css-display-none", "2"): lambda base, _: "img" not in {tag for tag, *_ in base.all},
    ("css-font-size", "1"): lambda base, _: px_only([v for _, v, _ in base.styled("font-size")]),
    ("css-line-height", "1"): lambda base, html: (
        px_only([v for _, v, _ in base.styled("line-height")]) and "mso-line-height-rule:exactly" in html
    ),
    ("css-margin", "1"): lambda base, _: px_only([v for _, v, _ in base.styled("margin")]),
    ("css-margin", "2"): lambda base, _: not {t for t, _, _ in base.styled("margin")} & {"span"},
    ("css-margin", "3"): lambda base, _: (
        not [s for *_, s in base.styled("margin") if "background-color" in s]
    ),
    ("css-margin", "4"): lambda base, _: px_only([v for _, v, _ in base.styled("margin")]),
    ("css-max-width", "1"): lambda base, _: {t for t, _, _ in base.styled("max-width")} == {"table"},
    ("css-text-decoration", "2"): lambda base, _: {v for _, v, _ in base.styled("text-dec")} == {"none"},
    ("css-text-decoration", "3"): lambda base, _: {v for _, v, _ in base.styled("text-dec")} == {"none"},
    ("html-lists", "1"): lambda base, _: "ol" not in {tag for tag, *_ in base.all},
    ("html-lists", "2"): lambda base, _: "ol" not in {tag for tag, *_ in base.all},
    ("html-width", "1"): lambda base, _: "img" not in {tag for tag, *_ in base.all},
    ("html-width", "2"): lambda _, html: "<o:PixelsPerInch>96<" in html,
}
"""By feature and note: whether the limitation does not touch this mail."""


@cache
def mails() -> list[str]:
    renderers = [make_renderer(newsletter, themes=THEMES) for newsletter in (NEWSLETTER, LOCAL)]
    return [one.mail(shown, language="zh-CN").html for one in renderers for shown in (EVERYTHING, many(10))]


def partly(base: Base, html: str, client: str) -> set[str]:
    found = set()
    for name in base.features():
        notes = re.findall(r"#(\w+)", FEATURES[name]["support"].get(client, "y"))
        answered = all(
            answer and answer(base, html) for answer in (ANSWERS.get((name, note)) for note in notes)
        )
        if FEATURES[name]["support"].get(client, "y").startswith("a") and not (notes and answered):
            found.add(name)
    return found


def test_every_element_ends_where_it_should() -> None:
    for html in mails():
        base = Base(html)
        assert (base.torn, base.around) == ([], [])


def test_outlook_on_windows_supports_all_but_the_room_for_fingers_round_links() -> None:
    for html in mails():
        base = Base(html)
        assert not [name for name in base.features() if FEATURES[name]["support"].get(OUTLOOK) == "n"]
        assert partly(base, html, OUTLOOK) == {"css-padding"}
        assert {tag for tag, _, _ in base.styled("padding")} <= {"td", "a", "ul"}


def test_what_touches_us_in_outlook_by_name_alone_grows_no_longer() -> None:
    names = set().union(*(Base(html).features() for html in mails()))
    assert {name for name in names if FEATURES[name]["support"].get(OUTLOOK, "y").startswith("a")} == {
        "css-border", "css-display", "css-display-none", "css-font-size", "css-line-height", "css-margin",
        "css-max-width", "css-padding", "css-text-decoration", "html-lists", "html-width",
    }  # fmt: skip


@pytest.mark.parametrize("client", OTHERS)
def test_every_other_program_supports_everything(client: str) -> None:
    for html in mails():
        lacking = [name for name in Base(html).features() if FEATURES[name]["support"].get(client) == "n"]
        assert lacking == []


def test_a_limitation_that_touches_us_is_found() -> None:
    """The check itself: each of these was in the design once."""
    wrong: dict[str, Any] = {
        "css-margin": '<p style="margin:-4px 0">',
        "css-border": '<p style="border-top:1px solid #000">',
        "css-max-width": '<div style="max-width:600px">',
        "css-font-size": '<p style="font-size:1rem">',
    }
    for name, html in wrong.items():
        assert partly(Base(html), html, OUTLOOK) == {name}
