"""An ``Idempotency-Key`` on a moved target: its vote document, its count and the record are one transaction."""

import pytest

from likes_api.mongodb.documents import Database, Document, Session
from likes_api.mongodb.instrumented import instrumented
from likes_api.repository.idempotency_keys import IdempotencyRepository, RequestKey
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, Vote
from tests.support.moved import move, reassembled

QUESTION = Target(TargetKind.QUESTION, "q")
KEY = RequestKey(b"key", b"fingerprint")


class Crash(Exception):
    pass


@pytest.fixture
def moved(database: Database) -> Database:
    database.questions.insert_one({"_id": "q", "upvotes": 1, "downvotes": 0, "likedBy": ["first"], "dislikedBy": []})
    move(database, QUESTION)
    return instrumented(database)


def toggled(votes: VoteRepository, session: Session) -> Document:
    tally = votes.toggle(QUESTION, "voter", Vote.UP, session)
    return {"upvotes": tally.upvotes, "liked": tally.liked}


def test_vote_on_a_moved_target_counts_once_when_its_request_is_repeated(moved: Database) -> None:
    votes, records = VoteRepository(moved), IdempotencyRepository(moved)

    first = records.once(KEY, lambda session: toggled(votes, session))
    again = records.once(KEY, lambda session: toggled(votes, session))

    assert (first, again) == (({"upvotes": 2, "liked": True}, False), ({"upvotes": 2, "liked": True}, True))
    assert reassembled(moved, QUESTION)["likedBy"] == ["first", "voter"]


def test_vote_on_a_moved_target_leaves_nothing_when_its_request_ends_before_the_record(moved: Database) -> None:
    votes, records = VoteRepository(moved), IdempotencyRepository(moved)

    def crash(session: Session) -> Document:
        toggled(votes, session)
        raise Crash

    with pytest.raises(Crash):
        records.once(KEY, crash)

    found = reassembled(moved, QUESTION)
    assert (found["upvotes"], found["likedBy"]) == (1, ["first"])
    assert records.once(KEY, lambda session: toggled(votes, session)) == ({"upvotes": 2, "liked": True}, False)
