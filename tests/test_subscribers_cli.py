"""``digest subscribers`` as an operator types it."""

import csv
import io
import json
import resource
from pathlib import Path

import pytest
from running import Ran, digest

ROOT = Path(__file__).parents[1]
MAILCHIMP = """\
"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,TIMEZONE,LEID,NOTES,TAGS
ann@example.org,Ann,Lee,2,"2021-03-04 05:06:07",192.0.2.7,Europe/Paris,1,,"""
MAILCHIMP += '''"""mentorship"",""vip"""
李@example.org,小,明,2,,,,2,,
bob@exämple.org,,,2,,,,3,,
not an address,,,2,,,,4,,
'''
MAILCHIMP_GONE = """\
Email Address,First Name,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON
left@example.org,Left,"2021-01-01 00:00:00",News,"No longer interested"
ann@example.org,Ann,"2021-01-01 00:00:00",News,
"""
LISTMONK = """\
uuid,email,name,attributes,status,created_at,updated_at
1f0c,eve@example.org,Eve,"{""city"": ""Oslo""}",enabled,2024-01-01,2024-01-01
2f0c,mal@example.org,Mal,{},blocklisted,2024-01-01,2024-01-01
3f0c,odd@example.org,Odd,{},unconfirmed,2024-01-01,2024-01-01
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text((ROOT / "config.toml").read_text("utf-8"), "utf-8")
    return tmp_path


def run(home: Path, *words: str, stdin: str = "") -> Ran:
    return digest(home, "subscribers", *words, stdin=stdin)


def imported(home: Path, text: str, *more: str, encoding: str = "utf-8") -> Ran:
    (home / "list.csv").write_text(text, encoding)
    return run(home, "import", "list.csv", *more)


def listed(home: Path, *words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run(home, "list", "--json", *words).stdout)
    return found


def addresses(home: Path, *words: str) -> list[object]:
    return [row["address"] for row in listed(home, *words)]


def test_a_readers_life_by_command(home: Path) -> None:
    assert run(home, "add", " Ann@EXAMPLE.org ", "--name", "Ann", "--theme", "mentorship").returncode == 0
    assert addresses(home) == ["Ann@example.org"]
    assert run(home, "pause", "ann@example.org", "--until", "2026-02-01").returncode == 0
    assert addresses(home, "--state", "paused") == ["Ann@example.org"]
    run(home, "pause", "ann@example.org", "--resume")
    assert "new links" in run(home, "renew", "ann@example.org").stderr
    shown = run(home, "show", "ann@example.org")
    for step in ("confirmed  added by hand", "paused  paused", "confirmed  resumed"):
        assert f"operator: {step}" in shown.stdout
    assert json.loads(run(home, "show", "ann@example.org", "--json").stdout)["history"]
    assert run(home, "remove", "ann@example.org").returncode == 0
    again = run(home, "add", "ann@example.org")
    assert (again.returncode, "only they can subscribe again" in again.stderr) == (1, True)
    assert run(home, "erase", "ann@example.org", "--yes").returncode == 0
    assert addresses(home) == []
    assert run(home, "show", "ann@example.org").returncode == 1
    suppressed = run(home, "add", "ann@example.org")
    assert (suppressed.returncode, "suppression list" in suppressed.stderr) == (1, True)
    assert "with the form" in run(home, "add", "ann@example.org", "--reinstate").stderr
    assert run(home, "add", "ann@example.org").returncode == 0
    nobody = run(home, "add", "bob@example.org", "--reinstate")
    assert (nobody.returncode, "no reader bob@example.org" in nobody.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("add", "no address"),
        ("add", "a@example.org", "--theme", "nope"),
        ("add", "a@example.org", "--schedule", "nope"),
        ("add", "a@example.org", "--timezone", "Mars/Base"),
        ("list", "--state", "happy"),
        ("list", "--theme", "nope"),
        ("list", "--schedule", "nope"),
        ("export", "--theme", "nope"),
        ("import", "nowhere.csv"),
        ("pause", "a@example.org", "--until", "yesterday"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_done(home: Path, words: tuple[str, ...]) -> None:
    run(home, "add", "a@example.org") if words[0] == "pause" else None
    ran = run(home, *words)
    assert ran.returncode == 2
    assert ran.stderr
    assert "Traceback" not in ran.stderr


def test_mailchimp_and_listmonk_are_understood_line_by_line(home: Path) -> None:
    ran = imported(home, MAILCHIMP)
    assert ran.returncode == 1
    assert [line.split()[2:4] for line in ran.stdout.splitlines()] == [
        ["taken", "ann@example.org"],
        ["refused", "李@example.org"],
        ["taken", "bob@xn--exmple-cua.org"],
        ["refused", "not"],
    ]
    assert "ASCII" in ran.stdout.splitlines()[1]
    ann = listed(home)[0]
    assert (ann["name"], ann["themes"], ann["timezone"]) == ("Ann Lee", ["mentorship"], "Europe/Paris")
    ran = imported(home, MAILCHIMP_GONE)
    assert "line 2: suppressed left@example.org" in ran.stdout
    assert "line 3: refused ann@example.org  unsubscribed there, confirmed here: left as it is" in ran.stdout
    assert run(home, "add", "left@example.org").returncode == 1
    ran = imported(home, LISTMONK)
    assert [line.split()[2] for line in ran.stdout.splitlines()] == ["taken", "suppressed", "refused"]
    assert "has not confirmed" in ran.stdout
    assert imported(home, "email\nmal@example.org\nleft@example.org\n").stdout.count("suppression list") == 2
    assert not (home / "var/inbox").exists(), "nobody is mailed"


def test_importing_twice_changes_nothing_and_a_dry_run_never_does(home: Path) -> None:
    dry = imported(home, MAILCHIMP, "--dry-run")
    assert not (home / "var").exists()
    real = imported(home, MAILCHIMP)
    assert dry.stdout == real.stdout
    before = listed(home)
    again = imported(home, MAILCHIMP, "--json")
    assert [json.loads(line)["result"] for line in again.stdout.splitlines()] == [
        "known", "refused", "known", "refused",
    ]  # fmt: skip
    assert listed(home) == before
    run(home, "erase", "ann@example.org", "--yes")
    dry = imported(home, MAILCHIMP, "--dry-run", "--quiet")
    assert "ann@example.org  on the suppression list" in dry.stdout


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("name,color\na,b\n", "utf-8", "no column of addresses"),
        ("", "utf-8", "no column of addresses"),
        ("邮箱;姓名\nli@example.org;李明\n", "gb18030", "1 taken"),
        ("email\tname\nli@example.org\tLi\n", "utf-8-sig", "1 taken"),
        ("email\tname\nli@example.org\t李明\n", "utf-16", "1 taken"),
        (
            'email\n"li\nming@example.org"\nli\x00@example.org\n',
            "utf-8",
            "0 taken, 0 known, 0 suppressed, 2 refused",
        ),
        ('email,name\r\nli@example.org,"Li\r\nMing"\r\n\r\n', "utf-8", "1 taken"),
        (
            "email\n" + "x" * 200_000 + "@example.org\nli@example.org\n",
            "utf-8",
            "1 taken, 0 known, 0 suppressed, 1 refused",
        ),
        ('email\n"li@example.org\n', "utf-8", "refused"),
        ("email,name\nli@example.org,a\x00b\n", "utf-8", "refused"),
        ("email\nLI@example.org\nli@example.org\n", "utf-8", "1 taken, 1 known"),
    ],
)
def test_odd_files(home: Path, text: str, encoding: str, said: str) -> None:
    ran = imported(home, text, encoding=encoding)
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Email;Name;标签\nli@example.org;李\u3000雷;师承 vip\n", "gbk"),
        ("E-Mail;Name;Tags\nli@example.org;Jürgen Groß-Müller;mentorship\n", "cp1252"),
        ("email\tname\ttags\nli@example.org\tЛи\u200b\tMentorship\n", "utf-16"),
    ],
)
def test_names_are_read_in_the_charset_they_are_written_in(home: Path, text: str, encoding: str) -> None:
    imported(home, text, encoding=encoding)
    name = text.splitlines()[1].replace("\t", ";").split(";")[1]
    found = listed(home)[0]
    assert (found["name"], found["themes"]) == (" ".join(name.replace("\u200b", "").split()), ["mentorship"])


def test_what_a_spreadsheet_would_run_is_exported_as_text_and_comes_back(home: Path) -> None:
    run(home, "add", "=cmd@example.org", "--name", "=HYPERLINK(1)")
    run(home, "add", "+1@example.org", "--name", "\t@SUM(A1)", "--schedule", "daily")
    out = run(home, "export").stdout
    rows = list(csv.DictReader(io.StringIO(out)))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    (home / "other").mkdir()
    (home / "other/config.toml").write_text((home / "config.toml").read_text("utf-8"), "utf-8")
    assert imported(home / "other", out).returncode == 0
    moved = [(row["address"], row["name"], row["schedules"]) for row in listed(home / "other")]
    assert moved == [("=cmd@example.org", "=HYPERLINK(1)", []), ("+1@example.org", "@SUM(A1)", ["daily"])]
    assert run(home, "export", "-o", "all.csv").stdout == ""
    assert (home / "all.csv").read_text("utf-8") == out
    for_excel = run(home, "export", "--excel").stdout
    assert for_excel == "\ufeff" + out
    assert "0 taken, 2 " in imported(home / "other", for_excel).stderr


def test_a_pause_comes_along_with_a_list(home: Path) -> None:
    rows = (
        "a@example.org,paused,2026-02-01T00:00:00+08:00\nb@example.org,paused,\nc@example.org,,2026-02-01\n"
    )
    assert imported(home, "email,state,paused_until\n" + rows).returncode == 0
    found = [(row["state"], row["paused_until"]) for row in listed(home)]
    assert found == [("paused", "2026-01-31 16:00:00+00:00"), ("paused", None), ("confirmed", None)]
    assert "a@example.org,,paused" in run(home, "export").stdout


def test_lists_are_paged_and_filtered(home: Path) -> None:
    themes = ("mentorship", "compute-cost")
    rows = "".join(f"r{n}@example.org,{themes[n % 2]}\n" for n in range(60))
    imported(home, "email,themes\n" + rows)
    assert len(addresses(home, "--theme", "mentorship", "--limit", "100")) == 30
    assert addresses(home, "--search", "r59@") == ["r59@example.org"]
    first = run(home, "list")
    assert len(first.stdout.splitlines()) == 50
    assert "--after 50" in first.stderr
    assert addresses(home, "--after", "58") == ["r58@example.org", "r59@example.org"]


def test_a_long_list_is_streamed(home: Path) -> None:
    """Thirty megabytes held in memory would show; a million rows are measured in benchmarks/web.py."""
    imported(home, "email\nfirst@example.org\n")
    with (home / "list.csv").open("w") as file:
        file.write("email,name,notes\n")
        file.writelines(f"r{n}@example.org,Reader,{'x' * 30_000}\n" for n in range(1000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ran = run(home, "import", "list.csv", "--quiet")
    assert "1000 taken" in ran.stderr
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kB"
