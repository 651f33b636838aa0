"""JSON lines on stdout, for our own log and gunicorn's."""

from typing import Any

CONFIGURATION: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(levelname)s %(name)s %(process)d %(message)s",
            "rename_fields": {"levelname": "level", "name": "logger"},
            "timestamp": True,
        }
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
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
