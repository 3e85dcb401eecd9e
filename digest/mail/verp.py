"""Return paths that name the delivery they belong to (VERP), signed so that nobody can make one up.

``bounces+1234.k3jw8sq0vt@news.example.org`` for the base address ``bounces@news.example.org``: the part
after the plus is the delivery's number and 50 bits of an HMAC over it. A forged bounce would otherwise
unsubscribe whom it names.
"""

import base64
import hmac
import re

_FORM = re.compile(r"\+(\d{1,18})\.([a-z2-7]{10})$")


def make_return_path(base: str, delivery: int, *, secret: bytes) -> str:
    """The return path for a delivery; *base* is the mailbox the bounces reach."""
    local, _, domain = base.rpartition("@")
    return f"{local}+{delivery}.{_seal(delivery, secret)}@{domain}"


def read_return_path(address: str, base: str, *, secret: bytes) -> int | None:
    """The delivery *address* names; None when it is not one of ours. Mail servers may change its case."""
    local, _, domain = address.strip().strip("<>").lower().rpartition("@")
    own_local, _, own_domain = base.lower().rpartition("@")
    match = _FORM.search(local)
    if domain != own_domain or match is None or local[: match.start()] != own_local:
        return None
    delivery = int(match[1])
    return delivery if hmac.compare_digest(_seal(delivery, secret), match[2]) else None


def _seal(delivery: int, secret: bytes) -> str:
    digest = hmac.digest(secret, b"return-path %d" % delivery, "sha256")
    return base64.b32encode(digest[:10])[:10].decode().lower()
