"""``digest preview``: work on templates and see every view of the mail change."""

from typing import Annotated

import typer

from digest.cli.output import Language, runtime, say


def preview(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="An edition; the latest, or a rehearsed one.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the page.")] = 8026,
    language: Language = None,
) -> None:
    """Show a mail's desktop, phone, dark and text views side by side; redrawn when a file changes.

    Edit config.toml or a file in a folder of paths.templates and look. Ends with ctrl-C; keeps nothing.
    """
    import uvicorn

    from digest.preview import make_preview_app
    from digest.service import listen

    with runtime(context) as opened:
        edition = opened.store.editions.get(number) if number else opened.store.editions.latest()
        if edition is None:
            opened.rehearse()
            opened.collect()
            edition = opened.publish(language=language).edition
        if edition is None:
            say("There is no edition to show, and nothing to make one of.")
            raise typer.Exit(1)
        shown = edition
        app = make_preview_app(
            lambda: opened.fresh_renderer().mail(shown, language=language or opened.language),
            opened.watched,
        )
        pages = listen("127.0.0.1", port, options="--port")
        say(f"Look at http://127.0.0.1:{port}/")
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[pages])
