"""Open the MongoDB of a command: the operator's, the embedded one that runs, or one started for the command."""

import atexit
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from config.settings import Settings
from likes_api.embedded_mongod.server import DataDirectoryInUse, EmbeddedMongod, find_mongod
from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.circuit_breaker import CircuitBreaker
from likes_api.mongodb.client import connect, deadline
from likes_api.mongodb.documents import Database
from likes_api.mongodb.earlier_collections import rename_earlier
from likes_api.mongodb.failures import facts
from likes_api.repository import StoreError
from likes_api.repository.votes.maintenance.backfill import name_targets
from likes_api.repository.votes.targets import TargetFinder

OURS = (
    *(collections.IDEMPOTENCY, collections.TOKENS, collections.VOTES, collections.AUDIT),
    *(collections.ENTRIES, collections.POSTS, collections.COMMENTS),
)

log = logging.getLogger(__name__)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Return the database that the settings name, with the collections of an earlier version renamed.

    :raises EmbeddedMongoError: without ``LIKES_MONGODB_URI`` there is no mongod to run.
    :raises likes_api.repository.StoreError: the database is unavailable.
    """
    with connected(settings) as database:
        rename_earlier(database)
        yield database


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """Return the database that the settings name, without a connection; the first call connects.

    :raises EmbeddedMongoError: without ``LIKES_MONGODB_URI`` there is no mongod to run.
    """
    with _server(settings) as uri, connect(uri) as client:
        yield collections.with_prefix(client[settings.mongodb_database], settings.collection_prefix)


def ensure_indexes(database: Database) -> None:
    """Make the indexes of our collections that are missing; those of the rate limits make their own, wherever they are.

    :raises likes_api.repository.StoreError: the database is unavailable, or has another index of that name.
    """
    with deadline(timeouts.INDEXES_SECONDS):
        collections.ensure_indexes(database, *OURS)


def prepare(settings: Settings, circuit: CircuitBreaker | None) -> None:
    """Rename the collections of an earlier version before a request is served, and make the indexes meanwhile.

    A worker starts without its database as well: then its circuit breaker is open until the renaming is done.
    """

    def rename() -> None:
        with open_database(settings):
            pass

    try:
        # Not as long as a rename may take: a worker has to answer soon, whatever the database does.
        with deadline(timeouts.START_SECONDS):
            rename()
    except StoreError:
        if circuit is not None:
            circuit.open_until(rename)
    ensure_indexes_meanwhile(settings)


def ensure_indexes_meanwhile(settings: Settings) -> None:
    """Make the indexes, and let all votes name their targets, in a thread of their own: no request waits for it.

    Until then everything works, but expired tokens are not deleted, and lists of votes take longer. On a client of its
    own, which is closed when the work is done.
    """
    stopping = Event()

    def work() -> None:
        while not stopping.is_set():
            try:
                with open_database(settings) as database:
                    ensure_indexes(database)
                    name_targets(database, TargetFinder(settings.qa_id_field))
                    stopping.set()
            except StoreError as error:
                log.warning("indexes are not made, trying again", extra=facts(error))
                stopping.wait(timeouts.RETRY_INDEXES_SECONDS)

    def stop() -> None:
        # Before PyMongo's own clean-up at exit, which does not expect a client that is being made.
        stopping.set()
        thread.join(timeouts.STOP_INDEXES_SECONDS)

    thread = Thread(target=work, name="ensure-indexes", daemon=True)
    thread.start()
    atexit.register(stop)


def embedded_secret(data_dir: Path) -> str:
    """Return the application's secret of an embedded deployment: made once, kept in the data directory (mode 0600)."""
    path = data_dir / "secret-key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri
        return
    mongod = EmbeddedMongod(find_mongod(settings.mongod), settings.data_dir)
    try:
        uri = mongod.start()
    except DataDirectoryInUse as in_use:
        yield in_use.uri
        return
    try:
        yield uri
    finally:
        mongod.stop()
