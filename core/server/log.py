"""The log: a line of JSON for each thing that happened, on stderr.

Who is told by a digest of the session's id, which cannot be turned back into it. Names of files,
classes and networks that people bring are never logged.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS = ("core", "pages")


class JsonLines(logging.Formatter):
    """Writes a record as one line: when, level, where, what, its extra fields, and a trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _OF_EVERY_RECORD}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is at the moment, as Python's handler of last resort does."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def set_up() -> None:
    """Send what this app logs to stderr as lines of JSON; calling it again changes nothing."""
    for name in _OURS:
        logger = logging.getLogger(name)
        if not any(isinstance(handler.formatter, JsonLines) for handler in logger.handlers):
            handler = _Stderr()
            handler.setFormatter(JsonLines())
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)


def who(owner: str) -> str:
    """A name for a session in the log, from which its id cannot be found."""
    return hashlib.sha256(owner.encode()).hexdigest()[:12]
