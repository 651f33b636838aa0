"""Calls that meet go together; each gets its own answer, and waits no longer than its own deadline."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import pytest
from pymongo.errors import AutoReconnect, NetworkTimeout, PyMongoError

from likes_api.mongodb.client import deadline, seconds_left
from likes_api.repository.batching.group_commit import GroupCommit

SECONDS = 20.0


class Database:
    """Answer each call by its double, and note how the calls came; held back until told to answer."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.goes_on = Event(), Event()
        self.failure: PyMongoError | None = None

    def alone(self, call: int) -> int:
        return self.together([call])[0]

    def together(self, calls: Sequence[int]) -> list[int]:
        self.batches.append(list(calls))
        self.begun.set()
        assert self.goes_on.wait(SECONDS)
        if self.failure is not None and len(self.batches) > 1:
            raise self.failure
        return [2 * call for call in calls]


@pytest.fixture
def database() -> Database:
    return Database()


def gathered(group: GroupCommit[int, int], count: int) -> None:
    end = time.monotonic() + SECONDS
    while len(group._gathered) < count:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_call_goes_at_once_when_it_is_alone(database: Database) -> None:
    database.goes_on.set()
    group = GroupCommit(database.alone, database.together, most=8)
    assert [group.submit(1), group.submit(2)] == [2, 4]
    assert database.batches == [[1], [2]]


def test_calls_go_together_in_batches_of_the_size_given_when_one_is_under_way(database: Database) -> None:
    group = GroupCommit(database.alone, database.together, most=4)
    with ThreadPoolExecutor(8) as pool:
        calls = submitted(pool, group, database, range(8))
        database.goes_on.set()
        assert [call.result(SECONDS) for call in calls] == [2 * number for number in range(8)]
    assert [len(batch) for batch in database.batches] == [1, 4, 3]
    assert sorted(number for batch in database.batches for number in batch) == list(range(8))


def test_call_goes_along_when_it_comes_in_the_turn_before_the_batch_is_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = GroupCommit(database.alone, database.together, most=8)
    with ThreadPoolExecutor(3) as pool:
        calls = submitted(pool, group, database, range(2))
        last: list[Future[int]] = []

        def turn(_: float) -> None:
            if not last:
                last.append(pool.submit(group.submit, 2))
                while not group._gathered:
                    pass

        monkeypatch.setattr("likes_api.repository.batching.group_commit.time.sleep", turn)
        database.goes_on.set()
        assert [call.result(SECONDS) for call in calls] == [0, 2]
        assert last[0].result(SECONDS) == 4
    assert database.batches == [[0], [1, 2]]


def test_every_call_of_a_batch_fails_and_the_next_succeeds_when_the_database_fails(database: Database) -> None:
    group = GroupCommit(database.alone, database.together, most=8)
    database.failure = AutoReconnect("gone")
    with ThreadPoolExecutor(4) as pool:
        first, *others = submitted(pool, group, database, range(4))
        database.goes_on.set()
        assert first.result(SECONDS) == 0
        for call in others:
            with pytest.raises(AutoReconnect):
                call.result(SECONDS)
    database.failure = None
    assert group.submit(5) == 10


def test_call_is_withdrawn_when_its_deadline_passes_before_it_goes(database: Database) -> None:
    group = GroupCommit(database.alone, database.together, most=8)
    with ThreadPoolExecutor(2) as pool:
        [first] = submitted(pool, group, database, range(1))
        with deadline(0.05), pytest.raises(NetworkTimeout):
            group.submit(7)
        database.goes_on.set()
        assert first.result(SECONDS) == 0
    assert group.submit(8) == 16
    assert database.batches == [[0], [8]]


def test_call_with_the_latest_deadline_carries_the_batch(database: Database) -> None:
    carriers: list[float] = []
    lock = Lock()

    def together(calls: Sequence[int]) -> list[int]:
        with lock:
            carriers.append(seconds_left())
        return database.together(calls)

    group = GroupCommit(database.alone, together, most=8)

    def submit(seconds: float) -> int:
        with deadline(seconds):
            return group.submit(1)

    with ThreadPoolExecutor(4) as pool:
        [first] = submitted(pool, group, database, range(1))
        others = []
        for number, seconds in enumerate((300.0, 900.0, 600.0), start=1):
            others.append(pool.submit(submit, seconds))
            gathered(group, number)
        database.goes_on.set()
        assert [call.result(SECONDS) for call in (first, *others)] == [0, 2, 2, 2]
    assert len(carriers) == 1
    assert 600 < carriers[0] <= 900


def submitted(
    pool: ThreadPoolExecutor, group: GroupCommit[int, int], database: Database, numbers: range
) -> list[Future[int]]:
    """Submit the first number, which is held back by the database, and the others behind it."""
    first = pool.submit(group.submit, numbers[0])
    assert database.begun.wait(SECONDS)
    others = [pool.submit(group.submit, number) for number in numbers[1:]]
    gathered(group, len(others))
    return [first, *others]
