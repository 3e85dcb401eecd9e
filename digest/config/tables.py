"""The tables of ``config.toml`` as pydantic sees them, and the checks between them.

Defaults stand here and nowhere else; docs/configuration.md repeats them and a test compares.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from digest import toml
from digest.language import catalogs
from digest.model import FeedConfig, FeedSettings, LlmSettings, Newsletter, Schedule, SiteRule, Term, Theme
from digest.timing import check as check_cron

# RFC 5321 section 4.1.2, Dot-string and Domain only: what every mail server takes. Lengths: section 4.5.3.1.
_ADDRESS = (
    r"(?=.{3,254}$)(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_WORDS = ("rotate", "auto")
"""What a schedule may say instead of naming its themes; no theme can be called so."""
_LINE = r"[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*"
_NO_LINE = "must be one line of text and not empty"


@dataclass(slots=True)
class Around:
    """What lies around the file: validators have it as their context, and leave there what they find."""

    folder: Path
    environ: Mapping[str, str]
    warnings: list[str] = field(default_factory=list)
    secret: str | None = None

    def given(self, variable: str, file: Path | None) -> str | None:
        """A secret from the environment, else from *file*.

        Raises:
            ValueError: The file gives none.
        """
        return self.environ.get(variable) or (self.read(file) if file else None)

    def read(self, file: Path) -> str:
        try:
            text = file.read_text("utf-8").strip()
            others = file.stat().st_mode & 0o077
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is not UTF-8 text"
            raise ValueError(f"the secret in {file} cannot be read ({why})") from None
        if not text:
            raise ValueError(f"{file} is empty; put the secret in it")
        if others:
            self.warnings.append(f"{file} holds a secret and others can read it; run: chmod 600 {file}")
        return text


Info = ValidationInfo[Around]


@dataclass(frozen=True, slots=True)
class Made:
    """In an annotation: the value is what *make* makes of the keys of *table*."""

    table: type[BaseModel]
    make: Callable[..., object]

    def __get_pydantic_core_schema__(self, _: object, handler: GetCoreSchemaHandler) -> Any:
        return handler(Annotated[self.table, AfterValidator(lambda keys: self.make(**dict(keys)))])


def _must(test: Callable[[Any], object], what: str) -> AfterValidator:
    """Refuse what *test* says no to, or raises for, and say *what* of it: ``{0}``, and the error ``{1}``."""

    def check(value: object) -> object:
        error: Exception | None = None
        try:
            if test(value):
                return value
        except (KeyError, ValueError, OSError, re.error) as raised:
            error = raised
        raise ValueError(what.format(value, error))

    return AfterValidator(check)


def _like(pattern: str, what: str) -> AfterValidator:
    return _must(re.compile(pattern, re.ASCII).fullmatch, what)


_LATER: Any = None
"""For a key whose default is made of other keys; there is a value when the file has been read."""


def _unique(*keys: str) -> AfterValidator:
    """No two tables of a list have the same value of one of *keys*."""

    def check(tables: tuple[Any, ...], info: Info) -> tuple[Any, ...]:
        for key in keys:
            values = [getattr(table, key) for table in tables]
            for n, value in enumerate(values):
                if (first := values.index(value)) < n:
                    taken = f"{value!r} is taken by {info.field_name}[{first + 1}]; choose another"
                    raise toml.wrong(taken, n, key)
        return tables

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


def _private(url: str) -> bool:
    """Articles and a key go there: in clear only within this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" or host == "localhost" or ip_address(host).is_loopback


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _turns(value: object) -> object:
    """A word for a way to take themes, or a list of them."""
    if isinstance(value, str) and value not in _WORDS:
        raise ValueError(f'must be "rotate", "auto" or a list of theme ids, not {value!r}')
    return _several(value)


def _place(value: object, info: Info) -> Path:
    """An absolute path; relative ones start from the configuration's folder."""
    if not isinstance(value, str | Path):
        raise ValueError(f"should be a valid string, not {value!r}")
    if not re.fullmatch(_LINE, str(value)):
        raise ValueError(_NO_LINE)
    return Path(info.context.folder, Path(value).expanduser()).resolve()


