"""Consent as a state machine: who may be mailed, and what each step leads to. Pure; the store keeps the result.

A reader alone can consent. An operator may add or reinstate somebody who has, and nobody can bring back
a reader who complained save that reader's own confirmation after the operator lifted the block.
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
    """What happened. The first six are the reader's, the next two a mail server's, the rest the operator's."""

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
        # No mail ever again to somebody who called it spam, whoever typed the address; the form does not say so.
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
        PENDING: (BOUNCED, _BLOCK),
        CONFIRMED: (BOUNCED, _BLOCK),
        PAUSED: (BOUNCED, _BLOCK),
        UNSUBSCRIBED: (UNSUBSCRIBED, ()),
        BOUNCED: (BOUNCED, ()),
        COMPLAINED: (COMPLAINED, ()),
        ERASED: (ERASED, ()),
    },
    Step.COMPLAIN: {
        **{state: (COMPLAINED, _BLOCK) for state in (PENDING, CONFIRMED, PAUSED, UNSUBSCRIBED, BOUNCED)},
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
        PENDING: (CONFIRMED, ()),
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
