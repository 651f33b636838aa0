"""Votes in batches, while everything happens at once: what is acknowledged explains what is stored."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier, Event, Thread
from typing import Any

import pymongo.synchronous.bulk
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from harness.documents import faults
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, TargetNotFound, Vote
from tests.support.meeting import of_votes
from tests.support.moved import move, reassembled

UP, DOWN = Vote.UP, Vote.DOWN
THREADS = 32
TARGETS = [Target(TargetKind.QUESTION, id_) for id_ in ("a", "b", "c", "moved")]
EMPTY: Document = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}


@pytest.fixture
def processes(client: MongoClient[Document], database: Database) -> list[VoteRepository]:
    """As many repositories as there are workers, each with batches of its own."""
    database["questions"].insert_many([{"_id": target.id} | EMPTY for target in TARGETS])
    move(database, TARGETS[-1])
    return [VoteRepository(client[database.name]) for _ in range(2)]


def test_every_answer_is_explained_by_the_table_when_voters_of_two_workers_meet(
    processes: list[VoteRepository], database: Database
) -> None:
    """Each thread votes for voters of its own, so it knows what each vote must do."""
    barrier = Barrier(THREADS)

    def storm(number: int) -> Counter[tuple[str, Vote]]:
        chance, votes = random.Random(number), processes[number % 2]
        held: dict[tuple[str, str], Vote | None] = {}
        barrier.wait(30)
        for _ in range(60):
            target, voter, vote = chance.choice(TARGETS), f"{number}-{chance.randrange(3)}", chance.choice(list(Vote))
            before = held.get((target.id, voter))
            match chance.randrange(4):
                case 0:
                    tally, changed = votes.set(target, voter, vote)
                    after = vote
                    assert changed is (before is not vote)
                case 1:
                    tally, changed = votes.clear(target, voter)
                    after = None
                    assert changed is (before is not None)
                case _:
                    tally = votes.toggle(target, voter, vote)
                    after = None if before is vote else vote
            assert tally.own is after
            assert tally.upvotes >= (after is UP)
            assert tally.downvotes >= (after is DOWN)
            held[target.id, voter] = after
        return Counter((id_, vote) for (id_, _), vote in held.items() if vote is not None)

    with ThreadPoolExecutor(THREADS) as pool:
        expected = sum(pool.map(storm, range(THREADS)), Counter[tuple[str, Vote]]())
    for target in TARGETS:
        found = reassembled(database, target)
        assert not list(faults(found))
        assert (found["upvotes"], found["downvotes"]) == (expected[target.id, UP], expected[target.id, DOWN])


def test_actions_sum_up_to_the_vote_left_when_one_voter_votes_from_everywhere(
    processes: list[VoteRepository], database: Database
) -> None:
    barrier = Barrier(THREADS)

    def storm(number: int) -> Counter[Vote | None]:
        barrier.wait(30)
        return Counter(processes[number % 2].toggle(TARGETS[0], "ada", UP).own for _ in range(25))

    with ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(storm, range(THREADS)), Counter[Vote | None]())
    found = reassembled(database, TARGETS[0])
    assert done.total() == 25 * THREADS
    assert done[UP] - done[None] == len(found["likedBy"]) == found["upvotes"]


def disturb(database: Database, over: Event) -> None:
    """Delete targets, make them again, and move them."""
    chance = random.Random(1)
    while not over.is_set():
        id_ = chance.choice("abc")
        match chance.randrange(3):
            case 0:
                database["questions"].delete_one({"_id": id_})
            case 1:
                database["questions"].update_one({"_id": id_}, {"$setOnInsert": EMPTY}, upsert=True)
            case _ if database["questions"].find_one({"_id": id_, "likesOverflow": None}):
                with suppress(TargetNotFound, AssertionError):
                    move(database, Target(TargetKind.QUESTION, id_))


def test_votes_end_exact_or_not_found_when_targets_are_deleted_made_and_moved_meanwhile(
    processes: list[VoteRepository], database: Database
) -> None:
    over = Event()

    def storm(number: int) -> Counter[str]:
        chance, votes, done = random.Random(number), processes[number % 2], Counter[str]()
        for step in range(40):
            try:
                votes.toggle(chance.choice(TARGETS), f"{number}-{step}", chance.choice(list(Vote)))
                done["taken"] += 1
            except TargetNotFound:
                done["not found"] += 1
        return done

    disturber = Thread(target=disturb, args=(database, over))
    disturber.start()
    try:
        with ThreadPoolExecutor(16) as pool:
            done = sum(pool.map(storm, range(16)), Counter[str]())
    finally:
        over.set()
        disturber.join()
    assert done.total() == 16 * 40
    for document in database["questions"].find():
        assert not list(faults(reassembled(database, Target(TargetKind.QUESTION, document["_id"]))))


def test_each_vote_of_a_batch_counts_once_when_the_answer_is_lost_and_the_driver_repeats_it(
    processes: list[VoteRepository], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database["questions"].update_one({"_id": "a"}, {"$set": {"likedBy": ["old"], "upvotes": 1}})
    votes = processes[0]
    native = pymongo.synchronous.bulk._Bulk.write_command
    cut: list[Document] = []

    def losing(self: pymongo.synchronous.bulk._Bulk, context: Any, *args: Any) -> Document:
        answer: Document = native(self, context, *args)
        if not cut:
            cut.append(answer)
            context.conn.close_conn("error")
            raise AutoReconnect("the answer is lost")
        return answer

    monkeypatch.setattr(pymongo.synchronous.bulk._Bulk, "write_command", losing)
    meeting = of_votes(votes)
    voters = [f"v{number}" for number in range(6)]
    work = [partial(votes.toggle, TARGETS[0], voter, UP) for voter in voters]
    futures = meeting.run(
        partial(votes.toggle, TARGETS[0], "first", UP), *work, partial(votes.toggle, TARGETS[0], "old", UP)
    )
    assert [each["n"] for each in cut] == [6]  # the server had done it, but for the one that missed
    assert [each.result().own for each in futures] == [UP] * 7 + [None]
    found = reassembled(database, TARGETS[0])
    assert sorted(found["likedBy"]) == ["first", *voters]
    assert found["upvotes"] == 7
