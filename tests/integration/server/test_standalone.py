"""On a standalone mongod, which has no transactions, all works in the documented form, or is refused in clear words."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import ObjectId
from click.testing import CliRunner, Result
from flask import Flask

from harness.documents import all_faults, emptied_afterwards
from harness.server import SECRET_KEY
from likes_api.app import MAINTENANCE, create_app
from likes_api.cli import main
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.server.deployment import ensure_indexes
from tests.support.idempotency import KEY, UUID
from tests.support.qa_votes import post
from tests.support.settings import settings
from tests.support.standalone import standalone_mongod

VOTERS = [f"voter_{number:04}" for number in range(1_500)]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with standalone_mongod(tmp_path_factory.mktemp("standalone")) as uri:
        yield uri


@pytest.fixture
def database(uri: str) -> Iterator[Database]:
    with connect(uri) as client, emptied_afterwards(client["likes"]):
        yield client["likes"]


@pytest.fixture
def app(database: Database) -> Iterator[Flask]:
    app = create_app(settings(OVERFLOW_AT="1000", QA_OVERFLOW_AT="1000"), database)
    yield app
    app.extensions[MAINTENANCE].stop()


def run(uri: str, tmp_path: Path, command: str, *lines: dict[str, object]) -> Result:
    file = tmp_path / "lines.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    environment = {"LIKES_MONGODB_URI": uri, "LIKES_SECRET_KEY": SECRET_KEY, "LIKES_QA_OVERFLOW_AT": "1000"}
    return CliRunner().invoke(main, [*command.split(), *([str(file)] if lines else [])], env=environment)


def test_import_leaves_votes_in_the_arrays_and_people_go_on_voting_when_a_target_is_large(
    uri: str, database: Database, app: Flask, tmp_path: Path
) -> None:
    lines = [
        {"kind": "question", "id": "q_123", "likedBy": VOTERS},
        {"kind": "entry", "id": "e", "likedBy": VOTERS},
    ]
    for _ in range(2):
        imported = run(uri, tmp_path, "import", *lines)
        assert (imported.exit_code, imported.output) == (0, "")
    assert post(app).get_json()["upvotes"] == 1_501
    assert post(app, user="voter_0001").get_json()["upvotes"] == 1_500
    verified = run(uri, tmp_path, "verify --repair")
    assert (verified.exit_code, verified.stdout) == (0, "")
    assert not all_faults(database)
    assert len((database["likes_entries"].find_one() or {})["likedBy"]) == 1_500


def test_idempotency_key_is_refused_and_nothing_is_stored(database: Database, app: Flask) -> None:
    database["questions"].insert_one({"_id": "q_123"})
    response = post(app, headers={KEY: UUID})
    assert (response.status_code, response.get_json()) == (
        400,
        {"error": "Idempotency-Key takes a MongoDB replica set"},
    )
    assert database["questions"].find_one() == {"_id": "q_123"}
    assert post(app).get_json()["action"] == "liked"


def test_readiness_says_what_is_degraded(app: Flask) -> None:
    response = app.test_client().get("/readyz")
    assert (response.status_code, response.get_json()) == (
        200,
        {"status": "ok", "degraded": {"mongodb": "no transactions"}},
    )


def test_indexes_are_made(database: Database) -> None:
    ensure_indexes(database)
    assert "order" in database["likes_votes"].index_information()


def test_moved_target_is_reported_and_its_line_named_when_it_came_with_a_dump(
    uri: str, database: Database, tmp_path: Path
) -> None:
    id_ = ObjectId()
    state = {"id": id_, "form": "moved", "up": 0, "down": 0, "rev": 0}
    database["questions"].insert_one(
        {"_id": "q", "upvotes": 1, "likedBy": [], "dislikedBy": [], "likesOverflow": state}
    )
    database["likes_moved"].insert_one({"_id": id_, "collection": "questions", "target": "q", "moved": True})
    database["likes_votes"].insert_one({"_id": {"t": id_, "v": "ada"}, "vote": "up", "place": 0})
    assert not [fault for _, fault, _ in verify_votes(database, repair=False) if fault]
    imported = run(uri, tmp_path, "import", {"kind": "question", "id": "q", "likedBy": ["bob"]})
    assert imported.exit_code == 1
    assert imported.stderr.startswith("line 1: its votes are in documents of their own, which takes a replica set")
