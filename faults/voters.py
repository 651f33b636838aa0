"""Erase a voter with 100,000 votes, and merge another one, while people vote and workers are killed.

Targets of all kinds, a fifth of them with a document per vote. Times are those without kills first, then with them.
"""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from os import kill
from pathlib import Path

import requests
from bson import ObjectId

from harness.crowd import SECRET, Crowd
from harness.gunicorn import Gunicorn, eventually
from harness.report import Report, held_votes
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.collections import host_indexes
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.server.deployment import ensure_indexes
from likes_api.votes import TargetKind

VOTES = 100_000
CLIENTS = 8
KILLS = 10
LEAVERS = ("leaver-1", "leaver-2", "leaver-3", "leaver-4")
STAYS = "stays"
VOTED = [f"q_{number}" for number in range(10)]
_NAMES = {
    kind: name if kind in {TargetKind.QUESTION, TargetKind.MESSAGE} else f"likes_{name}"
    for kind, name in COLLECTIONS.items()
}


def main() -> Report:
    """Run it."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="likes-api-faults-") as name:
        directory = Path(name)
        with EmbeddedMongod(find_mongod(None), directory) as mongod, connect(mongod.uri) as client:
            database = client["likes"]
            settings = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_NEXTAUTH_SECRET": SECRET, "WEB_CONCURRENCY": "2"}
            service = Gunicorn(directory, settings | {"LIKES_LIMIT_QA_VOTE": "1000000/minute"})
            fill(database)
            service.start()
            try:
                eventually(service.is_serving, "gunicorn serves")
                crowd = Crowd(service.port, CLIENTS, VOTED)
                crowd.start()
                run(report, service, database)
                crowd.stop()
            finally:
                service.end()
            check(report, crowd, database)
    return report


def run(report: Report, service: Gunicorn, database: Database) -> None:
    """Let four voters leave: erased and merged, without and with kills."""
    token = ServiceTokenRepository(database).create("faults", ["admin"], datetime.now(UTC))
    with requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for voter, kills in zip(LEAVERS, (0, 0, KILLS, KILLS), strict=True):
            url = f"http://127.0.0.1:{service.port}/admin/voters/{voter}"
            lines = client.get(f"{url}/export", timeout=120).text.splitlines()
            report.require(len(set(lines)) == len(lines) == VOTES, f"{voter}: {len(lines)} lines exported, each once")
            merges = voter in {"leaver-2", "leaver-4"}
            began, asked = time.monotonic(), 0
            for status in leave(client, url, merges=merges):
                asked += 1
                if kills and status == 202 and asked % 2:
                    kill(service.workers()[asked % 2], signal.SIGKILL)
                    kills -= 1
            seconds = time.monotonic() - began
            report.require(
                kills == 0, f"{voter}: {'merged' if merges else 'erased'} in {seconds:.1f} s, {asked} requests"
            )
            left = client.get(f"{url}/export", timeout=120).text
            report.require(left == "", f"{voter}: nothing is left to export")


def leave(client: requests.Session, url: str, *, merges: bool) -> Iterator[int]:
    """Send the request until it answers 204; 0 is a connection that was cut."""
    status = 0
    while status != 204:
        status = 0
        with suppress(requests.RequestException):
            if merges:
                status = client.post(f"{url}/merge", json={"into": f"heir-of-{url[-1]}"}, timeout=30).status_code
            else:
                status = client.delete(url, timeout=30).status_code
        yield status


def check(report: Report, crowd: Crowd, database: Database) -> None:
    """Compare what is left with what has to be."""
    found = [fault for _, fault, _ in verify_votes(database, repair=False) if fault]
    report.require(not found, f"verify: {len(found)} faults {found[:3]}")
    held = held_votes(database.questions.find({"_id": {"$in": VOTED}}))
    wrong = [each for client in crowd.clients for part in client.ledger.lost_and_doubled(held) for each in part]
    report.require(not wrong, f"lost or doubled votes of others: {len(wrong)}")
    targets = {"_id": {"$regex": "^t"}, "upvotes": {"$ne": 3}}
    counts = sum(database[name].count_documents(targets) for name in _NAMES.values())
    report.require(counts == 0, f"targets whose count is not that of the three who stay: {counts}")
    named = [
        name
        for name in database.list_collection_names()
        for leaver in LEAVERS
        if database[name].find_one({"$or": [{"likedBy": leaver}, {"_id.v": leaver}, {"_id": leaver}]})
    ]
    report.require(not named, f"collections that name one who left: {named}")
    slowest = max(outcome.seconds for outcome in crowd.outcomes)
    times = sorted(outcome.seconds for outcome in crowd.outcomes)
    report.say(
        f"     {len(times)} votes of others, p99 {times[len(times) * 99 // 100] * 1e3:.0f} ms, slowest {slowest:.2f} s"
    )


def fill(database: Database) -> None:
    """Make targets on which all leavers and one other have voted."""
    ensure_indexes(database)
    for name, indexes in host_indexes("_id").items():
        database[name].create_indexes(list(indexes))
    database.questions.insert_many({"_id": target} for target in VOTED)
    voters = [*LEAVERS, STAYS]
    for kind in TargetKind:
        numbers = range(VOTES // len(TargetKind))
        for begin in range(0, len(numbers), 5_000):
            part = [f"t{number}" for number in numbers[begin : begin + 5_000]]
            moved = {id_: ObjectId() for id_ in part[::5]}
            database[_NAMES[kind]].insert_many([_target(id_, voters, moved.get(id_)) for id_ in part])
            path = TargetFinder().path(kind)
            database["likes_moved"].insert_many(
                {"_id": set_, "collection": COLLECTIONS[kind], "target": id_, "moved": True, "named": path}
                for id_, set_ in moved.items()
            )
            database["likes_votes"].insert_many(
                {"_id": {"t": set_, "v": voter}, "vote": "up", "place": place, "field": path, "key": id_}
                for id_, set_ in moved.items()
                for place, voter in enumerate(voters)
            )


def _target(id_: str, voters: list[str], set_: ObjectId | None) -> Document:
    count = {"upvotes": len(voters), "downvotes": 0, "dislikedBy": [], "author": "x", "public": True, "post": "t0"}
    if set_ is None:
        return {"_id": id_, "likedBy": voters, **count}
    state = {"id": set_, "form": "moved", "since": datetime.now(UTC), "up": 0, "down": 0, "rev": 0}
    return {"_id": id_, "likedBy": [], **count, "likesOverflow": state}
