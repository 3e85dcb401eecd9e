"""The archive as an Atom feed (RFC 4287)."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from digest.model import Edition, Newsletter
from digest.render.typeset import clean

ATOM = "http://www.w3.org/2005/Atom"


def feed(newsletter: Newsletter, pages: Sequence[tuple[Edition, str]], language: str) -> str:
    """XML of *pages*, pairs of edition and its body as HTML.

    Ids are tag URIs (RFC 4151) over the list's id, so they survive a move of the pages. An empty feed
    is dated 1970: the clock is not read.
    """
    ET.register_namespace("", ATOM)
    root = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": language})
    updated = max((edition.made_at.isoformat() for edition, _ in pages), default="1970-01-01T00:00:00+00:00")
    _add(root, "id", f"tag:{newsletter.list_id},2026:editions")
    _add(root, "title", newsletter.name)
    _add(root, "updated", updated)
    author = _add(root, "author", None)
    _add(author, "name", newsletter.sender_name or newsletter.name)
    base = (newsletter.base_url or "").rstrip("/")
    if base:
        _add(root, "link", None, rel="self", type="application/atom+xml", href=f"{base}/atom.xml")
        _add(root, "link", None, rel="alternate", type="text/html", href=f"{base}/editions")
    for edition, body in pages:
        entry = _add(root, "entry", None)
        _add(entry, "id", f"tag:{newsletter.list_id},2026:editions/{edition.public_number}")
        _add(entry, "title", edition.subject)
        _add(entry, "published", edition.slot.isoformat())
        _add(entry, "updated", edition.made_at.isoformat())
        if base:
            _add(entry, "link", None, rel="alternate", href=f"{base}/editions/{edition.public_number}")
        _add(entry, "summary", edition.preheader or edition.subject)
        _add(entry, "content", body, type="html")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _add(parent: ET.Element, name: str, text: str | None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    if text is not None:
        element.text = "\n".join(map(clean, text.splitlines()))
    return element
