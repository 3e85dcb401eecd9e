"""Which addresses a feed may make us connect to.

Our own list: ``ipaddress.is_global`` calls NAT64, 6to4, Teredo and mapped forms global, and has changed
between Python versions. Decimal, octal and hexadecimal hosts (``http://2130706433/``) need no rule here:
the check is made on the resolved address, at connect.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA special-purpose registries (RFC 6890 and updates) and the metadata services of cloud providers.
_PRIVATE = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "carrier NAT": ("100.64.0.0/10",),
}
_NEVER = {
    "this network": ("0.0.0.0/8", "::/128"),
    "link-local or metadata": ("169.254.0.0/16", "fe80::/10"),
    "a metadata service": ("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::/32", "192.0.0.192/32"),
    "protocol assignments": ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "5f00::/16"),
    "documentation": (
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
        *("2001:db8::/32", "3fff::/20"),
    ),
    "benchmarking": ("198.18.0.0/15",),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "reserved": ("240.0.0.0/4", "fec0::/10", "100::/64"),
}


def _table(groups: dict[str, tuple[str, ...]]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(text), name) for name, texts in groups.items() for text in texts)


_NEVER_TABLE, _PRIVATE_TABLE = _table(_NEVER), _table(_PRIVATE)
PRIVATE = tuple(str(network) for network, _ in _PRIVATE_TABLE)
"""What ``allow_private`` opens; the rest of the list is never opened."""

# An IPv4 address rides in these: (network, bits to the right of it).
_CARRIERS = (
    (ip_network("::ffff:0:0/96"), 0),  # mapped, RFC 4291
    (ip_network("::ffff:0:0:0/96"), 0),  # translated, RFC 2765
    (ip_network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (ip_network("64:ff9b:1::/48"), 0),  # NAT64 for local use, RFC 8215
    (ip_network("2002::/16"), 80),  # 6to4, RFC 3056
    (ip_network("::/96"), 0),  # compatible, RFC 4291 (deprecated)
)


@lru_cache(4096)
def refusal(address: str, allow: tuple[str, ...] = ()) -> str | None:
    """Why *address* must not be connected to, or None when it may be.

    Args:
        address: What the resolver gave, numeric; a zone (``fe80::1%eth0``) is understood.
        allow: Networks that are opened although they are private; they never open link-local,
            metadata, multicast or reserved addresses.
    """
    try:
        outer = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address!r} is not an address"
    inner = _carried(outer)
    allowed = _networks(allow)
    for found in (outer, inner):
        if found is None:
            continue
        if kind := _kind(found, _NEVER_TABLE):
            return f"{address} is {kind}"
        if not _within(found, allowed) and (kind := _kind(found, _PRIVATE_TABLE)):
            return f"{address} is {kind}"
    if isinstance(outer, IPv6Address) and inner is None and not _within(outer, (_GLOBAL, *allowed)):
        return f"{address} is outside the global IPv6 range"
    return None


_GLOBAL = ip_network("2000::/3")


def _carried(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one, where it is a form that a router or the kernel unpacks."""
    if isinstance(address, IPv4Address) or int(address) <= 1:
        return None
    for network, shift in _CARRIERS:
        if address in network:
            return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return None


def _kind(address: Address, table: Iterable[tuple[Network, str]]) -> str | None:
    return next((name for network, name in table if address in network), None)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(256)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)
