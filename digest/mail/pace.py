"""How fast a server or a domain may be served, and when a failing server is tried again.

Plain arithmetic on a monotonic clock in seconds; whoever asks does the waiting.
"""

from digest.mail.transport import Limit

_FIRST_SLOW_S = 0.1
_SLOWEST_S = 60.0
_NO_LONGER_SLOW_S = 0.01


class Pace:
    """Even spacing that widens when the other side asks for less and narrows while it accepts."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._least_s = limit.interval_s
        self._slow_s = 0.0
        self._heard = 0.0
        self._next = 0.0
        self.busy = 0

    @property
    def interval_s(self) -> float:
        return max(self._least_s, self._slow_s)

    def wait_s(self, now: float) -> float:
        """Seconds until one more may go. A full house looks again after a moment."""
        if self._limit.connections is not None and self.busy >= self._limit.connections:
            return max(0.05, self._next - now)
        return self._next - now if self._next > now else 0.0

    def take(self, now: float) -> None:
        """One is going now."""
        self.busy += 1
        if self._least_s or self._slow_s:
            self._next = max(now, self._next) + self.interval_s

    def give_back(self) -> None:
        self.busy -= 1

    def slower(self, now: float) -> None:
        """The other side is overtaxed: double the spacing, at most a message a minute.

        What was sent before it was heard says nothing of the new spacing.
        """
        if now < self._heard:
            return
        self._slow_s = min(_SLOWEST_S, max(_FIRST_SLOW_S, 2 * self.interval_s))
        self._next = max(self._next, now + self._slow_s)
        self._heard = now + self._slow_s

    def faster(self) -> None:
        """A message was accepted: a tenth off the extra spacing."""
        if self._slow_s:
            self._slow_s *= 0.9
            if self._slow_s < _NO_LONGER_SLOW_S:
                self._slow_s = 0.0


class Breaker:
    """Keeps a failing server from being stormed: rests after trouble, longer each time.

    Until a connection has worked (``proven``) only one is tried at a time.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.proven = False
        self._failures = 0
        self._until = 0.0

    def trip(self, now: float, reason: str, *, first_s: float = 2.0, most_s: float = 900.0) -> None:
        """Rest; connections that fail together count once."""
        self.proven = False
        self.reason = reason
        if now < self._until:
            return
        self._until = now + min(most_s, first_s * 2.0**self._failures)
        self._failures += 1

    def served(self) -> None:
        """A message got its reply: all is well again."""
        self.proven = True
        if self._failures:
            self._failures, self._until, self.reason = 0, 0.0, ""

    def wait_s(self, now: float) -> float:
        return self._until - now if self._until > now else 0.0
