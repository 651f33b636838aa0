"""The three storages of rate limits, each empty."""

from collections.abc import Iterator

import pytest

from harness.redis import Redis, running_redis
from likes_api.http.rate_limits.lmdb_storage import LmdbWindows
from likes_api.http.rate_limits.mongodb_storage import MongoDBWindows
from likes_api.http.rate_limits.redis_storage import RedisWindows
from likes_api.http.rate_limits.windows import WindowStorage
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with running_redis() as redis:
        yield redis


@pytest.fixture(params=["lmdb", "mongodb", "redis"])
def windows(request: pytest.FixtureRequest) -> WindowStorage:
    match request.param:
        case "lmdb":
            return LmdbWindows("", directory=None)
        case "redis":
            redis: Redis = request.getfixturevalue("redis")
            redis.empty()
            return RedisWindows(redis.uri)
        case _:
            # A machine that is busy takes longer at times, and exactness is what is tested.
            request.getfixturevalue("monkeypatch").setattr(timeouts, "LIMITER_SECONDS", 60.0)
            database: Database = request.getfixturevalue("database")
            return MongoDBWindows("", database=database)
