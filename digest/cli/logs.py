"""Log records as JSON lines, for machines that read them."""

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One object a record; ``json.dumps`` escapes the control characters a forger would need."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)
