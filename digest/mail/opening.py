"""Opening an SMTP connection: connect, encrypt, log in; and what to do about it where that fails."""

import asyncio
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponseException

from digest.mail.connection import Connection
from digest.mail.transport import Server, printable


class OpeningError(Exception):
    """No usable connection. *lasting*: it needs a person (certificate, password), so ask seldom."""

    def __init__(self, what: str, *, lasting: bool = False) -> None:
        super().__init__(what)
        self.lasting = lasting


@lru_cache(maxsize=16)
def _context(verify: bool, ca_file: Path | None) -> ssl.SSLContext:
    """Certificates and names are checked unless switched off. Kept: reading a system's takes 50 ms."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_connection(server: Server) -> Connection:
    """Connect, encrypt, authenticate.

    Raises:
        OpeningError: with one sentence that says what to do, where that can be known.
    """
    smtp = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=socket.gethostname(),
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=None if server.security == "none" else _context(server.verify, server.ca_file),
        timeout=server.connect_s,
    )
    try:
        async with asyncio.timeout(server.connect_s + server.command_s):
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
            await _authenticate(smtp, server)
            return Connection(smtp, server)
    except (OSError, SMTPException, ValueError) as error:
        smtp.close()
        raise _explained(server, error) from error
    except BaseException:
        smtp.close()
        raise


async def _authenticate(smtp: SMTP, server: Server) -> None:
    """One method, one attempt: trying the rest after a refusal is how accounts get locked."""
    if server.username is None:
        return
    safest = ("cram-md5", "plain", "login") if server.security == "none" else ("plain", "login", "cram-md5")
    wanted = safest if server.auth == "auto" else (server.auth,)
    offered = smtp.server_auth_methods
    method = next((method for method in wanted if method in offered), None)
    if method is None:
        had = f"{', '.join(offered) or 'none'}, wanted {', '.join(wanted)}"
        raise OpeningError(
            f"{server.label} offers no usable AUTH ({had}); set auth or security", lasting=True
        )
    log_in = getattr(smtp, f"auth_{method.replace('-', '')}")
    await log_in(server.username, await server.token() if server.token else server.password or "")


def _explained(server: Server, error: Exception) -> OpeningError:
    """What went wrong, and what to do about it."""
    cause = error.__cause__ or error
    said = f" ({error.code} {printable(error.message)})" if isinstance(error, SMTPResponseException) else ""
    lasting = True
    if isinstance(error, SMTPAuthenticationError):
        what = f" refuses the user name or password{said}; correct them"
    elif said:
        what, lasting = f" turned us away{said}", False
    elif isinstance(cause, ssl.SSLCertVerificationError):
        what = f": the certificate is not trusted ({cause.verify_message}); ca_file adds a private authority"
    elif isinstance(cause, ssl.SSLError):
        what = f": TLS failed ({printable(str(cause))}); see whether port and security fit each other"
    elif "STARTTLS" in str(error):
        what = " does not offer STARTTLS; no mail is sent in clear (security says what to use)"
    elif isinstance(error, TimeoutError):
        what, lasting = " did not answer in time; see whether host and port are right and reachable", False
    else:
        what, lasting = f": {printable(str(error))}; see whether host and port are right and it runs", False
    return OpeningError(f"{server.label}{what}", lasting=lasting)
