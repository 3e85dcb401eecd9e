"""What an HTML page says about itself: its head, its JSON-LD, and the elements that name author and time.

Names of meta tags are those publishing systems write (Open Graph, Dublin Core, Parse.ly, Sailthru);
JSON-LD and ``itemprop`` follow schema.org's Article.
"""

import json
import re
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import chain, islice
from typing import Any

from digest.clean import dates
from digest.clean.lines import Line
from digest.clean.metadata import Told, is_channel, is_medium, is_person, names_in_tags, tidy_outlet
from digest.clean.titles import SITE_SEPARATOR, strip_site
from digest.model import Published
from digest.text import collapse

_LONGEST_TITLE = 200
"""Characters; a longer first heading is a caption."""
_LD_TYPE = re.compile(r"Article|Posting|Report", re.IGNORECASE)
_AUTHORS = "author article:author parsely-author sailthru.author byl dc.creator dcterms.creator dcsext.author"
_DATES = (
    "article:published_time datepublished pubdate publishdate publish-date publish_date og:published_time"
    " og:release_date parsely-pub-date sailthru.date date dc.date dc.date.issued dcterms.created"
    " dcterms.issued dcterms.date originalpublicationdate shareaholic:article_published_time"
    " bytedance:published_time"
)
_HOME = re.compile(r"(?:(?:https?:)?//[^/]+)?/?(?:blog/?|index\.\w+)?$")
"""Addresses of front pages."""
_SLOGAN = re.compile(r"\s*[|｜]\s*|\s[-–—·]+\s")
_BYLINE = re.compile(
    r"(?:^|[\s_-])(?:authors?|byline|vcard|contributors?)(?:[_-]*(?:name|single))?(?:$|\s)"
    r"|/(?:authors?|by|contributors?|profiles?|people|staff|columnists?|reporters?)/\w|[?&]author=",
    re.IGNORECASE,
)
"""Classes of a byline, and addresses of an author's page."""
_ELSEWHERE = re.compile(
    r"comment|related|recommend|sidebar|widget|footer|popular|latest|teaser|promo|avatar", re.IGNORECASE
)
"""Where others' names stand."""
_OTHERS = re.compile(r"card[_-]|caption|credit|(?:img|image|photo)[_-]", re.IGNORECASE)
"""Marks of names that are a linked story's author's, or a photographer's."""
_Names = tuple[str, ...]
_BY = re.compile(r"by\b", re.IGNORECASE)
_TRIED = 24
"""Elements that may name the author, in the page's order."""


def told(root: Any, data: dict[str, Any], lines: Sequence[Line]) -> Told:
    """Titles, authors, outlet, site and date of a page, as far as its tags tell.

    Args:
        data: Its `linked_data`; lines: what it shows.
    """
    meta: dict[str, str] = {}
    for element in root.iter("meta"):
        name = (element.get("property") or element.get("name") or element.get("itemprop") or "").lower()
        if content := collapse(element.get("content") or ""):
            another = name in meta and name in _AUTHORS.split()
            meta[name] = f"{meta[name]}; {content}" if another else meta.get(name, content)
    page_title = collapse(root.findtext(".//title") or "")
    tail = page_title[len(strip_site(page_title)) :]
    heads = [
        head for h in root.iter("h1") if (head := collapse(h.text_content())) not in tail and not _is_home(h)
    ]
    named = [meta.get("og:title"), _text(data.get("headline")), *heads, meta.get("twitter:title"), page_title]
    language = (root.get("lang") or "").lower()
    chinese = language.startswith("zh") or bool(re.search("[\u4e00-\u9fff]", page_title))
    host = _host(root, meta)
    behind = None if page_title in heads else _in_title(page_title, host)  # printed whole, it holds no site
    named_site = meta.get("og:site_name") or behind
    site = (
        _site(_name(data.get("publisher")), host) or _site(named_site, host) or (host if named_site else None)
    )
    *sections, last = SITE_SEPARATOR.split(tail)  # Title | Writer | Site
    behind_title = [*(name for name in sections if not is_person(name)), last]
    sites = [host, *behind_title, *filter(None, (site, named_site, meta.get("publisher")))]
    authors, unprinted = _printed(filter(None, _authors(data, meta, root, sites)), lines)
    return Told(
        titles=tuple(dict.fromkeys(title for title in named if title and len(title) <= _LONGEST_TITLE)),
        page_title=page_title,
        authors=authors,
        unprinted=unprinted,
        outlet=tidy_outlet(meta.get("source", "")) or tidy_outlet(meta.get("mediaid", "")) or _account(root),
        site=site,
        likely_site=_likely_site(page_title, host, [*heads, *(line.text for line in lines if line.heading)]),
        published=_published(data, meta, root, chinese=chinese),
    )


