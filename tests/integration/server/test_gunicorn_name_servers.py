"""Prove on a real gunicorn that workers boot, and say 503, where the hosts of a ``mongodb+srv`` URI cannot be found."""

import os
import signal
import time

import requests

from harness.gunicorn import children, eventually
from harness.server import started_server
from tests.support.gunicorn import BALLOT, environment, session

# RFC 6761: no name server knows a name below this.
URI = "mongodb+srv://likes.example.invalid/?w=1&readPreference=nearest"


def test_workers_boot_and_are_not_ready_when_name_servers_do_not_know_the_database() -> None:
    with started_server(environment(URI, "likes", WEB_CONCURRENCY="2")) as server:
        began = time.monotonic()
        response = requests.get(f"{server.url}/readyz", timeout=20)
        assert response.json() == {"status": "unavailable", "not_ready": {"mongodb": "unreachable"}}
        assert (response.status_code, time.monotonic() - began < 20) == (503, True)
        first = eventually_two(server.pid)
        os.kill(first[0], signal.SIGKILL)
        eventually(lambda: set(eventually_two(server.pid)) - set(first) != set(), "a successor has booted", 30)
        eventually(lambda: requests.get(f"{server.url}/healthz", timeout=20).ok, "they answer", 30)
        headers = {"Content-Type": "application/json", "Cookie": f"next-auth.session-token={session()}"}
        vote = requests.post(f"{server.url}/api/likes", BALLOT, headers=headers, timeout=20)
        assert (vote.status_code, vote.json()) == (500, {"error": "Like failed"})
        log = server.log.read_text()
        assert "failed to boot" not in log
        assert '"options": ["readPreference", "w"]' in log


def eventually_two(pid: int) -> list[int]:
    eventually(lambda: len(children(pid)) == 2, "two workers run", 30)
    return children(pid)
