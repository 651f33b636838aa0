"""Moving windows on the real server: exact under concurrency, one round trip, and over when they are over."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from pymongo import MongoClient

from harness.documents import named_database
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.http.rate_limits.mongodb_storage import RateWindows, Use, Window
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database, Document
from likes_api.repository import StoreError
from tests.support.clock import stopwatch
from tests.support.commands import CountedCommands


@pytest.fixture(scope="module")
def module_database(mongod: EmbeddedMongod, counted: CountedCommands) -> Iterator[Database]:
    with connect(mongod.uri, event_listeners=[counted]) as client, named_database(client) as database:
        RateWindows("", database=database).acquire_entry("first", 1, 1)
        yield database


@pytest.fixture
def windows(database: Database) -> RateWindows:
    windows = RateWindows("", database=database)
    windows.acquire_entry("first", 1, 1)
    return windows


def test_window_takes_its_amount_and_no_more(windows: RateWindows) -> None:
    assert [windows.acquire_entry("ada", 3, 60) for _ in range(5)] == [True, True, True, False, False]
    assert windows.acquire_entry("bob", 3, 60)


def test_window_has_room_again_when_its_oldest_moment_is_over_and_not_before(
    windows: RateWindows, database: Database
) -> None:
    now = time.time()
    database["likes_rate_limits"].insert_one({"_id": "ada", "moments": [now - 59.5, now - 20, now - 10]})
    assert not windows.acquire_entry("ada", 3, 60)
    [use] = windows.uses([Window("ada", 3, 60)])
    assert use == Use(3, pytest.approx(now - 59.5))
    time.sleep(0.6)
    assert windows.acquire_entry("ada", 3, 60)
    assert not windows.acquire_entry("ada", 3, 60)
    assert len(database["likes_rate_limits"].find_one("ada")["moments"]) == 3


def test_windows_after_the_first_full_one_are_not_counted(windows: RateWindows) -> None:
    many = [Window("a", 9, 60), Window("b", 1, 60), Window("c", 9, 60)]
    assert [windows.acquire_all(many) for _ in range(3)] == [None, 1, 1]
    assert [use.count for use in windows.uses(many)] == [3, 1, 1]


def test_request_costs_one_round_trip_and_a_full_window_one_more(
    windows: RateWindows, counted: CountedCommands
) -> None:
    four = [Window(key, 2, 60) for key in "abcd"]
    for names_expected in (["update"], ["update"], ["update", "update"]):
        with counted.during() as names:
            windows.acquire_all(four)
        assert names == names_expected
    with counted.during() as names:
        windows.uses(four)
    assert names == ["find"]


def test_every_request_counts_once_when_many_are_the_first_at_the_same_instant(windows: RateWindows) -> None:
    threads = 8
    for round_ in range(25):
        four = [Window(f"{round_}{key}", threads - 1, 60) for key in "abcd"]
        barrier = Barrier(threads)

        def hit(_: int, four: list[Window] = four, barrier: Barrier = barrier) -> int | None:
            barrier.wait()
            return windows.acquire_all(four)

        with ThreadPoolExecutor(threads) as pool:
            outcomes = list(pool.map(hit, range(threads)))
        assert sorted(outcomes, key=str) == [0] + [None] * (threads - 1)
        assert [use.count for use in windows.uses(four)] == [threads - 1] * 4


def test_mongodb_deletes_windows_that_are_over(windows: RateWindows, database: Database) -> None:
    began = time.time()
    windows.acquire_entry("ada", 3, 60)
    assert database["likes_rate_limits"].index_information()["expires_1"]["expireAfterSeconds"] == 0
    expires = database["likes_rate_limits"].find_one("ada")["expires"].timestamp()
    assert began + 59 < expires <= time.time() + 60


def test_failure_is_quick_when_the_database_is_away(client: MongoClient[Document]) -> None:
    with connect("mongodb://127.0.0.1:1/?replicaSet=rs0") as away:
        windows = RateWindows("", database=away["away"])
        with stopwatch() as watch:
            with pytest.raises(StoreError):
                windows.acquire_entry("ada", 3, 60)
            assert not windows.check()
            assert watch.seconds < 2 * timeouts.LIMITER_SECONDS + 1
