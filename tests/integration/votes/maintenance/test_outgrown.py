"""Which targets move out of their documents: by the voters in the arrays, and by whose documents they are."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from likes_api import metrics
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_votes import OVERFLOW
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.maintenance import migrations as module
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, TargetFinder
from likes_api.votes import Tally, Target, TargetKind, Vote
from tests.support.moved import move

SECONDS = 60.0


@contextmanager
def votes_of(database: Database, overflow_at: int, qa_overflow_at: int) -> Iterator[VoteRepository]:
    maintenance = Maintenance(database, TargetFinder(), overflow_at, qa_overflow_at)
    yield VoteRepository(database, maintenance=maintenance)
    maintenance.stop()


def document(database: Database, target: Target) -> Document:
    return collections.get(database, COLLECTIONS[target.kind]).find_one({"_id": target.id}) or {}


def moves(database: Database, target: Target) -> bool:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (document(database, target).get(OVERFLOW) or {}).get("form") == "moved":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("host_moves", [False, True])
def test_documents_of_the_host_stay_in_the_documented_form_unless_the_setting_says_otherwise(
    database: Database, host_moves: bool
) -> None:
    targets = [Target(kind, "t") for kind in TargetKind]
    for target in targets:
        collections.get(database, COLLECTIONS[target.kind]).insert_one({"_id": "t"})
    staying = [target for target in targets if target.kind in HOST_OWNED and not host_moves]
    with votes_of(database, 2, 2 if host_moves else 0) as votes:
        for target in [*staying, *(target for target in targets if target not in staying)]:
            for voter in ("ada", "bob", "carol"):
                votes.toggle(target, voter, Vote.UP)
        # Those that stay were voted on first: what moves afterwards shows that they have been looked at.
        assert all(moves(database, target) for target in targets if target not in staying)
    for target in staying:
        found = document(database, target)
        assert (found["likedBy"], found["upvotes"], OVERFLOW in found) == (["ada", "bob", "carol"], 3, False)


def test_target_stays_until_its_voters_are_too_many_when_a_host_counts_more(database: Database) -> None:
    surplus, other = Target(TargetKind.QUESTION, "t"), Target(TargetKind.QUESTION, "other")
    database["questions"].insert_one(
        {"_id": "t", "upvotes": 1_500, "likedBy": ["x", "y"], "downvotes": 0, "dislikedBy": []}
    )
    database["questions"].insert_one(
        {"_id": "other", "upvotes": 9, "likedBy": list("abcdefghi"), "downvotes": 0, "dislikedBy": []}
    )
    with votes_of(database, 5, 5) as votes:
        assert votes.toggle(surplus, "c", Vote.UP) == Tally(1_501, 0, Vote.UP)
        votes.toggle(other, "c", Vote.DOWN)
        votes.toggle(other, "j", Vote.UP)
        assert moves(database, other)
        assert document(database, surplus)["likedBy"] == ["x", "y", "c"]
        for voter in ("d", "e", "f"):
            votes.toggle(surplus, voter, Vote.UP)
        assert moves(database, surplus)
        assert votes.tally(surplus, "x") == Tally(1_504, 0, Vote.UP)


def test_many_voters_are_told_in_log_and_metric_when_they_stay_in_a_document(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MANY_VOTERS", 2)
    database["messages"].insert_one({"_id": "t"})
    with caplog.at_level(logging.WARNING), votes_of(database, 1, 0) as votes:
        for voter in ("ada", "bob", "carol"):
            votes.toggle(Target(TargetKind.MESSAGE, "t"), voter, Vote.UP)
        end = time.monotonic() + SECONDS
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.02)
    (record,) = caplog.records
    assert (record.message, record.__dict__["voters"]) == ("a document holds many voters, and ends at 16 MB", 3)
    assert 'likes_document_voters{kind="message"} 3.0' in metrics.render().decode()


def test_nothing_is_left_of_an_entry_when_it_is_made_again_and_voted_on(database: Database) -> None:
    entry, entries = Target(TargetKind.ENTRY, "t"), database["likes_entries"]
    entries.insert_one({"_id": "t", "upvotes": 2, "likedBy": ["ada", "bob"]})
    move(database, entry)
    with votes_of(database, 1_000, 0) as votes:
        other = VoteRepository(database)
        assert votes.tally(entry) == other.tally(entry) == Tally(2, 0, None)
        entries.delete_one({})
        entries.insert_one({"_id": "t"})
        # This process knows the earlier one's set, and votes there first.
        assert votes.toggle(entry, "carol", Vote.UP) == Tally(1, 0, Vote.UP)
        end = time.monotonic() + SECONDS
        while database["likes_moved"].count_documents({}) and time.monotonic() < end:
            time.sleep(0.05)
    assert other.toggle(entry, "dan", Vote.UP) == Tally(2, 0, Vote.UP)
    assert [database[name].count_documents({}) for name in ("likes_moved", "likes_votes")] == [0, 0]
    assert [fault for _, fault, _ in verify_votes(database, repair=False) if fault] == []
