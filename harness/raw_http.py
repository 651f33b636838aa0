"""Requests byte by byte, as no client library sends them."""

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came; ``status`` 0 is none at all."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(url: str) -> socket.socket:
    """Open a connection to a server's base URL."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def exchange(url: str, data: bytes) -> Answer:
    """Send these bytes on a new connection, and read until the server closes it."""
    with connect(url) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """Read one response."""
    with connection.makefile("rb") as stream:
        line = stream.readline().split()
        if not line:
            return Answer(0, {}, b"")
        headers = {}
        while (field := stream.readline().strip()) != b"":
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(line[1]), headers, stream.read(int(headers.get("content-length", 0))))
