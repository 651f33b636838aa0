"""Targets that outgrew their document, on the real server: cost, totals, order, and what a host may do to them."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from pymongo import MongoClient

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.repository import VoteRepository, Voters
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Tally, Target, TargetKind, TargetNotFound, Vote
from tests.support.clock import eventually
from tests.support.commands import CountedCommands
from tests.support.moved import move, reassembled

UP, DOWN = Vote.UP, Vote.DOWN
QUESTION = Target(TargetKind.QUESTION, "q")
SOUND = {"upvotes": 3, "downvotes": 1, "likedBy": ["ada", "bob", "carol"], "dislikedBy": ["dan"]}
COLD = ["findAndModify", "findAndModify", "aggregate"]
WARM = ["findAndModify", "aggregate"]


@pytest.fixture
def repository(watched: MongoClient[Document], database: Database) -> VoteRepository:
    """A process that has just started, with a moved question; its commands are counted."""
    put(database)
    move(database, QUESTION)
    return VoteRepository(watched[database.name])


def put(database: Database, **changes: object) -> None:
    database["questions"].insert_one({"_id": "q"} | SOUND | changes)


def document(database: Database) -> Document:
    found = database["questions"].find_one({"_id": "q"})
    assert found is not None
    return found


@contextmanager
def maintenance_of(database: Database, overflow_at: int) -> Iterator[Maintenance]:
    maintenance = Maintenance(database, TargetFinder(), overflow_at)
    yield maintenance
    maintenance.stop()


@pytest.mark.parametrize("voter", ["ada", "dan", "eve"])
@pytest.mark.parametrize("vote", Vote)
def test_toggle_costs_two_round_trips_when_the_target_is_known_to_be_moved(
    repository: VoteRepository, counted: CountedCommands, voter: str, vote: Vote
) -> None:
    with counted.during() as names:
        repository.toggle(QUESTION, "frank", vote)
    assert names == ["findAndModify", *COLD]
    with counted.during() as names:
        repository.toggle(QUESTION, voter, vote)
    assert names == WARM


@pytest.mark.parametrize("voter", ["ada", "dan", "eve"])
def test_set_and_clear_cost_two_round_trips_whether_they_change_anything_or_not(
    repository: VoteRepository, counted: CountedCommands, voter: str
) -> None:
    with counted.during() as names:
        repository.clear(QUESTION, "nobody")
    assert names == COLD
    for _ in range(2):
        with counted.during() as names:
            repository.set(QUESTION, voter, UP)
        assert names == WARM
    for _ in range(2):
        with counted.during() as names:
            repository.clear(QUESTION, voter)
        assert names == WARM


def test_tally_costs_one_round_trip_once_the_target_is_known_to_be_moved(
    repository: VoteRepository, counted: CountedCommands
) -> None:
    with counted.during() as names:
        assert repository.tally(QUESTION, "ada") == Tally(3, 1, UP)
    assert names == ["aggregate", "aggregate"]
    with counted.during() as names:
        repository.toggle(QUESTION, "eve", UP)
    assert names == WARM
    with counted.during() as names:
        assert repository.tally(QUESTION, "dan") == Tally(4, 1, DOWN)
    assert names == ["aggregate"]


def test_tallies_cost_two_round_trips_when_some_targets_are_moved(
    repository: VoteRepository, database: Database, counted: CountedCommands
) -> None:
    database["questions"].insert_many([{"_id": f"q_{number}"} | SOUND for number in range(50)])
    for number in range(5):
        move(database, Target(TargetKind.QUESTION, f"q_{number}"))
    ids = [f"q_{number}" for number in range(50)]
    for _ in range(2):
        with counted.during() as names:
            assert repository.tallies(TargetKind.QUESTION, ids, "ada") == dict.fromkeys(ids, Tally(3, 1, UP))
        assert names == ["aggregate", "aggregate"]


def test_vote_costs_one_round_trip_when_the_target_is_small_though_it_could_be_moved(
    watched: MongoClient[Document], database: Database, counted: CountedCommands
) -> None:
    put(database)
    with maintenance_of(database, 1000) as maintenance:
        votes = VoteRepository(watched[database.name], maintenance=maintenance)
        with counted.during() as names:
            votes.toggle(QUESTION, "eve", UP)
    assert names == ["findAndModify"]


@pytest.mark.parametrize(("overflow_at", "moved"), [(0, False), (4, True), (5, False)])
def test_target_is_moved_when_it_has_more_voters_than_set(database: Database, overflow_at: int, moved: bool) -> None:
    put(database)
    with maintenance_of(database, overflow_at) as maintenance:
        votes = VoteRepository(database, maintenance=maintenance)
        assert votes.toggle(QUESTION, "eve", UP) == Tally(4, 1, UP)
        if moved:
            eventually(lambda: document(database).get(OVERFLOW, {}).get("form") == "moved")
        else:
            assert not maintenance._migrations._outgrown
        assert votes.toggle(QUESTION, "eve", DOWN) == Tally(3, 2, DOWN)
    assert reassembled(database, QUESTION)["likedBy"] == SOUND["likedBy"]


def test_totals_of_the_document_follow_when_votes_are_cast(database: Database) -> None:
    put(database, upvotes=10)
    move(database, QUESTION)
    with maintenance_of(database, 1) as maintenance:
        votes = VoteRepository(database, maintenance=maintenance)
        for number in range(20):
            votes.toggle(QUESTION, f"voter_{number}", UP)
        votes.toggle(QUESTION, "ada", DOWN)
        eventually(lambda: (document(database)["upvotes"], document(database)["downvotes"]) == (29, 2))
        eventually(lambda: not Compaction(database).uncompacted())
        assert votes.tally(QUESTION) == Tally(29, 2, None)
        # What a host adds stays.
        database["questions"].update_one({}, {"$inc": {"upvotes": 100}})
        assert votes.toggle(QUESTION, "voter_0", UP) == Tally(128, 2, None)
        eventually(lambda: document(database)["upvotes"] == 128)


def test_totals_follow_when_the_process_that_took_the_vote_is_gone(database: Database) -> None:
    put(database)
    move(database, QUESTION)
    VoteRepository(database).toggle(QUESTION, "eve", UP)
    with maintenance_of(database, 1) as maintenance:
        maintenance.start()
        eventually(lambda: document(database)["upvotes"] == 4)


def test_votes_start_anew_when_the_host_deletes_the_document_and_makes_it_again(database: Database) -> None:
    put(database)
    move(database, QUESTION)
    votes = VoteRepository(database)
    assert votes.toggle(QUESTION, "eve", UP) == Tally(4, 1, UP)
    database["questions"].delete_one({"_id": "q"})
    for call in (votes.toggle, votes.set):
        with pytest.raises(TargetNotFound):
            call(QUESTION, "frank", UP)
    with pytest.raises(TargetNotFound):
        votes.tally(QUESTION)
    with pytest.raises(TargetNotFound):
        votes.clear(QUESTION, "ada")
    database["questions"].insert_one({"_id": "q"})
    assert votes.toggle(QUESTION, "ada", DOWN) == Tally(0, 1, DOWN)
    assert votes.clear(QUESTION, "ada") == (Tally(0, 0, None), True)
    assert votes.toggle(QUESTION, "eve", UP) == Tally(1, 0, UP)
    move(database, QUESTION)
    assert votes.tally(QUESTION, "eve") == Tally(1, 0, UP)
    # A process that knows the first document only.
    database["questions"].delete_one({"_id": "q"})
    put(database)
    move(database, QUESTION)
    assert votes.toggle(QUESTION, "eve", UP) == Tally(4, 1, UP)
    assert votes.toggle(QUESTION, "ada", UP) == Tally(3, 1, None)


def test_maintenance_goes_on_with_others_when_a_moved_document_is_deleted(database: Database) -> None:
    put(database)
    move(database, QUESTION)
    VoteRepository(database).toggle(QUESTION, "eve", UP)
    database["questions"].delete_one({"_id": "q"})
    put(database)
    move(database, QUESTION)
    with maintenance_of(database, 1) as maintenance:
        VoteRepository(database, maintenance=maintenance).toggle(QUESTION, "eve", UP)
        eventually(lambda: document(database)["upvotes"] == 4)


def test_vote_breaks_a_seal_that_is_left_behind(database: Database) -> None:
    state = {"id": ObjectId(), "form": "sealed", "since": datetime.now(UTC), "touched": []}
    put(database, **{OVERFLOW: state})
    votes = VoteRepository(database)
    assert votes.tally(QUESTION, "ada") == Tally(3, 1, UP)
    assert votes.clear(QUESTION, "ada") == (Tally(2, 1, None), True)
    assert OVERFLOW not in document(database)
    assert votes.set(QUESTION, "eve", UP) == (Tally(3, 1, UP), True)


def test_move_ends_without_effect_when_its_seal_is_broken(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    put(database)
    votes = VoteRepository(database)

    def slow(_: object, begin: int) -> None:
        if document(database)[OVERFLOW]["form"] == "sealed":
            assert votes.toggle(QUESTION, "eve", UP) == Tally(4, 1, UP)

    monkeypatch.setattr("likes_api.repository.votes.maintenance.migration._Move._copy_noted", slow)
    assert not Migration(database, TargetFinder()).move(QUESTION)
    assert document(database) == {"_id": "q"} | SOUND | {"upvotes": 4, "likedBy": ["ada", "bob", "carol", "eve"]}
    assert [database[name].count_documents({}) for name in ("likes_votes", "likes_moved")] == [0, 0]


def test_votes_are_copied_again_when_cast_while_a_move_copies(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database)
    votes = VoteRepository(database)
    noted = "likes_api.repository.votes.maintenance.migration._Move._noted"
    calls = []

    def meanwhile(_: object) -> int:
        calls.append(None)
        if len(calls) == 1:
            votes.toggle(QUESTION, "ada", UP)
            votes.toggle(QUESTION, "carol", DOWN)
            votes.toggle(QUESTION, "eve", UP)
            votes.toggle(QUESTION, "bob", UP)
            votes.toggle(QUESTION, "bob", UP)
        return 0

    monkeypatch.setattr(noted, meanwhile)
    move(database, QUESTION)
    found = reassembled(database, QUESTION)
    assert (found["likedBy"], found["dislikedBy"]) == (["eve", "bob"], ["dan", "carol"])
    assert (found["upvotes"], found["downvotes"]) == (2, 2)
    assert database["likes_votes"].count_documents({}) == 4


def test_likers_come_own_first_then_oldest_first_whatever_the_page(database: Database) -> None:
    likers = [f"old_{number:02}" for number in range(10)]
    put(database, upvotes=10, likedBy=likers)
    move(database, QUESTION)
    votes = VoteRepository(database)
    votes.toggle(QUESTION, "old_03", UP)
    votes.set(QUESTION, "new", UP)
    votes.toggle(QUESTION, "old_03", UP)
    expected = [*likers[:3], *likers[4:], "new", "old_03"]
    # Listings are of posts; what is a question here may be listed as one.
    database["likes_posts"].insert_one(document(database))
    listing, post = VoteRepository(database), Target(TargetKind.POST, "q")
    for own in ("nobody", "dan", "old_00", "old_05", "new"):
        whole = ([own] if own in expected else []) + [voter for voter in expected if voter != own]
        for limit in (1, 2, 5, 20):
            for offset in range(14):
                page = Voters(tuple(whole[offset : offset + limit]), len(whole) > offset + limit)
                assert listing.likers(post, own, offset, limit) == page
    assert listing.likers(post, "new", 10**12, 5) == Voters((), more=False)


def test_overflow_stays_off_and_the_log_says_so_once_when_the_server_is_no_replica_set(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(database)
    monkeypatch.setattr("likes_api.repository.votes.maintenance.migrations.has_transactions", lambda _: False)
    with caplog.at_level(logging.WARNING), maintenance_of(database, 1) as maintenance:
        votes = VoteRepository(database, maintenance=maintenance)
        for number in range(20):
            votes.toggle(QUESTION, f"voter_{number}", UP)
            time.sleep(0.02)
    assert OVERFLOW not in document(database)
    assert len([record for record in caplog.records if "replica set" in record.message]) == 1
