"""Reading ``config.toml``: plain values for everyone else, or every mistake at once.

Nothing runs before the whole file is right. Secrets come from the environment or from files
named by ``*_file`` keys, never from ``config.toml`` itself.

Environment: ``DIGEST_SECRET`` (signs links), ``DIGEST_OPERATOR_SECRET`` (opens the operator's page),
``DIGEST_DATABASE_URL`` (instead of ``database.url``),
``DIGEST_MAIL_<ID>_PASSWORD`` (one a mail server, its id in capitals with ``_`` for ``-``).
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from digest import toml
from digest.config.tables import (
    Bounces,
    BouncesTable,
    DkimTable,
    DomainLimit,
    File,
    LlmTable,
    MailServer,
    MailServerTable,
    between,
)
from digest.errors import ConfigError
from digest.model import FeedConfig, FeedSettings, LlmSettings, Newsletter, Schedule, SiteRule, Theme

__all__ = ["NAME", "Bounces", "Config", "DomainLimit", "MailServer", "load_config", "write_defaults"]

NAME = "config.toml"
LOCALES = Path(__file__).parent.parent / "locale"
"""A catalog of the interface's words for each language, shipped with the program."""
DEFAULTS = Path(__file__).parent.parent / "defaults"
"""What ``digest init`` copies; shipped with the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    selector: str
    key_file: Path
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration that has been found right. All paths are absolute.

    Args:
        database_url: SQLAlchemy's form; may hold a password, so it is kept out of ``repr``.
        templates_dirs: The operator's own, first one wins; ours come after them.
        design_tokens: Overrides of the template's design tokens, by name.
        mail_servers: Empty means *maildir*, or the built-in inbox on loopback where there is none.
        llm: None, the default: no model writes anything.
        operator_mail: Who is told when something needs a hand; None tells nobody by mail.
        operator_secret: The password of the operator's page; None when one is to be made and kept.
        operator_header: Set by a proxy in *proxies* to the name of somebody who may see the operator's page.
        proxies: Networks whose word on a visitor's address is believed (``X-Forwarded-For``).
        keep_days: What is older is forgotten (see ``Store.prune``); None forgets nothing.
        secret: Signs links and message ids; None when none is set, then *secret_file* is where
            one is to be made and kept.
        warnings: What is not wrong but unwise, in sentences for the operator.
    """

    path: Path
    newsletter: Newsletter
    themes: tuple[Theme, ...]
    schedules: tuple[Schedule, ...]
    feeds: tuple[FeedConfig, ...]
    fetching: FeedSettings
    site_rules: tuple[SiteRule, ...]
    mail_servers: tuple[MailServer, ...]
    domain_limits: tuple[DomainLimit, ...]
    bounces: Bounces | None
    llm: LlmSettings | None
    dkim: tuple[DkimKey, ...]
    data_dir: Path
    seeds_dir: Path
    templates_dirs: tuple[Path, ...]
    database_url: str = field(repr=False)
    design_tokens: Mapping[str, str]
    punctuation: Literal["restore", "keep"]
    uncertain: Literal["resend", "hold"]
    maildir: Path | None
    operator_mail: str | None
    operator_secret: str | None = field(repr=False)
    operator_header: str | None
    proxies: tuple[str, ...]
    keep_days: int | None
    secret: bytes | None = field(repr=False)
    secret_file: Path
    warnings: tuple[str, ...]


def load_config(path: Path, *, environ: Mapping[str, str] = os.environ) -> Config:
    """Read *path* (``config.toml``); relative paths in it are taken from its folder.

    Raises:
        ConfigError: With every mistake in the file and every secret that is missing.
    """
    path = path.absolute()
    if not path.is_file():
        raise ConfigError(path, [(0, "", "there is no such file; make one with: digest init")])
    tables, line = toml.read(path, File, also=between)
    return _Reader(path, tables, line, environ).config()


