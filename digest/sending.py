"""Mail of one installation on its way out and back: its servers, its letters, its bounces."""

import asyncio
import logging
import os
import shlex
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from digest.config import Config, MailServer
from digest.deliver import LONGEST_LIFE, Policy, Report, Sender
from digest.doctor import Finding
from digest.errors import ConfigError, ConsentError
from digest.installation import Installation
from digest.letters import make_builder, make_writer
from digest.mail.dkim import Key, Signer, load_key
from digest.mail.inbox import open_inbox
from digest.mail.mailbox import unread, unread_over_imap
from digest.mail.maildir import MaildirTransport
from digest.mail.pace import Pace, SharedPace
from digest.mail.smtp import SmtpTransport
from digest.mail.transport import Fate, Limit, Server, Transport
from digest.mail.verp import make_return_path, read_return_path
from digest.model import DeliveryState, Edition, Subscriber
from digest.report import causes
from digest.returns import Handled, Returns
from digest.slots import moments
from digest.store import Claim
from digest.tending import note, post, prune, tell

log = logging.getLogger("digest.sending")

LEASE_S = 1800.0
"""Longer than any one message takes; a lease counts our time, and what it waits for takes the world's."""
MAKERS = min(4, os.cpu_count() or 1)
"""Threads that sign: what else they do needs the interpreter, of which there is one."""
TOKEN_S = 300.0
"""How long what ``token_command`` printed is used; a refused login rests the server for as long."""

SHORTEST_LIFE = timedelta(hours=1)
"""An edition made by hand just before its schedule's next is still tried again: greylisting asks for that."""

TO_DO = {
    DeliveryState.QUEUED: "digest send --resume tries again when it is due",
    DeliveryState.FAILED: "mend what it minds, then digest deliveries retry {id}",
    DeliveryState.HELD: "it may have arrived: ask, then digest deliveries retry {id}",
}
"""What to do about a mail by hand that is not out."""


