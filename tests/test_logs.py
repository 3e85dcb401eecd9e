"""What stands in the log: ids as fields, addresses nowhere."""

import json
import logging
import sys

import pytest

from digest.cli.logs import JsonLines, Lines


def record(message: str, *values: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("digest.service", logging.INFO, "", 0, message, values, exc_info)  # type: ignore[arg-type]


def test_what_a_line_names_is_a_field() -> None:
    told = json.loads(
        JsonLines().format(record("%s: slot schedule=%s edition=%s took=%.1f", "a", "daily", 7, 0.25))
    )
    assert (told["schedule"], told["edition"], told["took"]) == ("daily", 7, 0.25)
    assert told["message"] == "a: slot schedule=daily edition=7 took=0.2"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <ann.lee@example.org>: unknown", "550 5.1.1 <…@example.org>: unknown"),
        ("to=ann@example.org,bob+x@例子.中国", "to=…@example.org,…@例子.中国"),
        ("smtp://user@relay: refused", "smtp://…@relay: refused"),
        ("10 @ 3 per second", "10 @ 3 per second"),
    ],
)
def test_addresses_are_kept_out_of_lines_fields_and_traces(said: str, kept: str) -> None:
    assert kept in Lines().format(record("relay: %s", said))
    try:
        raise ValueError(said)
    except ValueError:
        told = json.loads(JsonLines().format(record("failed reason=%s", said, exc_info=sys.exc_info())))
    assert told["reason"] == kept
    assert kept in told["message"]
    assert kept in told["trace"]
