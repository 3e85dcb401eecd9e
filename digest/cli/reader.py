"""An edition's Markdown on a terminal: rich breaks lines at blanks only, which tears Chinese apart."""

import re
from collections.abc import Iterator

from digest.cli.output import console, visible
from digest.render.plain import fold

_LINK = re.compile(r"\[((?:[^\]\\]|\\.)*)\]\(((?:[^)\\]|\\.)*)\)")
_WEB = re.compile(r"https?://[\x21-\x7e]+")
_ESCAPED = re.compile(r"\\([^\w\s])")
_STYLES = (("# ", "bold"), ("## ", "bold reverse"), ("### ", "bold"))


def show(markdown: str) -> None:
    """Print it folded with Chinese width counted right; links are their words, to click on."""
    from rich.text import Text

    out = console()
    for line, style in _lines(markdown):
        out.print(Text(line, style=style), soft_wrap=True)


def _lines(markdown: str) -> Iterator[tuple[str, str]]:
    for raw in markdown.splitlines():
        link = _LINK.search(raw)
        lead = f"link {link[2]} " if link and _WEB.fullmatch(link[2]) else ""
        line = _ESCAPED.sub(r"\1", _LINK.sub(r"\1", raw)).replace("**", "")
        for mark, style in _STYLES:
            if raw.startswith(mark):
                yield from ((row, lead + style) for row in _folded(line[len(mark) :]))
                break
        else:
            quoted = line.startswith(">")
            rows = _folded(line.removeprefix(">").strip() if quoted else line)
            yield from ((f"▌ {row}", "bold") if quoted else (row, lead.strip()) for row in rows)


def _folded(line: str) -> list[str]:
    return fold(visible(line)).split("\n")
