"""Consent as a state machine: who may be mailed, and what each step leads to. Pure.

A reader alone can consent. An operator may add somebody new who has, and reinstate a bounced address
that had; who left or complained comes back by an own confirmation and in no other way.
"""

from enum import StrEnum

from digest.errors import ConsentError
from digest.model import ConsentState

PENDING = ConsentState.PENDING
CONFIRMED = ConsentState.CONFIRMED
PAUSED = ConsentState.PAUSED
UNSUBSCRIBED = ConsentState.UNSUBSCRIBED
BOUNCED = ConsentState.BOUNCED
COMPLAINED = ConsentState.COMPLAINED
ERASED = ConsentState.ERASED


class Step(StrEnum):
    """What happened: the reader's steps, then those of mail servers, then the operator's."""

    SUBSCRIBE = "subscribe"
    CONFIRM = "confirm"
    PAUSE = "pause"
    RESUME = "resume"
    UNSUBSCRIBE = "unsubscribe"
    ERASE = "erase"
    BOUNCE = "bounce"
    COMPLAIN = "complain"
    ADD = "add"
    REINSTATE = "reinstate"


RULES: dict[Step, dict[ConsentState | None, ConsentState]] = {
    Step.SUBSCRIBE: {
        **dict.fromkeys((None, PENDING, UNSUBSCRIBED, BOUNCED), PENDING),
        CONFIRMED: CONFIRMED,
        PAUSED: PAUSED,
        # No mail to somebody who called it spam, whoever typed the address; the form does not tell.
        COMPLAINED: COMPLAINED,
    },
    Step.CONFIRM: {PENDING: CONFIRMED, CONFIRMED: CONFIRMED, PAUSED: PAUSED},
    Step.PAUSE: {CONFIRMED: PAUSED, PAUSED: PAUSED},
    Step.RESUME: {CONFIRMED: CONFIRMED, PAUSED: CONFIRMED},
    Step.UNSUBSCRIBE: {
        **dict.fromkeys((PENDING, CONFIRMED, PAUSED, BOUNCED, UNSUBSCRIBED), UNSUBSCRIBED),
        COMPLAINED: COMPLAINED,
        ERASED: ERASED,
    },
    Step.BOUNCE: {
        # Never confirmed: nothing an operator could reinstate.
        PENDING: UNSUBSCRIBED,
        CONFIRMED: BOUNCED,
        PAUSED: BOUNCED,
        **{state: state for state in (UNSUBSCRIBED, BOUNCED, COMPLAINED, ERASED)},
    },
    Step.COMPLAIN: {**dict.fromkeys(ConsentState, COMPLAINED), ERASED: ERASED},
    Step.ERASE: dict.fromkeys(ConsentState, ERASED),
    # Who is pending stays so: anybody may have typed the address, perhaps after its owner had left.
    Step.ADD: {None: CONFIRMED, PENDING: PENDING, CONFIRMED: CONFIRMED, PAUSED: PAUSED},
    Step.REINSTATE: {BOUNCED: CONFIRMED, COMPLAINED: UNSUBSCRIBED},
}

_ADVICE = {
    Step.SUBSCRIBE: "This address asked to be forgotten; it has to be written to us from that address.",
    Step.CONFIRM: "This link has expired. Enter your address to get a new one.",
    Step.PAUSE: "Only a confirmed subscription can be paused.",
    Step.RESUME: "There is no paused subscription to resume.",
    Step.ADD: "This reader left, bounced or complained; only they can subscribe again, with the form.",
    Step.REINSTATE: "Only a bounced address or a complaint can be reinstated.",
}


def step(state: ConsentState | None, happened: Step) -> ConsentState:
    """The state that *happened* leads to; the same where it changes nothing.

    Who subscribes and is left pending is asked to confirm. Who is left gone is suppressed until confirmed.

    Args:
        state: None for an address nobody has heard of.

    Raises:
        ConsentError: The step is not possible from there; the message tells the person what to do.
    """
    try:
        return RULES[happened][state]
    except KeyError:
        raise ConsentError(_ADVICE.get(happened, "There is no such subscription.")) from None
