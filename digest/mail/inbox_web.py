"""Pages to read a local inbox with: the list, and each message as HTML, text and source.

A message's own HTML is shown in a sandboxed frame, under the page's policy that runs and fetches nothing, so
that what is seen is what a careful mail client shows.
"""

from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from digest.mail.inbox import numbered, parsed, part_text

_SHOWN = ("from", "to", "subject", "date", "list-unsubscribe")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; frame-src 'self'; base-uri 'none';"
    " form-action 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STYLE = """
:root { color-scheme: light dark }
body { margin: 0 auto; max-width: 60rem; padding: 1rem }
body { font: 16px/1.6 system-ui, 'Noto Sans CJK SC', sans-serif }
table { width: 100%; border-collapse: collapse }
td, th { text-align: left; padding: .4rem .6rem .4rem 0; vertical-align: top }
tr + tr { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
iframe { width: 100%; height: 80vh; border: 1px solid #8886; background: #fff; resize: both }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
"""


def make_inbox_app(folder: Path) -> Starlette:
    """The web inbox over *folder*; it only reads. Serve it on loopback."""

    def index(request: Request) -> Response:
        rows = "".join(_row(number, path) for number, path in numbered(folder))
        table = f"<table><tr><th>#<th>Subject<th>To<th>Date</tr>{rows}</table>"
        return _page("Inbox", f"<h1>Inbox</h1>{table if rows else '<p>No mail yet.</p>'}")

    def show(request: Request) -> Response:
        """Found among those there are: the number never becomes a path."""
        path = dict(numbered(folder)).get(request.path_params["number"])
        if path is None:
            raise HTTPException(404, "there is no such message")
        return _page(path.name, _shown(path.read_bytes()))

    return Starlette(routes=[Route("/", index), Route("/{number:int}", show)])


def _row(number: int, path: Path) -> str:
    message = parsed(path.read_bytes())
    subject, to, date = (escape(str(message[name] or "")) for name in ("subject", "to", "date"))
    return f'<tr><td>{number}<td><a href="/{number}">{subject or "(no subject)"}</a><td>{to}<td>{date}</tr>'


def _shown(content: bytes) -> str:
    message = parsed(content)
    headers = "".join(
        f"<tr><th>{escape(name)}<td>{escape(str(value))}</tr>"
        for name, value in message.items()
        if name.lower() in _SHOWN
    )
    html = part_text(message, "html") or "<p>This message has no HTML part.</p>"
    text = part_text(message, "plain") or "This message has no text part."
    return (
        f'<nav><a href="/">Inbox</a></nav><table>{headers}</table>'
        f'<iframe title="Message" sandbox="allow-popups" srcdoc="{escape(html)}"></iframe>'
        f"<details><summary>Text</summary><pre>{escape(text)}</pre></details>"
        f"<details><summary>Source</summary><pre>{escape(content.decode('utf-8', 'replace'))}</pre></details>"
    )


def _page(title: str, body: str) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>",
        headers=_HEADERS,
    )
