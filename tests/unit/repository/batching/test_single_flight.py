"""Reads that threads share."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from likes_api.mongodb import timeouts
from likes_api.repository.batching import single_flight
from likes_api.repository.batching.single_flight import SingleFlight
from tests.support.clock import WAIT_SECONDS, eventually


class Source:
    """Something to read: each read takes until it is let go, and gives its number."""

    def __init__(self) -> None:
        self.reads = 0
        self.began, self.go = Event(), Event()

    def __call__(self) -> int:
        self.reads += 1
        number = self.reads
        self.began.set()
        assert self.go.wait(WAIT_SECONDS)
        return number


def waiting(shared: SingleFlight[int], count: int, pool: ThreadPoolExecutor, source: Source) -> list[Future[int]]:
    """Start a read, and let others ask while it is under way."""
    first = pool.submit(shared.read, "key", source)
    assert source.began.wait(WAIT_SECONDS)
    started = [Event() for _ in range(count)]

    def ask(event: Event) -> int:
        event.set()
        return shared.read("key", source)

    others = [pool.submit(ask, event) for event in started]
    assert all(event.wait(WAIT_SECONDS) for event in started)
    while "key" not in shared._next:
        pass
    return [first, *others]


def test_read_is_done_when_nobody_else_reads() -> None:
    shared, numbers = SingleFlight[int](), iter(range(3))
    assert [shared.read("key", lambda: next(numbers)) for _ in range(3)] == [0, 1, 2]
    assert not shared._reading


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count those who have begun to wait, and let them wait for as long as it takes."""
    monkeypatch.setattr(timeouts, "SHARED_READ_SECONDS", WAIT_SECONDS)
    waiting: list[None] = []

    class Noted(Event):
        def wait(self, timeout: float | None = None) -> bool:
            if not self.is_set():
                waiting.append(None)
            return super().wait(timeout)

    monkeypatch.setattr(single_flight, "Event", Noted)
    return lambda: len(waiting)


def test_those_who_come_during_a_read_share_the_next_one_and_not_that_one(waits: Callable[[], int]) -> None:
    shared, source = SingleFlight[int](), Source()
    with ThreadPoolExecutor(8) as pool:
        futures = waiting(shared, 6, pool, source)
        eventually(lambda: waits() >= 6)
        source.go.set()
        assert futures[0].result() == 1
        assert {each.result() for each in futures[1:]} == {2}
    assert source.reads == 2
    assert not shared._reading


def test_each_reads_for_itself_when_the_shared_read_fails(waits: Callable[[], int]) -> None:
    shared, source = SingleFlight[int](), Source()

    def failing() -> int:
        source()
        if source.reads == 2:
            raise TimeoutError
        return source.reads

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(shared.read, "key", failing)]
        assert source.began.wait(WAIT_SECONDS)
        futures += [pool.submit(shared.read, "key", failing) for _ in range(4)]
        eventually(lambda: waits() >= 4)
        source.go.set()
        failed = [each for each in futures if each.exception()]
        assert len(failed) == 1
    assert not shared._reading


def test_nobody_waits_longer_than_patience_lasts_when_a_read_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "SHARED_READ_SECONDS", 0.05)
    shared, source = SingleFlight[int](), Source()
    with ThreadPoolExecutor(4) as pool:
        hanging = pool.submit(shared.read, "key", source)
        assert source.began.wait(WAIT_SECONDS)
        assert pool.submit(shared.read, "key", lambda: 7).result(WAIT_SECONDS) == 7
        assert pool.submit(shared.read, "other", lambda: 8).result(WAIT_SECONDS) == 8
        source.go.set()
        assert hanging.result() == 1
    assert not shared._reading
