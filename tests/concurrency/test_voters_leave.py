"""Voters leave and become others while people vote and targets move: every count is exact at every moment."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database
from likes_api.repository.audit import AuditLog
from likes_api.repository.voters.leaving import Leaving
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.votes import Target, TargetKind, Vote
from tests.support.voters import inexact, make_indexes, traces, votes_in

CLIENTS = 8
VOTES = 60
TARGETS = [Target(kind, f"t{number}") for kind in (TargetKind.QUESTION, TargetKind.ENTRY) for number in range(12)]
LEAVER, HEIR = "leaver-x", "heir"
Held = dict[tuple[Target, str], Vote | None]


def vote_at_random(votes: VoteRepository, voters: list[str], held: Held) -> None:
    chance = random.Random(voters[0])
    for _ in range(VOTES):
        target, voter = chance.choice(TARGETS), chance.choice(voters)
        held[target, voter] = votes.toggle(target, voter, chance.choice(list(Vote))).own


def leave(leaving: Leaving, into: str | None, seconds: float) -> bool:
    lacking = leaving.lacking()
    if into is None:
        return leaving.erase(LEAVER, "t", lacking, seconds).is_finished
    return leaving.merge(LEAVER, into, "t", lacking, seconds).is_finished


def leave_until(over: Event, leaving: Leaving, into: str | None) -> None:
    while not over.is_set():
        leave(leaving, into, 0.05)


def look_until(over: Event, database: Database) -> list[str]:
    while not over.is_set():
        if found := inexact(database):
            return found
    return []


@pytest.mark.parametrize("into", [None, HEIR])
def test_counts_are_exact_at_every_moment_when_a_voter_leaves_while_others_vote_and_targets_move(
    database: Database, into: str | None
) -> None:
    make_indexes(database)
    for target in TARGETS:
        collections.get(database, COLLECTIONS[target.kind]).insert_one({"_id": target.id})
    maintenance = Maintenance(database, TargetFinder(), 20)
    votes = VoteRepository(database, maintenance=maintenance)
    leaving = Leaving(database, AuditLog(database, 1, str.upper))
    over, held = Event(), Held()
    crowd = [[f"voter_{client}_{number}" for number in range(20)] for client in range(CLIENTS)]
    with ThreadPoolExecutor(len(crowd) + 5) as pool:
        looks = pool.submit(look_until, over, database)
        leaves = [pool.submit(leave_until, over, leaving, into) for _ in range(2)]
        for each in [pool.submit(vote_at_random, votes, voters, held) for voters in (*crowd, [LEAVER], [HEIR])]:
            each.result()
        over.set()
        assert [each.result() for each in (looks, *leaves)] == [[], None, None]
    assert leave(leaving, into, 60.0)
    maintenance.stop()
    assert (traces(database, LEAVER), inexact(database)) == ([], [])
    assert database["likes_moved"].count_documents({"moved": True}) > 0
    for target in TARGETS:
        liked, disliked = votes_in(database, target)
        found = dict.fromkeys(liked, Vote.UP) | dict.fromkeys(disliked, Vote.DOWN)
        expected = {voter: vote for (each, voter), vote in held.items() if each == target and vote and voter != LEAVER}
        if into is not None:
            # Theirs depends on who was first.
            found.pop(HEIR, None)
            expected.pop(HEIR, None)
        assert found == expected
