"""A Redis for a test: Debian's, on a unix socket, with nothing on disk."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from likes_api.server.child_process import tied_to_this_process

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis that answers."""

    uri: str
    process: subprocess.Popen[bytes]

    def empty(self) -> None:
        """Delete all keys."""
        with redis.Redis(unix_socket_path=self.uri.partition("//")[2]) as client:
            client.flushall()


@contextmanager
def running_redis() -> Iterator[Redis]:
    """Run a Redis; a missing ``redis-server`` fails the test."""
    with tempfile.TemporaryDirectory(prefix="likes-api-redis-") as directory:
        path = Path(directory) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory]
        process = subprocess.Popen(tied_to_this_process(["redis-server", *options]), stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not path.exists():
                assert process.poll() is None, "redis-server ended"
                assert time.monotonic() < deadline, "redis-server does not start"
                time.sleep(0.02)
            yield Redis(f"redis+unix://{path}", process)
        finally:
            process.kill()
            process.wait()
