"""What mail servers write back: read, believed only when proven, and acted on."""

import asyncio
import mailbox
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import Header
from email.message import EmailMessage
from pathlib import Path

import pytest
from reading import NEWSLETTER, a_renderer
from sending import a_certificate, a_ledger, an_edition

from digest.mail.bounces import Kind, judge_reply, read_returned
from digest.mail.mailbox import MailboxError, unread, unread_over_imap
from digest.mail.verp import make_return_path, read_return_path
from digest.model import ConsentState
from digest.returns import Returns
from digest.signup import Signup
from digest.store import Store, address_hash
from digest.tokens import Purpose, make_token

BASE, SECRET = "bounces@news.example.org", b"secret"
KEYS = {"a": SECRET}
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def delivery_of(address: str) -> int | None:
    return read_return_path(address, BASE, secret=SECRET)


def path_of(delivery: int) -> str:
    return make_return_path(BASE, delivery, secret=SECRET)


def dsn(
    delivery: int | None,
    *,
    status: str = "5.1.1",
    action: str = "failed",
    text: str = "smtp; 550 5.1.1 no such user",
    recipient: str = "r0@readers.example.org",
) -> bytes:
    """As Postfix writes it, in its own automatic manner."""
    to = path_of(delivery) if delivery is not None else BASE
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you...\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: {text}\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        "From: digest@news.example.org\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n"
    ).encode()


def complaint(delivery: int | None, kind: str = "abuse") -> bytes:
    """A feedback loop's report, with the reader's address hidden."""
    path = f"Original-Mail-From: <{path_of(delivery)}>\r\n" if delivery is not None else ""
    return (
        "From: fbl@provider.example\r\nTo: abuse@news.example.org\r\nSubject: FW: x\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: loop/1.0\r\nVersion: 1\r\n{path}"
        "Original-Rcpt-To: r0@readers.example.org\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: digest@news.example.org\r\n\r\nbody\r\n--b--\r\n"
    ).encode()


QMAIL = (
    f"From: MAILER-DAEMON@mx.example.net\r\nTo: {path_of(4)}\r\nSubject: failure notice\r\n\r\n"
    "Hi. This is the qmail-send program at mx.example.net.\r\n"
    "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
    "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
    "<r0@readers.example.org>:\r\nSorry, no mailbox here by that name; user unknown. (#5.1.1)\r\n\r\n"
    "--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <x@news.example.org>\r\n"
).encode()

AWAY = (
    f"From: r0@readers.example.org\r\nTo: {path_of(4)}\r\nSubject: 自动回复: 出差\r\n"
    "Auto-Submitted: auto-replied (vacation)\r\n\r\nuser unknown to me until Monday\r\n"
).encode()


def by_hand(sender: str, subject: str, text: str, kind: str = "plain", charset: str = "utf-8") -> bytes:
    """A report in no standard form, in Chinese as its providers write it."""
    message = EmailMessage()
    message["From"], message["To"] = sender, path_of(4)
    message["Subject"] = Header(subject, charset).encode()
    message.set_content(text, subtype=kind, charset=charset, cte="base64")
    return message.as_bytes()


