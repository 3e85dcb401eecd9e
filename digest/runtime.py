"""The one place that constructs things: a configuration in, an installation that can be asked to act out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import ConfigError, SeedError
from digest.installation import NOW, Clock, Installation, T, find_config, run
from digest.model import Edition

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from digest.collect import Collected
    from digest.feeds import Reader
    from digest.publish import Made
    from digest.rewriting import Rewriter
    from digest.sending import Sending
    from digest.slots import Ticked


@contextmanager
def open_runtime(path: Path | None, clock: Clock, *, lasting: bool = False) -> Iterator["Runtime"]:
    """Open the installation a configuration describes.

    Raises:
        ConfigError: There is no configuration, or it is wrong.
    """
    config = find_config(path)
    if config is None:
        what = "there is none in this folder; make one with: digest init"
        raise ConfigError(Path("config.toml"), [(0, "", what)])
    with ExitStack() as stack:
        yield Runtime(config, clock, stack, lasting=lasting)


class Runtime(Installation):
    """An installation that can be asked to act."""

    @cached_property
    def mail(self) -> "Sending":
        from digest.sending import Sending

        return Sending(self)

    def check(self) -> None:
        """Make what a wrong configuration, template, key or database stops.

        Raises:
            DigestError: It would be stopped.
        """
        _ = self.store, self.renderer, self.keys, self.mail.signer()

    def web_app(self, base_url: str = "http://127.0.0.1:8000") -> "Starlette":
        """The web pages. They have a loop of their own, and a transport in it.

        Args:
            base_url: Where they are reached, when the configuration does not say.
        """
        from digest.web import Door, make_app

        newsletter = self.config.newsletter
        newsletter = replace(newsletter, base_url=newsletter.base_url or base_url.rstrip("/"))
        renderer = replace(self.renderer, newsletter=newsletter)
        door = Door(
            signup=replace(self.signup, renderer=renderer, newsletter=newsletter),
            renderer=renderer,
            paper=replace(self.paper, newsletter=newsletter),
            open_transport=self.mail.open_transport,
            clock=self.clock,
            operator=self.config.operator,
            secret=self.operator_secret,
        )
        return make_app(door)

    def shown(self, edition: Edition, shape: str, language: str | None) -> str:
        """*edition* as ``html``, ``json`` or ``eml``, else as Markdown."""
        language = language or self.language
        if shape == "eml":
            return self.mail.sample(edition, language).decode("ascii")
        if shape == "json":
            import json

            from digest.render import edition_json

            return json.dumps(edition_json(edition), ensure_ascii=False, indent=2) + "\n"
        show = self.renderer.web if shape == "html" else self.renderer.markdown
        return show(edition, language=language)

    def rehearse(self) -> None:
        """From now on nothing is kept: work on a copy of the database that is thrown away at the end."""
        from tempfile import TemporaryDirectory

        from digest.store import open_store
        from digest.store.copying import copy
        from digest.store.migrations import revision

        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="digest-")))
        url, file = self.config.database.url, folder / "rehearsal.db"
        if not url.startswith("sqlite") or Path(url.removeprefix("sqlite:///")).is_file():
            with open_store(url) as original:
                if original.database.path:
                    original.backup(file)
                elif revision(original.database):
                    with open_store(f"sqlite:///{file}") as scratch:
                        scratch.migrate()
                        left_out = ("deliveries", "consent_events")
                        copy(original.database, scratch.database, leaving_out=left_out)
        config = self.config
        changed = {
            "secret": config.secret or b"rehearsal" * 4,  # the suppression list is known by the key alone
            "paths": config.paths.model_copy(update={"data": folder}),
            "database": config.database.model_copy(update={"url": f"sqlite:///{file}"}),
            # What a model would be paid for could not be kept.
            "llm": config.llm and replace(config.llm, max_requests=0),
        }
        self.config = config.model_copy(update=changed)

    def collect(self, on_progress: Callable[[str], None] = lambda _: None) -> "list[Collected]":
        """Read the seeds and every feed that is due.

        Raises:
            SeedError: There is no seed folder, or nothing in it, and no feed either.
        """
        from digest.collect import polled

        self.store.feeds.sync(self.config.feeds, now=self.now)
        report = []
        try:
            report = self.collect_seeds(on_progress)
        except SeedError:
            if not self.store.feeds.list():
                raise
        if not self.store.feeds.due(self.now):
            return report

        read = self.with_reader(lambda reader: reader.poll(on_progress=lambda one: on_progress(one.feed.id)))
        return report + [polled(one) for one in read]

    def with_reader(self, work: "Callable[[Reader], Awaitable[T]]") -> T:
        """What *work* makes of a reader of feeds."""

        async def done() -> T:
            async with self.feed_reader() as reader:
                return await work(reader)

        return run(done())

    def collect_seeds(self, on_progress: Callable[[str], None] = lambda _: None) -> "list[Collected]":
        """Read the seeds."""
        from digest.collect import collect_seeds
        from digest.seeds import load_notes, load_seeds

        return collect_seeds(
            self.store,
            *load_seeds(self.config.paths.seeds),
            notes=load_notes(self.config.paths.seeds),
            rules=self.config.site_rules,
            now=self.now,
            on_progress=on_progress,
        )

    @asynccontextmanager
    async def feed_reader(self) -> "AsyncIterator[Reader]":
        """What polls feeds, with its connections and worker processes; they end with the block."""
        from digest.feeds import Reader
        from digest.fetch import Fetcher
        from digest.harvest import PRELOAD
        from digest.workers import Workers

        settings = self.config.fetching
        async with Fetcher(settings) as fetcher, Workers(preload=PRELOAD) as workers:
            yield Reader(
                store=self.store,
                fetcher=fetcher,
                workers=workers,
                settings=settings,
                now=self.now,
                rules=self.config.site_rules,
            )

    def tick(self, only: str | None = None) -> "list[Ticked]":
        """Make every edition that is due, or that of one schedule; see ``slots.tick``."""
        from digest.slots import tick

        return tick(self.paper, now=self.now, rewriter=self.rewriter, only=only)

    def publish(self, name: str = NOW, only: tuple[str, ...] = (), language: str | None = None) -> "Made":
        """An edition of a schedule, made at this moment whatever its clock says.

        Args:
            only: Theme ids asked for by name; empty leaves the choice to the schedule.
        """
        from digest.publish import publish

        now = self.now
        return publish(
            self.paper,
            self.schedule(name),
            slot=now,
            now=now,
            language=language,
            only=only,
            to_readers=name != NOW,
            rewrite=self.rewriter(),
        )

    def rewriter(self) -> "Rewriter | None":
        """What writes one edition's model summaries, within one edition's budget; None without ``[llm]``."""
        if self.config.llm is None:
            return None
        from digest.llm import Chat
        from digest.rewriting import Rewriter

        return Rewriter(Chat(self.config.llm), self.store, self.config.llm.model, now=self.now)
