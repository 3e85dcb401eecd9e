import pytest

from digest.charset import decode, is_binary

SIMPLIFIED = (
    "智能计算中心的电费，一年要付多少？负责机房的工程师说：“这取决于机器忙不忙。”他在2023年记了一整年的账，"
    "发现夜里的用电量只有白天的一半。"
)
TRADITIONAL = (
    "智慧運算中心的電費，一年要付多少？負責機房的工程師說：「這取決於機器忙不忙。」他在2023年記了一整年的帳，"
    "發現夜裡的用電量只有白天的一半。"
)
JAPANESE = "計算センターの電気代は一年でいくらになるのか。機械室を担当する技術者は、それは機械の忙しさによると話した。"
KOREAN = (
    "데이터 센터의 전기 요금은 일 년에 얼마나 될까? 담당 기술자는 기계가 얼마나 바쁜지에 달려 있다고 말했다."
)
FRENCH = "Le coût de l’électricité d’un centre de données dépend surtout de l’usage : « la nuit », dit-elle, on économise."
READ_AS = {"gbk": "gb18030", "gb2312": "gb18030", "big5": "cp950", "latin-1": "cp1252"}

CASES = [
    *((SIMPLIFIED, name) for name in ("utf-8", "gbk", "gb18030", "utf-16-le", "utf-16-be")),
    *((TRADITIONAL, name) for name in ("utf-8", "big5", "gb18030", "utf-16-le")),
    (JAPANESE, "cp932"),
    (JAPANESE, "euc_jp"),
    (KOREAN, "cp949"),
    (FRENCH, "cp1252"),
]


@pytest.mark.parametrize(("text", "encoding"), CASES)
@pytest.mark.parametrize("cut", [0, 1, 2, 3])
@pytest.mark.parametrize("times", [1, 30])
def test_text_is_read_without_a_label_whole_or_cut_off(
    text: str, encoding: str, cut: int, times: int
) -> None:
    whole = f"{text}\n" * times
    raw = whole.encode(encoding)
    found = decode(raw[: len(raw) - cut])
    kept = len(whole) - 4
    assert (found.text[:kept], found.encoding) == (whole[:kept], READ_AS.get(encoding, encoding))
    assert found.replaced <= 1
    assert bool(found.note) == bool(found.replaced)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_wins_and_goes(encoding: str) -> None:
    found = decode(SIMPLIFIED.encode(encoding), "big5")
    assert (found.text, found.note) == (SIMPLIFIED, "")


@pytest.mark.parametrize(
    ("raw", "declared", "encoding"),
    [
        ("中文新闻".encode(), "gb2312", "utf-8"),
        (SIMPLIFIED.encode("gbk"), "utf-8", "gb18030"),
        (SIMPLIFIED.encode("gbk"), "iso-8859-1", "gb18030"),
        (SIMPLIFIED.encode("gbk"), "big5", "gb18030"),
        (TRADITIONAL.encode("big5"), "gb2312", "cp950"),
    ],
)
def test_a_wrong_label_is_overruled_and_noted(raw: bytes, declared: str, encoding: str) -> None:
    found = decode(raw, declared)
    assert (found.encoding, found.replaced) == (encoding, 0)
    assert found.note.startswith("labelled ")


@pytest.mark.parametrize(
    "declared", [None, "", "GBK", "x-unknown", "utf-8", "base64", "\x00", "undefined", "idna"]
)
def test_labels_of_any_kind_do_no_harm(declared: str | None) -> None:
    assert decode(SIMPLIFIED.encode("gbk"), declared).text == SIMPLIFIED


@pytest.mark.parametrize(
    ("text", "declared"), [("Zażółć gęślą jaźń", "iso-8859-2"), ("Привет, как дела", "windows-1251")]
)
def test_a_label_nothing_speaks_against_is_believed(text: str, declared: str) -> None:
    assert decode(text.encode(declared), declared).text == text


@pytest.mark.parametrize(
    ("text", "encoding"), [(SIMPLIFIED, "utf-8"), (SIMPLIFIED, "gbk"), (TRADITIONAL, "big5")]
)
def test_damage_in_the_middle_costs_only_the_place(text: str, encoding: str) -> None:
    raw = bytearray((f"{text}\n" * 20).encode(encoding))
    raw[300:1500:400] = b"\xff" * 3
    found = decode(bytes(raw))
    assert found.text.startswith(text)
    assert 0 < found.replaced < 12
    assert "could not be read" in found.note


def test_utf8_encoded_twice_is_undone() -> None:
    twice = "中国，你好。".encode().decode("latin-1").encode()
    assert decode(twice).text == "中国，你好。"


@pytest.mark.parametrize(
    "raw", [b"", b"plain ASCII, \x1b and all\n", bytes(range(256)) * 4, b"\xff" * 50, b"\x00" * 50]
)
def test_anything_gives_some_text(raw: bytes) -> None:
    assert isinstance(decode(raw, "gbk").text, str)


@pytest.mark.parametrize(
    ("raw", "binary"),
    [
        (b"", False),
        (b"text\twith\x0cpages\r\n", False),
        (SIMPLIFIED.encode("utf-16-le"), False),
        (SIMPLIFIED.encode("utf-16"), False),
        (SIMPLIFIED.encode("gbk"), False),
        (b"one \x00 slip in a long line of otherwise ordinary text", False),
        (b"%PDF-1.7\nlooks like text at first", True),
        (b"\x89PNG\r\n\x1a\n", True),
        (bytes(range(256)) * 4, True),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 \x00\x01\x02\x03", True),
    ],
)
def test_files_that_are_no_text(raw: bytes, binary: bool) -> None:
    assert is_binary(raw) is binary
