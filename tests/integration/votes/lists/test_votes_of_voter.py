"""The votes of a voter are read by an index, a page at a time, in both forms of targets."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from harness.documents import named_database
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.lists.votes_of_voter import Place, VotesOfVoter
from likes_api.repository.votes.maintenance.backfill import name_targets
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.server.deployment import ensure_indexes, prepare
from likes_api.votes import Target, TargetKind, Vote
from tests.support.clock import eventually
from tests.support.commands import CountedCommands
from tests.support.moved import move
from tests.support.settings import settings

COMMENT, ENTRY, QUESTION = TargetKind.COMMENT, TargetKind.ENTRY, TargetKind.QUESTION
VOTES = 2_000
LIMIT = 10
OBJECT_ID = ObjectId("6f0000000000000000000001")


@pytest.fixture(scope="module", params=["arrays", "moved", "mixed", "moved by an earlier version"])
def crowded(client: MongoClient[Document], request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with an indexed voter of 2,000 votes."""
    form = request.param
    with named_database(client) as database:
        ensure_indexes(database)
        sets = {number: ObjectId() for number in range(VOTES) if form != "arrays" and (form != "mixed" or number % 2)}
        named = {"named": "entries._id"}
        database["likes_entries"].insert_many(_entry(number, sets.get(number)) for number in range(VOTES))
        if sets:
            database["likes_moved"].insert_many(
                {"_id": id_, "collection": "entries", "target": _name(number), "moved": True, **named}
                for number, id_ in sets.items()
            )
            database["likes_votes"].insert_many(
                {"_id": {"t": id_, "v": "ada"}, "vote": "up", "field": "entries._id", "key": _name(number)}
                for number, id_ in sets.items()
            )
        if form == "moved by an earlier version":
            as_by_an_earlier_version(database)
            name_targets(database, TargetFinder())
        yield database


def _name(number: int) -> str:
    return f"e{number:04}"


def _entry(number: int, set_: ObjectId | None) -> Document:
    state = {} if set_ is None else {"likesOverflow": {"id": set_, "form": "moved", "up": 0, "down": 0, "rev": 0}}
    return {"_id": _name(number), "upvotes": 1, "likedBy": ["ada"] if set_ is None else [], "dislikedBy": [], **state}


def as_by_an_earlier_version(database: Database) -> None:
    database["likes_votes"].update_many({}, {"$unset": {"field": "", "key": ""}})
    database["likes_moved"].update_many({}, {"$unset": {"named": ""}})


@pytest.mark.parametrize("begin", [0, VOTES // 2, VOTES - LIMIT])
def test_page_reads_no_more_than_a_page_of_an_index_wherever_it_is(crowded: Database, begin: int) -> None:
    lists = VotesOfVoter(crowded)
    after = None if begin == 0 else Place(ENTRY, _name(begin - 1))
    read = []
    crowded.command("profile", 2)
    page = lists.page("ada", list(TargetKind), list(Vote), after, LIMIT, private=False)
    crowded.command("profile", 0)
    read = list(crowded["system.profile"].find({"command.aggregate": {"$exists": True}}).sort([("$natural", -1)]))
    assert [target.id for target, _ in page.votes] == [_name(begin + number) for number in range(LIMIT)]
    assert (page.end is None) == (begin == VOTES - LIMIT)
    # Votes, their targets, and the planner's trials; of 2,000 votes.
    assert 0 < read[0]["docsExamined"] + read[0]["keysExamined"] < VOTES / 4


def test_votes_name_their_targets_whatever_wrote_them(database: Database) -> None:
    ensure_indexes(database)
    database["questions"].insert_many([{"_id": "q"}, {"_id": OBJECT_ID, "slug": "why"}])
    targets = [Target(QUESTION, "q"), Target(QUESTION, str(OBJECT_ID))]
    votes = VoteRepository(database)
    for target in targets:
        votes.set(target, "before", Vote.UP)
        move(database, target)
        votes.set(target, "after", Vote.DOWN)
    written = _names(database)
    assert written == {("questions._id", "q"), ("questions._id", OBJECT_ID)}
    as_by_an_earlier_version(database)
    assert _listed(database, "_id", "before") == _listed(database, "_id", "after") == targets
    votes.set(targets[1], "after", Vote.UP)
    assert _names(database) == {(None, None), ("questions._id", OBJECT_ID)}
    for _ in range(2):
        name_targets(database, TargetFinder())
        assert _names(database) == written
        assert _listed(database, "_id", "before") == targets
    # The operator names another field: what does not have it is no target any more.
    assert _listed(database, "slug", "before") == [Target(QUESTION, "why")]
    name_targets(database, TargetFinder("slug"))
    assert _names(database) == {("questions._id", "q"), ("questions.slug", "why")}
    assert _listed(database, "slug", "before") == [Target(QUESTION, "why")]


def test_votes_name_their_targets_when_a_worker_has_started(mongod: EmbeddedMongod, database: Database) -> None:
    ensure_indexes(database)
    database["likes_entries"].insert_one({"_id": "e", "likedBy": ["ada"], "upvotes": 1})
    move(database, Target(ENTRY, "e"))
    as_by_an_earlier_version(database)
    prepare(settings(MONGODB_URI=mongod.uri, MONGODB_DATABASE=database.name), None)
    eventually(lambda: _names(database) == {("entries._id", "e")})


def _names(database: Database) -> set[tuple[Any, Any]]:
    return {(vote.get("field"), vote.get("key")) for vote in database["likes_votes"].find()}


def _listed(database: Database, qa_id_field: str, voter: str) -> list[Target]:
    page = VotesOfVoter(database, qa_id_field).page(voter, [QUESTION], list(Vote), None, LIMIT, private=False)
    return [target for target, _ in page.votes]


@pytest.mark.parametrize("moved", [False, True])
def test_page_is_full_and_the_last_one_not_empty_when_many_votes_are_on_what_is_not_visible(
    database: Database, watched: MongoClient[Document], counted: CountedCommands, *, moved: bool
) -> None:
    ensure_indexes(database)
    database["likes_posts"].insert_many([{"_id": "open", "public": True}, {"_id": "closed", "public": False}])
    shown = {5: "open", 90: "open", 91: "open"}
    database["likes_comments"].insert_many(
        {"_id": f"c{number:03}", "post": shown.get(number, "closed"), "likedBy": ["ada"], "upvotes": 1}
        for number in range(120)
    )
    if moved:
        for number in range(120):
            move(database, Target(COMMENT, f"c{number:03}"))
    lists = VotesOfVoter(watched[database.name])
    with counted.during() as commands:
        first = lists.page("ada", [COMMENT], [Vote.UP], None, 2, private=False)
    assert [target.id for target, _ in first.votes] == ["c005", "c090"]
    # 11 candidates, 44, 176.
    assert commands == ["aggregate"] * 3
    last = lists.page("ada", [COMMENT], [Vote.UP], first.end, 2, private=False)
    assert ([target.id for target, _ in last.votes], last.end) == (["c091"], None)
    private = lists.page("bob", [COMMENT], [Vote.UP], None, 2, private=True)
    assert private.votes == ()
