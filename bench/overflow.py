"""Votes on targets with many voters, beside votes on small ones and beside other designs, all in one run.

``BENCH_VOTERS=10000000`` goes on to ten million voters on one target (some minutes and 4 GB of disk more).
"""

import os
import random
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from time import perf_counter

from bson import ObjectId

from bench import overflow_http
from bench.overflow_designs import DESIGNS
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb import collections
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind, Vote

NAME = "bench"
ROUNDS = 3
CROWD = 100_000
PROCESSES, THREADS = 2, 8
MILLION = 1_000_000


def main(seconds: float) -> None:
    """Measure, and print medians and ratios.

    :param seconds: how long each measurement takes; less than 5 is for a look whether it runs at all.
    """
    most = int(os.environ.get("BENCH_VOTERS", MILLION if seconds >= 5 else 20_000))
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedMongod(find_mongod(None), Path(directory), cache_gb=2) as server,
    ):
        with _votes(server.uri) as (database, votes):
            _one_client(database, votes, seconds, most)
            _status(database, votes, seconds)
        _many_clients(server.uri, seconds)
        _crossing(server.uri)
        overflow_http.compare(server.uri, seconds)


@contextmanager
def _votes(uri: str, overflow_at: int = 1000) -> Iterator[tuple[Database, VoteRepository]]:
    with connect(uri) as client:
        maintenance = Maintenance(client[NAME], TargetFinder(), overflow_at)
        yield client[NAME], VoteRepository(client[NAME], maintenance=maintenance)
        maintenance.stop()


def question(id_: str) -> Target:
    return Target(TargetKind.QUESTION, id_)


def voter(number: int) -> str:
    return f"{number * 7919:024x}"


def put_small(database: Database, id_: str, voters: int) -> None:
    liked = [voter(number) for number in range(voters)]
    document = {"upvotes": voters, "downvotes": 0, "likedBy": liked, "dislikedBy": []}
    database["questions"].replace_one({"_id": id_}, document, upsert=True)


def put_moved(database: Database, id_: str, voters: int, begin: int = 0) -> None:
    """Make a target as it is some time after its move, or let it grow: without the votes' cost."""
    collections.ensure_indexes(database, collections.VOTES)
    found = database["questions"].find_one({"_id": id_}) or {}
    set_ = found.get("likesOverflow", {}).get("id") or ObjectId()
    for first in range(begin, voters, 10_000):
        last = min(voters, first + 10_000)
        database["likes_votes"].insert_many(
            [{"_id": {"t": set_, "v": voter(n)}, "vote": "up", "place": n} for n in range(first, last)], ordered=False
        )
    state = {"id": set_, "form": "moved", "up": 0, "down": 0, "rev": 0}
    register = {"$setOnInsert": {"collection": "questions", "target": id_}}
    database["likes_moved"].update_one({"_id": set_}, register, upsert=True)
    fields = {"$set": {"likedBy": [], "dislikedBy": [], "downvotes": 0, "likesOverflow": state}}
    database["questions"].update_one({"_id": id_}, fields | {"$inc": {"upvotes": voters - begin}}, upsert=True)


def _one_client(database: Database, votes: VoteRepository, seconds: float, most: int) -> None:
    put_small(database, "small", 100)
    print(f"one client; milliseconds, median and p99; x: the ratio to 100 voters\n{'':26}{'vote':>20}", end="")
    print(f"{'switch':>24}{'take back':>24}")
    sizes = [size for size in (10_000, 100_000, MILLION, 10 * MILLION) if size <= most] or [most]
    begin = 0
    for size in sizes:
        put_moved(database, "huge", size, begin)
        begin = size
        times = _alternate(votes, ["small", "huge"], seconds)
        base = times["small"]
        if size == sizes[0]:
            _print_row("100 voters", base, base)
        _print_row(f"{size:,} voters", times["huge"], base)
    stats = database.command("collstats", "likes_votes")
    disk = (stats["storageSize"] + stats["totalIndexSize"]) / 2**20
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"disk of {begin:,} votes: {disk:,.0f} MiB; client: {memory:,.0f} MiB")


def _alternate(votes: VoteRepository, ids: list[str], seconds: float) -> dict[str, list[list[float]]]:
    """Time first vote, switch and take-back on each target in turn; new voters, so all stays as it is."""
    times: dict[str, list[list[float]]] = {id_: [[], [], []] for id_ in ids}
    end, number = perf_counter() + seconds, 0
    while perf_counter() < end:
        number += 1
        for id_ in ids:
            who = f"{random.getrandbits(96):024x}"
            for step, vote in enumerate((Vote.UP, Vote.DOWN, Vote.DOWN)):
                begin = perf_counter()
                votes.toggle(question(id_), who, vote)
                if number > 20:
                    times[id_][step].append((perf_counter() - begin) * 1000)
    return times