EXIM = by_hand(
    "Mail Delivery System <Mailer-Daemon@mx.example.net>",
    "Mail delivery failed: returning message to sender",
    "This mail was written by a delivery program. It is a permanent error. These addresses failed:\n\n"
    "  r0@readers.example.org\n    host mx.readers.example.org [203.2.3.4]\n    550 5.1.1 User unknown\n",
).replace(b"Subject:", b"Auto-Submitted: auto-replied\nSubject:")
QQ_GONE = "<style>p { a: b }</style><p>您的邮件没有送到</p><p>收件人 r0@qq.example 的邮箱地址不存在</p>"
POSTMASTER = "Postmaster@163.example"
SAID = "<p>host mx.qq.example[203.0.113.9] said: 550 {} (in reply to RCPT TO)</p>"
DELAYED = by_hand(
    "Mail Delivery System <Mailer-Daemon@mx.example.net>",
    "Warning: message 1abc-0 delayed 24 hours",
    "It waits since yesterday: 451 4.7.1 come back later. Nothing need be done, it is tried again.",
)
READ = (
    f"From: r0@readers.example.org\r\nTo: {path_of(4)}\r\nSubject: Not read: daily\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nDeleted unread\r\n"
    "--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;r0@readers.example.org"
    "\r\nDisposition: manual-action/MDN-sent-manually; deleted\r\n\r\n--b--\r\n"
).encode()
HOTMAIL = (
    "From: reports@hotmail.example\r\nTo: abuse@news.example.org\r\nSubject: complaint about a message\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: message/rfc822\r\n\r\nX-HmXmrOriginalRecipient: <r0@readers.example.org>\r\n"
    f"Return-Path: <{path_of(4)}>\r\nFrom: digest@news.example.org\r\n\r\nbody\r\n--b--\r\n"
).encode()
GLOBAL = dsn(4).replace(b"message/delivery-status", b"message/global-delivery-status")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (dsn(4), Kind.HARD, "5.1.1"),
        (GLOBAL.replace(b"rfc822;", b"utf-8;"), Kind.HARD, "5.1.1"),
        (dsn(4, status="5.0.0", text="smtp; 550 User not found"), Kind.HARD, "5.0.0"),
        (dsn(4, status="5.0.0", text="smtp; 550 =?utf-8?b?5Zyw5Z2A5LiN5a2Y5Zyo?="), Kind.HARD, "5.0.0"),
        (dsn(4, status="5.7.1", text="smtp; 550 5.7.1 address rejected by policy"), Kind.SOFT, "5.7.1"),
        (EXIM, Kind.HARD, "5.1.1"),
        (by_hand("PostMaster@qq.example", "系统退信", QQ_GONE, "html", "gb18030"), Kind.HARD, ""),
        (by_hand(POSTMASTER, "系统退信", "退信代码 552 5.2.2 邮箱已满", charset="gbk"), Kind.SOFT, "5.2.2"),
        (by_hand(POSTMASTER, "系统退信", "<b>550 查无此人</b>", "html", "gbk"), Kind.HARD, "5.0.0"),
        (by_hand(POSTMASTER, "通知", "您的邮件还在排队"), Kind.OTHER, ""),
        (by_hand("r0@qq.example", "关于日报", "550 不存在"), Kind.OTHER, ""),
        (by_hand("r0@qq.example", "【自动回复】出差", "x", charset="gbk"), Kind.AUTOREPLY, ""),
        (dsn(4, status="5.2.2", text="smtp; 552 5.2.2 mailbox full"), Kind.SOFT, "5.2.2"),
        (dsn(4, status="4.4.1", text="smtp; timed out"), Kind.SOFT, "4.4.1"),
        (dsn(4, status="5.0.0", text="smtp; 550 User unknown"), Kind.HARD, "5.0.0"),
        (dsn(4, status="5.7.1", text="smtp; 550 5.7.1 Domain frequency limited"), Kind.SOFT, "5.7.1"),
        (dsn(4, status="5.1.10", text="smtp; 556 null MX"), Kind.HARD, "5.1.10"),
        (dsn(4, status="none", text="smtp; 550 mailbox not found"), Kind.HARD, "5.0.0"),
        (dsn(4, action="delayed", status="4.4.1"), Kind.OTHER, "4.4.1"),
        (dsn(4, action="delivered", status="2.0.0"), Kind.OTHER, "2.0.0"),
        (
            by_hand("PostMaster@qq.example", "退信", SAID.format("Mailbox not found"), "html"),
            Kind.HARD,
            "5.0.0",
        ),
        (
            by_hand("PostMaster@qq.example", "退信", SAID.format("Domain frequency limited"), "html"),
            Kind.SOFT,
            "5.0.0",
        ),
        (by_hand(POSTMASTER, "系统退信", "原因：554 DT:SPM 疑似垃圾邮件"), Kind.SOFT, "5.0.0"),
        (DELAYED, Kind.OTHER, ""),
        (READ, Kind.OTHER, ""),
        (complaint(4), Kind.COMPLAINT, ""),
        (complaint(4, "not-spam"), Kind.OTHER, ""),
        (QMAIL, Kind.HARD, "5.1.1"),
        (AWAY, Kind.AUTOREPLY, ""),
        (
            f"To: {path_of(4)}\r\nSubject: =?utf-8?b?6Ieq5Yqo5Zue5aSN?=\r\n\r\nx\r\n".encode(),
            Kind.AUTOREPLY,
            "",
        ),
        (by_hand("r0@qq.example", "Unsubscribe a.1.0.0.x", ""), Kind.LEAVING, ""),
        (by_hand("r0@qq.example", "Re: 退订", "", charset="gbk"), Kind.LEAVING, ""),
        (by_hand("r0@qq.example", "How do I unsubscribe?", ""), Kind.OTHER, ""),
        (HOTMAIL, Kind.COMPLAINT, ""),
        (f"To: {path_of(4)}\r\nSubject: thanks\r\n\r\nnice\r\n".encode(), Kind.OTHER, ""),
    ],
)
def test_reading(content: bytes, kind: Kind, status: str) -> None:
    found = read_returned(content, delivery_of)
    assert (found.kind, found.status, found.delivery) == (kind, status, 4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00" * 50,
        dsn(4)[:300],
        dsn(4).replace(b"\r\nFinal-Recipient", b"\r\n\r\n\r\nX"),
        b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\n--\r\n",
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\n--b--",
        dsn(4).replace(b"message/delivery-status", b"message/delivery-status; charset=klingon"),
    ],
)
def test_nothing_in_a_message_breaks_the_reading(content: bytes) -> None:
    read_returned(content, delivery_of)


