"""Entries by ``likes-api import``, on the real server."""

import json
from typing import Any

import pytest

from harness.documents import all_faults, snapshot
from likes_api.mongodb.documents import Database
from likes_api.ndjson import import_lines
from likes_api.repository.content import ContentRepository
from likes_api.repository.entries import EntryPolicy, EntryRepository
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind, TargetNotFound, Vote

FULL = {
    "title": "A title",
    "url": "/a",
    "collection": "blog",
    "boost": 41,
    "locked": False,
    "guest_allowed": True,
}


def put(database: Database, *entries: dict[str, Any]) -> list[str]:
    """Import entries; tell the faults."""
    lines = [json.dumps({"kind": "entry", "id": "a"} | entry).encode() for entry in entries]
    return [fault for _, faults in import_lines(lines, ContentRepository(database)) for fault in faults]


def test_entry_is_as_the_line_says_when_imported(database: Database) -> None:
    assert put(database, FULL) == []
    entry = database["likes_entries"].find_one("a")
    assert {name: entry[name] for name in FULL} == FULL
    assert EntryRepository(database).policy("a") == EntryPolicy(locked=False, guest_allowed=True)


def test_entry_is_open_and_leaves_guests_to_the_setting_when_the_line_says_nothing(database: Database) -> None:
    assert put(database, {}) == []
    assert EntryRepository(database).policy("a") == EntryPolicy(locked=False, guest_allowed=None)
    with pytest.raises(TargetNotFound):
        EntryRepository(database).policy("b")


def test_importing_again_changes_nothing(database: Database) -> None:
    put(database, FULL | {"likedBy": ["bob"]})
    before = snapshot(database)
    put(database, FULL | {"likedBy": ["bob"]})
    assert snapshot(database) == before


def test_votes_stay_and_a_new_boost_counts_when_an_entry_is_imported_again(database: Database) -> None:
    put(database, FULL)
    votes, target = VoteRepository(database), Target(TargetKind.ENTRY, "a")
    votes.toggle(target, "ada", Vote.UP)
    assert put(database, {"boost": 5, "locked": True}) == []
    assert votes.tally(target, "ada") == Tally(1, 0, Vote.UP, 5)
    assert EntryRepository(database).policy("a") == EntryPolicy(locked=True, guest_allowed=True)
    assert put(database, {"boost": 0, "likedBy": ["ada", "bob"]}) == []
    assert votes.tally(target, "bob") == Tally(2, 0, Vote.UP, 0)
    assert all_faults(database) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "a/b"},
        {"id": ""},
        {"id": "x" * 256},
        {"id": "a\n"},
        {"id": 7},
        {"boost": -1},
        {"boost": 1.5},
        {"boost": "41"},
        {"boost": True},
        {"boost": 2**31},
        {"boost": None},
        {"locked": "true"},
        {"locked": 1},
        {"guest_allowed": None},
        {"title": 7},
        {"upvotes": 99},
        {"likedBy": ["x", "x"]},
    ],
)
def test_bad_line_is_named_and_the_others_are_imported(database: Database, bad: dict[str, Any]) -> None:
    [fault] = put(database, {"id": "first"}, bad, {"id": "last"})
    assert fault.startswith("line 2: ")
    assert [entry["_id"] for entry in database["likes_entries"].find().sort("_id")] == ["first", "last"]


@pytest.mark.parametrize("held", [{"x": True}, "x", 7])
def test_lines_with_votes_are_imported_beside_an_entry_whose_array_is_none(database: Database, held: Any) -> None:
    database["likes_entries"].insert_one({"_id": "broken", "likedBy": held})
    lines = ({"id": "broken"}, {"id": "broken", "likedBy": ["a"]}, {"id": "other", "likedBy": ["a", "b"]})
    faults = put(database, *lines)
    assert [fault.partition(":")[0] for fault in faults] == ["line 2"]
    assert (database["likes_entries"].find_one({"_id": "other"}) or {})["likedBy"] == ["a", "b"]
