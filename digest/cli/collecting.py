"""``digest collect``: read the sources without making an edition."""

from collections import Counter
from typing import Annotated

import typer

from digest.cli.output import DryRun, emit_json, progress, runtime, say


def collect(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One object a source, as JSON.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Read the seeds and feeds; say what is new, changed, unchanged, empty or failed.

    Exit code 1 when a source failed; the others were read all the same.
    """
    with runtime(context) as opened:
        if dry_run:
            opened.rehearse()
        with progress("Reading the sources") as note:
            collected = opened.collect(on_progress=note)
    if as_json:
        emit_json([{"source": one.source_id, "state": one.state, "detail": one.detail} for one in collected])
    else:
        for one in collected:
            if one.detail:
                say(f"{one.state}: {one.source_id}: {one.detail}")
        counts = Counter(one.state for one in collected)
        print(
            ", ".join(
                f"{counts[state]} {state}" for state in ("new", "changed", "unchanged", "empty", "failed")
            )
        )
    if any(one.state == "failed" for one in collected):
        raise typer.Exit(1)
