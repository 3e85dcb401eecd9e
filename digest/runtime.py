"""The one place that constructs things: a configuration in, an installation that can be asked to act out."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, make_msgid
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from digest.errors import ConfigError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from digest.collect import Collected
    from digest.config import Config, MailServer
    from digest.deliver import Progress, Report
    from digest.doctor import Finding
    from digest.feeds import Reader
    from digest.mail.dkim import Key, Signer
    from digest.mail.transport import Server, Transport
    from digest.model import Edition, Schedule, Theme
    from digest.publish import Made
    from digest.render import Renderer
    from digest.returns import Handled, Returns
    from digest.rewriting import Rewriter
    from digest.signup import Signup
    from digest.slots import Ticked
    from digest.store import Claim, Store

LEASE_S = 1800.0
"""Longer than any one message takes."""
NOW = "now"
"""The schedule editions made by hand belong to."""


def find_config(path: Path | None) -> "Config | None":
    """The configuration named, or the one in the current folder; None when there is none there.

    Raises:
        ConfigError: It is wrong, or the one named is not there.
    """
    from digest.config import NAME, load_config

    if path is None and not Path(NAME).is_file():
        return None
    return load_config(path or Path(NAME))


def read_clock(text: str | None) -> datetime:
    """The moment to work at: *text*, else ``SOURCE_DATE_EPOCH`` (reproducible-builds.org), else now. In UTC.

    Raises:
        ConfigError: It is no moment.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        if text:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.astimezone()).astimezone(UTC)
        return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    except (ValueError, OverflowError, OSError):
        name = "--clock" if text else "SOURCE_DATE_EPOCH"
        what = f"{text or epoch!r} is no moment; write one like 2026-01-05T08:00:00+08:00"
        raise ConfigError(None, [(0, name, what if text else "must be seconds since 1970")]) from None


