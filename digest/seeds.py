"""The seed documents: pages saved as files, and what a person knows about them.

``notes.toml`` beside the files corrects what no program can know, one table a file::

    ["interview.txt"]
    outlet = "..."            # who wrote it, when the page hides it
    held_on = 2023-04-14      # the day an interview was held
    note = "..."              # told to readers as an editor's note
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    PlainValidator,
    RootModel,
    Strict,
    TypeAdapter,
    ValidationInfo,
)

from digest import toml
from digest.charset import decode, is_binary
from digest.errors import SeedError
from digest.model import Flag, Precision, Published, Severity

SUFFIXES = {".txt": False, ".md": False, ".html": True, ".htm": True}
"""Files that are read, and whether they hold HTML."""

MAX_BYTES = 10 * 1024 * 1024
"""As much as one fetched page may hold."""

NOTES = "notes.toml"
_CHINA = timezone(timedelta(hours=8))


def _http(value: str) -> str:
    TypeAdapter(AnyHttpUrl).validate_python(value)
    return value


def _published(said: object) -> Published:
    if not isinstance(said, date):
        raise ValueError("must be a date without quotes, like 2024-03-15 or 2024-03-15T08:00:00+08:00")
    if not isinstance(said, datetime):
        at = datetime.combine(said, time(), _CHINA)
        return Published(at=at, precision=Precision.DAY, read_from=NOTES)
    at = said if said.tzinfo else said.replace(tzinfo=_CHINA)
    return Published(at=at, precision=Precision.SECOND, read_from=NOTES)


class Note(BaseModel):
    """What a person says about one seed file, by the names of ``Article``; what is left out stays as read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: str | None = None
    authors: Annotated[tuple[str, ...], Strict(False)] = ()
    outlet: str | None = None
    published: Annotated[Published | None, PlainValidator(_published)] = None
    held_on: date | None = None
    url: Annotated[str, AfterValidator(_http)] | None = None
    note: str | None = None


def _there(name: str, info: ValidationInfo[Path]) -> str:
    if not (info.context / name).is_file():
        raise ValueError("there is no such file here")
    return name


class _Notes(RootModel[dict[Annotated[str, AfterValidator(_there)], Note]]):
    model_config = ConfigDict(strict=True, frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One file as text.

    Args:
        flags: What reading it took, for the article made of it.
    """

    name: str
    text: str
    html: bool
    flags: tuple[Flag, ...] = ()

    @property
    def source_id(self) -> str:
        return f"seeds/{self.name}"


def load_seeds(folder: Path) -> tuple[list[Seed], list[SeedError]]:
    """Every seed file of *folder* that can be read, in order of names, and why others cannot.

    Raises:
        SeedError: When there is no folder, or no seed file in it.
    """
    if not folder.is_dir():
        raise SeedError(folder, "there is no such folder; make it and put .txt, .md or .html files in it")
    files = sorted(path for path in folder.iterdir() if _is_seed(path))
    if not files:
        raise SeedError(folder, "holds no .txt, .md or .html file; put the documents to read in it")
    loaded: list[Seed] = []
    failures: list[SeedError] = []
    for file in files:
        try:
            loaded.append(load_seed(file))
        except SeedError as error:
            failures.append(error)
    return loaded, failures


def load_seed(path: Path) -> Seed:
    """Read one file, in whatever encoding it is.

    Raises:
        SeedError: When it is unreadable, empty, too large or not text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SeedError(path, f"cannot be read ({error.strerror})") from error
    if len(raw) > MAX_BYTES:
        raise SeedError(path, f"is larger than {MAX_BYTES // 1024**2} MiB; keep one document a file")
    if is_binary(raw):
        raise SeedError(path, "is not a text file; save the page as text or HTML")
    decoded = decode(raw)
    if not decoded.text.strip():
        raise SeedError(path, "is empty")
    repaired = Flag(code="charset-repaired", severity=Severity.NOTE, reason=decoded.note)
    return Seed(
        name=path.name,
        text=decoded.text,
        html=SUFFIXES.get(path.suffix.lower(), False),
        flags=(repaired,) if decoded.note else (),
    )


def load_notes(folder: Path) -> dict[str, Note]:
    """What ``notes.toml`` in *folder* says, by file name; nothing when there is none.

    Raises:
        ConfigError: With every mistake; a note on a file that is not there is one.
    """
    path = folder / NOTES
    if not path.is_file():
        return {}

    return toml.read(path, _Notes, context=folder).root


def _is_seed(path: Path) -> bool:
    """Hidden files are editors' and file managers' own; a link to nowhere is a file that is missing."""
    named = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    return named and (path.is_file() or not path.exists())
