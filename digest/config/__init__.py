"""Reading ``config.toml``: plain values for everyone else, or every mistake at once.

Nothing runs before the whole file is right. Secrets come from the environment or from files
named by ``*_file`` keys, never from ``config.toml`` itself.

Environment: ``DIGEST_SECRET`` (signs links), ``DIGEST_OPERATOR_SECRET`` (opens the operator's page),
``DIGEST_DATABASE_URL`` (instead of ``database.url``), ``DIGEST_LLM_KEY``, ``DIGEST_IMAP_PASSWORD``,
``DIGEST_MAIL_<ID>_PASSWORD`` (one a mail server, its id in capitals with ``_`` for ``-``).
"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from digest import toml
from digest.config.tables import Around, Bounces, DomainLimit, File, MailServer
from digest.errors import ConfigError

__all__ = ["NAME", "Bounces", "Config", "DomainLimit", "MailServer", "load_config", "write_defaults"]

NAME = "config.toml"
DEFAULTS = Path(__file__).parent.parent / "defaults"
"""What ``digest init`` copies; shipped with the program."""


class Config(File):
    """A configuration that has been found right: the tables of the file at *path*, and what lies around it.

    Args:
        secret: Signs links and message ids; None when none is set, then *paths.secret_file* is where
            one is to be made and kept.
        operator_secret: The password of the operator's page; None when one is to be made and kept.
        warnings: What is not wrong but unwise, in sentences for the operator.
    """

    path: Path
    secret: bytes | None = Field(repr=False)
    operator_secret: str | None = Field(repr=False)
    warnings: tuple[str, ...]


def load_config(path: Path, *, environ: Mapping[str, str] = os.environ) -> Config:
    """Read *path* (``config.toml``); relative paths in it are taken from its folder.

    Raises:
        ConfigError: With every mistake in the file and every secret that is missing.
    """
    path = path.absolute()
    if not path.is_file():
        raise ConfigError(path, [(0, "", "there is no such file; make one with: digest init")])
    around = Around(path.parent, environ)
    file = toml.read(path, File, context=around)
    return Config.model_construct(
        **dict(file),
        path=path,
        secret=around.secret.encode() if around.secret else None,
        operator_secret=environ.get("DIGEST_OPERATOR_SECRET"),
        warnings=tuple(around.warnings),
    )


def write_defaults(folder: Path) -> list[tuple[Path, bool]]:
    """Put a commented ``config.toml`` and an example seed into *folder*, made when missing.

    Returns:
        Each file, and whether it was written: nothing that is there is ever overwritten, and a
        ``seeds`` folder that is there gets no example.
    """
    seeds = folder / "seeds"
    wanted = [(NAME, folder / NAME)] + ([] if seeds.exists() else [("example.txt", seeds / "example.txt")])
    return [(path, _copy(DEFAULTS / name, path)) for name, path in wanted]


def _copy(source: Path, path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        return False
    return True
