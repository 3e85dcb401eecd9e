"""``digest inbox``: the built-in mail server, to look at what is sent."""

import asyncio
import socket
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.output import runtime, say


def inbox(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where mail is taken in.")] = 1025,
    web_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where it can be read in a browser.")
    ] = 8025,
) -> None:
    """Run a mail server on this machine only that keeps what it gets and shows it in a browser.

    Ends with ctrl-C. Nothing ever leaves the machine.
    """
    from digest.service import listen

    with runtime(context) as opened:
        folder = opened.inbox_dir
    listen("127.0.0.1", port, options="--port").close()
    pages = listen("127.0.0.1", web_port, options="--web-port")
    say(f"Mail to 127.0.0.1:{port} is kept in {folder}; read it at http://127.0.0.1:{web_port}/")
    asyncio.run(_serve(folder, port, pages))


async def _serve(folder: Path, port: int, pages: socket.socket) -> None:
    import uvicorn

    from digest.mail.inbox import open_inbox
    from digest.mail.inbox_web import make_inbox_app

    async with open_inbox(folder, port=port):
        config = uvicorn.Config(make_inbox_app(folder), log_level="warning")
        await uvicorn.Server(config).serve(sockets=[pages])
