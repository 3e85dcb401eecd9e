"""TOML files read against a pydantic model, every mistake named by line and key.

The standard library's parser keeps no positions, so :func:`lines` walks the (already valid)
document once more for them. The grammar is TOML 1.0, https://toml.io/en/v1.0.0.
"""

import difflib
import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

from digest.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

Location = tuple[str | int, ...]
"""Keys and, inside arrays, indexes from 0: ``("themes", 0, "names", "zh")``."""

Mistake = tuple[Location, str]
"""Where, and what to do about it."""

Model = TypeVar("Model", bound="BaseModel")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")

_SECRET_WORDS = ("password", "secret", "token", "api_key")


def read(
    path: Path, model: type[Model], *, also: Callable[[Mapping[str, Any]], Iterable[Mistake]] | None = None
) -> tuple[Model, Callable[[Location], int]]:
    """Read *path* into *model*.

    Args:
        also: Checks between keys, made on the plain values whether or not the model accepts
            them, so that all mistakes are told at once. It must bear values of any shape.

    Returns:
        The model, and a function from a location to its 1-based line (the nearest enclosing
        one when the location itself stands nowhere in the file).

    Raises:
        ConfigError: With every mistake, in order of lines.
    """
    from pydantic import ValidationError

    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [_syntax(str(error), text)]) from None
    places = lines(text)

    def line(location: Location) -> int:
        return next((places[location[:n]] for n in range(len(location), 0, -1) if location[:n] in places), 0)

    mistakes = list(also(data)) if also else []
    result = None
    try:
        result = model.model_validate(data)
    except ValidationError as error:
        mistakes += [_mistake(model, detail) for detail in error.errors(include_url=False)]
    if mistakes or result is None:
        raise ConfigError(path, sorted({(line(where), dotted(where), what) for where, what in mistakes}))
    return result, line


def dotted(location: Location) -> str:
    """As people write it: ``themes[1].names.zh``, counting arrays from 1."""
    return "".join(_part(part) for part in location).removeprefix(".")


def _part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part + 1}]"
    return f".{part}" if _BARE_KEY.fullmatch(part) else f'."{part}"'


def lines(text: str) -> dict[Location, int]:
    """The line each key, table and array item begins on; *text* must be valid TOML."""
    return _Walk(text).places


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


class _Walk:
    """One pass over a document, noting where each key stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Location, int] = {}
        self._starts = [0] + [found.end() for found in re.finditer("\n", text)]
        self._arrays: dict[Location, int] = {}
        table: Location = ()
        while self._skip() < len(text):
            if text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)

    def _skip(self) -> int:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        return self.at

    def _note(self, location: Location) -> None:
        # Dotted keys and sub-tables open their parents too; the first mention is where they begin.
        line = bisect_right(self._starts, self.at)
        for size in range(1, len(location) + 1):
            self.places.setdefault(location[:size], line)

    def _header(self) -> Location:
        many = self.text.startswith("[[", self.at)
        start, self.at = self.at, self.at + (2 if many else 1)
        keys = self._keys()
        location: Location = ()
        for depth, key in enumerate(keys):
            location += (key,)
            if many and depth == len(keys) - 1:
                self._arrays[location] = self._arrays.get(location, -1) + 1
            if location in self._arrays:
                location += (self._arrays[location],)
        end, self.at = self.at + (2 if many else 1), start
        self._note(location)
        self.at = end
        return location

    def _keys(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            self._skip()
            found = _BARE_KEY.match(self.text, self.at) or _STRING.match(self.text, self.at)
            word = found[0] if found else ""
            keys.append(tomllib.loads(f"key = {word}")["key"] if word[:1] in ("'", '"') else word)
            self.at += len(word)
            self._skip()
            if not self.text.startswith(".", self.at):
                return tuple(keys)
            self.at += 1

    def _pair(self, table: Location) -> None:
        start = self.at
        location = table + self._keys()
        end, self.at = self.at, start
        self._note(location)
        self.at = end + 1  # the equals sign
        self._value(location)

    def _value(self, location: Location) -> None:
        self._skip()
        opening = self.text[self.at]
        if opening in "[{":
            self._many(location, closing="]" if opening == "[" else "}")
            return
        found = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
        self.at = found.end() if found else self.at + 1

    def _many(self, location: Location, *, closing: str) -> None:
        self.at += 1
        index = 0
        while not self.text.startswith(closing, self._skip()):
            if self.text[self.at] == ",":
                self.at += 1
            elif closing == "}":
                self._pair(location)
            else:
                self._note((*location, index))
                self._value((*location, index))
                index += 1
        self.at += 1


def _mistake(model: "type[BaseModel]", detail: Mapping[str, Any]) -> Mistake:
    where = tuple(part for part in detail["loc"] if part != "[key]")
    kind, said = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        return where, _unknown(str(where[-1]), _known(model, where[:-1]))
    if kind == "missing":
        return where, "is missing; add it"
    if kind == "value_error":
        return where, said.removeprefix("Value error, ")
    said = said.removeprefix("Input ").replace("valid dictionary", "table").replace("valid list", "list")
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
            found = found.model_fields[part].annotation
        while arguments := get_args(found):
            kinds = arguments[:1] if get_origin(found) is Annotated else arguments
            found = [kind for kind in kinds if kind is not type(None)][-1]
    return tuple(getattr(found, "model_fields", {}))
