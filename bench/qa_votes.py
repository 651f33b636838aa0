"""Votes per second through gunicorn, beside the driver alone on the same mongod.

Through gunicorn: 2 workers, wrk with 32 connections kept alive, JWT sessions of 500 users, 1,000 questions drawn at
random; again with each worker bound to a processor; and with the rate limiter on (at a limit nobody reaches), whose
counters are writes too.
The driver alone: 2 processes of 8 threads, one conditional ``find_one_and_update`` per vote.
"""

import statistics
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from time import perf_counter
from uuid import uuid4

from pymongo import MongoClient

from harness import wrk
from harness.server import running_server
from harness.wrk import QUESTIONS, SECRET
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod

ROUNDS = 3
CONNECTIONS = 32


CONFIGURATIONS = {
    "through gunicorn": {},
    "with LIKES_PIN_WORKERS": {"LIKES_PIN_WORKERS": "true"},
    "with the limiter on": {"LIKES_RATELIMIT_ENABLED": "true"},
}


def main(seconds: float) -> None:
    """Measure, alternating, and print the median of each and the ratios."""
    driver: list[float] = []
    through: dict[str, list[float]] = {name: [] for name in CONFIGURATIONS}
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedMongod(find_mongod(None), Path(directory), cache_gb=1) as server,
    ):
        for _ in range(ROUNDS):
            driver.append(_driver(server.uri, seconds))
            for name, settings in CONFIGURATIONS.items():
                through[name].append(_through_gunicorn(server.uri, seconds, settings))
    ceiling = statistics.median(driver)
    print(f"driver alone             {ceiling:8.0f} votes/s   {_spread(driver)}")
    for name, rates in through.items():
        rate = statistics.median(rates)
        print(f"{name:24} {rate:8.0f} votes/s   {_spread(rates)}   {rate / ceiling:.2f} x the driver alone")


def _through_gunicorn(uri: str, seconds: float, settings: Mapping[str, str]) -> float:
    database = f"bench_{uuid4().hex}"
    fill(uri, database)
    environment = {
        "LIKES_MONGODB_URI": uri,
        "LIKES_MONGODB_DATABASE": database,
        "LIKES_SECRET_KEY": SECRET,
        "LIKES_NEXTAUTH_SECRET": SECRET,
        "LIKES_RATELIMIT_ENABLED": "false",
        "LIKES_LIMIT_QA_VOTE": "1000000/minute",
        "WEB_CONCURRENCY": "2",
        **settings,
    }
    with running_server(environment) as url, tempfile.TemporaryDirectory() as directory:
        wrk.vote(url, directory, min(2.0, seconds), connections=CONNECTIONS)  # warm up: caches
        rate = wrk.vote(url, directory, seconds, connections=CONNECTIONS).votes
    with MongoClient(uri) as client:
        client.drop_database(database)
    return rate


def _driver(uri: str, seconds: float) -> float:
    database = f"bench_{uuid4().hex}"
    fill(uri, database)
    with get_context("spawn").Pool(2) as pool:
        counts = pool.starmap(_driver_process, [(uri, database, seconds, seed) for seed in range(2)])
    with MongoClient(uri) as client:
        client.drop_database(database)
    return sum(counts)


def _driver_process(uri: str, database: str, seconds: float, seed: int) -> float:
    votes = [0] * 8
    with MongoClient(uri, w="majority") as client:
        questions = client[database].questions

        def work(thread: int) -> None:
            end = perf_counter() + seconds
            while perf_counter() < end:
                voter = f"u{seed}-{thread}-{votes[thread]:018}"
                questions.find_one_and_update(
                    {
                        "_id": f"q_{1 + hash(voter) % QUESTIONS}",
                        "likedBy": {"$ne": voter},
                        "dislikedBy": {"$ne": voter},
                    },
                    {"$push": {"likedBy": voter}, "$inc": {"upvotes": 1}},
                    projection={"upvotes": 1, "downvotes": 1},
                    return_document=True,
                )
                votes[thread] += 1

        threads = [Thread(target=work, args=(number,)) for number in range(8)]
        began = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(votes) / (perf_counter() - began)


def fill(uri: str, database: str) -> None:
    """Make the questions, without votes."""
    with MongoClient(uri) as client:
        client[database].questions.insert_many(
            {"_id": f"q_{number}", "upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}
            for number in range(1, QUESTIONS + 1)
        )


def _spread(rates: list[float]) -> str:
    return f"({min(rates):.0f} to {max(rates):.0f} in {len(rates)} rounds)"
