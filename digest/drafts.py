"""Articles as the store keeps them, written where there is time for it: in the worker that read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from digest.model import Article, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An article as a document, and what is asked of it without reading that.

    Args:
        grave: Why it is kept from readers, if it is.
        sketch: See `digest.similar.sketch`.
    """

    source_id: str
    title: str
    severity: Severity
    grave: str
    evergreen: bool
    text_hash: str
    document: msgspec.Raw
    sketch: tuple[int, ...]

    def article(self) -> Article:
        return msgspec.json.decode(self.document, type=Article)


def draft(article: Article, sketch: Sequence[int]) -> Draft:
    return Draft(
        source_id=article.source_id,
        title=article.title,
        severity=article.severity,
        grave=next((flag.reason for flag in article.flags if flag.severity is Severity.QUARANTINE), ""),
        evergreen=article.evergreen,
        text_hash=sha256(article.text.encode("utf-8", "surrogatepass")).hexdigest(),
        document=msgspec.Raw(msgspec.json.encode(article)),
        sketch=tuple(sketch),
    )
