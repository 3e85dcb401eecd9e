"""Log records: lines for people on a terminal, JSON objects elsewhere; in neither does an address stand."""

import json
import logging
import re
from datetime import UTC, datetime

_ADDRESS = re.compile(r"[^\s<>=:;,/\"'()\[\]]+@(?=[\w.-]+)")
_PLACE = re.compile(r"(?:(\w+)=)?%[\d.]*[sdf]")


class Lines(logging.Formatter):
    """For people. A server's words may name a reader: only the domain is kept."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return _ADDRESS.sub("…@", super().format(record))


class JsonLines(logging.Formatter):
    """One object a record; ``json.dumps`` escapes the control characters a forger would need.

    What a message names (``edition=%d``) is a field of its own besides.
    """

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _ADDRESS.sub("…@", record.getMessage()),
        }
        values = record.args if isinstance(record.args, tuple) else ()
        told |= {
            name: value if isinstance(value, int | float) or value is None else _ADDRESS.sub("…@", str(value))
            for name, value in zip(_PLACE.findall(record.msg), values, strict=False)
            if name
        }
        if record.exc_info:
            told["trace"] = _ADDRESS.sub("…@", self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)
