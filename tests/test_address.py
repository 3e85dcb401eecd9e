import pytest

from digest.address import canonical


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Reader.One@Example.ORG ", "Reader.One@example.org"),
        ("a+b@mail.example.co.uk", "a+b@mail.example.co.uk"),
        ("x@例え.テスト", "x@xn--r8jz45g.xn--zckzah"),
        ("x@ｅｘａｍｐｌｅ.org", "x@example.org"),
        ("you@localhost", "you@localhost"),
        ("x@example.org.", "x@example.org"),
    ],
)
def test_one_form_for_each_address(typed: str, kept: str) -> None:
    assert canonical(typed) == kept
    assert canonical(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "a@",
        "@example.org",
        "a@b",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org,b@example.org",
        "a@example.org b@example.org",
        "<a@example.org>",
        '"a b"@example.org',
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a..b@example.org",
        ".a@example.org",
        "a@-example.org",
        "a@exa_mple.org",
        "读者@example.org",
        "a@b@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64 + ".org",
        "a@" + "bcd." * 70 + "org",
        "a@exam\u200bple\x00.org",
        "a@\ud800.org",
    ],
)
def test_what_no_server_should_see_is_refused_with_a_reason(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(typed)
