from datetime import date
from pathlib import Path

import pytest

from digest.errors import ConfigError, SeedError
from digest.model import Precision
from digest.seeds import MAX_BYTES, load_notes, load_seed, load_seeds

ROOT = Path(__file__).parent.parent
TEXT = "算力中心的负责人说，夜里的电价只有白天的一半，所以训练任务都排在夜里。\n第二段也是这样写的。\n"


def put(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_files_come_in_order_of_names_in_any_encoding(tmp_path: Path) -> None:
    put(
        tmp_path,
        c__txt=TEXT.encode("gbk"),
        a__md=TEXT.encode(),
        b__HTML=TEXT.encode("utf-16"),
        d__htm=TEXT.encode("big5", "ignore"),
        picture__png=b"\x89PNG",
        notes__toml=b"",
    )
    (tmp_path / ".hidden.txt").write_text("x")
    (tmp_path / "folder.txt").mkdir()
    seeds, failures = load_seeds(tmp_path)
    assert [(seed.source_id, seed.html) for seed in seeds] == [
        ("seeds/a.md", False),
        ("seeds/b.HTML", True),
        ("seeds/c.txt", False),
        ("seeds/d.htm", True),
    ]
    assert [seed.text == TEXT for seed in seeds] == [True, True, True, False]
    assert failures == []


def test_one_bad_file_never_stops_the_others(tmp_path: Path) -> None:
    put(
        tmp_path,
        a__txt=TEXT.encode(),
        binary__txt=bytes(range(256)) * 9,
        blank__txt=b" \n\r\n",
        empty__txt=b"",
        huge__txt=b"x" * (MAX_BYTES + 1),
        z__txt=TEXT.encode(),
    )
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    seeds, failures = load_seeds(tmp_path)
    assert [seed.name for seed in seeds] == ["a.txt", "z.txt"]
    assert [(error.path.name, error.what) for error in failures] == [
        ("binary.txt", "is not a text file; save the page as text or HTML"),
        ("blank.txt", "is empty"),
        ("empty.txt", "is empty"),
        ("gone.txt", "cannot be read (No such file or directory)"),
        ("huge.txt", "is larger than 10 MiB; keep one document a file"),
    ]


def test_damage_is_flagged(tmp_path: Path) -> None:
    put(tmp_path, a__txt=TEXT.encode("gbk") + b"\xff\xff\n")
    [flag] = load_seed(tmp_path / "a.txt").flags
    assert (flag.code, flag.reason) == ("charset-repaired", "2 characters could not be read as gb18030")


@pytest.mark.parametrize("missing", [True, False])
def test_no_folder_and_no_file_say_what_to_do(tmp_path: Path, missing: bool) -> None:
    folder = tmp_path / "seeds"
    if not missing:
        folder.mkdir()
        (folder / "notes.toml").touch()
    with pytest.raises(SeedError, match=r"put .* in it"):
        load_seeds(folder)


def test_notes_are_read_by_file_name(tmp_path: Path) -> None:
    put(tmp_path, a__txt=b"x", b__txt=b"x")
    (tmp_path / "notes.toml").write_text(
        '["a.txt"]\noutlet = "甲报"\nauthors = ["某人"]\npublished = 2024-03-15\nnote = "改写。"\n'
        '["b.txt"]\npublished = 2024-03-15T08:30:00Z\nheld_on = 2024-03-01\nurl = "https://a.example/b"\n'
    )
    notes = load_notes(tmp_path)
    a, b = notes["a.txt"], notes["b.txt"]
    assert (a.outlet, a.authors, str(a.published), a.note) == ("甲报", ("某人",), "2024-03-15", "改写。")
    assert (str(b.published), b.held_on, b.url) == (
        "2024-03-15T08:30:00+00:00",
        date(2024, 3, 1),
        "https://a.example/b",
    )
    assert a.published is not None
    assert a.published.precision is Precision.DAY


def test_without_notes_there_are_none(tmp_path: Path) -> None:
    assert load_notes(tmp_path) == {}


def test_mistakes_in_notes_are_told_by_line_all_at_once(tmp_path: Path) -> None:
    put(tmp_path, a__txt=b"x")
    (tmp_path / "notes.toml").write_text(
        '["a.txt"]\noutlt = "x"\npublished = "2024-03-15"\nurl = "nowhere"\n["b.txt"]\nnote = 3\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_notes(tmp_path)
    assert [(line, key) for line, key, _ in caught.value.problems] == [
        (2, '"a.txt".outlt'),
        (3, '"a.txt".published'),
        (4, '"a.txt".url'),
        (5, '"b.txt"'),
        (6, '"b.txt".note'),
    ]
    what = [what for _, _, what in caught.value.problems]
    assert what[0] == "unknown key; did you mean outlet?"
    assert "without quotes" in what[1]
    assert what[3] == "there is no such file here"


def test_our_own_seeds_and_notes_are_sound() -> None:
    seeds, failures = load_seeds(ROOT / "seeds")
    assert len(seeds) == 5
    assert failures == []
    assert set(load_notes(ROOT / "seeds")) <= {seed.name for seed in seeds}
