"""Documents as hosts really have them: ``verify`` names what is odd, ``--repair`` mends it, and no vote is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.documents import emptied_afterwards, snapshot
from harness.server import SECRET_KEY
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.content import ContentRepository, Record
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.repository.votes.vote_fields import MANY_VOTERS
from likes_api.votes import Tally, Target, TargetKind, Vote
from tests.support.moved import move, reassembled

ENTRY, QUESTION = Target(TargetKind.ENTRY, "t"), Target(TargetKind.QUESTION, "t")
HEX = "64b7f0c2a1b2c3d4e5f60718"
DATE = datetime(2024, 1, 1, tzinfo=UTC)


def lines(database: Database, *, repair: bool = False, delete: int | None = None) -> list[tuple[str, bool]]:
    return [(str(fault), mended) for _, fault, mended in verify_votes(database, repair=repair, delete=delete) if fault]


def repaired(database: Database, target: Target, **fields: Any) -> Document:
    """Put a document with these fields, and repair it; return it, without its id."""
    targets = collections.get(database, COLLECTIONS[target.kind])
    targets.insert_one({"_id": target.id} | fields)
    found = lines(database)
    assert found
    assert all(line.startswith(f"{COLLECTIONS[target.kind]} t: ") for line, _ in found)
    assert lines(database, repair=True) == [(line, True) for line, _ in found]
    assert lines(database) == []
    document = targets.find_one({"_id": target.id}) or {}
    del document["_id"]
    return document


@pytest.mark.parametrize("target", [ENTRY, QUESTION])
@pytest.mark.parametrize(
    "counter",
    [
        "5",
        "",
        [],
        [5],
        False,
        {"count": 3},
        DATE,
        float("inf"),
        float("nan"),
        Decimal128("NaN"),
        Decimal128("Infinity"),
        Decimal128("9E6000"),
        1e300,
        2.5,
        MinKey(),
        DatetimeMS(2**62),
    ],
    ids=str,
)
def test_counter_becomes_the_length_of_its_array_when_it_is_no_count(
    database: Database, target: Target, counter: object
) -> None:
    document = repaired(database, target, upvotes=counter, likedBy=["ada", "bob"])
    assert (document["upvotes"], type(document["upvotes"])) == (2, int)


@pytest.mark.parametrize("count", [7, Int64(7), 7.0, Decimal128("7"), Decimal128("7.000")], ids=repr)
def test_surplus_of_a_host_counts_when_it_is_a_number_of_any_type(database: Database, count: object) -> None:
    database["questions"].insert_one({"_id": "t", "upvotes": count, "likedBy": ["ada"]})
    before = snapshot(database)
    assert lines(database, repair=True) == []
    assert snapshot(database) == before
    database["likes_entries"].insert_one({"_id": "t", "upvotes": count, "likedBy": ["ada"]})
    assert lines(database, repair=True) == [("entries t: upvotes is 7, likedBy holds 1 voters", True)]
    assert lines(database) == []


@pytest.mark.parametrize("target", [ENTRY, QUESTION])
@pytest.mark.parametrize(
    ("voters", "left"),
    [
        ({}, []),
        ({"x": True}, []),
        ("x", ["x"]),
        (ObjectId(HEX), [HEX]),
        (5, ["5"]),
        (True, []),
        ([None], []),
        (["a", None, "b", None], ["a", "b"]),
        (["a", ObjectId(HEX)], ["a", HEX]),
        ([ObjectId(HEX), "a", HEX], [HEX, "a"]),
        ([7, Int64(8), "7", 9.5, {"id": "a"}, ["a"], DATE, Regex("a"), Binary(b"a"), Timestamp(1, 1)], ["7", "8"]),
    ],
    ids=str,
)
def test_array_holds_voters_alone_when_it_was_repaired(
    database: Database, target: Target, voters: Any, left: list[str]
) -> None:
    size = len(voters) if isinstance(voters, list) else 0
    document = repaired(database, target, upvotes=size, likedBy=voters, dislikedBy=["dan"], downvotes=1)
    assert document == {"upvotes": len(left), "likedBy": left, "dislikedBy": ["dan"], "downvotes": 1}


def test_voter_keeps_the_like_when_disliking_as_an_object_id(database: Database) -> None:
    arrays = {"likedBy": [HEX, "a", "a"], "dislikedBy": [ObjectId(HEX), "b"]}
    document = repaired(database, QUESTION, upvotes=10, downvotes=2, **arrays)
    assert document == {"upvotes": 9, "likedBy": [HEX, "a"], "downvotes": 1, "dislikedBy": ["b"]}


@pytest.mark.parametrize(
    "state",
    [
        *("x", [], [{"form": "moved"}], {}, 5, None),
        *({"form": "moved"}, {"form": "moved", "id": HEX}, {"form": 5, "id": ObjectId(HEX)}),
        {"form": "copying", "id": ObjectId(HEX), "since": "2024"},
        {"form": "sealed", "id": ObjectId(HEX), "since": 5},
    ],
    ids=str,
)
def test_field_goes_and_the_arrays_count_when_likes_overflow_is_not_ours(database: Database, state: object) -> None:
    votes = {"upvotes": 1, "likedBy": ["ada"]}
    assert repaired(database, ENTRY, **votes, likesOverflow=state) == votes


def test_votes_are_named_again_when_a_host_wrote_the_field_back_as_json(database: Database) -> None:
    database["questions"].insert_one({"_id": "t", "upvotes": 2, "likedBy": ["ada", "bob"]})
    move(database, QUESTION)
    state = (database["questions"].find_one() or {})[OVERFLOW]
    as_json = state | {"id": str(state["id"]), "since": state["since"].isoformat()}
    database["questions"].update_one({}, {"$set": {OVERFLOW: as_json}})
    found = lines(database, repair=True)
    assert all(mended for _, mended in found), found
    assert lines(database) == []
    assert reassembled(database, QUESTION)["likedBy"] == ["ada", "bob"]


@pytest.mark.parametrize("target", [ENTRY, QUESTION])
@pytest.mark.parametrize(
    ("counter", "state"),
    [
        ("5", {}),
        (float("nan"), {}),
        (None, {}),
        (DATE, {}),
        (3, {"up": "0"}),
        (3, {"rev": None}),
    ],
    ids=str,
)
def test_count_is_the_number_of_votes_when_the_counter_of_a_moved_target_was_odd(
    database: Database, target: Target, counter: object, state: Document
) -> None:
    targets = collections.get(database, COLLECTIONS[target.kind])
    targets.insert_one({"_id": "t", "upvotes": 3, "likedBy": ["ada", "bob", "carol"]})
    move(database, target)
    changed = {f"{OVERFLOW}.{name}": value for name, value in state.items()}
    targets.update_one({}, {"$set": {"upvotes": counter, **changed}})
    lines(database, repair=True)
    assert lines(database) == []
    assert VoteRepository(database).tally(target, "ada") == Tally(3, 0, Vote.UP)


@pytest.mark.parametrize("held", ["x", {"a": 1}, [None, ObjectId(HEX), "new", "ada"]], ids=str)
def test_arrays_of_a_moved_target_are_empty_when_a_host_wrote_into_them(database: Database, held: object) -> None:
    database["questions"].insert_one({"_id": "t", "upvotes": 1, "likedBy": ["ada"]})
    move(database, QUESTION)
    database["questions"].update_one({}, {"$set": {"likedBy": held}})
    found = lines(database, repair=True)
    assert all(mended for _, mended in found), found
    assert lines(database) == []
    assert (database["questions"].find_one() or {})["likedBy"] == []


WRITTEN_BACK = [ENTRY, QUESTION]


@pytest.mark.parametrize("target", WRITTEN_BACK)
def test_no_vote_is_lost_when_a_host_writes_a_moved_target_back_without_its_field(
    database: Database, target: Target
) -> None:
    targets, votes = collections.get(database, COLLECTIONS[target.kind]), VoteRepository(database)
    voters = [f"voter_{number:04}" for number in range(1_501)]
    targets.insert_one({"_id": "t", "upvotes": 1_501, "likedBy": voters})
    move(database, target)
    votes.toggle(target, "late", Vote.UP)
    other = VoteRepository(database)
    other.tally(target)
    read = targets.find_one({"_id": "t"}) or {}
    del read[OVERFLOW]
    targets.replace_one({"_id": "t"}, read)
    # The set is not theirs any more: one votes anew, one again, one the other way, one for the first time.
    for voter, vote in (("late", Vote.UP), ("voter_0001", Vote.UP), ("voter_0002", Vote.DOWN), ("new", Vote.UP)):
        votes.toggle(target, voter, vote)
    # Another process votes into the set first, where this one has a vote that the document counts.
    assert other.toggle(target, "voter_0007", Vote.UP).own is Vote.UP
    ((line, _),) = [each for each in lines(database) if "does not name" in each[0]]
    assert "1502 votes" in line
    found = lines(database, repair=True)
    assert all(mended for _, mended in found), found
    assert lines(database) == []
    for repository in (votes, VoteRepository(database)):
        assert repository.tally(target, "voter_0001") == Tally(1_502, 1, Vote.UP)
        assert repository.tally(target, "voter_0002").own is Vote.DOWN
    assert len(reassembled(database, target)["likedBy"]) == 1_502
    assert votes.toggle(target, "voter_0003", Vote.UP) == Tally(1_501, 1, None)


def test_votes_stay_until_asked_for_when_a_hosts_document_counts_none_of_them(database: Database) -> None:
    database["questions"].insert_one({"_id": "t", "upvotes": 2, "likedBy": ["ada", "bob"]})
    move(database, QUESTION)
    database["questions"].delete_one({})
    database["questions"].insert_one({"_id": "t", "title": "again"})
    votes = VoteRepository(database)
    assert votes.toggle(QUESTION, "ada", Vote.UP) == Tally(1, 0, Vote.UP)
    ((line, mended),) = lines(database, repair=True)
    assert not mended
    assert line.startswith("questions t: 2 votes of an earlier document of this id")
    assert lines(database, repair=True, delete=2) == [(line, True)]
    assert lines(database) == []
    assert [database[name].count_documents({}) for name in ("likes_votes", "likes_moved")] == [0, 0]
    assert votes.tally(QUESTION, "ada") == Tally(1, 0, Vote.UP)


@pytest.mark.parametrize("target", WRITTEN_BACK)
def test_target_starts_empty_and_nothing_is_left_when_an_import_makes_it_again(
    database: Database, target: Target
) -> None:
    targets, votes = collections.get(database, COLLECTIONS[target.kind]), VoteRepository(database)
    targets.insert_one({"_id": "t", "upvotes": 2, "likedBy": ["ada", "bob"]})
    move(database, target)
    votes.toggle(target, "carol", Vote.UP)
    targets.delete_one({})
    assert ContentRepository(database).put([Record(str(target.kind), "t", liked_by=["dan"])]) == {}
    assert votes.tally(target, "ada") == Tally(1, 0, None)
    assert lines(database) == []
    assert [database[name].count_documents({}) for name in ("likes_votes", "likes_moved")] == [0, 0]


def test_nothing_is_left_after_a_repair_when_an_entry_is_made_again(database: Database) -> None:
    database["likes_entries"].insert_one({"_id": "t", "upvotes": 2, "likedBy": ["ada", "bob"]})
    move(database, ENTRY)
    database["likes_entries"].delete_one({})
    database["likes_entries"].insert_one({"_id": "t"})
    assert VoteRepository(database).toggle(ENTRY, "ada", Vote.UP) == Tally(1, 0, Vote.UP)
    assert [mended for _, mended in lines(database, repair=True)] == [True]
    assert lines(database) == []
    assert [database[name].count_documents({}) for name in ("likes_votes", "likes_moved")] == [0, 0]


def test_voters_are_compared_as_they_are_when_a_hosts_collation_ignores_case(database: Database) -> None:
    database.drop_collection("questions")
    database.create_collection("questions", collation={"locale": "en", "strength": 2})
    try:
        sound = {"upvotes": 2, "likedBy": ["aB3xK", "Ab3Xk"], "downvotes": 1, "dislikedBy": ["AB3XK"]}
        database["questions"].insert_one({"_id": "t"} | sound)
        assert lines(database, repair=True) == []
        database["questions"].update_one({}, {"$push": {"likedBy": "aB3xK"}})
        assert len(lines(database, repair=True)) == 1
        assert database["questions"].find_one() == {"_id": "t"} | sound
        move(database, QUESTION)
        assert sorted(reassembled(database, QUESTION)["likedBy"]) == ["Ab3Xk", "aB3xK"]
        assert lines(database) == []
    finally:
        database.drop_collection("questions")


def test_verify_warns_and_exits_0_when_a_document_holds_many_voters(mongod: EmbeddedMongod, database: Database) -> None:
    voters = [str(number) for number in range(MANY_VOTERS + 1)]
    database["questions"].insert_one({"_id": "q\n\x1b[2J", "upvotes": len(voters), "likedBy": voters})
    environment = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_SECRET_KEY": SECRET_KEY,
    }
    result = CliRunner().invoke(main, ["verify", "--repair"], env=environment)
    assert result.exit_code == 0
    line = r"warning: questions q\n\x1b[2J: its arrays hold 10001 voters, and its document ends at 16 MB"
    assert result.stdout.splitlines() == [line]


@pytest.mark.parametrize("key", [DatetimeMS(2**62), {"a": 1}, None, 5, Binary(b"x"), HEX, ObjectId(HEX)], ids=str)
def test_document_is_repaired_when_its_id_is_of_another_type(database: Database, key: object) -> None:
    database["questions"].insert_one({"_id": key, "upvotes": "5"})
    assert [mended for _, mended in lines(database, repair=True)] == [True]
    assert lines(database) == []


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.sampled_from(
        [DATE, DatetimeMS(2**62), ObjectId(HEX), HEX, Decimal128("5"), Decimal128("NaN"), Decimal128("-1E-6000")]
    )
    | st.sampled_from([Regex("a"), Timestamp(1, 1), MinKey(), "ada", "bob", "$likedBy", 1_500, 2, 1, 0])
)
_ANY = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "id", "up"]), inner, max_size=3),
    max_leaves=6,
)
_STATES = st.fixed_dictionaries(
    {},
    optional={
        "id": _SCALARS | st.just(ObjectId()),
        "form": st.sampled_from(["copying", "sealed", "moved"]) | _SCALARS,
        "since": _SCALARS | st.just(datetime.now(UTC) - timedelta(days=1)),
        "up": _SCALARS,
        "down": _SCALARS,
        "rev": _SCALARS,
        "touched": _ANY,
        "repairs": _SCALARS,
    },
)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "upvotes": _ANY,
        "downvotes": _ANY,
        "likedBy": st.lists(_SCALARS, max_size=5) | _ANY,
        "dislikedBy": st.lists(_SCALARS, max_size=5) | _ANY,
        OVERFLOW: _STATES | _ANY,
    },
)


@given(kind=st.sampled_from(TargetKind), document=_DOCUMENTS, moves=st.booleans())
@example(kind=TargetKind.ENTRY, document={OVERFLOW: {"form": "moved", "id": ObjectId(), "up": 2**62}}, moves=False)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_repair_leaves_nothing_and_votes_are_exact_whatever_a_document_holds(
    module_database: Database, kind: TargetKind, document: Document, moves: bool
) -> None:
    target = Target(kind, "t")
    with emptied_afterwards(module_database):
        collections.get(module_database, COLLECTIONS[kind]).insert_one({"_id": "t"} | document)
        if moves:
            Migration(module_database, TargetFinder()).move(target)
        found = lines(module_database)
        assert all(mended for _, mended in lines(module_database, repair=True)), found
        assert lines(module_database) == []
        votes = VoteRepository(module_database)
        votes.clear(target, "zoe")
        before = votes.tally(target)
        assert votes.set(target, "zoe", Vote.UP)[0] == Tally(before.upvotes + 1, before.downvotes, Vote.UP)
        assert votes.set(target, "zoe", Vote.DOWN)[0] == Tally(before.upvotes, before.downvotes + 1, Vote.DOWN)
        assert votes.clear(target, "zoe")[0] == Tally(before.upvotes, before.downvotes, None)
        assert lines(module_database) == []
