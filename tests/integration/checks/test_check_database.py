"""What the check finds out about real servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.gunicorn import Process, ReplicaSet, eventually
from harness.server import free_port
from likes_api.checks import database as checked
from likes_api.checks.finding import Finding, Level
from likes_api.embedded_mongod.server import find_mongod
from likes_api.mongodb import collections
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Database
from likes_api.server.deployment import ensure_indexes
from tests.support.settings import settings


def findings(database: Database, **environment: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in checked.check(database, settings(**environment))}


def test_single_member_is_a_warning_and_everything_else_well_when_the_service_has_run(database: Database) -> None:
    ensure_indexes(database)
    found = findings(database)
    assert {subject: finding.level for subject, finding in found.items()} == {
        "database": Level.OK,
        "replica set": Level.WARNING,
        "indexes": Level.OK,
        "clock": Level.OK,
    }
    assert found["replica set"].text.startswith("1 of 3 members")


def test_index_is_named_when_it_is_missing(database: Database) -> None:
    ensure_indexes(database)
    collections.get(database, collections.VOTES).drop_index("order")
    assert findings(database)["indexes"].text.endswith("starts: likes_votes.order")
    ensure_indexes(database)


@pytest.mark.parametrize(
    ("collection", "field", "environment"),
    [
        ("sessions", "sessionToken", {}),
        ("questions", "id", {"QA_ID_FIELD": "id"}),
        ("messages", "id", {"QA_ID_FIELD": "id"}),
    ],
)
def test_host_collection_is_named_when_requests_scan_it(
    database: Database, collection: str, field: str, environment: dict[str, str]
) -> None:
    database[collection].insert_one({field: "x"})
    found = findings(database, **environment)["indexes"]
    assert found.level is Level.WARNING
    assert found.text == f"{collection} has none on {field}: each request reads the whole collection"
    database[collection].create_index(field, unique=True)
    assert findings(database, **environment)["indexes"].level is Level.OK
    database[collection].drop()


@pytest.mark.parametrize(("seconds", "direction"), [(-60, "behind"), (60, "ahead of")])
def test_clock_is_a_warning_when_it_differs(
    database: Database, monkeypatch: pytest.MonkeyPatch, seconds: int, direction: str
) -> None:
    monkeypatch.setattr(checked, "_now", lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    found = findings(database)["clock"]
    assert found.level is Level.WARNING
    assert direction in found.text
    assert float(found.text.split()[0]) == pytest.approx(60, abs=20)


def test_unreachable_server_is_the_only_error_when_there_is_none() -> None:
    with connect(f"mongodb://127.0.0.1:{free_port()}", serverSelectionTimeoutMS=200) as client:
        assert list(checked.check(client["likes"], settings())) == [Finding(Level.ERROR, "database", "unreachable")]


def test_standalone_server_is_a_warning(tmp_path: Path) -> None:
    port = free_port()
    command = [
        str(find_mongod(None)),
        f"--dbpath={tmp_path}",
        f"--port={port}",
        "--bind_ip=127.0.0.1",
        "--nounixsocket",
    ]
    mongod = Process([*command, f"--logpath={tmp_path / 'log'}"], tmp_path / "out")
    try:
        mongod.start()
        with connect(f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=60_000) as client:
            client.admin.command("ping")
            found = findings(client["likes"])
    finally:
        mongod.end()
    assert found["replica set"].level is Level.WARNING
    assert found["replica set"].text.startswith("none")


def test_member_is_named_when_it_is_gone_from_a_set_of_three(tmp_path: Path) -> None:
    with ReplicaSet(tmp_path) as replica_set, connect(replica_set.uri) as client:
        assert findings(client["likes"])["replica set"] == Finding(Level.OK, "replica set", "3 members")
        gone = replica_set.secondaries()[0]
        replica_set.members[gone].end()
        eventually(
            lambda: findings(client["likes"])["replica set"].level is Level.WARNING, "the others notice", seconds=60
        )
        found = findings(client["likes"])["replica set"]
    assert f"127.0.0.1:{gone} is (not reachable/healthy)" in found.text
