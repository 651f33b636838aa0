"""Reads that threads share."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from likes_api.mongodb import timeouts
from likes_api.repository.votes.single_flight import SingleFlight


class Source:
    """Something to read: each read takes until it is let go, and gives its number."""

    def __init__(self) -> None:
        self.reads = 0
        self.began, self.go = Event(), Event()

    def __call__(self) -> int:
        self.reads += 1
        number = self.reads
        self.began.set()
        assert self.go.wait(5)
        return number


def waiting(shared: SingleFlight[int], count: int, pool: ThreadPoolExecutor, source: Source) -> list[Future[int]]:
    """Start a read, and let others ask while it is under way."""
    first = pool.submit(shared.read, "key", source)
    assert source.began.wait(5)
    started = [Event() for _ in range(count)]

    def ask(event: Event) -> int:
        event.set()
        return shared.read("key", source)

    others = [pool.submit(ask, event) for event in started]
    assert all(event.wait(5) for event in started)
    while "key" not in shared._next:
        pass
    return [first, *others]


def test_read_is_done_when_nobody_else_reads() -> None:
    shared, numbers = SingleFlight[int](), iter(range(3))
    assert [shared.read("key", lambda: next(numbers)) for _ in range(3)] == [0, 1, 2]
    assert not shared._reading


def test_those_who_come_during_a_read_share_the_next_one_and_not_that_one() -> None:
    shared, source = SingleFlight[int](), Source()
    with ThreadPoolExecutor(8) as pool:
        futures = waiting(shared, 6, pool, source)
        Event().wait(0.05)  # until all of them wait
        source.go.set()
        assert futures[0].result() == 1
        assert {each.result() for each in futures[1:]} == {2}
    assert source.reads == 2
    assert not shared._reading


def test_each_reads_for_itself_when_the_shared_read_fails() -> None:
    shared, source = SingleFlight[int](), Source()

    def failing() -> int:
        source()
        if source.reads == 2:
            raise TimeoutError
        return source.reads

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(shared.read, "key", failing)]
        assert source.began.wait(5)
        futures += [pool.submit(shared.read, "key", failing) for _ in range(4)]
        Event().wait(0.05)
        source.go.set()
        failed = [each for each in futures if each.exception()]
        assert len(failed) == 1
    assert not shared._reading


def test_nobody_waits_longer_than_patience_lasts_when_a_read_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "SHARED_READ_SECONDS", 0.05)
    shared, source = SingleFlight[int](), Source()
    with ThreadPoolExecutor(4) as pool:
        hanging = pool.submit(shared.read, "key", source)
        assert source.began.wait(5)
        assert pool.submit(shared.read, "key", lambda: 7).result(2) == 7
        assert pool.submit(shared.read, "other", lambda: 8).result(2) == 8
        source.go.set()
        assert hanging.result() == 1
    assert not shared._reading
