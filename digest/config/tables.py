"""The tables of ``config.toml`` as pydantic sees them, and the checks between them.

Defaults stand here and nowhere else; docs/configuration.md repeats them and a test compares.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
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
    Strict,
    ValidationInfo,
    model_validator,
)

from digest import toml
from digest.model import Newsletter, Schedule, Term, Theme

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


def _must(test: Callable[[str], object], what: str) -> AfterValidator:
    """Refuse what *test* says no to, or raises for."""

    def check(value: str) -> str:
        with suppress(KeyError, ValueError, OSError):
            if test(value):
                return value
        raise ValueError(f"{value!r} is not {what}")

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


def _secure(value: str) -> str:
    """Articles and a key go there: in clear only within this machine."""
    parts = urlsplit(value)
    host = parts.hostname or ""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if parts.scheme != "https" and not loopback:
        raise ValueError("must begin with https://, except on this machine (127.0.0.1)")
    return value


def _cron(value: str) -> str:
    from digest.timing import check

    check(value)
    return value


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def _one_line(value: str) -> str:
    if not value.strip() or any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise ValueError("must be one line of text and not empty")
    return value


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _some(value: Any) -> Any:
    if not value:
        raise ValueError("must have at least 1 item")
    return value


def _place(value: object, info: ValidationInfo) -> Path:
    """An absolute path; relative ones start from the configuration's folder."""
    if not isinstance(value, str | Path):
        raise ValueError(f"should be a valid string, not {value!r}")
    folder: Any = info.context
    return Path(folder, Path(_one_line(str(value))).expanduser()).resolve()


def _there(what: str, test: Callable[[Path], bool]) -> AfterValidator:
    def check(path: Path) -> Path:
        if not test(path):
            raise ValueError(f"there is no {what} {path}")
        return path

    return AfterValidator(check)


