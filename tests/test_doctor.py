"""What quietly breaks mail is named, with what to do; good mail is not accused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.doctor import check_clock, check_message, check_python, check_server
from digest.mail.dkim import Signer, load_key, make_key
from digest.mail.inbox import open_inbox
from digest.mail.transport import Server

MAIL = (
    b"From: digest@example.org\r\nTo: a@example.org\r\nSubject: x\r\nDate: Mon, 05 Jan 2026 08:00:00 +0800\r\n"
    b"Message-ID: <1@example.org>\r\nList-Unsubscribe: <https://example.org/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nhello\r\n"
)


def levels(mail: bytes, *, signed: bool = False) -> list[str]:
    return [finding.level for finding in check_message(mail, signed=signed)]


def test_a_good_mail_is_good_and_its_signature_covers_both_unsubscribe_fields(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(make_key("ed25519"))
    signed = Signer([load_key(file, domain="example.org", selector="s")]).sign(MAIL)
    assert levels(signed, signed=True) == ["ok", "ok"]
    blind = signed.replace(b"List-Unsubscribe-Post:", b"X:", 1).replace(b"list-unsubscribe-post", b"x")
    assert "warning" in levels(blind, signed=True)


@pytest.mark.parametrize(
    ("mail", "level"),
    [
        (MAIL.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""), "warning"),
        (MAIL.replace(b"Subject: x\r\n", b"Subject: x\r\nSubject: y\r\n"), "fault"),
        (MAIL + b"x" * 110_000, "warning"),
    ],
)
def test_what_is_wrong_with_a_mail_is_said(mail: bytes, level: str) -> None:
    assert level in levels(mail)
    assert all(finding.do for finding in check_message(mail, signed=False) if finding.level != "ok")


def test_old_pythons_and_clocks_that_went_back_are_noticed() -> None:
    assert check_python((3, 11, 7)).level == "warning"
    assert check_python((3, 11, 10)).level == check_python((3, 13, 0)).level == "ok"
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert check_clock(now, now + timedelta(hours=1)).level == "fault"
    assert check_clock(now, None).level == "ok"


async def test_a_server_is_tried_without_sending(tmp_path: Path) -> None:
    async with open_inbox(tmp_path) as inbox:
        server = Server(host="127.0.0.1", port=inbox.port, security="none")
        good = await check_server(server)
        strict = await check_server(Server(host="127.0.0.1", port=inbox.port, security="starttls"))
    gone = await check_server(server)
    assert (good.level, strict.level, gone.level) == ("ok", "fault", "fault")
    assert "size" in good.what
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240
