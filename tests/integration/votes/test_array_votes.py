"""Votes that meet go to the real server together: exact, in two round trips, and each with its own outcome."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from harness.documents import faults
from likes_api.mongodb.documents import Database, Document
from likes_api.mongodb.instrumented import instrumented, trace
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind, TargetNotFound, Vote
from tests.support.commands import CountedCommands
from tests.support.meeting import Meeting, Work, of_votes
from tests.support.moved import move

UP, DOWN = Vote.UP, Vote.DOWN
QUESTION = Target(TargetKind.QUESTION, "q")
WELL_FORMED: Document = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}


@pytest.fixture
def votes(watched: MongoClient[Document], database: Database) -> VoteRepository:
    return VoteRepository(watched[database.name])


def put(database: Database, id_: str = "q", **fields: Any) -> None:
    database["questions"].insert_one({"_id": id_} | WELL_FORMED | fields)


def get(database: Database, id_: str = "q") -> Document:
    found = database["questions"].find_one({"_id": id_})
    assert found is not None
    return found


@pytest.fixture
def together(votes: VoteRepository) -> Meeting:
    return of_votes(votes)


def toggle(votes: VoteRepository, voter: str, vote: Vote = UP, id_: str = "q") -> Work:
    return lambda: votes.toggle(Target(TargetKind.QUESTION, id_), voter, vote)


def test_votes_cost_two_round_trips_for_all_when_they_meet(
    database: Database, votes: VoteRepository, together: Meeting, counted: CountedCommands
) -> None:
    put(database, "q")
    put(database, "r", likedBy=["x"], upvotes=1)
    voters = [toggle(votes, f"v{number}", UP if number % 3 else DOWN, "qr"[number % 2]) for number in range(12)]
    with counted.during(everybodys=True) as commands:
        tallies = [each.result() for each in together.run(toggle(votes, "first"), *voters)]
    assert commands == ["findAndModify", "update", "find"]
    assert {(each.own, each.upvotes, each.downvotes) for each in tallies[1:]} == {(UP, 5, 2), (UP, 5, 2), (DOWN, 5, 2)}
    assert not list(faults(get(database, "q"))) + list(faults(get(database, "r")))


def test_take_backs_cost_two_more_round_trips_for_all_when_they_meet(
    database: Database, votes: VoteRepository, together: Meeting, counted: CountedCommands
) -> None:
    voters = [f"v{number}" for number in range(5)]
    put(database, likedBy=voters, upvotes=5)
    with counted.during(everybodys=True) as commands:
        futures = together.run(toggle(votes, "x"), *(toggle(votes, each) for each in voters))
        tallies = [each.result() for each in futures]
    assert commands[:2] == ["findAndModify", "update"]  # all of it missed: nothing to read
    assert commands.count("update") <= 3
    assert [each.own for each in tallies] == [UP, *[None] * 5]
    assert get(database)["likedBy"] == ["x"]
    assert get(database)["upvotes"] == 1


def test_each_vote_has_its_own_outcome_when_unlike_votes_meet(
    database: Database, votes: VoteRepository, together: Meeting
) -> None:
    put(database, likedBy=["liker"], upvotes=1, dislikedBy=["disliker"], downvotes=1)
    database["questions"].insert_one({"_id": "bare"})
    put(database, "moved")
    move(database, Target(TargetKind.QUESTION, "moved"))
    likes = Target(TargetKind.QUESTION, "q")
    works: list[tuple[Work, Any]] = [
        (toggle(votes, "liker"), None),
        (toggle(votes, "disliker"), UP),
        (toggle(votes, "new", DOWN), DOWN),
        (toggle(votes, "v", UP, "bare"), UP),
        (toggle(votes, "v", UP, "moved"), UP),
        (lambda: votes.set(likes, "setter", UP)[0], UP),
        (lambda: votes.clear(likes, "nobody")[0], None),
    ]
    futures = together.run(toggle(votes, "first"), *(work for work, _ in works), toggle(votes, "v", UP, "missing"))
    assert [each.result().own for each in futures[1:-1]] == [own for _, own in works]
    with pytest.raises(TargetNotFound):
        futures[-1].result()
    found = get(database)
    assert not list(faults(found))
    assert sorted(found["likedBy"]) == ["disliker", "first", "setter"]
    assert found["dislikedBy"] == ["new"]
    assert get(database, "bare")["likedBy"] == ["v"]
    assert database["questions"].count_documents({}) == 3  # no miss was inserted


def test_a_vote_that_the_server_refuses_fails_alone_when_votes_meet(
    database: Database, votes: VoteRepository, together: Meeting
) -> None:
    put(database)
    put(database, "small")
    database.command("collMod", "questions", validator={"$or": [{"_id": {"$ne": "small"}}, {"likedBy": []}]})
    try:
        futures = together.run(
            toggle(votes, "a"), toggle(votes, "b"), toggle(votes, "c", UP, "small"), toggle(votes, "d")
        )
        assert [futures[number].result().own for number in (0, 1, 3)] == [UP, UP, UP]
        with pytest.raises(OperationFailure, match="validation"):
            futures[2].result()
    finally:
        database.command("collMod", "questions", validator={})
    assert get(database)["upvotes"] == 3
    assert get(database, "small")["likedBy"] == []


def test_batch_carries_the_ids_of_its_requests_in_its_comment(database: Database) -> None:
    put(database)
    votes = VoteRepository(instrumented(database))
    together = of_votes(votes)

    def traced(id_: str) -> Work:
        def work() -> Tally:
            trace(id_)
            return votes.toggle(QUESTION, id_, UP)

        return work

    database.command("profile", 2)
    try:
        together.run(traced("r0"), traced("r1"), traced("r2"))
        comments = {each["command"].get("comment") for each in database["system.profile"].find()}
    finally:
        database.command("profile", 0)
        database.drop_collection("system.profile")
    assert "r1 r2" in comments


# -- Documents as hosts have them (section A of the report): what the first votes on them answer


ODD: list[tuple[str, Document, list[tuple[str, Vote, int]]]] = [
    ("counter is a string", {"upvotes": "5"}, [("c", UP, 1), ("c", UP, 0)]),
    ("counter is empty", {"upvotes": ""}, [("c", UP, 1)]),
    ("counter is an array", {"upvotes": []}, [("c", UP, 1)]),
    ("counter is an array of a number", {"upvotes": [5]}, [("c", UP, 1)]),
    ("counter is false", {"upvotes": False, "likedBy": ["x"]}, [("c", UP, 2)]),
    ("counter is an object", {"upvotes": {"count": 3}}, [("c", UP, 1)]),
    ("counter is a decimal", {"upvotes": Decimal128("5")}, [("c", UP, 6), ("c", UP, 5), ("c", DOWN, 5)]),
    ("counter is a long", {"upvotes": Int64(5)}, [("c", UP, 6)]),
    ("counter is a double", {"upvotes": 5.0}, [("c", UP, 6)]),
    ("counter is a fraction", {"upvotes": 5.5}, [("c", UP, 1), ("c", UP, 0)]),
    ("counter is infinite", {"upvotes": float("inf")}, [("c", UP, 1)]),
    ("counter is beyond all counting", {"upvotes": Int64(2**63 - 1)}, [("c", UP, 1)]),
    ("counter is no number", {"upvotes": float("nan")}, [("c", UP, 1), ("c", UP, 0)]),
    ("counter is a date", {"upvotes": datetime(2026, 1, 1, tzinfo=UTC)}, [("c", UP, 1)]),
    ("counter is negative", {"upvotes": -3}, [("c", UP, 1), ("d", UP, 2)]),
    ("array is an object", {"likedBy": {}}, [("c", UP, 1)]),
    ("array is an object with a member", {"likedBy": {"x": True}}, [("c", UP, 1), ("c", UP, 0)]),
    ("array is a string", {"likedBy": "x"}, [("c", UP, 1), ("x", UP, 2)]),
    ("array holds null", {"likedBy": [None], "upvotes": 1}, [("c", UP, 2), ("c", UP, 1)]),
    ("voter stands twice", {"likedBy": ["a", "a"], "upvotes": 2}, [("a", UP, 0)]),
    ("counter is missing", {"upvotes": None, "likedBy": ["x", "y", "z"]}, [("d", UP, 4), ("x", UP, 3)]),
    ("everything is null", dict.fromkeys(WELL_FORMED), [("c", UP, 1)]),
    ("overflow is a number", {OVERFLOW: 5}, [("c", UP, 1), ("c", UP, 0)]),
    ("overflow names no set", {OVERFLOW: {"form": "moved"}}, [("c", UP, 1)]),
    ("overflow is being copied by nobody", {OVERFLOW: {"form": "copying"}}, [("c", UP, 1)]),
    ("overflow's set is a string", {OVERFLOW: {"form": "sealed", "id": "x"}}, [("c", UP, 1)]),
]


@pytest.mark.parametrize("meets_another", [False, True], ids=["alone", "in a batch"])
@pytest.mark.parametrize(("fields", "steps"), [each[1:] for each in ODD], ids=[each[0] for each in ODD])
def test_votes_are_taken_and_answered_when_a_host_left_odd_fields(
    database: Database,
    votes: VoteRepository,
    together: Meeting,
    fields: Document,
    steps: list[tuple[str, Vote, int]],
    meets_another: bool,
) -> None:
    put(database, **fields)
    put(database, "other")
    for number, (voter, vote, upvotes) in enumerate(steps):
        if meets_another and number == 0:
            neighbours = [toggle(votes, each, UP, "other") for each in ("first", "second")]
            tally = together.run(*neighbours, toggle(votes, voter, vote))[-1].result()
        else:
            tally = toggle(votes, voter, vote)()
        assert tally.upvotes == upvotes
        assert votes.tally(QUESTION, voter) == tally


@pytest.mark.parametrize("meets_another", [False, True], ids=["alone", "in a batch"])
def test_voter_is_recognised_when_a_host_keeps_object_ids(
    database: Database, votes: VoteRepository, together: Meeting, meets_another: bool
) -> None:
    ada = ObjectId()
    put(database, likedBy=[ada, "x"], upvotes=2)
    assert votes.tally(QUESTION, str(ada)) == Tally(2, 0, UP)
    if meets_another:
        tally = together.run(toggle(votes, "y"), toggle(votes, "z"), toggle(votes, str(ada)))[2].result()
    else:
        tally = toggle(votes, str(ada))()
    assert tally.own is None
    assert ada not in get(database)["likedBy"]
    assert get(database)["upvotes"] == len(get(database)["likedBy"])
    assert votes.set(QUESTION, str(ada), DOWN)[1]
    assert get(database)["dislikedBy"] == [str(ada)]


def test_ids_and_voters_are_compared_as_they_are_when_a_collection_has_a_collation(
    database: Database, votes: VoteRepository, together: Meeting
) -> None:
    database.drop_collection("messages")
    database.create_collection("messages", collation={"locale": "en", "strength": 2})
    try:
        database["messages"].insert_one({"_id": "M1", **WELL_FORMED})
        message = Target(TargetKind.MESSAGE, "M1")
        assert votes.toggle(message, "aB3xK", UP) == Tally(1, 0, UP)
        assert votes.toggle(message, "Ab3Xk", UP) == Tally(2, 0, UP)
        assert votes.tally(message, "AB3XK") == Tally(2, 0, None)
        with pytest.raises(TargetNotFound):
            votes.toggle(Target(TargetKind.MESSAGE, "m1"), "a", UP)
        assert votes.likers(message, "Ab3Xk", 0, 5).ids == ("Ab3Xk", "aB3xK")
        move(database, message)
        assert votes.toggle(message, "AB3XK", UP) == Tally(3, 0, UP)
        assert votes.toggle(message, "ab3xk", UP) == Tally(4, 0, UP)
        assert votes.tallies(TargetKind.MESSAGE, ["M1", "m1"], "aB3xK") == {"M1": Tally(4, 0, UP)}
    finally:
        database.drop_collection("messages")


@pytest.mark.parametrize("held", [None, UP, DOWN], ids=["none", "up", "down"])
@pytest.mark.parametrize("wanted", [UP, None], ids=["set", "clear"])
def test_set_and_clear_go_together_when_they_meet(
    database: Database,
    votes: VoteRepository,
    together: Meeting,
    counted: CountedCommands,
    held: Vote | None,
    wanted: Vote | None,
) -> None:
    voters = [f"v{number}" for number in range(6)]
    arrays = {UP: ("likedBy", "upvotes"), DOWN: ("dislikedBy", "downvotes")}
    array, counter = arrays.get(held or UP, ("", ""))
    put(database, **({array: list(voters), counter: 6} if held else {}))
    put(database, "other")

    def change(voter: str) -> Work:
        return lambda: votes.set(QUESTION, voter, wanted) if wanted else votes.clear(QUESTION, voter)

    with counted.during(everybodys=True) as commands:
        futures = together.run(toggle(votes, "x", UP, "other"), *(change(voter) for voter in voters))
    answers = [each.result() for each in futures[1:]]
    assert {(tally.own, changed) for tally, changed in answers} == {(wanted, wanted is not held)}
    found = get(database)
    assert not list(faults(found))
    assert (len(found["likedBy"]), len(found["dislikedBy"])) == (6 * (wanted is UP), 0)
    if wanted is not held and held is not DOWN:  # guessed at once
        assert commands == ["findAndModify", "update", "find"]
