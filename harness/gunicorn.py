"""The processes that the fault runs break: gunicorn as an operator runs it, and a replica set of three members."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import requests
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from harness.server import COMMAND, ROOT, free_port, server_environment
from likes_api.embedded_mongod.server import find_mongod
from likes_api.server.child_process import tied_to_this_process

START_SECONDS = 60.0
_POLL_SECONDS = 0.02


class Process:
    """A child process that can be killed, frozen and started again with the same arguments."""

    def __init__(self, command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._command = command
        self._log = log
        self._environment = dict(environment) if environment is not None else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process's id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process; its output is added to its log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                tied_to_this_process(self._command),
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def send(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 30.0) -> int:
        """Wait for its end."""
        assert self._process is not None
        return self._process.wait(seconds)

    def end(self) -> None:
        """Kill the process if it still runs, and wait for its end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Gunicorn(Process):
    """gunicorn on a port of its own, which it keeps when started again."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        environment = server_environment({"LIKES_BIND": f"127.0.0.1:{self.port}", **settings})
        super().__init__(COMMAND, directory / "gunicorn.log", environment)

    def workers(self) -> list[int]:
        """Return its workers, the oldest first."""
        return children(self.pid)

    def is_serving(self) -> bool:
        """Whether gunicorn answers."""
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1).ok
        return False


class ReplicaSet:
    """Three mongods on the loopback with small caches and an election timeout of 2 s; a context manager."""

    def __init__(self, directory: Path) -> None:
        binary = find_mongod(None)
        self.ports = [free_port() for _ in range(3)]
        self.members = {port: Process(_mongod(binary, directory, port), directory / "out.log") for port in self.ports}
        self.uri = f"mongodb://{','.join(map(_host, self.ports))}/?replicaSet=rs0"

    def __enter__(self) -> Self:
        for member in self.members.values():
            member.start()
        configuration = {
            "_id": "rs0",
            "members": [{"_id": index, "host": _host(port)} for index, port in enumerate(self.ports)],
            # The last one is for the frozen member: for that long (10 s by default) another may go on asking it for
            # news, and a write by majority waits for that other.
            "settings": {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2},
        }
        with _direct(self.ports[0], 30_000) as client:
            client.admin.command("replSetInitiate", configuration)
        eventually(lambda: self.primary() and len(self.secondaries()) == 2, "a primary and two secondaries")
        return self

    def __exit__(self, *_error: object) -> None:
        for member in self.members.values():
            member.end()

    def primary(self) -> int | None:
        """Return the primary's port, if there is one that answers."""
        return next((port for port in self.ports if _hello(port).get("isWritablePrimary")), None)

    def secondaries(self) -> list[int]:
        """Return the secondaries' ports."""
        return [port for port in self.ports if _hello(port).get("secondary")]


def children(pid: int) -> list[int]:
    """Return a process's children, the oldest first."""
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def eventually(condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
    """Wait until a condition holds.

    :raises TimeoutError: it did not.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def _mongod(binary: Path, directory: Path, port: int) -> list[str]:
    data = directory / str(port)
    data.mkdir()
    return [
        str(binary),
        f"--dbpath={data}",
        f"--port={port}",
        "--bind_ip=127.0.0.1",
        "--nounixsocket",
        "--replSet=rs0",
        "--oplogSize=64",
        "--wiredTigerCacheSizeGB=0.25",
        "--networkMessageCompressors=disabled",
        "--setParameter=diagnosticDataCollectionEnabled=false",
        # At SIGTERM a member refuses new commands for 15 s before it ends.
        "--setParameter=shutdownTimeoutMillisForSignaledShutdown=0",
        f"--logpath={data / 'mongod.log'}",
        "--logappend",
        "--quiet",
    ]


def _host(port: int) -> str:
    return f"127.0.0.1:{port}"


def _direct(port: int, milliseconds: int) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        _host(port), directConnection=True, serverSelectionTimeoutMS=milliseconds, socketTimeoutMS=milliseconds
    )


def _hello(port: int) -> dict[str, Any]:
    with suppress(PyMongoError), _direct(port, 300) as client:
        return client.admin.command("hello")
    return {}
