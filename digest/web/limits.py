"""How often somebody may do something: sliding windows in memory, bounded however many ask."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network


@dataclass
class Window:
    """At most *most* times in *seconds* for each key.

    Args:
        keys: How many are remembered; the ones seen longest ago are forgotten first.
    """

    most: int
    seconds: float
    keys: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def wait_s(self, key: str) -> float:
        """Seconds until *key* may; 0: now."""
        now = self.clock()
        times = self._times.get(key)
        while times and times[0] <= now - self.seconds:
            times.popleft()
        return times[0] + self.seconds - now if times and len(times) >= self.most else 0.0

    def count(self, key: str) -> None:
        times = self._times.setdefault(key, deque(maxlen=self.most))
        times.append(self.clock())
        self._times.move_to_end(key)
        while len(self._times) > self.keys:
            self._times.popitem(last=False)


@lru_cache(maxsize=10_000)
def network(address: str) -> str:
    """What one visitor may hold many addresses of: a /24 of IPv4, a /56 of IPv6 as providers hand out."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network(f"{mapped}/{24 if mapped.version == 4 else 56}", strict=False))


def is_within(address: str, networks: Iterable[str]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in ip_network(one) for one in networks)
