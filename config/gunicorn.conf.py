"""gunicorn for real traffic. Each worker makes its own database client, because nothing is preloaded."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from config.logging import configuration
from config.settings import SettingsError
from likes_api.server import limits_directory, master_settings, metrics_files

try:
    _settings = master_settings.read()
except SettingsError as error:
    # Here, in the master, before a worker is forked: one clear message rather than a loop of dying workers.
    print(f"likes-api: bad settings\n{error}", file=sys.stderr)
    raise SystemExit(1) from None

bind = _settings.bind
workers = _settings.workers
worker_class = "likes_api.server.worker.Worker"

# Longer than deploy/nginx.conf keeps an idle connection to us (15 s): where the one who asks also closes, no request
# meets a connection that is being closed.
keepalive = 20
# Each is a file descriptor, of which a process has 1,024 where nobody raised the limit; the rest is for the database
# (PyMongo's maxPoolSize is 100 for each member).
worker_connections = 800
# A request takes at most 3.5 s (CONTRACTS.md); a worker whose main loop is silent for 30 s is stuck.
timeout = 30
# Three times what a request takes. systemd (deploy/likes-api.service) and `likes-api run` wait longer than this.
graceful_timeout = 10
# Workers are not replaced after so many requests: we know of no leak (docs/operations). To have it nevertheless:
# GUNICORN_CMD_ARGS="--max-requests 200000 --max-requests-jitter 50000", the jitter so that they do not go together.
max_requests = 0

# A session cookie in three chunks of 4 kB is one header line of 12 kB; the default of 8,190 bytes refuses it. The same
# as a header buffer of nginx, 16 kB, less the line's end and a little.
limit_request_field_size = 16_380
# Browsers send about 20, a chain of proxies some more.
limit_request_fields = 64
# A hundred targets of 70 characters in GET /api/counts fit in. It is also the most that gunicorn takes.
limit_request_line = 8_190

# The C parser (gunicorn_h1c), which requirements.txt pins: a missing one is an error, not a slower server.
http_parser = "fast"

# X-Forwarded-* are believed by LIKES_TRUSTED_PROXIES alone (werkzeug's ProxyFix), not by gunicorn as well.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

# No control socket: nobody asked for a second way in.
control_socket_disable = True
# The heartbeat file on tmpfs: a slow disk must not look like a dead worker. Where there is none, the usual /tmp.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None


def pre_request(worker: Worker, req: Request) -> None:
    """Make one ``Cookie`` header of several, as RFC 9113 (8.2.3) has it; gunicorn would put commas between them.

    ``curl -b jar -H "Cookie: ..."`` sends two: the CSRF token's cookie and the session's.
    """
    cookies = [value for name, value in req.headers if name == "COOKIE"]
    if len(cookies) > 1:
        others = [header for header in req.headers if header[0] != "COOKIE"]
        req.headers = [*others, ("COOKIE", "; ".join(cookies))]


class _Logger(Logger):
    """Write no log of requests: ours has the contract's fields, and gunicorn makes a line before it drops it."""

    def access(self, *_: Any) -> None:
        """Do nothing."""


accesslog = None
logger_class = _Logger
logconfig_dict = configuration(_settings.log_format)


def on_starting(server: Any) -> None:
    """Make the directories of the workers' metrics and limits: once in a master's life, not at a reload."""
    metrics_files.prepare()
    limits_directory.prepare(_settings.data_dir)
    server.reload = partial(_reload_if_sound, server.log, server.reload)
    on_reload(server)


def _reload_if_sound(log: Any, reload: Callable[[], None]) -> None:
    """Reload unless the settings, which files hold in part, are bad by now: gunicorn would end, workers included."""
    try:
        master_settings.read()
    except (SettingsError, CalledProcessError) as error:
        log.error("not reloaded, bad settings: %s", error)  # noqa: TRY400 - it names each fault
        return
    reload()


def on_reload(server: Any) -> None:
    """Log the number of secrets: a comma in one splits it into two, neither of which verifies anything."""
    counts = {"LIKES_SECRET_KEY": _settings.secret_keys, "LIKES_NEXTAUTH_SECRET": _settings.nextauth_secrets}
    server.log.info(
        "secrets are read; commas part them, in a file (..._FILE) line breaks do", extra={"secrets": counts}
    )


def pre_fork(server: Any, worker: Any) -> None:
    """Choose, in the master, the files for a worker's metrics."""
    metrics_files.assign_slot(worker, server.WORKERS.values())


def post_fork(_server: Any, worker: Any) -> None:
    """Use them, in the worker, before it loads the application."""
    metrics_files.use_slot(worker)


def child_exit(_server: Any, worker: Any) -> None:
    """Delete, in the master, the gauges of a worker that has ended."""
    metrics_files.prune_gauges(worker)


def on_exit(_server: Any) -> None:
    """Leave no files."""
    metrics_files.remove()
    limits_directory.remove()
