"""Count requests in a process of its own, in an LMDB environment that others share.

``taker.py count DIRECTORY AMOUNT THREADS TIMES KEYS`` says ``ready``, waits for a time of the monotonic clock, and asks
so many times in each thread for a window of so many, one key after the other; it prints a key for each request that is
counted. ``taker.py hold DIRECTORY`` says ``ready`` within a transaction, and stays.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb

from likes_api.http.rate_limits.lmdb_storage import MAP_BYTES, LmdbWindows
from likes_api.http.rate_limits.windows import Window

KEY = "0"
HELD = b"held"
HOUR = 3_600


def count(directory: Path, amount: int, threads: int, times: int, keys: int) -> None:
    windows = LmdbWindows("", directory=directory)
    assert windows.check()
    say(b"ready\n")
    start = float(sys.stdin.readline())

    def take(_: int) -> None:
        while time.monotonic() < start:
            pass
        for key in map(str, range(keys)):
            for _ in range(times):
                if windows.take([Window(key, amount, HOUR)]) is None:
                    say(f"{key}\n".encode())

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(take, range(threads)))


def hold(directory: Path) -> None:
    environment = lmdb.open(str(directory), map_size=MAP_BYTES, sync=False, metasync=False)
    with environment.begin(write=True) as transaction:
        transaction.put(HELD, b"")
        transaction.put(KEY.encode(), b"")
        say(b"ready\n")
        time.sleep(HOUR)


def say(line: bytes) -> None:
    """Write at once: what was said is there when the process is killed."""
    os.write(1, line)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(Path(sys.argv[2]))
    else:
        count(Path(sys.argv[2]), *map(int, sys.argv[3:]))
