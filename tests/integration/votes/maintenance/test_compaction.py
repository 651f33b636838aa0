"""A moved target's document shows the votes that stand, whichever of its votes a compaction finds."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.maintenance.compaction import BATCH, Compaction, Moved
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, Vote
from tests.support.commands import CountedCommands
from tests.support.moved import move

ENTRY = Target(TargetKind.ENTRY, "moved")
HERE = Moved("entries", "moved")


@pytest.fixture
def document(database: Database) -> Callable[[], Mapping[str, Any]]:
    """Return what reads the document of a target that was moved with 2 up votes and 1 down vote."""
    entry = {"_id": "moved", "likedBy": ["ada", "bob"], "dislikedBy": ["cy"], "upvotes": 2, "downvotes": 1}
    database["likes_entries"].insert_one(entry)
    move(database, ENTRY)
    return lambda: database["likes_entries"].find_one({"_id": "moved"}) or {}


def set_of(document: Mapping[str, Any]) -> ObjectId:
    id_: ObjectId = document[OVERFLOW]["id"]
    return id_


@pytest.mark.parametrize("published", [False, True])
def test_document_shows_all_votes_when_one_comes_between_publishing_and_compacting(
    database: Database, document: Callable[[], Mapping[str, Any]], published: bool
) -> None:
    """They stood apart until the next vote: the sweep looks at targets with pending votes alone."""
    votes, compaction, id_ = VoteRepository(database), Compaction(database), set_of(document())
    votes.toggle(ENTRY, "dan", Vote.UP)
    if published:
        assert compaction.publish(id_, HERE)
    votes.toggle(ENTRY, "ada", Vote.DOWN)
    assert compaction.compact(id_, HERE) == 2
    shown = document()
    assert (shown["upvotes"], shown["downvotes"]) == (2, 2)
    assert (shown[OVERFLOW]["up"], shown[OVERFLOW]["down"], "compacting" in shown[OVERFLOW]) == (0, 0, False)
    tally = votes.tally(ENTRY)
    assert (tally.upvotes, tally.downvotes) == (2, 2)


def test_counts_stand_when_a_batch_is_not_all_that_is_pending(
    database: Database, document: Callable[[], Mapping[str, Any]]
) -> None:
    votes, compaction, id_ = VoteRepository(database), Compaction(database), set_of(document())
    for voter in ("dan", "eve", "fay"):
        votes.toggle(ENTRY, voter, Vote.UP)
    compacted = []
    while (batch := compaction.compact(id_, HERE, batch=2)) is not None and batch > 0:
        compacted.append(batch)
        assert votes.tally(ENTRY).upvotes == 5
    assert compacted == [2, 1]
    assert document()["upvotes"] == 5


@pytest.mark.parametrize("counter", ["5", None, [], False, {"count": 3}, float("nan"), -3])
def test_sets_are_compacted_when_a_host_wrote_no_number_as_counter(
    database: Database, document: Callable[[], Mapping[str, Any]], counter: Any
) -> None:
    votes, compaction, id_ = VoteRepository(database), Compaction(database), set_of(document())
    database["likes_entries"].update_one({"_id": "moved"}, {"$set": {"upvotes": counter}})
    votes.toggle(ENTRY, "dan", Vote.UP)
    before = votes.tally(ENTRY)
    assert compaction.publish(id_, HERE)
    votes.toggle(ENTRY, "eve", Vote.UP)
    assert compaction.compact(id_, HERE) == 2
    assert document()["upvotes"] == votes.tally(ENTRY).upvotes == before.upvotes + 1


def test_compaction_is_four_round_trips_and_a_claim_however_many_are_pending(
    watched: MongoClient[Document], counted: CountedCommands, database: Database, document: Callable[[], Any]
) -> None:
    votes, id_ = VoteRepository(database), set_of(document())
    for voter in range(BATCH + 10):
        votes.toggle(ENTRY, f"voter-{voter}", Vote.UP)
    with counted.during() as commands:
        assert Compaction(watched[database.name]).compact(id_, HERE) == BATCH
    assert commands == ["update", "find", "update", "update", "commitTransaction"]
