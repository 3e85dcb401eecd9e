"""JSON Feed, read directly.

https://www.jsonfeed.org/version/1.1/ and 1.0; values of a wrong type count as missing.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from digest.errors import ParseError
from digest.links import one_line, tidy_url

from .parsed import MAX_TITLE, ParsedFeed, Told, sound


def read_json(text: str, url: str) -> Told:
    try:
        feed = json.loads(text.lstrip("\ufeff \t\r\n"))
    except (ValueError, RecursionError) as error:
        raise ParseError(url, f"is not JSON that can be read ({error})") from error
    told = _string(feed, "version") if _is_table(feed) else ""
    version = re.search(r"jsonfeed\.org/version/(1(?:\.\d)?)", told)
    if version is None:
        raise ParseError(url, "is JSON but not a JSON Feed")
    read = ParsedFeed(
        kind="json" + version[1].replace(".", ""),
        title=one_line(_string(feed, "title"))[:MAX_TITLE],
        site=tidy_url(_string(feed, "home_page_url"), url) or "",
        language=_string(feed, "language")[:20],
    )
    return Told(read, [_entry(item) for item in _list(feed, "items") if _is_table(item)])


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    """In the form of feedparser's."""
    html, text = _string(item, "content_html"), _string(item, "content_text") or _string(item, "summary")
    people = [person for person in (*_list(item, "authors"), item.get("author")) if _is_table(person)]
    names = [_string(person, "name") for person in people]
    return {
        "id": _string(item, "id"),
        "link": _string(item, "url") or _string(item, "external_url"),
        "title": _string(item, "title"),
        "title_detail": {"type": "text/plain"},
        "content": [{"value": html or text, "type": "text/html" if html else "text/plain"}],
        "authors": [{"name": name} for name in names],
        "author": names[-1] if names else "",
        "published": _string(item, "date_published") or _string(item, "date_modified"),
        "links": [_attached(part) for part in _list(item, "attachments") if _is_table(part)],
        "tags": [{"term": tag} for tag in _list(item, "tags") if isinstance(tag, str)],
    }


def _attached(file: Mapping[str, Any]) -> dict[str, str]:
    names = {"href": "url", "type": "mime_type", "length": "size_in_bytes", "seconds": "duration_in_seconds"}
    told = {name: _string(file, key) for name, key in names.items()}
    return {"rel": "enclosure", "title": _string(file, "title"), **told}


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _string(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return sound(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []
