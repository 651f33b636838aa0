"""What tests of several contracts share: a pod with a count of its commands, and an issuer of JWTs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from harness.documents import emptied_afterwards, named_database
from likes_api.app import create_app
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Document
from tests.support import diaspora
from tests.support.commands import CountedCommands
from tests.support.diaspora import Pod
from tests.support.issuer import HOST_KEY, issuers_file, key_set
from tests.support.settings import settings


@pytest.fixture(scope="module", autouse=True)
def all_are_patient(patient: None) -> None:
    """A test about the time that is left sets it itself."""


@pytest.fixture(scope="module")
def empty_pod(client: MongoClient[Document], mongod: EmbeddedMongod) -> Iterator[Pod]:
    counted = CountedCommands()
    with named_database(client) as database, connect(mongod.uri, event_listeners=[counted]) as observed:
        seen = observed[database.name]
        yield Pod(database, seen, create_app(settings(), seen), counted)


@pytest.fixture
def pod(empty_pod: Pod) -> Iterator[Pod]:
    with emptied_afterwards(empty_pod.database):
        diaspora.populate(empty_pod.database)
        yield empty_pod


@pytest.fixture(scope="module")
def issuers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ``LIKES_JWT_ISSUERS``."""
    directory: Path = tmp_path_factory.mktemp("issuers")
    (directory / "keys.json").write_bytes(key_set(HOST_KEY))
    return issuers_file(directory, {"keys": "keys.json", "algorithms": ["ES256"], "audience": "likes"})
