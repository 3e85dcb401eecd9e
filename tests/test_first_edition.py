"""The road from the seed documents to a mail, walked as a person walks it: by the command line."""

import asyncio
import email.policy
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hostile_smtp import DROP, Hostile, serving
from running import CLOCK, ROOT, digest

from digest.text import fold

EXPECTED = json.loads((ROOT / "tests/corpus/seeds/expected.json").read_text("utf-8"))


def excerpts(edition: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (item["source"], excerpt)
        for theme in edition["themes"]
        for item in theme["items"]
        for excerpt in item["excerpts"]
    ]


@cache
def cleaned(source: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(digest(ROOT, "clean", source, "--json").stdout)
    return found


def bare(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def test_the_first_three_editions_are_mailed_and_repeat_nothing(installation: Path, database: str) -> None:
    seen: set[tuple[str, int]] = set()
    for number in (1, 2, 3):
        ran = digest(
            installation, "now", "--to", "reader@example.org", clock=f"2026-01-0{number}T08:00:00+08:00"
        )
        assert ran.returncode == 0, ran.stderr
        assert f"Edition {number}" in ran.stderr
        assert (installation / f"var/inbox/000{number}.html").is_file()
        mail = message_from_bytes(
            (installation / f"var/inbox/000{number}.eml").read_bytes(), policy=email.policy.default
        )
        parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
        shown = bare("".join(parts) + mail["Subject"])
        for page in EXPECTED:
            for junk in page["must_not_appear"]:
                assert bare(junk) not in shown, junk
        edition = json.loads(digest(installation, "editions", "show", str(number), "-f", "json").stdout)
        assert edition["number"] == number
        for item in (item for theme in edition["themes"] for item in theme["items"]):
            said = fold("".join(excerpt["text"] for excerpt in item["excerpts"]))
            assert item["why"]["kind"] == "first" or len(item["excerpts"]) > 2
            assert item["why"]["terms"] and all(fold(term) in said for term in item["why"]["terms"])
        for source, excerpt in excerpts(edition):
            text = cleaned(source)["text"]
            assert text[excerpt["start"] : excerpt["end"]] == excerpt["text"]
            places = {(source, at) for at in range(excerpt["start"], excerpt["end"])}
            if excerpt["role"] != "figure":
                assert not places & seen, excerpt
                seen |= places


async def test_a_mail_by_hand_that_is_not_out_says_why_and_what_to_do(installation: Path) -> None:
    # The first end is that of the mail whose recipient was refused.
    ends = ["554 no recipient", "552 5.3.4 too big", DROP, DROP]
    script: dict[str, Any] = {"RCPT": ["451 4.7.1 greylisted"], "END": ends}
    async with serving(Hostile(script=script)) as relay:
        server = (
            f'id = "relay"\nhost = "127.0.0.1"\nport = {relay.port}\nsecurity = "none"\nconnections = 1\n'
        )
        with (installation / "config.toml").open("a", encoding="utf-8") as config:
            config.write(f"\n[[mail_servers]]\n{server}")
        to = [word for n in range(3) for word in ("--to", f"r{n}@readers.example.org")]
        command = [sys.executable, "-m", "digest", "--clock", CLOCK, "now", *to]
        ran = await asyncio.create_subprocess_exec(*command, cwd=installation, stderr=subprocess.PIPE)
        said = (await ran.communicate())[1].decode()
    assert ran.returncode == 1
    for words in (
        "queued (451 4.7.1 greylisted); digest send --resume tries again",
        "failed (552 5.3.4 too big); mend what it minds, then digest deliveries retry",
        "held (no reply the server closed the connection); it may have arrived: ask, then digest deliveries",
    ):
        assert words in said


def test_sources_run_dry_with_a_reason_and_without_a_mail(installation: Path) -> None:
    for day in range(1, 25):
        ran = digest(installation, "now", "-f", "json", clock=f"2026-01-{day:02}T08:00:00+08:00")
        assert ran.returncode == 0, ran.stderr
        if not ran.stdout:
            break
    assert "Nothing new" in ran.stderr
    ran = digest(installation, "now", "--to", "reader@example.org", clock="2026-01-26T08:00:00+08:00")
    assert ran.returncode == 0
    assert not list((installation / "var").glob("inbox/*.eml"))


def test_same_inputs_and_clock_same_bytes(
    installation: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    twin = tmp_path_factory.mktemp("twin")
    (installation / "var").mkdir()
    (installation / "var/secret.key").write_text("the same secret for both of the two installations")
    (installation / "var/secret.key").chmod(0o600)
    shutil.copytree(installation, twin, dirs_exist_ok=True)
    one, two = (digest(folder, "now", "-f", "eml") for folder in (installation, twin))
    assert one.returncode == 0, one.stderr
    assert "Subject:" in one.stdout
    assert one.stdout == two.stdout


def test_a_dry_run_changes_nothing_at_all(installation: Path) -> None:
    def files() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in installation.rglob("*") if p.is_file()}

    before = files()
    first = digest(installation, "now", "--dry-run", "-f", "json", "--to", "reader@example.org")
    assert first.returncode == 0, first.stderr
    assert files() == before
    digest(installation, "now", "-f", "json")
    between = files()
    assert digest(installation, "now", "--dry-run").returncode == 0
    assert digest(installation, "collect", "--dry-run").returncode == 0
    assert files() == between


@pytest.mark.parametrize(
    ("shape", "sign"), [("markdown", "# "), ("html", "<html"), ("json", "{"), ("eml", "Subject:")]
)
def test_every_format_goes_to_stdout_or_a_file(installation: Path, shape: str, sign: str) -> None:
    ran = digest(installation, "now", "--dry-run", "--format", shape)
    assert sign in ran.stdout
    name = {"markdown": "md"}.get(shape, shape)
    ran = digest(installation, "now", "--dry-run", "-o", f"out.{name}")
    assert (ran.stdout, ran.returncode) == ("", 0)
    assert sign in (installation / f"out.{name}").read_text("utf-8")


def test_a_theme_asked_for_by_name_is_the_one_shown(installation: Path) -> None:
    ran = digest(installation, "now", "算力成本", "--dry-run", "-f", "json")
    edition = json.loads(ran.stdout)
    assert [theme["id"] for theme in edition["themes"]] == ["compute-cost"]
    rewritten = [item for item in edition["themes"][0]["items"] if item["source"].startswith("seeds/004")]
    assert rewritten
    assert "每日经济新闻" in json.dumps(rewritten, ensure_ascii=False)
    assert rewritten[0]["caution"]


def test_themes_rank_the_seeds_as_an_editor_does(installation: Path) -> None:
    scores: dict[str, dict[str, float]] = {"primary": {}, "secondary": {}}
    for page in EXPECTED:
        ran = digest(installation, "themes", "check", f"seeds/{page['file']}", "--json")
        for row in json.loads(ran.stdout):
            place = page["themes"][row["theme"]]
            assert (row["score"] >= row["threshold"]) == (place != "none"), (page["file"], row["theme"])
            if place != "none":
                scores[place][f"{row['theme']} {page['file']}"] = row["score"]
    for primary, high in scores["primary"].items():
        for secondary, low in scores["secondary"].items():
            assert high > low or primary.split()[0] != secondary.split()[0]


@pytest.mark.parametrize("page", EXPECTED, ids=lambda page: page["file"][:3])
def test_clean_finds_what_a_careful_editor_takes(page: dict[str, Any]) -> None:
    found = cleaned(f"seeds/{page['file']}")
    for key in ("title", "authors", "editors", "outlet", "republisher", "published", "headings"):
        assert found[key] == page[key], key
    assert bare(found["text"]).startswith(bare(page["body_starts"]))
    assert bare(found["text"]).endswith(bare(page["body_ends"]))
    for fact in page["facts"]:
        assert bare(found["text"]).count(bare(fact)) >= 1
    for junk in page["must_not_appear"]:
        assert junk not in found["text"] + found["title"], junk


def test_bad_files_are_named_and_the_rest_goes_on(installation: Path) -> None:
    seeds = installation / "seeds"
    (seeds / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (seeds / "empty.txt").write_bytes(b"")
    (seeds / "menu.txt").write_text("首页\n新闻\n财经\n体育\n登录\n注册\n联系我们\n", "utf-8")
    gbk = (ROOT / "seeds" / EXPECTED[0]["file"]).read_text("utf-8").replace("\xa9", "")
    (seeds / "gbk.txt").write_bytes(gbk.encode("gb18030"))
    ran = digest(installation, "collect", "--json")
    states = {row["source"]: row["state"] for row in json.loads(ran.stdout)}
    assert ran.returncode == 1
    assert {states[f"seeds/{name}.txt"] for name in ("binary", "empty")} == {"failed"}
    assert states["seeds/menu.txt"] == "empty"
    assert states["seeds/gbk.txt"] == "new"
    assert list(states.values()).count("new") == 6
    assert digest(installation, "now", "--dry-run", "-f", "json").stdout


def test_no_seeds_no_config_no_traceback(
    installation: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = tmp_path_factory.mktemp("nowhere")
    ran = digest(nowhere, "now")
    assert ran.returncode == 2
    assert "digest init" in ran.stderr
    shutil.rmtree(installation / "seeds")
    ran = digest(installation, "now")
    assert ran.returncode != 0
    assert "seeds" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_program_starts_as_a_process_of_its_own(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "digest", "now"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("config.toml: there is none in this folder")


def test_jsonl_tools_answer_line_by_line_and_name_bad_lines(installation: Path) -> None:
    lines = '{"id": 1, "text": "大模型的成本在下降。训练一次要花几百万元。"}\nnot json\n{"id": 2}\n'
    ran = digest(installation, "summarize", "--jsonl", "--sentences", "1", stdin=lines)
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == [1]
    assert ran.returncode == 1
    assert "-:2" in ran.stderr
    assert "-:3" in ran.stderr
    ranking = digest(
        installation,
        "themes",
        "rank",
        "--jsonl",
        stdin='{"kind":"doc","id":"a","text":"天气很好"}\n{"kind":"doc","id":"b","text":"芯片价格上涨"}\n'
        '{"kind":"query","id":"q","text":"芯片"}\n',
    )
    assert json.loads(ranking.stdout)["ranking"][0] == "b"
