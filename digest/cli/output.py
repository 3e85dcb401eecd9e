"""What every command shares: the runtime it was called for, where words go, and how lists look.

Results go to stdout, everything said about them to stderr.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from typer import BadParameter, Context, Option

from digest.installation import Clock, read_moment
from digest.runtime import Runtime, open_runtime

if TYPE_CHECKING:
    from rich.console import Console


AsJson = Annotated[bool, Option("--json", help="As JSON.")]
"""For every command that lists something."""
DryRun = Annotated[bool, Option("--dry-run", help="Say what would be done; change nothing at all.")]
Language = Annotated[str | None, Option(help="Of the words around the excerpts: zh-CN or en.")]


@contextmanager
def runtime(context: Context) -> Iterator[Runtime]:
    """The runtime of this installation; closed afterwards."""
    with open_runtime(context.obj["config"], Clock(read_moment(context.obj["clock"]))) as opened:
        for warning in opened.config.warnings:
            say(f"warning: {warning}")
        yield opened


def say(line: str = "") -> None:
    """A line for the person, on stderr; control characters of foreign text are made visible."""
    print(visible(line), file=sys.stderr)


def mail_address(typed: str, hint: str = "--to") -> str:
    """A mail address given with the option or argument *hint*, in its one form."""
    from digest.address import canonical

    try:
        return canonical(typed)
    except ValueError as error:
        raise BadParameter(str(error), param_hint=hint) from None


def interface_language(opened: Runtime, typed: str | None) -> str | None:
    """The language given with ``--language``, which must have a catalog."""
    from digest.render.wording import language_names

    known = language_names(opened.renderer.locale_dirs)
    if typed is not None and typed not in known:
        raise BadParameter(f"{typed!r} is not one of {', '.join(known)}", param_hint="--language")
    return typed


def visible(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def emit_json(value: Any, *, indent: int | None = 2) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=indent, default=str))


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Rows as JSON, or *columns* of them: a table on a terminal, tab-separated lines in a pipe."""
    if as_json:
        emit_json(rows)
        return
    if not rows:
        say("There are none.")
    cells = [[visible(shown(row[key])) for key in columns] for row in rows]
    if not sys.stdout.isatty():
        for line in cells:
            print("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in line))
        return
    from rich.table import Table
    from rich.text import Text

    headings = (key.replace("_", " ") for key in columns)
    drawn = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for line in cells:
        drawn.add_row(*map(Text, line))
    console().print(drawn)


def shown(value: object) -> str:
    """A value of a list or a line, as people read it; empty where there is none."""
    match value:
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case float():
            return f"{value:.2f}"
        case Mapping():
            return ", ".join(f"{shown(number)} {name}" for name, number in value.items())
        case list() | tuple():
            return ", ".join(map(shown, value))
    return "" if value is None else str(value)


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=False, highlight=False)


@contextmanager
def progress(what: str) -> Iterator[Any]:
    """A spinner with *what* and a changing note on a terminal, once the work takes longer than a second.

    Yields a function that takes the note.
    """
    if not sys.stderr.isatty():
        yield lambda _note: None
        return
    import threading

    from rich.status import Status

    status = Status(what, console=console(stderr=True))
    timer = threading.Timer(1.0, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda note: status.update(f"{what}: {visible(note)}")
    finally:
        timer.cancel()
        timer.join()
        status.stop()
