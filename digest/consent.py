"""Consent as a state machine: who may be mailed, and what each step leads to. Pure.

A reader alone can consent. An operator may add somebody new who has, and reinstate a bounced address
that had; who left or complained comes back by an own confirmation and in no other way.
"""

from dataclasses import dataclass
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

MAILABLE = frozenset({CONFIRMED})


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


class Effect(StrEnum):
    """What must be done besides keeping the new state."""

    SEND_CONFIRMATION = "send confirmation"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The state afterwards, and what to do, in order. Unchanged and empty: the step changes nothing."""

    state: ConsentState
    effects: tuple[Effect, ...] = ()


_Rules = dict[Step, dict[ConsentState | None, tuple[ConsentState, tuple[Effect, ...]]]]
_ASK = (Effect.SEND_CONFIRMATION,)
_BLOCK = (Effect.SUPPRESS,)
_LIFT = (Effect.UNSUPPRESS,)

RULES: _Rules = {
    Step.SUBSCRIBE: {
        None: (PENDING, _ASK),
        PENDING: (PENDING, _ASK),
        CONFIRMED: (CONFIRMED, ()),
        PAUSED: (PAUSED, ()),
        UNSUBSCRIBED: (PENDING, _ASK),
        BOUNCED: (PENDING, _ASK),
        # No mail to somebody who called it spam, whoever typed the address; the form does not tell.
        COMPLAINED: (COMPLAINED, ()),
    },
    Step.CONFIRM: {
        PENDING: (CONFIRMED, _LIFT),
        CONFIRMED: (CONFIRMED, ()),
        PAUSED: (PAUSED, ()),
    },
    Step.PAUSE: {CONFIRMED: (PAUSED, ()), PAUSED: (PAUSED, ())},
    Step.RESUME: {CONFIRMED: (CONFIRMED, ()), PAUSED: (CONFIRMED, ())},
    Step.UNSUBSCRIBE: {
        PENDING: (UNSUBSCRIBED, _BLOCK),
        CONFIRMED: (UNSUBSCRIBED, _BLOCK),
        PAUSED: (UNSUBSCRIBED, _BLOCK),
        BOUNCED: (UNSUBSCRIBED, _BLOCK),
        UNSUBSCRIBED: (UNSUBSCRIBED, ()),
        COMPLAINED: (COMPLAINED, ()),
        ERASED: (ERASED, ()),
    },
    Step.BOUNCE: {
        # Never confirmed: nothing an operator could reinstate.
        PENDING: (UNSUBSCRIBED, _BLOCK),
        CONFIRMED: (BOUNCED, _BLOCK),
        PAUSED: (BOUNCED, _BLOCK),
        UNSUBSCRIBED: (UNSUBSCRIBED, ()),
        BOUNCED: (BOUNCED, ()),
        COMPLAINED: (COMPLAINED, ()),
        ERASED: (ERASED, ()),
    },
    Step.COMPLAIN: {
        **dict.fromkeys((PENDING, CONFIRMED, PAUSED, UNSUBSCRIBED, BOUNCED), (COMPLAINED, _BLOCK)),
        COMPLAINED: (COMPLAINED, ()),
        ERASED: (ERASED, ()),
    },
    Step.ERASE: {
        **{
            state: (ERASED, (Effect.SUPPRESS, Effect.FORGET)) for state in ConsentState if state is not ERASED
        },
        ERASED: (ERASED, ()),
    },
    Step.ADD: {
        None: (CONFIRMED, ()),
        # Anybody may have typed it, perhaps after its owner had left: the question stays open.
        PENDING: (PENDING, ()),
        CONFIRMED: (CONFIRMED, ()),
        PAUSED: (PAUSED, ()),
    },
    Step.REINSTATE: {BOUNCED: (CONFIRMED, _LIFT), COMPLAINED: (UNSUBSCRIBED, _LIFT)},
}

_ADVICE = {
    Step.SUBSCRIBE: "This address asked to be forgotten; it has to be written to us from that address.",
    Step.CONFIRM: "This link has expired. Enter your address to get a new one.",
    Step.PAUSE: "Only a confirmed subscription can be paused.",
    Step.RESUME: "There is no paused subscription to resume.",
    Step.ADD: "This reader left, bounced or complained; only they can subscribe again, with the form.",
    Step.REINSTATE: "Only a bounced address or a complaint can be reinstated.",
}


def step(state: ConsentState | None, happened: Step) -> Outcome:
    """What *happened* leads to.

    Args:
        state: None for an address nobody has heard of.

    Raises:
        ConsentError: The step is not possible from there; the message tells the person what to do.
    """
    try:
        after, effects = RULES[happened][state]
    except KeyError:
        raise ConsentError(_ADVICE.get(happened, "There is no such subscription.")) from None
    return Outcome(state=after, effects=effects)
