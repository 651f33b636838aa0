"""``likes-api import`` on the real server."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from click.testing import CliRunner, Result

from harness.documents import all_faults
from harness.server import SECRET_KEY
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Vote
from tests.support.admin import content
from tests.support.vote_suite import QUESTION

Import = Callable[..., Result]
HEX = "64b7f0c2a1b2c3d4e5f60718"


@pytest.fixture
def import_(mongod: EmbeddedMongod, database: Database, tmp_path: Any) -> Import:
    def run(*lines: dict[str, Any] | str, stdin: bool = False, **environment: str) -> Result:
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        file = tmp_path / "lines.ndjson"
        file.write_text(text, encoding="utf-8")
        variables = {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": database.name,
            "LIKES_SECRET_KEY": SECRET_KEY,
        }
        return CliRunner().invoke(
            main, ["import", "-" if stdin else str(file)], input=text if stdin else None, env=variables | environment
        )

    return run


def question(**votes: list[str]) -> dict[str, Any]:
    return {"kind": "question", "id": "q_123"} | votes


ALL_KINDS: list[dict[str, Any]] = [
    {"kind": "entry", "id": "page-1", "title": "One", "boost": 5, "likedBy": ["guest_1"]},
    {"kind": "person", "guid": "p1", "diaspora_id": "p1@pod", "name": "P", "ignores": ["p2"]},
    {"kind": "post", "guid": "s1", "author": "p1", "public": True, "likedBy": ["p2"]},
    {"kind": "comment", "guid": "c1", "post": "s1", "author": "p2"},
    {"kind": "question", "id": "q_123", "likedBy": ["ada", "$likedBy"], "dislikedBy": ["dan"]},
    {"kind": "message", "id": "msg_456"},
    {"kind": "user", "id": "ada", "name": "Ada"},
    {"kind": "user", "id": "bob"},
]


def test_import_writes_every_kind_and_changes_nothing_when_repeated(import_: Import, database: Database) -> None:
    first = import_(*ALL_KINDS)
    assert (first.exit_code, first.output) == (0, "")
    written = content(database)
    assert {name: len(documents) for name, documents in written.items() if documents} == {
        "likes_comments": 1,
        "likes_entries": 1,
        "messages": 1,
        "likes_people": 1,
        "likes_posts": 1,
        "questions": 1,
        "users": 2,
    }
    assert written["questions"] == [
        {"_id": "q_123", "likedBy": ["ada", "$likedBy"], "upvotes": 2, "dislikedBy": ["dan"], "downvotes": 1}
    ]
    assert not all_faults(database)
    assert import_(*ALL_KINDS, stdin=True).exit_code == 0
    assert content(database) == written


def test_votes_taken_meanwhile_stay_when_a_file_is_imported_again(import_: Import, database: Database) -> None:
    import_(question(likedBy=["ada", "bob"], dislikedBy=["dan"]))
    votes = VoteRepository(database)
    votes.toggle(QUESTION, "ada", Vote.DOWN)
    votes.toggle(QUESTION, "carol", Vote.UP)
    before = content(database)
    assert import_(question()).exit_code == 0
    assert import_(question(likedBy=["ada", "bob"], dislikedBy=["dan"])).exit_code == 0
    assert content(database) == before
    assert votes.tally(QUESTION, "ada") == Tally(2, 2, Vote.DOWN)


def test_new_votes_are_added_and_a_surplus_is_kept_when_the_target_is_there(
    import_: Import, database: Database
) -> None:
    database["questions"].insert_one({"_id": "q_123", "upvotes": 40, "likedBy": ["ada"], "title": "Why?"})
    assert import_(question(likedBy=["ada", "bob"], dislikedBy=["dan"])).exit_code == 0
    found = database["questions"].find_one() or {}
    assert (found["upvotes"], found["likedBy"]) == (41, ["ada", "bob"])
    assert (found["downvotes"], found["dislikedBy"]) == (1, ["dan"])
    assert found["title"] == "Why?"


def test_bad_lines_are_reported_and_the_others_imported_when_both_are_in_a_file(
    import_: Import, database: Database
) -> None:
    result = import_(
        question(),
        "{",
        "",
        {"kind": "question", "id": "q_2", "likedBy": ["ada"], "dislikedBy": ["ada"]},
        {"kind": "question", "id": {"$ne": ""}},
        {"kind": "message", "id": "msg_456"},
    )
    assert result.exit_code == 1
    *faults, summary = result.stderr.splitlines()
    assert [fault.partition(":")[0] for fault in faults] == ["line 2", "line 4", "line 5"]
    assert "A voter stands twice" in faults[1]
    assert "3 of 6" in summary
    assert database["questions"].distinct("_id") == ["q_123"]
    assert database["messages"].distinct("_id") == ["msg_456"]


def test_import_reports_the_line_when_the_database_refuses_it(import_: Import, database: Database) -> None:
    database["questions"].insert_one({"_id": "q_2", "likedBy": "not an array"})
    result = import_(question(), {"kind": "question", "id": "q_2", "likedBy": ["ada"]}, {"kind": "user", "id": "ada"})
    assert result.exit_code == 1
    assert result.stderr.startswith("line 2: ")
    assert database["questions"].find_one({"_id": "q_2"}) == {"_id": "q_2", "likedBy": "not an array"}
    assert database["users"].distinct("_id") == ["ada"]


def test_targets_get_the_ids_that_votes_look_for(import_: Import, database: Database) -> None:
    lines = [{"kind": "question", "id": HEX}, {"kind": "user", "id": HEX}, {"kind": "entry", "id": HEX}]
    assert import_(*lines).exit_code == 0
    assert database["questions"].distinct("_id") == database["users"].distinct("_id") == [ObjectId(HEX)]
    assert database["likes_entries"].distinct("_id") == [HEX]


def test_targets_are_kept_by_the_configured_field_when_the_host_has_its_own_ids(
    import_: Import, database: Database
) -> None:
    for _ in range(2):
        assert import_(question(likedBy=["ada"]), LIKES_QA_ID_FIELD="id").exit_code == 0
    (found,) = database["questions"].find()
    assert (found["id"], found["upvotes"]) == ("q_123", 1)
    assert isinstance(found["_id"], ObjectId)


def test_import_explains_itself_when_the_settings_are_bad(import_: Import) -> None:
    result = import_(question(), WEB_CONCURRENCY="tell-nobody", LIKES_SECRET_KEY="")
    assert result.exit_code == 1
    assert "WEB_CONCURRENCY" in result.stderr
    assert "LIKES_SECRET_KEY" in result.stderr
    assert "tell-nobody" not in result.stderr


def test_import_explains_itself_when_the_database_is_away(import_: Import) -> None:
    result = import_(question(), LIKES_MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100")
    assert result.exit_code == 1
    assert "the database failed" in result.stderr
    assert "Traceback" not in result.output
