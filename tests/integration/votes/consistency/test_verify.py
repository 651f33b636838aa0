"""Planted faults of every kind are found and mended, sound votes are not touched, and votes may come in between."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from bson import ObjectId

from harness.documents import snapshot
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS
from likes_api.votes import Tally, Target, TargetKind, Vote
from tests.support.moved import move, reassembled

ENTRY = Target(TargetKind.ENTRY, "e")
QUESTION = Target(TargetKind.QUESTION, "q")
OLD = datetime.now(UTC) - timedelta(minutes=5)
SOUND = {"upvotes": 3, "downvotes": 1, "likedBy": ["ada", "bob", "carol"], "dislikedBy": ["dan"]}


def lines(database: Database, *, repair: bool = False, delete: int | None = None) -> list[tuple[str, bool]]:
    return [(str(fault), mended) for _, fault, mended in verify_votes(database, repair=repair, delete=delete) if fault]


def put(database: Database, target: Target = ENTRY, **changes: object) -> None:
    collections.get(database, COLLECTIONS[target.kind]).insert_one({"_id": target.id} | SOUND | changes)


def set_of(database: Database, target: Target = ENTRY) -> ObjectId:
    found = collections.get(database, COLLECTIONS[target.kind]).find_one({"_id": target.id})
    assert found is not None
    id_: ObjectId = found[OVERFLOW]["id"]
    return id_


def mended(database: Database, target: Target = ENTRY) -> Document:
    """Repair; nothing may be left, nor be found when looked for again."""
    found = lines(database, repair=True)
    assert found
    assert all(done for _, done in found), found
    assert lines(database) == []
    return reassembled(database, target)


@pytest.mark.parametrize("moved", [False, True])
def test_verify_finds_and_changes_nothing_when_all_is_sound(database: Database, moved: bool) -> None:
    put(database)
    put(database, QUESTION, upvotes=99)  # a host's surplus
    database["messages"].insert_one({"_id": "m"})
    if moved:
        for target in (ENTRY, QUESTION):
            move(database, target)
            VoteRepository(database).toggle(target, "eve", Vote.UP)
    before = snapshot(database)
    assert lines(database, repair=True) == []
    assert snapshot(database) == before


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize(
    ("target", "counter", "expected"),
    [(ENTRY, 2, 3), (ENTRY, 4, 3), (ENTRY, -1, 3), (QUESTION, 2, 3), (ENTRY, None, 3)],
)
def test_counter_is_found_and_set_right_when_it_drifted(
    database: Database, target: Target, counter: int, expected: int, moved: bool
) -> None:
    put(database, target)
    if moved:
        move(database, target)
    collections.get(database, COLLECTIONS[target.kind]).update_one({}, {"$set": {"upvotes": counter}})
    assert len(lines(database)) == 1
    document = mended(database, target)
    assert (document["upvotes"], document["downvotes"]) == (expected, 1)


@pytest.mark.parametrize("target", [ENTRY, QUESTION])
def test_voter_is_left_once_when_standing_twice_or_in_both_arrays(database: Database, target: Target) -> None:
    arrays = {"likedBy": ["ada", "bob", "ada", "carol", "ada"], "dislikedBy": ["dan", "bob", "eve", "dan"]}
    put(database, target, upvotes=5, downvotes=4, **arrays)
    found = [line for line, _ in lines(database)]
    assert [part for line in found for part in ("twice in likedBy", "twice in dislikedBy", "both") if part in line]
    document = mended(database, target)
    assert (document["likedBy"], document["dislikedBy"]) == (["ada", "bob", "carol"], ["dan", "eve"])
    assert (document["upvotes"], document["downvotes"]) == (3, 2)


def test_surplus_of_a_host_is_kept_when_a_doubled_voter_is_taken_out(database: Database) -> None:
    put(database, QUESTION, upvotes=14, likedBy=["ada", "bob", "ada", "carol"])
    assert mended(database, QUESTION)["upvotes"] == 13


@pytest.mark.parametrize("form", ["copying", "sealed"])
def test_move_is_given_up_when_it_was_cut_off(database: Database, form: str) -> None:
    id_ = ObjectId.from_datetime(OLD)
    put(database, ENTRY, **{OVERFLOW: {"id": id_, "form": form, "since": OLD, "touched": ["ada"]}})
    database["likes_moved"].insert_one({"_id": id_, "collection": "entries", "target": "e"})
    database["likes_votes"].insert_one({"_id": {"t": id_, "v": "ada"}, "vote": "up", "place": 0})
    assert lines(database)[0][0] == "entries e: a move was cut off"
    assert mended(database) == {"_id": "e"} | SOUND
    assert [database[name].count_documents({}) for name in ("likes_moved", "likes_votes")] == [0, 0]


def test_move_is_left_alone_when_it_is_under_way(database: Database) -> None:
    id_ = ObjectId()
    state = {"id": id_, "form": "copying", "since": datetime.now(UTC), "touched": []}
    put(database, ENTRY, **{OVERFLOW: state})
    database["likes_moved"].insert_one({"_id": id_, "collection": "entries", "target": "e"})
    database["likes_votes"].insert_one({"_id": {"t": id_, "v": "ada"}, "vote": "up", "place": 0})
    assert lines(database, repair=True) == []
    assert database["likes_votes"].count_documents({}) == 1


def test_voters_are_taken_in_when_they_stand_in_the_arrays_of_a_moved_target(database: Database) -> None:
    put(database)
    move(database, ENTRY)
    database["likes_entries"].update_one({}, {"$push": {"likedBy": {"$each": ["ada", "new"]}, "dislikedBy": "other"}})
    document = mended(database)
    assert (set(document["likedBy"]), document["upvotes"]) == ({"ada", "bob", "carol", "new"}, 4)
    assert (document["dislikedBy"], document["downvotes"]) == (["dan", "other"], 2)


def test_register_is_mended_when_a_moved_target_is_not_in_it(database: Database) -> None:
    put(database)
    move(database, ENTRY)
    database["likes_moved"].delete_many({})
    assert mended(database)["likedBy"] == SOUND["likedBy"]
    assert database["likes_moved"].count_documents({}) == 1


def test_vote_is_deleted_when_it_is_neither_up_nor_down(database: Database) -> None:
    put(database)
    move(database, ENTRY)
    database["likes_votes"].insert_one({"_id": {"t": set_of(database), "v": "x"}, "vote": "sideways"})
    assert mended(database)["likedBy"] == SOUND["likedBy"]
    assert database["likes_votes"].count_documents({}) == 4


def test_votes_are_deleted_when_their_target_is_gone_and_their_number_is_given(database: Database) -> None:
    put(database)
    put(database, QUESTION)
    for target in (ENTRY, QUESTION):
        move(database, target)
    database["likes_entries"].delete_one({})
    old, votes = ObjectId.from_datetime(OLD), database["likes_votes"]
    votes.insert_many([{"_id": {"t": old, "v": str(number)}, "vote": "up"} for number in range(3)])
    found = ["entries e: 4 votes without a target", f"votes {old}: 3 votes without a target"]
    for delete in (None, 4, 6, 8):
        assert lines(database, repair=True, delete=delete) == [(line, False) for line in found]
        assert votes.count_documents({}) == 11
    assert lines(database, delete=7) == [(line, False) for line in found]  # without --repair
    assert lines(database, repair=True, delete=7) == [(line, True) for line in found]
    assert lines(database) == []
    assert {each["_id"]["t"] for each in votes.find()} == {set_of(database, QUESTION)}
    assert database["likes_moved"].count_documents({}) == 1


def test_votes_are_neither_lost_nor_doubled_when_cast_during_a_repair(database: Database) -> None:
    voters = [f"old_{number}" for number in range(2000)]
    put(database, ENTRY, upvotes=1900, likedBy=voters, dislikedBy=[], downvotes=0)
    put(database, QUESTION, upvotes=10, likedBy=["old", *voters[:50], "old"], dislikedBy=voters[40:60], downvotes=7)
    move(database, ENTRY)
    database["likes_entries"].update_one({}, {"$set": {"upvotes": 1234}})
    stop = Event()

    def vote(number: int) -> int:
        votes, done = VoteRepository(database), 0
        while not stop.is_set():
            for target in (ENTRY, QUESTION):
                assert votes.toggle(target, f"new_{number}_{done}", Vote.UP).own is Vote.UP
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(vote, number) for number in range(4)]
        try:
            assert all(done for _, done in lines(database, repair=True))
        finally:
            stop.set()
        cast = sum(each.result() for each in running)
    assert lines(database) == []
    entry, question = reassembled(database, ENTRY), reassembled(database, QUESTION)
    assert (entry["upvotes"], len(entry["likedBy"])) == (2000 + cast, 2000 + cast)
    assert len(question["likedBy"]) == 51 + cast
    assert len(question["dislikedBy"]) == 10


def test_index_serves_the_count_and_the_search_for_sets_when_there_are_many_votes(database: Database) -> None:
    collections.ensure_indexes(database, collections.VOTES)
    id_ = ObjectId()
    database["likes_votes"].insert_many(
        [{"_id": {"t": id_, "v": str(number)}, "vote": "up", "place": number} for number in range(2000)]
    )
    database["likes_entries"].insert_one(
        {"_id": "e", OVERFLOW: {"id": id_, "form": "moved", "up": 0, "down": 0, "rev": 0}}
    )
    assert VoteRepository(database).tally(Target(TargetKind.ENTRY, "e")) == Tally(0, 0, None)
    sets = {"aggregate": "likes_votes", "pipeline": [{"$group": {"_id": "$_id.t"}}], "cursor": {}}
    assert "DISTINCT_SCAN" in json.dumps(database.command("explain", sets), default=str)
    open_ = [{"$match": {"open": True, "_id.t": {"$in": [id_]}}}, {"$group": {"_id": "$_id.t", "up": {"$sum": "$up"}}}]
    plan = database.command("explain", {"aggregate": "likes_votes", "pipeline": open_, "cursor": {}})
    winning = json.dumps(plan["queryPlanner"]["winningPlan"], default=str)
    assert '"open"' in winning
    assert "FETCH" not in winning
