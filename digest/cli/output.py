"""What every command shares: the runtime it was called for, where words go, and how lists look.

Results go to stdout, everything said about them to stderr.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from digest.runtime import Runtime

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
"""For every command that lists something."""


@contextmanager
def runtime(context: typer.Context) -> Iterator["Runtime"]:
    """The runtime of this installation; closed afterwards."""
    from digest.installation import Clock, read_moment
    from digest.runtime import open_runtime

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
        raise typer.BadParameter(str(error), param_hint=hint) from None


def interface_language(opened: "Runtime", typed: str | None) -> str | None:
    """The language given with ``--language``, which must have a catalog."""
    from digest.render.wording import language_names

    known = language_names(opened.renderer.locale_dirs)
    if typed is not None and typed not in known:
        raise typer.BadParameter(f"{typed!r} is not one of {', '.join(known)}", param_hint="--language")
    return typed


def visible(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def emit_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated lines in a pipe."""
    if not rows:
        say("There are none.")
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(visible(str(cell)).replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.table import Table
    from rich.text import Text

    shown = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*(Text(visible(str(cell))) for cell in row))
    console().print(shown)


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
