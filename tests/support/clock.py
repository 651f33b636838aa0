"""Time in tests: no test may fail because a machine is slow.

What comes to pass is waited for, with an end that only a hanging test meets. What must not take long is proven by the
commands that are sent; where a limit in seconds is the promise itself, what a stalled machine takes from all processes
does not count.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Far more than anything here takes.
WAIT_SECONDS = 60.0
_STEP_SECONDS = 0.01
_USUAL_DELAY_SECONDS = 0.03


def eventually(condition: Callable[[], object]) -> None:
    """Wait for something to come to pass."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


class Stopwatch:
    """The seconds since the block began, without those in which this process had no processor."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.stalled = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began - self.stalled


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Start a stopwatch, and a thread that notices stalls by waking up too late."""
    watch, over = Stopwatch(), threading.Event()

    def notice() -> None:
        before = time.monotonic()
        while not over.wait(_STEP_SECONDS):
            now = time.monotonic()
            watch.stalled += max(0.0, now - before - _STEP_SECONDS - _USUAL_DELAY_SECONDS)
            before = now

    thread = threading.Thread(target=notice, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
