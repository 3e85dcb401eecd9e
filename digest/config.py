"""Reading ``config.toml``: plain values for everyone else, or every mistake at once.

Nothing runs before the whole file is right. Secrets come from the environment or from files
named by ``*_file`` keys, never from ``config.toml`` itself.

Environment: ``DIGEST_SECRET`` (signs links), ``DIGEST_DATABASE_URL`` (instead of ``database.url``),
``DIGEST_MAIL_<ID>_PASSWORD`` (one a mail server, its id in capitals with ``_`` for ``-``).
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from digest import toml
from digest.errors import ConfigError
from digest.model import FeedConfig, FeedSettings, Newsletter, Schedule, SiteRule, Term, Theme

NAME = "config.toml"
DEFAULTS = Path(__file__).parent / "defaults"
"""What ``digest init`` copies; shipped with the program."""

# RFC 5321 section 4.1.2, Dot-string and Domain only: what every mail server takes. Lengths: section 4.5.3.1.
_ADDRESS = re.compile(
    r"(?=.{3,254}$)(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*",
    re.ASCII | re.IGNORECASE,
)
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_WORDS = ("rotate", "auto")
"""What a schedule may say instead of naming its themes; no theme can be called so."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or re.search(r"[\s\x00-\x1f<>\"]", value):
        raise ValueError(f"{value!r} is not a web address; write it with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password; addresses are shown to people, leave them out")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write one like Asia/Shanghai or UTC") from None
    return value


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a network; write it like 10.1.2.0/24") from None
    return value


