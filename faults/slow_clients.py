"""Hold 200 connections half open and 500 that send a byte now and then, while others vote.

Without nginx, and behind it as ``deploy/nginx.conf`` has it. The figure is how long ordinary votes take beside how
long they took before, in the same run.
"""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from pymongo import MongoClient

from harness.crowd import SECRET, Crowd
from harness.gunicorn import Gunicorn, eventually
from harness.nginx import running_nginx
from harness.report import Report, summarize
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod

HALF_OPEN = 200
SLOW = 500
CLIENTS = 8
TARGETS = [f"q_{number}" for number in range(10)]
# The pause between two votes of a client, so that the machine is not the limit.
PAUSE_SECONDS = 0.05
SPAN_SECONDS = 7.0
SLOW_HEAD = b"POST /api/likes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Padding: "
MAX_RATIO = 3.0
# Below this, the ratio of two quick answers depends on the machine, not on the service.
LEAST_SECONDS = 0.1


def main() -> Report:
    """Run it."""
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="likes-api-faults-") as name,
        EmbeddedMongod(find_mongod(None), Path(name)) as mongod,
        MongoClient(mongod.uri) as client,
    ):
        client.faults.questions.insert_many({"_id": target} for target in TARGETS)
        settings = {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": "faults",
            "LIKES_NEXTAUTH_SECRET": SECRET,
            "LIKES_RATELIMIT_ENABLED": "false",
            "LIKES_TRUSTED_PROXIES": "1",
        }
        gunicorn = Gunicorn(Path(name), settings)
        gunicorn.start()
        everyone = Crowd(gunicorn.port, 0, [])
        try:
            eventually(gunicorn.is_serving, "gunicorn answers")
            _compare(report, everyone, "without nginx", gunicorn.port)
            with running_nginx(f"127.0.0.1:{gunicorn.port}") as nginx:
                _compare(report, everyone, "behind nginx", nginx.plain_port)
            summarize(report, everyone, client.faults)
        finally:
            gunicorn.end()
    return report


def _compare(report: Report, everyone: Crowd, name: str, port: int) -> None:
    before = _p99(everyone, port)
    with _slow_clients(port) as slow:
        time.sleep(1)
        during = _p99(everyone, port)
        held = slow.held()
    report.require(
        during <= max(MAX_RATIO * before, LEAST_SECONDS),
        f"{name}: p99 {1_000 * before:.0f} ms, with {HALF_OPEN} half-open and {SLOW} slow connections "
        f"{1_000 * during:.0f} ms ({held} of them were held at the end)",
    )


def _p99(everyone: Crowd, port: int) -> float:
    """Let new voters vote for a while, and add their clients to the list of all."""
    crowd = Crowd(port, CLIENTS, TARGETS, PAUSE_SECONDS, first=len(everyone.clients))
    crowd.start()
    time.sleep(SPAN_SECONDS)
    crowd.stop()
    everyone.clients += crowd.clients
    seconds = sorted(outcome.seconds for outcome in crowd.outcomes)
    return seconds[int(len(seconds) * 0.99)]


@contextmanager
def _slow_clients(port: int) -> Iterator["_SlowClients"]:
    slow = _SlowClients(port)
    thread = Thread(target=slow.drip, daemon=True)
    thread.start()
    try:
        yield slow
    finally:
        slow.stop.set()
        thread.join()
        for connection in slow.connections:
            connection.close()


class _SlowClients:
    """Keep connections open; one that the server closes is opened anew, as an attacker would."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.stop = Event()
        self.connections = [self._open(index) for index in range(HALF_OPEN + SLOW)]

    def drip(self) -> None:
        """Send a byte each second on the slow ones."""
        while not self.stop.wait(1.0):
            for index, connection in enumerate(self.connections):
                with suppress(OSError):
                    if _is_closed(connection):
                        connection.close()
                        self.connections[index] = self._open(index)
                    elif index >= HALF_OPEN:
                        connection.send(b"x")

    def held(self) -> int:
        """Count the connections that the server has not closed."""
        return sum(not _is_closed(connection) for connection in self.connections)

    def _open(self, index: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        connection.sendall(b"" if index < HALF_OPEN else SLOW_HEAD)
        connection.setblocking(False)
        return connection


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(4_096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
