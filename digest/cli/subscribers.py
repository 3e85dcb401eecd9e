"""``digest subscribers``: who gets the digest, by hand and by file."""

import codecs
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, BadParameter, Context, Exit, Option, Typer, confirm

from digest.cli.output import (
    AsJson,
    DryRun,
    Language,
    emit_json,
    interface_language,
    listing,
    mail_address,
    progress,
    runtime,
    say,
    shown,
    visible,
)
from digest.consent import Step
from digest.errors import ConsentError
from digest.model import ConsentState, Subscriber
from digest.runtime import Runtime

subscribers = Typer(help="The readers: add, list, show, pause, remove, import, export.", no_args_is_help=True)
OPERATOR = "operator"
Address = Annotated[str, Argument(help="The reader's mail address.", metavar="ADDRESS")]
State = Annotated[ConsentState | None, Option(help="Only who is in this state.")]
Theme = Annotated[str | None, Option(help="Only who gets this theme.")]
Schedule = Annotated[str | None, Option(help="Only who gets this schedule.")]
Several = Annotated[list[str] | None, Option(help="May be given several times; all if left out.")]


@subscribers.command()
def add(
    context: Context,
    address: Address,
    name: Annotated[str, Option(help="Shown in mails to them.")] = "",
    theme: Several = None,
    schedule: Several = None,
    language: Language = None,
    timezone: Annotated[str | None, Option(help="Like Asia/Shanghai.")] = None,
    reinstate: Annotated[bool, Option("--reinstate", help="Bring back who was stopped.")] = False,
) -> None:
    """Add somebody who has agreed to get the digest. No mail is sent.

    Who left or complained is refused: only they can subscribe again, with the form. --reinstate takes back a
    reader whom a bounce stopped, and lets who is suppressed use the form again.
    """
    from digest.roster import add_by_hand, zones

    if timezone and timezone not in zones():
        raise BadParameter(f"{timezone!r} is not a time zone", param_hint="--timezone")
    with runtime(context) as opened:
        wanted = mail_address(address, "ADDRESS")
        hashed = opened.signup.hash_address(wanted)
        known = opened.store.subscribers.find(wanted)
        if reinstate and not known and opened.store.subscribers.lift(hashed):
            say(f"{wanted} may subscribe again, with the form")
            return
        if reinstate:
            after = opened.signup.take(_find(opened, address), Step.REINSTATE, now=opened.now, actor=OPERATOR)
            say(f"{after.address} is {after.state}")
            return
        newsletter = opened.config.newsletter
        reader = Subscriber(
            id=0,
            address=wanted,
            name=name,
            state=ConsentState.CONFIRMED,
            language=interface_language(opened, language) or newsletter.language,
            timezone=timezone or newsletter.timezone,
            themes=tuple(opened.theme(one).id for one in theme or ()),
            schedules=tuple(opened.schedule(one).id for one in schedule or ()),
        )
        added = add_by_hand(opened.store, reader, hashed=hashed, now=opened.now)
    say(f"{added.address} is {added.state}")