T = TypeVar("T")
Many = Annotated[tuple[T, ...], Strict(False)]
Some = Annotated[Many[T], AfterValidator(_some)]
Place = Annotated[Path, BeforeValidator(_place)]
Line = Annotated[str, AfterValidator(_one_line)]
Id = Annotated[str, _must(_ID.fullmatch, "an id; use small letters, digits and single hyphens")]
Address = Annotated[str, _must(_ADDRESS.fullmatch, "a mail address; write it like name@example.org")]
Language = Annotated[str, _must(_LANGUAGE.fullmatch, "a language tag; write one like zh-CN or en")]
Colour = Annotated[str, _must(_COLOUR.fullmatch, "a colour; write it like #8a2b2b")]
WebAddress = Annotated[str, AfterValidator(_web_address)]
_ZONE = "a time zone; write one like Asia/Shanghai or UTC"
TimeZone = Annotated[str, _must(ZoneInfo, _ZONE)]
Network = Annotated[str, _must(ip_network, "a network; write it like 10.1.2.0/24")]
Expression = Annotated[str, AfterValidator(_expression)]
_DAYS = {
    "day": "*",
    "weekday": "1-5",
    "monday": "1",
    "tuesday": "2",
    "wednesday": "3",
    "thursday": "4",
    "friday": "5",
    "saturday": "6",
    "sunday": "0",
}
Every = Annotated[
    str, _must({*_DAYS, "month"}.__contains__, "day, weekday, month or a day of the week like monday")
]
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
Count = Annotated[int, Field(ge=1, le=1000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class NewsletterTable(_Table):
    name: Line
    sender: Address
    sender_name: Line | None = None
    list_id: (
        Annotated[str, _must(re.compile(r"[\w-]+(\.[\w-]+)+", re.ASCII).fullmatch, "a list id")] | None
    ) = None
    language: Language = "zh-CN"
    timezone: TimeZone = "Asia/Shanghai"
    base_url: WebAddress | None = None
    reply_to: Address | None = None
    unsubscribe_mailto: Address | None = None
    postal_address: str = ""

    def value(self) -> Newsletter:
        plain = dict(self)
        plain["sender_name"] = self.sender_name or self.name
        plain["list_id"] = self.list_id or f"digest.{self.sender.partition('@')[2]}"
        plain["base_url"] = self.base_url.rstrip("/") if self.base_url else None
        return Newsletter(**plain)


class PathsTable(_Table):
    data: Place = Path("var")
    seeds: Place = Path("seeds")
    templates: Many[Annotated[Place, _there("folder", Path.is_dir)]] = ()
    secret_file: Place | None = None


class DatabaseTable(_Table):
    url: Line | None = None
    url_file: Place | None = None
    keep_days: Annotated[int, Field(ge=30, le=36500)] | None = None


class DesignTable(_Table):
    punctuation: Literal["restore", "keep"] = "restore"
    tokens: dict[Id, Line] = {}


class TermTable(_Table):
    text: Line
    weight: Annotated[float, Field(gt=0, le=10)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        return {"text": value} if isinstance(value, str) else value


class ThemeTable(_Table):
    id: Id
    names: Annotated[dict[Language, Line], AfterValidator(_some)]
    terms: Annotated[dict[Language, Some[TermTable]], AfterValidator(_some)]
    must: Many[Line] = ()
    never: Many[Line] = ()
    threshold: Annotated[float, Field(gt=0)] = 1.0
    accent: Colour | None = None

    def value(self) -> Theme:
        terms = {tag: tuple(Term(**dict(term)) for term in words) for tag, words in self.terms.items()}
        return Theme(**{**dict(self), "terms": terms})


class ScheduleTable(_Table):
    id: Id
    themes: Annotated[Some[Id], BeforeValidator(_several)] = (_WORDS[0],)
    themes_per_edition: Count = 2
    items_per_theme: Count = 2
    recycle_after_days: Annotated[int, Field(ge=1, le=36500)] = 365
    every: Annotated[Some[Every], BeforeValidator(_several)] | None = None
    at: Annotated[str, _must(_CLOCK.fullmatch, "a time of day; write it like 08:00")] | None = None
    cron: Annotated[str, AfterValidator(_cron)] | None = None
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

    def value(self) -> Schedule:
        plain = self.model_dump(exclude={"every", "at", "cron", "grace_hours"})
        return Schedule(**plain, cron=self._fields(), grace_s=self.grace_hours * 3600)

    def _fields(self) -> str | None:
        """``every`` and ``at`` in cron's words."""
        if not self.every:
            return self.cron
        hour, minute = (self.at or "08:00").split(":")
        if "month" in self.every:
            return f"{int(minute)} {int(hour)} 1 * *"
        days = ",".join(_DAYS[word] for word in self.every)
        return f"{int(minute)} {int(hour)} * * {days}"


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


class MailServerTable(_Table):
    id: Id
    host: Line
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Line | None = None
    password_file: Place | None = None
    auth: Literal["auto", "plain", "login", "cram-md5", "xoauth2"] = "auto"
    token_file: Place | None = None
    token_command: Line | None = None
    verify: bool = True
    ca_file: Annotated[Place, _there("file", Path.is_file)] | None = None
    clear_credentials: bool = False
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    per_second: Annotated[float, Field(gt=0)] | None = None
    per_minute: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        tokens = [self.token_file, self.token_command]
        if any(tokens) and self.auth != "xoauth2":
            raise ValueError('has a token; set auth = "xoauth2" to log in with it')
        if all(tokens) or (any(tokens) and self.password_file):
            raise ValueError("give one of password_file, token_file and token_command")
        return self


class MailServer(MailServerTable):
    """A relay. For ``xoauth2`` the password is an access token, unless a file or command gives fresh ones."""

    password: str | None = Field(repr=False)


class DomainLimit(_Table):
    """What a recipient domain is sent at most; ``*`` is each domain that has no limit of its own."""

    domain: Annotated[Line, AfterValidator(str.lower)]
    per_second: Annotated[float, Field(gt=0)] | None = None
    per_minute: Annotated[float, Field(gt=0)] | None = None
    connections: Annotated[int, Field(ge=1, le=100)] | None = None


class LlmTable(_Table):
    endpoint: Annotated[str, AfterValidator(_web_address), AfterValidator(_secure)]
    model: Line
    key_file: Place | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    deadline_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    max_requests: Annotated[int, Field(ge=0, le=1000)] = 20
    max_cost: Annotated[float, Field(ge=0)] | None = None
    input_price: Annotated[float, Field(ge=0)] = 0.0
    output_price: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.max_cost is not None and not (self.input_price or self.output_price):
            raise ValueError("max_cost needs input_price and output_price, of a million tokens")
        return self


class OperatorTable(_Table):
    mail: Address | None = None
    header: (
        Annotated[str, _must(re.compile(r"[A-Za-z][A-Za-z0-9-]*").fullmatch, "a header's name")] | None
    ) = None
    proxies: Many[Network] = ()


class DeliveryTable(_Table):
    uncertain: Literal["resend", "hold"] = "resend"
    maildir: Place | None = None


class BouncesTable(_Table):
    address: Address
    mailbox: Annotated[Place, _there("Maildir or mbox", Path.exists)] | None = None
    imap_host: Line | None = None
    imap_port: Annotated[int, Field(ge=1, le=65535)] = 993
    imap_username: Line | None = None
    imap_password_file: Place | None = None
    imap_folder: Line = "INBOX"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.mailbox) == bool(self.imap_host):
            raise ValueError("give either mailbox (a Maildir or mbox) or imap_host")
        if self.imap_host and not self.imap_username:
            raise ValueError("imap_host needs imap_username")
        return self


class Bounces(BouncesTable):
    """Where returned mail comes back: *address* is the base of every return path."""

    imap_password: str = Field(repr=False)


class DkimTable(_Table):
    selector: Annotated[str, _must(_ID.fullmatch, "a selector; use small letters, digits and single hyphens")]
    key_file: Place
    domain: Line | None = None


_EMPTY: Any = {}
"""A table that is not there: it is read like one without keys."""


class File(_Table):
    newsletter: NewsletterTable
    paths: PathsTable = _EMPTY
    database: DatabaseTable = _EMPTY
    design: DesignTable = _EMPTY
    delivery: DeliveryTable = _EMPTY
    operator: OperatorTable = _EMPTY
    fetching: FetchingTable = _EMPTY
    themes: Some[ThemeTable]
    schedules: Some[ScheduleTable]
    feeds: Many[FeedTable] = ()
    site_rules: Many[SiteRuleTable] = ()
    mail_servers: Many[MailServerTable] = ()
    domain_limits: Many[DomainLimit] = ()
    bounces: BouncesTable | None = None
    llm: LlmTable | None = None
    dkim: Many[DkimTable] = ()


def between(data: Mapping[str, Any]) -> Iterator[toml.Mistake]:
    """What no single key can tell: doubled ids, unknown themes, passwords inside addresses."""
    for name, key in (
        ("themes", "id"),
        ("schedules", "id"),
        ("feeds", "id"),
        ("feeds", "url"),
        ("mail_servers", "id"),
        ("domain_limits", "domain"),
    ):
        yield from _doubled(name, key, _tables(data, name))
    yield from _unknown_themes(data)
    delivery = data.get("delivery")
    if isinstance(delivery, dict) and "maildir" in delivery and data.get("mail_servers"):
        yield ("delivery", "maildir"), "mail goes into a folder or to mail_servers, not both; take one out"
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
