"""DKIM signatures (RFC 6376) with RSA-2048 (RFC 8301) and Ed25519 (RFC 8463), one or both.

relaxed headers, simple body: ours is base64 or quoted-printable with CRLF, which relays leave alone.
From is signed once more than it stands there, so that none can be added; there is no ``l=``, so that
nothing can be appended; there is no ``t=``, so that a message sent again has the same bytes.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Literal

from digest.errors import DigestError

Algorithm = Literal["rsa", "ed25519"]

SIGNED = (
    "from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type",
    "content-transfer-encoding", "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
    "auto-submitted", "precedence",
)  # fmt: skip
"""Signed where present. RFC 8058 section 4 wants both unsubscribe headers among them."""

_SIGNED = tuple(name.encode() for name in SIGNED)
_LEAST_RSA_BITS = 2048


class DkimKeyError(DigestError):
    """The key cannot sign; nothing is sent unsigned instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A private key, as what signs with it, and where its public half is published.

    Args:
        public: As it stands in DNS, before base64 (RFC 6376 section 3.6.1, RFC 8463 section 4).
    """

    domain: str
    selector: str
    algorithm: Algorithm
    sign: Callable[[bytes], bytes]
    public: bytes

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


class Signer:
    """Puts a signature of each key on top of a message.

    It is slow with RSA: threads are worth their cost then, and not with Ed25519 (docs/performance.md).
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys
        self.is_slow = any(key.algorithm == "rsa" for key in keys)

    def sign(self, message: bytes) -> bytes:
        """The signed message. It must have CRLF line ends; safe to call from any thread."""
        head, _, body = message.partition(b"\r\n\r\n")
        names, canonical = _selected(head)
        one_end = body.rstrip(b"\r\n") + b"\r\n"  # RFC 6376 section 3.4.3
        body_hash = base64.b64encode(hashlib.sha256(one_end).digest())
        return b"".join([*[_signature(key, names, body_hash, canonical) for key in self._keys], message])


def _signature(key: Key, names: bytes, body_hash: bytes, canonical: bytes) -> bytes:
    start = _start(key)
    relaxed = b"dkim-signature:%b h=%b; bh=%b; b=" % (start, names, body_hash)
    value = base64.b64encode(key.sign(canonical + relaxed))
    lines = [value[at : at + 72] for at in range(0, len(value), 72)]
    field = b"DKIM-Signature: %b\r\n h=%b;\r\n bh=%b;\r\n b=%b\r\n"
    return field % (start, names, body_hash, b"\r\n ".join(lines))


def make_key(algorithm: Algorithm) -> bytes:
    """A new private key, as PEM (PKCS #8), to be kept in a file only its owner can read."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    private = (
        rsa.generate_private_key(65537, _LEAST_RSA_BITS)
        if algorithm == "rsa"
        else ed25519.Ed25519PrivateKey.generate()
    )
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_key(path: Path, *, domain: str, selector: str) -> Key:
    """Read a PEM key.

    Raises:
        DkimKeyError: unreadable, of another kind, or RSA of fewer than 2048 bits.
    """
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise DkimKeyError(
            f"{path}: {error.strerror}; make a key with `digest doctor dkim --new FILE`"
        ) from error
    except (ValueError, TypeError) as error:
        raise DkimKeyError(f"{path}: not an unencrypted PEM private key") from error
    if isinstance(private, Ed25519PrivateKey):
        raw = private.public_key().public_bytes_raw()

        def sign(data: bytes) -> bytes:
            return private.sign(hashlib.sha256(data).digest())

        return Key(domain=domain, selector=selector, algorithm="ed25519", sign=sign, public=raw)
    if not isinstance(private, RSAPrivateKey):
        raise DkimKeyError(f"{path}: a key of a kind DKIM does not know; RSA and Ed25519 are")
    if private.key_size < _LEAST_RSA_BITS:
        raise DkimKeyError(f"{path}: RSA key of {private.key_size} bits; receivers want {_LEAST_RSA_BITS}")
    rsa_sign = partial(private.sign, padding=PKCS1v15(), algorithm=hashes.SHA256())
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(domain=domain, selector=selector, algorithm="rsa", sign=rsa_sign, public=der)


def dns_record(key: Key) -> str:
    """The value of the TXT record at :attr:`Key.record_name`."""
    return f"v=DKIM1; k={key.algorithm}; p={base64.b64encode(key.public).decode()}"


def zone_line(key: Key) -> str:
    """The record as a line for a zone file, in strings of at most 255 octets."""
    value = dns_record(key)
    strings = " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))
    return f"{key.record_name}. 3600 IN TXT ( {strings} )"


def _start(key: Key) -> bytes:
    domain = key.domain.encode("idna") if not key.domain.isascii() else key.domain.encode()
    return b"v=1; a=%b-sha256; c=relaxed/simple; d=%b; s=%b;" % (
        key.algorithm.encode(), domain, key.selector.encode(),
    )  # fmt: skip


def _selected(head: bytes) -> tuple[bytes, bytes]:
    """The value of ``h=``, and the fields it names in canonical form, each with its CRLF.

    Several fields of a name are taken from the bottom up (RFC 6376 section 5.4.2).
    """
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    fields = [_ranked(field) for field in reversed(unfolded)]
    fields = sorted([field for field in fields if field[1]], key=itemgetter(0))
    names = [b"from", *[name for _, name, _ in fields]]
    return b":".join(names), b"\r\n".join([*[relaxed for _, _, relaxed in fields], b""])


@lru_cache(maxsize=256)
def _ranked(field: bytes) -> tuple[int, bytes, bytes]:
    """Place among the signed, name and canonical form of an unfolded field; no name when it is not signed.

    Most fields of an edition's mails are the same.
    """
    name, _, value = field.partition(b":")
    name = name.strip().lower()
    if name not in _SIGNED:
        return 0, b"", b""
    words = value.replace(b"\t", b" ").split(b" ")
    return _SIGNED.index(name), name, name + b":" + b" ".join([word for word in words if word])
