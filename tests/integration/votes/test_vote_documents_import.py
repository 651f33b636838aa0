"""``likes-api import`` and ``verify`` of targets with more votes than their document may hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo.errors import AutoReconnect

from harness.server import SECRET_KEY
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.bulk_import import BulkImport
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind, Vote
from tests.support.moved import move, reassembled

Command = Callable[..., Result]
POST = Target(TargetKind.POST, "p")
VOTERS = [f"voter_{number:05}" for number in range(5_000)]


@pytest.fixture
def command(mongod: EmbeddedMongod, database: Database, tmp_path: Path) -> Command:
    def run(name: str, *lines: dict[str, Any]) -> Result:
        file = tmp_path / "lines.ndjson"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        variables = {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": database.name,
            "LIKES_SECRET_KEY": SECRET_KEY,
            "LIKES_OVERFLOW_AT": "100",
        }
        arguments = [str(file)] if lines else []
        return CliRunner().invoke(main, [*name.split(), *arguments], env=variables)

    return run


def post(**votes: list[str]) -> dict[str, Any]:
    return {"kind": "post", "guid": "p", "author": "ada", "public": True} | votes


def faults(database: Database) -> list[str]:
    return [str(fault) for _, fault, _ in verify_votes(database, repair=False) if fault]


def test_target_is_moved_and_in_order_when_a_line_brings_more_voters_than_its_document_may_hold(
    command: Command, database: Database
) -> None:
    for _ in range(2):
        assert command("import", post(likedBy=VOTERS, dislikedBy=["dan"])).exit_code == 0
        document = database["likes_posts"].find_one({"_id": "p"}) or {}
        assert (document["upvotes"], document["downvotes"], document["likedBy"]) == (5_000, 1, [])
        assert (document[OVERFLOW]["form"], document["author"]) == ("moved", "ada")
        assert reassembled(database, POST)["likedBy"] == VOTERS
        assert faults(database) == []
    assert VoteRepository(database).tally(POST, "dan") == Tally(5_000, 1, Vote.DOWN)


def test_votes_that_stand_win_when_a_line_brings_others(command: Command, database: Database) -> None:
    database["likes_posts"].insert_one({"_id": "p", "upvotes": 1, "likedBy": ["voter_00003"]})
    votes = VoteRepository(database)
    assert command("import", post(dislikedBy=VOTERS[:200])).exit_code == 0
    assert votes.tally(POST, "voter_00003") == Tally(1, 199, Vote.UP)
    votes.toggle(POST, "voter_00004", Vote.DOWN)
    votes.toggle(POST, "voter_00005", Vote.UP)
    assert command("import", post(dislikedBy=[*VOTERS[:210], "new"])).exit_code == 0
    assert votes.tally(POST, "voter_00005") == Tally(2, 209, Vote.UP)
    assert votes.tally(POST, "voter_00004") == Tally(2, 209, Vote.DOWN)
    assert faults(database) == []


def test_few_votes_are_brought_to_a_moved_target(command: Command, database: Database) -> None:
    database["likes_posts"].insert_one({"_id": "p", "upvotes": 1, "likedBy": ["bob"]})
    move(database, POST)
    assert command("import", post(likedBy=["bob", "carol"])).exit_code == 0
    assert reassembled(database, POST)["likedBy"] == ["bob", "carol"]
    assert faults(database) == []


def test_target_is_moved_when_several_lines_fill_its_document(command: Command, database: Database) -> None:
    lines = [post(likedBy=VOTERS[begin : begin + 60]) for begin in range(0, 180, 60)]
    assert command("import", *lines).exit_code == 0
    assert reassembled(database, POST)["likedBy"] == VOTERS[:180]
    assert (database["likes_posts"].find_one() or {})[OVERFLOW]["form"] == "moved"
    assert faults(database) == []


def test_count_is_exact_and_import_goes_on_when_it_was_cut_off(
    command: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    native, chunks = BulkImport._add, []

    def cut_off(bulk_import: BulkImport, id_: Any, moved: Any, documents: list[Any], session: Any) -> None:
        chunks.append(documents)
        native(bulk_import, id_, moved, documents, session)
        if len(chunks) == 2:
            raise AutoReconnect("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(BulkImport, "_add", cut_off)
        failed = command("import", post(likedBy=VOTERS))
    assert failed.exit_code == 1
    assert VoteRepository(database).tally(POST) == Tally(2_000, 0, None)
    assert database["likes_votes"].count_documents({}) == 2_000
    assert database["likes_votes"].count_documents({"open": True}) == 0
    assert faults(database) == []
    assert command("import", post(likedBy=VOTERS)).exit_code == 0
    assert reassembled(database, POST)["likedBy"] == VOTERS


def test_verify_tells_each_fault_and_exits_1_until_all_are_repaired(command: Command, database: Database) -> None:
    assert command("verify").exit_code == 0
    database["likes_posts"].insert_one({"_id": "p", "upvotes": 7, "likedBy": ["ada", "ada", "bob"]})
    database["likes_entries"].insert_one({"_id": "e", "upvotes": 0, "likedBy": ["ada"]})
    for _ in range(2):
        found = command("verify")
        assert found.exit_code == 1
        assert found.stdout.splitlines() == [
            "entries e: upvotes is 0, likedBy holds 1 voters",
            "posts p: a voter stands twice in likedBy",
            "posts p: upvotes is 7, likedBy holds 2 voters",
        ]
    repaired = command("verify --repair")
    assert repaired.exit_code == 0
    assert all(line.endswith("(repaired)") for line in repaired.stdout.splitlines())
    assert command("verify").stdout == ""
