"""Prove on real processes that gunicorn and mongod live and end together, gunicorn first."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import likes_api
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.server.supervisor import serve
from tests.support.clock import WAIT_SECONDS, eventually

SOURCE = Path(likes_api.__file__).parents[1]
SUPERVISOR = """\
import os, sys
from pathlib import Path
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.server.supervisor import serve
binary, data_dir, *command = sys.argv[1:]
mongod = EmbeddedMongod(Path(binary), Path(data_dir))
uri = mongod.start()
sys.exit(serve(command, {**os.environ, "MONGODB_URI": uri}, mongod))
"""
RUNNING = cast(EmbeddedMongod, SimpleNamespace(is_running=lambda: True, stop=lambda: None))
# Counts its requests in MongoDB and tells who it is; /slow takes its time before it writes.
APPLICATION = """\
import json, os, time
from pymongo import MongoClient
uri = os.environ["MONGODB_URI"]
client = MongoClient(uri, serverSelectionTimeoutMS=5000)
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("slow", "w").close()
        time.sleep(1)
    client.test.requests.insert_one({})
    requests = client.test.requests.count_documents({})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"uri": uri, "requests": requests, "worker": os.getpid(), "master": os.getppid()}).encode()]
"""


class Service:
    """A supervisor in a process of its own, with a gunicorn of one worker on a unix socket."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "application.py").write_text(APPLICATION)
        bind, workers = f"unix:{directory / 'http.sock'}", "--workers=1"
        gunicorn = [sys.executable, "-m", "gunicorn", "--bind", bind, workers, "--no-control-socket"]
        command = [sys.executable, "-c", SUPERVISOR, str(find_mongod(None)), str(directory / "var"), *gunicorn]
        with (directory / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "application"],
                cwd=directory,
                env={"PATH": os.defpath, "PYTHONPATH": str(SOURCE)},
                stdout=out,
                stderr=out,
            )

    @contextmanager
    def sent(self, path: str) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.directory / "http.sock"))
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            yield connection

    def get(self) -> dict[str, Any]:
        """Return what the application answers; nothing while it does not."""
        try:
            with self.sent("/") as request:
                return answer(request)
        except OSError:
            return {}

    def mongod(self) -> int:
        return int((self.directory / "var" / "mongodb" / "mongod.lock").read_text() or 0)

    def everyone(self) -> list[int]:
        """Return the processes below the supervisor."""
        before = self.get()
        return [before["worker"], before["master"], self.mongod()]


def answer(request: socket.socket) -> dict[str, Any]:
    with request.makefile("rb") as response:
        head, _, body = response.read().partition(b"\r\n\r\n")
    return json.loads(body) if b"200 OK" in head else {}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    try:
        eventually(service.get)
        yield service
    finally:
        service.process.kill()
        service.process.wait()
        print((tmp_path / "out").read_text())  # pytest shows it where a test fails


@pytest.mark.parametrize(("ending", "code"), [("raise SystemExit(7)", 7), ("os.kill(os.getpid(), 9)", 137)])
def test_serve_returns_the_childs_exit_code_when_it_ends(ending: str, code: int) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert serve([sys.executable, "-c", f"import os; {ending}"], os.environ, RUNNING) == code
    assert signal.getsignal(signal.SIGTERM) is before


def test_serve_returns_a_failure_when_the_command_does_not_exist(capfd: pytest.CaptureFixture[str]) -> None:
    assert serve(["/nowhere/gunicorn"], {}, RUNNING) == 1
    assert "cannot run /nowhere/gunicorn" in capfd.readouterr().err


def test_sigterm_stops_both_when_the_request_in_hand_is_answered(service: Service) -> None:
    everyone = service.everyone()
    before = service.get()["requests"]
    with service.sent("/slow") as request:
        eventually((service.directory / "slow").exists)
        service.process.send_signal(signal.SIGTERM)
        # It writes after the signal: mongod must still be there.
        assert answer(request)["requests"] == before + 1
    assert service.process.wait(WAIT_SECONDS) == 0
    assert not any(map(is_alive, everyone))
    assert "mongod died" not in (service.directory / "out").read_text()


def test_ctrl_c_leaves_nobody_when_it_is_pressed_twice(service: Service) -> None:
    everyone = service.everyone()
    with service.sent("/slow"):
        eventually((service.directory / "slow").exists)
        service.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(WAIT_SECONDS) == 0
    assert not any(map(is_alive, everyone))


def test_sighup_replaces_the_workers_when_gunicorn_runs(service: Service) -> None:
    before = service.get()
    service.process.send_signal(signal.SIGHUP)
    eventually(lambda: service.get().get("worker", before["worker"]) != before["worker"])
    assert service.get()["master"] == before["master"]


def test_mongod_comes_back_at_the_same_address_when_it_is_killed(service: Service) -> None:
    before, mongod = service.get(), service.mongod()
    os.kill(mongod, signal.SIGKILL)
    eventually(lambda: not is_alive(mongod))
    eventually(service.get)
    after = service.get()
    assert service.mongod() != mongod
    assert after["uri"] == before["uri"]
    assert after["master"] == before["master"]
    assert after["requests"] > before["requests"]


def test_serve_gives_up_when_mongod_dies_too_often(service: Service) -> None:
    _worker, master, _mongod = service.everyone()
    dead = {0}  # what an empty lock file says
    for _death in range(5):
        mongod = service.mongod()
        assert mongod not in dead
        dead.add(mongod)
        os.kill(mongod, signal.SIGKILL)
        eventually(lambda: service.process.poll() is not None or service.mongod() not in dead)
    assert service.process.wait(WAIT_SECONDS) == 1
    assert not is_alive(master)
    assert "died too often" in (service.directory / "out").read_text()


def test_nobody_is_left_when_the_supervisor_is_killed(service: Service) -> None:
    everyone = service.everyone()
    service.process.kill()
    eventually(lambda: not any(map(is_alive, everyone)))


def test_workers_and_mongod_end_when_gunicorns_master_is_killed(service: Service) -> None:
    worker, master, mongod = service.everyone()
    os.kill(master, signal.SIGKILL)
    assert service.process.wait(WAIT_SECONDS) == 137
    assert not any(map(is_alive, [worker, master, mongod]))
