"""DKIM: an independent verifier believes our signatures, and stops believing when anything is changed."""

from pathlib import Path

import dkim as verifier
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.mail.dkim import DkimKeyError, Key, Signer, dns_record, load_key, make_key, zone_line

MESSAGE = (
    b"From: =?utf-8?b?5pel5oql?= <digest@sender.example.org>\r\n"
    b"To: r@readers.example.org\r\n"
    b"Subject: a subject\r\n that is   folded\r\n"
    b"Date: Sat, 21 Nov 2026 08:00:00 +0800\r\n"
    b"Message-ID: <abc@sender.example.org>\r\n"
    b"List-Unsubscribe: <https://x.example/u/1>,\r\n <mailto:u@x.example>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"\r\n"
    b"one  two\r\n.\r\n..three \r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Key]:
    made = {}
    for algorithm in ("rsa", "ed25519"):
        path = tmp_path_factory.mktemp("keys") / f"{algorithm}.pem"
        path.write_bytes(make_key(algorithm))  # type: ignore[arg-type]
        made[algorithm] = load_key(path, domain="sender.example.org", selector=f"s-{algorithm}")
    return made


def believed(message: bytes, keys: dict[str, Key], *, index: int = 0) -> bool:
    records = {f"{key.record_name}.": dns_record(key).encode() for key in keys.values()}

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name.decode())

    try:
        return bool(verifier.DKIM(message).verify(idx=index, dnsfunc=dns))
    except verifier.ValidationError:
        return False


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_an_independent_verifier_believes_it(keys: dict[str, Key], algorithm: str) -> None:
    signed = Signer([keys[algorithm]]).sign(MESSAGE)
    assert believed(signed, keys)
    assert signed.endswith(MESSAGE)
    assert max(map(len, signed.split(b"\r\n"))) < 400
    assert Signer([keys[algorithm]]).sign(MESSAGE) == signed, "sent again, it must have the same bytes"


def test_both_at_once(keys: dict[str, Key]) -> None:
    signed = Signer(list(keys.values())).sign(MESSAGE)
    assert signed.count(b"DKIM-Signature:") == 2
    assert believed(signed, keys, index=0) and believed(signed, keys, index=1)


def test_both_unsubscribe_headers_are_covered_and_from_is_signed_twice(keys: dict[str, Key]) -> None:
    signed = Signer([keys["ed25519"]]).sign(MESSAGE)
    names = signed.split(b"h=")[1].split(b";")[0].split(b":")
    assert names.count(b"from") == 2
    assert b"list-unsubscribe" in names and b"list-unsubscribe-post" in names
    assert b"l=" not in signed.split(b"\r\nFrom")[0].replace(b"rel=", b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"From: ", b"From: <evil@evil.example>\r\nFrom: "),
        (b"a subject", b"another subject"),
        (b"https://x.example/u/1", b"https://evil.example/u/1"),
        (b"One-Click", b"One-Clack"),
        (b"one  two", b"one two"),
        (b"..three", b"..thirty"),
        (b"\r\n\r\n\r\n", b"\r\n\r\n\r\nappended\r\n"),
    ],
)
def test_any_change_is_noticed(keys: dict[str, Key], old: bytes, new: bytes) -> None:
    signed = Signer([keys["ed25519"]]).sign(MESSAGE)
    changed = signed.replace(old, new, 1)
    assert changed != signed and not believed(changed, keys)


def test_a_relay_may_refold_headers(keys: dict[str, Key]) -> None:
    signed = Signer([keys["rsa"]]).sign(MESSAGE)
    assert believed(
        signed.replace(b"a subject\r\n that is   folded", b"a\r\n\tsubject that is folded "), keys
    )


value = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(subject=value, body=st.lists(value, max_size=5), tail=st.integers(0, 3))
def test_whatever_the_text(keys: dict[str, Key], subject: str, body: list[str], tail: int) -> None:
    text = "\r\n".join(body) + "\r\n" * tail
    message = f"From: a@sender.example.org\r\nSubject: x{subject}\r\n\r\n{text}".encode()
    assert believed(Signer([keys["ed25519"]]).sign(message), keys)


def test_the_record_fits_a_zone_file(keys: dict[str, Key]) -> None:
    line = zone_line(keys["rsa"])
    assert line.startswith('s-rsa._domainkey.sender.example.org. 3600 IN TXT ( "v=DKIM1; k=rsa; p=')
    strings = line.split('"')[1::2]
    assert "".join(strings) == dns_record(keys["rsa"]) and max(map(len, strings)) <= 255


def pem(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"nonsense", "not an unencrypted PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA and Ed25519"),
        (pem(rsa.generate_private_key(65537, 1024)), "1024 bits"),
    ],
)
def test_a_broken_key_is_one_clear_message(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "dkim.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DkimKeyError, match=words) as raised:
        load_key(path, domain="sender.example.org", selector="s")
    assert str(path) in str(raised.value)
