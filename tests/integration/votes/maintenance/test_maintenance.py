"""The threads of maintenance go on, whatever fails or takes long, and a metric says so where one does not."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from bson import ObjectId

from likes_api import metrics
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.array_votes import OVERFLOW
from likes_api.repository.votes.maintenance import Maintenance, duty, publishing
from likes_api.repository.votes.maintenance.compaction import Compaction, Moved
from likes_api.repository.votes.maintenance.duty import Duty
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.maintenance.migrations import Migrations
from likes_api.repository.votes.maintenance.publishing import Publishing
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind, Vote
from tests.support.clock import WAIT_SECONDS, eventually
from tests.support.metrics import Exposition
from tests.support.moved import move


def entry(id_: str) -> Target:
    return Target(TargetKind.ENTRY, id_)


def measured() -> Exposition:
    return Exposition(metrics.render().decode())


@pytest.fixture
def maintenance(database: Database) -> Iterator[Maintenance]:
    maintenance = Maintenance(database, TargetFinder(), 2)
    yield maintenance
    maintenance.stop()


# -- One duty


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Duty]]:
    """Start a duty whose rounds meet these failures, one after the other, and then none."""
    monkeypatch.setattr(timeouts, "MAINTENANCE_PAUSE_SECONDS", 0.001)
    duties: list[Duty] = []

    def start(done: threading.Event, *failures: BaseException) -> Duty:
        left = list(failures)

        def work() -> float:
            if left:
                raise left.pop(0)
            done.set()
            return WAIT_SECONDS

        duties.append(Duty("test", work))
        duties[0].start()
        return duties[0]

    yield start
    for each in duties:
        each.stop()


@pytest.mark.parametrize(
    "failure", [RuntimeError("dictionary changed size"), KeyError("_id"), TypeError(), OSError(), MemoryError()]
)
def test_thread_goes_on_and_counts_when_a_round_fails_with_whatever_exception(
    rounds: Callable[..., Duty], failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    before, done = measured(), threading.Event()
    rounds(done, failure, failure)
    assert done.wait(WAIT_SECONDS)
    assert measured().total("likes_maintenance_failures_total", duty="test") == 2 + before.total(
        "likes_maintenance_failures_total", duty="test"
    )
    said = [vars(each) for each in caplog.records if each.name == duty.__name__]
    assert [each["failure"] for each in said] == [type(failure).__name__] * 2
    eventually(lambda: measured().total("likes_maintenance_round_timestamp_seconds", duty="test") > time.time() - 60)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_is_started_again_when_it_ended_all_the_same(rounds: Callable[..., Duty]) -> None:
    done = threading.Event()
    mortal = rounds(done, SystemExit())
    eventually(lambda: mortal._thread is not None and not mortal._thread.is_alive())
    assert not done.is_set()
    mortal.start()
    assert done.wait(WAIT_SECONDS)


# -- Publishing and migrations


def test_targets_are_noted_by_many_threads_when_others_are_moved(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """``_outgrown`` was iterated while votes changed it; the thread died of that within a second."""
    monkeypatch.setattr(Migration, "voters", lambda *_: 3)
    monkeypatch.setattr(Migration, "move", lambda *_: True)
    migrations = Migrations(database, TargetFinder(), 2, 2)
    stopping = threading.Event()

    def note(number: int) -> None:
        each = 0
        while not stopping.is_set():
            migrations.counted(entry(f"{number}_{each}"), 3)
            each += 1

    threads = [threading.Thread(target=note, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 1
    try:
        while time.monotonic() < end:
            migrations._next()
            with migrations._lock:
                assert len(migrations._outgrown) <= 10_000
            for target in list(migrations._outgrown.copy())[:50]:
                migrations._move(target)
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert not caplog.records


def test_totals_are_published_when_a_migration_takes_long(
    database: Database, maintenance: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    database["likes_entries"].insert_many([{"_id": "moved"}, {"_id": "large"}])
    move(database, entry("moved"))
    begun, over = threading.Event(), threading.Event()

    def takes_long(*_: object) -> bool:
        begun.set()
        return over.wait(WAIT_SECONDS)

    monkeypatch.setattr(Migration, "move", takes_long)
    votes = VoteRepository(database, maintenance=maintenance)
    try:
        for voter in ("ada", "bob", "carol"):
            votes.toggle(entry("large"), voter, Vote.UP)
        assert begun.wait(WAIT_SECONDS)
        votes.toggle(entry("moved"), "ada", Vote.UP)
        eventually(lambda: (database["likes_entries"].find_one({"_id": "moved"}) or {}).get("upvotes") == 1)
        assert not over.is_set()
    finally:
        over.set()


def test_totals_of_the_others_are_published_when_one_set_fails(
    database: Database, maintenance: Maintenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    database["likes_entries"].insert_many([{"_id": name} for name in ("a", "b", "c")])
    for name in ("a", "b", "c"):
        move(database, entry(name))
    broken = (database["likes_entries"].find_one({"_id": "b"}) or {})[OVERFLOW]["id"]
    publish = Compaction.publish

    def fails_for_one(self: Compaction, id_: ObjectId, moved: Moved) -> bool:
        if id_ == broken:
            raise KeyError("rev")
        return publish(self, id_, moved)

    monkeypatch.setattr(Compaction, "publish", fails_for_one)
    votes = VoteRepository(database, maintenance=maintenance)
    for name in ("b", "a", "c"):
        votes.toggle(entry(name), "ada", Vote.UP)
    eventually(lambda: database["likes_entries"].count_documents({"upvotes": 1}) == 2)
    assert (database["likes_entries"].find_one({"_id": "b"}) or {})["upvotes"] == 0


def test_what_publishing_remembers_is_bounded_when_sets_are_many(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_REMEMBERED", 10)
    monkeypatch.setattr(Compaction, "find", lambda *_: Moved("entries", "gone"))
    monkeypatch.setattr(Compaction, "uncompacted", lambda *_: [ObjectId() for _ in range(50)])
    work = Publishing(database)
    work.round()
    assert 0 < len(work._known) <= 10
    assert 0 < len(work._gone) <= 10
    monkeypatch.setattr(Compaction, "publish", lambda *_: True)
    monkeypatch.setattr(Compaction, "compact", lambda *_: 1)
    work.voted(ObjectId(), 1)
    work._next_sweep = 0.0
    work.round()
    assert 0 < len(work._compacted) <= 10


def test_log_names_a_failure_of_the_database_and_tells_no_value(
    rounds: Callable[..., Duty], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    failure: Exception = AssertionError()
    database["c"].insert_one({"_id": "ada@example.com"})
    try:
        database["c"].insert_one({"_id": "ada@example.com"})
    except Exception as error:
        failure = error
    done = threading.Event()
    with caplog.at_level(logging.WARNING):
        rounds(done, failure)
        assert done.wait(WAIT_SECONDS)
    (line,) = [each for each in caplog.records if each.name == duty.__name__]
    assert (vars(line)["failure"], vars(line)["code"], line.exc_info) == ("DuplicateKeyError", 11000, None)
    assert "ada" not in caplog.text
