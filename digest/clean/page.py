"""From a page to an Article: the order of the steps, and the putting together of what they found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import takewhile

from digest.clean import body, dates, listing, metadata, splices, titles
from digest.clean.layout import lay_out
from digest.clean.lines import Line, read
from digest.clean.marks import Kind, is_prose
from digest.clean.mend import mend
from digest.clean.metadata import HAN, Told
from digest.clean.sheet import MIN_BODY, Sheet
from digest.clean.sift import sift
from digest.clean.thread import keep_first_post
from digest.language import detect
from digest.model import Article, Block, BlockKind, Cut, Decision, Flag, Page, Severity, SiteRule
from digest.text import lazy

_LABELS = lazy(
    rf"(?<=\d)(?={HAN}{{2,4}}[:：])|(?<={HAN})(?<![创章文原])(?=作者[:：])|(?<=[Uu]pdated|blished)(?=[A-Z\d])"
)
_TOPIC = re.compile(r"[\[【][^\]】]{1,8}[\]】]\s?(?=.{4})")
"""What boards put before titles; the browser's title goes without."""
_OTHERS = re.compile(
    r"\W*(?:(?:相关|相關|热门|熱門|最新|精彩|猜你|大家|更多|推荐|推薦|往期|延伸|关联)"
    r"(?:阅读|閱讀|新闻|新聞|文章|推荐|报道|資訊|资讯|喜欢|都在|内容|链接)"
    r"|(?:related|recommended|more (?:on|from|stories|news)|most (?:read|popular|viewed)|latest|top stories"
    r"|read next|see also|you may (?:also )?like)\b)",
    re.IGNORECASE,
)
"""What heads a list of other articles: dates and names below it are theirs."""
_NEAR = 30
"""Lines above the body that may be its byline when the title is the browser's."""
_SHOWN = 160
"""Characters of a line that a decision quotes."""


def clean_page(
    raw: str,
    *,
    source_id: str,
    html: bool = False,
    url: str | None = None,
    now: datetime | None = None,
    rules: tuple[SiteRule, ...] = (),
    evergreen: bool = False,
    alone: bool = False,
) -> Page:
    """Find the article in a page, plain or HTML.

    Args:
        raw: Decoded text; anything at all. Beyond a million characters it is cut off.
        source_id, url, evergreen: Handed on to the article.
        now: Aware. Relative and partial dates (昨天, 7月7日, 2 days ago) are read against it, and
            dates after it are not believed; without it only full dates are read.
        rules: An operator's help for single sites; none is needed.
        alone: The HTML is an article without a site around it, as feeds carry it: trafilatura's second
            opinion, most of the work, is not asked for.

    Returns:
        A page whose article is None, with the reason, when there is nothing to read in it.
    """
    if html:
        from digest.clean.html import read_html

        lines, told = read_html(raw, alone=alone)
    else:
        lines, told = mend(read(raw)), Told()
    if not lines:
        return Page(article=None, reason="the page is empty")
    sheet = lay_out(lines)
    fit = fitting(rules, raw, url)
    _apply(sheet, fit)
    _select(sheet, told)
    found = _assemble(sheet, told, source_id=source_id, url=url, now=now, rules=fit, evergreen=evergreen)
    reason = "" if found else _no_article(sheet)
    if found and not alone and listing.is_listing(sheet, told):
        sheet.drop(sheet.kept(), "teaser of another article")
        found, reason = None, "nothing but links and teasers to other pages"
    return Page(article=found, reason=reason, decisions=_decisions(sheet))


def fitting(rules: Sequence[SiteRule], raw: str, url: str | None) -> tuple[SiteRule, ...]:
    return tuple(r for r in rules if re.search(r.match, url or "") or re.search(r.match, raw[:200_000]))


def _apply(sheet: Sheet, rules: Sequence[SiteRule]) -> None:
    for rule in rules:
        for pattern in rule.drop:
            hit = [i for i, line in enumerate(sheet.lines) if re.search(pattern, line.text[:2000])]
            sheet.drop(hit, f"site rule {rule.name}")


def _select(sheet: Sheet, told: Told) -> None:
    keep_first_post(sheet, told.page_title)
    body.choose_run(sheet)
    body.reach_out(sheet)
    sheet.title = _told_title(sheet, told)
    if sheet.title is None:
        sheet.title = titles.find(sheet)
    _mark_authors(sheet, told.authors)
    body.trim_head(sheet)
    body.cut_at_ends(sheet)
    body.trim_tail(sheet)
    sift(sheet)


def _mark_authors(sheet: Sheet, authors: tuple[str, ...]) -> None:
    """A short line above the text that begins with an author's name is the byline."""
    for i, line in enumerate(sheet.lines[: sheet.start + 5]):
        if sheet.kinds[i] is Kind.SHORT and line.size <= 20 and line.text.startswith(authors):
            sheet.kinds[i] = Kind.META


