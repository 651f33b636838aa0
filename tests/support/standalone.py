"""A mongod that is no replica set, as people run it on their own machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient

from harness.gunicorn import Process
from harness.server import free_port
from likes_api.embedded_mongod.server import find_mongod


@contextmanager
def standalone_mongod(directory: Path) -> Iterator[str]:
    """Run one, and give its connection string."""
    port, data = free_port(), directory / "data"
    data.mkdir()
    command = [str(find_mongod(None)), "--dbpath", str(data), "--bind_ip", "127.0.0.1", "--port", str(port)]
    process = Process([*command, "--wiredTigerCacheSizeGB", "0.25"], directory / "mongod.log")
    process.start()
    try:
        uri = f"mongodb://127.0.0.1:{port}/"
        with MongoClient(uri, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("ping")
        yield uri
    finally:
        process.end()