GONE = """
550 5.1.1 gone
550 No such user here
550 5.2.1 The account is inactive
550 5.4.1 Recipient address rejected: Access denied. AS(2018)
550 5.5.0 Requested action not taken: mailbox unavailable (S2017)
554 delivery error: dd This user doesn't have a mail.example account [0]
550 Mailbox not found. http://help.example/
550 User not found: r0@readers.example.org
550 Invalid User
550 Unknown recipient
553 RCPT (r0@readers.example.org) dosn't exist
550 #5.1.0 Address rejected
550 Unrouteable address
550 This address no longer accepts mail
550 收件人不存在
"""
UNCLEAR = """
550 5.7.1 blocked by policy
554 spam
452 4.2.2 full
552 5.2.2 over quota
554 5.7.1 Recipient address rejected: Access denied
550 5.7.26 unauthenticated mail is not accepted
550 Requested mail action not taken: mailbox unavailable
550 Mailbox unavailable or access denied
"""
ABOUT_US = """
550 5.2.1 The user is receiving mail too quickly
550 5.1.0 Sender denied
553 sender address is invalid
554 5.7.1 IP in a blocklist: unknown user
554 5.7.1 Client host [203.0.113.9] blocked, see the block list
"""
JUDGED = [
    (line, kind)
    for lines, kind in ((GONE, Kind.HARD), (UNCLEAR, Kind.SOFT), (ABOUT_US, Kind.OTHER))
    for line in lines.strip().split("\n")
]


@pytest.mark.parametrize(("reply", "kind"), JUDGED)
def test_replies_in_the_session_are_judged_alike(reply: str, kind: Kind) -> None:
    assert judge_reply(int(reply[:3]), reply[4:]) is kind


def test_a_return_path_cannot_be_made_up() -> None:
    path = path_of(123)
    assert path.startswith("bounces+123.") and path.endswith("@news.example.org") and len(path) < 100
    assert delivery_of(path) == delivery_of(path.upper()) == delivery_of(f"<{path}>") == 123
    assert delivery_of(path.replace("123", "124")) is None
    assert delivery_of(path.replace("news", "evil")) is None
    assert delivery_of(path.replace("bounces", "other")) is None
    assert delivery_of(BASE) is None and delivery_of("") is None
    assert read_return_path(path, BASE, secret=b"other") is None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_ledger(tmp_path / "b.db", 3) as (store, _):
        yield store


