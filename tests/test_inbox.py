"""The built-in inbox: files as received, numbers that go on, pages that run nothing."""

import base64
from html import escape
from pathlib import Path

import aiosmtplib
import pytest
from reading import looking_at

from digest.mail.inbox import open_inbox
from digest.mail.inbox_web import make_inbox_app

HTML = "<html><body><h1>师承</h1><script>alert(1)</script><p>text</p></body></html>"
MESSAGE = (
    "From: a@sender.example.org\r\nTo: b@readers.example.org\r\nSubject: <b>tags</b>\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
    "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain words\r\n.\r\n..dots\r\n"
    "--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(HTML.encode()).decode().replace("\n", "\r\n")
    + "--x--\r\n"
).encode()


async def send(port: int, message: bytes = MESSAGE) -> str:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
        return (await smtp.sendmail("a@sender.example.org", ["b@readers.example.org"], message))[1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_message_becomes_an_eml_as_received_and_its_html_part(tmp_path: Path) -> None:
    async with open_inbox(tmp_path) as inbox:
        assert "0001.eml" in await send(inbox.port)
    assert (tmp_path / "0001.eml").read_bytes() == MESSAGE
    assert (tmp_path / "0001.html").read_text(encoding="utf-8") == HTML
    assert names(tmp_path) == ["0001.eml", "0001.html"]


async def test_numbers_go_on_after_a_restart_and_between_two_inboxes(tmp_path: Path) -> None:
    (tmp_path / "0041.eml").write_bytes(MESSAGE)
    async with open_inbox(tmp_path) as one, open_inbox(tmp_path) as other:
        await send(one.port)
        await send(other.port)
        await send(one.port)
    assert [name for name in names(tmp_path) if name.endswith("eml")] == [
        f"{n:04d}.eml" for n in range(41, 45)
    ]


async def test_closing_ends_open_sessions_and_frees_the_port(tmp_path: Path) -> None:
    async with open_inbox(tmp_path) as inbox:
        port = inbox.port
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await smtp.connect()
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await smtp.noop()
    smtp.close()
    async with open_inbox(tmp_path, port=port) as again:
        assert again.port == port


async def test_a_full_disk_is_a_temporary_refusal(tmp_path: Path) -> None:
    async with open_inbox(tmp_path / "box") as inbox:
        (tmp_path / "box").rmdir()
        with pytest.raises(aiosmtplib.SMTPDataError, match="452"):
            await send(inbox.port)


async def test_the_pages_show_everything_and_run_nothing(tmp_path: Path) -> None:
    (tmp_path / "0007.eml").write_bytes(MESSAGE)
    (tmp_path / "0008.eml").write_bytes(b"Subject: bare\r\n\r\nwords\r\n")
    async with looking_at(make_inbox_app(tmp_path)) as client:

        async def get(path: str) -> str:
            async with client.get(path) as response:
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy and "script-src" not in policy
                return await response.text()

        index = await get("/")
        assert "&lt;b&gt;tags&lt;/b&gt;" in index and "<b>tags" not in index
        assert index.index("/8") < index.index("/7")
        shown = await get("/7")
        assert f'sandbox="allow-popups" srcdoc="{escape(HTML)}"' in shown and "<script" not in shown
        assert "<pre>plain words" in shown and "Subject: &lt;b&gt;" in shown and "<b>tags" not in shown
        assert "no HTML part" in await get("/8")
        for path in ("/9", "/7/html", "/..%2f7", "/0x7"):
            async with client.get(path) as response:
                assert response.status == 404
