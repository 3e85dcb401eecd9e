"""What the operator is told, how often, and what is forgotten."""

import email
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest
from stored import NOW, article

from digest.mail.maildir import MaildirTransport
from digest.model import Newsletter
from digest.store import Store
from digest.tending import notice, post, prune, remember, untold

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


def test_what_is_old_is_forgotten_once_a_day(store: Store) -> None:
    store.articles.save(article(), sketch=(), now=NOW - timedelta(days=99))
    assert prune(store, keep_days=90, now=NOW)["articles"] == 1
    store.articles.save(article(), sketch=(), now=NOW - timedelta(days=99))
    assert prune(store, keep_days=90, now=NOW + 23 * HOUR) == {}
    assert prune(store, keep_days=90, now=NOW + 24 * HOUR)["articles"] == 1
