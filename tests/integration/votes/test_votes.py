"""The vote repository on the real server, and what each vote costs there."""

from itertools import count
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.client import connect
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind, TargetNotFound, Vote
from tests.support.commands import CountedCommands
from tests.support.moved import move
from tests.support.vote_suite import QUESTION, VoteRepositorySuite, before

UP, DOWN = Vote.UP, Vote.DOWN


class TestVotesOnMongoDB(VoteRepositorySuite):
    """Everything, without gaps; the fixture ``database`` is the real one."""


@pytest.fixture
def repository(watched: MongoClient[Document], database: Database) -> VoteRepository:
    """The repository with Ada's question, on a client whose commands are counted."""
    return VoteRepository(watched[database.name])


@pytest.mark.parametrize("current", [None, UP, DOWN])
@pytest.mark.parametrize("vote", Vote)
def test_toggle_costs_one_round_trip_for_a_first_vote_and_two_for_take_back_and_switch(
    repository: VoteRepository, database: Database, counted: CountedCommands, current: Vote | None, vote: Vote
) -> None:
    database["questions"].insert_one({"_id": QUESTION.id} | before(current))
    with counted.during() as names:
        tally = repository.toggle(QUESTION, "ada", vote)
    assert names == ["findAndModify"] * (1 if current is None else 2)
    assert tally.own is (None if current is vote else vote)


def test_toggle_costs_two_round_trips_when_the_target_is_unknown(
    repository: VoteRepository, counted: CountedCommands
) -> None:
    with counted.during() as names, pytest.raises(TargetNotFound):
        repository.toggle(QUESTION, "ada", UP)
    assert names == ["findAndModify", "findAndModify"]


@pytest.mark.parametrize("current", [None, UP, DOWN])
@pytest.mark.parametrize("vote", [UP, DOWN, None])
def test_set_and_clear_cost_one_round_trip_and_a_read_when_nothing_changes(
    repository: VoteRepository, database: Database, counted: CountedCommands, current: Vote | None, vote: Vote | None
) -> None:
    database["questions"].insert_one({"_id": QUESTION.id} | before(current))
    with counted.during() as names:
        _, changed = repository.clear(QUESTION, "ada") if vote is None else repository.set(QUESTION, "ada", vote)
    assert names == (["findAndModify"] if changed else ["findAndModify", "aggregate"])
    assert changed is (vote is not current)


def test_set_and_clear_cost_two_round_trips_when_the_target_is_unknown(
    repository: VoteRepository, counted: CountedCommands
) -> None:
    with counted.during() as names, pytest.raises(TargetNotFound):
        repository.set(QUESTION, "ada", UP)
    assert names == ["findAndModify", "aggregate"]
    with counted.during() as names, pytest.raises(TargetNotFound):
        repository.clear(QUESTION, "ada")
    assert names == ["findAndModify", "aggregate"]


@pytest.mark.parametrize("number", [1, 50, 500])
def test_tallies_cost_one_round_trip_however_many(
    repository: VoteRepository, database: Database, counted: CountedCommands, number: int
) -> None:
    ids = [f"q_{index}" for index in range(number)]
    database["questions"].insert_many([{"_id": id_} | before(UP) for id_ in ids])
    with counted.during() as names:
        tallies = repository.tallies(TargetKind.QUESTION, ids, "ada")
    assert names == ["aggregate"]
    assert tallies == dict.fromkeys(ids, Tally(3, 1, UP))


class Answers(CommandListener):
    """Keep what the server answers."""

    def __init__(self) -> None:
        self.replies: list[Document] = []

    def started(self, event: CommandStartedEvent) -> None: ...

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self.replies.append(dict(event.reply))

    def failed(self, event: CommandFailedEvent) -> None: ...


def test_arrays_stay_on_the_server_when_votes_are_answered(mongod: EmbeddedMongod, database: Database) -> None:
    popular = Target(TargetKind.QUESTION, "popular")
    voters = [f"voter_{index:05}" for index in range(5_000)]
    database["questions"].insert_one(
        {"_id": "popular", "upvotes": 5_000, "downvotes": 0, "likedBy": voters, "dislikedBy": []}
    )
    answers = Answers()
    with connect(mongod.uri, event_listeners=[answers]) as client:
        votes = VoteRepository(client[database.name])
        assert votes.toggle(popular, "ada", UP) == Tally(5_001, 0, UP)
        assert votes.set(popular, "ada", UP) == (Tally(5_001, 0, UP), False)
        assert votes.tally(popular, "ada") == Tally(5_001, 0, UP)
        sizes = [len(bson.encode(reply)) for reply in answers.replies]
    assert len(sizes) == 4
    assert max(sizes) < 1_000


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("current", [None, UP, DOWN])
def test_vote_is_answered_alike_when_the_driver_repeats_it_because_the_answer_was_lost(
    mongod: EmbeddedMongod, database: Database, monkeypatch: pytest.MonkeyPatch, current: Vote | None, moved: bool
) -> None:
    """The server answers a repeated update from what it kept, which is not what it answered at first."""
    database["questions"].insert_one({"_id": QUESTION.id} | before(current))
    if moved:
        move(database, QUESTION)
    expected = {None: Tally(3, 1, UP), UP: Tally(2, 1, None), DOWN: Tally(3, 1, UP)}[current]

    numbers, repetitions = count(1_000), []

    def repeated(collection: Collection, filter_: Document, update: list[Document], **options: Any) -> Document | None:
        command = {
            "findAndModify": collection.name,
            "query": filter_,
            "update": update,
            "fields": options["projection"],
            "new": options["return_document"],
            "upsert": options.get("upsert", False),
            "txnNumber": bson.Int64(next(numbers)),
        }
        with collection.database.client.start_session() as session:
            collection.database.command(command, session=session)
            reply = collection.database.command(command, session=session)
        repetitions.append("retriedStmtId" in reply)
        value: Document | None = reply["value"]
        return value

    monkeypatch.setattr("pymongo.collection.Collection.find_one_and_update", repeated)
    # A client of its own, because a session that has seen such a number takes no lower one from the driver.
    with connect(mongod.uri) as client:
        votes = VoteRepository(client[database.name])
        assert votes.toggle(QUESTION, "ada", UP) == expected
        assert votes.tally(QUESTION, "ada") == expected
    # An update that changes nothing is simply done again: the add where there is a vote, and both of a moved target.
    assert repetitions == [*[False] * (2 if moved else 0 if current is None else 1), True]