@subscribers.command(name="list")
def list_(
    context: Context,
    state: State = None,
    theme: Theme = None,
    schedule: Schedule = None,
    search: Annotated[str | None, Option(help="A part of the address or name.")] = None,
    after: Annotated[int, Option(help="Go on after this number.")] = 0,
    limit: Annotated[int, Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List readers, in the order in which they came."""
    with runtime(context) as opened:
        found = opened.store.subscribers.list(
            **_which(opened, theme, schedule), state=state, search=search, after=after, limit=limit
        )
    rows = [asdict(one) for one in found]
    for row in rows:
        del row["token_version"]
        if not as_json:
            row |= {key: row[key] or "all" for key in ("themes", "schedules")}
    columns = ("id", "address", "name", "state", "themes", "schedules", "language", "timezone")
    listing(rows, columns, as_json=as_json)
    if len(found) == limit:
        say(f"There may be more: digest subscribers list --after {found[-1].id}")


@subscribers.command()
def show(context: Context, address: Address, as_json: AsJson = False) -> None:
    """Show all that is kept of a reader, with the proof of consent."""
    from digest.signup import personal_data

    with runtime(context) as opened:
        data = personal_data(opened.store, _find(opened, address))
    if as_json:
        emit_json(data)
        return
    history: Any = data.pop("history")
    for key, value in data.items():
        print(f"{key:12}  {visible(shown(value))}")
    for event in history:
        step = f"{event['actor']}: {event['to_state']}  {event['reason']}"
        print(f"{shown(event['at'])}  {visible(step)}")


@subscribers.command()
def remove(
    context: Context,
    address: Address,
    reason: Annotated[str, Option(help="Kept with it.")] = "by the operator",
) -> None:
    """Unsubscribe a reader. The address stays suppressed; erase forgets it."""
    with runtime(context) as opened:
        leaving = {_find(opened, address).id: reason}
        opened.signup.unsubscribe(leaving, now=opened.now, actor=OPERATOR)
    say(f"{address} gets no more mail")


@subscribers.command()
def pause(
    context: Context,
    address: Address,
    until: Annotated[str | None, Option(help="A day, as 2026-02-01: mail comes again from then on.")] = None,
    resume: Annotated[bool, Option("--resume", help="End the pause now.")] = False,
) -> None:
    """Send a reader nothing until a day, or until it is resumed."""
    from digest.web.forms import resume_at

    with runtime(context) as opened:
        reader = _find(opened, address)
        moment = resume_at(until, reader.timezone, now=opened.now) if until else None
        if until and moment is None:
            raise BadParameter(f"{until!r} is no day within a year from tomorrow", param_hint="--until")
        step, moment = (Step.RESUME, None) if resume else (Step.PAUSE, moment)
        after = opened.signup.take(reader, step, moment, now=opened.now, actor=OPERATOR)
    say(f"{address} is {after.state}{f' until {until}' if moment else ''}")


@subscribers.command()
def renew(context: Context, address: Address) -> None:
    """Make links to preferences in mails sent so far invalid.

    For when others got hold of them. Those to unsubscribe stay good: leaving must always work. The next
    mail brings new ones.
    """
    with runtime(context) as opened:
        reader = _find(opened, address)
        newer = reader.token_version + 1
        opened.store.subscribers.set_preferences(reader.id, now=opened.now, token_version=newer)
    say(f"{address} gets new links with the next mail")


@subscribers.command()
def erase(
    context: Context,
    address: Address,
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a reader: address, name, choices, history. It cannot be undone.

    A keyed hash of the address stays, so that no import brings it back.
    """
    with runtime(context) as opened:
        reader = _find(opened, address)
        if not yes and not confirm(f"Forget {address} for good?", err=True):
            raise Exit(1)
        opened.signup.erase(reader, now=opened.now)
    say("Erased")


@subscribers.command(name="import")
def import_(
    context: Context,
    file: Annotated[Path, Argument(help="A CSV file.", exists=True, dir_okay=False)],
    dry_run: DryRun = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Leave out the lines that were taken.")] = False,
    as_json: Annotated[bool, Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Take in readers who have agreed, from a CSV file.

    The file may be Mailchimp's, listmonk's, digest's or your own. Says line by line what was taken and
    refused and why; mails nobody. Whoever is suppressed here, or left over there, is not taken.
    Exit code 1 when a line was refused.
    """
    from collections import Counter

    from digest.roster import Importer, Result

    counts: Counter[Result] = Counter()
    with (
        runtime(context) as opened,
        file.open(encoding=_encoding(file), errors="replace", newline="") as text,
        progress(f"Reading {file.name}") as note,
    ):
        if dry_run:
            opened.rehearse()
        importer = Importer(
            paper=opened.paper, hash_address=opened.signup.hash_address, reason=f"import of {file.name}"
        )
        try:
            for line in importer.run(text, now=opened.now):
                counts[line.result] += 1
                note(f"line {line.number:,}")
                if quiet and line.result is Result.TAKEN:
                    continue
                if as_json:
                    emit_json(asdict(line), indent=None)
                else:
                    print(visible(f"line {line.number}: {line.result} {line.address}  {line.why}".rstrip()))
        except ValueError as wrong:
            raise BadParameter(f"{file}: {wrong}", param_hint="FILE") from None
    told = ", ".join(f"{counts[result]} {result}" for result in Result)
    say(f"{'Would be: ' if dry_run else ''}{told}")
    if counts[Result.REFUSED]:
        raise Exit(1)


def _encoding(file: Path) -> str:
    """What a list is written in, by its first thousand lines that are not ASCII.

    Names are too short to be known as writing. But signs of GB 18030 are mostly pairs of high octets, and a
    letter with an accent is one among ASCII: where most runs of them are odd, it is Windows-1252.
    """
    with file.open("rb") as lines:
        sample = b"".join(islice((line for line in lines if not line.isascii()), 1000))
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        sample.decode("utf-8")
        return "utf-8-sig"
    except UnicodeDecodeError:
        runs = re.findall(rb"[\x80-\xff]+", sample)
        return "cp1252" if 2 * sum(len(run) % 2 for run in runs) > len(runs) else "gb18030"


@subscribers.command()
def export(
    context: Context,
    state: State = None,
    theme: Theme = None,
    schedule: Schedule = None,
    output: Annotated[Path | None, Option("-o", "--output", help="Write here, not to stdout.")] = None,
    excel: Annotated[bool, Option("--excel", help="So that Excel shows Chinese right.")] = False,
) -> None:
    """Write readers as CSV, in the columns import takes."""
    from contextlib import nullcontext

    from digest.roster import write_list

    with runtime(context) as opened:
        readers = _all(opened, state=state, **_which(opened, theme, schedule))
        stdout = nullcontext(sys.stdout)
        with output.open("w", encoding="utf-8", newline="") if output else stdout as file:
            file.write("\ufeff" if excel else "")
            count = write_list(readers, file)
    say(f"{count} written")


def _which(opened: Runtime, theme: str | None, schedule: str | None) -> dict[str, str | None]:
    """A mistyped id would be taken by everybody who takes all there is."""
    return {
        "theme": opened.theme(theme).id if theme else None,
        "schedule": opened.schedule(schedule).id if schedule else None,
    }


def _all(opened: Runtime, **which: Any) -> Iterator[Subscriber]:
    after = 0
    while page := opened.store.subscribers.list(after=after, limit=1000, **which):
        yield from page
        after = page[-1].id


def _find(opened: Runtime, address: str) -> Subscriber:
    found = opened.store.subscribers.find(mail_address(address, "ADDRESS"))
    if found is None:
        raise ConsentError(f"there is no reader {address}")
    return found