def _told_title(sheet: Sheet, told: Told) -> int | None:
    """The line near the body's beginning that the page's tags give as its title; the last of several."""
    if not told.titles:
        return None
    browser = titles.strip_site(told.page_title)
    last, above, whole = sheet.start, 0.0, sheet.mass(sheet.start, sheet.end)
    while last < sheet.end and above <= whole * 0.2:
        above += sheet.mass(last, last + 1)
        last += 1
    near = range(min(last, len(sheet.lines) - 1), -1, -1)
    forms = {form for title in told.titles for form in (title, titles.strip_site(title))}
    page_title = told.page_title.rstrip(" :：|-–—·»")
    forms -= {form for form in forms if page_title.endswith(form) and form != page_title}
    exact = [i for i in near if sheet.lines[i].text in forms]
    if exact:
        return max(exact, key=lambda i: len(sheet.lines[i].text))  # the longest: names of sections are short
    for i in near:
        text = sheet.lines[i].text
        part = text in told.page_title and len(text) * 3 >= len(browser)
        if sheet.lines[i].heading and (part or titles.is_variant(text, told.titles)):
            return i
    return None


@dataclass(slots=True)
class _Draft:
    """A block before it has its place in the text."""

    text: str
    kind: BlockKind
    line: int


def _drafts(sheet: Sheet) -> list[_Draft]:
    drafts: list[_Draft] = []
    before: int | None = None
    for i in sheet.kept():
        line = sheet.lines[i]
        if line.goes_on and before == i - 1 and drafts:
            drafts[-1].text += f" {line.text}"
        else:
            drafts.append(_Draft(line.text, sheet.block(i), i))
        before = i
    while drafts and drafts[-1].kind is BlockKind.HEADING:
        drafts.pop()
    return drafts


def _assemble(
    sheet: Sheet,
    told: Told,
    *,
    source_id: str,
    url: str | None,
    now: datetime | None,
    rules: Sequence[SiteRule],
    evergreen: bool,
) -> Article | None:
    drafts = _drafts(sheet)
    if not _is_article(sheet, drafts):
        return None
    lines = sheet.lines
    header = [
        line.text for i, line in enumerate(lines[: sheet.start]) if line.size <= 80 and i != sheet.title
    ]
    footer = [line.text for line in lines[sheet.end :][-14:]]
    joined = "\n".join(draft.text for draft in drafts)
    language = detect(joined)
    brand = splices.brand(header[-40:], footer)
    title, brand = _title(sheet, told, brand, joined)
    cuts, flags = _cut_splices(drafts, title, brand)
    text, blocks, placed = _lay(drafts, cuts)
    paragraphs = [draft.text for draft in drafts if draft.kind is not BlockKind.HEADING]
    head, tail = _around(sheet)
    edges = [*footer, *header[:8]]
    said = metadata.credits(head, tail, paragraphs, edges, brand=brand if flags else None, site=told.site)
    printed = metadata.published(head, tail, joined, now=now, chinese=language != "en")
    rule_outlet = next((r.outlet for r in rules if r.outlet), None)
    rule_site = next((r.republisher for r in rules if r.republisher), None)
    outlet = rule_outlet or told.outlet or said.outlet
    named = [text for text in (line.text for line in lines) if len(text) > 40 or "©" in text]
    masthead = metadata.masthead(header, named + footer) if sheet.title and not told.page_title else None
    site = rule_site or told.site or masthead or said.republisher
    likely = told.likely_site
    outlet = outlet or (site if brand != site else None) or (None if site else likely)
    authors = told.authors or said.authors or told.unprinted
    if said.inferred_from and outlet == said.outlet:
        flags.append(inferred(said.inferred_from))
    if sheet.doubled > 0.3:
        flags.append(_doubled(sheet.doubled))
    return Article(
        source_id=source_id,
        title=title,
        text=text,
        blocks=blocks,
        language=language,
        url=url,
        authors=tuple(name for name in authors if name != outlet or metadata.is_person(name)),
        editors=said.editors,
        outlet=outlet,
        republisher=site if site != outlet else None,
        published=dates.as_dated(told.published, printed, dates.in_address(url or "")),
        held_on=metadata.held_on(paragraphs),
        cuts=placed,
        flags=tuple(flags),
        evergreen=evergreen,
    )


def _is_article(sheet: Sheet, drafts: Sequence[_Draft]) -> bool:
    lines = [sheet.lines[i] for i in sheet.kept() if i not in sheet.headings]
    sentences = [line for line in lines if line.stops and is_prose(line)] or len(lines) >= 8
    return bool(drafts and sentences) and sum(line.size for line in lines) >= MIN_BODY


def _title(sheet: Sheet, told: Told, brand: str | None, joined: str) -> tuple[str, str | None]:
    """(title, the brand when the site splices it in); a brand the text is not about is cut off its front."""
    if sheet.title is not None:
        line = sheet.lines[sheet.title]
        others = [other.text for other in sheet.lines if other.size <= 40 and other.text != line.text]
        bare = (
            titles.strip_site if sheet.title == 0 else partial(titles.bare, others=others[:30] + others[-30:])
        )
        title = line.text if line.heading else bare(line.text)
    else:
        title = titles.agree(told.titles, [line.text for line in sheet.lines]) or ""
    topic = _TOPIC.match(title)
    if topic and told.page_title.startswith(title[topic.end() :]):
        title = title[topic.end() :]
    if brand is None:
        return title, None
    foreign = brand not in joined or splices.is_spliced(brand, joined) or _holds_title(joined, title)
    if foreign and title.startswith(brand) and len(title) >= len(brand) + 6:
        return title[len(brand) :].lstrip(" :：-_|·"), brand
    return title, brand if brand in joined and splices.is_spliced(brand, joined) else None


