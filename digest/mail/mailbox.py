"""Where bounces are kept until they are read: a Maildir folder, an mbox file, or a folder over IMAP.

A message stays as it is until it is *done*: then a Maildir's goes from ``new`` to ``cur`` as seen, an
mbox's is removed, and an IMAP server's is flagged as seen. A killed run reads the rest again.
"""

import mailbox
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from digest.errors import DigestError

if TYPE_CHECKING:
    from imap_tools.mailbox import BaseMailBox

_TIMEOUT_S = 60.0


class MailboxError(DigestError):
    """The mailbox cannot be read; the message says what to do."""


class Mailbox(Protocol):
    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Those not done yet: (key, content)."""

    def done(self, key: str) -> None:
        """Never again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """Always over TLS with a verified certificate."""

    host: str
    username: str
    password: str
    port: int = 993
    folder: str = "INBOX"
    ca_file: Path | None = None

    def __repr__(self) -> str:
        return f"ImapAccount({self.username!r} at {self.host!r})"


class MaildirBox:
    def __init__(self, folder: Path) -> None:
        if not (folder / "new").is_dir():
            raise MailboxError(f"{folder}: not a Maildir folder (it has no new/)")
        self._box = mailbox.Maildir(folder, factory=None, create=False)

    def messages(self) -> Iterator[tuple[str, bytes]]:
        for key in sorted(self._box.keys()):
            if self._box.get_message(key).get_subdir() == "new":
                yield key, self._box.get_bytes(key)

    def done(self, key: str) -> None:
        message = self._box.get_message(key)
        message.set_subdir("cur")
        message.set_flags("S")
        self._box[key] = message


class MboxBox:
    """Locked while it is open, so that the mail server does not write between."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MailboxError(f"{path}: there is no such mbox file")
        self._box = mailbox.mbox(path, factory=None, create=False)
        try:
            self._box.lock()
        except mailbox.ExternalClashError as error:
            raise MailboxError(f"{path}: locked by another program; try again later") from error

    def messages(self) -> Iterator[tuple[str, bytes]]:
        for key in list(self._box.keys()):
            yield key, self._box.get_bytes(key)

    def done(self, key: str) -> None:
        self._box.remove(key)
        self._box.flush()

    def close(self) -> None:
        self._box.flush()
        self._box.close()


class ImapBox:
    def __init__(self, box: "BaseMailBox") -> None:
        self._box = box

    def messages(self) -> Iterator[tuple[str, bytes]]:
        for message in self._box.fetch("UNSEEN", mark_seen=False, bulk=50):
            yield str(message.uid), message.obj.as_bytes()

    def done(self, key: str) -> None:
        from imap_tools import MailMessageFlags

        self._box.flag([key], [MailMessageFlags.SEEN], True)


@contextmanager
def open_mailbox(where: Path | ImapAccount) -> Iterator[Mailbox]:
    """A folder is a Maildir, a file an mbox.

    Raises:
        MailboxError: it is not there, locked, or the server refuses us.
    """
    if isinstance(where, ImapAccount):
        with _logged_in(where) as box:
            yield ImapBox(box)
    elif where.is_dir():
        yield MaildirBox(where)
    else:
        mbox = MboxBox(where)
        try:
            yield mbox
        finally:
            mbox.close()


@contextmanager
def _logged_in(account: ImapAccount) -> Iterator["BaseMailBox"]:
    import imaplib
    import ssl

    from imap_tools import ImapToolsError, MailBox

    context = ssl.create_default_context(cafile=str(account.ca_file) if account.ca_file else None)
    try:
        box = MailBox(account.host, account.port, timeout=_TIMEOUT_S, ssl_context=context)
        box.login(account.username, account.password, account.folder)
    except (OSError, imaplib.IMAP4.error, ImapToolsError) as error:
        raise MailboxError(f"{account.host}: {error}") from error
    try:
        yield box
    except (OSError, imaplib.IMAP4.error, ImapToolsError) as error:
        raise MailboxError(f"{account.host}: {error}") from error
    finally:
        with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            box.logout()
