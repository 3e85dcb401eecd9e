"""The readers' flow over both databases: who is asked, who is mailed, who is left alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy

import pytest
from reading import KEYS, NEWSLETTER, a_renderer, links
from stored import DAY, HOUR, NOW, reader

from digest.consent import Step
from digest.errors import ConsentError, TokenError
from digest.mail.transport import Fate, Letter
from digest.model import ConsentState, Subscriber
from digest.signup import FORGET_AFTER, TRY_AGAIN, Signup, personal_data
from digest.store import Store
from digest.store.wishes import ASKED, ON_ITS_WAY
from digest.tokens import Purpose

ADDRESS = "ann@example.org"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def signup(store: Store) -> Signup:
    return Signup(store, a_renderer(), NEWSLETTER, KEYS)


def wish(address: str = ADDRESS, **changes: object) -> Subscriber:
    one = Subscriber(id=0, address=address, language="zh-CN", timezone="Asia/Shanghai", themes=("craft",))
    return replace(one, **changes)  # type: ignore[arg-type]


def ask(signup: Signup, *wishes: Subscriber, now: datetime = NOW, fate: Fate = Fate.SENT) -> list[Letter]:
    """Sign up; the letters that were sent for it, and noted so."""
    if wishes:
        signup.store.wishes.keep(wishes)
    found = signup.askings(now=now)
    signup.asked([(one, fate) for one in found], now=now)
    return [one.letter for one in found]


def html(letter: Letter) -> str:
    part = message_from_bytes(letter.content, policy=policy.default).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def token_in(letter: Letter, page: str = "/confirm/") -> str:
    return next(link for link in links(html(letter)) if page in link).rpartition("/")[2]


def subscribed(signup: Signup, address: str = ADDRESS) -> int:
    [letter] = ask(signup, wish(address))
    return signup.take(signup.who(token_in(letter), Purpose.CONFIRM, now=NOW), Step.CONFIRM, now=NOW).id


def test_a_sign_up_asks_once_an_hour_and_three_times_a_day(signup: Signup) -> None:
    times = [*range(11), 40, *range(70, 76)]  # thirds of an hour
    assert [n for n in times if ask(signup, wish(), now=NOW + n * 20 * MINUTE)] == [0, 3, 6, 72, 75]


def test_nobody_is_forgotten_and_nobody_asked_twice_in_an_hour_whatever_crashes(signup: Signup) -> None:
    signup.store.wishes.keep([wish()])
    # Killed before the wish was judged: it waits. Killed with the letter in hand: it may be out.
    [lost] = signup.askings(now=NOW + DAY)
    assert signup.askings(now=NOW + DAY + HOUR) == ()
    assert ask(signup, wish(), now=NOW + DAY + HOUR) == []
    [again] = signup.askings(now=NOW + DAY + HOUR + ON_ITS_WAY)
    assert (again.reader, again.letter.recipient) == (lost.reader, ADDRESS)
    signup.asked([(again, Fate.SENT)], now=NOW + 2 * DAY)
    assert signup.askings(now=NOW + 9 * DAY) == ()


@pytest.mark.parametrize(
    ("fate", "pauses"),
    [
        (Fate.DEFERRED, list(TRY_AGAIN)),
        (Fate.UNTOUCHED, list(TRY_AGAIN)),
        (Fate.UNKNOWN, [HOUR]),
        (Fate.REFUSED, []),
        (Fate.SENT, []),
    ],
)
def test_a_letter_that_is_not_out_is_tried_again_for_a_while(
    signup: Signup, fate: Fate, pauses: list[timedelta]
) -> None:
    now = NOW
    assert ask(signup, wish(), fate=fate)
    for pause in pauses:
        assert ask(signup, wish(), now=now + pause - MINUTE / 2, fate=fate) == [], "it waits: no second one"
        now += pause
        assert len(ask(signup, now=now, fate=fate)) == 1
    assert ask(signup, now=now + DAY) == []
    assert [e.reason for e in signup.store.subscribers.events(1)].count(ASKED) == 1


def test_who_came_or_left_meanwhile_is_not_asked(signup: Signup) -> None:
    [first] = ask(signup, wish(), fate=Fate.DEFERRED)
    signup.take(signup.who(token_in(first), Purpose.CONFIRM, now=NOW), Step.CONFIRM, now=NOW)
    assert ask(signup, wish("gone@example.org"), fate=Fate.DEFERRED)
    gone = signup.store.subscribers.find("gone@example.org")
    assert gone
    signup.erase(gone, now=NOW)
    assert signup.askings(now=NOW + DAY) == ()


def test_one_burst_of_one_address_in_any_case_is_one_letter(signup: Signup) -> None:
    burst = [
        wish("Ann@example.org"),
        wish("ann@example.org"),
        wish("ANN@example.org"),
        wish("bob@example.org"),
    ]
    letters = ask(signup, *burst)
    assert len({letter.recipient.casefold() for letter in letters}) == len(letters) == 2


@pytest.mark.parametrize(
    ("state", "letters", "after"),
    [
        (ConsentState.PENDING, 1, ConsentState.PENDING),
        (ConsentState.CONFIRMED, 0, ConsentState.CONFIRMED),
        (ConsentState.PAUSED, 0, ConsentState.PAUSED),
        (ConsentState.UNSUBSCRIBED, 1, ConsentState.PENDING),
        (ConsentState.BOUNCED, 1, ConsentState.PENDING),
        (ConsentState.COMPLAINED, 0, ConsentState.COMPLAINED),
    ],
)
def test_who_is_asked(signup: Signup, state: ConsentState, letters: int, after: ConsentState) -> None:
    one = signup.store.subscribers.add(reader("ann", state=state, themes=("cost",)), actor="test", now=NOW)
    assert len(ask(signup, wish())) == letters
    found = signup.store.subscribers.get(one.id)
    assert found.state is after
    assert found.themes == (("craft",) if letters else ("cost",)), "an enemy's wishes change no reader's"


def test_the_letter_says_nothing_a_visitor_typed_and_repeats_no_message_id(signup: Signup) -> None:
    [first] = ask(signup, wish("free-money.click-here@example.org", language="en"))
    [second] = ask(signup, wish("free-money.click-here@example.org"), now=NOW + 2 * HOUR)
    assert "free-money" not in html(first)
    message = message_from_bytes(first.content, policy=policy.default)
    assert message["To"] == first.recipient == "free-money.click-here@example.org"
    assert message["Subject"] == "Confirm your subscription to 晨读"
    assert message["Message-ID"] != message_from_bytes(second.content, policy=policy.default)["Message-ID"]
    assert not message["List-Unsubscribe-Post"], "one click only where the link is https (RFC 8058)"


def test_confirming_twice_is_confirming_and_late_is_too_late(signup: Signup) -> None:
    [letter] = ask(signup, wish())
    token = token_in(letter)
    with pytest.raises(TokenError, match="expired"):
        signup.who(token, Purpose.CONFIRM, now=NOW + 7 * DAY + MINUTE)
    one = signup.who(token, Purpose.CONFIRM, now=NOW + 6 * DAY)
    for _ in range(2):
        assert signup.take(one, Step.CONFIRM, now=NOW).state is ConsentState.CONFIRMED
    signup.unsubscribe({one.id: ""}, now=NOW)
    with pytest.raises(ConsentError, match="expired"):
        signup.take(one, Step.CONFIRM, now=NOW)
    events = [
        (event.actor, event.to_state, event.reason) for event in signup.store.subscribers.events(one.id)
    ]
    assert events == [
        ("reader", "pending", "form"),
        ("reader", "pending", ASKED),
        ("reader", "confirmed", "confirmed by link"),
        ("reader", "unsubscribed", "unsubscribed"),
    ]


def test_leaving_suppresses_and_only_confirming_again_lifts_it(signup: Signup) -> None:
    one = subscribed(signup)
    signup.unsubscribe({one: "too many"}, now=NOW)
    hashed = signup.hash_address(ADDRESS)
    assert signup.store.subscribers.suppressed([hashed])
    [letter] = ask(signup, wish(), now=NOW + 2 * HOUR)
    assert signup.store.subscribers.suppressed([hashed])
    signup.take(
        signup.who(token_in(letter), Purpose.CONFIRM, now=NOW + 2 * HOUR), Step.CONFIRM, now=NOW + 2 * HOUR
    )
    assert not signup.store.subscribers.suppressed([hashed])


@pytest.mark.parametrize(
    ("reason", "asked"), [("import: unsubscribed", 1), ("import: complained", 0), ("erased", 0)]
)
def test_who_left_a_list_that_was_imported_comes_back_by_the_form(
    signup: Signup, reason: str, asked: int
) -> None:
    hashed = signup.hash_address(ADDRESS)
    signup.store.subscribers.suppress({hashed: reason}, now=NOW)
    letters = ask(signup, wish())
    assert len(letters) == asked
    assert signup.store.subscribers.suppressed([hashed])
    for letter in letters:
        signup.take(signup.who(token_in(letter), Purpose.CONFIRM, now=NOW), Step.CONFIRM, now=NOW)
        assert not signup.store.subscribers.suppressed([hashed])


def test_links_are_good_for_their_own_page_only_and_unsubscribing_outlives_everything(signup: Signup) -> None:
    one = signup.store.subscribers.get(subscribed(signup))
    made = {purpose: signup.link(purpose, one).rpartition("/")[2] for purpose in Purpose}
    for page in Purpose:
        for purpose, token in made.items():
            if page is not purpose:
                with pytest.raises(TokenError):
                    signup.who(token, page, now=NOW)
    signup.store.subscribers.set_preferences(one.id, now=NOW, token_version=one.token_version + 1)
    later = NOW + 3650 * DAY
    assert signup.whom(made[Purpose.UNSUBSCRIBE]) == one.id
    assert signup.who(made[Purpose.UNSUBSCRIBE], Purpose.UNSUBSCRIBE, now=later).id == one.id
    with pytest.raises(TokenError):
        signup.who(made[Purpose.PREFERENCES], Purpose.PREFERENCES, now=later)


def test_a_new_key_keeps_old_links_and_the_suppression_list(signup: Signup) -> None:
    one = signup.store.subscribers.get(subscribed(signup))
    rotated = Signup(signup.store, a_renderer(), NEWSLETTER, {"b": b"n" * 40, **KEYS})
    assert rotated.hash_address(ADDRESS) == signup.hash_address(ADDRESS)
    token = signup.link(Purpose.PREFERENCES, one).rpartition("/")[2]
    assert rotated.who(token, Purpose.PREFERENCES, now=NOW).id == one.id
    dropped = Signup(signup.store, a_renderer(), NEWSLETTER, {"b": b"n" * 40})
    with pytest.raises(TokenError):
        dropped.who(token, Purpose.PREFERENCES, now=NOW)


def test_erasing_forgets_and_never_asks_again(signup: Signup) -> None:
    one = signup.store.subscribers.get(subscribed(signup))
    assert personal_data(signup.store, one)["address"] == ADDRESS
    signup.erase(one, now=NOW)
    signup.erase(signup.store.subscribers.get(one.id), now=NOW)
    assert ask(signup, wish(), now=NOW + 2 * DAY) == []
    assert signup.store.subscribers.find(ADDRESS) is None
    forgotten = personal_data(signup.store, signup.store.subscribers.get(one.id))
    assert not any(ADDRESS in str(value) for value in forgotten.values())
    assert forgotten["history"] == []
    signup.unsubscribe({one.id: ""}, now=NOW)
    assert signup.store.subscribers.get(one.id).state is ConsentState.ERASED


def test_pausing_ends_by_itself_or_by_hand(signup: Signup) -> None:
    one = signup.store.subscribers.get(subscribed(signup))
    paused = signup.take(one, Step.PAUSE, NOW + DAY, now=NOW)
    assert (paused.state, paused.paused_until) == (ConsentState.PAUSED, NOW + DAY)
    longer = signup.take(one, Step.PAUSE, NOW + 2 * DAY, now=NOW)
    assert longer.paused_until == NOW + 2 * DAY
    resumed = signup.take(one, Step.RESUME, now=NOW)
    assert (resumed.state, resumed.paused_until) == (ConsentState.CONFIRMED, None)


def test_who_never_confirms_is_forgotten_and_who_once_left_is_not(signup: Signup) -> None:
    left = subscribed(signup, "left@example.org")
    signup.unsubscribe({left: ""}, now=NOW)
    letters = ask(signup, wish("never@example.org"), wish("left@example.org"), now=NOW + 2 * HOUR)
    token = token_in(next(letter for letter in letters if letter.recipient.startswith("never")))
    assert signup.store.subscribers.forget_unconfirmed(NOW + 29 * DAY - FORGET_AFTER) == 0
    assert signup.store.subscribers.forget_unconfirmed(NOW + 31 * DAY - FORGET_AFTER) == 1
    assert signup.store.subscribers.find("never@example.org") is None
    assert signup.store.subscribers.find("left@example.org") is not None
    with pytest.raises(TokenError):
        signup.who(token, Purpose.CONFIRM, now=NOW + DAY)