class Sending:
    """What an installation can do with mail."""

    def __init__(self, home: Installation) -> None:
        self._home = home

    @property
    def _config(self) -> Config:
        return self._home.config

    def servers(self) -> list[Server]:
        """The configured relays; empty when mail goes to a folder or to the built-in inbox."""
        return [_server(server) for server in self._config.mail_servers]

    async def open_transport(self, stack: AsyncExitStack) -> Transport:
        """The configured servers or folder, else the built-in inbox on loopback; closed with *stack*."""
        if self._config.delivery.maildir:
            try:
                return MaildirTransport(self._config.delivery.maildir)
            except OSError as error:
                what = f"{error.strerror}: {error.filename}; name a folder Digest may write in"
                raise ConfigError(self._config.path, [(0, "delivery.maildir", what)]) from error
        servers = self.servers()
        if not servers:
            inbox = await stack.enter_async_context(open_inbox(self._home.inbox_dir))
            servers = [Server(host="127.0.0.1", port=inbox.port, name="inbox", security="none")]
        limits = {
            one.domain: Limit(**one.model_dump(exclude={"domain"})) for one in self._config.domain_limits
        }
        transport = SmtpTransport(servers, domain_limits=limits, make_pace=self._make_pace)
        stack.push_async_callback(transport.close)
        return transport

    def _make_pace(self, name: str, limit: Limit) -> Pace:
        """How fast a server or a domain is served: where hosts share the work, by all of them together."""
        store = self._home.store
        if store.database.is_sqlite:
            return Pace(limit)
        return SharedPace(limit, lambda seconds: store.state.book(name, seconds))

    async def deliver_due(
        self,
        transport: Transport,
        *,
        edition: int | None = None,
        expecting: Callable[[], bool] | None = None,
        **how: Any,
    ) -> Report | None:
        """Send what is due now, of one edition only when it is given; None when nothing is.

        Args:
            how: What else a `Sender` is told: *at_most*, *stop*, *on_progress*.
        """
        home, store = self._home, self._home.store
        with store.owners.register() as owner:
            self.recover()
            if edition is None and not expecting and not store.ledger.backlog(now=home.now, most=1):
                return None
            signer, returns = self.signer(), self.returns()
            policy = Policy(
                uncertain=self._config.delivery.uncertain,
                lease_s=LEASE_S * home.clock.speed,
                makers=MAKERS if signer and signer.is_slow else 0,
            )
            sign = signer.sign if signer else None

            def refused(claim: Claim, code: int, text: str) -> None:
                log.warning("refused delivery=%d edition=%d code=%d", claim.id, claim.edition, code)
                returns.refused(claim, code, text, now=home.clock())

            sender = Sender(
                store.ledger,
                make_writer(self.builder, return_path=self._return_path, sign=sign),
                transport,
                owner=owner,
                policy=policy,
                clock=home.clock,
                edition=edition,
                life=self.life,
                expecting=expecting or (lambda: False),
                on_refused=refused,
                owner_gone=store.owners.is_gone,
                **how,
            )
            return await sender.run()

    def life(self, number: int) -> timedelta:
        """How long an edition is tried again: as long as from its slot to its schedule's next, or two days.

        Counted from a reader's first attempt, that is the next slot in every time zone.
        """
        edition, paper = self._home.store.editions.get(number), self._home.paper
        slot = edition.slot
        for schedule in paper.schedules:
            if schedule.id == edition.schedule:
                last = slot + LONGEST_LIFE
                following = next(moments(paper, schedule, after=slot, until=last), last)
                return max(SHORTEST_LIFE, following - slot)
        return LONGEST_LIFE

    def recover(self) -> None:
        """Take back what senders that are gone left."""
        home, store, policy = self._home, self._home.store, self._config.delivery.uncertain
        store.ledger.recover(now=home.now, policy=policy, owner_gone=store.owners.is_gone)

    def undelivered(self, edition: int, addresses: Sequence[str]) -> Iterator[str]:
        """A line for each of some addresses given by hand whose mail is not out, with what to do."""
        for one in self._home.store.ledger.list(edition, limit=max(50, len(addresses))):
            if one.address in addresses and one.state in TO_DO:
                do = TO_DO[one.state].format(id=one.id)
                yield f"{one.address}: {one.state} ({one.code or 'no reply'} {one.text or ''}); {do}"

    def kept(self) -> set[Path]:
        """What lies in the built-in inbox; nothing when mail goes elsewhere."""
        if self._config.mail_servers or self._config.delivery.maildir:
            return set()
        return set(self._home.inbox_dir.glob("[0-9]*.*"))

    @cached_property
    def builder(self) -> Callable[[Claim], bytes]:
        """From a claim to its mail."""
        home, config = self._home, self._config
        return make_builder(
            home.store.editions.get, home.renderer, config.newsletter, home.keys, config.schedules
        )

    def sample(
        self,
        edition: Edition,
        language: str | None = None,
        to: str = "reader@example.org",
        *,
        subscribed: bool = False,
    ) -> bytes:
        """The mail as somebody who is no subscriber (or an unknown one) would get it, without signatures."""
        home = self._home
        newsletter = replace(self._config.newsletter, language=language or home.language)
        build = make_builder(lambda _: edition, home.renderer, newsletter, home.keys)
        reader = Subscriber(id=0, address=to, language=newsletter.language)
        return build(self._claim(edition.number, reader, 0 if subscribed else None))

    def rebuilt(self, number: int, address: str) -> bytes:
        """The mail of an edition as the reader of that address was, or would be, sent it; without signatures.

        Raises:
            ConsentError: There is no such reader.
        """
        reader = self._home.store.subscribers.find(address)
        if reader is None:
            raise ConsentError(f"there is no reader {address}")
        return self.builder(self._claim(number, reader, reader.id))

    def _claim(self, edition: int, reader: Subscriber, subscriber_id: int | None) -> Claim:
        """As the ledger would give it out, for a mail that is only looked at."""
        return Claim(
            id=0,
            edition=edition,
            subscriber_id=subscriber_id,
            address=reader.address,
            name=reader.name,
            language=reader.language,
            themes=reader.themes,
            token_version=reader.token_version,
            first_at=self._home.now,
        )

    def signer(self) -> Signer | None:
        """What puts DKIM signatures on mail; None leaves that to the relay."""
        return Signer(self.dkim_keys()) if self._config.dkim else None

    def dkim_keys(self) -> list[Key]:
        return [load_key(key.key_file, domain=key.domain, selector=key.selector) for key in self._config.dkim]

    def returns(self) -> Returns:
        """What judges bounces, complaints and refusals."""
        base = self._config.bounces.address if self._config.bounces else ""
        return Returns(
            signup=self._home.signup,
            delivery_of=lambda path: read_return_path(path, base, secret=self._secret),
        )

    def read_bounces(self, *, dry_run: bool = False) -> list[Handled]:
        """Judge what came back since the last time, and stop mail to whom it cannot reach.

        Raises:
            ConfigError: No mailbox is configured.
            MailboxError: It cannot be read.
        """
        bounces = self._config.bounces
        if bounces is None:
            what = "nothing says where returned mail lies; add a [bounces] table"
            raise ConfigError(self._config.path, [(0, "bounces", what)])
        if bounces.mailbox:
            messages = unread(bounces.mailbox, keep=dry_run)
        else:
            who = bounces.imap_host or "", bounces.imap_username or "", bounces.imap_password or ""
            port, folder = bounces.imap_port, bounces.imap_folder
            messages = unread_over_imap(*who, port=port, folder=folder, keep=dry_run)
        return list(self.returns().process(messages, now=self._home.now, dry_run=dry_run))

    def _return_path(self, claim: Claim) -> str:
        """Where its bounce goes: to the bounces' mailbox, naming the row; without one to the sender."""
        if self._config.bounces is None:
            return self._config.newsletter.sender
        return make_return_path(self._config.bounces.address, claim.id, secret=self._secret)

    @property
    def _secret(self) -> bytes:
        return next(iter(self._home.keys.values()))

    async def send_test(self, server: Server, address: str) -> Finding:
        """Send a line of text through one server."""
        text = "This server takes mail for Digest."
        mail = note(self._config.newsletter, address, "Digest test", text, now=self._home.now)
        transport = SmtpTransport([server])
        try:
            result = await post(transport, self._config.newsletter.sender, address, mail)
        finally:
            await transport.close()
        said = f"{server.label}: test to {address}: {result.fate} {result.code or ''} {result.text}".rstrip()
        if result.fate is Fate.SENT:
            return Finding("ok", said)
        return Finding("fault", said, "the server's words say what it minds")

    async def tend(self, transport: Transport) -> list[str]:
        """Tell the operator what needs a hand, and forget what is old enough; what was done, in lines."""
        home, now, done = self._home, self._home.now, []
        if to := self._config.operator.mail:
            letter, folder = self._config.newsletter, home.data_dir
            found = await asyncio.to_thread(causes, home.paper, folder=folder, now=now)
            found += [(f"relay {trouble[:40]}", f"delivery: {trouble}") for trouble in transport.trouble()]
            done += await tell(
                home.store, transport, letter, to, found,
                sample=lambda number, to: self.sample(home.store.editions.get(number), to=to), now=now,
            )  # fmt: skip
        if keep_days := self._config.database.keep_days:
            gone = await asyncio.to_thread(prune, home.store, keep_days=keep_days, now=now)
            done += [f"forgot {n} old {what}" for what, n in gone.items() if n]
        return done


def _server(configured: MailServer) -> Server:
    same = configured.model_dump(include=set(Server.__dataclass_fields__))
    return Server(
        **same,
        name=configured.id,
        token=_token_reader(configured) if configured.auth == "xoauth2" else None,
        limit=Limit(per_second=configured.per_second, per_minute=configured.per_minute),
    )


def _token_reader(configured: MailServer) -> Callable[[], Awaitable[str]]:
    """Gives an access token that is still good: they live about an hour, and somebody else renews them.

    Raises:
        OSError: The file or the command gives none.
    """
    kept, fresh_until = "", 0.0

    async def read() -> str:
        nonlocal kept, fresh_until
        if configured.token_file and not configured.password:
            return configured.token_file.read_text("utf-8").strip()
        if configured.token_command and time.monotonic() > fresh_until:
            command = shlex.split(configured.token_command)
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            printed, _ = await process.communicate()
            if process.returncode or not printed.strip():
                raise OSError(f"{command[0]} gave no token (exit code {process.returncode})")
            kept, fresh_until = printed.decode().strip(), time.monotonic() + TOKEN_S
        return kept or configured.password or ""

    return read