def returns(store: Store) -> Returns:
    return Returns(signup=Signup(store, a_renderer(), NEWSLETTER, KEYS), delivery_of=delivery_of)


def handle(store: Store, content: bytes, *, now: datetime = NOW) -> str:
    return returns(store).handle(read_returned(content, delivery_of), now=now).done


def test_a_hard_bounce_stops_and_the_operator_can_see_why(store: Store) -> None:
    assert handle(store, dsn(1)) == "stopped: bounced"
    reader = store.subscribers.find("r0@readers.example.org")
    assert reader is not None and reader.state is ConsentState.BOUNCED
    assert store.subscribers.suppressed([address_hash(SECRET, "r0@readers.example.org")])
    assert "5.1.1" in store.subscribers.events(reader.id)[-1].reason
    assert handle(store, dsn(1)) == "already bounced"


def test_a_complaint_stops(store: Store) -> None:
    assert handle(store, complaint(2)) == "stopped: complained"
    assert store.subscribers.suppressed([address_hash(SECRET, "r1@readers.example.org")])


def test_a_mail_to_leave_is_enough_when_its_subject_proves_whose_it_is(store: Store) -> None:
    reader = store.subscribers.find("r0@readers.example.org")
    assert reader is not None
    ask = f"From: {reader.address}\r\nSubject: unsubscribe {{}}\r\n\r\n".format
    noted = "noted: anybody can write it; if it is theirs: digest subscribers remove r0@readers.example.org"
    for unproven in ("", "a.1.0.0.AAAAAAAAAAAAAAAAAAAAAA"):
        assert handle(store, ask(unproven).encode()) == noted
    token = make_token(Purpose.UNSUBSCRIBE, reader.id, 0, keys=KEYS, now=NOW)
    content = ask(token).replace(reader.address, "another@home.example.org").encode()
    assert handle(store, content) == "stopped: unsubscribed"
    assert handle(store, content) == "already unsubscribed"


def test_three_mails_refused_within_a_month_stop_and_the_same_one_counts_once(store: Store) -> None:
    for day in range(1, 4):
        an_edition(store, NOW + timedelta(days=day))
    deliveries = [d.id for n in range(2, 5) for d in store.ledger.list(n) if d.subscriber_id == 1]
    full = {"status": "5.2.2", "text": "smtp; 552 5.2.2 full"}
    assert handle(store, dsn(1, **full), now=NOW - timedelta(days=40)).startswith("noted: refused 1")
    assert handle(store, dsn(deliveries[0], **full)) == "noted: refused 1 of 3"
    assert handle(store, dsn(deliveries[0], **full)) == "noted: refused 1 of 3"
    assert handle(store, dsn(deliveries[1], **full)) == "noted: refused 2 of 3"
    assert handle(store, dsn(deliveries[2], **full)) == "stopped: bounced"


@pytest.mark.parametrize("content", [dsn(None), complaint(None)])
def test_what_no_signed_path_proves_stops_nobody(store: Store, content: bytes) -> None:
    assert handle(store, content).startswith("noted: no signed")
    reader = store.subscribers.find("r0@readers.example.org")
    assert reader is not None and reader.state is ConsentState.CONFIRMED
    assert "unproven" in store.subscribers.events(reader.id)[-1].reason


def test_strangers_autoreplies_and_unknown_deliveries_are_ignored(store: Store) -> None:
    assert handle(store, AWAY).startswith("ignored")
    assert handle(store, dsn(99999)).startswith("ignored")
    assert handle(store, dsn(None, recipient="who@else.example")).startswith("ignored")