def _one_line(value: str) -> str:
    if not value.strip() or any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise ValueError("must be one line of text and not empty")
    return value


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(_one_line)]
Id = Annotated[str, _matching(_ID, "an id; use small letters, digits and single hyphens")]
Address = Annotated[str, _matching(_ADDRESS, "a mail address; write it like name@example.org")]
Language = Annotated[str, _matching(_LANGUAGE, "a language tag; write one like zh-CN or en")]
Colour = Annotated[str, _matching(_COLOUR, "a colour; write it like #8a2b2b")]
WebAddress = Annotated[str, AfterValidator(_web_address)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Network = Annotated[str, AfterValidator(_network)]
Expression = Annotated[str, AfterValidator(_expression)]
Count = Annotated[int, Field(ge=1, le=1000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Newsletter(_Table):
    name: Line
    sender: Address
    sender_name: Line | None = None
    list_id: Annotated[str, _matching(re.compile(r"[\w-]+(\.[\w-]+)+", re.ASCII), "a list id")] | None = None
    language: Language = "zh-CN"
    timezone: TimeZone = "Asia/Shanghai"
    base_url: WebAddress | None = None
    reply_to: Address | None = None
    unsubscribe_mailto: Address | None = None
    postal_address: str = ""


class _Paths(_Table):
    data: Line = "var"
    seeds: Line = "seeds"
    templates: list[Line] = []
    secret_file: Line | None = None


class _Database(_Table):
    url: Line | None = None
    url_file: Line | None = None


class _Design(_Table):
    punctuation: Literal["restore", "keep"] = "restore"
    tokens: dict[Id, Line] = {}


class _Term(_Table):
    text: Line
    weight: Annotated[float, Field(gt=0, le=10)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value


class _Theme(_Table):
    id: Id
    names: Annotated[dict[Language, Line], Field(min_length=1)]
    terms: Annotated[dict[Language, Annotated[list[_Term], Field(min_length=1)]], Field(min_length=1)]
    must: list[Line] = []
    never: list[Line] = []
    threshold: Annotated[float, Field(gt=0)] = 1.0
    accent: Colour | None = None

    def value(self) -> Theme:
        terms = {tag: tuple(Term(**dict(term)) for term in words) for tag, words in self.terms.items()}
        plain = self.model_dump(exclude={"terms", "must", "never"})
        return Theme(**plain, terms=terms, must=tuple(self.must), never=tuple(self.never))


class _Schedule(_Table):
    id: Id
    themes: Annotated[list[Id], Field(min_length=1), BeforeValidator(_several)] = [_WORDS[0]]
    themes_per_edition: Count = 2
    items_per_theme: Count = 2
    recycle_after_days: Annotated[int, Field(ge=1, le=36500)] = 365

    def value(self) -> Schedule:
        return Schedule(**self.model_dump(exclude={"themes"}), themes=tuple(self.themes))


class _SiteRule(_Table):
    name: Line
    match: Expression
    drop: list[Expression] = []
    outlet: Line | None = None
    republisher: Line | None = None

    def value(self) -> SiteRule:
        return SiteRule(**self.model_dump(exclude={"drop"}), drop=tuple(self.drop))


class _Feed(_Table):
    id: Id
    url: WebAddress
    title: Line | None = None
    tags: list[Line] = []
    full_text: bool = False
    allow_private: bool = False

    def value(self) -> FeedConfig:
        return FeedConfig(**self.model_dump(exclude={"tags"}), tags=tuple(self.tags))


class _Fetching(_Table):
    contact: Line | None = None
    allow: list[Network] = []
    concurrency: Count = 32
    deadline_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_bytes: Annotated[int, Field(ge=10_000)] = 10 * 1024 * 1024
    shortest_s: Annotated[int, Field(ge=60)] = 15 * 60
    longest_s: Annotated[int, Field(ge=60)] = 24 * 3600
    first_news: Annotated[int, Field(ge=0)] = 3

    def value(self, sender: str) -> FeedSettings:
        plain = self.model_dump(exclude={"allow", "contact"})
        return FeedSettings(**plain, allow=tuple(self.allow), contact=self.contact or sender)


class _MailServer(_Table):
    id: Id
    host: Line
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Line | None = None
    password_file: Line | None = None
    auth: Literal["auto", "plain", "login", "cram-md5"] = "auto"
    verify: bool = True
    ca_file: Line | None = None
    clear_credentials: bool = False
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    per_second: Annotated[float, Field(gt=0)] | None = None
    per_minute: Annotated[float, Field(gt=0)] | None = None


class _Delivery(_Table):
    uncertain: Literal["resend", "hold"] = "resend"


class _File(_Table):
    newsletter: _Newsletter
    paths: _Paths = _Paths()
    database: _Database = _Database()
    design: _Design = _Design()
    delivery: _Delivery = _Delivery()
    fetching: _Fetching = _Fetching()
    themes: Annotated[list[_Theme], Field(min_length=1)]
    schedules: Annotated[list[_Schedule], Field(min_length=1)]
    feeds: list[_Feed] = []
    site_rules: list[_SiteRule] = []
    mail_servers: list[_MailServer] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A relay. Without a *username* no login is tried; *ca_file* adds a private authority."""

    id: str
    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None
    password: str | None = field(repr=False)
    auth: Literal["auto", "plain", "login", "cram-md5"]
    verify: bool
    ca_file: Path | None
    clear_credentials: bool
    connections: int
    weight: int
    per_second: float | None
    per_minute: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration that has been found right. All paths are absolute.

    Args:
        database_url: SQLAlchemy's form; may hold a password, so it is kept out of ``repr``.
        templates_dirs: The operator's own, first one wins; ours come after them.
        design_tokens: Overrides of the template's design tokens, by name.
        mail_servers: Empty means the built-in inbox on loopback.
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
    data_dir: Path
    seeds_dir: Path
    templates_dirs: tuple[Path, ...]
    database_url: str = field(repr=False)
    design_tokens: Mapping[str, str]
    punctuation: Literal["restore", "keep"]
    uncertain: Literal["resend", "hold"]
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
    tables, line = toml.read(path, _File, also=_between)
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
        self, path: Path, tables: _File, line: Callable[[toml.Location], int], environ: Mapping[str, str]
    ) -> None:
        self.path, self.tables, self.line, self.environ = path, tables, line, environ
        self.mistakes: list[toml.Mistake] = []
        self.warnings: list[str] = []

    def config(self) -> Config:
        tables = self.tables
        data_dir = self._path(tables.paths.data)
        secret_file = self._path(tables.paths.secret_file or str(data_dir / "secret.key"))
        config = Config(
            path=self.path,
            newsletter=_newsletter(tables.newsletter),
            themes=tuple(theme.value() for theme in tables.themes),
            schedules=tuple(schedule.value() for schedule in tables.schedules),
            feeds=tuple(feed.value() for feed in tables.feeds),
            fetching=tables.fetching.value(tables.newsletter.sender),
            site_rules=tuple(rule.value() for rule in tables.site_rules),
            mail_servers=tuple(self._mail_server(n, server) for n, server in enumerate(tables.mail_servers)),
            data_dir=data_dir,
            seeds_dir=self._path(tables.paths.seeds),
            templates_dirs=tuple(self._folders()),
            database_url=self._database_url(data_dir),
            design_tokens=dict(tables.design.tokens),
            punctuation=tables.design.punctuation,
            uncertain=tables.delivery.uncertain,
            secret=self._secret(secret_file),
            secret_file=secret_file,
            warnings=(),
        )
        if self.mistakes:
            raise ConfigError(
                self.path, [(self.line(where), toml.dotted(where), what) for where, what in self.mistakes]
            )
        return replace(config, warnings=tuple(self.warnings))

    def _path(self, value: str) -> Path:
        return (self.path.parent / Path(value).expanduser()).resolve()

    def _folders(self) -> Iterator[Path]:
        for n, name in enumerate(self.tables.paths.templates):
            folder = self._path(name)
            if not folder.is_dir():
                self.mistakes.append((("paths", "templates", n), f"there is no folder {folder}"))
            yield folder

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
        given = self.environ.get("DIGEST_SECRET")
        if not given and (self.tables.paths.secret_file or file.exists()):
            given = self._read_secret(file, ("paths", "secret_file"))
        if given and len(given) < 32:
            self.mistakes.append(
                (("paths", "secret_file"), "the secret is too short; use 32 characters or more")
            )
        return given.encode() if given else None

    def _database_url(self, data_dir: Path) -> str:
        database = self.tables.database
        url = self.environ.get("DIGEST_DATABASE_URL") or database.url
        if database.url_file and not url:
            url = self._read_secret(self._path(database.url_file), ("database", "url_file"))
        if not url:
            return f"sqlite:///{data_dir / 'digest.db'}"
        scheme, _, rest = url.partition("://")
        if scheme == "sqlite" and rest.strip("/"):
            return f"sqlite:///{self._path(rest[1:])}"
        if scheme not in ("postgresql", "postgresql+psycopg"):
            self.mistakes.append((("database",), "must be sqlite:///FILE or postgresql://USER@HOST/NAME"))
        return url

    def _mail_server(self, n: int, server: _MailServer) -> MailServer:
        where: toml.Location = ("mail_servers", n)
        variable = f"DIGEST_MAIL_{server.id.upper().replace('-', '_')}_PASSWORD"
        password = self.environ.get(variable)
        if server.password_file and not password:
            password = self._read_secret(self._path(server.password_file), (*where, "password_file"))
        elif server.username and not password:
            self.mistakes.append(
                (
                    (*where, "username"),
                    f"has no password; set password_file, or {variable} in the environment",
                )
            )
        ca_file = self._path(server.ca_file) if server.ca_file else None
        if ca_file and not ca_file.is_file():
            self.mistakes.append(((*where, "ca_file"), f"there is no file {ca_file}"))
        plain = server.model_dump(exclude={"password_file", "ca_file"})
        return MailServer(**plain, password=password, ca_file=ca_file)


def _newsletter(table: _Newsletter) -> Newsletter:
    plain = table.model_dump()
    plain["sender_name"] = table.sender_name or table.name
    plain["list_id"] = table.list_id or f"digest.{table.sender.partition('@')[2]}"
    plain["base_url"] = table.base_url.rstrip("/") if table.base_url else None
    return Newsletter(**plain)


def _between(data: Mapping[str, Any]) -> Iterator[toml.Mistake]:
    """What no single key can tell: doubled ids, unknown themes, passwords inside addresses."""
    for name, key in (
        ("themes", "id"),
        ("schedules", "id"),
        ("feeds", "id"),
        ("feeds", "url"),
        ("mail_servers", "id"),
    ):
        yield from _doubled(name, key, _tables(data, name))
    yield from _unknown_themes(data)
    database = data.get("database")
    url = database.get("url") if isinstance(database, dict) else None
    if isinstance(url, str) and re.search(r"://[^/@]*:[^/@]+@", url):
        yield ("database", "url"), "holds a password; name a file with url_file, or set DIGEST_DATABASE_URL"


def _unknown_themes(data: Mapping[str, Any]) -> Iterator[toml.Mistake]:
    ids = [table.get("id") for table in _tables(data, "themes")]
    for word in set(ids) & set(_WORDS):
        yield ("themes", ids.index(word), "id"), f"{word!r} has a meaning of its own; choose another"
    known = ", ".join(repr(one) for one in ids)
    for n, schedule in enumerate(_tables(data, "schedules")):
        where: toml.Location = ("schedules", n, "themes")
        wanted = schedule.get("themes")
        if isinstance(wanted, str) and wanted not in _WORDS:
            yield where, f'must be "rotate", "auto" or a list of theme ids, not {wanted!r}'
        for m, theme in enumerate(wanted if isinstance(wanted, list) else ()):
            if theme not in ids:
                yield (*where, m), f"there is no theme {theme!r}; there are: {known}"


def _doubled(name: str, key: str, tables: Iterable[Mapping[str, Any]]) -> Iterator[toml.Mistake]:
    values = [repr(table.get(key)) for table in tables]
    counts = Counter(values)
    for n, value in enumerate(values):
        if counts[value] > 1 and value != "None" and n > values.index(value):
            yield (name, n, key), f"{value} is taken by {name}[{values.index(value) + 1}]; choose another"


def _tables(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = data.get(name)
    return [table if isinstance(table, dict) else {} for table in found] if isinstance(found, list) else []
