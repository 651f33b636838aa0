"""Halt a process for a while, as a debugger or a busy machine does."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 60.0


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """Halt a process within the block, which begins when all its threads have stopped."""
    os.kill(pid, signal.SIGSTOP)
    try:
        end = time.monotonic() + _SECONDS
        while any(_state(thread) != "T" for thread in Path(f"/proc/{pid}/task").iterdir()):
            assert time.monotonic() < end, f"process {pid} does not stop"
            time.sleep(0.005)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _state(thread: Path) -> str:
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:  # it ended before the signal came
        return "T"
