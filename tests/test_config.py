import asyncio
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from digest.cli import make_app
from digest.config import Config, load_config, write_defaults
from digest.config.tables import File, Made
from digest.errors import ConfigError
from digest.mail.transport import Limit, Server
from digest.sending import _server, _token_reader

ROOT = Path(__file__).parent.parent

GOOD = """
[newsletter]
name = "Notes"
sender = "notes@example.org"

[[schedules]]
id = "daily"

[[themes]]
id = "tea"
names = { en = "Tea" }
terms.en = ["tea", { text = "leaf", weight = 0.5 }]
"""

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str = GOOD, **environ: str) -> Config:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return load_config(path, environ=environ)

    return load


def problems(load: Load, text: str, **environ: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        load(text, **environ)
    return caught.value.problems


def line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_least_that_is_needed_gives_working_defaults(load: Load, tmp_path: Path) -> None:
    config = load()
    assert (config.newsletter.sender_name, config.newsletter.list_id) == ("Notes", "digest.example.org")
    assert config.database.url == f"sqlite:///{tmp_path}/var/digest.db"
    assert (config.paths.seeds, config.paths.secret_file) == (tmp_path / "seeds", tmp_path / "var/secret.key")
    assert (config.mail_servers, config.feeds, config.secret, config.warnings) == ((), (), None, ())
    assert [(term.text, term.weight) for term in config.themes[0].terms["en"]] == [
        ("tea", 1.0),
        ("leaf", 0.5),
    ]
    assert config.schedules[0].themes == ("rotate",)


def test_the_default_file_is_right_and_the_one_init_writes(tmp_path: Path) -> None:
    shown = (ROOT / "config.toml").read_bytes()
    assert write_defaults(tmp_path) == [
        (tmp_path / "config.toml", True),
        (tmp_path / "seeds/example.txt", True),
    ]
    assert (tmp_path / "config.toml").read_bytes() == shown
    config = load_config(tmp_path / "config.toml", environ={})
    assert [theme.id for theme in config.themes] == ["mentorship", "large-models", "compute-cost"]


def test_init_never_overwrites_and_leaves_seeds_alone(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "config.toml").write_text("mine")
    assert write_defaults(tmp_path) == [(tmp_path / "config.toml", False)]
    assert (tmp_path / "config.toml").read_text() == "mine"


def test_every_commented_default_is_a_key_and_the_default(load: Load, tmp_path: Path) -> None:
    """Uncommenting a line of the default file must change nothing but what says it is an example."""
    text = (ROOT / "config.toml").read_text("utf-8")
    bare = re.sub(r"^# (?=[a-z_]+ = |\[[a-z.]+\])", "", text, flags=re.MULTILINE)
    (tmp_path / "my-templates").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/secret.key").write_text("s" * 40)
    (tmp_path / "var/secret.key").chmod(0o600)
    plain, full = load(text), load(bare)
    assert bare.count("\n# ") < text.count("\n# ") - 15
    differing = {name for name in Config.model_fields if getattr(plain, name) != getattr(full, name)}
    assert differing == {"newsletter", "paths", "design", "operator", "database"}
    assert plain.paths.model_copy(update={"templates": full.paths.templates}) == full.paths
    assert plain.database.model_copy(update={"keep_days": full.database.keep_days}) == full.database
    assert plain.operator.model_copy(update={"mail": full.operator.mail}) == full.operator
    assert plain.design.model_copy(update={"tokens": full.design.tokens}) == full.design


LLM = 'endpoint = "https://llm.example.org/v1"\nmodel = "m"\n'
MISTAKES = [
    ('sender = "nobody"', "newsletter.sender", "is not a mail address"),
    ('sender = "a@b.example, c@d.example"', "newsletter.sender", "not a mail address"),
    ('sender = "a@b\\r\\nBcc: x@y.z"', "newsletter.sender", "not a mail address"),
    ('name = "a\\nb"', "newsletter.name", "one line of text"),
    ("name = 7", "newsletter.name", "should be a valid string, not 7"),
    ('timezone = "Mars/Base"', "newsletter.timezone", "write one like Asia/Shanghai"),
    ('timezone = "../../etc"', "newsletter.timezone", "is not a time zone"),
    ('timezon = "UTC"', "newsletter.timezon", "did you mean timezone?"),
    ('base_url = "ftp://x"', "newsletter.base_url", "is not a web address"),
    ('base_url = "https://u:p@x.example"', "newsletter.base_url", "leave them out"),
    ('base_url = "https://x:99999"', "newsletter.base_url", "is not a web address"),
    ('base_url = "x.example"', "newsletter.base_url", "write it with https://"),
    ('language = "Chinese!"', "newsletter.language", "write one like zh-CN or en"),
    ('language = "fr"', "newsletter.language", "there are: en, zh-CN"),
    ('themes = ["tee"]', "schedules[1].themes[1]", "no theme 'tee'; there are: 'tea'"),
    ('themes = "some"', "schedules[1].themes", 'must be "rotate", "auto" or a list'),
    ("themes = []", "schedules[1].themes", "at least 1 item"),
    ('id = "Daily edition"', "schedules[1].id", "use small letters"),
    ('themes_per_edition = "2"', "schedules[1].themes_per_edition", "whole number"),
    ("items_per_theme = 0", "schedules[1].items_per_theme", "greater than or equal to 1"),
    ('id = "daily"\n[[schedules]]\nid = "daily"', "schedules[2].id", "is taken by schedules[1]"),
    ('id = "rotate"', "themes[1].id", "has a meaning of its own"),
    ("names = {}", "themes[1].names", "at least 1 item"),
    ('accent = "red"', "themes[1].accent", "write it like #8a2b2b"),
    ('terms.en = [3, "tea"]', "themes[1].terms.en[1]", "should be a table, not 3"),
    (
        'terms.en = ["tea", { text = "leaf", weight = -1 }]',
        "themes[1].terms.en[2].weight",
        "greater than or equal to 0",
    ),
    (
        'terms.en = ["tea", { text = "leaf", wieght = 1.0 }]',
        "themes[1].terms.en[2].wieght",
        "did you mean weight?",
    ),
    ('id = "a"\nurl = "file:///x"', "feeds[1].url", "is not a web address"),
    ('allow = ["10.0.0.0/33"]', "fetching.allow[1]", "like 10.1.2.0/24"),
    ('name = "a"\nmatch = "("', "site_rules[1].match", "not a regular"),
    ('uncertain = "maybe"', "delivery.uncertain", "'resend' or 'hold'"),
    ("newsleter = {}", "newsleter", "did you mean newsletter?"),
    ('templates = ["none"]', "paths.templates[1]", "there is no folder"),
    ('url = "mysql://x/y"', "database.url", "sqlite:///FILE or postgresql"),
    ('url = "postgresql://u:p@h/d"', "database.url", "holds a password"),
    ('maildir = "out"\n[[mail_servers]]\nid = "a"\nhost = "h"', "delivery.maildir", "not both"),
    ("feeds = 3", "feeds", "should be a list, not 3"),
    ('model = "m"\nendpoint = "http://llm.example.org/v1"', "llm.endpoint", "must begin with https://"),
    ('model = "m"\nendpoint = "http://127.0.0.1.example.org/v1"', "llm.endpoint", "must begin with https://"),
    ('model = "m"\nendpoint = "https://me:pw@llm.example.org/v1"', "llm.endpoint", "a user name or password"),
    (f'{LLM}key = "abc"', "llm.key", "unknown key; known here: endpoint"),
    (f'{LLM}key_file = "nowhere"', "llm.key_file", "cannot be read"),
]


def mistaken(key: str, line: str) -> str:
    """The good file with *line* in the table that *key* begins with, instead of what it says of it."""
    table, many = re.match(r"(\w+)(\[)?", key).groups()  # type: ignore[union-attr]
    if key == table:
        return f"{line}\n{GOOD}"
    heading = f"[[{table}]]\n" if many else f"[{table}]\n"
    before, _, after = (GOOD if heading in GOOD else GOOD + heading).partition(heading)
    kept = re.sub(rf"(?m)^{re.escape(line.split(' =')[0])} = .*\n", "", after, count=1)
    return f"{before}{heading}{line}\n{kept}"


@pytest.mark.parametrize(("line", "key", "what"), MISTAKES)
def test_a_mistake_is_named_by_line_key_and_remedy(load: Load, line: str, key: str, what: str) -> None:
    text = mistaken(key, line)
    [(at, named, said)] = problems(load, text)
    assert named == key
    assert what in said
    last = key.rpartition(".")[2].partition("[")[0]
    assert last in text.splitlines()[at - 1] or key.endswith("]")


def test_mistakes_are_told_all_at_once_in_order_of_lines(load: Load) -> None:
    text = (
        GOOD.replace('"tea"', "5")
        .replace('"notes@example.org"', '"x"')
        .replace('id = "daily"', 'id = "daily"\nx = 1')
    )
    found = problems(load, text)
    assert [key for _, key, _ in found] == [
        "newsletter.sender",
        "schedules[1].x",
        "themes[1].id",
        "themes[1].terms.en[1]",
    ]
    assert [at for at, _, _ in found] == [
        line(text, part) for part in ("sender", "x = 1", "id = 5", "terms.en")
    ]


def test_the_message_reads_like_a_compiler(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(GOOD.replace('name = "Notes"', 'nam = "Notes"'))
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/config.toml:2: newsletter.name: is missing; add it",
        f"{tmp_path}/config.toml:3: newsletter.nam: unknown key; did you mean name?",
    ]


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make one with: digest init"):
        load_config(tmp_path / "config.toml")


RELAY = GOOD + '\n[[mail_servers]]\nid = "my-relay"\nhost = "mx.example.org"\nusername = "u"\n'
TOKEN = RELAY + 'auth = "xoauth2"\n'
LIMIT = GOOD + '\n[[domain_limits]]\ndomain = "qq.com"\n'


def test_a_token_is_read_again_for_each_connection(load: Load, tmp_path: Path) -> None:
    """From the environment, from a file somebody keeps fresh, or from a command, which is not run each time."""
    file = tmp_path / "relay.token"
    file.write_text("one\n")
    file.chmod(0o600)

    def tokens(text: str, **environ: str) -> list[str]:
        (server,) = load(text, **environ).mail_servers
        read = _token_reader(server)

        async def twice() -> list[str]:
            file.write_text("one\n")
            first = await read()
            file.write_text("two\n")
            return [first, await read()]

        return asyncio.run(twice())

    assert tokens(TOKEN + 'token_file = "relay.token"\n') == ["one", "two"]
    assert tokens(TOKEN + f'token_command = "cat {file}"\n') == ["one", "one"]
    assert tokens(TOKEN, DIGEST_MAIL_MY_RELAY_TOKEN="given") == ["given", "given"]
    with pytest.raises(OSError, match="gave no token"):
        tokens(TOKEN + 'token_command = "false"\n')


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        (RELAY, "mail_servers[1].username", "set password_file, or DIGEST_MAIL_MY_RELAY_PASSWORD in the env"),
        (TOKEN, "mail_servers[1].username", "set token_file or token_command, or DIGEST_MAIL_MY_RELAY_TOKEN"),
        (TOKEN + 'token_file = "none"\n', "mail_servers[1].token_file", "cannot be read"),
        (RELAY + 'token_command = "x"\n', "mail_servers[1]", 'set auth = "xoauth2"'),
        (RELAY + 'security = "none"\n', "mail_servers[1]", "show its password"),
        (TOKEN + 'token_command = "x"\npassword_file = "y"\n', "mail_servers[1]", "give one of"),
        (LIMIT + "per_second = 0\n", "domain_limits[1].per_second", "greater than 0"),
        (LIMIT + LIMIT.removeprefix(GOOD), "domain_limits[2].domain", "qq.com"),
    ],
)
def test_tokens_and_limits_that_cannot_be_meant(load: Load, text: str, key: str, what: str) -> None:
    assert [(at, what in said) for _, at, said in problems(load, text)] == [(key, True)], problems(load, text)


