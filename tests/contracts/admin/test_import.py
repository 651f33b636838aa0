"""``POST /admin/import``: lines in, bad ones out by number; streamed, cut off and sent again, on a real gunicorn."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from pymongo import MongoClient

from harness.documents import all_faults
from harness.server import Server, started_server
from likes_api.contracts.admin import imports
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from tests.support.admin import NDJSON, Administrator, administrator, audit, content, url
from tests.support.gunicorn import environment

DATABASE = "test_admin_import"
LINES = 200_000
MEBIBYTE = 1 << 20


def test_lines_are_imported_and_bad_ones_reported_by_number(admin: Administrator, database: Database) -> None:
    lines = [
        b'{"kind":"question","id":"q","likedBy":["ada","bob"],"dislikedBy":["eve"]}',
        b"",
        b"nonsense",
        b'{"kind":"entry","id":"a b"}',
        b'{"kind":"entry","id":"e","boost":4}',
        b'{"kind":"cat","id":"e"}',
        b'{"kind":"user","id":"u","email":"e"}',
    ]
    answer = admin.import_(b"\n".join(lines))
    assert [line.get("line") for line in answer] == [3, 4, 6, None]
    assert answer[1]["error"].startswith("id: [")
    assert answer[3] == {"imported": 3, "failed": 3}
    before = content(database)
    assert sorted(before) == ["likes_entries", "questions", "users"]
    assert admin.import_(b"\n".join(lines)) == answer
    assert content(database) == before
    assert audit(database) == [(admin.id, "import", "content")] * 2


@pytest.mark.parametrize("data", [b"", b"\n", b"\n\n \n"])
def test_nothing_is_imported_when_there_is_no_line(admin: Administrator, database: Database, data: bytes) -> None:
    assert admin.import_(data) == [{"imported": 0, "failed": 0}]
    assert content(database) == {}


def test_line_is_bad_when_it_is_too_long_and_the_others_count(
    admin: Administrator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAX_LINE_BYTES", MEBIBYTE)
    long = json.dumps({"kind": "entry", "id": "x", "title": "x" * (2 * MEBIBYTE)}).encode()
    answer = admin.import_(long + b'\n{"kind":"entry","id":"e"}\n' + long)
    reasons = [{"line": number, "error": "longer than 1 MiB"} for number in (1, 3)]
    assert answer == [*reasons, {"imported": 1, "failed": 2}]
    assert [entry["_id"] for entry in database["likes_entries"].find()] == ["e"]


def test_body_is_413_when_it_says_that_it_is_too_long(admin: Administrator, database: Database) -> None:
    answer = admin.ask(
        "POST", "/admin/import", content_type=NDJSON, environ_overrides={"CONTENT_LENGTH": str(imports.MAX_BYTES + 1)}
    )
    assert (answer.status_code, answer.get_json()) == (413, {"error": "Request entity too large"})
    assert (content(database), audit(database)) == ({}, [])


def test_put_and_import_make_the_same_document(admin: Administrator, database: Database) -> None:
    fields = {"title": "T", "boost": 2, "locked": False}
    admin.ask("PUT", url("targets", "entry", "t"), fields)
    (put,) = database["likes_entries"].find()
    admin.ask("DELETE", url("targets", "entry", "t"))
    assert admin.import_([{"kind": "entry", "id": "t", **fields}]) == [{"imported": 1, "failed": 0}]
    assert list(database["likes_entries"].find()) == [put]


# -- A real gunicorn


@pytest.fixture(scope="module")
def server(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[Server]:
    with started_server(environment(mongod.uri, DATABASE, WEB_CONCURRENCY="1")) as server:
        yield server
    client.drop_database(DATABASE)


@pytest.fixture
def headers(client: MongoClient[Document]) -> dict[str, str]:
    token = administrator(None, client[DATABASE]).token  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {token}", "Content-Type": NDJSON}


def lines_of(response: requests.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.iter_lines()]


def peak_of(pid: str) -> int:
    """Return the most memory that a process has had, in bytes."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def entry(number: int) -> bytes:
    return json.dumps({"kind": "entry", "id": f"n{number}", "title": "x" * 200}).encode() + b"\n"


def test_memory_of_the_worker_stays_bounded_when_many_lines_are_imported(
    server: Server, headers: dict[str, str], client: MongoClient[Document]
) -> None:
    (worker,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()

    def body() -> Iterator[bytes]:
        for begin in range(0, LINES, 1_000):
            yield b"".join(
                b"bad\n" if number % 10_000 == 9_999 else entry(number) for number in range(begin, begin + 1_000)
            )

    warm = requests.post(f"{server.url}/admin/import", data=entry(0), headers=headers, timeout=60)
    assert lines_of(warm) == [{"imported": 1, "failed": 0}]
    before, began = peak_of(worker), time.perf_counter()
    answer = lines_of(requests.post(f"{server.url}/admin/import", data=body(), headers=headers, timeout=600))
    seconds, peak = time.perf_counter() - began, peak_of(worker)
    print(f"{LINES} lines in {seconds:.1f} s, peak {before / MEBIBYTE:.1f} -> {peak / MEBIBYTE:.1f} MiB")
    assert [each["line"] for each in answer[:-1]] == list(range(10_000, LINES + 1, 10_000))
    assert answer[-1] == {"imported": LINES - 20, "failed": 20}
    assert client[DATABASE]["likes_entries"].count_documents({}) == LINES - 20
    # The body has 48 MB.
    assert peak - before < 24 * MEBIBYTE


def test_whole_lines_count_and_the_same_sent_again_completes_when_the_connection_is_cut(
    server: Server, headers: dict[str, str], client: MongoClient[Document]
) -> None:
    entries = client[DATABASE]["likes_entries"]
    entries.drop()
    data = b"".join(entry(number) for number in range(5_000))
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        head = [f"{name}: {value}" for name, value in headers.items()]
        lines = ["POST /admin/import HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}", *head, "", ""]
        connection.sendall("\r\n".join(lines).encode() + data[: len(data) // 2])
        until = time.monotonic() + 60
        while entries.count_documents({}) < 2_000:
            assert time.monotonic() < until
            time.sleep(0.05)
    cut = entries.count_documents({})
    assert cut < 5_000
    again = requests.post(f"{server.url}/admin/import", data=data, headers=headers, timeout=60)
    assert lines_of(again) == [{"imported": 5_000, "failed": 0}]
    assert sorted(each["_id"] for each in entries.find({}, {"_id": 1})) == sorted(f"n{n}" for n in range(5_000))
    assert all_faults(client[DATABASE]) == []
    logged = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line for line in logged if line["level"] == "ERROR"] == []


def test_answer_says_so_when_a_body_without_a_length_turns_out_to_be_too_long(
    server: Server, headers: dict[str, str], client: MongoClient[Document]
) -> None:
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
    blank = b" " * (MEBIBYTE - 1) + b"\n"
    chunks = (blank for _ in range(imports.MAX_BYTES // MEBIBYTE + 1))
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/admin/import", body=chunks, headers=headers, encode_chunked=True)
    assert json.loads(connection.getresponse().read().splitlines()[-1]) == {"error": "Request entity too large"}
    connection.close()
