"""A host's collections without indexes are read once, in steps that go on where the one before has ended."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from harness.documents import all_faults
from likes_api.mongodb.collections import ENTRIES, VOTES, ensure_indexes
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.audit import AuditLog
from likes_api.repository.voters import in_arrays
from likes_api.repository.voters.leaving import Lacking, Leaving
from tests.support.commands import CountedCommands

HEX = "5f0000000000000000000001"
IDS: list[Any] = [*(f"q{number:02}" for number in range(40)), *range(5), 2.5, *(ObjectId() for _ in range(30)), b"x"]


@pytest.fixture
def leaving(database: Database, watched: MongoClient[Document]) -> Iterator[Leaving]:
    seen = watched[database.name]
    for name in (ENTRIES, VOTES):
        ensure_indexes(seen, name)
    yield Leaving(seen, AuditLog(seen, 1, str.upper))
    assert all_faults(database) == []


def fill(database: Database, voter: object) -> None:
    database["questions"].insert_many(
        {"_id": id_, "likedBy": [voter, "ada"] if number % 2 else ["ada"], "upvotes": 1 + number % 2}
        for number, id_ in enumerate(IDS)
    )


def held(database: Database, voter: object) -> int:
    return database["questions"].count_documents({"likedBy": voter})


@pytest.mark.parametrize("into", [None, "heir"])
def test_scan_goes_on_where_the_request_before_has_ended_whatever_ids_are_like(
    leaving: Leaving, database: Database, monkeypatch: pytest.MonkeyPatch, into: str | None
) -> None:
    fill(database, "leaver")
    database["likes_entries"].insert_one({"_id": "e", "likedBy": ["leaver"], "upvotes": 1})
    monkeypatch.setattr(in_arrays, "SCANNED", 7)
    lacking = leaving.lacking()
    assert lacking.indexes == ("questions.likedBy", "questions.dislikedBy")
    votes, done, requests, before = held(database, "leaver"), 0, 0, held(database, "leaver")
    while True:
        if into is None:
            progress = leaving.erase("leaver", "t", lacking, 0.0)
        else:
            progress = leaving.merge("leaver", into, "t", lacking, 0.0)
        done, requests = done + progress.done, requests + 1
        left = held(database, "leaver")
        assert progress.is_finished or before - left <= 7
        before = left
        if progress.is_finished:
            break
    assert (left, done) == (0, votes + 1)
    assert held(database, "heir") == (votes if into else 0)
    assert requests >= len(IDS) // 7


def test_export_and_erase_read_the_collection_once_when_there_is_no_index(
    leaving: Leaving, database: Database, counted: CountedCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, ObjectId(HEX))
    monkeypatch.setattr(in_arrays, "SCANNED", 20)
    lacking = leaving.lacking()
    with counted.during() as commands:
        found = [target.id for target, _ in leaving.export(HEX)]
    # The types that an id may have.
    assert sorted(found) == sorted(str(id_) for id_ in IDS[1::2] if isinstance(id_, str | ObjectId))
    assert commands == ["find"] * 5 + ["aggregate"]
    with counted.during() as commands:
        assert leaving.erase(HEX, "t", lacking, 60.0).is_finished
    assert commands.count("update") == 4  # one for each step that finds votes
    assert held(database, ObjectId(HEX)) == 0


def test_scan_finds_voters_byte_by_byte_when_the_collection_ignores_case(
    leaving: Leaving, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_arrays, "SCANNED", 4)
    database.drop_collection("questions")
    database.create_collection("questions", collation={"locale": "en", "strength": 1})
    for number in range(9):
        liked = ["leaver", "LEAVER"]
        database["questions"].insert_one({"_id": f"q{number}", "likedBy": liked, "upvotes": 2})
    assert leaving.erase("leaver", "t", leaving.lacking(), 60.0).done == 9
    assert [each["likedBy"] for each in database["questions"].find()] == [["LEAVER"]] * 9
    database.drop_collection("questions")


def test_erase_that_found_no_vote_by_a_scan_ends(
    leaving: Leaving, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_arrays, "SCANNED", 20)
    fill(database, "leaver")
    progress = leaving.erase("nobody", "t", leaving.lacking(), 60.0)
    assert (progress.done, progress.is_finished) == (0, True)
    assert list(database["likes_voter_jobs"].find()) == []


def test_small_collection_is_no_reason_to_scan_or_to_write_a_line(leaving: Leaving, database: Database) -> None:
    fill(database, "leaver")
    assert leaving.lacking() == Lacking((), ())
    assert leaving.erase("nobody", "t", leaving.lacking(), 60.0).done == 0
    assert list(database["likes_audit"].find()) == []
    assert leaving.erase("leaver", "t", leaving.lacking(), 60.0).done == len(IDS) // 2
