"""The limits of a request, whatever storage counts, and what happens when that is away."""

import logging
import time
from collections.abc import Iterator

import pytest
from flask import Flask

from harness.redis import Redis, running_redis
from likes_api.app import create_app
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from tests.support.metrics import Exposition
from tests.support.settings import settings
from tests.support.simple_likes import Visitor


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running_redis() as redis:
        yield redis


@pytest.fixture(params=["memory", "mongodb", "redis"])
def storage(request: pytest.FixtureRequest) -> dict[str, str]:
    match request.param:
        case "memory":
            return {"RATELIMIT_STORAGE_URI": "memory://"}
        case "redis":
            redis: Redis = request.getfixturevalue("redis")
            redis.empty()
            return {"RATELIMIT_STORAGE_URI": redis.uri}
        case _:
            return {}


def limited(database: Database, **variables: str) -> Flask:
    generous = {
        f"LIMIT_{name}": "1000/hour" for name in ("TOGGLE_ADDRESS", "TOGGLE_BURST", "TOGGLE_USER", "TOGGLE_ENTRY")
    }
    database["likes_entries"].insert_many([{"_id": "a", "guest_allowed": True}, {"_id": "b", "guest_allowed": True}])
    return create_app(settings(RATELIMIT_ENABLED="true", **(generous | variables)), database)


def statuses(visitor: Visitor, entry: str, times: int) -> list[int]:
    return [visitor.toggle(entry).status_code for _ in range(times)]


def test_limit_by_address_counts_all_visitors_there(database: Database, storage: dict[str, str]) -> None:
    app = limited(database, LIMIT_TOGGLE_ADDRESS="3/minute", **storage)
    here = [Visitor(app, user, address="2001:db8::1") for user in ("ada", "bob", None)]
    assert [visitor.toggle("a").status_code for visitor in here] == [200, 200, 200]
    assert Visitor(app, "cyd", address="2001:db8::ffff").toggle("b").status_code == 429
    assert Visitor(app, "cyd", address="2001:db8:0:1::1").toggle("b").status_code == 200


def test_limit_by_user_follows_the_user_to_other_addresses(database: Database, storage: dict[str, str]) -> None:
    app = limited(database, LIMIT_TOGGLE_USER="3/minute", **storage)
    assert statuses(Visitor(app, "ada"), "a", 2) + statuses(Visitor(app, "ada"), "b", 2) == [200, 200, 200, 429]
    assert Visitor(app, "bob").toggle("a").status_code == 200


def test_limit_by_user_takes_whoever_has_no_valid_session_for_the_guest_they_would_be(
    database: Database, storage: dict[str, str]
) -> None:
    app = limited(database, LIMIT_TOGGLE_USER="3/minute", **storage)
    assert statuses(Visitor(app, address="10.1.1.1"), "a", 2) == [200, 200]
    assert statuses(Visitor(app, cookie="forged", address="10.1.1.1"), "a", 2) == [401, 429]
    assert statuses(Visitor(app, address="10.1.1.1", agent="Chrome"), "a", 1) == [200]


def test_limit_by_entry_counts_toggles_of_one_user_on_one_entry(database: Database, storage: dict[str, str]) -> None:
    app = limited(database, LIMIT_TOGGLE_ENTRY="3/minute", **storage)
    ada = Visitor(app, "ada")
    assert statuses(ada, "a", 4) == [200, 200, 200, 429]
    assert statuses(ada, "b", 1) == [200]
    assert statuses(Visitor(app, "bob"), "a", 1) == [200]


def test_limit_counts_requests_that_are_refused_for_what_they_ask(database: Database, storage: dict[str, str]) -> None:
    app = limited(database, LIMIT_TOGGLE_USER="3/minute", **storage)
    ada = Visitor(app, "ada")
    assert [ada.toggle(entry).status_code for entry in ("no id!", "none", "a", "a")] == [400, 404, 200, 429]


def test_status_has_a_limit_of_its_own(database: Database, storage: dict[str, str]) -> None:
    app = limited(database, LIMIT_STATUS="2/minute", **storage)
    ada = Visitor(app, "ada")
    assert [ada.get(f"status?ids={ids}").status_code for ids in ("a", "not an id", "a")] == [200, 400, 429]
    assert ada.toggle("a").status_code == 200


def test_retry_after_is_true_to_the_second_and_only_on_a_429(database: Database, storage: dict[str, str]) -> None:
    app = limited(database, LIMIT_TOGGLE_BURST="2 per 3 seconds", LIMIT_TOGGLE_ENTRY="4/hour", **storage)
    ada = Visitor(app, "ada")
    began = time.monotonic()
    answers = [ada.toggle("a") for _ in range(3)]
    assert ["Retry-After" in answer.headers for answer in answers] == [False, False, True]
    assert answers[2].headers["Retry-After"] == "3"
    taken = time.monotonic()
    time.sleep(began + 2.2 - taken)
    early = ada.toggle("a")
    assert (early.status_code, early.headers["Retry-After"]) == (429, "1")
    time.sleep(taken + 3.1 - time.monotonic())
    assert statuses(ada, "a", 2) == [200, 200]
    both = ada.toggle("a")
    # Two windows are full now; waiting for the shorter one would be in vain.
    assert 3590 < int(both.headers["Retry-After"]) <= 3600


def uncounted(app: Flask) -> float:
    return Exposition(app.test_client().get("/metrics").text).total("likes_limiter_failures_total")


@pytest.mark.parametrize("uri", ["redis://127.0.0.1:1/0", "mongodb://127.0.0.1:1/?replicaSet=none"])
def test_votes_go_on_uncounted_and_the_log_says_so_once_when_the_storage_is_away(
    database: Database,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    uri: str,
) -> None:
    monkeypatch.setattr(timeouts, "LIMITER_PAUSE_SECONDS", 2.0)
    app = limited(database, LIMIT_TOGGLE_ENTRY="1/hour", RATELIMIT_STORAGE_URI=uri)
    if uri.startswith("mongodb"):
        [limiter] = app.extensions["limiter"]
        # Or pymongo complains that nobody closed it.
        request.addfinalizer(limiter.storage._database.client.close)
    ada = Visitor(app, "ada")
    before = uncounted(app)
    with caplog.at_level(logging.WARNING):
        began = time.monotonic()
        assert ada.toggle("a").status_code == 200
        first = time.monotonic() - began
        assert statuses(ada, "a", 20) == [200] * 20
        assert first < 1.5
        assert time.monotonic() - began - first < 1.5
    assert [record.message for record in caplog.records] == ["rate limits are off, their storage fails"]
    assert uncounted(app) - before == 21


def test_limits_count_again_when_the_storage_is_back(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "LIMITER_PAUSE_SECONDS", 0.2)
    with running_redis() as redis:
        path = redis.uri
        app = limited(database, LIMIT_TOGGLE_ENTRY="2/hour", RATELIMIT_STORAGE_URI=path)
        ada = Visitor(app, "ada")
        redis.process.send_signal(19)
        assert statuses(ada, "a", 5) == [200] * 5
        redis.process.send_signal(18)
        time.sleep(0.3)
        assert 429 in statuses(ada, "a", 3)
