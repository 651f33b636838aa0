"""Moving windows in MongoDB: round trips, what is deleted, and a server that is away."""

import time
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from harness.documents import named_database
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.http.rate_limits.mongodb_storage import MongoDBWindows
from likes_api.http.rate_limits.windows import Window
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database, Document
from likes_api.repository import StoreError
from tests.support.clock import stopwatch
from tests.support.commands import CountedCommands


@pytest.fixture(scope="module")
def module_database(mongod: EmbeddedMongod, counted: CountedCommands) -> Iterator[Database]:
    with connect(mongod.uri, event_listeners=[counted]) as client, named_database(client) as database:
        MongoDBWindows("", database=database).acquire_entry("first", 1, 1)
        yield database


@pytest.fixture
def windows(database: Database) -> MongoDBWindows:
    windows = MongoDBWindows("", database=database)
    windows.acquire_entry("first", 1, 1)
    return windows


def test_request_costs_one_round_trip_and_a_full_window_one_more(
    windows: MongoDBWindows, counted: CountedCommands
) -> None:
    four = [Window(key, 2, 60) for key in "abcd"]
    for expected in (["update"], ["update"], ["update", "find"]):
        with counted.during() as names:
            windows.take(four)
        assert names == expected


def test_giving_back_costs_one_round_trip_more_when_a_window_behind_others_is_full(
    windows: MongoDBWindows, counted: CountedCommands, database: Database
) -> None:
    windows.take([Window("full", 1, 60)])
    with counted.during() as names:
        assert windows.take([Window("free", 2, 60), Window("full", 1, 60)]) is not None
    assert names == ["update", "update", "find"]
    assert database["likes_rate_limits"].find_one("free")["moments"] == []


def test_mongodb_deletes_windows_that_are_over(windows: MongoDBWindows, database: Database) -> None:
    began = time.time()
    windows.acquire_entry("ada", 3, 60)
    assert database["likes_rate_limits"].index_information()["expires_1"]["expireAfterSeconds"] == 0
    expires = database["likes_rate_limits"].find_one("ada")["expires"].timestamp()
    assert began + 59 < expires <= time.time() + 60


def test_failure_is_quick_when_the_database_is_away(client: MongoClient[Document]) -> None:
    with connect("mongodb://127.0.0.1:1/?replicaSet=rs0") as away:
        windows = MongoDBWindows("", database=away["away"])
        with stopwatch() as watch:
            with pytest.raises(StoreError):
                windows.acquire_entry("ada", 3, 60)
            assert not windows.check()
            assert watch.seconds < 2 * timeouts.LIMITER_SECONDS + 1
