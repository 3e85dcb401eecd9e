"""The feeds' flow: ask those that are due, keep what is new, remember how each is doing.

A feed that fails is a line in the report; it changes nothing of what was kept and holds up no other.
"""

import asyncio
import contextlib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from digest import guard, polling
from digest.entries import Met, Sight
from digest.errors import FetchError, ParseError, StoreError
from digest.fetch import PAGES, Fetcher, host_of
from digest.harvest import Reading, Source, compare, pack, read_entries, read_feed, unpack
from digest.links import one_line
from digest.model import Article, Feed, FeedSettings, Fetched, Flag, SeenEntry, Severity, SiteRule
from digest.store import Store
from digest.workers import WorkError, Workers

FULL_TEXTS = 20
"""Article pages fetched of one feed in one poll; the newest entries get theirs."""
_SPAM_SHARE, _SPAM_LEAST = 0.5, 2
_FLUSH = 1000
"""Articles or feeds kept in memory before they are written; a few transactions instead of hundreds."""


@dataclass(slots=True, kw_only=True)
class Polled:
    """A poll of one feed: while it is under way, and what it came to.

    Args:
        anew: As if none of its entries had been seen.
        state: ``new`` (something new or changed), ``unchanged``, ``failed``, ``gone`` or ``left``
            (not reached in time; nothing about it changed).
        new, changed: Articles; *background* of the new ones are no news.
        quarantined: Of the new and changed ones. *empty*: entries without text enough for an article.
        detail: For ``failed``, ``gone`` and ``left``: why.
        steps: Every decision in order, for ``digest feeds check``.
        drafts: New and changed articles, with their sketches; only in progress reports and checks.
        seen: What is to be remembered of its entries; no longer known when all is written.
    """

    feed: Feed
    anew: bool = False
    state: str = "unchanged"
    new: int = 0
    background: int = 0
    changed: int = 0
    quarantined: int = 0
    empty: int = 0
    detail: str = ""
    steps: list[str] = field(default_factory=list)
    drafts: tuple[tuple[Article, tuple[int, ...]], ...] = ()
    seen: tuple[SeenEntry, ...] = field(default=(), compare=False)

    @property
    def articles(self) -> tuple[Article, ...]:
        return tuple(article for article, _ in self.drafts)

    def say(self, step: str) -> None:
        self.steps.append(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """All that polling needs; made by the runtime.

    Args:
        rules: See `digest.clean.clean_page`.
    """

    store: Store
    fetcher: Fetcher
    workers: Workers
    settings: FeedSettings
    now: datetime
    rules: tuple[SiteRule, ...] = ()

    async def poll(
        self,
        feeds: Sequence[Feed] | None = None,
        *,
        on_progress: Callable[[Polled], None] = lambda _: None,
    ) -> tuple[Polled, ...]:
        """Ask *feeds*, else all that are due, and keep what they bring; in the order of the feeds.

        Those that answered badly before go last, so that nobody waits for them. When
        ``settings.budget_s`` is over the rest is left for the next time.
        """
        due = self.store.feeds.due(self.now) if feeds is None else feeds
        results: dict[str, Polled] = {}
        turn = asyncio.Semaphore(self.settings.concurrency)
        if any(not feed.body_hash for feed in due):  # one that was never read will be
            await self.workers.prepare()
        unmet = self.store.feeds.unmet()

        keeper = _Keeper(self.store, self.now)

        async def ask(neighbours: Sequence[Feed]) -> None:
            for feed in neighbours:
                async with turn:  # bounds what is in memory, too: bodies and entries wait for workers
                    poll = await self._ask(Polled(feed=feed, anew=feed.id in unmet))
                    await keeper.keep(poll)
                results[feed.id] = replace(poll, drafts=(), seen=())
                on_progress(poll)

        try:
            # One task a host: feeds that wait for their host's other feeds must not take others' turns.
            await _within(self.settings.budget_s, [ask(neighbours) for neighbours in _by_host(due)])
        finally:
            await keeper.flush()
        late = f"not reached within {self.settings.budget_s:g} s; its turn comes at the next poll"
        return tuple(results.get(feed.id) or Polled(feed=feed, state="left", detail=late) for feed in due)

    async def check(self, feed: Feed) -> Polled:
        """Ask one feed as if for the first time, explain every decision, and change nothing at all."""
        bare = replace(feed, etag=None, modified=None, body_hash="")
        return await self._ask(Polled(feed=bare, anew=True))

    async def _ask(self, poll: Polled) -> Polled:
        feed = poll.feed
        again = self._pages_due(feed)  # their entries are wanted, changed or not
        try:
            answer = await self.fetcher.get(
                feed.fetch_url,
                source_id=feed.id,
                etag=None if again else feed.etag,
                modified=None if again else feed.modified,
                allow=self._allow(feed),
            )
            _tell(poll, answer)
            await self._take(poll, answer)
        except (FetchError, ParseError) as error:
            self._fail(poll, error.what)
        except WorkError as error:
            self._fail(poll, f"could not be parsed: {error}")
        except StoreError:
            raise
        except Exception as error:  # a mistake of ours that one feed brings to light must not stop the others
            self._fail(poll, f"Digest failed on this feed, please report it: {error!r}")
        return poll

    def _allow(self, feed: Feed) -> tuple[str, ...]:
        return guard.PRIVATE if feed.allow_private else self.settings.allow

    def _fail(self, poll: Polled, what: str, *, wait_s: float = 0, gone: bool = False) -> None:
        what = one_line(what)[:300]
        poll.state, poll.detail = ("gone" if gone else "failed"), what
        poll.say(what)
        poll.feed = polling.failed(
            poll.feed, what, now=self.now, settings=self.settings, wait_s=wait_s, gone=gone
        )

    async def _take(self, poll: Polled, answer: Fetched) -> None:
        feed = poll.feed
        if answer.status == 410:
            return self._fail(poll, "its server says it is gone for good (410)", gone=True)
        if answer.status not in (200, 304) or (answer.status == 304 and not (feed.etag or feed.modified)):
            return self._fail(poll, _status(answer), wait_s=answer.wait_s)
        body_hash = hashlib.sha256(answer.body).hexdigest() if answer.status == 200 else feed.body_hash
        if body_hash == feed.body_hash and (answer.status == 304 or not self._pages_due(feed)):
            poll.say("the same as at the last poll; not parsed again")
        else:
            await self._read(poll, answer)
        if answer.status == 200:
            poll.feed = replace(poll.feed, etag=answer.etag, modified=answer.modified, body_hash=body_hash)
        poll.feed = polling.answered(
            poll.feed,
            now=self.now,
            settings=self.settings,
            wait_s=answer.wait_s,
            took_s=answer.took_s,
            moved_to=answer.moved_to,
        )
        return poll.say(f"asked again in {poll.feed.interval_s // 60} minutes")

    def _pages_due(self, feed: Feed) -> frozenset[str]:
        """Entries whose own pages were missed, and are asked for again now."""
        return frozenset(page.entry for page in feed.missed if feed.full_text and page.at <= self.now)

    async def _read(self, poll: Polled, answer: Fetched) -> None:
        """From a body to articles worth keeping."""
        feed = poll.feed
        source = Source(feed=feed.id, title=feed.title, now=self.now, rules=self.rules)
        ask = partial(
            read_feed,
            answer,
            source,
            seen=() if poll.anew else self.store.feeds.seen(feed.id),
            first_news=self.settings.first_news,
            again=self._pages_due(feed),
        )
        try:  # in one go, unless pages are fetched first or something overruns
            raw = await self.workers.run(ask, clean=not feed.full_text)
        except WorkError:
            if feed.full_text:
                raise
            raw = await self.workers.run_briefly(ask, clean=False)
        reading = unpack(raw, Reading)
        fresh, parsed = reading.found, reading.parsed
        sights = Counter(one.sight for one in fresh)
        poll.say(
            f"{parsed.kind}, {len(reading.dates)} entries: "
            f"{sights[Sight.NEW]} new, {sights[Sight.EDITED]} edited, {reading.known} known"
        )
        notes = [note for note in (parsed.charset_note, parsed.syntax_note) if note]
        poll.steps += notes
        poll.feed = replace(
            polling.learned(feed, reading.dates, every_s=parsed.every_s),
            title=feed.title or parsed.title,
            teasers=parsed.teasers,
            note="; ".join(notes),
        )
        poll.seen = tuple(one.seen for one in fresh if one.sight is not Sight.KNOWN)
        if feed.full_text:
            await self._full_texts(poll, fresh, source)
        waiting = any(one.entry for one in fresh)
        for one in await self._cleaned(poll, raw, source) if waiting else fresh:
            await self._weigh(poll, one)
        if poll.quarantined >= max(_SPAM_LEAST, _SPAM_SHARE * len(fresh)):
            poll.feed = replace(poll.feed, spam_at=self.now)
        if poll.drafts:
            poll.state = "new"

    async def _cleaned(self, poll: Polled, raw: bytes, source: Source) -> Sequence[Met]:
        """With their pages in one call; one by one when that overruns, as when cleaning them at once did: so
        what is at fault costs itself alone."""
        if poll.feed.full_text:
            with contextlib.suppress(WorkError):
                return unpack(await self.workers.run(read_entries, raw, source), list[Met])
        reading, cleaned = unpack(raw, Reading), list[Met]()
        for one in reading.found:
            alone = pack(replace(reading, found=(one,)))
            try:
                cleaned += unpack(await self.workers.run_briefly(read_entries, alone, source), list[Met])
            except WorkError as error:
                poll.say(f"{one.title}: left out, its markup could not be read: {error}")
                cleaned.append(replace(one, entry=None, reason=str(error)))
        return cleaned

    async def _full_texts(self, poll: Polled, fresh: Sequence[Met], source: Source) -> None:
        """Fetch the newest entries' own pages; those not had are asked for again later."""
        feed = poll.feed
        wanted = [one.seen for one in fresh if one.seen.link][:FULL_TEXTS]
        for entry in wanted:
            if len(source.missed) == 2:
                break
            try:
                # The allow-list opens the feed's own host only, not where its entries point.
                own = self._allow(feed) if entry.link.split("/")[:3] == feed.fetch_url.split("/")[:3] else ()
                answer = await self.fetcher.get(entry.link, source_id=feed.id, allow=own, accept=PAGES)
                if answer.status == 200:
                    source.pages[entry.id] = answer.body, answer.charset
                else:
                    source.missed[entry.id] = _status(answer)
            except FetchError as error:
                source.missed[entry.id] = error.what
        if wanted:
            asked, failed = len(source.pages) + len(source.missed), len(source.missed)
            poll.say(f"{asked} article pages asked for, {failed} of them in vain")
        without = [entry.id for entry in wanted if entry.id not in source.pages]
        poll.feed = replace(feed, missed=polling.missed(feed, without, now=self.now))

    async def _compare(self, old: str, new: str) -> tuple[bool, tuple[Flag, ...]]:
        try:
            return await self.workers.run(compare, old, new)
        except WorkError:
            return True, ()

    async def _weigh(self, poll: Polled, one: Met) -> None:
        """Count what one entry came to, and keep it unless it is nothing new."""
        article, title = one.article, one.title
        if article is None:
            poll.empty += 1
            return poll.say(f"{title}: no article: {one.reason}")
        old = self.store.articles.find(article.source_id) if one.sight is not Sight.NEW else None
        if old is not None:
            material, added = await self._compare(old.article.text, article.text)
            article = replace(article, flags=(*article.flags, *added))
            if not material:
                poll.say(f"{title}: nothing new that a reader would notice; kept as it was")
                if old.article.title == article.title:
                    return None
                was = old.article
                article = replace(article, text=was.text, blocks=was.blocks, cuts=was.cuts)
        poll.drafts += ((article, one.sketch),)
        poll.changed += old is not None
        poll.new += old is None
        poll.background += article.evergreen and old is None
        grave = [flag.reason for flag in article.flags if flag.severity is Severity.QUARANTINE]
        poll.quarantined += bool(grave)
        verdict = "changed" if old else "background" if article.evergreen else "news"
        return poll.say(f"{title}: {verdict}{f', kept from readers: {grave[0]}' if grave else ''}")


async def _within(seconds: float, work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once; what is not done in time is given up. Raises the first exception there is."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for one in work:
                    group.create_task(one)
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


def _by_host(feeds: Iterable[Feed]) -> list[list[Feed]]:
    """Feeds of one host in a row, those that gave trouble or took long last, and so the hosts."""
    hosts: defaultdict[str, list[Feed]] = defaultdict(list)
    for feed in sorted(feeds, key=lambda feed: (feed.failures, feed.took_ms)):
        hosts[host_of(feed.fetch_url)].append(feed)
    return list(hosts.values())


def _tell(poll: Polled, answer: Fetched) -> None:
    for status, target in answer.hops:
        poll.say(f"{status} to {target}")
    kind = f", {answer.content_type}" if answer.content_type else ""
    poll.say(f"{answer.status} from {answer.url} in {answer.took_s:.1f} s, {len(answer.body):,} bytes{kind}")
    if answer.wait_s:
        poll.say(f"its publisher asks to wait {answer.wait_s / 60:.0f} minutes")


def _status(answer: Fetched) -> str:
    known = {401: "needs a password", 403: "refuses us", 404: "not found", 429: "asks for fewer requests"}
    what = known.get(
        answer.status, "its server is in trouble" if answer.status >= 500 else "no feed in the answer"
    )
    return f"{what} ({answer.status})"


class _Keeper:
    """Writes many polls in one go, in a thread while others are asked; nothing is marked seen that was not
    kept."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store, self._now = store, now
        self._polls: list[Polled] = []
        self._rows = 0
        self._writing = asyncio.Lock()

    async def keep(self, poll: Polled) -> None:
        """Raises StoreError when the polls cannot be written."""
        self._polls.append(poll)
        self._rows += max(1, len(poll.drafts))
        if self._rows >= _FLUSH:
            await asyncio.shield(self.flush())  # a write goes on when who waits for it is cut off

    async def flush(self) -> None:
        async with self._writing:
            polls, self._rows = self._polls[:], 0
            found = [draft for poll in polls for draft in poll.drafts]
            seen = {poll.feed.id: poll.seen for poll in polls}
            feeds = [poll.feed for poll in polls]
            await asyncio.to_thread(self._store.feeds.save, feeds, seen, found=found, now=self._now)
            del self._polls[: len(polls)]
