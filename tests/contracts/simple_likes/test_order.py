"""The order of contract 2's checks: whatever is wrong with a request, its answer is the first of its errors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import pytest
from flask import Flask

from harness.documents import snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.answers import outcome
from tests.support.settings import settings
from tests.support.simple_likes import Visitor


@dataclass
class Draft:
    """A request that is right in all respects, until a fault is put in."""

    entry: str = "plain"
    user: str | None = "ada"
    body: bytes = b"{}"
    headers: dict[str, str | None] = field(default_factory=dict)
    exhausted: bool = False


def wrong_type(draft: Draft) -> None:
    draft.headers["Content-Type"] = "text/plain"


def no_token(draft: Draft) -> None:
    draft.headers["X-CSRF-TOKEN"] = None


def foreign_page(draft: Draft) -> None:
    draft.headers["Origin"] = "https://evil.example"


def exhausted(draft: Draft) -> None:
    draft.exhausted = True


def bad_body(draft: Draft) -> None:
    draft.body = b"{"


def unknown(draft: Draft) -> None:
    draft.entry = "none"


def locked(draft: Draft) -> None:
    draft.entry = "locked" if draft.entry == "plain" else draft.entry


def anonymous(draft: Draft) -> None:
    draft.user = None


FAULTS: list[tuple[Callable[[Draft], None], int, str]] = [
    (wrong_type, 415, "Content-Type must be application/json"),
    (no_token, 419, "CSRF mismatch"),
    (foreign_page, 419, "CSRF mismatch"),
    (exhausted, 429, "Too many requests"),
    (bad_body, 400, "Invalid request"),
    (unknown, 404, "Content not found"),
    (locked, 403, "Likes disabled"),
    (anonymous, 401, "Please log in"),
]


@pytest.fixture(scope="module")
def limited_app(module_database: Database) -> Flask:
    return create_app(settings(RATELIMIT_ENABLED="true", LIMIT_TOGGLE_ADDRESS="1/hour"), module_database)


@pytest.mark.parametrize(
    "faults",
    [*([fault] for fault in FAULTS), *(list(pair) for pair in combinations(FAULTS, 2)), FAULTS],
    ids=lambda faults: "-".join(fault[0].__name__ for fault in faults),
)
def test_answer_is_the_first_error_in_the_contracts_order_when_a_request_has_faults(
    limited_app: Flask, database: Database, faults: list[tuple[Callable[[Draft], None], int, str]]
) -> None:
    draft = Draft()
    for spoil, *_ in faults:
        spoil(draft)
    visitor = Visitor(limited_app, draft.user)
    if draft.exhausted:
        visitor.toggle("none")
    before = snapshot(database)
    response = visitor.toggle(draft.entry, draft.body, draft.headers)
    _, status, message = faults[0]
    assert outcome(response) == (status, {"error": message})
    assert ("Retry-After" in response.headers) is (status == 429)
    assert response.content_type == "application/json"
    assert snapshot(database) == before
