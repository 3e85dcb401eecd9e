from datetime import UTC, datetime, timedelta

import pytest

from digest.errors import TokenError
from digest.tokens import Purpose, make_token, read_token

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
KEYS = {"b": b"new secret", "a": b"old secret"}


def test_a_token_opens_to_what_it_was_made_for() -> None:
    claims = read_token(
        make_token(Purpose.UNSUBSCRIBE, 42, 3, keys=KEYS, now=NOW), Purpose.UNSUBSCRIBE, keys=KEYS, now=NOW
    )
    assert claims == (42, 3)


def test_links_of_the_previous_key_still_work_and_those_of_a_retired_one_do_not() -> None:
    old = make_token(Purpose.PREFERENCES, 1, 1, keys={"a": b"old secret"}, now=NOW)
    assert read_token(old, Purpose.PREFERENCES, keys=KEYS, now=NOW)[0] == 1
    with pytest.raises(TokenError):
        read_token(old, Purpose.PREFERENCES, keys={"b": b"new secret"}, now=NOW)


def test_only_confirmation_expires() -> None:
    later = NOW + timedelta(days=8)
    confirm = make_token(Purpose.CONFIRM, 1, 1, keys=KEYS, now=NOW)
    with pytest.raises(TokenError, match="expired"):
        read_token(confirm, Purpose.CONFIRM, keys=KEYS, now=later)
    leave = make_token(Purpose.UNSUBSCRIBE, 1, 1, keys=KEYS, now=NOW)
    assert read_token(leave, Purpose.UNSUBSCRIBE, keys=KEYS, now=NOW + timedelta(days=4000))


GOOD = make_token(Purpose.UNSUBSCRIBE, 1, 1, keys=KEYS, now=NOW)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "....",
        "b.1.1.1.",
        GOOD[:-1],
        GOOD + "x",
        GOOD.replace("b.1.", "b.2.", 1),
        GOOD.replace("b.", "zz.", 1),
        "\ud800.1.1.1.x",
        "漢" * 5000,
        make_token(Purpose.PREFERENCES, 1, 1, keys=KEYS, now=NOW),
    ],
)
def test_anything_else_is_refused_with_a_way_out(forged: str) -> None:
    with pytest.raises(TokenError, match="mail again"):
        read_token(forged, Purpose.UNSUBSCRIBE, keys=KEYS, now=NOW)
