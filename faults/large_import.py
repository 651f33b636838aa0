"""Import 1,000,000 lines over HTTP, behind nginx, while others vote; the first connection is cut on the way.

The figures: the time, the workers' memory at its highest, and how long votes take beside how long they took before.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import requests

from harness.crowd import SECRET, Crowd
from harness.gunicorn import Gunicorn, eventually
from harness.nginx import running_nginx
from harness.report import Report, summarize
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository

LINES = 1_000_000
BAD = frozenset(range(100_000, LINES + 1, 100_000))
CUT = 400_000
PART = 2_000
CLIENTS = 8
TARGETS = [f"q_{number}" for number in range(10)]
# The pause between two votes of a client, so that the machine is not the limit.
PAUSE_SECONDS = 0.05
SPAN_SECONDS = 7.0
MAX_MEGABYTES = 100


def main() -> Report:
    """Run it."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="likes-api-faults-") as name:
        directory = Path(name)
        with EmbeddedMongod(find_mongod(None), directory) as mongod, connect(mongod.uri) as client:
            database = client["likes"]
            database.questions.insert_many({"_id": target} for target in TARGETS)
            settings = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_NEXTAUTH_SECRET": SECRET, "LIKES_TRUSTED_PROXIES": "1"}
            service = Gunicorn(directory, settings | {"LIKES_RATELIMIT_ENABLED": "false"})
            service.start()
            try:
                eventually(service.is_serving, "gunicorn serves")
                with running_nginx(f"127.0.0.1:{service.port}") as nginx:
                    _run(report, service, nginx.plain_port, database)
            finally:
                service.end()
    return report


def _run(report: Report, service: Gunicorn, port: int, database: Database) -> None:
    token = ServiceTokenRepository(database).create("faults", ["admin"], datetime.now(UTC))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    url = f"http://127.0.0.1:{port}/admin/import"
    crowd = Crowd(port, CLIENTS, TARGETS, PAUSE_SECONDS)
    crowd.start()
    time.sleep(SPAN_SECONDS)
    began = time.monotonic()
    with suppress(requests.ConnectionError):
        requests.post(url, data=_lines(cut=True), headers=headers, timeout=600)
    after_cut = database.likes_entries.estimated_document_count()
    report.require(0 < after_cut <= CUT, f"{after_cut} entries when the connection was cut after {CUT} lines")
    again = time.monotonic()
    answer = requests.post(url, data=_lines(cut=False), headers=headers, timeout=600)
    ended = time.monotonic()
    crowd.stop()
    told = [json.loads(line) for line in answer.text.splitlines()]
    report.require(
        told[-1] == {"imported": LINES - len(BAD), "failed": len(BAD)}, f"sent again: {ended - again:.0f} s, {told[-1]}"
    )
    report.require({each["line"] for each in told[:-1]} == BAD, f"bad lines by their numbers: {len(told) - 1}")
    stored = database.likes_entries.count_documents({})
    report.require(stored == LINES - len(BAD), f"{stored} entries are stored")
    for pid in service.workers():
        end, highest = (_megabytes(pid, name) for name in ("VmRSS", "VmHWM"))
        report.require(highest < MAX_MEGABYTES, f"worker: {highest:.1f} MB at its highest, {end:.1f} at the end")
    times = [[each.seconds for each in crowd.outcomes if (each.began < began) is quiet] for quiet in (True, False)]
    quiet, busy = (1_000 * sorted(each)[len(each) * 99 // 100] for each in times)
    report.say(f"     votes of others: p99 {quiet:.0f} ms before, {busy:.0f} ms meanwhile ({len(times[1])} votes)")
    summarize(report, crowd, database)


def _lines(*, cut: bool) -> Iterator[bytes]:
    """Make the lines; where they are cut, the connection is closed after so many of them.

    :raises requests.ConnectionError: so that it is.
    """
    for begin in range(1, LINES + 1, PART):
        if cut and begin > CUT:
            raise requests.ConnectionError
        numbers = range(begin, begin + PART)
        yield b"".join(b"bad\n" if each in BAD else b'{"kind":"entry","id":"e%d"}\n' % each for each in numbers)


def _megabytes(pid: int, name: str) -> float:
    """Read a figure of a process's memory (proc(5), ``/proc/pid/status``)."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1_024 / 1e6