def write_defaults(folder: Path) -> list[tuple[Path, bool]]:
    """Put a commented ``config.toml`` and an example seed into *folder*, made when missing.

    Returns:
        Each file, and whether it was written: nothing that is there is ever overwritten, and a
        ``seeds`` folder that is there gets no example.
    """
    seeds = folder / "seeds"
    wanted = [(NAME, folder / NAME)] + ([] if seeds.exists() else [("example.txt", seeds / "example.txt")])
    return [(path, _copy(DEFAULTS / name, path)) for name, path in wanted]


def _copy(source: Path, path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        return False
    return True


class _Reader:
    """Turns a file's tables into values, collecting what is missing around the file."""

    def __init__(
        self, path: Path, tables: File, line: Callable[[toml.Location], int], environ: Mapping[str, str]
    ) -> None:
        self.path, self.tables, self.line, self.environ = path, tables, line, environ
        self.mistakes: list[toml.Mistake] = []
        self.warnings: list[str] = []

    def config(self) -> Config:
        tables = self.tables
        newsletter, paths = tables.newsletter.value(), tables.paths
        secret_file = paths.secret_file or paths.data / "secret.key"
        fetching = dict(tables.fetching)
        self._check_language()
        config = Config(  # evaluated in this order: the warnings of all others are in the last
            path=self.path,
            newsletter=newsletter,
            themes=tuple(theme.value() for theme in tables.themes),
            schedules=tuple(schedule.value() for schedule in tables.schedules),
            feeds=tuple(FeedConfig(**dict(feed)) for feed in tables.feeds),
            fetching=FeedSettings(**{**fetching, "contact": fetching["contact"] or newsletter.sender}),
            site_rules=tuple(SiteRule(**dict(rule)) for rule in tables.site_rules),
            mail_servers=tuple(self._mail_server(n, server) for n, server in enumerate(tables.mail_servers)),
            domain_limits=tables.domain_limits,
            bounces=self._bounces(tables.bounces) if tables.bounces else None,
            llm=self._llm(tables.llm) if tables.llm else None,
            dkim=tuple(self._dkim(n, key) for n, key in enumerate(tables.dkim)),
            data_dir=paths.data,
            seeds_dir=paths.seeds,
            templates_dirs=paths.templates,
            database_url=self._database_url(paths.data),
            design_tokens=tables.design.tokens,
            punctuation=tables.design.punctuation,
            uncertain=tables.delivery.uncertain,
            maildir=tables.delivery.maildir,
            operator_mail=tables.operator.mail,
            operator_secret=self.environ.get("DIGEST_OPERATOR_SECRET"),
            operator_header=tables.operator.header,
            proxies=tables.operator.proxies,
            keep_days=tables.database.keep_days,
            secret=self._secret(secret_file),
            secret_file=secret_file,
            warnings=tuple(self.warnings),
        )
        if self.mistakes:
            raise ConfigError(
                self.path, [(self.line(where), toml.dotted(where), what) for where, what in self.mistakes]
            )
        return config

    def _check_language(self) -> None:
        """There must be words for it, ours or in a folder of templates."""
        folders = [LOCALES, *(folder / "locale" for folder in self.tables.paths.templates)]
        catalogs = (path for folder in folders for path in folder.glob("*/LC_MESSAGES/digest.po"))
        tags = sorted({path.parts[-3].replace("_", "-") for path in catalogs})
        language = self.tables.newsletter.language
        if language.partition("-")[0] not in {tag.partition("-")[0] for tag in tags}:
            what = f"there are no words in {language!r}; there are: {', '.join(tags)}"
            self.mistakes.append((("newsletter", "language"), what))

    def _given(self, variable: str, file: Path | None, where: toml.Location) -> str | None:
        """A secret from the environment, else from the file that the key at *where* names."""
        given = self.environ.get(variable)
        return given if given or not file else self._read_secret(file, where)

    def _read_secret(self, file: Path, where: toml.Location) -> str | None:
        """The file's first line; None, and a mistake, when it cannot be had."""
        try:
            text = file.read_text("utf-8").strip()
            others = file.stat().st_mode & 0o077
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is not UTF-8 text"
            self.mistakes.append((where, f"the secret in {file} cannot be read ({why})"))
            return None
        if not text:
            self.mistakes.append((where, f"{file} is empty; put the secret in it"))
        if others:
            self.warnings.append(f"{file} holds a secret and others can read it; run: chmod 600 {file}")
        return text or None

    def _secret(self, file: Path) -> bytes | None:
        given, origin = self.environ.get("DIGEST_SECRET"), "DIGEST_SECRET in the environment"
        if not given and (self.tables.paths.secret_file or file.exists()):
            given, origin = self._read_secret(file, ("paths", "secret_file")), f"the secret in {file}"
        if given and len(given) < 32:
            what = f"{origin} is too short; use 32 characters or more"
            self.mistakes.append((("paths", "secret_file"), what))
        return given.encode() if given else None

    def _database_url(self, data_dir: Path) -> str:
        database = self.tables.database
        file = None if database.url else database.url_file
        url = self._given("DIGEST_DATABASE_URL", file, ("database", "url_file")) or database.url
        if not url:
            return f"sqlite:///{data_dir / 'digest.db'}"
        scheme, _, rest = url.partition("://")
        if scheme == "sqlite" and rest.strip("/"):
            return f"sqlite:///{(self.path.parent / Path(rest[1:]).expanduser()).resolve()}"
        if scheme not in ("postgresql", "postgresql+psycopg"):
            self.mistakes.append(
                (("database", "url"), "must be sqlite:///FILE or postgresql://USER@HOST/NAME")
            )
        return url

    def _mail_server(self, n: int, server: MailServerTable) -> MailServer:
        where: toml.Location = ("mail_servers", n)
        by_token = server.auth == "xoauth2"
        what, keys = ("token", "token_file or token_command") if by_token else ("password", "password_file")
        variable = f"DIGEST_MAIL_{server.id.upper().replace('-', '_')}_{what.upper()}"
        password = self._given(variable, server.password_file, (*where, "password_file"))
        elsewhere = server.password_file or server.token_file or server.token_command
        if server.token_file and not password:
            self._read_secret(server.token_file, (*where, "token_file"))
        elif server.username and not password and not elsewhere:
            has_none = f"has no {what}; set {keys}, or {variable} in the environment"
            self.mistakes.append(((*where, "username"), has_none))
        if by_token and not server.username:
            self.mistakes.append(((*where, "auth"), "needs a username, the mailbox the token is for"))
        return MailServer.model_construct(**dict(server), password=password)

    def _bounces(self, table: BouncesTable) -> Bounces:
        file = table.imap_password_file
        password = self._given("DIGEST_IMAP_PASSWORD", file, ("bounces", "imap_password_file"))
        if table.imap_host and not password and not file:
            what = "has no password; set imap_password_file, or DIGEST_IMAP_PASSWORD in the environment"
            self.mistakes.append((("bounces", "imap_username"), what))
        return Bounces.model_construct(**dict(table), imap_password=password or "")

    def _llm(self, table: LlmTable) -> LlmSettings:
        key = self._given("DIGEST_LLM_KEY", table.key_file, ("llm", "key_file"))
        if key and not re.fullmatch(r"[!-~]+", key):
            self.mistakes.append((("llm", "key_file"), "the key must be printable ASCII without blanks"))
        return LlmSettings(**table.model_dump(exclude={"key_file"}), key=key or None)

    def _dkim(self, n: int, table: DkimTable) -> DkimKey:
        where: toml.Location = ("dkim", n, "key_file")
        if self._read_secret(table.key_file, where) is None:
            self.mistakes.append((where, f"make a key with: digest doctor dkim --new {table.key_file}"))
        domain = table.domain or self.tables.newsletter.sender.partition("@")[2]
        return DkimKey(selector=table.selector, key_file=table.key_file, domain=domain)