def test_a_relay_reaches_the_transport_with_all_it_needs(load: Load, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = RELAY + 'security = "tls"\nca_file = "ca.pem"\nport = 465\nweight = 3\nper_minute = 30.0\n'
    (server,) = load(text, DIGEST_MAIL_MY_RELAY_PASSWORD="x").mail_servers
    assert _server(server) == Server(
        host="mx.example.org", port=465, name="my-relay", security="tls", username="u", password="x",
        ca_file=tmp_path / "ca.pem", weight=3, limit=Limit(per_minute=30),
    )  # fmt: skip


def test_limits_of_domains_reach_the_transport(load: Load) -> None:
    (limit,) = load(LIMIT.replace("qq.com", "QQ.com") + "per_minute = 30.0\nconnections = 2\n").domain_limits
    assert (limit.domain, limit.per_minute, limit.connections) == ("qq.com", 30, 2)


def test_a_password_in_the_file_is_refused(load: Load) -> None:
    found = problems(load, RELAY + 'password = "hunter2"\n', DIGEST_MAIL_MY_RELAY_PASSWORD="x")
    assert [key for _, key, _ in found] == ["mail_servers[1].password"]
    assert "hunter2" not in found[0][2]


def test_secrets_come_from_the_environment_or_files_and_are_never_shown(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "relay.secret"
    secret.write_text("from-file\n")
    secret.chmod(0o600)
    text = RELAY + 'password_file = "relay.secret"\n'
    assert load(text).mail_servers[0].password == "from-file"
    config = load(text, DIGEST_MAIL_MY_RELAY_PASSWORD="from-env", DIGEST_SECRET="k" * 32)
    assert (config.mail_servers[0].password, config.secret) == ("from-env", b"k" * 32)
    assert not re.search("from-env|kkkk", repr(config))


def test_a_secret_others_can_read_is_warned_about(load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "relay.secret"
    secret.write_text("x")
    secret.chmod(0o644)
    config = load(RELAY + 'password_file = "relay.secret"\n')
    assert config.warnings == (f"{secret} holds a secret and others can read it; run: chmod 600 {secret}",)


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "cannot be read (No such file"), (b"", "is empty"), (b"\xff\xfe\xff", "not UTF-8")],
)
def test_a_secret_file_that_gives_none_is_a_mistake(
    load: Load, tmp_path: Path, content: bytes | None, what: str
) -> None:
    if content is not None:
        (tmp_path / "relay.secret").write_bytes(content)
    found = problems(load, RELAY + 'password_file = "relay.secret"\n')
    assert [key for _, key, _ in found] == ["mail_servers[1].password_file"]
    assert what in found[0][2]