def _holds_title(joined: str, title: str) -> bool:
    return title in joined and any(splices.title_removals(part, title, None) for part in joined.split("\n"))


def _cut_splices(
    drafts: Sequence[_Draft], title: str, brand: str | None
) -> tuple[list[tuple[int, int, str, str]], list[Flag]]:
    """Cut brand and title out of the drafts: (draft, offset in it, words, reason), and the flag for it."""
    cuts: list[tuple[int, int, str, str]] = []
    for n, draft in enumerate(drafts):
        if title not in draft.text and not (brand and brand in draft.text):
            continue
        whole = splices.title_removals(draft.text, title, brand)
        names = splices.name_removals(draft.text, brand) if brand else ()
        draft.text, removed = splices.cut_out(draft.text, [*whole, *names])
        reason = "the page's title inside a sentence", "the site's name inside a sentence"
        cuts += [(n, at, words, reason[words == brand]) for at, words in removed]
    if not cuts:
        return [], []
    said = f"the site's name or the page's title stood inside sentences and was cut out ({len(cuts)} ×)"
    return cuts, [
        Flag(code="spliced", severity=Severity.CAUTION, reason=said, score=min(1.0, 0.4 + 0.2 * len(cuts)))
    ]


def _lay(
    drafts: Sequence[_Draft], cuts: Sequence[tuple[int, int, str, str]]
) -> tuple[str, tuple[Block, ...], tuple[Cut, ...]]:
    """Text, blocks with offsets, and cuts with offsets."""
    blocks: list[Block] = []
    at = 0
    for draft in drafts:
        blocks.append(Block(kind=draft.kind, start=at, end=at + len(draft.text)))
        at += len(draft.text) + 2
    placed = tuple(
        Cut(at=blocks[n].start + offset, removed=words, reason=why) for n, offset, words, why in cuts
    )
    return "\n\n".join(draft.text for draft in drafts), tuple(blocks), placed


def _around(sheet: Sheet) -> tuple[list[str], list[str]]:
    """Lines of the head (title first, then down to the body, then a few above the title) and of the tail."""
    lines, title = sheet.lines, sheet.title
    start = next(iter(sheet.kept()), sheet.start)
    top = max(0, sheet.start - 12) if title is None or title >= sheet.start else title
    top = top or max(0, sheet.start - _NEAR)  # the browser's title stands above menus, too
    below = [i for i in range(top + (title == top), start) if sheet.kinds[i] is not Kind.CAPTION]
    head = [lines[i].text for i in below if lines[i].size <= 150]
    above = [line.text for line in lines[max(0, top - 5) : top] if line.size <= 80]
    inside = [lines[i].text for i in range(start, sheet.end) if sheet.kinds[i] is Kind.META]
    own = takewhile(lambda line: not _OTHERS.match(line.text), lines[sheet.end : sheet.end + 10])
    tail = [line.text for line in own if line.size <= 150]
    return [_parted(text) for text in (*head, "", "", "", *above)], [
        _parted(text) for text in (*inside[:6], *tail)
    ]


def _parted(text: str) -> str:
    """A byline whose labels were glued together, with blanks before them."""
    return _LABELS.sub(" ", text)


def inferred(words: str) -> Flag:
    return Flag(
        code="outlet-inferred",
        severity=Severity.NOTE,
        reason=f"no byline names the outlet; read from “{words}”",
        score=0.7,
    )


def _doubled(share: float) -> Flag:
    return Flag(
        code="doubled",
        severity=Severity.NOTE,
        reason=f"{share:.0%} of the page's prose stands in it a second time; one copy was kept",
    )


def _no_article(sheet: Sheet) -> str:
    if not any(kind is Kind.PROSE for kind in sheet.kinds):
        return f"no running text among {len(sheet.lines)} lines, only short lines, links and furniture"
    return "too little running text in one place for an article"


def _decisions(sheet: Sheet) -> tuple[Decision, ...]:
    return tuple(_decision(sheet, i, line) for i, line in enumerate(sheet.lines))


def _decision(sheet: Sheet, i: int, line: Line) -> Decision:
    inside = sheet.start <= i < sheet.end
    kept = inside and not sheet.dropped[i]
    if kept:
        why = "body" if (block := sheet.block(i)) is BlockKind.PARAGRAPH else block.value
    elif i == sheet.title:
        why = "title"
    else:
        place = "above" if i < sheet.start else "below" if i >= sheet.end else "inside"
        why = sheet.dropped[i] or f"{place} the body: {sheet.kinds[i].value}"
    return Decision(line=line.number, text=line.text[:_SHOWN], kept=kept, reason=why)
