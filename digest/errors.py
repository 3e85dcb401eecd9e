"""Errors, split by what the caller does next.

    DigestError
      ConfigError            fix config.toml          (path, line, key)
      SeedError              fix or remove the file   (path)
      SourceError            skip the source          (source_id)
        FetchError
        ParseError
      StoreError             the ledger cannot be written: stop and retry
        OutdatedError        stop, upgrade Digest here
      RenderError            fix the template
      SummaryError           use the extractive summary
      TokenError             tell the person
      ConsentError           tell the person

Every message says what happened and what to do; the attributes hold the values it names.
A bad item is a value in a report; only a bad run is an exception.
"""

from pathlib import Path


class DigestError(Exception):
    """Root of everything Digest raises on purpose."""


class ConfigError(DigestError):
    """The configuration cannot be used; nothing has run yet.

    Args:
        path: The file at fault, or None when it came from the command line or the environment.
        problems: One ``(line, key, what to do)`` each; line is 1-based, 0 when unknown.
    """

    def __init__(self, path: Path | None, problems: list[tuple[int, str, str]]) -> None:
        self.path = path
        self.problems = problems
        where = str(path) if path else "digest"
        super().__init__(
            "\n".join(
                f"{where}{f':{line}' if line else ''}: {f'{key}: ' if key else ''}{what}"
                for line, key, what in problems
            )
        )


class SeedError(DigestError):
    """A seed file cannot be read as text; the others can."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(f"{path}: {what}")


class SourceError(DigestError):
    """A source gave nothing this time; skip it and go on."""

    def __init__(self, source_id: str, what: str) -> None:
        self.source_id = source_id
        self.what = what
        super().__init__(f"{source_id}: {what}")

    def __reduce__(self) -> tuple[object, ...]:
        """Crosses between processes: parsing runs in one that may be killed."""
        return type(self), (self.source_id, self.what)


class FetchError(SourceError):
    """The source could not be fetched."""


class ParseError(SourceError):
    """The source was fetched and is not what it should be."""


class StoreError(DigestError):
    """The database refused; nothing that cannot be recorded may be sent."""


class OutdatedError(StoreError):
    """A newer version has changed the tables in ways this one does not know."""


class RenderError(DigestError):
    """A template failed; the message names the template and the line."""


class SummaryError(DigestError):
    """A model's summary was refused or could not be had."""


class TokenError(DigestError):
    """A link's token is forged, damaged or expired."""


class ConsentError(DigestError):
    """The step is not possible from the subscriber's present state."""
