"""The SMTP transport against a server with bad manners: every line of the delivery fault table."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiosmtplib
import pytest
import uvloop
from hostile_smtp import DRIP, DROP, ENDLESS, NORMAL, STALL, Hostile, serving
from sending import a_certificate

from digest.mail.pace import Breaker, Pace
from digest.mail.pipeline import Exchange
from digest.mail.smtp import SmtpTransport
from digest.mail.transport import Fate, Letter, Limit, Result, Server, printable, wire_form

PLAIN = ("SIZE 100000", "8BITMIME", "SMTPUTF8")
CONTENT = wire_form(b"Subject: x\r\n\r\none\r\n.\r\n..two\r\n")


def a_letter(recipient: str = "r@readers.example.org", content: bytes = CONTENT) -> Letter:
    return Letter(sender="b+1@sender.example.org", recipient=recipient, content=content)


def a_server(hostile: Hostile, **settings: object) -> Server:
    usual: dict[str, object] = {"security": "none", "command_s": 0.4, "reply_s": 0.5, "connect_s": 0.4}
    return Server(host="127.0.0.1", port=hostile.port, **{**usual, **settings})  # type: ignore[arg-type]


@asynccontextmanager
async def transport(*servers: Server, **settings: object) -> AsyncIterator[SmtpTransport]:
    made = SmtpTransport(servers, **settings)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


async def sent(hostile: Hostile, letter: Letter | None = None, **settings: object) -> Result:
    async with transport(a_server(hostile, **settings)) as out:
        return await out.send(letter or a_letter())


@pytest.mark.parametrize("extensions", [("PIPELINING", *PLAIN), PLAIN], ids=["pipelined", "plain"])
class TestEveryLineOfTheFaultTable:
    @pytest.mark.parametrize(
        ("script", "fate", "code", "words"),
        [
            ({}, Fate.SENT, 250, "taken"),
            ({"MAIL": "451 4.3.0 busy"}, Fate.DEFERRED, 451, "busy"),
            ({"MAIL": "452 4.3.1 full"}, Fate.DEFERRED, 452, "full"),
            ({"MAIL": "552 5.3.4 too big"}, Fate.REFUSED, 552, "too big"),
            ({"RCPT": "450 4.2.0 greylisted"}, Fate.DEFERRED, 450, "greylisted"),
            ({"RCPT": "550 5.1.1 no such user"}, Fate.REFUSED, 550, "no such user"),
            ({"RCPT": "550 Connection frequency limited"}, Fate.DEFERRED, 550, "frequency limited"),
            ({"DATA": "451 4.3.0 later"}, Fate.DEFERRED, 451, "later"),
            ({"DATA": "554 5.5.1 no"}, Fate.REFUSED, 554, "no"),
            ({"END": "452 4.3.1 disk"}, Fate.DEFERRED, 452, "disk"),
            ({"END": "554 5.7.1 spam"}, Fate.REFUSED, 554, "spam"),
            ({"END": "421 4.3.2 going down"}, Fate.DEFERRED, 421, "going down"),
            ({"GREETING": DROP}, Fate.UNTOUCHED, 0, ""),
            ({"GREETING": "554 go away"}, Fate.UNTOUCHED, 0, "554 go away"),
            ({"EHLO": DROP}, Fate.UNTOUCHED, 0, ""),
            ({"MAIL": DROP}, Fate.DEFERRED, 0, "clos|lost|EOF"),
            ({"RCPT": DROP}, Fate.DEFERRED, 0, "clos|lost|EOF"),
            ({"DATA": DROP}, Fate.DEFERRED, 0, "clos|lost|EOF"),
            ({"END": DROP}, Fate.UNKNOWN, 0, "clos|lost|EOF"),
            ({"MAIL": "421 4.7.0 slow down"}, Fate.UNTOUCHED, 421, "slow down"),
            ({"RCPT": "421 4.7.0 slow down"}, Fate.UNTOUCHED, 421, "slow down"),
            ({"MAIL": "530 5.7.0 authenticate"}, Fate.UNTOUCHED, 530, "authenticate"),
            ({"MAIL": "550 5.7.1 sender not allowed"}, Fate.UNTOUCHED, 550, "not allowed"),
            ({"GREETING": STALL}, Fate.UNTOUCHED, 0, "in time"),
            ({"EHLO": DRIP}, Fate.UNTOUCHED, 0, "in time"),
            ({"MAIL": STALL}, Fate.DEFERRED, 0, "timed out"),
            ({"RCPT": STALL}, Fate.DEFERRED, 0, "timed out"),
            ({"DATA": STALL}, Fate.DEFERRED, 0, "timed out"),
            ({"END": STALL}, Fate.UNKNOWN, 0, "timed out"),
            ({"RCPT": DRIP}, Fate.DEFERRED, 0, "timed out"),
            ({"END": DRIP}, Fate.UNKNOWN, 0, "timed out"),
            ({"RCPT": "hello there"}, Fate.DEFERRED, 0, "hello"),
            ({"RCPT": "999 what"}, Fate.DEFERRED, 0, "what"),
            ({"END": "\x00\x01\x02"}, Fate.UNKNOWN, 0, ""),
            ({"END": "199 well"}, Fate.UNKNOWN, 0, "well"),
            ({"END": "354 go on"}, Fate.UNKNOWN, 354, "out of place"),
            ({"RCPT": ENDLESS}, Fate.DEFERRED, 0, "long|end|timed out"),
            ({"MAIL": "354 go on"}, Fate.DEFERRED, 354, "out of place"),
        ],
    )
    async def test_fault(
        self, extensions: tuple[str, ...], script: dict[str, str], fate: Fate, code: int, words: str
    ) -> None:
        async with serving(Hostile(script=dict(script), extensions=extensions)) as hostile:
            result = await sent(hostile)
        assert (result.fate, result.code) == (fate, code), result
        assert any(word in result.text for word in words.split("|")), result
        assert len(hostile.messages) == (fate in {Fate.SENT, Fate.UNKNOWN})

    async def test_what_arrives_is_the_message_with_its_dots(self, extensions: tuple[str, ...]) -> None:
        async with serving(Hostile(extensions=extensions)) as hostile:
            await sent(hostile)
        assert hostile.messages == [
            ("b+1@sender.example.org", "r@readers.example.org", b"Subject: x\r\n\r\none\r\n.\r\n..two\r\n")
        ]

    async def test_the_end_is_not_written_before_the_mark(self, extensions: tuple[str, ...]) -> None:
        marking, may_go = asyncio.Event(), asyncio.Event()

        class Slow(Several):
            async def mark(self, letter: Letter) -> bool:
                marking.set()
                return await may_go.wait()

        async with serving(Hostile(extensions=extensions)) as hostile, transport(a_server(hostile)) as out:
            sending = asyncio.create_task(Slow(1).all_over(out))
            await marking.wait()
            await asyncio.sleep(0.1)
            assert hostile.commands[-1] == "DATA" and not hostile.messages
            may_go.set()
            assert await sending == {"r0@x.example": "sent"}
        assert hostile.count("END") == 1

    async def test_a_refused_mark_sends_nothing(self, extensions: tuple[str, ...]) -> None:
        class Unwilling(Several):
            async def mark(self, letter: Letter) -> bool:
                return letter.recipient != "r0@x.example"

        async with serving(Hostile(extensions=extensions)) as hostile, transport(a_server(hostile)) as out:
            fates = await Unwilling(2).all_over(out)
        assert fates == {"r0@x.example": "withdrawn", "r1@x.example": "sent"}
        assert hostile.recipients() == ["r1@x.example"]

    async def test_after_a_refusal_the_connection_carries_the_next(self, extensions: tuple[str, ...]) -> None:
        script: dict[str, str | list[str]] = {"RCPT": ["550 no", NORMAL, "450 later"]}
        async with (
            serving(Hostile(script=script, extensions=extensions)) as hostile,
            transport(a_server(hostile, connections=1)) as out,
        ):
            fates = [(await out.send(a_letter(f"r{n}@x.example"))).fate.value for n in range(5)]
        assert fates == ["refused", "sent", "deferred", "sent", "sent"]
        assert hostile.connections == 1

    async def test_replies_nobody_asked_for_are_not_taken_for_the_next(
        self, extensions: tuple[str, ...]
    ) -> None:
        script = {"END": ["250 ok\r\n550 surprise", NORMAL]}
        async with (
            serving(Hostile(script=script, extensions=extensions)) as hostile,
            transport(a_server(hostile, connections=1)) as out,
        ):
            first = await out.send(a_letter("a@x.example"))
            await asyncio.sleep(0.05)
            second = await out.send(a_letter("b@x.example"))
        # A command at a time, aiosmtplib takes it for the reply to MAIL: then nothing was sent, and we know.
        assert first.fate is Fate.SENT and second.fate in {Fate.SENT, Fate.UNTOUCHED}
        assert hostile.recipients() == ["a@x.example", "b@x.example"][: 1 + (second.fate is Fate.SENT)]

    async def test_an_idle_connection_closed_by_the_server_costs_nothing(
        self, extensions: tuple[str, ...]
    ) -> None:
        script = {"MAIL": [NORMAL, DROP, NORMAL]}
        async with (
            serving(Hostile(script=script, extensions=extensions)) as hostile,
            transport(a_server(hostile, connections=1)) as out,
        ):
            assert (await out.send(a_letter("a@x.example"))).fate is Fate.SENT
            assert (await out.send(a_letter("b@x.example"))).fate is Fate.SENT
        assert hostile.connections == 2 and hostile.recipients() == ["a@x.example", "b@x.example"]


async def test_a_server_that_takes_a_recipient_without_a_sender_gets_no_empty_mail() -> None:
    async with serving(Hostile(script={"MAIL": "451 later", "RCPT": "250 fine"})) as hostile:
        assert (await sent(hostile)).fate is Fate.DEFERRED
    assert hostile.count("DATA") == 1 and not hostile.count("END")


async def test_connections_are_kept_and_replaced_after_their_share() -> None:
    async with (
        serving(Hostile()) as hostile,
        transport(a_server(hostile, connections=1, messages_per_connection=3)) as out,
    ):
        for n in range(7):
            assert (await out.send(a_letter(f"r{n}@x.example"))).fate is Fate.SENT
    assert hostile.connections == 3


async def test_no_more_connections_than_set_and_one_until_one_has_worked() -> None:
    async with serving(Hostile()) as hostile, transport(a_server(hostile, connections=3)) as out:
        await asyncio.gather(*(out.send(a_letter(f"r{n}@x.example")) for n in range(30)))
    assert hostile.most_open == 3 and len(hostile.messages) == 30


async def test_an_unreachable_server_is_asked_once_and_rests() -> None:
    async with serving(Hostile()) as gone:
        pass
    async with transport(a_server(gone)) as out:
        results = await asyncio.gather(*(out.send(a_letter()) for _ in range(20)))
        assert {result.fate for result in results} == {Fate.UNTOUCHED}
        assert out.wait_s("r@readers.example.org") > 1
        assert "127.0.0.1" in out.trouble()[0]


async def test_a_wrong_password_is_tried_once() -> None:
    hostile = Hostile(extensions=("AUTH PLAIN LOGIN CRAM-MD5", *PLAIN), users={"me": "right"})
    async with serving(hostile):
        server = a_server(hostile, username="me", password="wrong", connections=4)
        async with transport(server) as out:
            results = await asyncio.gather(*(out.send(a_letter()) for _ in range(20)))
            assert {result.fate for result in results} == {Fate.UNTOUCHED}
            assert out.wait_s("") > 200
            assert out.trouble() == (
                f"127.0.0.1:{hostile.port} refuses the user name or password (535 5.7.8 wrong password);"
                " correct them",
            )
    assert hostile.count("AUTH") == 1 and not hostile.count("MAIL")


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
async def test_authentication(method: str) -> None:
    async def token() -> str:
        return "right"

    hostile = Hostile(extensions=(f"AUTH {method}",), users={"me": "right"})
    async with serving(hostile):
        extra = {"token": token, "auth": "xoauth2"} if method == "XOAUTH2" else {"password": "right"}
        result = await sent(hostile, username="me", **extra)
    assert result.fate is Fate.SENT
    assert hostile.count(f"AUTH {method}") == 1


def test_a_password_is_not_shown() -> None:
    assert "p4ss" not in repr(Server(host="relay.example.org", username="me", password="p4ss"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


def tls(certificate: Path, **settings: object) -> Hostile:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return Hostile(context=context, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_tls_with_a_private_authority(certificate: Path, security: str, pipelining: bool) -> None:
    offered = ("STARTTLS", "AUTH PLAIN", *(["PIPELINING"] if pipelining else []))
    hostile = tls(certificate, extensions=offered, users={"me": "right"})
    async with serving(hostile, implicit_tls=security == "tls"):
        settings = {"security": security, "ca_file": certificate, "username": "me", "password": "right"}
        async with transport(a_server(hostile, connections=1, **settings)) as out:
            for n in range(3):
                assert (await out.send(a_letter(f"r{n}@x.example"))).fate is Fate.SENT
    assert hostile.recipients() == ["r0@x.example", "r1@x.example", "r2@x.example"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_unknown_certificate_is_refused_unless_told(certificate: Path, security: str) -> None:
    hostile = tls(certificate, extensions=("STARTTLS",))
    async with serving(hostile, implicit_tls=security == "tls"):
        result = await sent(hostile, security=security)
        assert result.fate is Fate.UNTOUCHED and "ca_file" in result.text
        assert not hostile.count("MAIL")
        assert (await sent(hostile, security=security, verify=False)).fate is Fate.SENT


@pytest.mark.parametrize(
    "script", [{}, {"STARTTLS": "454 4.7.0 not now"}, {"STARTTLS": "220 go on\r\n250 injected"}]
)
async def test_stripped_starttls_gets_neither_mail_nor_password(
    certificate: Path, script: dict[str, str]
) -> None:
    offered = ("STARTTLS", "AUTH PLAIN") if script else ("AUTH PLAIN",)
    hostile = tls(certificate, extensions=offered, script=dict(script))
    async with serving(hostile):
        result = await sent(hostile, security="starttls", ca_file=certificate, username="u", password="p")
    assert result.fate is Fate.UNTOUCHED
    assert not hostile.count("AUTH") and not hostile.count("MAIL")


async def test_a_message_too_large_for_the_server_is_one_clear_failure() -> None:
    async with serving(Hostile(extensions=("SIZE 1000",))) as hostile:
        result = await sent(hostile, a_letter(content=wire_form(b"x" * 2000)))
    assert (result.fate, result.code) == (Fate.REFUSED, 552)
    assert result.text == "message of 2002 octets, the server takes 1000"
    assert not hostile.count("MAIL")


@pytest.mark.parametrize(
    ("extensions", "letter", "expected"),
    [
        (("SIZE",), a_letter(), f"MAIL FROM:<b+1@sender.example.org> SIZE={len(CONTENT)}"),
        ((), a_letter(), "MAIL FROM:<b+1@sender.example.org>"),
        (
            ("8BITMIME",),
            a_letter(content="Subject: x\r\n\r\n字\r\n".encode()),
            "MAIL FROM:<b+1@sender.example.org> BODY=8BITMIME",
        ),
        (("SMTPUTF8",), a_letter("用户@readers.example.org"), "MAIL FROM:<b+1@sender.example.org> SMTPUTF8"),
    ],
)
async def test_extensions_are_used_where_offered(
    extensions: tuple[str, ...], letter: Letter, expected: str
) -> None:
    async with serving(Hostile(extensions=extensions)) as hostile:
        assert (await sent(hostile, letter)).fate is Fate.SENT
    assert expected in hostile.commands


@pytest.mark.parametrize(
    ("letter", "words"),
    [(a_letter("用户@x.example"), "SMTPUTF8"), (a_letter(content="字\r\n".encode()), "8BITMIME")],
)
async def test_what_a_server_cannot_take_is_refused_here(letter: Letter, words: str) -> None:
    async with serving(Hostile(extensions=())) as hostile:
        result = await sent(hostile, letter)
    assert result.fate is Fate.REFUSED and words in result.text


async def test_another_server_takes_over() -> None:
    async with serving(Hostile()) as gone:
        pass
    async with serving(Hostile()) as hostile, transport(a_server(gone, weight=9), a_server(hostile)) as out:
        for _ in range(3):
            assert (await out.send(a_letter())).fate is Fate.SENT
        assert len(out.trouble()) == 1


async def test_servers_share_by_weight_and_the_standby_waits() -> None:
    async with serving(Hostile()) as one, serving(Hostile()) as three, serving(Hostile()) as standby:
        servers = a_server(one), a_server(three, weight=3), a_server(standby, weight=0)
        async with transport(*servers) as out:
            for n in range(40):
                await out.send(a_letter(f"r{n}@x.example"))
    assert (len(one.messages), len(three.messages), len(standby.messages)) == (10, 30, 0)


async def test_a_421_in_the_middle_rests_that_server_only() -> None:
    script = {"MAIL": [NORMAL, "421 4.7.0 too fast"]}
    async with (
        serving(Hostile(script=script)) as busy,
        serving(Hostile()) as other,
        transport(a_server(busy), a_server(other, weight=0)) as out,
    ):
        for n in range(5):
            assert (await out.send(a_letter(f"r{n}@x.example"))).fate is Fate.SENT
    assert (len(busy.messages), len(other.messages)) == (1, 4)


async def test_a_server_that_takes_some_letters_a_connection_need_not_rest() -> None:
    full = [*[NORMAL] * 3, "421 4.7.0 too many messages in this connection"]
    async with serving(Hostile(script={"MAIL": full * 5})) as hostile, transport(a_server(hostile)) as out:
        for n in range(12):
            assert (await out.send(a_letter(f"r{n}@x.example"))).fate is Fate.SENT
            assert not out.trouble()
    assert hostile.connections == 4


class Ticks:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_rate_limits_of_servers_and_domains() -> None:
    ticks = Ticks()
    async with serving(Hostile()) as hostile:
        server = a_server(hostile, limit=Limit(per_second=10))
        limits = {"slow.example": Limit(per_minute=6), "*": Limit()}
        async with transport(server, domain_limits=limits, clock=ticks) as out:
            await out.send(a_letter("a@slow.example"))
            assert out.wait_s("b@other.example") == pytest.approx(0.1)
            assert out.wait_s("b@SLOW.example") == pytest.approx(10)
            ticks.now += 0.1
            assert out.wait_s("b@other.example") == 0


async def test_it_slows_down_when_asked_and_recovers() -> None:
    ticks = Ticks()
    busy = ["450 4.7.1 not so fast"] * 2
    async with (
        serving(Hostile(script={"RCPT": busy})) as hostile,
        transport(a_server(hostile), clock=ticks) as out,
    ):
        await out.send(a_letter("a@x.example"))
        first = out.wait_s("b@x.example")
        ticks.now += first
        await out.send(a_letter("a@x.example"))
        second = out.wait_s("b@x.example")
        assert 0 < first < second and out.wait_s("b@other.example") == 0
        for _ in range(40):
            ticks.now += 1
            await out.send(a_letter("a@x.example"))
        assert out.wait_s("b@x.example") == 0


@pytest.mark.parametrize(
    "reply",
    [
        "451 4.7.1 Greylisting in action",
        "450 4.2.0 Recipient address rejected: Greylisted",
        "452 4.2.2 mailbox full",
    ],
)
async def test_what_is_about_one_letter_slows_no_other(reply: str) -> None:
    async with serving(Hostile(script={"RCPT": reply})) as hostile, transport(a_server(hostile)) as out:
        for n in range(30):
            assert (await out.send(a_letter(f"r{n}@x.example"))).fate is Fate.DEFERRED
            assert out.wait_s("r@x.example") == 0


def test_the_breaker_rests_longer_each_time_and_counts_joint_failures_once() -> None:
    breaker = Breaker()
    breaker.trip(0, "down", first_s=2, most_s=5)
    breaker.trip(0, "down", first_s=2, most_s=5)
    assert breaker.wait_s(0) == 2
    breaker.trip(2, "down", first_s=2, most_s=5)
    assert breaker.wait_s(2) == 4
    breaker.trip(6, "down", first_s=2, most_s=5)
    assert breaker.wait_s(6) == 5
    assert not breaker.proven
    breaker.served()
    assert breaker.wait_s(6) == 0 and not breaker.reason
    assert breaker.proven, "kept connections that still work prove it too"


def test_replies_that_were_under_way_together_slow_down_once() -> None:
    pace = Pace(Limit())
    for _ in range(8):
        pace.slower(100.0)
    once = pace.interval_s
    pace.slower(100.0 + once)
    assert (once, pace.interval_s) == (0.1, 0.2)


def test_a_domain_with_a_connection_limit_waits_for_room() -> None:
    pace = Pace(Limit(connections=1))
    pace.take(0)
    assert pace.wait_s(0) > 0
    pace.give_back()
    assert pace.wait_s(0) == 0


@pytest.mark.parametrize("loop_of", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_words_after_the_greeting_are_ours_on_either_loop(loop_of: Any) -> None:
    """If this fails after an upgrade, aiosmtplib or uvloop no longer lets another protocol take over."""

    async def talk() -> None:
        async with serving(Hostile()) as hostile:
            smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=hostile.port, start_tls=False)
            await smtp.connect()
            exchange = Exchange(cast(asyncio.Transport, smtp.transport))
            exchange.write(b"RSET\r\nRSET\r\n", replies=2)
            assert [reply.code for reply in await exchange.replies(2)] == [250, 250]
            smtp.close()
            assert not exchange.open

    with asyncio.Runner(loop_factory=loop_of) as runner:
        runner.run(talk())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"a: b\r\n\r\nc\r\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\n\nc", b"a: b\r\n\r\nc\r\n"),
        (b"a\rb\r\n.\r\nMAIL\n.\n", b"a\r\nb\r\n..\r\nMAIL\r\n..\r\n"),
        (b".a\r\n", b"..a\r\n"),
    ],
)
def test_the_wire_form_has_crlf_only_and_no_lone_dot(message: bytes, expected: bytes) -> None:
    assert wire_form(message) == expected


def test_a_servers_words_cannot_forge_a_log_line() -> None:
    assert printable("no\r\n2026 all well\x1b[31m" + "x" * 900) == ("no 2026 all well [31m" + "x" * 900)[:500]


class Several:
    """A source of so many letters that remembers what became of each."""

    def __init__(self, count: int) -> None:
        self.left = [a_letter(f"r{n}@x.example") for n in reversed(range(count))]
        self.fates: dict[str, Result] = {}
        self.marked: list[str] = []
        self.most_uncertain = 0

    def next(self) -> Letter | None:
        return self.left.pop() if self.left else None

    async def mark(self, letter: Letter) -> bool:
        self.marked.append(letter.recipient)
        self.most_uncertain = max(self.most_uncertain, len(self.marked) - len(self.fates))
        return True

    def settle(self, letter: Letter, result: Result) -> None:
        if result.fate is Fate.UNTOUCHED:
            self.left.append(letter)
        else:
            self.fates[letter.recipient] = result

    async def all_over(self, out: SmtpTransport) -> dict[str, str]:
        while (letter := self.next()) is not None:
            await out.carry(letter, self)
        return {address: result.fate.value for address, result in self.fates.items()}


@pytest.mark.parametrize(
    ("script", "others", "connections"),
    [
        ({}, {}, 1),
        ({"RCPT": [NORMAL, "550 5.1.1 gone"]}, {"r1@x.example": "refused"}, 1),
        ({"MAIL": [NORMAL, NORMAL, "451 later"]}, {"r2@x.example": "deferred"}, 1),
        ({"END": [NORMAL, "554 5.7.1 spam"]}, {"r1@x.example": "refused"}, 1),
        ({"END": [NORMAL, DROP]}, {"r1@x.example": "unknown"}, 2),
        ({"END": [NORMAL, STALL]}, {"r1@x.example": "unknown"}, 2),
        ({"MAIL": [NORMAL, DROP]}, {}, 2),
        ({"RCPT": [NORMAL, DROP, NORMAL]}, {}, 2),
        ({"DATA": [NORMAL, STALL]}, {"r1@x.example": "deferred"}, 2),
    ],
)
async def test_the_envelope_of_the_next_letter_travels_with_the_end_of_the_last(
    script: dict[str, str | list[str]], others: dict[str, str], connections: int
) -> None:
    """Whatever becomes of one letter, the next is sent, and no two are uncertain at once."""
    async with (
        serving(Hostile(script=script)) as hostile,
        transport(a_server(hostile, connections=1)) as out,
    ):
        source = Several(5)
        fates = await source.all_over(out)
    assert fates == {f"r{n}@x.example": others.get(f"r{n}@x.example", "sent") for n in range(5)}
    arrived = [address for address, fate in fates.items() if fate in {"sent", "unknown"}]
    assert hostile.recipients() == arrived and hostile.connections == connections
    assert source.most_uncertain == 1


async def test_a_421_after_a_letter_leaves_the_begun_one_to_another_server() -> None:
    script: dict[str, str | list[str]] = {"END": [NORMAL, "421 4.3.2 going down"]}
    async with (
        serving(Hostile(script=script)) as first,
        serving(Hostile()) as second,
        transport(a_server(first, connections=1), a_server(second, weight=0)) as out,
    ):
        fates = await Several(4).all_over(out)
    assert fates == {f"r{n}@x.example": "deferred" if n == 1 else "sent" for n in range(4)}
    assert (first.recipients(), second.recipients()) == (["r0@x.example"], ["r2@x.example", "r3@x.example"])
