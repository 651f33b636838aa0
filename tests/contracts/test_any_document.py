"""Whatever a host has left in a target's vote fields: no answer is an error, and a repair makes every vote exact."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.documents import faults
from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.consistency.repair import verify_votes
from tests.support.bson_values import ANYTHING, HEX, NUMBERS, SCALARS, VOTERS
from tests.support.diaspora import BOB, token_of
from tests.support.qa_votes import post
from tests.support.settings import settings as app_settings
from tests.support.simple_likes import Visitor

SETS = [ObjectId("64b7f0c2a1b2c3d4e5f60700"), ObjectId("64b7f0c2a1b2c3d4e5f60701")]
MISSING = st.just(...)
STATES = st.fixed_dictionaries(
    {},
    optional={
        "form": st.sampled_from(["copying", "sealed", "moved", "x"]) | SCALARS,
        "id": st.sampled_from(SETS) | SCALARS,
        "up": NUMBERS | SCALARS,
        "down": NUMBERS | SCALARS,
        "rev": st.integers(0, 3) | SCALARS,
        "touched": st.lists(st.sampled_from(VOTERS), max_size=3) | SCALARS,
        "since": st.just(datetime(2020, 1, 1, tzinfo=UTC)) | SCALARS,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "upvotes": MISSING | NUMBERS | ANYTHING,
        "downvotes": MISSING | NUMBERS | ANYTHING,
        "likedBy": MISSING | st.lists(st.sampled_from(VOTERS) | SCALARS, max_size=4) | ANYTHING,
        "dislikedBy": MISSING | st.lists(st.sampled_from(VOTERS) | SCALARS, max_size=4) | ANYTHING,
        "likesOverflow": MISSING | MISSING | STATES | ANYTHING,
    }
).map(lambda fields: {name: value for name, value in fields.items() if value is not ...})
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
COLLECTIONS = ("questions", "messages", "likes_entries", "likes_posts", "likes_comments")


@pytest.fixture(scope="module")
def fuzzed(module_database: Database) -> Flask:
    return create_app(app_settings(), module_database)


class Everybody:
    """Vote on every target by every route, twice, and look at them between."""

    def __init__(self, app: Flask, database: Database) -> None:
        database["likes_people"].replace_one(
            {"_id": BOB}, {"_id": BOB, "diaspora_id": "bob@example.com", "name": "Bob"}, upsert=True
        )
        self._app = app
        self._visitor = Visitor(app, user="ada")
        self._bearer = {"Authorization": f"Bearer {token_of(database, BOB)}"}

    def statuses(self) -> list[int]:
        found = [each.status_code for voter in ("ada", HEX) for each in self._ballots(voter)]
        found += [self._visitor.toggle("t").status_code for _ in range(2)]
        found.append(self._visitor.get("status?ids=t").status_code)
        with self._app.test_client() as client:
            for url in ("/api/v1/posts/t/likes", "/api/v1/posts/t/comments/t/likes"):
                for method in ("GET", "POST", "GET", "DELETE", "POST"):
                    found.append(client.open(url, method=method, headers=self._bearer).status_code)
        return found

    def _ballots(self, voter: str) -> list[Any]:
        ballots = [
            {"targetId": "t", "targetType": kind, "voteType": vote}
            for kind in ("question", "message")
            for vote in ("up", "down", "down", "up")
        ]
        return [post(self._app, ballot, user=voter) for ballot in ballots]


def put(database: Database, document: Document) -> None:
    for name in (*COLLECTIONS, "likes_votes", "likes_moved"):
        database[name].delete_many({})
    own: dict[str, Document] = {
        "likes_posts": {"author": "alice", "public": True},
        "likes_comments": {"author": "alice", "post": "t"},
    }
    for name in COLLECTIONS:
        database[name].insert_one({"_id": "t", **own.get(name, {}), **document})


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=DOCUMENTS)
def test_no_answer_is_an_error_and_a_repair_leaves_exact_votes_whatever_the_fields_hold(
    fuzzed: Flask, module_database: Database, document: Document
) -> None:
    put(module_database, document)
    everybody = Everybody(fuzzed, module_database)
    statuses = everybody.statuses()
    assert max(statuses) < 500, statuses
    wanted = sum(fault.votes for _, fault, _ in verify_votes(module_database, repair=True) if fault is not None)
    list(verify_votes(module_database, repair=True, delete=wanted))
    left = [str(fault) for _, fault, _ in verify_votes(module_database, repair=False) if fault is not None]
    assert not left
    assert max(everybody.statuses()) < 500
    for name in COLLECTIONS:
        found = module_database[name].find_one({"_id": "t"})
        assert found is not None
        pairs = (("upvotes", "likedBy"), ("downvotes", "dislikedBy"))
        surplus = {counter: found[counter] - len(found[array]) for counter, array in pairs}
        # What a host imported without voters stays in its own documents.
        assert all(each >= 0 if name in ("questions", "messages") else each == 0 for each in surplus.values())
        assert not list(faults(found, surplus))
