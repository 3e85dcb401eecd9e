"""Addresses and markup from outside, made fit to keep: absolute, http only, without trackers and pixels."""

import html
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from digest.text import word_table

if TYPE_CHECKING:
    import nh3

# Parameters that only say who shared a link: analytics (Google, Baidu, Matomo), advertising clicks, mailings.
_TRACKER = re.compile(
    r"(?:utm_\w+|hm(?:sr|pl|cu|kw|ci)|pk_\w+|mtm_\w+|piwik_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|"
    r"twclid|ttclid|li_fat_id|igshid|mc_[ce]id|_hsenc|_hsmi|__hs\w+|vero_id|oly_(?:enc|anon)_id|wickedid|"
    r"srsltid|bd_vid|spm|_openstat|mkt_tok|sharer_share\w+)(?:=|$)",
    re.IGNORECASE,
)
_TIDY = re.compile(
    r"(https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[1-9]\d{0,4})?/[\w./~%+,-]*)(?:\?([\w.~%+,=&;:/-]+))?",
    re.ASCII,
)
"""What most addresses look like: nothing about them can be untidy save their query."""
_BLANKS = re.compile(r"[\x00-\x20\x7f-\xa0]+")
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ufeff]")
_TAG = re.compile(
    r"</?(?:a|abbr|b|bdi|big|br|cite|code|del|div|em|font|h[1-6]|hr|i|img|iframe|input|ins|kbd|li|mark|ol|p|q|s|"
    r"small|span|strike|strong|sub|sup|svg|table|td|tr|tt|u|ul|var|object|embed|form|script|style|video)\b[^>]*>",
    re.IGNORECASE,
)
_SILENT = re.compile(r"<(script|style|iframe|noscript)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"</(?:p|div|h[1-6]|li|tr|blockquote)>|<br\b[^>]*>", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_WORDS = r"[^<>&\r\xa0]"
_PARAGRAPHS = re.compile(
    rf"(?:<p>(?:{_WORDS}++|<br>|<b>{_WORDS}*+</b>|<em>{_WORDS}*+</em>|<strong>{_WORDS}*+</strong>|"
    r'<a href="(?:https?://(?!xn--)(?:[a-z0-9-]+\.(?!xn--))+[a-z]+)?/(?:[\w~%+,-][\w.~%+,-]*+/?+)*+">'
    rf"{_WORDS}*+</a>)*+</p>[ \t\n]*+(?!\ufeff))*+",
    re.ASCII,
)
"""Beginning of a body that comes out of the cleaner as it went in, save that addresses get their host."""
_TINY = re.compile(r"\b(?:width|height)\s*[=:]\s*[\"']?\s*[01](?:px)?\s*(?=[\"';\s/>]|$)", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

_DEEPEST = 500

_TAGS = word_table(
    "a abbr b blockquote br caption cite code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6"
    " hr i img ins kbd li mark ol p pre q rp rt ruby s samp section small span strong sub summary sup table"
    " tbody td tfoot th thead time tr u ul"
)
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt"}, "time": {"datetime"}, "*": {"lang"}}
_SILENT_TAGS = word_table("script style iframe object embed noscript template form select svg")


def tidy_url(url: str, base: str = "") -> str | None:
    """Absolute, http or https, tracking parameters gone and nothing else of the query touched.

    None when it is no such address, or would carry a password.
    """
    if found := _TIDY.fullmatch(url):
        return f"{found[1]}?{query}" if found[2] and (query := _told_of(found[2])) else found[1]
    try:
        whole = urljoin(base, _BLANKS.sub("", url))
        parts = urlsplit(whole)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    return parts._replace(query=_told_of(parts.query)).geturl() if parts.query else whole


def _told_of(query: str) -> str:
    return "&".join(part for part in query.split("&") if not _TRACKER.match(part))


def tidy_html(markup: str, base: str = "") -> str:
    """The markup of an entry without anything that acts, tracks or leaves its place.

    nh3 closes what is open, so that one entry cannot change the next. Links and images are made
    absolute; images of one pixel or none, and hidden ones, are dropped.
    """
    if len(markup) > 5_000 and _is_deep(markup):
        return f"<p>{html.escape(one_line(plain(markup)), quote=False)}</p>"
    markup = _IMAGE.sub(_visible, markup)
    site = _site(base)
    paragraphs = _PARAGRAPHS.match(markup) if site else None
    done = paragraphs[0] if paragraphs else ""
    rest = _cleaner(base).clean(markup[len(done) :]) if len(done) < len(markup) else ""
    return done.replace('<a href="/', f'<a href="{site}') + rest


@lru_cache(32)
def _site(base: str) -> str:
    """The address of the page that ``/`` leads to; empty when it would have to be escaped."""
    site = tidy_url("/", base) or ""
    return site if _TIDY.fullmatch(site) else ""


@lru_cache(32)
def _cleaner(base: str) -> "nh3.Cleaner":
    """Making one takes as long as cleaning an entry."""
    import nh3

    return nh3.Cleaner(
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        clean_content_tags=set(_SILENT_TAGS),
        attribute_filter=partial(_attribute, base),
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )


def feed_links(page: str, base: str) -> tuple[str, ...]:
    """Addresses a web page gives for its feeds: those it declares first, comment feeds last, then
    links that look like one. Each once."""
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8")
    tree = etree.fromstring(f"<html>{page[:1_000_000]}".encode("utf-8", "replace"), parser)
    base = tidy_url(str(tree.xpath("string(//base/@href)")), base) or base
    declared, likely = [], []
    for node in tree.iter("link", "a"):
        told = {str(name): str(value) for name, value in node.attrib.items()}
        url = tidy_url(told["href"], base) if told.get("href") else None
        kind = told.get("type", "").lower().partition(";")[0].strip()
        if url and kind in _FEED_TYPES and "alternate" in told.get("rel", "").lower():
            declared.append(url)
        elif url and node.tag == "a" and _LIKELY.search(url.partition("://")[2].partition("/")[2]):
            likely.append(url)
    declared.sort(key=lambda url: "comment" in url.lower())
    return tuple(dict.fromkeys([*declared, *likely[:3]]))


def usual_feeds(base: str) -> tuple[str, ...]:
    """Where feeds lie when their page does not say."""
    return tuple(dict.fromkeys(urljoin(base, path) for path in _USUAL))


_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_LIKELY = re.compile(r"(?:^|[/.?=_-])(?:rss|atom|feed)s?(?:[/.?&=_-]|$)", re.IGNORECASE)
_USUAL = ("feed", "/feed", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml", "/rss", "/feed.json")


@lru_cache(32)
def plain(markup: str) -> str:
    """The words of a piece of markup, for comparing and counting; one line a block."""
    return html.unescape(re.sub(r"<[^>]*>", "", _BREAK.sub("\n", _SILENT.sub("", markup))))


def plain_title(title: str) -> str:
    """A title that may or may not be markup (RSS does not say), as text on one line.

    Only what is HTML is taken out: ``1 < 2`` and ``Vec<T>`` stay.
    """
    return one_line(html.unescape(_TAG.sub("", _SILENT.sub("", title))))


def one_line(text: str) -> str:
    """Control characters gone, every run of blanks one blank."""
    return " ".join(_UNSEEN.sub("", text).split())


def _is_deep(markup: str) -> bool:
    """Whether tags nest as no writer nests them; the time to close them grows with the square."""
    depth = 0
    for tag in re.finditer(r"<(/?)(?!br\b|img\b|hr\b|p\b|li\b)[a-zA-Z]", markup):
        depth += -1 if tag[1] else 1
        if depth > _DEEPEST:
            return True
    return False


def _visible(image: re.Match[str]) -> str:
    return "" if _TINY.search(image[0]) or _HIDDEN.search(image[0]) else image[0]


def _attribute(base: str, tag: str, name: str, value: str) -> str | None:
    if name in ("href", "src"):
        if value.lower().startswith("mailto:"):
            return value
        return tidy_url(value, base)
    return value