def test_the_remedy_for_a_missing_dkim_key_works_as_it_is_told(load: Load, tmp_path: Path) -> None:
    text = GOOD + '\n[[dkim]]\nselector = "s"\nkey_file = "dkim.pem"\n'
    told = next(what for _, _, what in problems(load, text) if "--new" in what)
    command = ["--config", str(tmp_path / "config.toml"), *told.split("digest ")[1].split()]
    made = CliRunner().invoke(make_app(), [*command, "--algorithm", "ed25519"])
    assert (made.exit_code, "._domainkey.example.org." in made.output) == (0, True), made.output
    assert load(text).dkim[0].key_file == tmp_path / "dkim.pem"


def test_a_language_of_ones_own_needs_a_catalog_and_no_code(load: Load, tmp_path: Path) -> None:
    text = GOOD.replace('name = "Notes"', 'name = "x"\nlanguage = "fr"') + '\n[paths]\ntemplates = ["mine"]\n'
    catalog = tmp_path / "mine/locale/fr/LC_MESSAGES/digest.po"
    catalog.parent.mkdir(parents=True)
    assert [what for _, _, what in problems(load, text)] == [
        "there are no words in 'fr'; there are: en, zh-CN"
    ]
    catalog.touch()
    assert load(text).newsletter.language == "fr"


