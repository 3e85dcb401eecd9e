"""A wrong edition put right: the command, the mail, the web copy, the feed, and what the next edition says."""

import asyncio
import email.policy
import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from reading import a_site
from running import digest
from stored import CRAFT, HOUR, NOW, article, edition, excerpt

from digest.corrections import Changes, correct, revise
from digest.errors import StoreError
from digest.model import DeliveryState, Edition, Item, Reason, Role, Section, Size, Subscriber
from digest.store import Store, open_store

NOTE = "上一版把日期写错了,应为 6 月 1 日。"


def mails(installation: Path) -> list[EmailMessage]:
    """What the inbox holds, in the order it came."""
    found = (path.read_bytes() for path in sorted((installation / "var/inbox").glob("*.eml")))
    parsed = (message_from_bytes(raw, policy=email.policy.default) for raw in found)
    return [mail for mail in parsed if isinstance(mail, EmailMessage)]


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def pages(installation: Path, *paths: str) -> list[tuple[int, str]]:
    """What a visitor of the web pages gets."""

    async def visited() -> list[tuple[int, str]]:
        with open_store(f"sqlite:///{installation / 'var/digest.db'}") as store:
            async with a_site(store, installation) as site:
                return [await site.get(path) for path in paths]

    return asyncio.run(visited())


def test_a_correction_reaches_who_got_the_former_and_keeps_the_address(installation: Path) -> None:
    for name in ("a", "b"):
        assert digest(installation, "subscribers", "add", f"{name}@example.org").returncode == 0
    assert digest(installation, "send").returncode == 0
    first = mails(installation)
    assert digest(installation, "subscribers", "remove", "b@example.org").returncode == 0
    digest(installation, "subscribers", "add", "c@example.org")

    dry = digest(installation, "editions", "correct", "1", "--note", NOTE, "--drop", "1.2", "--dry-run")
    assert "应为 6 月 1 日" in dry.stdout
    ran = digest(
        installation, "editions", "correct", "1", "--note", NOTE, "--drop", "1.2", "--send",
        clock="2026-01-05T09:00:00+08:00",
    )  # fmt: skip
    assert (ran.returncode, "revision 2" in ran.stderr) == (0, True), ran.stderr

    (corrected,) = mails(installation)[len(first) :]
    former = next(mail for mail in first if mail["To"] == corrected["To"])
    assert str(corrected["To"]) == "a@example.org"
    assert str(corrected["Subject"]) == f"更正：{former['Subject']}"
    assert corrected["Message-ID"] != former["Message-ID"]
    said = text_of(corrected)
    assert "2026 年 1 月 5 日更正 上一版把日期写错了，应为 6 月 1 日。" in said
    assert "第 1 期" in said
    gone = digest(installation, "editions", "show", "1", "-f", "json").stdout
    kept = digest(installation, "editions", "show", "2", "-f", "json").stdout
    assert gone.count('"role"') - kept.count('"role"') == 1

    *copies, (_, archive), (_, feed) = pages(
        installation, "/editions/1", "/editions/2", "/editions", "/atom.xml"
    )
    for status, shown in copies:
        assert (status, "应为 6 月 1 日" in shown) == (200, True)
        assert "/editions/2" not in shown
    assert len(re.findall(r"/editions/\d+", archive)) == 1
    assert feed.count("<entry>") == 1
    assert "editions/1<" in feed
    assert "应为 6 月 1 日" in feed

    again = digest(installation, "send", "--resume")
    assert "Nothing is due" in again.stderr


def test_a_correction_on_the_web_alone_is_told_by_the_next_edition(installation: Path) -> None:
    digest(installation, "subscribers", "add", "a@example.org")
    assert digest(installation, "send").returncode == 0
    clock = "2026-01-05T09:00:00+08:00"
    assert digest(installation, "editions", "correct", "1", "--note", NOTE, clock=clock).returncode == 0
    assert len(mails(installation)) == 1
    digest(installation, "send", clock="2026-01-06T08:00:00+08:00")
    (_, second) = mails(installation)
    assert "更正：2026 年 1 月 5 日一期 上一版把日期写错了，应为 6 月 1 日。" in text_of(second)
    assert not str(second["Subject"]).startswith("更正")
    digest(installation, "send", clock="2026-01-07T08:00:00+08:00")
    assert "应为 6 月 1 日" not in text_of(mails(installation)[-1])


