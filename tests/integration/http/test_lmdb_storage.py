"""Moving windows in LMDB: exact over processes, untouched by kill -9, bounded in size."""

import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace

import lmdb
import pytest

from harness.server import ROOT
from likes_api import metrics
from likes_api.http.rate_limits import lmdb_storage
from likes_api.http.rate_limits.fail_open import FailOpenMovingWindow
from likes_api.http.rate_limits.lmdb_storage import LmdbWindows
from likes_api.http.rate_limits.windows import Window
from tests.support import taker
from tests.support.metrics import Exposition

HOUR = 3_600
SMALL_MAP = 1024 * 1024
SECONDS = 60


@contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``taker.py`` up to where it is ready."""
    command = [sys.executable, "-m", "tests.support.taker", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield child
        finally:
            child.kill()


class Clock:
    """A clock that a test sets; processes of their own have the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        monkeypatch.setattr(lmdb_storage, "time", SimpleNamespace(monotonic=lambda: self.now))


def entries(windows: LmdbWindows) -> dict[bytes, bytes]:
    assert windows._environment is not None
    with windows._environment.begin(write=True) as transaction:
        return dict(transaction.cursor())


# -- Processes


def test_four_processes_of_sixteen_threads_are_let_through_sixty_times_for_each_key(tmp_path: Path) -> None:
    with ExitStack() as stack:
        takers = [stack.enter_context(process("count", tmp_path, 60, 16, 4, 50)) for _ in range(4)]
        start = str(time.monotonic() + 0.2).encode()
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(lambda child: child.communicate(start, timeout=SECONDS)[0], takers))
    assert Counter(b"".join(said).split()) == {str(key).encode(): 60 for key in range(50)}
    assert [child.returncode for child in takers] == [0] * 4


def test_a_process_killed_within_a_transaction_changes_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    windows = LmdbWindows("", directory=tmp_path)
    assert windows.take([Window(taker.KEY, 2, HOUR)]) is None
    for _ in range(5):
        with process("hold", tmp_path) as holder, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(windows.take, [Window(taker.KEY, 1, HOUR)])
            time.sleep(0.05)
            assert not waiting.done()
            holder.kill()
            assert waiting.result(SECONDS) is not None
    assert taker.HELD not in entries(windows)
    assert [windows.take([Window(taker.KEY, 2, HOUR)]) is None for _ in range(2)] == [True, False]


def test_what_killed_processes_said_they_counted_is_counted(tmp_path: Path) -> None:
    """Each may have counted one request more, of which it was killed before it could say so."""
    windows = LmdbWindows("", directory=tmp_path)
    window, random = Window(taker.KEY, 10**9, HOUR), Random(11)
    kills, said = 12, 0
    for _ in range(kills):
        with process("count", tmp_path, window.amount, 4, 10**9, 1) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"0\n")
            child.stdin.flush()
            for _ in range(random.randrange(1, 100)):
                child.stdout.readline()
                said += 1
            child.kill()
            said += child.stdout.read().count(b"\n")
            assert windows.take([window]) is None
            said += 1
    counted = len(entries(windows)[taker.KEY.encode()]) // 8 - 1
    assert said <= counted <= said + kills * 4


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    LmdbWindows("", directory=tmp_path).check()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_counters_are_those_of_one_application_when_it_has_no_directory() -> None:
    first, second = LmdbWindows("", directory=None), LmdbWindows("", directory=None)
    assert [windows.take([Window("ada", 1, HOUR)]) is None for windows in (first, second, first)] == [True, True, False]


# -- Size


def test_expired_keys_do_not_pile_up_when_new_ones_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty keys live at any time."""
    clock, windows, random = Clock(monkeypatch), LmdbWindows("", directory=None), Random(11)
    most = 0
    for _ in range(2_000):
        clock.now += 1
        assert windows.take([Window(f"{random.getrandbits(256):064x}", 60, 20)]) is None
        most = max(most, len(entries(windows)))
    assert most < 100


def fill(windows: LmdbWindows, seconds: int) -> int:
    """Take windows until the map is full; return how many it took."""
    random = Random(11)
    for number in range(100_000):
        try:
            assert windows.take([Window(f"{random.getrandbits(256):064x}", 60, seconds)]) is None
        except lmdb.MapFullError:
            return number
    raise AssertionError("the map is never full")


def test_a_full_map_is_swept_when_keys_have_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, windows = Clock(monkeypatch), LmdbWindows("", directory=None, map_bytes=SMALL_MAP)
    assert windows.take([Window("lasting", 1, 24 * HOUR)]) is None
    first = fill(windows, HOUR)
    for new in "abcde":
        clock.now += HOUR + 1
        assert windows.take([Window(new, 60, HOUR)]) is None
        assert set(entries(windows)) == {b"lasting", new.encode()}
        assert fill(windows, HOUR) > first / 2
    assert windows.take([Window("lasting", 1, 24 * HOUR)]) is not None


def failures() -> float:
    return Exposition(metrics.render().decode()).total("likes_limiter_failures_total")


def test_requests_go_through_uncounted_when_the_map_is_full_of_live_keys() -> None:
    windows = LmdbWindows("", directory=None, map_bytes=SMALL_MAP)
    assert windows.take([Window("ada", 1, HOUR)]) is None
    fill(windows, HOUR)
    before = failures()
    strategy = FailOpenMovingWindow(windows)
    assert strategy.take([Window("ada", 1, HOUR)]) is not None
    assert strategy.take([Window("bob", 1, HOUR)]) is None
    assert strategy.take([Window("bob", 1, HOUR)]) is None
    assert failures() - before == 2
