"""Measure the workers' memory under many votes: ``FAULTS_REQUESTS`` of them, 500,000 by default.

wrk over 32 kept-alive connections, 5,000 users, the limiter on. Resident memory (RSS) is read after a tenth of the
requests, when caches and allocators have filled, and at the end.
"""

import os
import tempfile
import time
from pathlib import Path

from pymongo import MongoClient

from harness import wrk
from harness.crowd import SECRET
from harness.gunicorn import Gunicorn, eventually
from harness.nextauth import forge
from harness.report import Report
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod

USERS = 5_000
TARGETS = 1_000
ROUND_SECONDS = 10
# More than the variation of an allocator between two readings.
MAX_GROWTH = 1.10


def main() -> Report:
    """Run it."""
    report = Report()
    requests = int(os.environ.get("FAULTS_REQUESTS", "500000"))
    with (
        tempfile.TemporaryDirectory(prefix="likes-api-faults-") as name,
        EmbeddedMongod(find_mongod(None), Path(name)) as mongod,
        MongoClient(mongod.uri) as client,
    ):
        client.faults.questions.insert_many({"_id": f"q_{number}"} for number in range(1, TARGETS + 1))
        settings = {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": "faults",
            "LIKES_NEXTAUTH_SECRET": SECRET,
            "LIKES_LIMIT_QA_VOTE": "1000000/minute",
        }
        gunicorn = Gunicorn(Path(name), settings)
        gunicorn.start()
        try:
            eventually(gunicorn.is_serving, "gunicorn answers")
            _send(report, gunicorn, Path(name), requests)
        finally:
            gunicorn.end()
    return report


def _send(report: Report, gunicorn: Gunicorn, directory: Path, requests: int) -> None:
    cookies = [f"Cookie: next-auth.session-token={_token(number)}" for number in range(USERS)]
    body = '{"targetId":"q_%d","targetType":"question","voteType":"up"}'
    votes = wrk.Votes("/api/likes", body, cookies, targets=TARGETS)
    fresh = _resident(gunicorn)
    warm: dict[int, int] = {}
    sent = 0
    while sent < requests:
        # It raises for any answer without a 200.
        url = f"http://127.0.0.1:{gunicorn.port}"
        sent += wrk.vote(url, votes, str(directory), ROUND_SECONDS, connections=32).count
        if not warm and sent >= requests / 10:
            warm, warm_at = _resident(gunicorn), sent
    end = _resident(gunicorn)
    report.say(f"     {sent} requests, each with a 200; resident memory per worker, in MB:")
    for pid, bytes_ in end.items():
        growth = bytes_ / warm.get(pid, bytes_)
        report.require(
            pid in warm and growth <= MAX_GROWTH,
            f"worker: fresh {_megabytes(fresh[pid])}, after {warm_at} {_megabytes(warm[pid])}, "
            f"at the end {_megabytes(bytes_)} ({growth:.3f} x)",
        )


def _resident(gunicorn: Gunicorn) -> dict[int, int]:
    pages = {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in gunicorn.workers()}
    return {pid: count * os.sysconf("SC_PAGE_SIZE") for pid, count in pages.items()}


def _megabytes(bytes_: int) -> str:
    return f"{bytes_ / 1e6:.1f}"


def _token(number: int) -> str:
    return forge.v4(SECRET, {"sub": f"user-{number:020}", "exp": int(time.time()) + 86_400})
