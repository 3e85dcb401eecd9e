"""What the operator is told, how often, and what is forgotten."""

import email
import shutil
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import event
from stored import NOW, article

from digest.errors import StoreError
from digest.mail.maildir import MaildirTransport
from digest.model import Newsletter
from digest.store import Store, open_store
from digest.tending import notice, post, prune, remember, tell, untold

LETTER = Newsletter(
    name="文摘", sender="digest@example.org", sender_name="文摘", list_id="digest.example.org"
)
HOUR = timedelta(hours=1)
GONE = ("feed a", "feed a: gone; remove it")


@pytest.mark.parametrize(
    ("what", "hours", "told_again"),
    [
        (GONE[1], 1, False),
        (GONE[1], 30, False),
        (GONE[1], 7 * 24, True),
        ("feed a: broken; look at it", 23, False),
        ("feed a: broken; look at it", 24, True),
        ("feed a: gone; remove it, asked again at 10:00", 30, True),
    ],
)
def test_a_cause_is_told_once_a_day_at_most_and_only_when_it_changed(
    store: Store, what: str, hours: int, told_again: bool
) -> None:
    assert untold(store, [GONE], now=NOW) == [GONE]
    remember(store, [GONE], now=NOW)
    later = NOW + hours * HOUR
    assert untold(store, [("feed a", what), ("feed b", "new")], now=later) == [
        *([("feed a", what)] if told_again else []),
        ("feed b", "new"),
    ]


async def test_the_notice_is_a_mail(tmp_path: Path) -> None:
    mail = notice(LETTER, "boss@example.org", [GONE, ("quarantine", "3 articles\n坏")], now=NOW)
    assert await post(MaildirTransport(tmp_path), LETTER.sender, "boss@example.org", mail)
    [file] = (tmp_path / "new").iterdir()
    read = email.message_from_bytes(file.read_bytes(), policy=default)
    assert (read["To"], read["Subject"]) == ("boss@example.org", "文摘: 2 things need a hand")
    assert read["Auto-Submitted"] == "auto-generated"
    assert "feed a: gone; remove it" in read.get_content()


async def tell_of(
    store: Store, folder: Path, what: str, hours: int = 0, *, is_down: bool = False
) -> list[str]:
    moment, transport = NOW + hours * HOUR, MaildirTransport(folder)
    if is_down:
        shutil.rmtree(folder)
    send = transport, LETTER, "boss@example.org"
    return await tell(store, *send, [("feed a", what)], sample=lambda number, to: b"", now=moment)


async def test_what_cannot_be_noted_is_not_mailed_every_few_minutes(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'digest.db'}") as store:
        store.migrate()
        assert await tell_of(store, tmp_path / "mail", "down; asked again at 8:00")
        assert not await tell_of(store, tmp_path / "mail", "down; asked again at 9:00", 30)
        event.listen(
            store.database.engine, "begin", lambda one: one.exec_driver_sql("PRAGMA max_page_count = 1")
        )
        with pytest.raises(StoreError, match="full"):
            await tell_of(store, tmp_path / "mail", "worse " * 9000, 60)
        assert len(list((tmp_path / "mail/new").iterdir())) == 1


async def test_the_operator_is_told_again_when_the_mail_did_not_go_out(store: Store, tmp_path: Path) -> None:
    assert await tell_of(store, tmp_path / "lost", "gone", is_down=True) == []
    assert await tell_of(store, tmp_path / "mail", "gone") == ["told the operator of 1 things"]


def test_what_is_old_is_forgotten_once_a_day(store: Store) -> None:
    store.articles.save(article(), sketch=(), now=NOW - timedelta(days=99))
    assert prune(store, keep_days=90, now=NOW)["articles"] == 1
    store.articles.save(article(), sketch=(), now=NOW - timedelta(days=99))
    assert prune(store, keep_days=90, now=NOW + 23 * HOUR) == {}
    assert prune(store, keep_days=90, now=NOW + 24 * HOUR)["articles"] == 1
