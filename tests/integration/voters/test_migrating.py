"""A voter leaves while the votes of a target move: copied, noted and locked, alive or cut off."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from likes_api.repository.audit import AuditLog
from likes_api.repository.voters.leaving import Leaving
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.maintenance.migration import _Move
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind, Vote
from tests.support.moved import move
from tests.support.voters import inexact, make_indexes, traces, votes_in

ENTRY = Target(TargetKind.ENTRY, "e")
OTHERS = ["ada", "bob"]


@pytest.fixture
def leaving(database: Database) -> Iterator[Leaving]:
    make_indexes(database)
    database["likes_entries"].insert_one(
        {"_id": "e", "likedBy": ["leaver-x", *OTHERS], "upvotes": 3, "dislikedBy": [], "downvotes": 0}
    )
    yield Leaving(database, AuditLog(database, 1, str.upper))
    assert inexact(database) == []


def begun(database: Database, age: timedelta = timedelta(0)) -> _Move:
    """Begin to move the entry's votes, and copy them."""
    id_ = ObjectId.from_datetime(datetime.now(UTC) - age)
    database["likes_moved"].insert_one({"_id": id_, "collection": "entries", "target": "e"})
    move = _Move(database, "entries", TargetFinder().path(TargetKind.ENTRY), "e", id_)
    assert move.start()
    move._copy(
        {"voter": "$likedBy"}, {"$unwind": {"path": "$voter", "includeArrayIndex": "place"}}, {"vote": "up", "place": 1}
    )
    return move


def erase(leaving: Leaving, seconds: float = 0.2) -> bool:
    return leaving.erase("leaver-x", "t", leaving.lacking(), seconds).is_finished


def test_erase_waits_for_a_migration_that_has_copied_the_voter_and_leaves_nothing_behind_it(
    leaving: Leaving, database: Database
) -> None:
    move = begun(database)
    assert not erase(leaving)
    assert (database["likes_entries"].find_one() or {})["likedBy"] == OTHERS
    assert "likes_entries" in traces(database, "leaver-x")
    assert move.finish()
    assert erase(leaving)
    assert traces(database, "leaver-x") == []
    assert votes_in(database, ENTRY) == (OTHERS, [])


def test_merge_is_copied_for_both_when_a_migration_is_under_way(leaving: Leaving, database: Database) -> None:
    move = begun(database)
    lacking = leaving.lacking()
    assert not leaving.merge("leaver-x", "heir", "t", lacking, 0.1).is_finished
    assert move.finish()
    assert leaving.merge("leaver-x", "heir", "t", lacking, 60.0).is_finished
    assert traces(database, "leaver-x") == []
    liked, disliked = votes_in(database, ENTRY)
    assert (sorted(liked), disliked) == (["ada", "bob", "heir"], [])


def test_erase_waits_for_a_voter_who_is_only_noted(leaving: Leaving, database: Database) -> None:
    database["likes_entries"].update_one({}, {"$set": {"likedBy": OTHERS, "upvotes": 2}})
    move = begun(database)
    votes = VoteRepository(database)
    votes.toggle(ENTRY, "leaver-x", Vote.UP)
    votes.toggle(ENTRY, "leaver-x", Vote.UP)
    assert traces(database, "leaver-x") == ["likes_entries"]
    assert not erase(leaving)
    assert move.finish()
    assert erase(leaving)
    assert traces(database, "leaver-x") == []


def test_erase_abandons_a_migration_that_was_cut_off(leaving: Leaving, database: Database) -> None:
    begun(database, age=timeouts.STALE_MIGRATION + timedelta(seconds=1))
    assert erase(leaving, 60.0)
    assert traces(database, "leaver-x") == []
    assert votes_in(database, ENTRY) == (OTHERS, [])
    assert list(database["likes_votes"].find()) == list(database["likes_moved"].find()) == []


def test_erase_waits_for_the_copy_of_a_migration_that_ended_in_vain_and_deletes_an_old_one(
    leaving: Leaving, database: Database
) -> None:
    # Alive, its process deletes the set; killed, nobody does.
    begun(database).give_up()
    assert not erase(leaving)
    assert traces(database, "leaver-x") == ["likes_voter_jobs", "likes_votes"]
    database["likes_votes"].delete_many({})
    begun(database, age=timeouts.STALE_MIGRATION + timedelta(seconds=1)).give_up()
    database["likes_votes"].update_many({}, {"$set": {"place": 0}})
    assert erase(leaving, 60.0)
    assert traces(database, "leaver-x") == []


def test_erase_waits_a_moment_for_a_lock_and_takes_it_away_when_it_lasts(
    leaving: Leaving, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"id": ObjectId(), "form": "sealed", "since": datetime.now(UTC), "touched": []}
    database["likes_entries"].update_one({}, {"$set": {OVERFLOW: state}})
    monkeypatch.setattr(timeouts, "LOCKED_SECONDS", 3_600.0)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(erase, leaving, 60.0)
        with pytest.raises(TimeoutError):
            work.result(0.3)
        assert (database["likes_entries"].find_one() or {})["upvotes"] == 3
        monkeypatch.setattr(timeouts, "LOCKED_SECONDS", 0.0)
        assert work.result(60)
    assert traces(database, "leaver-x") == []
    assert votes_in(database, ENTRY) == (OTHERS, [])


def test_sets_that_no_target_names_are_rid_of_the_voter(leaving: Leaving, database: Database) -> None:
    for marked in ({"moved": True}, None):
        set_ = ObjectId()
        if marked:
            database["likes_moved"].insert_one({"_id": set_, "collection": "questions", "target": "gone", **marked})
        database["likes_votes"].insert_many(
            {"_id": {"t": set_, "v": voter}, "vote": "up"} for voter in ("leaver-x", "x")
        )
    assert erase(leaving, 60.0)
    assert traces(database, "leaver-x") == []
    assert database["likes_votes"].count_documents({}) == 2
    database["likes_votes"].delete_many({})


@pytest.mark.parametrize("counter", ["5", None, [], False, float("nan"), -3])
def test_voter_is_erased_when_a_host_wrote_no_number_as_counter_of_a_moved_target(
    database: Database, counter: Any
) -> None:
    make_indexes(database)
    database["likes_entries"].insert_one({"_id": "e", "likedBy": ["leaver-x", *OTHERS], "upvotes": 3})
    move(database, ENTRY)
    database["likes_entries"].update_one({"_id": "e"}, {"$set": {"upvotes": counter}})
    assert erase(Leaving(database, AuditLog(database, 1, str.upper)), 60.0)
    assert traces(database, "leaver-x") == []
    assert all(mended for _, fault, mended in verify_votes(database, repair=True) if fault is not None)
    assert votes_in(database, ENTRY) == (OTHERS, [])
