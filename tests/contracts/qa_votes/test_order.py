"""Contract 1: of several faults of a request the documented one is answered, and nothing changes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from harness.documents import snapshot
from likes_api.app import create_app
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from tests.support.qa_votes import BALLOT, post
from tests.support.settings import settings


@pytest.fixture(scope="module")
def limited_app(module_database: Database) -> Flask:
    return create_app(settings(RATELIMIT_ENABLED="true", LIMIT_QA_VOTE="1/hour"), module_database)


@pytest.fixture(scope="module")
def stranded_app() -> Iterator[Flask]:
    """The application while nobody listens at its database's address; its limits are counted in shared memory."""
    variables = {"RATELIMIT_ENABLED": "true", "LIMIT_QA_VOTE": "1/hour"}
    with connect("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=20") as client:
        yield create_app(settings(**variables), client["away"])


@dataclass(slots=True)
class Draft:
    """A request to be spoilt."""

    user: str = field(default_factory=lambda: uuid4().hex)
    headers: dict[str, str | None] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=lambda: dict(BALLOT))
    padding: str = ""
    ending: str = ""
    stranded: bool = False
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the contract's table of checks, and how to bring it about."""

    name: str
    status: int
    error: str
    spoil: Callable[[Draft], object]


def fault(status: int, error: str) -> Callable[[Callable[[Draft], object]], Fault]:
    return lambda spoil: Fault(spoil.__name__, status, error, spoil)


@fault(401, "Unauthorized")
def no_session(draft: Draft) -> None:
    draft.headers["Cookie"] = None


@fault(403, "Cross-site request refused")
def foreign_origin(draft: Draft) -> None:
    draft.headers["Origin"] = "https://evil.example"


@fault(415, "Content-Type must be application/json")
def other_media_type(draft: Draft) -> None:
    draft.headers["Content-Type"] = "text/plain"


@fault(413, "Request entity too large")
def too_long(draft: Draft) -> None:
    draft.padding = " " * 16_384


@fault(400, "Invalid JSON")
def broken_json(draft: Draft) -> None:
    draft.ending = "}"


@fault(400, "Missing parameters")
def no_target_id(draft: Draft) -> None:
    draft.body.pop("targetId")


@fault(400, "Invalid target type")
def other_target_type(draft: Draft) -> None:
    draft.body["targetType"] = "user"


@fault(400, "Invalid vote type")
def other_vote_type(draft: Draft) -> None:
    draft.body["voteType"] = "sideways"


@fault(429, "Too many requests")
def limit_reached(draft: Draft) -> None:
    draft.exhausted = True


@fault(404, "Not found")
def unknown_target(draft: Draft) -> None:
    draft.body["targetId"] = "unknown"


@fault(500, "Like failed")
def database_away(draft: Draft) -> None:
    draft.stranded = True


CHECKS = [
    no_session,
    foreign_origin,
    other_media_type,
    too_long,
    broken_json,
    no_target_id,
    other_target_type,
    other_vote_type,
    limit_reached,
    unknown_target,
    database_away,
]
# Without a database nobody can tell that a target is unknown.
PAIRS = [pair for pair in combinations(CHECKS, 2) if pair != (unknown_target, database_away)]


@pytest.mark.parametrize(
    "faults", [*[(each,) for each in CHECKS], *PAIRS], ids=lambda given: "-".join(each.name for each in given)
)
def test_answer_is_the_first_documented_error_and_nothing_changes_when_a_request_has_faults(
    faults: tuple[Fault, ...], database: Database, limited_app: Flask, stranded_app: Flask
) -> None:
    draft = Draft()
    for each in reversed(faults):
        each.spoil(draft)
    app = stranded_app if draft.stranded else limited_app
    if draft.exhausted:
        post(app, user=draft.user)
    before = snapshot(database)
    body = json.dumps(draft.body) + draft.padding + draft.ending
    response = post(app, body.encode(), user=draft.user, headers=draft.headers)
    assert (response.status_code, response.get_json()) == (faults[0].status, {"error": faults[0].error})
    assert response.content_type == "application/json"
    assert response.headers["X-Request-ID"]
    assert ("Retry-After" in response.headers) is (faults[0] is limit_reached)
    assert snapshot(database) == before
