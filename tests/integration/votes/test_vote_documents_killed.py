"""Kill -9 at every step of a move, and of compacting: no vote is lost or doubled, and none waits for the dead."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymongo import MongoClient

from harness.documents import faults, named_database
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.client import connect, deadline
from likes_api.mongodb.documents import Database, Document
from likes_api.repository import StoreError
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind, Vote
from tests.support import killed
from tests.support.clock import eventually
from tests.support.moved import move, reassembled

QUESTION = Target(TargetKind.QUESTION, "popular")
VOTERS = [f"voter_{number:03}" for number in range(300)]
# When nobody votes meanwhile: the document, the indexes, the register, the start, two copies, how many were noted, the
# seal, the copy of those, the switch, the mark in the register, those without a vote.
MOVE_COMMANDS = 13


@pytest.fixture(scope="module")
def database(client: MongoClient[Document]) -> Iterator[Database]:
    with named_database(client) as database:
        yield database


def fresh(database: Database) -> None:
    for name in ("questions", "likes_votes", "likes_moved"):
        database[name].delete_many({})
    database["questions"].insert_one(
        {"_id": "popular", "upvotes": 305, "downvotes": 1, "likedBy": VOTERS, "dislikedBy": ["dan"]}
    )


def run(mongod: EmbeddedMongod, database: Database, number: int, when: str, work: str) -> tuple[int, list[str]]:
    """Run the work in a process of its own; return its exit code and the commands that it sent."""
    arguments = [mongod.uri, database.name, str(number), when, work]
    done = subprocess.run(
        [sys.executable, killed.__file__, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout.split()


def cast(votes: VoteRepository, voter: str, vote: Vote, upvotes: int) -> None:
    tally = votes.toggle(QUESTION, voter, vote)
    assert (tally.upvotes, tally.downvotes) == (upvotes, 1)


# What comes before are a look at the document and the indexes.
@pytest.mark.parametrize(
    ("number", "when"),
    [(number, "after") for number in range(3, MOVE_COMMANDS + 1)]
    + [(number, "during") for number in range(4, MOVE_COMMANDS)],
)
def test_votes_go_on_and_none_is_lost_when_a_move_is_killed(
    mongod: EmbeddedMongod, database: Database, number: int, when: str
) -> None:
    fresh(database)
    code, commands = run(mongod, database, number, when, "move")
    assert code == -signal.SIGKILL, commands
    assert len(commands) >= number
    votes = VoteRepository(database)
    assert votes.tally(QUESTION, "voter_007").upvotes == 305
    cast(votes, "eve", Vote.UP, 306)
    cast(votes, "voter_007", Vote.UP, 305)
    cast(votes, "eve", Vote.UP, 304)
    document = reassembled(database, QUESTION)
    document.pop(OVERFLOW, None)
    assert document["likedBy"] == [voter for voter in VOTERS if voter != "voter_007"]
    assert not list(faults(document, {"upvotes": 5}))
    # Another process moves it in the end.
    tidy(database)
    move(database, QUESTION)
    assert reassembled(database, QUESTION)["likedBy"] == document["likedBy"]
    assert votes.tally(QUESTION).upvotes == 304


def tidy(database: Database) -> None:
    """Let what is unfinished be as old as it must be to count as cut off."""
    long_ago = database["questions"].find_one({}, {"then": {"$subtract": ["$$NOW", 600_000]}}) or {}
    state = {f"{OVERFLOW}.since": {"$exists": True}}
    database["questions"].update_one(state, {"$set": {f"{OVERFLOW}.since": long_ago["then"]}})
    # The server may still be copying for the dead process, and what it writes after a repair is a fault again.
    eventually(lambda: not [fault for _, fault, mended in verify_votes(database, repair=True) if fault and not mended])


def test_commands_of_a_move_are_as_many_as_the_test_above_kills(mongod: EmbeddedMongod, database: Database) -> None:
    fresh(database)
    code, commands = run(mongod, database, 1_000, "after", "move")
    assert code == 0
    assert len(commands) == MOVE_COMMANDS, commands


# To show the totals takes four commands; then come the claim and the four of a transaction.
@pytest.mark.parametrize("number", range(3, 10))
def test_count_is_exact_and_compacted_by_others_when_compacting_is_killed(
    mongod: EmbeddedMongod, database: Database, number: int
) -> None:
    fresh(database)
    move(database, QUESTION)
    votes = VoteRepository(database)
    votes.toggle(QUESTION, "voter_000", Vote.UP)
    votes.toggle(QUESTION, "eve", Vote.UP)
    votes.toggle(QUESTION, "gone", Vote.UP)
    votes.toggle(QUESTION, "gone", Vote.UP)
    code, commands = run(mongod, database, number, "after", "compact")
    assert code == -signal.SIGKILL, commands
    cast(votes, "frank", Vote.UP, 306)
    maintenance = Maintenance(database, TargetFinder(), 1)
    maintenance.start()
    # Where the dead process left a transaction open, its documents are held until that is ended: about two seconds.
    eventually(lambda: not database["likes_votes"].count_documents({"open": True}))
    maintenance.stop()
    found = database["questions"].find_one({}) or {}
    assert (found["upvotes"], found[OVERFLOW]["up"]) == (306, 0)
    assert votes.tally(QUESTION).upvotes == 306
    assert not [fault for _, fault, _ in verify_votes(database, repair=False) if fault]


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.3])
def test_every_answered_vote_stands_when_mongod_is_killed_while_a_target_crosses_the_threshold(
    tmp_path: Path, seconds: float
) -> None:
    """Each client votes with ever new voters; what is answered counts, what is not may or may not."""
    answered: set[str] = set()
    unanswered: set[str] = set()
    with EmbeddedMongod(find_mongod(None), tmp_path) as mongod, connect(mongod.uri) as client:
        database = client["likes"]
        database["questions"].insert_one({"_id": "popular"})
        maintenance = Maintenance(database, TargetFinder(), 60)
        votes = VoteRepository(database, maintenance=maintenance)

        def vote(number: int) -> None:
            for each in range(60):
                voter = f"{number}_{each}"
                try:
                    with deadline(2.5):
                        votes.toggle(QUESTION, voter, Vote.UP)
                    answered.add(voter)
                except StoreError:
                    unanswered.add(voter)

        with ThreadPoolExecutor(8) as pool:
            running = [pool.submit(vote, number) for number in range(8)]
            time.sleep(seconds)
            assert mongod.pid is not None
            os.kill(mongod.pid, signal.SIGKILL)
            mongod.restart()
            for each in running:
                each.result()
        maintenance.stop()
        document = reassembled(database, QUESTION)
        assert answered <= set(document["likedBy"]) <= answered | unanswered
        assert not list(faults(document | {"dislikedBy": []}))
        assert not [fault for _, fault, _ in verify_votes(database, repair=False) if fault]
