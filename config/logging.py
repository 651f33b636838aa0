"""Our own log and gunicorn's, on stdout: JSON lines for machines, or one readable line a record for people."""

import logging
import os
import sys
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

_STANDARD = frozenset(RESERVED_ATTRS)
_LEVEL_COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
_STATUS_COLOURS = {1: 36, 2: 32, 3: 36, 4: 33, 5: 31}


class TextFormatter(logging.Formatter):
    """Write a request as ``time method status milliseconds route id``, any other record with its extra fields.

    :param colours: whether to use ANSI escape sequences.
    """

    def __init__(self, *, colours: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows on lines of its own."""
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        text = self._request(**fields) if "milliseconds" in fields else self._message(record, fields)
        lines = [f"{self._coloured(self.formatTime(record, self.datefmt), 2)} {text}"]
        if record.exc_info:
            lines.append(self.formatException(record.exc_info))
        return "\n".join(lines)

    def _request(
        self, *, method: str, status: int, milliseconds: float, route: str | None, request_id: str, **_: Any
    ) -> str:
        coloured = self._coloured(str(status), _STATUS_COLOURS.get(status // 100, 0))
        return f"{method:<6} {coloured} {milliseconds:>8.2f} ms  {route or '-'}  {self._coloured(request_id, 2)}"

    def _message(self, record: logging.LogRecord, fields: dict[str, Any]) -> str:
        extra = "".join(f"  {name}={value}" for name, value in fields.items())
        level = self._coloured(record.levelname, _LEVEL_COLOURS.get(record.levelname, 0))
        return f"{level} {record.name}: {record.getMessage()}{extra}"

    def _coloured(self, text: str, code: int) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colours and code else text


def configuration(log_format: str) -> dict[str, Any]:
    """Return the configuration for :func:`logging.config.dictConfig`.

    :param log_format: ``json``, ``text``, or ``auto``: text where stdout is a terminal. Colours need a terminal and no
        ``NO_COLOR`` (https://no-color.org).
    """
    terminal = sys.stdout.isatty()
    chosen = log_format if log_format != "auto" else "text" if terminal else "json"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "%(levelname)s %(name)s %(process)d %(message)s",
                "rename_fields": {"levelname": "level", "name": "logger"},
                "timestamp": True,
            },
            "text": {"()": TextFormatter, "colours": terminal and not os.environ.get("NO_COLOR")},
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": chosen}},
        "root": {"level": "INFO", "handlers": ["stdout"]},
        "loggers": {
            # Our own request log has the contract's fields; gunicorn's would print addresses and query strings.
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "pymongo": {"level": "WARNING"},
            # The request log has the 429; a flood needs no second line for each.
            "flask-limiter": {"level": "WARNING"},
        },
    }
