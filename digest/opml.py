"""Lists of feeds as other programs write and read them: OPML 1.0 to 2.0, folders as tags.

http://opml.org/spec2.opml; what programs really write is more various, and read here too.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from digest.links import one_line, tidy_url
from digest.model import Feed, FeedConfig


def read_opml(raw: bytes) -> tuple[FeedConfig, ...]:
    """The feeds of a list, each address once, in its order; ids are made from the addresses.

    Tags are the folders a feed lies in and its ``category``; a feed in several folders has them all.

    Raises:
        ValueError: It is no OPML, with what to do.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(raw, parser) if raw.strip() else None
    if root is None or not isinstance(root.tag, str) or root.tag.lower() != "opml":
        raise ValueError("is not an OPML file; export the feeds as OPML from the other program")
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for url, title, tags in _outlines(root, ()):
        first, known = found.get(url, (title, ()))
        found[url] = first, tuple(dict.fromkeys((*known, *tags)))
    feeds: dict[str, FeedConfig] = {}
    for url, (title, tags) in found.items():
        name = make_id(url, feeds)
        feeds[name] = FeedConfig(id=name, url=url, title=title or None, tags=tags)
    return tuple(feeds.values())


def _outlines(node: Any, folders: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for child in node:
        told = {str(name).lower(): one_line(str(value)) for name, value in child.attrib.items()}
        name = told.get("title") or told.get("text") or ""
        address = told.get("xmlurl") or (told.get("url", "") if told.get("type", "").lower() == "rss" else "")
        if url := tidy_url(address):
            paths = told.get("category", "").split(",")
            categories = (part for path in paths for part in path.split("/") if part.strip())
            yield url, name, tuple(dict.fromkeys((*folders, *map(str.strip, categories))))
        inside = (*folders, name) if name and not address and child.tag == "outline" else folders
        yield from _outlines(child, inside)


def write_opml(feeds: Iterable[Feed], *, title: str, now: datetime) -> str:
    """OPML 2.0; a feed stands in the folder of its first tag, all its tags in ``category``."""
    from lxml import etree

    root = etree.Element("opml", version="2.0")
    head, body = etree.SubElement(root, "head"), etree.SubElement(root, "body")
    etree.SubElement(head, "title").text = title
    etree.SubElement(head, "dateCreated").text = format_datetime(now)
    folders = {"": body}
    for feed in feeds:
        folder = feed.tags[0] if feed.tags else ""
        if folder not in folders:
            folders[folder] = etree.SubElement(body, "outline", text=folder, title=folder)
        name = one_line(feed.title or feed.id)
        told = {"type": "rss", "text": name, "title": name, "xmlUrl": feed.fetch_url}
        if feed.tags:
            told["category"] = ",".join(feed.tags)
        etree.SubElement(folders[folder], "outline", told)
    return str(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True), "utf-8")


def make_id(url: str, taken: Iterable[str]) -> str:
    """A short name for a feed, from its host; numbered when another has it."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    name = re.sub(r"[^a-z0-9]+", "-", host)[:40].strip("-") or "feed"
    used = set(taken)
    names = (name, *(f"{name}-{n}" for n in range(2, len(used) + 3)))
    return next(other for other in names if other not in used)
