"""Mail addresses: one canonical form for each, and a refusal with a reason for what no server should see."""

import re
from functools import lru_cache

_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def canonical(address: str) -> str:
    """*address* as it is stored and sent to: blanks around it gone, the domain in lower-case A-labels.

    Dot-atoms only (RFC 5321 section 4.1.2), lengths of section 4.5.3.1; the local part keeps its case.
    Domains are mapped by UTS 46, which folds widths and refuses characters IDNA 2008 does not allow.

    Raises:
        ValueError: What is wrong with it, in words for the person who typed it.
    """
    address = address.strip()
    if not address.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in address):
        raise ValueError("an address is one line without control characters")
    if re.search(r"[,;\s]", address):
        raise ValueError("give one address, without blanks, commas or semicolons")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"{address[:80]!r} is not a mail address; write it like name@example.org")
    if "@" in local or local.startswith('"') or "<" in local:
        raise ValueError("quoted or doubled addresses are not taken; write it like name@example.org")
    if domain.startswith("["):
        raise ValueError("an address needs a domain name, not a number in brackets")
    if not local.isascii():
        raise ValueError("the part before @ may hold ASCII characters only")
    if not _LOCAL.fullmatch(local):
        raise ValueError(f"{address[:80]!r} is not a mail address; write it like name@example.org")
    domain = _domain(domain)
    if len(local) > 64 or len(local) + 1 + len(domain) > 254:
        raise ValueError("the address is too long (64 characters before @, 254 in all)")
    return f"{local}@{domain}"


@lru_cache(maxsize=10_000)
def _domain(domain: str) -> str:
    import idna

    try:
        found = idna.encode(domain.rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise ValueError(f"{domain[:80]!r} is not a domain name") from None
    labels = found.split(".")
    if len(labels) < 2 and found != "localhost":
        raise ValueError(f"{domain[:80]!r} lacks its last part, like .org")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{domain[:80]!r} is not a domain name")
    return found
