"""``digest editions``: what was made, what is in it, and why."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.making import Format
from digest.cli.output import emit_json, runtime, say, table, visible
from digest.model import DeliveryState

if TYPE_CHECKING:
    from digest.runtime import Runtime

DELIVERY = ("id", "address", "state", "attempts", "code", "text", "updated_at")
editions = typer.Typer(help="Past editions: list, show, why.", no_args_is_help=True, rich_markup_mode=None)
Number = Annotated[int, typer.Argument(help="The edition's number, as digest editions list gives it.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    app.add_typer(editions, name="editions")
    app.command(name="why")(why)


@editions.command(name="list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the editions, newest first, with their deliveries by state."""
    from digest.report import edition_overview

    with runtime(context) as opened:
        rows = edition_overview(opened.store, limit)
    if as_json:
        emit_json(rows)
        return
    table(
        ("number", "schedule", "slot", "themes", "items", "deliveries", "subject"),
        [
            (
                row["number"],
                row["schedule"],
                str(row["slot"])[:16],
                ", ".join(row["themes"]),
                row["items"],
                ", ".join(f"{n} {state}" for state, n in row["deliveries"].items()) or "none",
                row["subject"],
            )
            for row in rows
        ],
    )


@editions.command()
def show(
    context: typer.Context,
    number: Number,
    shape: Annotated[Format, typer.Option("--format", "-f", help="How.")] = Format.MARKDOWN,
    language: Annotated[str | None, typer.Option(help="Interface language: zh-CN or en.")] = None,
    deliveries: Annotated[bool, typer.Option("--deliveries", help="Who got it, instead.")] = False,
    state: Annotated[str | None, typer.Option(help="With --deliveries: only those, like failed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show an edition again, in any format, or its deliveries, from what the store keeps."""
    with runtime(context) as opened:
        if deliveries:
            _deliveries(opened, number, state, as_json=as_json)
            return
        edition = opened.store.editions.get(number)
        shape = Format.MARKDOWN if shape is Format.TERMINAL else shape
        print(opened.shown(edition, shape, language), end="")


def _deliveries(opened: "Runtime", number: int, state: str | None, *, as_json: bool) -> None:
    """Page by page, because there may be a million."""
    only = DeliveryState(state) if state else None
    opened.store.editions.get(number)
    after = 0
    while page := opened.store.ledger.list(number, only, after, 1000):
        after = page[-1].id
        rows = [
            (d.id, d.address, d.state, d.attempts, d.code or "", d.text or "", d.updated_at) for d in page
        ]
        if as_json:
            for row in rows:
                print(json.dumps(dict(zip(DELIVERY, row, strict=True)), ensure_ascii=False, default=str))
        else:
            table(DELIVERY, rows)


@editions.command()
def rebuild(
    context: typer.Context,
    number: Number,
    address: Annotated[str, typer.Argument(help="Of the reader whose mail it is.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: stdout.")] = None,
) -> None:
    """Write a reader's mail of an edition again, byte for byte, from what the store keeps.

    Signatures are left out. The same as long as templates, [newsletter] and the secret are.
    """
    with runtime(context) as opened:
        message = opened.mail.rebuilt(number, address)
    if output:
        output.write_bytes(message)
    else:
        sys.stdout.buffer.write(message)


@editions.command()
def approve(context: typer.Context, number: Number) -> None:
    """Let an edition that waits for review go out."""
    _set_status(context, number, "review", "ready")


@editions.command()
def stop(context: typer.Context, number: Number) -> None:
    """Send an edition to nobody who has not got it yet; resume it with approve."""
    _set_status(context, number, "ready", "stopped")


def _set_status(context: typer.Context, number: int, before: str, after: str) -> None:
    with runtime(context) as opened:
        now = opened.store.editions.status(number)
        if now != before and not (now == "stopped" and after == "ready"):
            raise typer.BadParameter(f"edition {number} is {now}, not {before}")
        opened.store.editions.set_status(number, after)
    say(f"Edition {number} is {after}")


@editions.command()
def why(
    context: typer.Context,
    number: Number,
    item: Annotated[int | None, typer.Argument(help="One item of it, from 1.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why an edition holds what it holds: themes, scores, terms, and what was left out."""
    from digest.report import explain

    with runtime(context) as opened:
        rows = explain(opened.store.editions.get(number))
    rows["items"] = [row for row in rows["items"] if item in (None, row["item"])]
    if as_json:
        emit_json(rows)
        return
    print(f"Edition {rows['number']} of {rows['schedule']}, made {rows['made_at']}: {rows['subject']}")
    for theme in rows["themes"]:
        print(f"{theme['id']}: {theme['why']}")
    for row in rows["items"]:
        print(f"{row['item']}. {row['title']} [{row['theme']}, {row['source']}]")
        age = "undated" if row["age_days"] is None else f"{row['age_days']} days old"
        print(f"   {row['reason']}, {age} (score {row['score']:.2f})")
        for match in row["matches"]:
            print(f"   {match['points']:6.2f}  {match['term']} ×{match['count']}")
            for passage in row["passages"]:
                if passage["term"] == match["term"]:
                    print(f"           {passage['start']}: {visible(passage['text'])}".replace("\n", " "))
        for flag in row["flags"]:
            print(f"   {flag}")
        for excerpt in row["excerpts"]:
            text = json.dumps(excerpt["text"], ensure_ascii=False)
            where = f"{excerpt['start']}–{excerpt['end']}" if excerpt["end"] else "by a model"
            print(f"   {excerpt['role']:6} {where}: {text}")
    for skipped in rows["skipped"] if item is None else ():
        print(f"left out {skipped['kind']} {skipped['name']}: {skipped['why']}")
