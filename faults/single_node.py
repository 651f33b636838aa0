"""Kill mongod under load, again and again, as ``likes-api run`` serves it: the supervisor starts it again."""

import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from pymongo import MongoClient

from harness.crowd import SECRET, Crowd
from harness.gunicorn import Process, children, eventually
from harness.report import Report, summarize, unanswered, without_service
from harness.server import free_port, server_environment

CLIENTS = 8
TARGETS = [f"q_{number}" for number in range(10)]
DEATHS = 3
SECONDS_APART = 8.0
# The journal is replayed, and the supervisor waits longer with each death in a minute.
MAX_WITHOUT_MONGOD = 6.0


def main() -> Report:
    """Run it."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="likes-api-faults-") as name:
        data, port = Path(name, "var"), free_port()
        settings = {
            "LIKES_BIND": f"127.0.0.1:{port}",
            "LIKES_DATA_DIR": str(data),
            "LIKES_NEXTAUTH_SECRET": SECRET,
            "LIKES_LIMIT_QA_VOTE": "1000000/minute",
            "WEB_CONCURRENCY": "2",
        }
        likes_api = str(Path(sys.executable).with_name("likes-api"))
        service = Process([likes_api, "run"], Path(name, "log"), server_environment(settings))
        service.start()
        crowd = Crowd(port, CLIENTS, TARGETS)
        try:
            eventually(lambda: _is_listening(service.pid, data), "likes-api run serves")
            with MongoClient(_uri(data), serverSelectionTimeoutMS=20_000) as client:
                client.likes.questions.insert_many({"_id": target} for target in TARGETS)
                _kill_mongod(report, crowd, data)
                summarize(report, crowd, client.likes)
            service.send(signal.SIGTERM)
            report.require(service.wait() == 0, "likes-api run ends well")
        finally:
            service.end()
    return report


def _kill_mongod(report: Report, crowd: Crowd, data: Path) -> None:
    crowd.start()
    time.sleep(3)
    for death in range(1, DEATHS + 1):
        begin = time.monotonic()
        os.kill(_mongod(data), signal.SIGKILL)
        time.sleep(SECONDS_APART)
        gap = without_service(crowd.outcomes, begin, time.monotonic())
        lost = unanswered(crowd.outcomes, begin, time.monotonic())
        report.require(gap < MAX_WITHOUT_MONGOD, f"kill -9 of mongod, no. {death}: {gap:.2f} s without service")
        report.require(lost == 0, f"unanswered meanwhile: {lost}")
    crowd.stop()


def _mongod(data: Path) -> int:
    return int((data / "mongodb" / "mongod.lock").read_text())


def _uri(data: Path) -> str:
    return (data / "mongodb" / "likes-api.lock").read_text()


def _is_listening(supervisor: int, data: Path) -> bool:
    """Whether gunicorn has workers below the supervisor, whose other child is mongod."""
    if not re.fullmatch(r"mongodb://\S+", _uri(data) if (data / "mongodb" / "likes-api.lock").exists() else ""):
        return False
    return any(len(children(child)) >= 2 for child in children(supervisor))
