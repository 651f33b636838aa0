"""What versions without a prefix wrote is renamed when we start; what is a host's is not touched."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from harness.documents import named_database
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.circuit_breaker import CircuitBreaker
from likes_api.mongodb.documents import Database, Document
from likes_api.mongodb.earlier_collections import rename_earlier
from likes_api.ndjson import import_lines
from likes_api.repository.content import ContentRepository
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.repository.votes.repository import VoteRepository
from likes_api.server import deployment
from likes_api.votes import Target, TargetKind, Vote
from tests.support.moved import move
from tests.support.settings import settings

SOON = datetime.now(UTC) + timedelta(hours=1)
LINES = (
    b'{"kind":"entry","id":"plain"}',
    b'{"kind":"entry","id":"full","title":"t","url":"/","collection":"c","boost":3,"likedBy":["ada","bob"]}',
    b'{"kind":"entry","id":"locked","locked":true,"guest_allowed":false}',
    b'{"kind":"post","guid":"p","author":"ada","public":true,"visible_to":["bob"]}',
    b'{"kind":"comment","guid":"c","post":"p","author":"ada"}',
    b'{"kind":"person","guid":"ada","diaspora_id":"ada@x","name":"Ada","avatar":"/a","ignores":["bob"]}',
)
IMPORTED = ("entries", "posts", "comments", "people")
RECORDS: dict[str, list[Document]] = {
    "idempotency": [
        {"_id": b"1", "fingerprint": b"2", "expires": SOON, "answer": {"action": "liked"}},
        {"_id": b"2", "fingerprint": b"2", "expires": SOON},
    ],
    "rate_limits": [{"_id": "LIMITER/x", "moments": [1.5, 2.5], "expires": SOON}],
}


@pytest.fixture
def shared(client: MongoClient[Document]) -> Iterator[Database]:
    """A database that is dropped afterwards, collections and all."""
    with named_database(client) as database:
        yield database


def contents(database: Database) -> dict[str, list[Document]]:
    names = database.list_collection_names(filter={"name": {"$not": {"$regex": "^system"}}})
    return {name: list(database[name].find().sort("_id", 1)) for name in names}


def write_as_before(database: Database) -> None:
    """Leave the database as an earlier version did: imported content, a moved target, records with their indexes."""
    for _, faults in import_lines(LINES, ContentRepository(database)):
        assert faults == []
    move(database, Target(TargetKind.ENTRY, "full"))
    for name in IMPORTED:
        database[f"likes_{name}"].rename(name)
    for name, records in RECORDS.items():
        database[name].create_index("expires", expireAfterSeconds=0)
        database[name].insert_many(records)


def test_collections_of_an_earlier_version_are_renamed_with_documents_and_indexes(shared: Database) -> None:
    write_as_before(shared)
    before = contents(shared)
    rename_earlier(shared)
    renamed = {f"likes_{name}" for name in (*IMPORTED, *RECORDS)}
    assert contents(shared) == {name if name.startswith("likes_") else f"likes_{name}": before[name] for name in before}
    assert renamed < contents(shared).keys()
    for name in RECORDS:
        assert shared[f"likes_{name}"].index_information()["expires_1"]["expireAfterSeconds"] == 0
    again = contents(shared)
    rename_earlier(shared)
    assert contents(shared) == again


def test_votes_on_a_moved_target_go_on_when_its_collection_was_renamed(shared: Database) -> None:
    write_as_before(shared)
    rename_earlier(shared)
    target = Target(TargetKind.ENTRY, "full")
    votes = VoteRepository(shared)
    assert votes.toggle(target, "carol", Vote.UP).upvotes == 3
    assert votes.toggle(target, "ada", Vote.UP).upvotes == 2
    compaction = Compaction(shared)
    for id_ in compaction.uncompacted():
        moved = compaction.find(id_)
        assert moved is not None
        assert compaction.publish(id_, moved)
    assert (shared["likes_entries"].find_one({"_id": "full"}) or {})["upvotes"] == 2


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("entries", {"title": "an entry of a diary"}),
        ("entries", {"_id": "e", "upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": [], "body": "of the host"}),
        ("entries", {"_id": "e", "upvotes": 0, "downvotes": 0, "likedBy": "nobody", "dislikedBy": []}),
        ("posts", {"author": "ada", "public": True}),
        ("comments", {"author": "ada", "post": "p"}),
        ("people", {"name": "Ada"}),
        ("idempotency", {"_id": b"3", "fingerprint": b"2", "expires": SOON, "response": "of the host"}),
        ("rate_limits", {"_id": "ada", "expires": SOON, "tokens": 5}),
        ("rate_limits", {"_id": ObjectId(), "moments": [], "expires": SOON}),
    ],
)
def test_collection_stays_when_a_document_in_it_is_none_of_ours(
    shared: Database, name: str, document: dict[str, Any]
) -> None:
    write_as_before(shared)
    shared[name].insert_one({"_id": "of the host"} | document)
    before = contents(shared)[name]
    rename_earlier(shared)
    assert contents(shared)[name] == before
    assert f"likes_{name}" not in contents(shared)


def test_everything_stays_when_collections_are_a_hosts_or_empty_or_views(shared: Database) -> None:
    shared.create_collection("posts")
    shared["entries"].insert_one({"day": 1})
    shared.command("create", "people", viewOn="users", pipeline=[])
    for name in ("questions", "messages", "sessions", "users", "tokens", "votes", "moved", "settings"):
        shared[name].insert_one({"_id": name})
    before = contents(shared)
    rename_earlier(shared)
    assert contents(shared) == before


def test_collection_stays_when_the_new_name_is_taken(shared: Database) -> None:
    write_as_before(shared)
    shared["likes_entries"].insert_one({"_id": "new"})
    before = contents(shared)
    rename_earlier(shared)
    after = contents(shared)
    assert (after["entries"], after["likes_entries"]) == (before["entries"], before["likes_entries"])
    assert after["likes_posts"] == before["posts"]


def test_everything_stays_when_the_prefix_is_not_the_default_one(shared: Database) -> None:
    write_as_before(shared)
    before = contents(shared)
    rename_earlier(collections.with_prefix(shared, "other_"))
    assert contents(shared) == before


def test_renaming_succeeds_in_each_process_when_many_begin_at_once(shared: Database) -> None:
    for _ in range(5):
        write_as_before(shared)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda _: rename_earlier(shared), range(8))) == [None] * 8
        assert not contents(shared).keys() & {*IMPORTED, *RECORDS}
        for name in contents(shared):
            shared[name].drop()


def test_renaming_costs_one_round_trip_when_there_is_nothing_to_rename(watched: Any, counted: Any) -> None:
    with counted.during() as names:
        rename_earlier(watched["nothing"])
    assert names == ["listCollections"]


def test_worker_serves_when_the_server_refuses_to_rename(
    shared: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_as_before(shared)

    def unauthorized(*_: object) -> None:
        raise OperationFailure("of whom and what", 13, {"code": 13, "codeName": "Unauthorized"})

    monkeypatch.setattr(Collection, "rename", unauthorized)
    rename_earlier(shared)
    (line,) = [vars(each) for each in caplog.records]
    assert (line["levelname"], line["code"], line["code_name"]) == ("WARNING", 13, "Unauthorized")
    assert "of whom" not in caplog.text


def test_worker_refuses_calls_when_it_could_not_rename_yet(
    mongod: EmbeddedMongod, shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else requests would find nothing in our collections, and make them under their new names."""
    write_as_before(shared)
    reachable, closed = threading.Event(), threading.Event()

    def rename(database: Database) -> None:
        if not reachable.is_set():
            raise ServerSelectionTimeoutError
        rename_earlier(database)

    monkeypatch.setattr(deployment, "rename_earlier", rename)
    monkeypatch.setattr(timeouts, "RETRY_INDEXES_SECONDS", 0.01)
    circuit = CircuitBreaker(lambda: None, lambda is_open: None if is_open else closed.set())
    configured = settings(MONGODB_URI=mongod.uri, MONGODB_DATABASE=shared.name, SECRET_KEY="s" * 32)
    deployment.prepare(configured, circuit)
    assert circuit.is_open
    reachable.set()
    assert closed.wait(30)
    assert "likes_entries" in contents(shared)
    assert "entries" not in contents(shared)
