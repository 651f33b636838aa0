"""The limits of a request, whatever storage counts, and what happens when that is away."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from flask import Flask

from harness.redis import Redis, running_redis
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.http.rate_limits.fail_open import FailOpenMovingWindow
from likes_api.http.rate_limits.mongodb_storage import MongoDBWindows
from likes_api.http.rate_limits.windows import Window
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from tests.support.clock import eventually
from tests.support.metrics import Exposition
from tests.support.settings import settings
from tests.support.simple_likes import Visitor

Limited = Callable[..., Flask]


@pytest.fixture(params=["lmdb", "mongodb", "redis"])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    # A machine that is busy takes longer at times, and a request that waits for longer is not counted.
    monkeypatch.setattr(timeouts, "LIMITER_SECONDS", 60.0)
    match request.param:
        case "lmdb":
            yield {}
        case "redis":
            redis: Redis = request.getfixturevalue("redis")
            redis.empty()
            yield {"RATELIMIT_STORAGE_URI": redis.uri}
        case _:
            mongod: EmbeddedMongod = request.getfixturevalue("mongod")
            name = f"test_{uuid4().hex}"
            yield {"RATELIMIT_STORAGE_URI": mongod.uri.replace("/?", f"/{name}?")}
            request.getfixturevalue("client").drop_database(name)


@pytest.fixture
def limited(database: Database) -> Iterator[Limited]:
    """Make the application with generous limits, but for those that a test names."""
    with ExitStack() as closing:

        def make(**variables: str) -> Flask:
            names = ("TOGGLE_ADDRESS", "TOGGLE_BURST", "TOGGLE_USER", "TOGGLE_ENTRY")
            generous = {f"LIMIT_{name}": "1000/hour" for name in names}
            database["likes_entries"].insert_many([{"_id": id_, "guest_allowed": True} for id_ in "ab"])
            app = create_app(settings(RATELIMIT_ENABLED="true", **(generous | variables)), database)
            [limiter] = app.extensions["limiter"]
            if isinstance(limiter.storage, MongoDBWindows):  # its client is its own
                closing.enter_context(limiter.storage._database.client)
            return app

        yield make


def statuses(visitor: Visitor, entry: str, times: int) -> list[int]:
    return [visitor.toggle(entry).status_code for _ in range(times)]


def test_limit_by_address_counts_all_visitors_there(limited: Limited, storage: dict[str, str]) -> None:
    app = limited(LIMIT_TOGGLE_ADDRESS="3/minute", **storage)
    here = [Visitor(app, user, address="2001:db8::1") for user in ("ada", "bob", None)]
    assert [visitor.toggle("a").status_code for visitor in here] == [200, 200, 200]
    assert Visitor(app, "cyd", address="2001:db8::ffff").toggle("b").status_code == 429
    assert Visitor(app, "cyd", address="2001:db8:0:1::1").toggle("b").status_code == 200


def test_limit_by_user_follows_the_user_to_other_addresses(limited: Limited, storage: dict[str, str]) -> None:
    app = limited(LIMIT_TOGGLE_USER="3/minute", **storage)
    assert statuses(Visitor(app, "ada"), "a", 2) + statuses(Visitor(app, "ada"), "b", 2) == [200, 200, 200, 429]
    assert Visitor(app, "bob").toggle("a").status_code == 200


def test_limit_by_user_takes_whoever_has_no_valid_session_for_the_guest_they_would_be(
    limited: Limited, storage: dict[str, str]
) -> None:
    app = limited(LIMIT_TOGGLE_USER="3/minute", **storage)
    assert statuses(Visitor(app, address="10.1.1.1"), "a", 2) == [200, 200]
    assert statuses(Visitor(app, cookie="forged", address="10.1.1.1"), "a", 2) == [401, 429]
    assert statuses(Visitor(app, address="10.1.1.1", agent="Chrome"), "a", 1) == [200]


def test_limit_by_entry_counts_toggles_of_one_user_on_one_entry(limited: Limited, storage: dict[str, str]) -> None:
    app = limited(LIMIT_TOGGLE_ENTRY="3/minute", **storage)
    ada = Visitor(app, "ada")
    assert statuses(ada, "a", 4) == [200, 200, 200, 429]
    assert statuses(ada, "b", 1) == [200]
    assert statuses(Visitor(app, "bob"), "a", 1) == [200]


def test_a_refused_toggle_uses_up_nothing_of_the_other_limits(limited: Limited, storage: dict[str, str]) -> None:
    app = limited(LIMIT_TOGGLE_ENTRY="1/hour", LIMIT_TOGGLE_USER="3/hour", LIMIT_TOGGLE_ADDRESS="3/hour", **storage)
    ada = Visitor(app, "ada")
    assert statuses(ada, "a", 9) == [200] + [429] * 8
    assert statuses(ada, "b", 2) == [200, 429]
    assert statuses(ada, "c", 2) == [404, 429]


def test_limit_counts_requests_that_are_refused_for_what_they_ask(limited: Limited, storage: dict[str, str]) -> None:
    app = limited(LIMIT_TOGGLE_USER="3/minute", **storage)
    ada = Visitor(app, "ada")
    assert [ada.toggle(entry).status_code for entry in ("no id!", "none", "a", "a")] == [400, 404, 200, 429]


def test_status_has_a_limit_of_its_own(limited: Limited, storage: dict[str, str]) -> None:
    app = limited(LIMIT_STATUS="2/minute", **storage)
    ada = Visitor(app, "ada")
    assert [ada.get(f"status?ids={ids}").status_code for ids in ("a", "not an id", "a")] == [200, 400, 429]
    assert ada.toggle("a").status_code == 200


def test_storage_sees_neither_addresses_nor_ids(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Window] = []
    monkeypatch.setattr(FailOpenMovingWindow, "take", lambda _, windows: seen.extend(windows))
    ada = Visitor(limited(), "ada@example.com", address="192.0.2.7")
    ada.toggle("entry-a")
    ada.status("entry-a")
    assert len({window.key for window in seen}) == 5
    assert not [window for window in seen if re.search(r"ada|192|entry-a", window.key)]


def test_retry_after_is_on_a_429_only_and_that_of_the_window_that_is_full_longest(
    limited: Limited, storage: dict[str, str]
) -> None:
    app = limited(LIMIT_TOGGLE_BURST="2 per 60 seconds", LIMIT_TOGGLE_ENTRY="2/hour", **storage)
    ada = Visitor(app, "ada")
    answers = [ada.toggle("a") for _ in range(3)]
    assert ["Retry-After" in answer.headers for answer in answers] == [False, False, True]
    assert 3_500 < int(answers[2].headers["Retry-After"]) <= 3_600


@pytest.mark.parametrize(("wait", "told"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (2.2, "3"), (3599.9, "3600")])
def test_retry_after_is_in_whole_seconds_and_never_too_early(
    limited: Limited, monkeypatch: pytest.MonkeyPatch, wait: float, told: str
) -> None:
    monkeypatch.setattr(FailOpenMovingWindow, "take", lambda *_: wait)
    assert Visitor(limited(), "ada").toggle("a").headers["Retry-After"] == told


def uncounted(app: Flask) -> float:
    return Exposition(app.test_client().get("/metrics").text).total("likes_limiter_failures_total")


@pytest.mark.parametrize("uri", ["redis://127.0.0.1:1/0", "mongodb://127.0.0.1:1/?replicaSet=none"])
def test_votes_go_on_uncounted_and_the_log_says_so_once_when_the_storage_is_away(
    limited: Limited, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setattr(timeouts, "LIMITER_PAUSE_SECONDS", 3_600.0)
    app = limited(LIMIT_TOGGLE_ENTRY="1/hour", RATELIMIT_STORAGE_URI=uri)
    ada = Visitor(app, "ada")
    before = uncounted(app)
    with caplog.at_level(logging.WARNING):
        assert statuses(ada, "a", 21) == [200] * 21
    assert [record.message for record in caplog.records] == ["rate limits are off, their storage fails"]
    assert uncounted(app) - before == 21


def test_limits_count_again_when_the_storage_is_back(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "LIMITER_PAUSE_SECONDS", 0.2)
    with running_redis() as redis:
        path = redis.uri
        app = limited(LIMIT_TOGGLE_ENTRY="2/hour", RATELIMIT_STORAGE_URI=path)
        ada = Visitor(app, "ada")
        redis.process.send_signal(19)
        assert statuses(ada, "a", 5) == [200] * 5
        redis.process.send_signal(18)
        eventually(lambda: 429 in statuses(ada, "a", 3))
