"""What lies in the mailbox for bounces: a Maildir folder, an mbox file, or a folder over IMAP.

A message counts as read once the next is asked for: then a Maildir's goes from ``new`` to ``cur`` as seen,
an mbox's is removed, and an IMAP server's is flagged as seen. A killed run reads the rest again.
"""

import mailbox
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from digest.errors import DigestError

_TIMEOUT_S = 60.0


class MailboxError(DigestError):
    """The mailbox cannot be read; the message says what to do."""


def unread(where: Path, *, keep: bool = False) -> Iterator[bytes]:
    """The messages not read yet. A folder is a Maildir, a file an mbox.

    Args:
        keep: Leave them unread.

    Raises:
        MailboxError: it is not there, or locked.
    """
    return _of_maildir(where, keep) if where.is_dir() else _of_mbox(where, keep)


def _of_maildir(folder: Path, keep: bool) -> Iterator[bytes]:
    if not (folder / "new").is_dir():
        raise MailboxError(f"{folder}: not a Maildir folder (it has no new/)")
    box = mailbox.Maildir(folder, factory=None, create=False)
    for key in sorted(box.keys()):
        message = box.get_message(key)
        if message.get_subdir() == "new":
            yield box.get_bytes(key)
            if not keep:
                message.set_subdir("cur")
                message.set_flags("S")
                box[key] = message


def _of_mbox(path: Path, keep: bool) -> Iterator[bytes]:
    """Locked while it is read, so that the mail server does not write between."""
    if not path.is_file():
        raise MailboxError(f"{path}: there is no such mbox file")
    box = mailbox.mbox(path, factory=None, create=False)
    try:
        box.lock()
    except mailbox.ExternalClashError as error:
        raise MailboxError(f"{path}: locked by another program; try again later") from error
    try:
        for key in list(box.keys()):
            yield box.get_bytes(key)
            if not keep:
                box.remove(key)
                box.flush()
    finally:
        box.close()


def unread_over_imap(
    host: str,
    username: str,
    password: str,
    *,
    port: int = 993,
    folder: str = "INBOX",
    ca_file: Path | None = None,
    keep: bool = False,
) -> Iterator[bytes]:
    """As :func:`unread`, of a folder on a server; always over TLS with a verified certificate.

    Raises:
        MailboxError: the server refuses us.
    """
    import imaplib
    import ssl

    from imap_tools import ImapToolsError, MailBox, MailMessageFlags

    troubles = (OSError, imaplib.IMAP4.error, ImapToolsError)
    context = ssl.create_default_context(cafile=ca_file)
    try:
        box = MailBox(host, port, timeout=_TIMEOUT_S, ssl_context=context)
        try:
            box.login(username, password, folder)
            for message in box.fetch("UNSEEN", mark_seen=False, bulk=50):
                yield message.obj.as_bytes()
                if not keep:
                    box.flag([str(message.uid)], [MailMessageFlags.SEEN], True)
        finally:
            with suppress(*troubles):
                box.logout()
    except troubles as error:
        raise MailboxError(f"{host}: {error}; see whether host, username and password are right") from error
