"""Lose a primary, a worker, gunicorn, a frozen member and the limiter's store, one after the other, under load.

Eight clients vote for 60 s over kept-alive connections through gunicorn with two workers: six toggle votes on
questions, two like and unlike posts.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pymongo import MongoClient

from harness.crowd import ACKNOWLEDGED, SECRET, Client, Crowd, Liker
from harness.gunicorn import Gunicorn, Process, ReplicaSet, eventually
from harness.report import Report, summarize, unanswered, without_service
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.tokens import TokenRepository

TOGGLERS, LIKERS = 6, 2
DATABASE = "faults"
POSTS = [f"post-{number}" for number in range(10)]
TARGETS = [f"q_{number}" for number in range(10)]
# With an election timeout of 2 s.
MAX_WITHOUT_PRIMARY = 4.0
# A frozen one closes no connections: the members wait for it longer than for a dead one (docs/operations/README.md).
MAX_FROZEN = 8.0


def main() -> Report:
    """Run it."""
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="likes-api-faults-") as name,
        EmbeddedMongod(find_mongod(None), Path(name, "limiter")) as limiter_store,
        ReplicaSet(Path(name)) as members,
        MongoClient(members.uri) as client,
    ):
        database = client[DATABASE]
        database.questions.insert_many({"_id": target} for target in TARGETS)
        gunicorn = Gunicorn(Path(name), _settings(members.uri, limiter_store.uri))
        gunicorn.start()
        crowd = Crowd(gunicorn.port, TOGGLERS, TARGETS, others=_likers(database, gunicorn.port))
        try:
            eventually(gunicorn.is_serving, "gunicorn answers")
            crowd.start()
            _break_everything(report, crowd, members, gunicorn, limiter_store)
            crowd.stop()
            gunicorn.send(signal.SIGTERM)
            report.require(gunicorn.wait() == 0, "gunicorn ends well")
            summarize(report, crowd, database)
        finally:
            gunicorn.end()
    return report


def _likers(database: Database, port: int) -> list[Client]:
    database.likes_posts.insert_many({"_id": post, "author": "author", "public": True} for post in POSTS)
    tokens, now = TokenRepository(database), datetime.now(UTC)
    likers: list[Client] = []
    for number in range(TOGGLERS, TOGGLERS + LIKERS):
        person = f"liker-{number}"
        database.likes_people.insert_one({"_id": person, "diaspora_id": f"{person}@example.com", "name": person})
        token = tokens.create(person, ["public:read", "interactions"], timedelta(hours=1), now)
        likers.append(Liker(port, number, POSTS, token=token, person=person))
    return likers


def _settings(uri: str, limiter_uri: str) -> dict[str, str]:
    return {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": DATABASE,
        "LIKES_NEXTAUTH_SECRET": SECRET,
        "LIKES_RATELIMIT_STORAGE_URI": limiter_uri,
        "LIKES_LIMIT_QA_VOTE": "1000000/minute",
        "WEB_CONCURRENCY": "2",
    }


def _break_everything(
    report: Report, crowd: Crowd, members: ReplicaSet, gunicorn: Gunicorn, limiter_store: EmbeddedMongod
) -> None:
    def during(seconds: float, *steps: Callable[[], object]) -> tuple[float, float]:
        """Call a function, wait, and return the span of time."""
        begin = time.monotonic()
        for step in steps:
            step()
        time.sleep(max(0.0, seconds - (time.monotonic() - begin)))
        return begin, time.monotonic()

    def gap(span: tuple[float, float]) -> float:
        return without_service(crowd.outcomes, *span)

    during(4)
    primary = _primary(members)
    lost = during(9, lambda: primary.send(signal.SIGKILL), primary.wait)
    report.require(gap(lost) < MAX_WITHOUT_PRIMARY, f"kill -9 of the primary: {gap(lost):.2f} s without service")
    report.say(f"     the member comes back: {gap(during(5, primary.start)):.2f} s without service")

    killed = during(4, lambda: os.kill(gunicorn.workers()[0], signal.SIGKILL))
    report.say(
        f"     kill -9 of a worker: {gap(killed):.2f} s without service, "
        f"{unanswered(crowd.outcomes, *killed)} requests unanswered"
    )
    reload = during(6, lambda: gunicorn.send(signal.SIGHUP))
    report.require(
        unanswered(crowd.outcomes, *reload) == 0,
        f"reload by SIGHUP: {unanswered(crowd.outcomes, *reload)} unanswered, {gap(reload):.2f} s without service",
    )
    restart = during(8, lambda: gunicorn.send(signal.SIGTERM), gunicorn.wait, gunicorn.start)
    report.require(
        unanswered(crowd.outcomes, *restart) == 0,
        f"SIGTERM, end and start: {unanswered(crowd.outcomes, *restart)} unanswered, "
        f"{gap(restart):.2f} s without service",
    )
    frozen = _primary(members)
    ice = during(10, lambda: frozen.send(signal.SIGSTOP))
    report.require(gap(ice) < MAX_FROZEN, f"primary frozen for 10 s: {gap(ice):.2f} s without service")
    report.say(f"     it thaws: {gap(during(4, lambda: frozen.send(signal.SIGCONT))):.2f} s without service")

    assert limiter_store.pid is not None
    store = limiter_store.pid
    away = during(8, lambda: os.kill(store, signal.SIGKILL))
    report.require(gap(away) < 1, f"the limiter's store is gone: {gap(away):.2f} s without service")
    failures = sum(each.status not in ACKNOWLEDGED for each in crowd.outcomes if each.began >= away[0])
    report.require(failures == 0, f"votes that failed for want of the limiter's store: {failures}")


def _primary(members: ReplicaSet) -> Process:
    eventually(members.primary, "there is a primary")
    port = members.primary()
    assert port is not None
    return members.members[port]
