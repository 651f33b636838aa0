"""Whatever a host writes over the fields of a moved target: maintenance goes on, and a repair makes all votes exact."""

import os
from typing import Any

from bson import Decimal128, Int64
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from likes_api.mongodb.documents import Database
from likes_api.repository.audit import AuditLog
from likes_api.repository.voters.leaving import Leaving
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.maintenance.publishing import Publishing
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, Vote
from tests.support.bson_values import ANYTHING, NUMBERS
from tests.support.moved import move, reassembled
from tests.support.voters import make_indexes

FIELDS = ("upvotes", "downvotes", "likesOverflow.up", "likesOverflow.down", "likesOverflow.rev")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
TARGETS = {kind: Target(kind, "t") for kind in (TargetKind.ENTRY, TargetKind.QUESTION)}
NAMES = {TargetKind.ENTRY: "likes_entries", TargetKind.QUESTION: "questions"}


def publish(database: Database) -> None:
    """Do what the thread of maintenance does; an exception would be a failure that it counts."""
    Publishing(database).round()


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.dictionaries(st.sampled_from(FIELDS), NUMBERS | ANYTHING, min_size=1))
@example(written={"likesOverflow.rev": None, "likesOverflow.up": "1"})
@example(written={"upvotes": Decimal128("NaN"), "likesOverflow.down": Decimal128("sNaN")})
@example(written={"upvotes": "5", "downvotes": [], "likesOverflow.up": Int64(-(2**63))})
def test_votes_are_published_and_repaired_whatever_the_fields_of_a_moved_target_hold(
    module_database: Database, written: dict[str, Any]
) -> None:
    database = module_database
    make_indexes(database)
    votes = VoteRepository(database)
    for name in (*NAMES.values(), "likes_votes", "likes_moved"):
        database[name].delete_many({})
    for kind, target in TARGETS.items():
        database[NAMES[kind]].insert_one({"_id": "t", "likedBy": ["leaver-x", "ada"], "upvotes": 2})
        move(database, target)
        votes.toggle(target, "bob", Vote.UP)
        database[NAMES[kind]].update_one({"_id": "t"}, {"$set": written})
        votes.toggle(target, "ada", Vote.UP)
    publish(database)
    leaving = Leaving(database, AuditLog(database, 1, str.upper))
    assert leaving.erase("leaver-x", "t", leaving.lacking(), 60.0).is_finished
    list(verify_votes(database, repair=True))
    assert not [fault for _, fault, _ in verify_votes(database, repair=False) if fault is not None]
    for target in TARGETS.values():
        votes.toggle(target, "cy", Vote.UP)
    publish(database)
    for kind, target in TARGETS.items():
        found, shown = reassembled(database, target), database[NAMES[kind]].find_one() or {}
        counts = (found["upvotes"], found["downvotes"])
        assert found["likedBy"] == ["bob", "cy"]
        # What a host wrote without voters stays in its own documents.
        assert counts >= (2, 0) if kind is TargetKind.QUESTION else counts == (2, 0)
        assert counts == (shown["upvotes"], shown["downvotes"])
