"""The state of a page's 200 targets in one call, beside a call for each: five of them with 100,000 voters."""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import requests

from harness.page_of_targets import READER, put_page
from harness.server import running_server
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.client import connect
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository

ROUNDS = 5
CROWD = 100_000
_DATABASE = "bench_status"
_SCOPES = ("votes:read",)


def main(_seconds: float) -> None:
    """Measure both ways in turn, on one connection, and print their medians and the ratio."""
    with tempfile.TemporaryDirectory() as directory, EmbeddedMongod(find_mongod(None), Path(directory)) as mongod:
        with connect(mongod.uri) as client:
            targets = put_page(client[_DATABASE], CROWD)
            token = ServiceTokenRepository(client[_DATABASE]).create("bench", _SCOPES, datetime.now(UTC))
        settings = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_MONGODB_DATABASE": _DATABASE, "WEB_CONCURRENCY": "1"}
        body = {"targets": [{"type": target.kind.value, "id": target.id} for target in targets]}
        with running_server(settings) as url, requests.Session() as session:
            session.headers.update({"Authorization": f"Bearer {token}", "Likes-On-Behalf-Of": READER})

            def at_once() -> None:
                answer = session.post(f"{url}/api/votes/status", json=body, timeout=10).json()["targets"]
                assert len(answer) == len(targets)

            def one_by_one() -> None:
                for target in targets:
                    answer = session.get(f"{url}/api/targets/{target.kind}/{target.id}/vote", timeout=10)
                    assert answer.status_code == 200

            one, many = [statistics.median(rounds) for rounds in _alternating(at_once, one_by_one)]
    print(f"status of {len(targets)} targets {one * 1e3:7.1f} ms")
    print(f"a call for each       {many * 1e3:7.1f} ms ({many / one:4.1f} x)")


def _alternating(*calls: Callable[[], None]) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(ROUNDS):
        for call, spent in zip(calls, times, strict=True):
            began = time.perf_counter()
            call()
            spent.append(time.perf_counter() - began)
    return times