def _printed(found: Iterator[_Names], lines: Sequence[Line]) -> tuple[_Names, _Names]:
    """The first authors *found* that *lines* show, too, and the persons among the first of all.

    Tags may name who keeps the site, who typed the page in, or nobody: "name, email".
    """
    first = next(found, ())
    shown = "\n".join(line.text for line in lines).lower() if first else ""
    printed = (names for names in chain((first,), found) if all(name.lower() in shown for name in names))
    return next(printed, ()), tuple(filter(is_person, first))


def _account(root: Any) -> str | None:
    """The account a WeChat page names above its text."""
    for element in root.iter("a", "strong", "span"):
        if element.get("id") == "js_name" or "rich_media_meta_nickname" in (element.get("class") or ""):
            return tidy_outlet(collapse(element.text_content()))
    return None


def _host(root: Any, meta: dict[str, str]) -> str:
    """The page's host as it gives it itself: www.x.org is x.org; empty when it does not."""
    links = (link.get("href") for link in root.iter("link") if link.get("rel") == "canonical")
    match = re.match(r"https?://(?:www\.)?([^/:]+)", next(links, None) or meta.get("og:url", ""))
    return match[1].lower() if match else ""


def _in_title(page_title: str, host: str) -> str | None:
    """The site's name at the end of the browser's title, when it is a medium's or fits the host."""
    *before, last = SITE_SEPARATOR.split(page_title)
    last = last if last.isascii() else last.rpartition("-")[2]
    return last if before and (is_medium(last) or _fits(last, host)) else None


def _likely_site(page_title: str, host: str, heads: Sequence[str]) -> str | None:
    """What alone follows the page's heading in the browser's title, where no host speaks against it."""
    before, *names = SITE_SEPARATOR.split(page_title)
    names = [name for name in names if not is_channel(name)]
    if len(names) != 1 or before not in heads or (host and names[0].isascii()):
        return None
    return None if is_person(names[0].removeprefix("by ")) else tidy_outlet(names[0])


def _site(name: str | None, host: str) -> str | None:
    """A site's name without what it says of itself behind it: The Pier | News | Sport is The Pier."""
    parts = [part for part in _SLOGAN.split(name or "") if part and "//" not in part]
    return next((part for part in parts if _fits(part, host)), parts[0]) if parts else None


def _fits(name: str, host: str) -> bool:
    """Whether a host is made of a name's letters or initials: times-of-x.com, tox.com, timesofx.com."""
    words = re.findall(r"\w+", name.lower().removeprefix("the "))
    labels = [re.sub(r"\W", "", label).removeprefix("the") for label in (*host.split(".")[:-1], host)]
    return any(label in ("".join(words), "".join(word[0] for word in words)) for label in labels if label)


def _is_home(heading: Any) -> bool:
    """Whether a heading is the site's name: it leads to its front page."""
    links = [a for a in (*heading.iter("a"), *heading.iterancestors("a")) if a.get("href")]
    return any(_HOME.match(a.get("href")) or a.get("rel") == "home" for a in links)


def linked_data(root: Any) -> dict[str, Any]:
    """The first article of the page's JSON-LD, else its page; empty when there is neither or it is broken.

    What it refers to by ``@id`` (Yoast's authors) is put in its place.
    """
    pages: list[dict[str, Any]] = []
    for element in root.iter("script"):
        if "ld+json" not in (element.get("type") or ""):
            continue
        try:
            nodes = list(_nodes(json.loads(element.text or "", strict=False)))
        except (ValueError, RecursionError):
            continue
        for node in nodes:
            if _LD_TYPE.search(kind := str(node.get("@type", ""))):
                return _resolved(node, nodes)
            if "WebPage" in kind:
                pages.append({"datePublished": node.get("datePublished")})
    return pages[0] if pages else {}