def _print_row(name: str, steps: list[list[float]], base: list[list[float]]) -> None:
    cells = []
    for times, small in zip(steps, base, strict=True):
        pairs = [(_middle(times), _middle(small)), (_p99(times), _p99(small))]
        cells.append(" ".join(f"{value:6.2f} ({value / of:4.2f} x)" for value, of in pairs))
    print(f"{name:>20}  " + "   ".join(cells), flush=True)


def _status(database: Database, votes: VoteRepository, seconds: float) -> None:
    for number in range(50):
        put_small(database, f"s_{number}", 100)
    huge = ["huge"]
    for number in range(4):
        put_moved(database, f"h_{number}", 20_000)
        huge.append(f"h_{number}")
    small = [f"s_{number}" for number in range(50)]
    mixed = huge + small[5:]
    times: dict[int, list[float]] = {0: [], 1: []}
    end = perf_counter() + seconds
    while perf_counter() < end:
        for kind, ids in enumerate((small, mixed)):
            begin = perf_counter()
            assert len(votes.tallies(TargetKind.QUESTION, ids, voter(3))) == 50
            times[kind].append((perf_counter() - begin) * 1000)
    plain, with_huge = _middle(times[0]), _middle(times[1])
    print(f"status of 50 small targets {plain:.2f} ms, with 5 huge ones {with_huge:.2f} ms: {with_huge / plain:.2f} x")


def _many_clients(uri: str, seconds: float) -> None:
    rates: dict[str, list[float]] = {name: [] for name in ("ours", *DESIGNS)}
    tails: dict[str, list[float]] = {name: [] for name in rates}
    errors = dict.fromkeys(rates, 0)
    with connect(uri) as client:
        put_moved(client[NAME], "crowd", CROWD)
        for design in DESIGNS.values():
            design(client[NAME]).fill([voter(number) for number in range(CROWD)])
    with get_context("spawn").Pool(PROCESSES) as pool:
        for _ in range(ROUNDS):
            for name in rates:
                parts = pool.starmap(_crowd, [(uri, name, seconds / 2, seed) for seed in range(PROCESSES)])
                times = [time for part in parts for time in part[0]]
                rates[name].append(len(times) / (seconds / 2))
                tails[name].append(_p99(times))
                errors[name] += sum(part[1] for part in parts)
    base = _middle(rates["two writes"])
    print(f"{PROCESSES * THREADS} clients on one target of {CROWD:,} voters")
    for name in rates:
        rate, tail = _middle(rates[name]), _middle(tails[name])
        print(f"{name:>26}  {rate:6.0f} votes/s ({rate / base:4.2f} x)   p99 {tail:5.1f} ms   {errors[name]} errors")


def _crowd(uri: str, name: str, seconds: float, seed: int) -> tuple[list[float], int]:
    with _votes(uri) as (database, votes):

        def ours(who: str) -> None:
            votes.toggle(question("crowd"), who, Vote.UP)

        vote = ours if name == "ours" else DESIGNS[name](database).vote
        return _threads(vote, seconds, seed)


def _threads(vote: Callable[[str], None], seconds: float, seed: int) -> tuple[list[float], int]:
    times: list[float] = []
    errors: list[Exception] = []

    def work(number: int) -> None:
        chance, own = random.Random(seed * 1000 + number), []
        end = perf_counter() + seconds
        while perf_counter() < end:
            begin = perf_counter()
            try:
                vote(voter(chance.randrange(CROWD)))
            except Exception as error:
                errors.append(error)
            own.append((perf_counter() - begin) * 1000)
        times.extend(own)

    threads = [Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(errors)


def _crossing(uri: str) -> None:
    slowest, failed = [], 0
    for round_ in range(5):
        id_ = f"crossing_{round_}"
        with connect(uri) as client:
            put_small(client[NAME], id_, 900)
        with get_context("spawn").Pool(PROCESSES) as pool:
            parts = pool.starmap(_cross, [(uri, id_, seed) for seed in range(PROCESSES)])
        slowest.append(max(time for part in parts for time in part[0]))
        failed += sum(part[1] for part in parts)
        with _votes(uri) as (database, votes):
            counted = votes.tally(question(id_)).upvotes
            found = database["questions"].find_one({"_id": id_}) or {}
        expected = 900 + sum(len(part[0]) for part in parts)
        assert found["likesOverflow"]["form"] == "moved"
        assert counted == expected, (counted, expected)
    print(
        f"{PROCESSES * THREADS} clients cross the threshold, {len(slowest)} times: slowest vote {max(slowest):.0f} ms,"
        f" {failed} errors, counts exact"
    )


def _cross(uri: str, id_: str, seed: int) -> tuple[list[float], int]:
    with _votes(uri) as (_, votes):
        numbers = iter(range(10**9))

        def vote(_: str) -> None:
            votes.toggle(question(id_), f"new_{seed}_{next(numbers)}", Vote.UP)

        return _threads(vote, 1.5, seed)


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
