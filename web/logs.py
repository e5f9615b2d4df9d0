"""Logs as lines of JSON on stderr: what happened, where, to which conversation; never what anybody said."""

from __future__ import annotations

import json
import logging
import sys
import time

_FIELDS = ("conversation", "turn", "error", "where")


class JsonLines(logging.Formatter):
    """One JSON object a record. An exception is named by its class: its message may hold a customer's words."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "from": record.name,
            "what": record.getMessage(),
        }
        line |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)


def configure() -> None:
    """Send the web room's records to stderr; called where a process starts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    room = logging.getLogger("web")
    room.handlers = [handler]
    room.setLevel(logging.INFO)
    room.propagate = False
