"""Measure time as a process has it: what a stalled machine took from all processes does not count."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_STEP_SECONDS = 0.01
_USUAL_DELAY_SECONDS = 0.03


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
