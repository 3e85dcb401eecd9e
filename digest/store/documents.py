"""Values to text and back: JSON by msgspec, checked against the types when read.

Decoding restores tuples, enums, dates and times (with the offset they were written with), so that
``read(write(x)) == x`` for every value of the model.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from digest.errors import StoreError
from digest.model import Article, Edition, Feed

Document = TypeVar("Document", Article, Edition, Feed)


def write(value: Article | Edition | Feed | Sequence[int]) -> str:
    return msgspec.json.encode(value).decode()


def read(kind: type[Document], text: str) -> Document:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as problem:
        raise StoreError(
            f"a stored {kind.__name__.lower()} cannot be read ({problem}): "
            "restore a backup, or use the version of Digest that wrote it"
        ) from problem


def words(ids: tuple[str, ...]) -> str:
    """Ids between bars, so that ``|id|`` finds a whole one: ``|llm|cost|``; empty for none."""
    return f"|{'|'.join(ids)}|" if ids else ""


def ids(text: str) -> tuple[str, ...]:
    return tuple(text.strip("|").split("|")) if text else ()


def printable(text: str, limit: int = 500) -> str:
    """What both databases can hold: no NUL, no lone surrogates, at most *limit* characters."""
    return text[:limit].encode("utf-8", "replace").decode().replace("\x00", "")
