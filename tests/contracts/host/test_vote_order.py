"""The order of the checks of a write: a request with two faults is answered for the one that comes first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pytest
from flask import Flask

from harness.documents import all_faults, snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support import diaspora
from tests.support.answers import outcome
from tests.support.host import ADA, GUEST, Caller, person, refused, service, vote_url
from tests.support.settings import settings

FOREIGN = {"Origin": "https://elsewhere.example"}
SHOP = "https://shop.example.com"


@dataclass(frozen=True, slots=True)
class Write:
    """A request that is sound until a fault is put in."""

    caller: Caller
    type_: str
    id_: str
    body: bytes = b'{"value": 1}'
    headers: Mapping[str, str] | None = None

    def send(self, app: Flask, method: str = "PUT") -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"} | dict(self.headers or {})
        return outcome(self.caller.ask(app, method, vote_url(self.type_, self.id_), self.body, headers))


# The faults of a user who votes on an entry, each with its answer, in the contract's order. The same part of a request
# cannot have two.
FAULTS: list[tuple[str, dict[str, Any], tuple[int, dict[str, str]]]] = [
    ("caller", {"caller": Caller({"Cookie": "next-auth.session-token=forged"})}, refused(401, "Unauthorized")),
    ("origin", {"headers": FOREIGN}, refused(403, "Cross-site request refused")),
    ("media", {"headers": {"Content-Type": "text/plain"}}, refused(415, "Content-Type must be application/json")),
    ("body", {"body": b"{"}, refused(400, "Invalid JSON")),
    ("type", {"type_": "page"}, refused(400, "Invalid target type")),
    ("value", {"body": b'{"value": 2}'}, refused(400, "Invalid value")),
    ("id", {"id_": "none"}, refused(404, "Not found")),
    ("locked", {"id_": "locked"}, refused(403, "Likes disabled")),
    ("down", {"body": b'{"value": -1}'}, refused(422, "No downvotes here")),
]
PAIRS = [pair for pair in combinations(FAULTS, 2) if {name for name, _, _ in pair} != {"down", "body"}]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda fault: fault[0])
def test_earlier_check_answers_when_a_write_has_two_faults(
    app: Flask, database: Database, first: Any, second: Any
) -> None:
    sound = Write(ADA, "entry", "plain")
    before = snapshot(database)
    fields = {**second[1], **first[1]}
    if "headers" in first[1] and "headers" in second[1]:
        fields["headers"] = {**second[1]["headers"], **first[1]["headers"]}
    assert replace(sound, **fields).send(app) == first[2]
    assert snapshot(database) == before


def test_missing_scope_and_limit_come_between_the_value_and_the_target(database: Database) -> None:
    app = create_app(settings(RATELIMIT_ENABLED="true", LIMIT_VOTE="1/minute"), database)
    scope, limit = refused(403, "insufficient_scope"), refused(429, "Too many requests")
    reads = person(database, scopes=["public:read"])
    for value, expected in ((b'{"value": 2}', refused(400, "Invalid value")), (b'{"value": 1}', scope)):
        for id_ in (diaspora.PUBLIC, "none"):
            assert Write(reads, "post", id_, value).send(app) == expected
    # What was refused before has not been counted.
    bob = person(database)
    assert Write(bob, "post", "none").send(app) == refused(404, "Not found")
    assert Write(bob, "post", diaspora.PUBLIC).send(app) == limit
    assert Write(bob, "post", "none").send(app) == limit
    assert Write(reads, "post", diaspora.PUBLIC).send(app) == scope
    for late in ("none", "locked", "members"):
        assert Write(replace(GUEST, address="192.0.2.77"), "entry", late).send(app)[0] in {404, 429}
    assert all_faults(database) == []


def test_limit_is_one_for_all_targets_and_methods_of_a_caller_and_of_a_guest_address(database: Database) -> None:
    app = create_app(settings(RATELIMIT_ENABLED="true", LIMIT_VOTE="2/minute", GUEST_LIKES="true"), database)
    writes = service(database, "votes:write")
    callers = [ADA, writes.for_("bob"), writes.for_("carol"), GUEST, replace(GUEST, address="192.0.2.2")]
    for caller in callers:
        assert caller.put(app, "entry", "plain", 1).status_code == 200
        assert caller.delete(app, "entry", "none").status_code == 404
        response = caller.put(app, "entry", "guests", 1)
        assert outcome(response) == refused(429, "Too many requests")
        assert 1 <= int(response.headers["Retry-After"]) <= 60
    # Another browser of the address is another guest, and counted all the same.
    other = Caller({"User-Agent": "Another"}, GUEST.address)
    assert other.delete(app, "entry", "plain").status_code == 429


def test_guest_is_told_to_log_in_after_the_target_was_found(app: Flask, database: Database) -> None:
    assert outcome(GUEST.put(app, "entry", "none", 1)) == refused(404, "Not found")
    assert outcome(GUEST.put(app, "entry", "locked", 1)) == refused(403, "Likes disabled")
    for value in (1, 0, -1):
        assert outcome(GUEST.put(app, "entry", "members", value)) == refused(401, "Please log in")


# -- Origins


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_write_with_a_cookie_is_403_from_a_foreign_page_and_taken_from_ours_and_listed_ones(
    database: Database, method: str
) -> None:
    app = create_app(settings(CORS_ORIGINS=SHOP), database)
    for origin in ("https://elsewhere.example", "null", "https://shop.example.com.evil.example", "http://localhost:1"):
        write = Write(ADA, "question", "q/1", headers={"Origin": origin})
        assert write.send(app, method) == refused(403, "Cross-site request refused")
    assert "likedBy" not in database["questions"].find_one("q/1")
    for headers in ({}, {"Origin": SHOP}, {"Origin": "http://localhost"}):
        assert Write(ADA, "question", "q/1", headers=headers).send(app, method)[0] == 200


def test_write_with_a_token_is_taken_from_any_page(app: Flask, database: Database) -> None:
    bob, shop = person(database), service(database).for_("ada")
    assert Write(bob, "post", diaspora.PUBLIC, headers=FOREIGN).send(app)[0] == 200
    assert Write(shop, "question", "q/1", headers=FOREIGN).send(app)[0] == 200
    # Whatever cookie comes along does not count.
    both = Caller({**ADA.headers, **shop.headers})
    assert Write(both, "question", "q/1", headers=FOREIGN).send(app)[0] == 200


def test_write_of_a_guest_is_403_from_a_foreign_page(guest_app: Flask, database: Database) -> None:
    assert Write(GUEST, "entry", "plain", headers=FOREIGN).send(guest_app) == refused(403, "Cross-site request refused")


def test_page_of_a_listed_origin_may_send_a_put(database: Database) -> None:
    app = create_app(settings(CORS_ORIGINS=SHOP), database)
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    granted = app.test_client().options(vote_url("entry", "plain"), headers=asked).headers
    assert "PUT" in granted["Access-Control-Allow-Methods"]
    assert granted["Access-Control-Allow-Origin"] == SHOP
    answer = ADA.ask(app, "PUT", vote_url("entry", "plain"), {"value": 1}, {"Origin": SHOP})
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
