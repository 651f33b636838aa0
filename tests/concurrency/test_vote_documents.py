"""Many vote at once while their target is moved: no error, none waits long, nothing is lost or doubled."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.documents import faults
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Change, Tally, Target, TargetKind, Vote
from tests.support.clock import eventually
from tests.support.moved import reassembled

QUESTION = Target(TargetKind.QUESTION, "popular")
THREADS = 16


def process(database: Database, overflow_at: int) -> tuple[VoteRepository, Maintenance]:
    """Make what one process of the application has."""
    maintenance = Maintenance(database, TargetFinder(), overflow_at)
    return VoteRepository(database, maintenance=maintenance), maintenance


def document_of(database: Database) -> Document:
    return database["questions"].find_one({}) or {}


def moved(database: Database) -> None:
    eventually(lambda: document_of(database).get(OVERFLOW, {}).get("form") == "moved")


def compacted(database: Database) -> None:
    eventually(lambda: not Compaction(database).uncompacted())


@pytest.mark.parametrize("processes", [1, 2])
def test_votes_are_all_counted_once_when_a_target_outgrows_its_document(database: Database, processes: int) -> None:
    start = [f"old_{number:04}" for number in range(950)]
    database["questions"].insert_one({"_id": "popular", "upvotes": 957, "likedBy": start})
    repositories = [process(database, overflow_at=1000) for _ in range(processes)]
    answers: Counter[int] = Counter()

    def client(number: int) -> None:
        votes = repositories[number % processes][0]
        for vote in range(40):
            tally = votes.toggle(QUESTION, f"new_{number:02}_{vote:02}", Vote.UP)
            assert tally.own is Vote.UP
            answers[tally.upvotes] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(client, range(THREADS)))
    total = 957 + THREADS * 40
    assert max(answers) == total
    moved(database)
    document = reassembled(database, QUESTION)
    assert len(document["likedBy"]) == total - 7
    assert document["likedBy"][:950] == start
    assert not list(faults(document | {"dislikedBy": []}, {"upvotes": 7}))
    eventually(lambda: document_of(database)["upvotes"] == total)
    compacted(database)
    assert reassembled(database, QUESTION) == document
    for _, maintenance in repositories:
        maintenance.stop()


def test_each_voters_answers_explain_their_vote_when_all_kinds_of_votes_cross_the_threshold(
    database: Database,
) -> None:
    """Each thread has its own voters, so it knows what each answer must say of the own vote, and the sum at the end."""
    database["questions"].insert_one({"_id": "popular"})
    votes, maintenance = process(database, overflow_at=40)
    held: dict[str, Vote | None] = {}

    def client(number: int) -> None:
        chance = random.Random(number)
        own: dict[str, Vote | None] = dict.fromkeys(f"voter_{number}_{index}" for index in range(5))
        for _ in range(60):
            voter = chance.choice(list(own))
            change = chance.choice([Change(Vote.UP, True), Change(Vote.DOWN, True), Change(Vote.UP), Change(None)])
            before = own[voter]
            own[voter] = change.after(before)
            if change.toggles:
                assert change.vote is not None
                tally = votes.toggle(QUESTION, voter, change.vote)
                assert tally.own is own[voter]
            else:
                tally, changed = (
                    votes.clear(QUESTION, voter) if change.vote is None else votes.set(QUESTION, voter, change.vote)
                )
                assert (tally.own, changed) == (own[voter], own[voter] is not before)
        held.update(own)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(client, range(THREADS)))
    counts = Counter(held.values())
    moved(database)
    assert votes.tally(QUESTION) == Tally(counts[Vote.UP], counts[Vote.DOWN], None)
    document = reassembled(database, QUESTION)
    assert not list(faults(document))
    assert set(document["likedBy"]) == {voter for voter, vote in held.items() if vote is Vote.UP}
    compacted(database)
    assert reassembled(database, QUESTION) == document
    maintenance.stop()


def test_one_move_wins_when_many_try_at_once(database: Database) -> None:
    voters = [f"voter_{number:04}" for number in range(3000)]
    database["questions"].insert_one({"_id": "popular", "upvotes": 3000, "likedBy": voters})
    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(lambda _: Migration(database, TargetFinder()).move(QUESTION), range(8)))
    assert any(moved)
    assert reassembled(database, QUESTION)["likedBy"] == voters
    assert database["likes_votes"].count_documents({}) == 3000
    assert database["likes_moved"].count_documents({}) == 1


def test_counts_are_exact_at_every_moment_when_votes_are_compacted(database: Database) -> None:
    """One voter after the other, while two processes compact: each answer is one more than the one before."""
    database["questions"].insert_one({"_id": "popular"})
    Migration(database, TargetFinder()).move(QUESTION)
    votes, maintenance = process(database, overflow_at=1)
    _, other = process(database, overflow_at=1)
    other.start()
    for number in range(1, 801):
        assert votes.toggle(QUESTION, f"voter_{number}", Vote.UP).upvotes == number
    maintenance.stop()
    other.stop()
