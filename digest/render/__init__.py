"""An edition as mail, page, Markdown, JSON and feed. Pure: the same edition gives the same text."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import jinja2
from markupsafe import Markup

from digest.language import detect
from digest.model import Edition, Item, MailParts, Newsletter, Section, Theme
from digest.render.environment import Slots, compile_own, design_tokens, make_environment, run
from digest.render.typeset import Typesetter, clean, dress, gap, safe_url
from digest.render.view import Viewer, has_contents, hides_host, reading_minutes, unbroken
from digest.render.wording import Wording, load_wording
from digest.text import shorten

__all__ = ["Renderer", "edition_json", "make_renderer"]

HTML_BUDGET = 88_000
"""Octets of the encoded HTML part, 2 kB short of the 90 kB promised: the reader's own links go in later."""
CORRECTED_TITLE = 58
"""Columns left of a headline behind “Correction: ”, so that both keep to 70."""
MARKS_BUDGET = 1200
"""Octets that faces named at each Chinese mark may cost a mail; over it the style sheet names them."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Everything readers see, made from one template set. Make it with ``make_renderer``.

    Args:
        themes: For names and colours of themes that have no section in an edition.
    """

    newsletter: Newsletter
    mail_templates: jinja2.Environment
    page_templates: jinja2.Environment
    tokens: Mapping[str, str]
    type: Typesetter
    locale_dirs: tuple[Path, ...]
    themes: Mapping[str, Theme]

    def mail(
        self,
        edition: Edition,
        *,
        language: str,
        themes: frozenset[str] | None = None,
        frequency: str = "",
        subscribed: bool = True,
    ) -> MailParts:
        """The two parts and the subject for readers of *themes* in *language*.

        Items are dropped from the end (brief ones first) until the encoded HTML keeps to its budget; the
        mail says how many.

        Args:
            themes: Ids; None for every section.
            frequency: Message such as ``every week``; empty when unknown.
            subscribed: False for somebody it is sent to by hand, who has nothing to unsubscribe from.

        Raises:
            RenderError: A template fails.
        """
        from digest.render.plain import to_text

        words = self.words(language)
        wanted = tuple(s for s in edition.sections if themes is None or s.theme.id in themes)
        subject, preheader = (gap(self.type.plain(one)) for one in _headlines(edition, wanted))
        if edition.revision > 1:
            said = words.translations.gettext("Correction: {subject}")
            subject = said.format(subject=shorten(subject, CORRECTED_TITLE))
        fixed: dict[str, Any] = {"subject": subject, "preheader": preheader, "subscribed": subscribed}
        fixed["chosen"] = words.list(
            [s.theme.name(words.language) for s in wanted] if themes is not None else []
        )
        fixed["frequency"] = words.html(frequency) if frequency else ""
        sections, left_out = wanted, 0
        while True:
            values = {**self._values(edition, words, sections, subject), **fixed, "left_out": left_out}
            values |= {"personal": Slots, "jump": values["links"]["web"]}
            html = self._dressed(run(self.mail_templates, "mail.html", **values))
            excess = encoded_size(html) - HTML_BUDGET
            if excess <= 0 or not any(s.items for s in sections):
                break
            mean = encoded_size(html) // sum(len(s.items) for s in sections)
            drop = max(1, excess // max(mean, 1))
            sections, left_out = _without_lowest(sections, drop), left_out + drop
        return MailParts(subject=subject, html=html, text=to_text(html))

    def words(self, language: str) -> Wording:
        return load_wording(language, self.locale_dirs)

    def _dressed(self, html: str) -> str:
        return dress(
            re.sub(r"\n\s*", "\n", re.sub(r'(<\w+|") +(?=[ >])', r"\1", html.replace("&nbsp;", "\xa0"))),
            faces=self.tokens["marks"],
            budget=MARKS_BUDGET,
        )

    def _values(
        self, edition: Edition, words: Wording, sections: Sequence[Section], headline: str
    ) -> dict[str, Any]:
        themes = {**self.themes, **{s.theme.id: s.theme for s in edition.sections}}
        zone = self.newsletter.timezone
        viewer = Viewer(edition, words, self.type, themes, self.tokens["accent"], zone, headline)
        return {
            **self._frame(words),
            "number": edition.public_number,
            "date": words.local_date(edition.slot, zone),
            "count": sum(len(s.items) for s in sections),
            "minutes": reading_minutes(sections),
            "contents": has_contents(sections),
            "sections": viewer.sections([s for s in sections if s.items]),
            "quiet": words.list([viewer.theme_name(s.name) for s in edition.skipped if s.nothing_new]),
            "coverage": viewer.coverage(),
            "corrections": [viewer.correction(one) for one in edition.corrections],
            "left_out": 0,
            "subject": headline,
            "subject_lang": viewer.lang(detect(headline)),
            "preheader": edition.preheader,
            "personal": None,
            "jump": "",
            "links": _links(self.newsletter, edition.public_number),
        }

    def _frame(self, words: Wording) -> dict[str, Any]:
        return {
            "lang": words.language,
            "newsletter": self.newsletter,
            "_": words.html,
            "ngettext": words.html_n,
            "told": words.told,
        }

    def web(self, edition: Edition, *, language: str) -> str:
        """The edition as a page for everybody: no personal link, its own style sheet inside."""
        values = self._values(edition, self.words(language), edition.sections, edition.subject)
        return self._page("web/edition.html", values)

    def markdown(self, edition: Edition, *, language: str) -> str:
        """The edition for a terminal or a pipe."""
        from digest.render.plain import to_markdown

        return to_markdown(self.web(edition, language=language))

    def page(self, template: str, *, language: str, **values: object) -> str:
        """A page of the web door, for example ``web/subscribe.html``; its head says which values it wants."""
        words = self.words(language)
        return self._page(template, {**self._frame(words), "links": _links(self.newsletter, 0), **values})

    def _page(self, template: str, values: Mapping[str, object]) -> str:
        html = run(self.page_templates, template, **values)
        return dress(html).replace("<nobr>", '<span class="w">').replace("</nobr>", "</span>")

    def letter(self, template: str, *, language: str, subject: str, **values: object) -> MailParts:
        """A short mail that is no edition. *subject* is a message of the catalogs, filled from *values*."""
        from digest.render.plain import to_text

        words = self.words(language)
        title = clean(words.plain(subject, **values))
        fixed = {"subject": title, "personal": Slots, **values}
        html = self._dressed(run(self.mail_templates, template, **{**self._frame(words), **fixed}))
        return MailParts(subject=title, html=html, text=to_text(html))

    def archive(self, editions: Sequence[Edition], *, language: str, **values: object) -> str:
        """A page of past editions, in the order given; *values* as ``web/archive.html`` wants them."""
        words = self.words(language)
        rows = [
            {
                "number": one.public_number,
                "subject": one.subject,
                "preheader": one.preheader,
                "date": words.local_date(one.slot, self.newsletter.timezone),
                "url": _links(self.newsletter, one.public_number)["web"] or f"editions/{one.public_number}",
            }
            for one in editions
        ]
        return self.page(
            "web/archive.html", language=language, **{"rows": rows, "older": None, "newer": None, **values}
        )

    def atom(self, editions: Sequence[Edition], *, language: str) -> str:
        """RFC 4287 feed of the editions, newest first as given."""
        words = self.words(language)
        entries = []
        for edition in editions:
            values = self._values(edition, words, edition.sections, "")
            values["jump"] = values["links"]["web"]
            values["subject"] = edition.subject
            values["published"], values["updated"] = edition.slot.isoformat(), edition.made_at.isoformat()
            body = run(self.page_templates, "partials/edition.html", **values)
            values["body"] = Markup(escape(body))  # noqa: S704  quotes stay quotes, for the sake of size
            entries.append(values)
        values = {**self._frame(words), "links": _links(self.newsletter, 0), "entries": entries}
        return run(self.page_templates, "web/atom.xml", **values)


def make_renderer(
    newsletter: Newsletter,
    *,
    template_dirs: Sequence[Path] = (),
    tokens: Mapping[str, str] | None = None,
    punctuation: str = "restore",
    themes: Sequence[Theme] = (),
) -> Renderer:
    """A renderer over *template_dirs* (first wins; their files shadow the shipped ones).

    Args:
        tokens: Design tokens to change, by the names in ``templates/tokens.toml``.
        punctuation: ``restore`` shows full-width marks beside Chinese characters, ``keep`` the source's own.

    Raises:
        RenderError: An unknown token, or a template that does not compile.
    """
    design = design_tokens(tokens or {})
    typesetter = Typesetter(punctuation == "restore")
    environments = [make_environment(template_dirs, design, inline=inline) for inline in (True, False)]
    for environment in environments:
        environment.filters |= {
            "shown": typesetter.shown,
            "headline": typesetter.headline,
            "unbroken": unbroken,
        }
        compile_own(environment, template_dirs)
    return Renderer(
        newsletter=newsletter,
        mail_templates=environments[0],
        page_templates=environments[1],
        tokens=design,
        locale_dirs=tuple(folder / "locale" for folder in template_dirs),
        themes={theme.id: theme for theme in themes},
        type=typesetter,
    )


def encoded_size(text: str) -> int:
    """Octets of *text* as a MIME part in base64; quoted-printable is only chosen when shorter."""
    return len(b64encode(text.replace("\n", "\r\n").encode())) * 78 // 76


def _without_lowest(sections: Sequence[Section], count: int) -> tuple[Section, ...]:
    """Without the *count* lowest items: from the longest section's end, the later section first."""
    items = [list(s.items) for s in sections]
    for _ in range(count):
        longest = max(range(len(items)), key=lambda i: (len(items[i]), i))
        if items[longest]:
            items[longest].pop()
    return tuple(replace(s, items=tuple(kept)) for s, kept in zip(sections, items, strict=True))


def _headlines(edition: Edition, sections: Sequence[Section]) -> tuple[str, str]:
    """The edition's own subject and preheader when its headline is in *sections*, else those of what is."""
    if len(sections) == len(edition.sections):
        return edition.subject, edition.preheader
    titles = [shorten(clean(item.article.title), 60) for section in sections for item in section.items]
    kept = [s for s in sections for i in s.items if edition.subject[:8] in i.article.title]
    subject = edition.subject if kept or not titles else titles[0]
    others = [title for title in titles if title != subject and title[:8] != subject[:8]]
    return subject, "；".join(others[:2])


def _links(newsletter: Newsletter, number: int) -> dict[str, str | None]:
    """Addresses of the public pages; None without a web door. Edition 0 is a dry run and has no page."""
    paths = {"archive": "editions", "feed": "atom.xml", "subscribe": "subscribe"}
    if number:
        paths["web"] = f"editions/{number}"
    base = newsletter.base_url.rstrip("/") if newsletter.base_url else None
    return {"web": None} | {name: base and f"{base}/{path}" for name, path in paths.items()}


def edition_json(edition: Edition) -> dict[str, Any]:
    """The JSON form: what readers may see, and offsets into each article's text."""
    return {
        "number": edition.public_number,
        "schedule": edition.schedule,
        "slot": edition.slot.isoformat(),
        "subject": edition.subject,
        "themes": [
            {
                "id": section.theme.id,
                "name": next(iter(section.theme.names.values())),
                "why": section.why,
                "items": [_item_json(item) for item in section.items],
            }
            for section in edition.sections
        ],
        "skipped": [{skipped.kind: skipped.name, "why": skipped.why} for skipped in edition.skipped],
        "corrections": [{"note": one.note, "at": one.at.isoformat()} for one in edition.corrections],
    }


def _item_json(item: Item) -> dict[str, Any]:
    article = item.article
    hidden = hides_host(article)
    flags = [flag.code for flag in article.flags if flag.severity != "note"]
    return {
        "title": article.title,
        "authors": list(article.authors),
        "outlet": article.outlet,
        "republisher": None if hidden else article.republisher,
        "published": str(article.published) if article.published else None,
        "url": None if hidden else safe_url(article.url),
        "source": article.source_id,
        "reading_minutes": item.reading_minutes,
        "why": {"kind": item.reason.kind, "terms": list(item.reason.terms)},
        "caution": flags or None,
        "excerpts": [
            {"role": str(e.role), "text": e.text, "start": e.start, "end": e.end, "by": e.by}
            for e in item.excerpts
        ],
        "updated": item.update.since.isoformat() if item.update else None,
        "files": [
            {"url": url, "kind": one.kind, "bytes": one.size, "seconds": one.seconds, "title": one.title}
            for one in article.enclosures
            if not hidden and (url := safe_url(one.url))
        ],
    }
