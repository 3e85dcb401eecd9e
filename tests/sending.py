"""A ledger with readers, and messages for them, for the tests of delivery."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from digest.mail.transport import Letter, wire_form
from digest.model import ConsentState, Edition, Subscriber
from digest.store import Claim, Store, open_store

SLOT = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


@contextmanager
def a_ledger(path: Path, readers: int, *, domain: str = "readers.example.org") -> Iterator[tuple[Store, int]]:
    """A fresh SQLite store, and the number of an edition planned for so many confirmed readers."""
    with open_store(f"sqlite:///{path}") as store:
        store.migrate()
        yield store, with_readers(store, readers, domain=domain)


def with_readers(store: Store, readers: int, *, domain: str = "readers.example.org") -> int:
    """So many confirmed readers, and the number of an edition planned for them."""
    found = (
        Subscriber(id=0, address=f"r{n}@{domain}", name=f"读者{n}", state=ConsentState.CONFIRMED)
        for n in range(readers)
    )
    store.subscribers.add_all(found, actor="test", now=SLOT)
    return an_edition(store, SLOT)


def an_edition(store: Store, slot: datetime) -> int:
    edition = Edition(
        number=0, schedule="daily", slot=slot, made_at=slot, subject="试", preheader="", sections=()
    )
    number = store.editions.freeze(edition, now=slot).number
    store.ledger.plan(number, now=slot)
    return number


def a_message(claim: Claim) -> bytes:
    """Small, and the same for the same row every time."""
    return (
        f"From: digest@sender.example.org\r\nTo: {claim.address}\r\nSubject: =?utf-8?b?6K+V?=\r\n"
        f"Date: {format_datetime(claim.first_at)}\r\nMessage-ID: <{claim.id}.{claim.edition}@sender.example.org>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n<p>one</p>\r\n.\r\n..two\r\n"
    ).encode()


def a_letter(claim: Claim) -> Letter:
    return Letter(sender="b@sender.example.org", recipient=claim.address, content=wire_form(a_message(claim)))


def a_certificate(path: Path, *names: str) -> Path:
    """A self-signed certificate for 127.0.0.1 and hosts of those names, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now, hosts = datetime.now(UTC), map(x509.DNSName, names)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*hosts, x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path