def test_a_short_secret_is_refused(load: Load) -> None:
    assert "DIGEST_SECRET in the environment" in problems(load, GOOD, DIGEST_SECRET="short")[0][2]
    assert "use 32 characters or more" in problems(load, GOOD, DIGEST_SECRET="short")[0][2]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///x/y.db", "sqlite:///{here}/x/y.db"),
        ("sqlite:////a/y.db", "sqlite:////a/y.db"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
    ],
)
def test_database_addresses(load: Load, tmp_path: Path, url: str, expected: str) -> None:
    config = load(GOOD + f'\n[database]\nurl = "{url}"\n')
    assert config.database.url == expected.format(here=tmp_path)


def test_the_environment_may_name_a_database_with_a_password(load: Load) -> None:
    config = load(DIGEST_DATABASE_URL="postgresql://u:pw@h/d")
    assert config.database.url == "postgresql://u:pw@h/d"
    assert "pw@" not in repr(config)


def test_paths_start_from_the_files_own_folder(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    config = load(GOOD + '\n[paths]\ndata = "../d"\nseeds = "/abs/seeds"\n')
    assert (config.paths.data, config.paths.seeds) == (tmp_path.parent / "d", Path("/abs/seeds"))


def tables(model: type[BaseModel], name: str = "") -> dict[str, type[BaseModel]]:
    """Every table a file may hold, by its heading in the documentation."""
    found: dict[str, type[BaseModel]] = {}
    for key, field in model.model_fields.items():
        kind: Any = field.rebuild_annotation()
        many = tuple in (get_origin(kind), get_origin(field.annotation))
        while arguments := get_args(kind):
            made = [one.table for one in arguments if isinstance(one, Made)]
            kind = [*arguments[:1], *made][-1]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found[f"[[{key}]]" if many else f"[{key}]"] = kind
    return found


def test_every_key_and_default_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    for heading, model in tables(File).items():
        _, _, section = text.partition(f"## `{heading}`\n")
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        assert [key for key, _ in rows] == list(fields), heading
        for key, shown in rows:
            field = fields[key]
            if field.is_required():
                assert shown == "needed", (heading, key)
            elif shown.startswith("`") and shown.endswith("`") and field.default is not None:
                default = tomllib.loads(f"x = {shown.strip('`')}")["x"]
                plain = list(field.default) if isinstance(field.default, tuple) else field.default
                assert plain in (default, [default], Path(str(default))), (heading, key)
            else:
                assert field.default is None, (heading, key)


def test_the_environment_is_documented() -> None:
    used = set(
        re.findall(r"DIGEST_[A-Z_]+", "".join(p.read_text() for p in (ROOT / "digest/config").glob("*.py")))
    )
    documented = set(re.findall(r"DIGEST_[A-Z_]+", (ROOT / "docs/configuration.md").read_text("utf-8")))
    assert used == documented
