"""``digest preview``: the mail as it would look, side by side in every view, redrawn when a file changes."""

import hashlib
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from digest.errors import DigestError
from digest.message import choose
from digest.model import MailParts

VIEWS = (("Desktop", "mail", 700), ("Phone", "mail", 360), ("Dark", "dark", 700), ("Text", "text", 660))
"""Name, what is drawn, width in pixels."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Digest preview</title><style>
body {{ margin: 16px; font: 15px/1.6 system-ui, sans-serif; background: #d8d8d4 }}
main {{ display: flex; gap: 16px; align-items: flex-start }} h2 {{ font-size: 15px; margin: 0 0 6px }}
iframe {{ border: 0; height: 92vh; background: #fff }}</style><main>{frames}</main><script>
let seen = null;
setInterval(async () => {{
  try {{
    const now = await (await fetch("/version")).text();
    if (seen !== null && now !== seen) for (const f of document.querySelectorAll("iframe")) f.src = f.src;
    seen = now;
  }} catch (error) {{ seen = seen; }}
}}, 700);
</script></html>"""


def make_preview_app(render: Callable[[], MailParts], watched: Callable[[], Iterable[Path]]) -> Starlette:
    """A page of frames for loopback only.

    Args:
        render: Makes the mail anew, from templates and configuration as they are now; a DigestError it
            raises is shown in place of the mail.
        watched: Files whose change redraws the frames.
    """

    def page(request: Request) -> Response:
        frames = "".join(
            f'<div><h2>{name}</h2><iframe title="{name}" width="{width}" src="/{what}"></iframe></div>'
            for name, what, width in VIEWS
        )
        return HTMLResponse(_PAGE.format(frames=frames))

    def mail(request: Request) -> Response:
        try:
            parts = render()
        except DigestError as error:
            return HTMLResponse(f"<pre>{escape(str(error))}</pre>")
        if request.url.path == "/text":
            return PlainTextResponse(choose(parts.text, frozenset()))
        html = choose(parts.html, frozenset())
        return HTMLResponse(_as_if_dark(html) if request.url.path == "/dark" else html)

    def version(request: Request) -> Response:
        stamp = hashlib.sha256()
        for path in sorted(watched()):
            stamp.update(f"{path} {path.stat().st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        return PlainTextResponse(stamp.hexdigest())

    routes = [Route("/", page), Route("/version", version)]
    routes += [Route(f"/{what}", mail) for what in ("mail", "dark", "text")]
    return Starlette(routes=routes)


def _as_if_dark(html: str) -> str:
    """The dark scheme's rules apply whatever the browser prefers."""
    html = html.replace("@media(prefers-color-scheme:dark)", "@media all")
    return html.replace("color-scheme:light dark", "color-scheme:dark")
