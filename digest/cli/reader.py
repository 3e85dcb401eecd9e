"""An edition's Markdown on a terminal: rich breaks lines at blanks only, which tears Chinese apart."""

import re
from collections.abc import Iterator

from digest.cli.output import console, visible
from digest.render.plain import fold

_LINK = re.compile(r"\[((?:[^\]\\]|\\.)*)\]\((?:[^)\\]|\\.)*\)")
_ESCAPED = re.compile(r"\\([^\w\s])")
_STYLES = (("# ", "bold"), ("## ", "bold reverse"), ("### ", "bold"))


def show(markdown: str) -> None:
    """Print it folded with Chinese width counted right; links are shown by their words."""
    from rich.text import Text

    out = console()
    for line, style in _lines(markdown):
        out.print(Text(line, style=style), soft_wrap=True)


def _lines(markdown: str) -> Iterator[tuple[str, str]]:
    for raw in markdown.splitlines():
        line = _ESCAPED.sub(r"\1", _LINK.sub(r"\1", raw)).replace("**", "")
        for mark, style in _STYLES:
            if raw.startswith(mark):
                yield from ((row, style) for row in _folded(line[len(mark) :]))
                break
        else:
            quoted = line.startswith(">")
            rows = _folded(line.removeprefix(">").strip() if quoted else line)
            yield from ((f"▌ {row}" if quoted else row, "italic" if quoted else "") for row in rows)


def _folded(line: str) -> list[str]:
    return fold(visible(line)).split("\n")
