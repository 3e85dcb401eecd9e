from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from digest import toml
from digest.errors import ConfigError

SHAPES = r"""# 1
top = 1
"quoted.key" = 2 # a comment with = and [brackets]
'literal' = "a # no comment"
a.b."c d" = 5

[table]
list = [ 1,
  2, # two
  [ 3,
    { x = 1, y.z = [2] } ],
]
text = '''
[not a table]
key = "no key" '''
long = \"\"\"\
x = 1 \\\"
y = 2\"\"\"\"\"
when = 1979-05-27 07:32:00 # blank inside
inline = { p = { q = 1 }, "r s" = 'it = 3' }
"#=]" = [ "# ]", [ { x = [
    0, "it = [", # ] }
    true, ] } ] ]

[[many]]
id = 1
[many.sub]
deep = true
[[many.leaf]]
n = 1
[[many.leaf]]
n = 2

[[many]]
id = 2
[[many.leaf]]
n = 3
[ spaced . "out" ]
z = inf
""".replace('\\"', '"')


@pytest.mark.parametrize(
    ("location", "first"),
    [
        (("top",), "top = 1"),
        (("quoted.key",), '"quoted.key"'),
        (("literal",), "'literal'"),
        (("a", "b", "c d"), 'a.b."c d"'),
        (("a",), 'a.b."c d"'),
        (("table",), "[table]"),
        (("table", "list", 1), "  2, # two"),
        (("table", "list", 2), "  [ 3,"),
        (("table", "list", 2, 1), "    { x = 1"),
        (("table", "list", 2, 1, "y", "z", 0), "    { x = 1"),
        (("table", "long"), "long = "),
        (("table", "when"), "when = "),
        (("table", "inline", "p", "q"), "inline = "),
        (("table", "inline", "r s"), "inline = "),
        (("table", "#=]", 0), '"#=]" = ['),
        (("table", "#=]", 1, 0, "x", 1), '    0, "it = ['),
        (("table", "#=]", 1, 0, "x", 2), "    true, ]"),
        (("many", 0), "[[many]]"),
        (("many", 0, "sub", "deep"), "deep = true"),
        (("many", 0, "leaf", 1, "n"), "n = 2"),
        (("many", 1, "id"), "id = 2"),
        (("many", 1, "leaf", 0, "n"), "n = 3"),
        (("spaced", "out"), "[ spaced"),
        (("spaced", "out", "z"), "z = inf"),
    ],
)
def test_every_shape_of_key_has_its_line(location: toml.Location, first: str) -> None:
    assert SHAPES.splitlines()[toml.line_of(SHAPES, location) - 1].startswith(first)


def test_line_ends_of_windows_count_once() -> None:
    text = "a = 1\r\n\r\n[b]\r\nc = [\r\n2]\r\n"
    assert [toml.line_of(text, one) for one in (("a",), ("b",), ("b", "c"), ("b", "c", 0))] == [1, 3, 4, 5]


def test_a_row_that_cannot_be_closed_hides_nothing_before_it() -> None:
    assert toml.line_of('a = 1\nb = [ """x\ny"""\n]\n', ("a",)) == 1


def test_what_stands_nowhere_is_where_its_table_is() -> None:
    assert [toml.line_of("a = 1\n[b]\nc = 2", one) for one in (("b", "x"), ("x", "y"), ("a", 0))] == [2, 0, 1]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    colour: str = ""
    api_token_file: str = ""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    size: int
    inner: list[Inner] = []
    named: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("siez = 1\nsize = 2", (1, "siez", "unknown key; did you mean size?")),
        ("size = 2\nxyz = 1", (2, "xyz", "unknown key; known here: size, inner, named")),
        ("\n", (0, "size", "is missing; add it")),
        ("\nsize = '1'", (2, "size", "should be a whole number, not '1'")),
        ("size = true", (1, "size", "should be a whole number, not true")),
        (
            "size = 1\n[[inner]]\n[[inner]]\ncolor = 1",
            (4, "inner[2].color", "unknown key; did you mean colour?"),
        ),
        ("size = 1\n[named.'a b']\ncolor = 1", (3, 'named."a b".color', "unknown key; did you mean colour?")),
        (
            "size = 1\n[[inner]]\napi_token = 'x'",
            (
                3,
                "inner[1].api_token",
                "secrets do not belong in this file; name the file that holds it with api_token_file, "
                "or set it in the environment",
            ),
        ),
        ("size = 1\ninner = 3", (2, "inner", "should be a list, not 3")),
        ("a = 1\nsize = ", (2, "", "is not valid TOML here: invalid value")),
        ("size = 1\nsize = 1", (2, "", "is not valid TOML here: cannot overwrite a value")),
    ],
)
def test_a_mistake_is_named_by_line_and_key(tmp_path: Path, text: str, problem: tuple[int, str, str]) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        toml.read(path, Model)
    assert problem in caught.value.problems


def test_an_open_end_is_on_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('a = 1\nb = """\nc')
    with pytest.raises(ConfigError) as caught:
        toml.read(path, Model)
    assert [line for line, _, _ in caught.value.problems] == [3]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbfsize = 1")
    assert toml.read(path, Model).size == 1


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes("# 中文\n".encode() + "# 中文".encode("gbk"))
    with pytest.raises(ConfigError, match=r"x\.toml:2: is not UTF-8; save the file as UTF-8"):
        toml.read(path, Model)
