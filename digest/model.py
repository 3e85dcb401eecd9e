"""The values that flow through Digest: frozen, keyword-only, compared by content.

Offsets count characters (code points) of ``Article.text``. Times are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Precision(StrEnum):
    """How much of a date the page told."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """When a page says it was published, and where it says so.

    Args:
        at: Aware, in the page's own zone (UTC+8 assumed for Chinese pages that name none);
            parts below *precision* are zero (day and month: the first moment).
        read_from: The words of the page it was read from.
    """

    at: datetime
    precision: Precision
    read_from: str = ""

    def __str__(self) -> str:
        """ISO 8601, no more of it than is known: 2023-07-07T21:43:09+08:00, 2019-04-24, 2021-06."""
        if self.precision in (Precision.SECOND, Precision.MINUTE):
            return self.at.isoformat(timespec=f"{self.precision}s")
        return self.at.strftime("%Y-%m-%d" if self.precision is Precision.DAY else "%Y-%m")


class BlockKind(StrEnum):
    PARAGRAPH = "paragraph"
    HEADING = "heading"
    ASIDE = "aside"
    """Of the text but not of its telling, and never quoted: who wrote it, a caption, code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A heading, paragraph or aside: ``text[start:end]``. Blocks are in order and do not overlap."""

    kind: BlockKind
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Words a site spliced into a sentence, taken out of the text.

    Args:
        at: Offset in ``Article.text`` where they stood.
        removed: The words themselves; for the operator only, never shown to readers.
    """

    at: int
    removed: str
    reason: str


class Severity(StrEnum):
    """What a flag does to an article: tell the operator, tell the reader, keep it from readers."""

    NOTE = "note"
    CAUTION = "caution"
    QUARANTINE = "quarantine"


