"""Votes per second through gunicorn, beside the driver alone and beside a plain Flask application.

Through gunicorn: the default settings (but limits that nobody reaches), wrk with 32 connections kept alive, 500 voters,
1,000 targets drawn at random. The driver alone: 2 processes of 8 threads, one conditional ``find_one_and_update`` per
vote. All on one mongod, alternating; medians of three rounds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from time import perf_counter
from uuid import uuid4

import requests
from pymongo import MongoClient

from bench import voters
from harness import wrk
from harness.server import ROOT, free_port, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.server.child_process import tied_to_this_process

ROUNDS = 3
CONNECTIONS = 32
_TICKS = os.sysconf("SC_CLK_TCK")
_PLENTY = "1000000/minute"
_SETTINGS = {
    "LIKES_SECRET_KEY": voters.SECRET,
    "LIKES_NEXTAUTH_SECRET": voters.SECRET,
    **{
        f"LIKES_LIMIT_{name}": _PLENTY
        for name in ("QA_VOTE", "TOGGLE_ADDRESS", "TOGGLE_BURST", "TOGGLE_USER", "TOGGLE_ENTRY")
    },
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One round: votes in a second, p99 in ms, microseconds of workers and of mongod a vote, votes in one write."""

    rate: float
    p99: float = 0.0
    workers: float = 0.0
    mongod: float = 0.0
    batch: float = 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A mongod to measure on, and for how long."""

    server: EmbeddedMongod
    seconds: float

    def served(
        self,
        votes: Callable[[str], wrk.Votes],
        connections: int = CONNECTIONS,
        settings: Mapping[str, str] = {},
    ) -> Measured:
        """Measure votes on the service."""
        with self._filled() as database:
            environment = {"LIKES_MONGODB_URI": self.server.uri, "LIKES_MONGODB_DATABASE": database}
            with started_server(environment | _SETTINGS | dict(settings)) as started:
                return self._measure(started.url, started.pid, votes(started.url), connections)

    def peer(self) -> Measured:
        """Measure votes on the peer."""
        with self._filled() as database:
            port = free_port()
            command = [sys.executable, "-m", "gunicorn", "-w2", "--threads=16", f"-b127.0.0.1:{port}", "bench.peer:app"]
            variables = os.environ | {"PEER_URI": self.server.uri, "PEER_DATABASE": database}
            process = subprocess.Popen(
                tied_to_this_process(command), cwd=ROOT, env=variables, stderr=subprocess.DEVNULL
            )
            try:
                url = f"http://127.0.0.1:{port}"
                _await_answer(url)
                users = [f"X-User: user-{number:020}" for number in range(voters.USERS)]
                # Where calls of one user interleave, each of its steps may miss; then it answers 404.
                votes = wrk.Votes(voters.QA_PATH, voters.QA_BODY, users, may_refuse=True)
                return self._measure(url, process.pid, votes, CONNECTIONS)
            finally:
                process.terminate()
                process.wait()

    def driver(self) -> Measured:
        """Measure the driver alone."""
        with self._filled() as database, get_context("spawn").Pool(2) as pool:
            work = [(self.server.uri, database, self.seconds, seed) for seed in range(2)]
            return Measured(sum(pool.starmap(_driver_process, work)))

    def _measure(self, url: str, pid: int, votes: wrk.Votes, connections: int) -> Measured:
        with tempfile.TemporaryDirectory() as directory, MongoClient(self.server.uri) as client:
            wrk.vote(url, votes, directory, min(2.0, self.seconds), connections=connections)  # warm up: caches
            mongod = self.server.pid
            before = _processor(*_children(pid)), _processor(mongod), _writes(client)
            rate = wrk.vote(url, votes, directory, self.seconds, connections=connections)
            after = _processor(*_children(pid)), _processor(mongod), _writes(client)
        workers, server, writes = (end - begin for begin, end in zip(before, after, strict=True))
        each = 1e6 / max(1, rate.count)
        return Measured(rate.votes, rate.p99, workers * each, server * each, rate.count / max(1, writes))

    @contextmanager
    def _filled(self) -> Iterator[str]:
        name = f"bench_{uuid4().hex}"
        with MongoClient(self.server.uri) as client:
            voters.fill(client[name])
            yield name
            client.drop_database(name)


CASES: Mapping[str, Callable[[Bench], Measured]] = {
    "the driver alone": Bench.driver,
    "default settings": lambda bench: bench.served(lambda _: voters.qa_by_jwt()),
    "limits off": lambda bench: bench.served(
        lambda _: voters.qa_by_jwt(), settings={"LIKES_RATELIMIT_ENABLED": "false"}
    ),
    "one connection": lambda bench: bench.served(lambda _: voters.qa_by_jwt(), connections=1),
    "database sessions": lambda bench: bench.served(lambda _: voters.qa_by_session()),
    "simple likes, users": lambda bench: bench.served(voters.likes_by_users),
    "simple likes, guests": lambda bench: bench.served(voters.likes_by_guests),
    "diaspora* likes": lambda bench: bench.served(lambda _: voters.likes_on_posts()),
    "16 on one question": lambda bench: bench.served(partial(_on_one, voters.qa_by_jwt), connections=16),
    "a plain Flask peer": Bench.peer,
}


def main(seconds: float, names: tuple[str, ...] = tuple(CASES)) -> None:
    """Measure, alternating, and print the medians and the ratios to the driver alone."""
    found: dict[str, list[Measured]] = {name: [] for name in names}
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedMongod(find_mongod(None), Path(directory), cache_gb=1) as server,
    ):
        bench = Bench(server, seconds)
        for _ in range(ROUNDS):
            for name in names:
                found[name].append(CASES[name](bench))
    ceiling = statistics.median(each.rate for each in found[names[0]])
    print(f"{'':22}votes/s (spread)      x driver  p99 ms  us a vote: workers, mongod  votes a write")
    for name, rounds in found.items():
        rates = [each.rate for each in rounds]
        rate, p99, workers, mongod, batch = (
            statistics.median(getattr(each, field) for each in rounds)
            for field in ("rate", "p99", "workers", "mongod", "batch")
        )
        spread = f"({min(rates):.0f} to {max(rates):.0f})"
        row = f"{name:22}{rate:6.0f} {spread:15} {rate / ceiling:7.2f} {p99:9.1f}"
        row += f" {workers:19.0f} {mongod:7.0f} {batch:9.1f}"
        print(row, flush=True)


def _on_one(votes: Callable[[], wrk.Votes], _: str) -> wrk.Votes:
    all_of_them = votes()
    return wrk.Votes(all_of_them.path, all_of_them.body, all_of_them.voters, targets=1)


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
                        "_id": f"q_{1 + hash(voter) % voters.TARGETS}",
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


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _processor(*pids: int) -> float:
    """Return the processor time of processes so far, in seconds."""
    stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / _TICKS


def _writes(client: MongoClient[dict[str, object]]) -> int:
    commands = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(int(commands[name]["total"]) for name in ("update", "findAndModify"))


def _await_answer(url: str) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the peer does not answer")
