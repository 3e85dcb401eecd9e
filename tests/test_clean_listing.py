"""Pages that only list other pages hold no article; what merely looks like them does."""

import pytest

from digest.clean import clean_page

STORIES = (
    ("Harbour gets a second crane", "The new crane lifts forty tonnes and cost the port nine million."),
    ("Choir looks for deep voices", "Eleven basses left within a year, and the concert is in June."),
    ("Beekeepers count their losses", "A wet spring and a new mite took every fifth hive in the valley."),
    ("Night buses run until three", "Four lines stay on the road until three in the morning on weekends."),
    ("Old mill turned into flats", "The mill stood empty for thirty years before the builders came."),
    ("Pupils plant eight hundred oaks", "Each class looks after one row of trees until they leave school."),
)
HEADLINE = "Harbour town in spring: cranes, choirs, hives and night buses"
NAV = "<ul><li><a href=/>Home</a></li><li><a href=/n>News</a></li></ul>"


def cards(link: str = '<a href="/s">{}</a>', dated: bool = True) -> str:
    when = "<div>{}:15, 4 March 2024</div>" if dated else ""
    return "".join(
        f"<div><h3>{link.format(head)}</h3><p>{text}</p>{when.format(8 + i)}</div>"
        for i, (head, text) in enumerate(STORIES)
    )


def blog() -> str:
    return "".join(
        f"<h1><a href=/{i}>{head}</a></h1><time>{i + 1} March 2024</time><p>{text}</p>"
        for i, (head, text) in enumerate(STORIES)
    )


def page(body: str, title: str) -> str:
    return f"<html><head><title>{title}</title></head><body>{NAV}{body}</body></html>"


def text(*, above: tuple[str, ...] = (), dated: bool = True) -> str:
    lines = [*above]
    for i, (head, said) in enumerate(STORIES):
        lines += [head, said, *([f"{i + 1} March 2024, by our staff"] if dated else [])]
    return "\n\n".join(lines)


@pytest.mark.parametrize(
    ("raw", "html"),
    [
        (page(f"<h1>Local</h1>{cards()}", "Local - The Courier"), True),
        (page(cards(dated=False), "The Courier"), True),
        (page(cards(link="{}"), "The Courier"), True),
        (page(blog(), "The Courier"), True),
        (page(f"<h1>{HEADLINE}</h1>{cards(dated=False)}", HEADLINE), True),
        (text(above=("Home", "News", "Local")), False),
        (
            text(dated=False)
            + "\n\n"
            + "\n\n".join(f"Another story from village number {i}" for i in range(30)),
            False,
        ),
    ],
    ids=[
        "section",
        "front",
        "headings without links",
        "blog",
        "subject with a title",
        "text with dates",
        "text of a front",
    ],
)
def test_a_list_of_other_pages_is_no_article(raw: str, html: bool) -> None:
    found = clean_page(raw, source_id="s", html=html)
    assert found.article is None
    assert found.reason == "nothing but links and teasers to other pages"
    assert not any(decision.kept for decision in found.decisions)


@pytest.mark.parametrize(
    ("raw", "html"),
    [
        (page(f"<h1>{HEADLINE}</h1><p>By Ann Lee, 4 March 2024</p>{cards()}", f"{HEADLINE} - Courier"), True),
        (text(above=(HEADLINE, "4 March 2024, by Ann Lee"), dated=False), False),
        (text(above=(HEADLINE, "By Ann Lee", "4 March 2024 9:15")), False),
        (
            page(
                f"<h2>{STORIES[0][0]}</h2><div>4 March 2024</div><p>{STORIES[0][1]}</p>"
                f"<p>It was unloaded on Sunday and will work from May.</p><h2>More</h2>{cards()}",
                "The Courier",
            ),
            True,
        ),
    ],
    ids=["round-up of links", "brief", "live blog", "two paragraphs above teasers"],
)
def test_an_article_in_many_pieces_stays_one(raw: str, html: bool) -> None:
    assert clean_page(raw, source_id="s", html=html).article is not None
