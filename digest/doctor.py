"""``digest doctor``: everything that makes mail fail quietly, looked at before it does.

Each check gives findings; none raises for what it finds.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from typing import Literal, NamedTuple

from digest.mail.dkim import Key, dns_record
from digest.mail.opening import OpeningError, open_connection
from digest.mail.transport import Server

SAFE_HEADERS = {(3, 11): 10, (3, 12): 5}
"""First patch releases whose email package refuses line breaks in decoded headers (CPython gh-121650)."""
UNSUBSCRIBE = ("list-unsubscribe", "list-unsubscribe-post")
"""Headers a signature must cover (RFC 8058 section 4)."""
CLIPPED = 102_000
"""Octets of HTML at which Gmail cuts a message off."""

Level = Literal["ok", "warning", "fault"]


class Finding(NamedTuple):
    """What was looked at, how it is, and, unless it is ok, what to do."""

    level: Level
    what: str
    do: str = ""


def check_python(version: tuple[int, int, int] = sys.version_info[:3]) -> Finding:
    patch = SAFE_HEADERS.get(version[:2])
    name = ".".join(str(part) for part in version)
    if patch is not None and version[2] < patch:
        what = f"Python {name} can be made to put a line break into a header; Digest defuses what it is given"
        return Finding("warning", what, f"update to {version[0]}.{version[1]}.{patch} or later")
    return Finding("ok", f"Python {name}")


def check_clock(now: datetime, newest: datetime | None) -> Finding:
    """The clock against the newest thing that is known to have happened."""
    if newest and newest > now:
        what = f"the clock says {now:%Y-%m-%d %H:%M} UTC, yet {newest:%Y-%m-%d %H:%M} has been"
        return Finding("fault", what, "set the clock: slots and signatures go by it")
    return Finding("ok", f"the clock says {now:%Y-%m-%d %H:%M} UTC")


def check_message(mail: bytes, *, signed: bool) -> Iterator[Finding]:
    """The mail a reader would get: its size, its headers, what its signatures cover."""
    message = message_from_bytes(mail)
    names = [name.lower() for name in message]
    if len(mail) > CLIPPED:
        what = f"a mail has {len(mail)} octets; some programs cut it off at {CLIPPED}"
        yield Finding("warning", what, "set fewer items or themes an edition")
    else:
        yield Finding("ok", f"a mail has {len(mail)} octets and {len(names)} header fields")
    if "list-unsubscribe-post" not in names:
        what = "mails hold no one-click unsubscribe (RFC 8058), which large providers ask for"
        do = (
            "set newsletter.base_url to where the pages are served; until then leaving goes by mail: with a"
            " [bounces] table by itself, else take out who writes with digest subscribers remove"
        )
        yield Finding("warning", what, do)
    for name, count in Counter(names).items():
        if count > 1 and name not in ("received", "dkim-signature"):
            what = f"the field {name} stands {count} times"
            yield Finding("fault", what, "report this: no mail should be sent")
    if signed:
        yield from _signatures(message)


def _signatures(message: Message) -> Iterator[Finding]:
    for signature in message.get_all("dkim-signature", []):
        covered = _squeezed(signature).lower().partition(";h=")[2].partition(";")[0].split(":")
        missing = [name for name in UNSUBSCRIBE if name in message and name not in covered]
        if missing:
            what = f"a signature does not cover {', '.join(missing)}"
            yield Finding("fault", what, "report this: one-click unsubscribing is not trusted")
        else:
            yield Finding("ok", f"a signature covers {len(covered)} fields")


async def check_server(server: Server) -> Finding:
    """Connect, encrypt and log in, as for a mail; nothing is sent."""
    try:
        connection = await open_connection(server)
    except OpeningError as error:
        return Finding("fault", str(error), "mend the server's entry in config.toml, or the server")
    offers = ", ".join(sorted(connection.offers)) or "nothing"
    connection.leave()
    return Finding("ok", f"{server.label}: {server.security}, offers {offers}")


def check_dns(domain: str, keys: Sequence[Key]) -> Iterator[Finding]:
    """SPF (RFC 7208), DMARC (RFC 7489) and the keys' records (RFC 6376), where DNS answers."""
    wanted = [
        ("SPF", domain, "v=spf1", 'a TXT record like "v=spf1 a:your.relay -all"'),
        ("DMARC", f"_dmarc.{domain}", "v=DMARC1", 'a TXT record like "v=DMARC1; p=none"'),
    ]
    for key in keys:
        wanted.append((f"DKIM key {key.selector}", key.record_name, dns_record(key), dns_record(key)))
    for what, name, start, do in wanted:
        records = _texts(name)
        if records is None:
            yield Finding("warning", f"{what}: DNS does not answer for {name}", "try again later")
        elif any(_squeezed(record).startswith(_squeezed(start)) for record in records):
            yield Finding("ok", f"{what} stands at {name}")
        else:
            yield Finding("fault", f"{what}: no such record at {name}", f"publish: {do}")


def _squeezed(record: str) -> str:
    return re.sub(r"\s", "", record)


def _texts(name: str) -> list[str] | None:
    """TXT records, strings of one joined; None when nobody answers."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=5)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException:
        return None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
