"""Whatever a line of an import holds, it is imported or named, and the lines around it are imported."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.documents import all_faults, emptied_afterwards
from harness.server import SECRET_KEY
from likes_api import ndjson
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from likes_api.ndjson import bounded_lines, import_lines
from likes_api.repository.content import ContentRepository
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind, Vote

FIRST, LAST = b'{"kind":"entry","id":"first"}', b'{"kind":"entry","id":"last"}'
HEX = "64b7f0c2a1b2c3d4e5f60718"
Import = Callable[..., Result]


def imported(database: Database, *lines: bytes, **limits: int) -> list[str]:
    """Import lines; return the faults."""
    file = BytesIO(b"\n".join(lines))
    store = ContentRepository(database, **limits)
    return [fault for _, faults in import_lines(bounded_lines(file), store) for fault in faults]


@pytest.fixture
def import_(mongod: EmbeddedMongod, database: Database, tmp_path: Path) -> Import:
    def run(*lines: bytes, **environment: str) -> Result:
        file = tmp_path / "lines.ndjson"
        file.write_bytes(b"\n".join(lines))
        variables = {
            "LIKES_MONGODB_URI": mongod.uri,
            "LIKES_MONGODB_DATABASE": database.name,
            "LIKES_SECRET_KEY": SECRET_KEY,
        }
        return CliRunner().invoke(main, ["import", str(file)], env=variables | environment)

    return run


BAD_LINES = {
    "half an emoji in a title": rb'{"kind":"entry","id":"bad","title":"Nice \ud83d"}',
    "half an emoji in an id": rb'{"kind":"question","id":"\udc00"}',
    "half an emoji in a voter": rb'{"kind":"question","id":"bad","likedBy":["ada","\uD83D"]}',
    "half an emoji in a field's name": rb'{"kind":"entry","id":"bad","\ud83d":1}',
    "half an emoji in a kind": rb'{"kind":"\ud83d","id":"bad"}',
    "half an emoji as three bytes": b'{"kind":"entry","id":"bad","title":"\xed\xa0\xbd"}',
    "no UTF-8": b'{"kind":"entry","id":"bad","title":"\xff"}',
    "UTF-16": '{"kind":"entry","id":"bad"}'.encode("utf-16-le"),
    "no JSON": b"{",
    "nesting": b'{"kind":"entry","id":"bad","title":' + b"[" * 100_000,
    "closed nesting": b'{"kind":"entry","id":"bad","title":' + b"[" * 900 + b"]" * 900 + b"}",
    "a number with many digits": b'{"kind":"entry","id":"bad","boost":' + b"9" * 5_000 + b"}",
    "a number of 65 bits": b'{"kind":"entry","id":"bad","boost":18446744073709551616}',
    "a number beyond doubles": b'{"kind":"entry","id":"bad","boost":1e999}',
    "not a number": b'{"kind":"entry","id":"bad","boost":NaN}',
    "NUL in an id": rb'{"kind":"question","id":"a\u0000b"}',
    "an unknown field with line breaks": rb'{"kind":"entry","id":"bad","a\nline 7: fine\u001b[2J":1}',
    "a list": b"[]",
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_line_is_named_and_the_others_are_imported_when_it_cannot_be_stored(
    import_: Import, database: Database, bad: bytes
) -> None:
    result = import_(FIRST, bad, LAST)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    fault, summary = result.stderr.splitlines()
    assert fault.startswith("line 2: ")
    assert fault.isprintable()
    assert summary.startswith("Error: 1 of 3 lines are bad")
    assert database["likes_entries"].distinct("_id") == ["first", "last"]
    assert database["questions"].count_documents({}) == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "entry", "id": "bad", "title": "x" * 17_000_000},
        {"kind": "question", "id": "bad", "likedBy": [f"{number:0250}" for number in range(70_000)]},
        {"kind": "post", "guid": "bad", "author": "a", "public": True, "visible_to": ["x" * 250] * 70_000},
        {"kind": "user", "id": "bad", "name": "x" * 16_777_210},
    ],
    ids=["a title", "voters", "readers", "a name that only the document is too large for"],
)
def test_line_is_named_and_the_others_are_imported_when_its_document_is_above_16_mb(
    database: Database, bad: dict[str, Any]
) -> None:
    (fault,) = imported(database, FIRST, json.dumps(bad).encode(), LAST)
    assert fault == "line 2: it takes more than the 16 MB that a document may hold"
    assert database["likes_entries"].distinct("_id") == ["first", "last"]
    assert [database[name].count_documents({"_id": "bad"}) for name in ("questions", "likes_posts", "users")] == [
        0,
        0,
        0,
    ]


def test_line_is_named_and_not_kept_in_memory_when_it_has_no_end(
    import_: Import, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 1 << 20)
    result = import_(FIRST, b"x" * (5 << 20), LAST)
    assert result.stderr.splitlines()[0] == "line 2: longer than 1 MiB"
    assert database["likes_entries"].distinct("_id") == ["first", "last"]


def test_voters_stay_in_the_arrays_and_in_order_when_a_line_brings_250_000_and_none_move(database: Database) -> None:
    voters = [f"voter_{number:08}" for number in range(250_000)]
    line = json.dumps({"kind": "question", "id": "q", "likedBy": voters[1:], "dislikedBy": ["dan"]}).encode()
    database["questions"].insert_one({"_id": "q", "likedBy": [voters[7]], "upvotes": 3})  # a surplus of two
    expected = [voters[7], *voters[1:7], *voters[8:]]
    for _ in range(2):
        assert imported(database, FIRST, line) == []
        found = database["questions"].find_one("q") or {}
        assert found["likedBy"] == expected
        assert (found["upvotes"], found["downvotes"], found["dislikedBy"]) == (250_001, 1, ["dan"])
        assert "likesOverflow" not in found


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("held", [HEX, ObjectId(HEX)], ids=["string", "ObjectId"])
@pytest.mark.parametrize("kind", ["question", "message", "user"])
def test_document_of_a_host_is_found_when_its_id_has_24_hex_digits(
    database: Database, kind: str, held: object, moves: bool
) -> None:
    collection, line = database[f"{kind}s"], {"kind": kind, "id": HEX}
    collection.insert_one({"_id": held, "title": "Why?"})
    if kind == "user":
        line["name"] = "Ada"
    else:
        line["likedBy"] = ["ada", "bob"]  # type: ignore[assignment]
    assert imported(database, json.dumps(line).encode(), qa_overflow_at=int(moves)) == []
    (found,) = collection.find()
    assert (found["_id"], found["title"]) == (held, "Why?")
    if kind == "user":
        assert found["name"] == "Ada"
        return
    assert ("likesOverflow" in found) is moves
    tally = VoteRepository(database).tally(Target(TargetKind(kind), HEX), "bob")
    assert tally == Tally(2, 0, Vote.UP)


def test_ids_and_voters_are_told_apart_when_a_hosts_collation_ignores_case(database: Database) -> None:
    database.drop_collection("questions")
    database.create_collection("questions", collation={"locale": "en", "strength": 2})
    lines = [
        {"kind": "question", "id": "q", "likedBy": ["aB3xK"]},
        {"kind": "question", "id": "q", "likedBy": ["Ab3Xk", "aB3xK"]},
    ]
    try:
        assert imported(database, *(json.dumps(line).encode() for line in lines)) == []
        (found,) = database["questions"].find()
        assert (found["likedBy"], found["upvotes"]) == (["aB3xK", "Ab3Xk"], 2)
    finally:
        database.drop_collection("questions")


_TEXT = st.text(max_size=8) | st.sampled_from(["", "\0", "$likedBy", "ada", "\ud83d", "a.b", "__proto__", HEX])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=8,
)
_KINDS = st.sampled_from(["entry", "person", "post", "comment", "question", "message", "user", "vote"])
_FIELDS = st.sampled_from(
    ["id", "guid", "likedBy", "dislikedBy", "title", "boost", "locked", "name", "author", "public", "post", "ignores"]
)
_RECORDS = st.builds(lambda kind, values: {"kind": kind} | values, _KINDS, st.dictionaries(_FIELDS, _JSON, max_size=5))
_SOUND = st.builds(
    lambda kind, id_, liked, disliked: {"kind": kind, "id": id_, "likedBy": liked, "dislikedBy": disliked},
    st.sampled_from(["entry", "question", "message"]),
    st.sampled_from(["a", "b", HEX]),
    st.lists(st.sampled_from(["ada", "bob", "$x", "é"]), unique=True, max_size=3),
    st.lists(st.sampled_from(["dan", "eve"]), unique=True, max_size=2),
)
_LINES = (
    st.binary(max_size=40)
    | (_RECORDS | _SOUND | _JSON).map(lambda value: json.dumps(value).encode())
    | st.tuples(_SOUND, st.integers(0, 60), st.binary(min_size=1, max_size=3)).map(
        lambda parts: (text := json.dumps(parts[0]).encode())[: parts[1]] + parts[2] + text[parts[1] + 1 :]
    )
)


@given(lines=st.lists(_LINES, max_size=8), moves=st.booleans())
@example(lines=list(BAD_LINES.values()), moves=True)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_around_are_imported_and_all_votes_are_exact_when_lines_are_any_bytes(
    module_database: Database, lines: list[bytes], moves: bool
) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    with emptied_afterwards(module_database) as _:
        faults = imported(module_database, FIRST, *lines, LAST, overflow_at=int(moves), qa_overflow_at=int(moves))
        assert not [fault for fault in faults if not fault.isprintable()]
        assert module_database["likes_entries"].count_documents({"_id": {"$in": ["first", "last"]}}) == 2
        assert not [fault for _, fault, _ in verify_votes(module_database, repair=False) if fault]
        assert moves or not all_faults(module_database)