def test_what_cannot_be_done_is_said_and_changes_nothing(installation: Path) -> None:
    digest(installation, "now", "-f", "json")
    for words, said in (
        (("--note", " "), "say what was wrong"),
        (("--note", NOTE, "--drop", "99"), "holds no 99"),
        (("--note", NOTE, "--drop", "1.x", "--drop", "1.99"), "holds no 1.x, 1.99"),
    ):
        ran = digest(installation, "editions", "correct", "1", *words)
        assert (ran.returncode, said in " ".join(ran.stderr.replace("│", "").split())) == (2, True), (
            ran.stderr
        )
    assert digest(installation, "editions", "correct", "9", "--note", NOTE).returncode == 1
    assert digest(installation, "editions", "list", "--json").stdout.count('"number"') == 1


def two_items() -> Edition:
    one, other = article("watch"), replace(article("clock"), title="钟楼换了新钟", outlet=None)
    items = tuple(
        Item(
            article=of,
            size=Size.MEDIUM,
            excerpts=(excerpt(of), replace(excerpt(of, 8, 18), role=Role.POINT)),
            reason=Reason(kind="new", terms=()),
            reading_minutes=1,
            also_in=(("老周", title),),
        )
        for of, title in ((one, other.title), (other, one.title))
    )
    made = edition(one)
    section = Section(theme=CRAFT, items=items, why="")
    return replace(made, number=4, subject=one.title, preheader=other.title, sections=(section,))


def test_the_subject_stays_unless_its_headline_goes_or_changes() -> None:
    def revised(**changes: Any) -> Edition:
        articles = changes.pop("articles", {})
        wanted = Changes(note="x", **changes)
        return revise(two_items(), wanted, articles=articles, past=set(), now=NOW + HOUR, language="zh-CN")

    assert (revised().subject, revised().preheader) == ("修表人", "钟楼换了新钟")
    assert (revised().number, revised().corrects, revised().revision) == (0, 4, 2)
    gone = revised(drop=("1",))
    assert "钟楼换了新钟" in gone.subject
    assert [item.also_in for item in gone.items()] == [()]
    assert revised(drop=("1", "2.1")).items()[0].excerpts[0].role is Role.POINT
    assert len(revised(drop=("1.1", "1.2")).items()) == 1
    with pytest.raises(ValueError, match="nothing would be left"):
        revised(drop=("1", "2"))
    renamed = replace(article("watch"), title="修钟人", outlet="钟表月刊", text="别的话。", blocks=())
    reread = revised(reread=True, articles={renamed.source_id: renamed})
    first = reread.items()[0].article
    assert (first.title, first.outlet, first.text) == ("修钟人", "钟表月刊", article("watch").text)
    assert "修钟人" in reread.subject
    assert reread.items()[1].also_in == (("老周", "修钟人"),)
    assert revised(subject="另一个题目").subject == "另一个题目"


def test_an_edition_still_going_out_is_corrected_for_those_who_wait_too(store: Store) -> None:
    store.articles.save(article(), sketch=(), now=NOW)
    readers = [Subscriber(id=0, address=f"r{n}@example.org", state="confirmed") for n in range(3)]  # type: ignore[arg-type]
    store.subscribers.add_all(readers, actor="test", now=NOW)
    number = store.editions.freeze(edition(article()), now=NOW, to_readers=True).number
    store.ledger.plan(number, now=NOW)
    store.ledger.plan_addresses(number, ["hand@example.org"], now=NOW)
    changes = Changes(note="x")
    with pytest.raises(StoreError, match="still on its way as it is to 4 readers"):
        correct(store, number, changes, now=NOW + HOUR, language="zh-CN")
    made = correct(store, number, changes, now=NOW + HOUR, language="zh-CN", send=True)
    assert store.ledger.counts(number) == {DeliveryState.SUPPRESSED: 4}
    assert store.ledger.counts(made.number) == {DeliveryState.QUEUED: 4}
    assert store.ledger.claim("me", limit=9, lease_s=60, now=NOW + HOUR, edition=number) == ()
    third = correct(store, made.number, Changes(note="y"), now=NOW + 2 * HOUR, language="zh-CN", send=True)
    assert (third.revision, third.public_number, len(third.corrections)) == (3, number, 2)
    assert store.ledger.counts(third.number) == {DeliveryState.QUEUED: 4}
    store.ledger.prune(before=NOW + 9 * HOUR)
    with pytest.raises(StoreError, match="forgotten by now"):
        correct(store, number, Changes(note="z"), now=NOW + 9 * HOUR, language="zh-CN", send=True)
