"""Moving windows, whatever storage keeps them: exact under concurrency, all or none, and over when they are over."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from likes_api.http.rate_limits.windows import Window, WindowStorage

HOUR = 3_600


def taken(windows: WindowStorage, *asked: Window, times: int) -> int:
    """Return how many of so many requests are counted."""
    return [windows.take(asked) for _ in range(times)].count(None)


def test_window_takes_its_amount_and_no_more(windows: WindowStorage) -> None:
    waits = [windows.take([Window("ada", 3, HOUR)]) for _ in range(5)]
    assert waits[:3] == [None, None, None]
    assert all(wait is not None and HOUR - 60 < wait <= HOUR for wait in waits[3:])
    assert windows.take([Window("bob", 3, HOUR)]) is None


def test_window_has_room_when_the_time_it_said_is_over(windows: WindowStorage) -> None:
    window = Window("ada", 2, 2)
    for _ in range(2):
        waits = (windows.take([window]) for _ in range(10_000))
        wait = next(wait for wait in waits if wait is not None)
        assert 0 < wait <= 2
        time.sleep(wait + 0.01)
    assert windows.take([window]) is None


def test_only_what_left_the_window_makes_room(windows: WindowStorage) -> None:
    long, short = Window("long", 1, HOUR), Window("short", 1, 1)
    assert windows.take([long]) is None
    assert windows.take([short]) is None
    time.sleep(1.1)
    assert windows.take([short]) is None
    assert windows.take([long]) is not None


@pytest.mark.parametrize("full_first", [True, False])
def test_a_refused_request_uses_up_nothing(windows: WindowStorage, full_first: bool) -> None:
    free, full = Window("free", 5, HOUR), Window("full", 1, HOUR)
    assert windows.take([full]) is None
    both = [full, free] if full_first else [free, full]
    assert taken(windows, *both, times=10) == 0
    assert taken(windows, free, times=10) == 5


def test_wait_is_the_latest_of_those_of_all_full_windows(windows: WindowStorage) -> None:
    four = [Window("a", 1, 60), Window("b", 1, HOUR), Window("c", 1, 120), Window("d", 9, 2 * HOUR)]
    assert windows.take(four) is None
    wait = windows.take(four)
    assert wait is not None
    assert HOUR - 60 < wait <= HOUR


def test_every_request_counts_once_when_many_are_the_first_at_the_same_instant(windows: WindowStorage) -> None:
    threads = 8
    for round_ in range(25):
        four = [Window(f"{round_}{key}", threads - 1, HOUR) for key in "abcd"]
        barrier = Barrier(threads)

        def hit(_: int, four: list[Window] = four, barrier: Barrier = barrier) -> float | None:
            barrier.wait()
            return windows.take(four)

        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(hit, range(threads))).count(None) == threads - 1


def test_what_was_refused_under_a_storm_leaves_room_for_all_others(windows: WindowStorage) -> None:
    """Half of the requests have a full window behind the one that all share."""
    shared, full = Window("shared", 40, HOUR), Window("full", 1, HOUR)
    assert windows.take([full]) is None
    own = [Window(f"own {number}", 1, HOUR) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: windows.take([shared, own[n // 2] if n % 2 else full]), range(32)))
    assert answers.count(None) == 16
    assert taken(windows, shared, times=40) == 40 - 16


def test_limits_library_gets_a_window_by_itself(windows: WindowStorage) -> None:
    assert [windows.acquire_entry("ada", 2, HOUR) for _ in range(3)] == [True, True, False]
    assert windows.check()