def test_a_dry_run_changes_nothing(store: Store, tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "m")
    box.add(dsn(1))
    found = list(returns(store).process(unread(tmp_path / "m", keep=True), now=NOW, dry_run=True))
    assert [one.done for one in found] == ["stopped: bounced"]
    reader = store.subscribers.get(1)
    assert reader.state is ConsentState.CONFIRMED
    assert len(list(unread(tmp_path / "m"))) == 1


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_mailboxes_give_each_message_once(store: Store, tmp_path: Path, kind: str) -> None:
    where = tmp_path / "box"
    made = mailbox.Maildir(where) if kind == "maildir" else mailbox.mbox(where)
    for delivery in (1, 2):
        made.add(dsn(delivery))
    made.close()
    found = list(returns(store).process(unread(where), now=NOW))
    assert [one.subscriber_id for one in found] == [1, 2] and all(one.stopped for one in found)
    assert not list(unread(where))


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_a_message_whose_judging_was_cut_off_is_read_again(tmp_path: Path, kind: str) -> None:
    where = tmp_path / "box"
    made = mailbox.Maildir(where) if kind == "maildir" else mailbox.mbox(where)
    for delivery in (1, 2):
        made.add(dsn(delivery))
    made.close()
    reading = unread(where)
    assert delivery_of(str(message_from_bytes(next(reading))["To"])) in {1, 2}
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert len(list(unread(where))) == 1


def test_a_mailbox_that_cannot_be_read_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="no such mbox"):
        list(unread(tmp_path / "none"))
    with pytest.raises(MailboxError, match="not a Maildir"):
        list(unread(tmp_path))
    with pytest.raises(MailboxError, match=r"127\.0\.0\.1"):
        list(unread_over_imap("127.0.0.1", "me", "s3cret", port=1))


class Imap:
    """As much of an IMAP server as reading bounces takes."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages, self.seen, self.commands = messages, set[int](), list[str]()

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        while line := await reader.readline():
            tag, command = line.decode().rstrip().split(" ", 1)
            self.commands.append(command)
            writer.write(b"".join(self.answer(command)) + f"{tag} OK done\r\n".encode())
            await writer.drain()
        writer.close()

    def answer(self, command: str) -> Iterator[bytes]:
        words = command.split(" ")
        if words[0] == "CAPABILITY":
            yield b"* CAPABILITY IMAP4rev1\r\n"
        elif words[0] == "SELECT":
            yield f"* {len(self.messages)} EXISTS\r\n".encode()
        elif words[:2] == ["UID", "SEARCH"]:
            left = [str(n) for n in range(1, len(self.messages) + 1) if n not in self.seen]
            yield f"* SEARCH {' '.join(left)}\r\n".encode()
        elif words[:2] == ["UID", "FETCH"]:
            for uid in map(int, words[2].split(",")):
                content = self.messages[uid - 1]
                yield (
                    f"* {uid} FETCH (UID {uid} FLAGS () BODY[] {{{len(content)}}}\r\n".encode()
                    + content
                    + b")\r\n"
                )
        elif words[:2] == ["UID", "STORE"]:
            assert "Seen" in command
            self.seen.add(int(words[2]))
        elif words[0] == "LOGOUT":
            yield b"* BYE\r\n"


async def test_an_imap_folder_is_read_over_verified_tls(store: Store, tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path / "imap.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    imap = Imap([dsn(1), AWAY])
    server = await asyncio.start_server(imap.session, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    def read(ca_file: Path | None) -> list[str]:
        found = unread_over_imap("127.0.0.1", "me", "pw", port=port, ca_file=ca_file)
        return [one.done for one in returns(store).process(found, now=NOW)]

    first = await asyncio.to_thread(read, certificate)
    again = await asyncio.to_thread(read, certificate)
    with pytest.raises(MailboxError, match="certificate"):
        await asyncio.to_thread(read, None)
    server.close()
    await server.wait_closed()
    assert first[0] == "stopped: bounced" and first[1].startswith("ignored") and again == []
    assert not any("(BODY[]" in command for command in imap.commands), "reading must not mark as seen"