def _secret(variable: Callable[[Info], str]) -> BeforeValidator:
    """The secret itself, from the file that the key names; the environment's when it has one."""

    def read(value: object, info: Info) -> str | None:
        return info.context.given(variable(info), None if value is None else _place(value, info))

    return BeforeValidator(read)


def _signing(given: object, info: Info) -> Path:
    """The configured file, which must be there, or else the one that is made in the data folder."""
    around = info.context
    data = info.data.get("data", around.folder)
    file = data / "secret.key" if given is None else _place(given, info)
    around.secret = around.given("DIGEST_SECRET", file if given is not None or file.exists() else None)
    if around.secret and len(around.secret) < 32:
        by_file = not around.environ.get("DIGEST_SECRET")
        told = f"the secret in {file}" if by_file else "DIGEST_SECRET in the environment"
        raise ValueError(f"{told} is too short; use 32 characters or more")
    return file


T = TypeVar("T")
Many = Annotated[tuple[T, ...], Strict(False)]
_some = _must(len, "must have at least 1 item")
Some = Annotated[Many[T], _some]
Place = Annotated[Path, BeforeValidator(_place)]
Line = Annotated[str, _must(re.compile(_LINE).fullmatch, _NO_LINE)]
_NO_ID = "{!r} is not an id; use small letters, digits and single hyphens"
Id = Annotated[str, _like(r"[a-z0-9]+(?:-[a-z0-9]+)*", _NO_ID)]
ListId = Annotated[str, _like(r"[\w-]+(\.[\w-]+)+", "{!r} is not a list id")]
Address = Annotated[str, _like(_ADDRESS, "{!r} is not a mail address; write it like name@example.org")]
_NO_TAG = "{!r} is not a language tag; write one like zh-CN or en"
Language = Annotated[str, _like(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", _NO_TAG)]
Colour = Annotated[str, _like(r"#[0-9a-fA-F]{6}", "{!r} is not a colour; write it like #8a2b2b")]
WebAddress = Annotated[str, AfterValidator(_web_address)]
_ZONE = "{!r} is not a time zone; write one like Asia/Shanghai or UTC"
Network = Annotated[str, _must(ip_network, "{!r} is not a network; write it like 10.1.2.0/24")]
Expression = Annotated[str, _must(re.compile, "is not a regular expression: {1}")]
Header = Annotated[str, _like(r"[A-Za-z][A-Za-z0-9-]*", "{!r} is not a header's name")]
_WEEK = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DAYS = {"day": "*", "weekday": "1-5", **{name: str(n) for n, name in enumerate(_WEEK)}}
Every = Annotated[
    str,
    _must({*_DAYS, "month"}.__contains__, "{!r} is not day, weekday, month or a day of the week like monday"),
]
Clock = Annotated[str, _like(r"([01]?\d|2[0-3]):[0-5]\d", "{!r} is not a time of day; write it like 08:00")]
Count = Annotated[int, Field(ge=1, le=1000)]
Connections = Annotated[int, Field(ge=1, le=100)]
Port = Annotated[int, Field(ge=1, le=65535)]
Rate = Annotated[float, Field(gt=0)]
Price = Annotated[float, Field(ge=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class NewsletterTable(_Table):
    name: Line
    sender: Address
    sender_name: Line | None = None
    list_id: ListId | None = None
    language: Language = "zh-CN"
    timezone: Annotated[str, _must(ZoneInfo, _ZONE)] = "Asia/Shanghai"
    base_url: Annotated[WebAddress, AfterValidator(lambda url: url.rstrip("/"))] | None = None
    reply_to: Address | None = None
    unsubscribe_mailto: Address | None = None
    postal_address: str = ""


def _newsletter(*, sender_name: str | None, list_id: str | None, **same: Any) -> Newsletter:
    domain = same["sender"].partition("@")[2]
    return Newsletter(**same, sender_name=sender_name or same["name"], list_id=list_id or f"digest.{domain}")


class Paths(_Table):
    """All are absolute, *secret_file* also when none is configured: one is made there."""

    data: Place = Path("var")
    seeds: Place = Path("seeds")
    templates: Many[Annotated[Place, _must(Path.is_dir, "there is no folder {}")]] = ()
    secret_file: Annotated[Place, BeforeValidator(_signing)] = _LATER


class Database(_Table):
    """*url* is SQLAlchemy's form; *url_file* and the environment have the last word on it.

    What is older than *keep_days* is forgotten (see ``Store.prune``); None forgets nothing.
    """

    url: Annotated[
        Line,
        _must(
            lambda url: not re.search(r"://[^/@]*:[^/@]+@", url),
            "holds a password; name a file with url_file, or set DIGEST_DATABASE_URL",
        ),
        Field(repr=False, validate_default=False),
    ] = _LATER
    secret_url: Annotated[
        str | None, _secret(lambda _: "DIGEST_DATABASE_URL"), Field(alias="url_file", repr=False)
    ] = None
    keep_days: Annotated[int, Field(ge=30, le=36500)] | None = None


class Design(_Table):
    punctuation: Literal["restore", "keep"] = "restore"
    tokens: dict[Id, Line] = {}


class TermTable(_Table):
    text: Line
    weight: Annotated[float, Field(ge=0, le=10)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value


class ThemeTable(_Table):
    id: Annotated[Id, _must(lambda id: id not in _WORDS, "{!r} has a meaning of its own; choose another")]
    names: Annotated[dict[Language, Line], _some]
    terms: Annotated[dict[Language, Some[Annotated[Term, Made(TermTable, Term)]]], _some]
    must: Many[Line] = ()
    never: Many[Line] = ()
    threshold: Rate = 1.0
    accent: Colour | None = None


class ScheduleTable(_Table):
    id: Id
    themes: Annotated[Some[Id], BeforeValidator(_turns)] = (_WORDS[0],)
    themes_per_edition: Count = 2
    items_per_theme: Count = 2
    recycle_after_days: Annotated[int, Field(ge=1, le=36500)] = 365
    every: Annotated[Some[Every], BeforeValidator(_several)] | None = None
    at: Clock | None = None
    cron: Annotated[str, _must(lambda value: check_cron(value) is None, "{1}")] | None = None
    timezone: Annotated[str, _must(lambda value: value == "reader" or ZoneInfo(value), _ZONE)] | None = None
    late: Literal["send", "fold", "drop"] = "fold"
    grace_hours: Annotated[float, Field(gt=0, le=24 * 31)] = 6.0
    minimum_items: Count = 1
    review: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.cron and (self.every or self.at):
            raise ValueError("give either cron, or every and at")
        if self.at and not self.every:
            raise ValueError('has a time and no day; add every = "day", "weekday" or a day of the week')
        return self


def _schedule(
    *, every: tuple[str, ...] | None, at: str | None, cron: str | None, grace_hours: float, **same: Any
) -> Schedule:
    """``every`` and ``at`` in cron's words."""
    if every:
        hour, minute = map(int, (at or "08:00").split(":"))
        days = "1 * *" if "month" in every else f"* * {','.join(_DAYS[word] for word in every)}"
        cron = f"{minute} {hour} {days}"
    return Schedule(**same, cron=cron, grace_s=grace_hours * 3600)


def _of_themes(schedules: tuple[Schedule, ...], info: Info) -> tuple[Schedule, ...]:
    ids = [theme.id for theme in info.data.get("themes", ())]
    for n, schedule in enumerate(schedules):
        for m, theme in enumerate(schedule.themes if ids and schedule.themes[0] not in _WORDS else ()):
            if theme not in ids:
                what = f"there is no theme {theme!r}; there are: {', '.join(map(repr, ids))}"
                raise toml.wrong(what, n, "themes", m)
    return schedules


class SiteRuleTable(_Table):
    name: Line
    match: Expression
    drop: Many[Expression] = ()
    outlet: Line | None = None
    republisher: Line | None = None


class FeedTable(_Table):
    id: Id
    url: WebAddress
    title: Line | None = None
    tags: Many[Line] = ()
    full_text: bool = False
    allow_private: bool = False


class FetchingTable(_Table):
    contact: Line | None = None
    allow: Many[Network] = ()
    concurrency: Count = 32
    deadline_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_bytes: Annotated[int, Field(ge=10_000)] = 10 * 1024 * 1024
    shortest_s: Annotated[int, Field(ge=60)] = 15 * 60
    longest_s: Annotated[int, Field(ge=60)] = 24 * 3600
    first_news: Annotated[int, Field(ge=0)] = 3


class MailServer(_Table):
    """A relay. For ``xoauth2`` the password is an access token, unless a file or command gives fresh ones."""

    id: Id
    host: Line
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Line | None = None
    auth: Literal["auto", "plain", "login", "cram-md5", "xoauth2"] = "auto"
    password: Annotated[
        str | None,
        _secret(lambda info: _variable(info.data)),
        Field(alias="password_file", repr=False),
    ] = None
    token_file: Place | None = None
    token_command: Line | None = None
    verify: bool = True
    ca_file: Annotated[Place, _must(Path.is_file, "there is no file {}")] | None = None
    clear_credentials: bool = False
    connections: Connections = 4
    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    per_second: Rate | None = None
    per_minute: Rate | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_secret(cls, table: Any) -> Any:
        secrets = {"password_file", "token_file", "token_command"}
        if isinstance(table, dict) and len(secrets & table.keys()) > 1:
            raise ValueError("give one of password_file, token_file and token_command")
        return table

    @field_validator("token_file")
    @classmethod
    def _readable(cls, file: Path | None, info: Info) -> Path | None:
        if file and not info.data.get("password"):
            info.context.read(file)
        return file

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        by_token, has_token = self.auth == "xoauth2", bool(self.token_file or self.token_command)
        if has_token and not by_token:
            raise ValueError('has a token; set auth = "xoauth2" to log in with it')
        if by_token and not self.username:
            raise toml.wrong("needs a username, the mailbox the token is for", "auth")
        if self.username and self.security == "none" and not self.clear_credentials:
            what = 'security = "none" would show its password to everybody'
            raise ValueError(f"{what}; set clear_credentials = true to send it")
        if self.username and not (self.password or has_token):
            what = "token; set token_file or token_command" if by_token else "password; set password_file"
            raise toml.wrong(f"has no {what}, or {_variable(dict(self))} in the environment", "username")
        return self


def _variable(server: Mapping[str, Any]) -> str:
    """Where the environment has a server's password."""
    what = "TOKEN" if server.get("auth") == "xoauth2" else "PASSWORD"
    return f"DIGEST_MAIL_{server.get('id', '').upper().replace('-', '_')}_{what}"


class DomainLimit(_Table):
    """What a recipient domain is sent at most; ``*`` is each domain that has no limit of its own."""

    domain: Annotated[Line, StringConstraints(to_lower=True)]
    per_second: Rate | None = None
    per_minute: Rate | None = None
    connections: Connections | None = None


class LlmTable(_Table):
    endpoint: Annotated[
        str,
        AfterValidator(_web_address),
        _must(_private, "must begin with https://, except on this machine (127.0.0.1)"),
    ]
    model: Line
    key: Annotated[str | None, _secret(lambda _: "DIGEST_LLM_KEY"), Field(alias="key_file")] = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    deadline_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    max_requests: Annotated[int, Field(ge=0, le=1000)] = 20
    max_cost: Price | None = None
    input_price: Price = 0.0
    output_price: Price = 0.0

    @model_validator(mode="after")
    def _payable(self) -> Self:
        if self.key and not re.fullmatch(r"[!-~]+", self.key):
            raise toml.wrong("the key must be printable ASCII without blanks", "key_file")
        if self.max_cost is not None and not (self.input_price or self.output_price):
            raise ValueError("max_cost needs input_price and output_price, of a million tokens")
        return self


class Operator(_Table):
    """Who is told when something needs a hand, and who besides the password opens the operator's page.

    *header* is set by a proxy in *proxies* to the name of somebody who may see it; the word of these on a
    visitor's address is believed (``X-Forwarded-For``).
    """

    mail: Address | None = None
    header: Header | None = None
    proxies: Many[Network] = ()


class Delivery(_Table):
    uncertain: Literal["resend", "hold"] = "resend"
    maildir: Place | None = None


class Bounces(_Table):
    """Where returned mail comes back: *address* is the base of every return path."""

    address: Address
    mailbox: Annotated[Place, _must(Path.exists, "there is no Maildir or mbox {}")] | None = None
    imap_host: Line | None = None
    imap_port: Port = 993
    imap_username: Line | None = None
    imap_password: Annotated[
        str | None, _secret(lambda _: "DIGEST_IMAP_PASSWORD"), Field(alias="imap_password_file", repr=False)
    ] = None
    imap_folder: Line = "INBOX"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.mailbox) == bool(self.imap_host):
            raise ValueError("give either mailbox (a Maildir or mbox) or imap_host")
        if self.imap_host and not self.imap_username:
            raise ValueError("imap_host needs imap_username")
        if self.imap_host and not self.imap_password:
            what = "has no password; set imap_password_file, or DIGEST_IMAP_PASSWORD in the environment"
            raise toml.wrong(what, "imap_username")
        return self


class DkimKey(_Table):
    selector: Id
    key_file: Place
    domain: Annotated[Line, Field(validate_default=False)] = _LATER

    @field_validator("key_file")
    @classmethod
    def _readable(cls, file: Path, info: Info) -> Path:
        try:
            info.context.read(file)
        except ValueError as error:
            raise ValueError(f"{error}; make a key with: digest doctor dkim --new {file}") from None
        return file


_EMPTY: Any = {}
"""A table that is not there: it is read like one without keys."""


class File(_Table):
    """Without *mail_servers* mail goes to *delivery.maildir*, else to the built-in inbox on loopback."""

    newsletter: Annotated[Newsletter, Made(NewsletterTable, _newsletter)]
    paths: Paths = _EMPTY
    database: Database = _EMPTY
    design: Design = _EMPTY
    delivery: Delivery = _EMPTY
    operator: Operator = _EMPTY
    fetching: Annotated[FeedSettings, Made(FetchingTable, FeedSettings)] = _EMPTY
    themes: Annotated[Some[Annotated[Theme, Made(ThemeTable, Theme)]], _unique("id")]
    schedules: Annotated[
        Some[Annotated[Schedule, Made(ScheduleTable, _schedule)]], _unique("id"), AfterValidator(_of_themes)
    ]
    feeds: Annotated[Many[Annotated[FeedConfig, Made(FeedTable, FeedConfig)]], _unique("id", "url")] = ()
    site_rules: Many[Annotated[SiteRule, Made(SiteRuleTable, SiteRule)]] = ()
    mail_servers: Annotated[Many[MailServer], _unique("id")] = ()
    domain_limits: Annotated[Many[DomainLimit], _unique("domain")] = ()
    bounces: Bounces | None = None
    llm: Annotated[LlmSettings, Made(LlmTable, LlmSettings)] | None = None
    dkim: Many[DkimKey] = ()

    @field_validator("database")
    @classmethod
    def _address(cls, database: Database, info: Info) -> Database:
        data = info.data["paths"].data if "paths" in info.data else info.context.folder
        url = database.secret_url or database.url or f"sqlite:///{data / 'digest.db'}"
        scheme, _, rest = url.partition("://")
        if scheme == "sqlite" and rest.strip("/"):
            url = f"sqlite:///{(info.context.folder / Path(rest[1:]).expanduser()).resolve()}"
        elif scheme not in ("postgresql", "postgresql+psycopg"):
            raise toml.wrong("must be sqlite:///FILE or postgresql://USER@HOST/NAME", "url")
        return database.model_copy(update={"url": url})

    @model_validator(mode="after")
    def _between(self) -> Self:
        if self.delivery.maildir and self.mail_servers:
            what = "mail goes into a folder or to mail_servers, not both; take one out"
            raise toml.wrong(what, "delivery", "maildir")
        tags = sorted(catalogs(folder / "locale" for folder in self.paths.templates))
        language = self.newsletter.language
        if language.partition("-")[0] not in {tag.partition("-")[0] for tag in tags}:
            what = f"there are no words in {language!r}; there are: {', '.join(tags)}"
            raise toml.wrong(what, "newsletter", "language")
        letter, domain = self.newsletter, self.newsletter.sender.partition("@")[2]
        mailto = letter.unsubscribe_mailto or (self.bounces.address if self.bounces else None)
        filled = {
            "newsletter": replace(letter, unsubscribe_mailto=mailto),
            "fetching": replace(self.fetching, contact=self.fetching.contact or letter.sender),
            "dkim": tuple(key.model_copy(update={"domain": key.domain or domain}) for key in self.dkim),
        }
        return self.model_copy(update=filled)
