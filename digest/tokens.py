"""Signed links: who a link is for and what it may do, without a database row.

A token is ``key-id.subscriber.version.issued.signature``, all of it URL-safe. The signature is
HMAC-SHA256 (RFC 2104) over the purpose and everything before it, cut to 128 bits (RFC 2104 section 5
allows half). The purpose is not in the token: the page that reads it says which one it accepts.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from digest.errors import TokenError


class Purpose(StrEnum):
    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    UNSUBSCRIBE = "unsubscribe"


LIFETIME = {Purpose.CONFIRM: timedelta(days=7)}
"""The others never expire: a mail may be opened years later, and leaving must still work."""


def make_token(
    purpose: Purpose, subscriber_id: int, version: int, *, keys: Mapping[str, bytes], now: datetime
) -> str:
    """Sign with the first of *keys* (key id to secret; ids of letters and digits only)."""
    key_id, secret = next(iter(keys.items()))
    body = f"{key_id}.{subscriber_id:x}.{version:x}.{int(now.timestamp()):x}"
    return f"{body}.{_signature(purpose, body, secret)}"


def read_token(token: str, purpose: Purpose, *, keys: Mapping[str, bytes], now: datetime) -> tuple[int, int]:
    """Check and open a token: whom it is for, and its version. Raising the reader's own revokes links.

    Raises:
        TokenError: Forged, damaged, meant for another page, signed by a retired key, or expired.
    """
    body, _, signature = token.rpartition(".")
    key_id, *numbers = body.split(".")
    expected = _signature(purpose, body, keys.get(key_id, b""))
    if key_id not in keys or not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
        raise TokenError("This link is incomplete. Open it from the mail again.")
    subscriber_id, version, issued = (int(number, 16) for number in numbers)
    issued_at = datetime.fromtimestamp(issued, UTC)
    if purpose in LIFETIME and now - issued_at > LIFETIME[purpose]:
        raise TokenError("This link has expired. Enter your address to get a new one.")
    return subscriber_id, version


def seal(secret: bytes, data: bytes, *, octets: int = 16) -> str:
    """HMAC-SHA256 of *data*, cut and URL-safe. Setting up a key costs as much as a text: it is done once."""
    mac = _keyed(secret).copy()
    mac.update(data)
    return b2a_base64(mac.digest()[:octets], newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


def _signature(purpose: Purpose, body: str, secret: bytes) -> str:
    return seal(secret, f"{purpose}\n{body}".encode("utf-8", "replace"))
