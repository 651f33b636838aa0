"""A limit stands in one place: what says the same twice says different things one day."""

import ast
from collections.abc import Iterator

import pytest

from harness.server import ROOT
from likes_api.app import create_app
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from likes_api.server import client_socket
from tests.support.settings import settings

PACKAGE = ROOT / "likes_api"
# Of HTTP and its clients, not of the database: caches, logs.
OTHERS = {"assets.py", "cors.py", "origin.py", "security_headers.py"}


def constants(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            for target in targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    yield path.name, target.id


@pytest.mark.parametrize("folder", ["mongodb", "repository", "http"])
def test_time_limits_of_the_database_stand_in_their_table(folder: str) -> None:
    found = {f"{file}: {name}" for file, name in constants(folder) if name.endswith("SECONDS") and file not in OTHERS}
    assert {each for each in found if not each.startswith("timeouts.py")} == set()


def test_limit_of_bodies_stands_once_and_is_that_of_the_application(mock_database: Database) -> None:
    assert [file for file, name in constants(".") if name == "MAX_BODY_BYTES"] == ["client_socket.py"]
    assert create_app(settings(), mock_database).config["MAX_CONTENT_LENGTH"] == client_socket.MAX_BODY_BYTES


def test_parts_of_a_request_fit_into_its_time() -> None:
    driver_overrun = 0.5
    assert timeouts.LIMITER_SECONDS < timeouts.REQUEST_DATABASE_SECONDS
    assert timeouts.REQUEST_DATABASE_SECONDS + driver_overrun < timeouts.ANSWER_SECONDS
    probes = timeouts.READY_DATABASE_SECONDS + timeouts.READY_LIMITER_SECONDS
    assert probes < timeouts.READY_SECONDS
    assert timeouts.REQUEST_DATABASE_SECONDS + driver_overrun < timeouts.ABANDONED_AGE_SECONDS
    assert timeouts.PUBLISH_IDLE_SECONDS < 1
    assert timeouts.STALE_MIGRATION.total_seconds() > timeouts.MIGRATION_SECONDS