_OPENING, _OPENINGS = 30, 6
"""Characters kept of a block that was thrown away, and of how many for each reason."""
_GRAVITY = {severity: number for number, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Something the gate or the cleaner noticed.

    Args:
        code: Stable word, for example ``spun``, ``spliced``, ``doubled``, ``gambling``, ``link-farm``,
            ``stuffed``, ``boilerplate``, ``outlet-inferred``, ``undated``, ``charset-repaired``.
        reason: One English sentence for the operator, with the evidence in it.
        score: 0 to 1, how sure.
    """

    code: str
    severity: Severity
    reason: str
    score: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What cleaning threw away of a page for one reason, as ``digest why`` tells months later.

    Args:
        blocks: Or places in sentences; openings: how the first of them begin.
    """

    reason: str
    blocks: int
    openings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file that belongs to an article: sound, video, a document.

    Args:
        kind: Media type in small letters, ``audio/mpeg``; empty when the feed does not tell.
        size: Bytes; seconds: playing time. 0 where the feed does not tell.
    """

    url: str
    kind: str = ""
    size: int = 0
    seconds: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A cleaned article. Everything quoted anywhere is a span of ``text``.

    ``text`` is the blocks joined by blank lines, the source's own characters save white space
    (runs become one blank) and the *cuts*.

    Args:
        source_id: Stable and unique: ``seeds/NAME`` or ``feeds/FEED/ENTRY``.
        outlet: Who wrote it; republisher: whose page it was, None when it is the outlet's own.
        held_on: The day an interview was held, when the text says so.
        note: An editor's note from ``seeds/notes.toml``, shown as such.
        evergreen: Seeds: news of no day, doled out over time.
    """

    source_id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    language: str
    url: str | None = None
    authors: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    outlet: str | None = None
    republisher: str | None = None
    published: Published | None = None
    held_on: date | None = None
    cuts: tuple[Cut, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    flags: tuple[Flag, ...] = ()
    note: str | None = None
    evergreen: bool = False
    enclosures: tuple[Enclosure, ...] = ()

    @property
    def severity(self) -> Severity:
        """The gravest of the flags."""
        return max((flag.severity for flag in self.flags), key=_GRAVITY.__getitem__, default=Severity.NOTE)

    def headings(self) -> tuple[str, ...]:
        return tuple(self.text[b.start : b.end] for b in self.blocks if b.kind is BlockKind.HEADING)

    def paragraphs(self) -> tuple[Block, ...]:
        return tuple(b for b in self.blocks if b.kind is BlockKind.PARAGRAPH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of one block of the page, for ``digest clean --explain``."""

    line: int
    text: str
    kept: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What cleaning made of a page.

    Args:
        article: None when the page holds none; then *reason* says why.
        decisions: One a block, in page order; the dropped ones are the page's surroundings.
    """

    article: Article | None
    reason: str = ""
    decisions: tuple[Decision, ...] = ()

    def dropped(self) -> tuple[Dropped, ...]:
        """Blocks that became neither text nor title, and words cut out of sentences, by reason."""
        texts: dict[str, list[str]] = {}
        for one in self.decisions:
            if not one.kept and one.reason != "title":
                texts.setdefault(one.reason, []).append(one.text[:_OPENING])
        for cut in self.article.cuts if self.article else ():
            texts.setdefault(cut.reason, []).append(cut.removed)
        return tuple(
            Dropped(reason=reason, blocks=len(found), openings=tuple(dict.fromkeys(found))[:_OPENINGS])
            for reason, found in texts.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word of a theme. Weight 1 is ordinary; spun or loose synonyms get less.

    Weight 0 is no term: where it stands, no shorter one does (要求学 hides 求学).
    """

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What readers subscribe to.

    Args:
        names: By language tag; never empty.
        terms: By language tag. Matched in any text whatever its language.
        must: At least one of these must stand in an article; never: none of them may.
        threshold: Score under which an article is simply not about the theme.
    """

    id: str
    names: Mapping[str, str]
    terms: Mapping[str, tuple[Term, ...]]
    must: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    threshold: float = 1.0
    accent: str | None = None

    def name(self, language: str) -> str:
        """In *language* (``zh-CN`` falls back on ``zh``), else in the first language given."""
        for tag in (language, language.split("-")[0]):
            for key, name in self.names.items():
                if key == tag or key.split("-")[0] == tag:
                    return name
        return next(iter(self.names.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A term found in an article: how often, and what it added to the score."""

    term: str
    count: int
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How much an article is about a theme. Matches are ordered by points, largest first."""

    theme_id: str
    total: float
    matches: tuple[Match, ...] = ()


class Role(StrEnum):
    LEAD = "lead"
    POINT = "point"
    QUOTE = "quote"
    FIGURE = "figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A verbatim span of an article, and what it is used for.

    Args:
        text: ``article.text[start:end]``, nothing else.
        speaker: As printed, when the words are somebody's and the span does not say whose.
        number: Role figure only: digits, unit and hedge exactly as written, a part of *text*.
        label: Role figure only: a part of *text* that says what is counted.
        by: ``source``, or ``model`` (then start and end are 0).
    """

    role: Role
    text: str
    start: int
    end: int
    speaker: str | None = None
    number: str | None = None
    label: str | None = None
    by: str = "source"


class Size(StrEnum):
    """How much room an item gets (editorial guide: 260-480, 140-260, 50-110 characters)."""

    FULL = "full"
    MEDIUM = "medium"
    BRIEF = "brief"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an item was picked, as facts, and the terms found, save the theme's name.

    Args:
        kind: ``new``; ``updated`` since it was quoted; ``unused`` passages of it; ``first`` shown, but old.
        fresh: 1 for what came in just then, 0 for no news.
    """

    kind: str
    terms: tuple[str, ...]
    score: float = 0.0
    fresh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What an article says that it did not when it was quoted before.

    Args:
        since: When the version quoted before was sent.
        new: Spans of ``Article.text`` that version did not have, in order.
    """

    since: datetime
    new: tuple[tuple[int, int], ...]

    def covers(self, excerpt: Excerpt) -> bool:
        return any(start <= excerpt.start and excerpt.end <= end for start, end in self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One article in an edition."""

    article: Article
    size: Size
    excerpts: tuple[Excerpt, ...]
    reason: Reason
    reading_minutes: int
    also_from: tuple[Article, ...] = ()
    also_in: tuple[tuple[str, str], ...] = ()
    """(name, title of another item) for people, organisations and systems two items share."""
    update: Update | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    theme: Theme
    items: tuple[Item, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A theme or an article that was left out, and why, in English for the operator.

    Args:
        nothing_new: A theme no article has anything left to quote on: readers are told.
        dropped: Of an article: what cleaning had thrown away of its page.
    """

    kind: str
    name: str
    why: str
    nothing_new: bool = False
    dropped: tuple[Dropped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What was wrong and what is right, in the editor's own words.

    Args:
        slot: Of the edition that was wrong; at: when it was put right.
    """

    note: str
    slot: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A frozen edition: what is rendered, whatever the format.

    Args:
        number: Counts up over all schedules, from 1; 0 for a dry run.
        slot: The moment it was due; with the schedule it names the edition.
        revision: 1, and more after corrections.
        corrects: Number of the first revision when this is a later one: readers know it by that.
        corrections: Of this edition, and of earlier ones it opens with a word on; oldest first.
    """

    number: int
    schedule: str
    slot: datetime
    made_at: datetime
    subject: str
    preheader: str
    sections: tuple[Section, ...]
    skipped: tuple[Skipped, ...] = ()
    revision: int = 1
    coverage: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """(theme id, items in each of the last editions, oldest first); for the chart."""
    corrects: int | None = None
    corrections: tuple[Correction, ...] = ()

    @property
    def public_number(self) -> int:
        """What readers call it, on its pages and in their addresses; corrections do not change it."""
        return self.corrects or self.number

    def items(self) -> tuple[Item, ...]:
        return tuple(item for section in self.sections for item in section.items)


class ConsentState(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A reader. ``themes`` empty means all; ``schedules`` empty means every schedule.

    Args:
        send_hour: Of the reader's own day, 0 to 23; None leaves it to the schedule.
    """

    id: int
    address: str
    name: str = ""
    state: ConsentState = ConsentState.PENDING
    language: str = "zh-CN"
    timezone: str = "Asia/Shanghai"
    themes: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    send_hour: int | None = None
    paused_until: datetime | None = None
    token_version: int = 1


class DeliveryState(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    WIRE = "wire"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD = "held"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A ledger row: one edition, one subscriber; None for an address given by hand."""

    id: int
    edition: int
    subscriber_id: int | None
    address: str
    state: DeliveryState
    attempts: int = 0
    code: int | None = None
    text: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newsletter:
    """Who writes, in whose name, and where readers find the pages.

    Args:
        sender: The From address; list_id: RFC 2919, ``name.example.org``.
        base_url: Root of the web pages without a trailing slash, None when there are none: then
            links to them are left out and unsubscribing goes by *unsubscribe_mailto* or a reply.
        postal_address: Printed in the footer.
    """

    name: str
    sender: str
    sender_name: str
    list_id: str
    language: str = "zh-CN"
    timezone: str = "Asia/Shanghai"
    base_url: str | None = None
    reply_to: str | None = None
    unsubscribe_mailto: str | None = None
    postal_address: str = ""

    @property
    def leave_address(self) -> str:
        """Where a reader without a page to unsubscribe on writes to."""
        return self.unsubscribe_mailto or self.reply_to or self.sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is sent when.

    Args:
        themes: ``("rotate",)``, ``("auto",)`` or theme ids in order.
        cron: Five fields of wall-clock time; None: only made by hand.
        timezone: Of that wall clock: a zone, None for the newsletter's, ``reader`` for each reader's own.
        late: ``send``, ``fold`` or ``drop``: what becomes of a slot found later than *grace_s*.
        minimum_items: With fewer items there is no edition.
        review: Editions wait for the operator's approval.
    """

    id: str
    themes: tuple[str, ...] = ("rotate",)
    themes_per_edition: int = 2
    items_per_theme: int = 2
    recycle_after_days: int = 365
    cron: str | None = None
    timezone: str | None = None
    late: str = "fold"
    grace_s: float = 6 * 3600.0
    minimum_items: int = 1
    review: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRule:
    """An operator's help for one site; the cleaner must work without any.

    Args:
        match: Regular expression searched in the page's address and text.
        drop: Regular expressions; a block one of them is found in is dropped.
    """

    name: str
    match: str
    drop: tuple[str, ...] = ()
    outlet: str | None = None
    republisher: str | None = None


SLOT_OPEN, SLOT_CLOSE = "\ufdd0", "\ufdd1"
"""Noncharacters (Unicode 23.7: for internal use only); taken out of all text from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParts:
    """An edition rendered for one language and set of themes, the reader's own values left open.

    In *html* and *text* (line ends ``\\n``) a value stands as ``SLOT_OPEN name SLOT_CLOSE``; what is shown
    only with a value stands between ``OPEN +name CLOSE`` and ``OPEN / CLOSE``. Names: ``name``,
    ``unsubscribe_url``, ``preferences_url``.
    """

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """A feed as a person wrote it down, in ``config.toml`` or by command.

    Args:
        title: None means the feed's own.
        full_text: Fetch each new entry's page and take the article from there.
        allow_private: The feed lives on a private or loopback address; only its own host and port are opened.
    """

    id: str
    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    full_text: bool = False
    allow_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """How all feeds are fetched. The numbers are design section 8's.

    Args:
        contact: Address or web page of the operator, named in the User-Agent.
        allow: Networks (``10.1.2.0/24``) a feed's own host may lie in although they are private.
        first_news: Entries of a feed's first poll that are news; the rest is background.
        budget_s: A whole poll ends after so long; feeds not reached keep for the next.
    """

    contact: str = ""
    allow: tuple[str, ...] = ()
    concurrency: int = 32
    deadline_s: float = 30.0
    silence_s: float = 10.0
    max_bytes: int = 10 * 1024 * 1024
    shortest_s: int = 15 * 60
    longest_s: int = 24 * 3600
    first_news: int = 3
    budget_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmSettings:
    """The endpoint that writes model summaries, and what an edition may spend on them.

    Args:
        endpoint: Root of an OpenAI-compatible API, ``https://HOST/v1``.
        timeout_s: Of one attempt; *deadline_s* of all of an edition's together.
        input_price, output_price: Of a million tokens, in any one currency; *max_cost* is in the same.
    """

    endpoint: str
    model: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0
    deadline_s: float = 120.0
    attempts: int = 3
    max_requests: int = 20
    max_cost: float | None = None
    input_price: float = 0.0
    output_price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedPage:
    """An entry's own page that could not be had; asked for again from *at* on.

    Args:
        entry: The id of the `SeenEntry`.
    """

    entry: str
    tries: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed and everything remembered of it between polls.

    Args:
        origin: ``config`` or ``command``: where it was added, so where it is removed.
        url: As it was added; *fetch_url* is where it is fetched since it moved for good.
        etag, modified: The validators, exactly as the server wrote them.
        body_hash: Of the last body read to the end; the same body is not parsed again.
        habit_s, lull_s: Usual and longest time between two of its entries, 0 when not known yet.
        every_s: How often the feed itself says it is worth asking, 0 when it does not say.
        failing_since: The first of the *failures* in a row.
        moved_to, moved_seen: A permanent redirect and how many polls in a row it was seen.
        teasers: Its entries only open the article.
        spam_at: When half or more of a poll's new entries were put in quarantine.
        note: What was wrong with the last body and repaired: charset labels, XML.
    """

    id: str
    url: str
    fetch_url: str
    origin: str
    added_at: datetime
    title: str = ""
    tags: tuple[str, ...] = ()
    full_text: bool = False
    allow_private: bool = False
    paused: bool = False
    etag: str | None = None
    modified: str | None = None
    body_hash: str = ""
    next_at: datetime | None = None
    interval_s: int = 0
    habit_s: int = 0
    lull_s: int = 0
    every_s: int = 0
    polled_at: datetime | None = None
    newest_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""
    moved_to: str | None = None
    moved_seen: int = 0
    gone_at: datetime | None = None
    took_ms: int = 0
    teasers: bool = False
    spam_at: datetime | None = None
    note: str = ""
    missed: tuple[MissedPage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer, whatever its status.

    Args:
        url: Where the answer came from; *hops* lead there: (status, address redirected to).
        moved_to: Where unbroken permanent redirects lead, None without one.
        body: Decoded from its transfer and content coding; empty unless *status* is 200.
        charset: What the Content-Type says, None when it says nothing.
        etag, modified: The validators exactly as the server wrote them.
        wait_s: How long the publisher wants us to wait at least (Cache-Control, Expires,
            Retry-After), at most a day.
    """

    url: str
    status: int
    body: bytes = b""
    content_type: str = ""
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None
    wait_s: float = 0.0
    moved_to: str | None = None
    hops: tuple[tuple[int, str], ...] = ()
    took_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed, as the feed tells it.

    Args:
        guid: As written, may be empty, repeated or new each time; *link* is tidied, may be empty.
        title: Text, never markup.
        html: Sanitised, links absolute; empty when the entry is only a title.
        published: None when missing, unreadable, before 1995 or in the future; then *date_note* says which.
        mark, text_mark: See :class:`SeenEntry`; the latter is empty when there are too few words.
    """

    guid: str
    link: str
    title: str
    html: str
    authors: tuple[str, ...] = ()
    published: Published | None = None
    date_note: str = ""
    enclosures: tuple[Enclosure, ...] = ()
    tags: tuple[str, ...] = ()
    mark: str = ""
    text_mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEntry:
    """An entry of a feed met before; what recognises it when it comes again.

    Args:
        id: Last part of the article's source id; never changes.
        mark: Of everything the feed said about it: differs after any edit.
        text_mark: Of title and words alone: recognises it under a new GUID and link.
        background: It came with the feed's first poll and was no news.
    """

    id: str
    guid: str
    link: str
    mark: str
    text_mark: str
    first_seen_at: datetime
    background: bool = False
