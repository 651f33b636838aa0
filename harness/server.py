"""A real gunicorn as an operator starts it, on a free port of the loopback, for as long as a test needs it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import requests

import config
from likes_api.server.child_process import tied_to_this_process

ROOT = Path(__file__).parents[1]
SECRET_KEY = "a secret for tests only of 32 bytes or more"
START_SECONDS = 60.0
# Longer than gunicorn's graceful_timeout (config/gunicorn.conf.py).
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
# The configuration of whatever is installed: this source tree, or a wheel.
CONFIGURATION = str(Path(config.__path__[0]) / "gunicorn.conf.py")
COMMAND = [sys.executable, "-m", "gunicorn", "-c", CONFIGURATION, "wsgi:app"]


class ServerError(Exception):
    """gunicorn does not start; the message holds its output."""


@dataclass(frozen=True, slots=True)
class Server:
    """A gunicorn that answers: where, as which process, and what it has said on stdout and stderr so far."""

    url: str
    pid: int
    log: Path


@contextmanager
def running_server(environment: Mapping[str, str]) -> Iterator[str]:
    """Run gunicorn and yield its base URL, without a slash at the end.

    :param environment: the settings, ``LIKES_MONGODB_URI`` and ``LIKES_MONGODB_DATABASE`` among them; settings in this
        process's own environment do not count. ``LIKES_SECRET_KEY`` has a default.
    :raises ServerError: it does not answer ``/healthz``.
    """
    with started_server(environment) as server:
        yield server.url


@contextmanager
def started_server(environment: Mapping[str, str]) -> Iterator[Server]:
    """Run gunicorn as :func:`running_server` does, and yield its process and its log as well."""
    with tempfile.NamedTemporaryFile(prefix="likes-api-gunicorn-", suffix=".log") as log:
        process, url = _start(environment, log)
        try:
            yield Server(url, process.pid, Path(log.name))
        finally:
            _stop(process)


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for gunicorn: ours without its settings, and those given."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LIKES_", "GUNICORN_", "WEB_"))}
    return {**ours, "LIKES_SECRET_KEY": SECRET_KEY, **environment}


def _start(environment: Mapping[str, str], log: IO[bytes]) -> tuple[subprocess.Popen[bytes], str]:
    """Start on a free port; on another one if somebody took it between our look and gunicorn's."""
    try:
        return _start_at(free_port(), environment, log)
    except ServerError as error:
        if "in use" not in str(error):
            raise
        return _start_at(free_port(), environment, log)


def _start_at(port: int, environment: Mapping[str, str], log: IO[bytes]) -> tuple[subprocess.Popen[bytes], str]:
    variables = server_environment({"LIKES_BIND": f"127.0.0.1:{port}", **environment})
    # Tied: a pytest that is killed leaves no gunicorn behind.
    process = subprocess.Popen(
        tied_to_this_process(COMMAND), cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            _stop(process)
            said = Path(log.name).read_text(errors="replace")
            raise ServerError(f"gunicorn does not answer (exit code {process.returncode}); it said:\n{said}")
        time.sleep(_POLL_SECONDS)
    return process, url


def free_port() -> int:
    """Return a port that nobody listens on now; somebody may a moment later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether somebody takes connections at a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
