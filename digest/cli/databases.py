"""``digest migrate`` brings the tables to this version's form, ``digest copy`` moves them elsewhere."""

from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from digest.cli.output import progress, runtime, say

if TYPE_CHECKING:
    from digest.store import Store


def migrate(
    context: Context,
    new_secret: Annotated[bool, Option("--new-secret", help="The secret was changed on purpose.")] = False,
) -> None:
    """Bring the database's tables to this version's form; may be said again at any time.

    What runs meanwhile goes on, of this version or the one before. With --new-secret the secret that hosts
    have now is taken for the right one.
    """
    from digest.jobs import SECRET
    from digest.store import open_store

    with runtime(context) as opened, open_store(opened.config.database.url) as store:
        before, after = _migrate(store)
        if new_secret:
            store.state.forget(SECRET)
    if before is None:
        say(f"Made the tables, form {after}")
    elif before == after:
        say(f"Nothing to do: the tables have form {after}")
    else:
        say(f"Brought the tables from form {before} to {after}")


def copy(
    context: Context,
    to: Annotated[str, Option(help="The other database: sqlite:///FILE or postgresql://USER@HOST/NAME.")],
) -> None:
    """Copy everything to another, empty database, and compare every row.

    Stop digest serve and every worker first. When it is cut off, say it again: it goes on where it was.
    Then put the other address into database.url, keep var/secret.key, and start again.
    """
    from digest.errors import OutdatedError
    from digest.service import only_one
    from digest.store import copying, migrations, open_store

    with (
        runtime(context) as opened,
        only_one(opened.lock_file),
        open_store(opened.config.database.url) as source,
        open_store(to) as target,
    ):
        for store in (source, target):
            _, form = _migrate(store)
            if form != migrations.newest():
                raise OutdatedError(f"form {form} has more than this version knows: copy with the newer one")
            migrations.queue.check_still(store.database)
        with progress("Copying") as note:

            def show(what: str, done: int, total: int) -> None:
                note(f"{what}, {done:,} of {total:,}")

            counts = copying.copy(source.database, target.database, on_progress=show)
            copying.compare(source.database, target.database, on_progress=show)
    for table, count in counts.items():
        say(f"{count:>12,}  {table}")
    say(f"Copied and compared {sum(counts.values()):,} rows")


def _migrate(store: "Store") -> tuple[str | None, str | None]:
    """The form before and after."""
    from digest.store.migrations import revision

    before = revision(store.database)
    store.migrate()
    return before, revision(store.database)
