"""The command line. Each command imports what it needs when it runs, so that help stays quick.

Exit codes: 0 done, 1 done but something failed (it is said on stderr), 2 the command or the
configuration is wrong and nothing ran, 130 interrupted.
"""

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

from typer import Context, Exit, Option, Typer

from digest import __version__
from digest.errors import ConfigError, DigestError

_COMMANDS = {
    "init": "making", "now": "making", "serve": "serving", "worker": "serving", "send": "serving",
    "collect": "making", "feeds": "feeds", "subscribers": "subscribers", "themes": "themes",
    "editions": "editions", "why": "editions", "status": "operating", "backup": "operating",
    "bounces": "operating", "deliveries": "operating", "quarantine": "operating", "migrate": "operating",
    "copy": "operating", "doctor": "doctor", "clean": "reading", "summarize": "reading", "similar": "reading",
    "preview": "looking", "inbox": "looking",
}  # fmt: skip
"""Each command, in the order of the help, and the module beside this one that holds it under its name."""
_GARBAGE = 100_000
"""Values made between two looks for cycles: with Python's own 700 a start spends 7% of its time on them."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"digest {__version__}")
        raise Exit


def options(
    context: Context,
    config: Annotated[Path | None, Option("--config", "-c", help="Instead of config.toml here.")] = None,
    clock: Annotated[str | None, Option(help="Work at a moment, as 2026-01-05T08:00:00+08:00.")] = None,
    _: Annotated[bool, Option("--version", help="Show it, leave.", callback=_version, is_eager=True)] = False,
) -> None:
    context.obj = {"config": config, "clock": clock}


def make_app(wanted: str = "") -> Typer:
    """The command line: of the command *wanted* alone, so that a start imports no other, else of all."""
    app = Typer(
        name="digest",
        help="Themed digests: exact, attributed excerpts from your sources, mailed once to every reader.",
        epilog="Start with: digest init, then digest now. Every command has --help.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(options)
    for name, module in _COMMANDS.items():
        if name == wanted or wanted not in _COMMANDS:
            command = getattr(import_module(f"digest.cli.{module}"), name)
            if isinstance(command, Typer):
                app.add_typer(command, name=name)
            else:
                app.command()(command)
    return app


def main() -> None:
    """Run the command line; errors of ours are one message on stderr, never a traceback."""
    gc.set_threshold(_GARBAGE)
    try:
        make_app(*sys.argv[1:2])()
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except DigestError as error:
        print(f"digest: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:  # a file or folder that cannot be read or written
        print(f"digest: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