@contextmanager
def open_runtime(path: Path | None, *, clock: str | None = None) -> Iterator["Runtime"]:
    """Open the installation a configuration describes.

    Raises:
        ConfigError: There is no configuration, or it is wrong.
    """
    config = find_config(path)
    if config is None:
        raise ConfigError(
            Path("config.toml"), [(0, "", "there is none in this folder; make one with: digest init")]
        )
    with ExitStack() as stack:
        yield Runtime(config, read_clock(clock), stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How an ad-hoc delivery went, in lines for the operator."""

    lines: tuple[str, ...]
    all_sent: bool


class Runtime:
    """An installation: configuration, store, renderer, mail. Parts are made when they are first used."""

    def __init__(self, config: "Config", moment: datetime, stack: ExitStack) -> None:
        self.config = config
        self.lasting = False
        """False: a command, which works at one moment however long it takes. True: time goes on."""
        self.speed = 1.0
        """How much faster than the world's our time passes, for rehearsals."""
        self._moment = moment
        self._started = time.monotonic()
        self._stack = stack

    @property
    def now(self) -> datetime:
        return self.clock() if self.lasting else self._moment

    def clock(self) -> datetime:
        """The moment of the start and what has passed since."""
        return self._moment + timedelta(seconds=(time.monotonic() - self._started) * self.speed)

    def go_on_from(self, moment: datetime) -> None:
        """Take *moment* for now: a new configuration does not set the clock back."""
        self._moment, self._started = moment, time.monotonic()

    @property
    def themes(self) -> "tuple[Theme, ...]":
        return self.config.themes

    def theme(self, name: str) -> "Theme":
        """By id or by its name in any language.

        Raises:
            ConfigError: There is none of that name.
        """
        wanted = name.strip().casefold()
        for theme in self.themes:
            if wanted in {theme.id.casefold(), *(n.casefold() for n in theme.names.values())}:
                return theme
        known = ", ".join(f"{theme.id} ({theme.name(self.language)})" for theme in self.themes)
        raise ConfigError(self.config.path, [(0, "themes", f"there is no theme {name!r}; there are {known}")])

    @property
    def language(self) -> str:
        return self.config.newsletter.language

    @cached_property
    def data_dir(self) -> Path:
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        return self.config.data_dir

    @property
    def inbox_dir(self) -> Path:
        return self.data_dir / "inbox"

    @cached_property
    def store(self) -> "Store":
        """The database, its tables brought to this version's form; closed with the runtime."""
        from digest.store import open_store

        if self.config.database_url.startswith("sqlite"):
            self.data_dir  # noqa: B018 - the folder must be there before the file
        store = self._stack.enter_context(open_store(self.config.database_url))
        store.migrate()
        return store

    @cached_property
    def renderer(self) -> "Renderer":
        return _renderer(self.config)

    def fresh_renderer(self) -> "Renderer":
        """From templates and configuration as they are on the disk now.

        Raises:
            ConfigError, RenderError: They are wrong.
        """
        return _renderer(find_config(self.config.path) or self.config)

    def watched(self) -> "list[Path]":
        """The files that what readers see is made of."""
        from digest.render.environment import shipped_templates

        folders = (*self.config.templates_dirs, shipped_templates())
        return [
            self.config.path,
            *(path for folder in folders for path in folder.rglob("*") if path.is_file()),
        ]

    @cached_property
    def keys(self) -> dict[str, bytes]:
        """What signs links and message ids. Made and kept on first use when none is configured."""
        return {"a": self.config.secret or _make_secret(self.config.secret_file)}

    def hash_address(self, address: str) -> str:
        """What the suppression list holds of an address."""
        from digest.signup import make_hasher

        return make_hasher(self.keys)(address)

    @cached_property
    def signup(self) -> "Signup":
        from digest.signup import make_signup

        return make_signup(self.store, self.renderer, self.config.newsletter, self.keys)

    @cached_property
    def operator_secret(self) -> str:
        """The password of the operator's page. Made and kept on first use when none is set."""
        return self.config.operator_secret or _make_secret(self.data_dir / "operator.key").decode()

    def web_app(self, base_url: str = "http://127.0.0.1:8000") -> "Starlette":
        """The web pages. They have a loop of their own, and a transport in it.

        Args:
            base_url: Where they are reached, when the configuration does not say.
        """
        from ipaddress import ip_network

        from digest.signup import make_signup
        from digest.slots import next_slot
        from digest.web import Desk, Door, Numbers, Operator, make_app

        newsletter = replace(
            self.config.newsletter, base_url=self.config.newsletter.base_url or base_url.rstrip("/")
        )
        renderer = replace(self.renderer, newsletter=newsletter)
        signup, numbers = make_signup(self.store, renderer, newsletter, self.keys), Numbers()
        door = Door(
            signup=signup,
            renderer=renderer,
            newsletter=newsletter,
            themes=self.themes,
            schedules=self.config.schedules,
            desk=Desk(signup, self.open_transport, clock=self.clock, numbers=numbers),
            clock=self.clock,
            next_runs=lambda: {
                one.id: next_slot(one, newsletter, now=self.clock()) for one in self.config.schedules
            },
            operator=Operator(
                secret=self.operator_secret,
                header=self.config.operator_header or "",
                proxies=tuple(map(ip_network, self.config.proxies)),
            ),
        )
        return make_app(door, numbers)

    def rehearse(self) -> None:
        """From now on nothing is kept: work on a copy of the database that is thrown away at the end."""
        from digest.store import open_store

        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="digest-")))
        url = self.config.database_url
        file = Path(url.removeprefix("sqlite:///"))
        copy = folder / "rehearsal.db"
        if url.startswith("sqlite") and file.is_file():
            with open_store(url) as original:
                original.backup(copy)
        elif not url.startswith("sqlite"):
            raise ConfigError(
                self.config.path, [(0, "database", "a dry run needs SQLite: try it with a copy of the data")]
            )
        secret = self.config.secret or (b"rehearsal" * 4)
        self.config = replace(self.config, database_url=f"sqlite:///{copy}", data_dir=folder, secret=secret)
        if self.config.llm:  # what it would pay for could not be kept
            self.config = replace(self.config, llm=replace(self.config.llm, max_requests=0))

    def collect(self, *, on_progress: Callable[[str], None]) -> "list[Collected]":
        """Read the seeds and every feed that is due.

        Raises:
            SeedError: There is no seed folder, or nothing in it, and no feed either.
        """
        from digest.collect import collect_seeds, polled
        from digest.seeds import load_notes, load_seeds

        self.store.feeds.sync(self.config.feeds, now=self.now)
        feeds = self.store.feeds.list()
        report = []
        if self.config.seeds_dir.is_dir() or not feeds:
            report = collect_seeds(
                self.store,
                load_seeds(self.config.seeds_dir),
                notes=load_notes(self.config.seeds_dir),
                rules=self.config.site_rules,
                now=self.now,
                on_progress=on_progress,
            )
        if not self.store.feeds.due(self.now):
            return report

        async def poll() -> "list[Collected]":
            async with self.feed_reader() as reader:
                return [
                    polled(one) for one in await reader.poll(on_progress=lambda one: on_progress(one.feed.id))
                ]

        return report + asyncio.run(poll())

    @asynccontextmanager
    async def feed_reader(self) -> "AsyncIterator[Reader]":
        """What polls feeds, with its connections and worker processes; they end with the block."""
        from digest.feeds import Reader
        from digest.fetch import open_fetcher
        from digest.workers import open_workers

        settings = self.config.fetching
        async with open_fetcher(settings) as fetcher, open_workers() as workers:
            yield Reader(
                store=self.store,
                fetcher=fetcher,
                workers=workers,
                settings=settings,
                now=self.now,
                rules=self.config.site_rules,
            )

    def publish_now(self, only: tuple[str, ...], *, language: str | None) -> "Made":
        """An edition of the schedule ``now``, made at this moment."""
        return self._publish(self.schedule(NOW), only, language or self.language)

    def publish_schedule(self, name: str) -> "Made":
        """An edition of a schedule, made at this moment whatever its clock says."""
        return self._publish(self.schedule(name), (), self.language)

    def _publish(self, schedule: "Schedule", only: tuple[str, ...], language: str) -> "Made":
        from digest.publish import publish

        now = self.now
        return publish(
            self.store,
            self.themes,
            schedule,
            slot=now,
            now=now,
            language=language,
            only=only,
            to_readers=schedule.id != NOW,
            rewrite=self.rewriter(),
        )

    def rewriter(self) -> "Rewriter | None":
        """What writes one edition's model summaries, within one edition's budget; None without ``[llm]``."""
        if self.config.llm is None:
            return None
        from digest.llm import Chat
        from digest.rewriting import Rewriter

        return Rewriter(Chat(self.config.llm), self.store, self.config.llm.model)

    def queue(self, edition: "Edition") -> int:
        """Queue a frozen edition for its subscribers; how many."""
        return self.store.ledger.plan(edition.number, now=self.now)

    def schedule(self, name: str) -> "Schedule":
        """The schedule of that name; ``now`` needs none in the configuration.

        Raises:
            ConfigError: There is none of that name.
        """
        from digest.model import Schedule

        for schedule in self.config.schedules:
            if schedule.id == name:
                return schedule
        if name == NOW:
            return Schedule(id=NOW)
        known = ", ".join(schedule.id for schedule in self.config.schedules)
        what = f"there is no schedule {name!r}; there are {known}"
        raise ConfigError(self.config.path, [(0, "schedules", what)])

    def edition(self, number: int) -> "Edition":
        return self.store.editions.get(number)

    def shown(self, edition: "Edition", shape: str, language: str | None) -> str:
        """*edition* as ``markdown``, ``html``, ``json`` or ``eml``."""
        language = language or self.language
        if shape == "json":
            import json

            from digest.render import edition_json

            return json.dumps(edition_json(edition), ensure_ascii=False, indent=2) + "\n"
        if shape == "markdown":
            return self.renderer.markdown(edition, language=language)
        if shape == "html":
            return self.renderer.web(edition, language=language)
        return self._sample(edition, language)

    def sample(self, edition: "Edition") -> bytes:
        """The mail as a reader nobody knows would get it, signed if mail is."""
        mail = self._sample(edition, self.language).encode("ascii")
        signer = self.signer()
        return signer.sign(mail) if signer else mail

    def servers(self) -> "list[Server]":
        """The configured relays; empty when mail goes to the built-in inbox."""
        return [_server(server) for server in self.config.mail_servers]

    async def send_test(self, server: "Server", address: str) -> "Finding":
        """Send the latest edition's sample, or a line of text, through one server."""
        from digest.address import canonical
        from digest.doctor import Finding
        from digest.mail.smtp import SmtpTransport
        from digest.mail.transport import Fate, Letter, wire_form

        async def at_once() -> bool:
            return True

        sender = self.config.newsletter.sender
        text = (
            f"From: {sender}\r\nTo: {canonical(address)}\r\nSubject: Digest test\r\n"
            f"Date: {format_datetime(self.now)}\r\nMessage-ID: {make_msgid(domain=sender.partition('@')[2])}"
            "\r\nAuto-Submitted: auto-generated\r\n\r\nThis server takes mail for Digest.\r\n"
        )
        transport = SmtpTransport([server])
        try:
            letter = Letter(
                sender=sender, recipient=canonical(address), content=wire_form(text.encode("ascii"))
            )
            result = await transport.send(letter, at_once)
        finally:
            await transport.close()
        said = f"{server.label}: test to {address}: {result.fate} {result.code or ''} {result.text}".rstrip()
        if result.fate is Fate.SENT:
            return Finding(level="ok", what=said)
        return Finding(level="fault", what=said, do="the server's words say what it minds")

    def _sample(self, edition: "Edition", language: str, address: str = "reader@example.org") -> str:
        from digest.message import Personal, compile_message, message_id

        parts = self.renderer.mail(edition, language=language)
        template = compile_message(
            parts,
            self.config.newsletter,
            edition=edition.number,
            schedule=edition.schedule,
            date=edition.made_at,
        )
        domain = self.config.newsletter.sender.rpartition("@")[2]
        reader = Personal(
            address=address,
            name="",
            message_id=message_id(self._secret, edition.number, 0, domain),
            unsubscribe_url=None,
            preferences_url=None,
        )
        return template.fill(reader).decode("ascii")

    async def open_transport(self, stack: AsyncExitStack) -> "Transport":
        """The configured servers, else the built-in inbox on loopback; closed with *stack*."""
        from digest.mail.inbox import open_inbox
        from digest.mail.smtp import SmtpTransport
        from digest.mail.transport import Security, Server

        servers = self.servers()
        if not servers:
            inbox = await stack.enter_async_context(open_inbox(self.inbox_dir))
            servers = [Server(host="127.0.0.1", port=inbox.port, name="inbox", security=Security.NONE)]
        transport = SmtpTransport(servers)
        stack.push_async_callback(transport.close)
        return transport

    async def deliver_due(
        self,
        transport: "Transport",
        *,
        edition: int | None = None,
        stop: asyncio.Event | None = None,
        on_progress: "Callable[[Progress], None] | None" = None,
    ) -> "Report | None":
        """Send what is due now; None when nothing is. Of one edition only, when it is given."""
        from digest.deliver import Policy, deliver

        ledger = self.store.ledger
        with self.store.owner() as owner:
            # Leases count our time, and what they wait for takes the world's.
            policy = Policy(uncertain=self.config.uncertain, lease_s=LEASE_S * self.speed)
            recovered = ledger.recover(
                now=self.now, policy=policy.uncertain, owner_gone=self.store.owner_gone
            )
            if edition is None and not ledger.due(now=self.now) and not recovered.resent:
                return None
            signer, returns = self.signer(), self.returns()
            return await deliver(
                ledger,
                self.builder,
                transport,
                owner=owner,
                policy=policy,
                clock=self.clock,
                edition=edition,
                return_path=self._return_path,
                sign=signer.sign if signer else None,
                wired=True,
                stop=stop,
                on_refused=lambda claim, code, text: returns.refused(claim, code, text, now=self.clock()),
                owner_gone=self.store.owner_gone,
                on_progress=on_progress,
            )

    @cached_property
    def builder(self) -> "Callable[[Claim], bytes]":
        """From a claim to its mail."""
        from digest.letters import make_builder

        return make_builder(self.edition, self.renderer, self.config.newsletter, self.keys)

    def rebuilt(self, number: int, address: str) -> bytes:
        """The mail of an edition as the reader of that address was, or would be, sent it; without signatures.

        Raises:
            ConfigError: There is no such reader.
        """
        from digest.address import canonical
        from digest.store import Claim

        reader = self.store.subscribers.find(canonical(address))
        if reader is None:
            raise ConfigError(None, [(0, "", f"there is no reader {address}")])
        claim = Claim(
            id=0,
            edition=number,
            subscriber_id=reader.id,
            address=reader.address,
            name=reader.name,
            language=reader.language,
            themes=reader.themes,
            token_version=reader.token_version,
            attempts=0,
            lease=0,
            owner="",
            first_at=self.now,
            lease_s=0.0,
        )
        return self.builder(claim)

    def signer(self) -> "Signer | None":
        """What puts DKIM signatures on mail; None leaves that to the relay."""
        from digest.mail.dkim import Signer

        return Signer(self.dkim_keys()) if self.config.dkim else None

    def returns(self) -> "Returns":
        """What judges bounces, complaints and refusals."""
        from digest.mail.verp import read_return_path
        from digest.returns import Returns

        base = self.config.bounces.address if self.config.bounces else ""
        return Returns(
            store=self.store,
            delivery_of=lambda path: read_return_path(path, base, secret=self._secret),
            hash_address=self.hash_address,
        )

    def dkim_keys(self) -> "list[Key]":
        from digest.mail.dkim import load_key

        return [load_key(key.key_file, domain=key.domain, selector=key.selector) for key in self.config.dkim]

    def _return_path(self, claim: "Claim") -> str:
        """Where its bounce goes: to the bounces' mailbox, naming the row; without one to the sender."""
        if self.config.bounces is None:
            return self.config.newsletter.sender
        from digest.mail.verp import make_return_path

        return make_return_path(self.config.bounces.address, claim.id, secret=self._secret)

    @property
    def _secret(self) -> bytes:
        return next(iter(self.keys.values()))

    def read_bounces(self, *, dry_run: bool = False) -> "list[Handled]":
        """Judge what came back since the last time, and stop mail to whom it cannot reach.

        Raises:
            ConfigError: No mailbox is configured.
            MailboxError: It cannot be read.
        """
        from digest.mail.mailbox import ImapAccount, open_mailbox

        bounces = self.config.bounces
        if bounces is None:
            what = "nothing says where returned mail lies; add a [bounces] table"
            raise ConfigError(self.config.path, [(0, "bounces", what)])
        where = bounces.mailbox or ImapAccount(
            host=bounces.imap_host,
            port=bounces.imap_port,
            username=bounces.imap_username,
            password=bounces.imap_password,
            folder=bounces.imap_folder,
        )
        with open_mailbox(where) as mailbox:
            return list(self.returns().process(mailbox, now=self.now, dry_run=dry_run))

    async def deliver_to(self, edition: "Edition", addresses: Sequence[str]) -> Delivered:
        """Mail a frozen edition to addresses given by hand, and wait until it is out."""
        self.store.ledger.plan_addresses(edition.number, addresses, now=self.now)
        before = set(self._kept())
        async with AsyncExitStack() as stack:
            transport = await self.open_transport(stack)
            report = await self.deliver_due(transport, edition=edition.number)
        sent = report.sent if report else 0
        lines = [f"Mailed {sent} of {len(addresses)}"]
        lines += [f"  {trouble}" for trouble in (report.trouble if report else ())]
        lines += [f"  {path}" for path in sorted(set(self._kept()) - before)]
        return Delivered(lines=tuple(lines), all_sent=sent == len(addresses))

    def _kept(self) -> list[Path]:
        return [] if self.config.mail_servers else list(self.inbox_dir.glob("[0-9]*.*"))

    def tick(self) -> "list[Ticked]":
        """Make every edition that is due; see ``slots.tick``."""
        from digest.slots import tick

        return tick(
            self.store,
            self.themes,
            self.config.schedules,
            self.config.newsletter,
            now=self.now,
            rewriter=self.rewriter,
        )

    async def tend(self, transport: "Transport") -> list[str]:
        """Tell the operator what needs a hand, and forget what is old enough; what was done, in lines."""
        from digest.report import causes
        from digest.tending import notice, post, prune, remember, untold

        done, now, to = [], self.now, self.config.operator_mail
        if to:
            found = await asyncio.to_thread(causes, self.store, now=now)
            found += [(f"relay {trouble[:40]}", f"delivery: {trouble}") for trouble in transport.trouble()]
            fresh = untold(self.store, found, now=now)
            sender = self.config.newsletter.sender
            mail = notice(self.config.newsletter, to, fresh, now=now) if fresh else b""
            if mail and await post(transport, sender, to, mail):
                remember(self.store, fresh, now=now)
                done.append(f"told the operator of {len(fresh)} things")
                for number in [int(name.split()[1]) for name, _ in fresh if name.startswith("review ")]:
                    sample = self._sample(self.edition(number), self.language, to)
                    await post(transport, sender, to, sample.encode("ascii"))
        if self.config.keep_days:
            gone = await asyncio.to_thread(prune, self.store, keep_days=self.config.keep_days, now=now)
            done += [f"forgot {n} old {what}" for what, n in gone.items() if n]
        return done

    def next_slot(self) -> datetime | None:
        """When the next edition of any schedule is due by the newsletter's clock."""
        from digest.slots import next_slot

        moments = [
            next_slot(one, self.config.newsletter, now=self.now)
            for one in self.config.schedules
            if not self.store.state.is_paused(one.id)
        ]
        return min((moment for moment in moments if moment), default=None)

    @property
    def lock_file(self) -> Path:
        """What a running ``digest serve`` holds: beside the database when that is a file."""
        url = self.config.database_url
        database = (
            Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else self.data_dir / "digest"
        )
        return database.with_suffix(".serve")


def _renderer(config: "Config") -> "Renderer":
    from digest.render import make_renderer

    return make_renderer(
        config.newsletter,
        template_dirs=config.templates_dirs,
        tokens=config.design_tokens,
        punctuation=config.punctuation,
        themes=config.themes,
    )


def _server(configured: "MailServer") -> "Server":
    from digest.mail.transport import Limit, Security, Server

    return Server(
        host=configured.host,
        port=configured.port,
        name=configured.id,
        security=Security(configured.security),
        username=configured.username,
        password=configured.password,
        auth=configured.auth,
        verify=configured.verify,
        ca_file=configured.ca_file,
        clear_credentials=configured.clear_credentials,
        connections=configured.connections,
        weight=configured.weight,
        limit=Limit(per_second=configured.per_second, per_minute=configured.per_minute),
    )


def _make_secret(file: Path) -> bytes:
    """A new secret in *file*, readable by its owner only; the one that is there when two start at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48) + "\n")
    except FileExistsError:
        pass
    return file.read_text("utf-8").strip().encode()
