"""Pages of voters and of votes on a real server: what a model does not come across."""

import pytest
from bson import ObjectId
from pymongo import MongoClient

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.lists.votes_of_voter import VotesOfVoter
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, TargetNotFound, Vote
from tests.support.commands import CountedCommands
from tests.support.moved import move

QUESTION, ENTRY, POST = Target(TargetKind.QUESTION, "q"), Target(TargetKind.ENTRY, "e"), Target(TargetKind.POST, "p")
HEX = "5f0000000000000000000001"


@pytest.fixture(autouse=True)
def _indexes(database: Database) -> None:
    for name in (collections.ENTRIES, collections.POSTS, collections.COMMENTS, collections.VOTES):
        collections.ensure_indexes(database, name)


def test_each_voter_is_listed_once_when_a_host_wrote_ids_of_other_types_and_twice(database: Database) -> None:
    liked = ["b", ObjectId(HEX), HEX, "b", 7, None, {"a": 1}, "guest_x"]
    database["questions"].insert_one({"_id": "q", "likedBy": liked, "upvotes": 9})
    page = VoteRepository(database).voters(QUESTION, Vote.UP, None, 10)
    assert (page.ids, page.guests, page.total, page.more) == ((HEX, "7", "b"), 1, 9, False)


def test_voters_tell_no_target_from_one_without_votes(database: Database) -> None:
    database["likes_entries"].insert_one({"_id": "e"})
    page = VoteRepository(database).voters(ENTRY, Vote.DOWN, None, 1)
    assert (page.ids, page.guests, page.total, page.more) == ((), 0, 0, False)
    with pytest.raises(TargetNotFound):
        VoteRepository(database).voters(POST, Vote.UP, None, 1)


@pytest.mark.parametrize("moved", [False, True])
def test_a_page_is_one_round_trip_when_there_are_many_voters(
    database: Database, watched: MongoClient[Document], counted: CountedCommands, *, moved: bool
) -> None:
    voters = [f"u{number:05d}" for number in range(5_000)]
    database["likes_entries"].insert_one({"_id": "e", "likedBy": voters, "upvotes": 5_000, "dislikedBy": []})
    if moved:
        move(database, ENTRY)
    votes = VoteRepository(watched[database.name])
    votes.tally(ENTRY)
    with counted.during() as commands:
        page = votes.voters(ENTRY, Vote.UP, "u04000", 100)
    assert (page.ids, page.total) == (tuple(voters[4_001:4_101]), 5_000)
    assert commands == ["aggregate"]


def test_ids_are_those_of_the_setting_when_questions_have_their_own(database: Database) -> None:
    database["questions"].insert_many(
        {"_id": ObjectId(), "id": id_, "likedBy": ["al"], "upvotes": 1} for id_ in ("c", "a", "b")
    )
    votes, lists = VoteRepository(database, "id"), VotesOfVoter(database, "id")
    move(database, Target(TargetKind.QUESTION, "a"), "id")
    votes.set(Target(TargetKind.QUESTION, "b"), "al", Vote.DOWN)
    page = lists.page("al", list(TargetKind), list(Vote), None, 2, private=False)
    expected = [("a", Vote.UP), ("b", Vote.DOWN)]
    assert [(target.id, vote) for target, vote in page.votes] == expected
    page = lists.page("al", list(TargetKind), list(Vote), page.end, 2, private=False)
    assert [(target.id, vote) for target, vote in page.votes] == [("c", Vote.UP)]
    assert page.end is None


@pytest.mark.parametrize("moved", [False, True])
def test_posts_and_their_comments_are_those_that_the_reader_may_see(database: Database, *, moved: bool) -> None:
    posts = {"public": {"public": True}, "own": {"author": "al"}, "shared": {"visible_to": ["al"]}, "secret": {}}
    for id_, fields in posts.items():
        common = {"_id": id_, "likedBy": ["al"], "upvotes": 1}
        database["likes_posts"].insert_one({"public": False, "author": "eve"} | fields | common)
        database["likes_comments"].insert_one(common | {"post": id_})
        if moved:
            move(database, Target(TargetKind.POST, id_))
            move(database, Target(TargetKind.COMMENT, id_))
    lists = VotesOfVoter(database)
    for private, seen in ((False, ["public"]), (True, ["own", "public", "shared"])):
        page = lists.page("al", [TargetKind.POST, TargetKind.COMMENT], list(Vote), None, 9, private=private)
        listed = [(target.kind.value, target.id) for target, _ in page.votes]
        assert listed == [(kind, id_) for kind in ("comment", "post") for id_ in seen]


def test_votes_of_a_voter_are_one_round_trip_and_read_from_indexes_when_there_are_many(
    database: Database, watched: MongoClient[Document], counted: CountedCommands
) -> None:
    documents = [{"_id": f"e{n:04d}", "likedBy": ["al", "bo"], "upvotes": 2} for n in range(1_000)]
    others = [{"_id": f"o{n:04d}", "likedBy": ["bo"], "upvotes": 1} for n in range(1_000)]
    database["likes_entries"].insert_many(documents + others)
    lists = VotesOfVoter(watched[database.name])
    end = None
    before = _examined(database)
    with counted.during() as commands:
        for first in range(0, 1_000, 100):
            page = lists.page("al", [TargetKind.ENTRY], list(Vote), end, 100, private=False)
            assert [target.id for target, _ in page.votes] == [f"e{n:04d}" for n in range(first, first + 100)]
            end = page.end
    assert end is None
    assert commands == ["aggregate"] * 10
    # One more than a page holds, and what the planner tries.
    assert _examined(database) - before < 10 * 100 * 5


def _examined(database: Database) -> int:
    scanned = database.command("serverStatus")["metrics"]["queryExecutor"]
    return int(scanned["scanned"]) + int(scanned["scannedObjects"])
