"""Every step from every state; the promises a reader and a lawyer would name, checked over all of them."""

import itertools

import pytest

from digest.consent import Step, step
from digest.errors import ConsentError
from digest.model import ConsentState

MAILABLE = {ConsentState.CONFIRMED}
STATES: list[ConsentState | None] = [None, *ConsentState]


def outcome(state: ConsentState | None, happened: Step) -> ConsentState | None:
    try:
        return step(state, happened)
    except ConsentError:
        return None


def test_a_readers_life() -> None:
    state = None
    for happened, expected in [
        (Step.SUBSCRIBE, ConsentState.PENDING),
        (Step.CONFIRM, ConsentState.CONFIRMED),
        (Step.PAUSE, ConsentState.PAUSED),
        (Step.RESUME, ConsentState.CONFIRMED),
        (Step.UNSUBSCRIBE, ConsentState.UNSUBSCRIBED),
        (Step.SUBSCRIBE, ConsentState.PENDING),
        (Step.CONFIRM, ConsentState.CONFIRMED),
        (Step.ERASE, ConsentState.ERASED),
    ]:
        state = step(state, happened)
        assert state is expected


@pytest.mark.parametrize("state", STATES)
def test_only_confirming_adding_resuming_or_reinstating_makes_anybody_mailable(
    state: ConsentState | None,
) -> None:
    for happened in Step:
        after = outcome(state, happened)
        if after in MAILABLE and state not in MAILABLE:
            assert happened in {Step.CONFIRM, Step.ADD, Step.RESUME, Step.REINSTATE}


@pytest.mark.parametrize("state", [s for s in STATES if s is not None])
def test_leaving_complaining_and_erasing_always_work_and_work_twice_the_same(state: ConsentState) -> None:
    for happened in (Step.UNSUBSCRIBE, Step.COMPLAIN, Step.ERASE):
        once = step(state, happened)
        assert once not in MAILABLE
        assert step(once, happened) is once


def test_who_complained_or_left_is_not_mailed_again_without_an_own_confirmation() -> None:
    gone = {ConsentState.UNSUBSCRIBED, ConsentState.COMPLAINED, ConsentState.ERASED}
    for start in gone:
        for path in itertools.product([s for s in Step if s is not Step.CONFIRM], repeat=4):
            state: ConsentState | None = start
            for happened in path:
                state = outcome(state, happened) or state
                assert state not in MAILABLE


def test_only_who_asks_is_left_pending_and_so_sent_a_confirmation_mail() -> None:
    for state, happened in itertools.product(STATES, Step):
        if outcome(state, happened) is ConsentState.PENDING is not state:
            assert happened is Step.SUBSCRIBE


def test_a_refused_step_says_what_to_do() -> None:
    with pytest.raises(ConsentError, match="Enter your address"):
        step(ConsentState.UNSUBSCRIBED, Step.CONFIRM)
