"""From NDJSON lines to records, and from bad lines to reasons."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likes_api import ndjson
from likes_api.ndjson import import_lines
from likes_api.repository.content import Record


class Shelf:
    """A store that keeps records in memory and refuses those with the id ``refused``."""

    def __init__(self) -> None:
        self.batches: list[list[Record]] = []

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch]

    def put(self, records: list[Record]) -> dict[int, str]:
        self.batches.append(records)
        return {index: "refused by the store" for index, record in enumerate(records) if record.id == "refused"}


def load(*lines: bytes | dict[str, Any]) -> tuple[list[Record], list[str]]:
    shelf = Shelf()
    written: Iterable[bytes] = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    faults = [fault for _, batch in import_lines(written, shelf) for fault in batch]
    return shelf.records, faults


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ({"kind": "question", "id": "q"}, Record("question", "q")),
        (
            {"kind": "message", "id": "m", "likedBy": ["a", "b"], "dislikedBy": ["c"]},
            Record("message", "m", liked_by=["a", "b"], disliked_by=["c"]),
        ),
        ({"kind": "user", "id": "u", "name": "Ada"}, Record("user", "u", {"name": "Ada"})),
        (
            {"kind": "entry", "id": "e", "title": "T", "boost": 3, "locked": True, "guest_allowed": False},
            Record("entry", "e", {"title": "T", "boost": 3, "locked": True, "guest_allowed": False}),
        ),
        (
            {"kind": "person", "guid": "p", "diaspora_id": "p@pod", "name": "P", "ignores": ["x"]},
            Record("person", "p", {"diaspora_id": "p@pod", "name": "P", "ignores": ["x"]}),
        ),
        (
            {"kind": "post", "guid": "s", "author": "p", "public": False, "visible_to": ["x"]},
            Record("post", "s", {"author": "p", "public": False, "visible_to": ["x"]}),
        ),
        (
            {"kind": "comment", "guid": "c", "post": "s", "author": "p"},
            Record("comment", "c", {"post": "s", "author": "p"}),
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_line_is_read_when_it_is_of_a_documented_kind(line: dict[str, Any], record: Record) -> None:
    assert load(line) == ([record], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "Expecting"),
        (b"[]", "not a JSON object"),
        (b'"question"', "not a JSON object"),
        (b"\xff", "decode"),
        (b"[" * 100_000, "nested too deeply"),
        ({"id": "q"}, "kind is none of"),
        ({"kind": "answer", "id": "q"}, "kind is none of"),
        ({"kind": ["question"], "id": "q"}, "kind is none of"),
        ({"kind": {"$ne": ""}, "id": "q"}, "kind is none of"),
        ({"kind": "question"}, "id"),
        ({"kind": "question", "id": ""}, "id"),
        ({"kind": "question", "id": 7}, "id"),
        ({"kind": "question", "id": {"$ne": ""}}, "id"),
        ({"kind": "question", "id": "x" * 256}, "id"),
        ({"kind": "question", "id": "a\0"}, "id"),
        ({"kind": "question", "id": "q", "upvotes": 5}, "upvotes"),
        ({"kind": "question", "id": "q", "$set": {}}, "$set"),
        ({"kind": "question", "id": "q", "likedBy": "ada"}, "likedBy"),
        ({"kind": "question", "id": "q", "likedBy": ["ada", 1]}, "likedBy"),
        ({"kind": "question", "id": "q", "likedBy": ["ada", "ada"]}, "twice"),
        ({"kind": "question", "id": "q", "likedBy": ["ada"], "dislikedBy": ["ada"]}, "twice"),
        ({"kind": "entry", "id": "a b"}, "id"),
        ({"kind": "entry", "id": "e", "boost": -1}, "boost"),
        ({"kind": "entry", "id": "e", "boost": "3"}, "boost"),
        ({"kind": "entry", "id": "e", "locked": "true"}, "locked"),
        ({"kind": "post", "guid": "s", "author": "p"}, "public"),
        ({"kind": "person", "guid": "p", "name": "P"}, "diaspora_id"),
    ],
    ids=lambda value: "" if isinstance(value, str) else (str(value)[:60]),
)
def test_line_is_refused_with_a_reason_when_it_is_bad(line: bytes | dict[str, Any], reason: str) -> None:
    good = {"kind": "question", "id": "good"}
    records, faults = load(good, line, good)
    assert records == [Record("question", "good")] * 2
    assert len(faults) == 1
    assert faults[0].startswith("line 2: ")
    assert reason in faults[0]


def test_faults_are_in_the_order_of_lines_when_reader_and_store_both_refuse() -> None:
    refused = {"kind": "question", "id": "refused"}
    _, faults = load(b"{}", refused, b"", b"1", refused)
    assert [fault.partition(":")[0] for fault in faults] == ["line 1", "line 2", "line 4", "line 5"]


def test_blank_lines_are_passed_over_and_counted() -> None:
    assert load(b"\n", b" \r\n", {"kind": "question", "id": "q"}, b"\n", b"x") == (
        [Record("question", "q")],
        ["line 5: Expecting value: line 1 column 1 (char 0)"],
    )


def test_lines_are_put_in_batches_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "BATCH_LINES", 3)
    shelf = Shelf()
    lines = [json.dumps({"kind": "question", "id": f"q{number}"}).encode() for number in range(7)]
    assert [done for done, _ in import_lines(lines, shelf)] == [3, 6, 7]
    assert [len(batch) for batch in shelf.batches] == [3, 3, 1]


def test_long_line_is_a_batch_of_its_own_when_a_batch_may_hold_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "BATCH_BYTES", 100)
    shelf = Shelf()
    lines = [
        json.dumps({"kind": "question", "id": f"q{number}", "likedBy": ["ada"] * voters}).encode()
        for number, voters in enumerate([0, 0, 1, 0, 0])
    ]
    lines[2] += b" " * 100
    assert [done for done, _ in import_lines(lines, shelf)] == [2, 3, 5]


@given(st.binary(max_size=60))
def test_any_bytes_are_one_record_one_reason_or_a_blank_line(line: bytes) -> None:
    records, faults = load(line)
    assert len(records) + len(faults) == (1 if line.strip() else 0)