def _nodes(data: Any) -> Iterator[dict[str, Any]]:
    for node in data if isinstance(data, list) else (data,):
        if isinstance(node, dict):
            yield node
            yield from _nodes(node.get("@graph"))


def _resolved(node: dict[str, Any], nodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = {named: other for other in nodes if isinstance(named := other.get("@id"), str)}

    def found(value: Any) -> Any:
        if isinstance(value, list):
            return [found(one) for one in value]
        named = value.get("@id") if isinstance(value, dict) and "name" not in value else None
        return known.get(named, value) if isinstance(named, str) else value

    return {**node, **{key: found(node.get(key)) for key in ("author", "publisher")}}


def _text(value: Any) -> str | None:
    return collapse(unescape(value)) or None if isinstance(value, str) else None


def _name(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return _text(value.get("name") if isinstance(value, dict) else value)


def _authors(data: dict[str, Any], meta: dict[str, str], root: Any, sites: Sequence[str]) -> Iterator[_Names]:
    """What each place that may name authors says, the surest first."""
    listed = data.get("author")
    persons = listed if isinstance(listed, list) else [listed]
    named = (_name(p) for p in persons if not (isinstance(p, dict) and p.get("@type") == "Organization"))
    yield tuple(dict.fromkeys(name for value in named if value for name in names_in_tags(value, sites)))
    for key in _AUTHORS.split():
        yield names_in_tags(meta.get(key, ""), sites)
    for element in islice(_bylines(root), _TRIED):
        text = next(_named_within(element), None) or collapse(element.text_content())
        parts = tuple(filter(is_person, map(collapse, element.itertext())))
        alone = len(parts) == 1 and text.startswith(parts[0]) and text != parts[0] and not _BY.match(text)
        if (len(parts) > 1 or alone) and len(text) <= 160:
            yield parts  # each in an element of his own, with what he is between
        sure = "author" in (element.get("rel"), element.get("itemprop"))
        names = names_in_tags(text, sites) if len(text) <= 80 else ()
        yield names if sure else tuple(filter(is_person, names))


def _named_within(element: Any) -> Iterator[str]:
    """The name that microdata gives inside an author's element, beside badge and buttons."""
    if element.get("itemprop") == "author":
        yield from (m.get("content") for m in element.iter("meta") if m.get("itemprop") == "name")


def _bylines(root: Any) -> Iterator[Any]:
    """The elements behind the first h1 that are marked as the author's; of pages without one, all."""
    headed = next(root.iter("h1"), None) is None
    for element in root.iter("h1", "a", "span", "div", "p", "address", "b", "strong", "li", "cite"):
        headed = headed or element.tag == "h1"
        named = (element.get(key) or "" for key in ("class", "data-testid", "rel", "itemprop"))
        classes = " ".join(named)[:200]
        marked = _BYLINE.search(f"{classes} {element.get('href') or ''}") and not _OTHERS.search(classes)
        if headed and marked and not _is_elsewhere(element):
            yield element


def _is_elsewhere(element: Any) -> bool:
    around = (element, *islice(element.iterancestors(), 8))
    return any(_ELSEWHERE.search(f"{e.get('class') or ''} {e.get('id') or ''}"[:200]) for e in around)


def _published(data: dict[str, Any], meta: dict[str, str], root: Any, *, chinese: bool) -> Published | None:
    values = filter(None, _dates(data, meta, root))
    return next(filter(None, (dates.parse_machine(value, chinese=chinese) for value in values)), None)


def _dates(data: dict[str, Any], meta: dict[str, str], root: Any) -> Iterator[str | None]:
    yield _text(data.get("datePublished"))
    yield from (meta.get(key) for key in _DATES.split())
    for element in root.iter("span", "time", "div", "p", "abbr"):
        if element.get("itemprop") == "datePublished":
            yield element.get("content") or element.get("datetime") or element.text
    yield from (element.get("datetime") for element in islice(root.iter("time"), 1))
