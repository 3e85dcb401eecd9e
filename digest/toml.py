"""TOML files read against a pydantic model, every mistake named by line and key.

The standard library's parser keeps no positions; :func:`line_of` finds them where one is asked for.
"""

import difflib
import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

from digest.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Location = tuple[str | int, ...]
"""Keys and, inside arrays, indexes from 0: ``("themes", 0, "names", "zh")``."""

Mistake = tuple[Location, str]
"""Where, and what to do about it."""

Model = TypeVar("Model", bound="BaseModel")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ENDINGS = [*("".join(marks) for size in range(5) for marks in product("]}", repeat=size)), '"""', "'''"]
"""What ends a statement that goes on in the next line."""
_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")

_SECRET_WORDS = ("password", "secret", "token", "api_key")


def read(path: Path, model: type[Model], *, context: object = None) -> Model:
    """Read *path* into *model*, whose validators get *context*.

    Raises:
        ConfigError: With every mistake, in order of lines.
    """
    from pydantic import ValidationError

    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [_syntax(str(error), text)]) from None
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        mistakes = [_mistake(model, detail) for detail in error.errors(include_url=False)]
    told = {(line_of(text, where), dotted(where), what) for where, what in mistakes}
    raise ConfigError(path, sorted(told))


def wrong(what: str, *where: str | int) -> "ValidationError":
    """For a validator to raise: a mistake somewhere inside the value it looks at."""
    from pydantic import ValidationError

    return ValidationError.from_exception_data(
        "", [{"type": "value_error", "loc": where, "input": None, "ctx": {"error": what}}]
    )


def dotted(location: Location) -> str:
    """As people write it: ``themes[1].names.zh``, counting arrays from 1."""
    return "".join(_part(part) for part in location).removeprefix(".")


def _part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part + 1}]"
    return f".{part}" if _BARE_KEY.fullmatch(part) else f'."{part}"'


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(path, [(line, "", "is not UTF-8; save the file as UTF-8")]) from None
    except OSError as error:
        raise ConfigError(path, [(0, "", f"cannot be read ({error.strerror})")]) from error


def _syntax(message: str, text: str) -> tuple[int, str, str]:
    found = _AT_LINE.search(message)
    at = int(found[1]) if found and found[1] else text.count("\n") + 1
    said = _AT_LINE.sub("", message)
    return at, "", f"is not valid TOML here: {said[:1].lower()}{said[1:]}"


def line_of(text: str, location: Location) -> int:
    """The line *location* begins on, else that of what encloses it, else 0; *text* must be valid TOML.

    It is the last line of the shortest beginning of the document that holds it already.
    """
    rows = text.split("\n")
    for size in range(len(location), 0, -1):
        held = partial(_holds, rows, location[:size])
        before = bisect_left(range(1, len(rows) + 1), True, key=held)
        if before < len(rows):
            return before + 1
    return 0


def _holds(rows: list[str], location: Location, count: int) -> bool:
    """Whether *location* stands in the first *count* rows, an array or a string open there being closed."""
    for size in range(count, 0, -1):
        beginning = "\n".join(rows[:size])
        for ending in _ENDINGS:
            with suppress(tomllib.TOMLDecodeError):
                return _reaches(tomllib.loads(f"{beginning}\n{ending}"), location)
    return False


def _reaches(value: Any, location: Location) -> bool:
    try:
        for part in location:
            value = value[part]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _mistake(model: "type[BaseModel]", detail: Mapping[str, Any]) -> Mistake:
    where = tuple(part for part in detail["loc"] if part != "[key]")
    kind, said = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        return where, _unknown(str(where[-1]), _known(model, where[:-1]))
    if kind == "missing":
        return where, "is missing; add it"
    if kind == "value_error":
        return where, said.removeprefix("Value error, ")
    said = (
        said.removeprefix("Input ")
        .replace("valid dictionary", "table")
        .replace("valid tuple", "list")
        .replace("valid list", "list")
    )
    said = re.sub(r" or instance of \w+", "", said)
    return where, f"{said.replace('valid integer', 'whole number')}, not {_shown(detail['input'])}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _unknown(key: str, known: tuple[str, ...]) -> str:
    secret = f"{key}_file"
    if any(word in key.lower() for word in _SECRET_WORDS) and not key.endswith("_file"):
        instead = f"name the file that holds it with {secret}" if secret in known else "take it out"
        return f"secrets do not belong in this file; {instead}, or set it in the environment"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known) or 'nothing'}"
    return f"unknown key; {hint}"


def _known(model: "type[BaseModel]", where: Location) -> tuple[str, ...]:
    """The keys allowed in the table at *where*."""
    found: Any = model
    for part in where:
        if "root" in getattr(found, "model_fields", {}):  # a file of freely named tables
            found = get_args(found.model_fields["root"].annotation)[-1]
        elif isinstance(part, str) and part in getattr(found, "model_fields", {}):
            found = found.model_fields[part].rebuild_annotation()
        while arguments := get_args(found):
            if get_origin(found) is Annotated:
                found = next((one.table for one in arguments if hasattr(one, "table")), arguments[0])
            else:
                found = [kind for kind in arguments if kind not in (type(None), ...)][-1]
    return tuple(field.alias or name for name, field in getattr(found, "model_fields", {}).items())
