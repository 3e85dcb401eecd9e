"""What was recorded in English, told in the page's language."""

import re
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from digest.render.typeset import gap


def told(recorded: str, catalog: Path) -> str:
    """*recorded* in the language of *catalog*, where the words are ours; a server's stay as they are.

    A message of marks alone, such as ``{one}; {more}``, is for what holds words of ours.
    """
    for pattern, message, has_words in _known(catalog):
        if found := pattern.fullmatch(recorded):
            values = {name: told(value, catalog) for name, value in found.groupdict().items()}
            if has_words or values != found.groupdict():
                return gap(message.format(**values))
    return recorded


@cache
def _known(catalog: Path) -> tuple[tuple[re.Pattern[str], str, bool], ...]:
    """The messages of the context ``recorded``, as patterns of what was recorded."""
    with catalog.open("rb") as file:
        found = [one for one in read_po(file) if one.context == "recorded"]
    return tuple((_pattern(str(one.id)), str(one.string), _has_words(str(one.id))) for one in found)


def _has_words(message: str) -> bool:
    return re.search(r"\w", re.sub(r"{\w+}", "", message)) is not None


def _pattern(message: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", message)
    for n in range(1, len(pieces), 2):
        pieces[n] = rf"(?P<{pieces[n]}>{'[0-9.]+' if pieces[n] == 'n' else '.+?'})"
    return re.compile("".join(piece if n % 2 else re.escape(piece) for n, piece in enumerate(pieces)))
