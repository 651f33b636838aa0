"""What gunicorn writes on a terminal and into a pipe."""

import json
import os
import pty
import re
import subprocess

import pytest
import requests

from harness.gunicorn import eventually
from harness.server import COMMAND, ROOT, free_port, server_environment
from likes_api.embedded_mongod.server import EmbeddedMongod

REQUEST_ID = "see-me-once"


@pytest.mark.parametrize("terminal", [True, False])
def test_log_has_one_line_for_people_on_a_terminal_and_json_in_a_pipe(mongod: EmbeddedMongod, terminal: bool) -> None:
    reading, writing = pty.openpty() if terminal else os.pipe()
    port = free_port()
    environment = server_environment(
        {"LIKES_MONGODB_URI": mongod.uri, "LIKES_BIND": f"127.0.0.1:{port}", "NO_COLOR": ""}
    )
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=writing) as process:
        os.close(writing)
        try:
            eventually(lambda: _answered(port), "gunicorn answers")
        finally:
            process.terminate()
            said = _all_of(reading)
    lines = [line for line in said.splitlines() if REQUEST_ID in line]
    assert len(lines) == 1
    if terminal:
        assert re.search(r"GET +\033\[32m200\033\[0m +[\d.]+ ms +/healthz +\033\[2msee-me-once", lines[0]), lines[0]
    else:
        assert json.loads(lines[0])["route"] == "/healthz"
        assert "\033" not in said


def _answered(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", headers={"X-Request-ID": REQUEST_ID}, timeout=60).ok
    except requests.ConnectionError:
        return False


def _all_of(descriptor: int) -> str:
    """Read until the last writer is gone; a pseudo-terminal says so by an error."""
    parts = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts).decode()
