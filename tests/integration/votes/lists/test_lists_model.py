"""Lists read page by page while votes come and go and targets move: nobody twice, nobody who stays is left out.

Each page is what a model says it is; the walks over several pages are checked by what they promise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.lists.votes_of_voter import VotesOfVoter
from likes_api.repository.votes.maintenance.backfill import name_targets
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.votes import Target, TargetKind, Vote

QUESTION = Target(TargetKind.QUESTION, "q")
# Among them what sorts next to guests, as an ObjectId, and as an expression.
VOTERS = ["$likedBy", "5f0000000000000000000001", "al", "al_", "guest", "guest`", "guesu", "é", "guest_1", "guest_2"]
SHOWN = [voter for voter in VOTERS if not voter.startswith("guest_")]
OBJECT_ID = "6f0000000000000000000001"
TARGETS = [
    *(Target(kind, id_) for kind in TargetKind for id_ in ("$a", "b", "guest_b", "c")),
    Target(TargetKind.QUESTION, OBJECT_ID),
]
READERS = ["al", "5f0000000000000000000001"]
LIMIT = 2


@dataclass
class Walk:
    """A reader on the way from the first page to the last.

    :param stayed: what has been in the list all the time.
    """

    stayed: set[Any]
    after: Any = None
    cursor: Any = None
    seen: list[Any] = field(default_factory=list)

    def take(self, items: list[Any], expected: list[Any], *, more: bool) -> bool:
        """Take a page; return whether the walk goes on."""
        assert items == expected[:LIMIT]
        assert more == (len(expected) > LIMIT)
        assert not {_name(each) for each in items} & {_name(each) for each in self.seen}
        self.seen += items
        if not more:
            assert self.stayed <= set(self.seen)
        return more


def _name(item: Any) -> Any:
    """A target stands for its vote, which may be switched between two pages."""
    return item[0] if isinstance(item, tuple) else item


class VotersMachine(RuleBasedStateMachine):
    """One target and its voters."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database, self.walks = database, dict[Vote, Walk]()
        self.processes = [VoteRepository(database), VoteRepository(database)]

    @initialize()
    def begin(self) -> None:
        for name in ("questions", "likes_votes", "likes_moved"):
            self.database[name].delete_many({})
        self.database["questions"].insert_one({"_id": "q", "upvotes": 3, "likedBy": []})
        self.votes: dict[str, Vote] = {}

    @rule(process=st.integers(0, 1), voter=st.sampled_from(VOTERS), vote=st.sampled_from([*Vote, None]))
    def vote(self, process: int, voter: str, vote: Vote | None) -> None:
        self.votes.pop(voter, None)
        if vote is None:
            self.processes[process].clear(QUESTION, voter)
        else:
            self.processes[process].set(QUESTION, voter, vote)
            self.votes[voter] = vote
        for each, walk in self.walks.items():
            walk.stayed &= set(self.shown(each))

    def shown(self, vote: Vote) -> list[str]:
        return sorted(voter for voter in SHOWN if self.votes.get(voter) is vote)

    @rule(process=st.integers(0, 1), vote=st.sampled_from(Vote))
    def next_page(self, process: int, vote: Vote) -> None:
        walk = self.walks.setdefault(vote, Walk(set(self.shown(vote))))
        ids, guests, total, cursor = self.page(process, vote, walk.cursor)
        expected = [voter for voter in self.shown(vote) if walk.after is None or voter > walk.after]
        cast = [voter for voter, each in self.votes.items() if each is vote]
        assert guests == len(set(cast) - set(SHOWN))
        assert total == len(cast) + (3 if vote is Vote.UP else 0)
        if walk.take(ids, expected, more=cursor is not None):
            walk.after, walk.cursor = ids[-1], cursor
        else:
            del self.walks[vote]

    def page(self, process: int, vote: Vote, cursor: Any) -> tuple[list[str], int, int, Any]:
        """Read a page; return its voters, the guests, the total and where the next one begins."""
        page = self.processes[process].voters(QUESTION, vote, cursor, LIMIT)
        return list(page.ids), page.guests, page.total, page.ids[-1] if page.more else None

    @rule()
    def move(self) -> None:
        assert Migration(self.database, TargetFinder()).move(QUESTION)


class VotesMachine(RuleBasedStateMachine):
    """What two voters voted on, of all kinds, in both forms."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database, self.walks = database, dict[tuple[Any, ...], Walk]()
        self.repository, self.lists = VoteRepository(database), VotesOfVoter(database)

    @initialize()
    def begin(self) -> None:
        for name in (*COLLECTIONS.values(), collections.VOTES, collections.MOVED):
            collections.get(self.database, name).delete_many({})
        for target in TARGETS:
            self.make(target)
        self.votes: dict[tuple[str, Target], Vote] = {}

    def make(self, target: Target) -> None:
        key = TargetFinder().keys(target.kind, target.id)[-1]
        document = {"_id": key, "public": True, "post": "b"}
        collections.get(self.database, COLLECTIONS[target.kind]).insert_one(document)

    @rule(voter=st.sampled_from(READERS), on=st.sampled_from(TARGETS), vote=st.sampled_from([*Vote, None]))
    def vote(self, voter: str, on: Target, vote: Vote | None) -> None:
        self.votes.pop((voter, on), None)
        if vote is None:
            self.repository.clear(on, voter)
        else:
            self.repository.set(on, voter, vote)
            self.votes[voter, on] = vote
        self.note()

    @rule(voter=st.sampled_from(READERS), vote=st.sampled_from(Vote))
    def vote_on_all(self, voter: str, vote: Vote) -> None:
        for target in TARGETS:
            self.vote(voter, target, vote)

    @rule(on=st.sampled_from(TARGETS))
    def move(self, on: Target) -> None:
        assert Migration(self.database, TargetFinder()).move(on)

    @rule(name=st.booleans())
    def written_by_an_earlier_version(self, name: bool) -> None:
        self.database["likes_votes"].update_many({}, {"$unset": {"field": "", "key": ""}})
        self.database["likes_moved"].update_many({}, {"$unset": {"named": ""}})
        if name:
            name_targets(self.database, TargetFinder())

    @rule(on=st.sampled_from([target for target in TARGETS if target.id == "c"]))
    def delete_and_make_again(self, on: Target) -> None:
        collections.get(self.database, COLLECTIONS[on.kind]).delete_one({"_id": "c"})
        self.make(on)
        for voter in READERS:
            self.votes.pop((voter, on), None)
        self.note()

    def note(self) -> None:
        for (voter, kinds, votes), walk in self.walks.items():
            walk.stayed &= set(self.listed(voter, kinds, votes))

    def listed(self, voter: str, kinds: tuple[TargetKind, ...], votes: tuple[Vote, ...]) -> list[tuple[Target, Vote]]:
        found = [
            (target, vote)
            for (who, target), vote in self.votes.items()
            if who == voter and target.kind in kinds and vote in votes
        ]
        return sorted(found, key=lambda each: _order(each[0]))

    @rule(
        voter=st.sampled_from(READERS),
        kinds=st.sampled_from([tuple(TargetKind), (TargetKind.POST,), (TargetKind.QUESTION,)]),
        votes=st.sampled_from([tuple(Vote), (Vote.UP,), (Vote.DOWN,)]),
    )
    def next_page(self, voter: str, kinds: tuple[TargetKind, ...], votes: tuple[Vote, ...]) -> None:
        every = self.listed(voter, kinds, votes)
        walk = self.walks.setdefault((voter, kinds, votes), Walk(set(every)))
        found, cursor = self.page(voter, kinds, votes, walk.cursor)
        behind = [each for each in every if walk.after is None or _order(each[0]) > _order(walk.after)]
        if walk.take(found, behind, more=cursor is not None):
            walk.after, walk.cursor = found[-1][0], cursor
        else:
            del self.walks[voter, kinds, votes]

    def page(
        self, voter: str, kinds: tuple[TargetKind, ...], votes: tuple[Vote, ...], cursor: Any
    ) -> tuple[list[tuple[Target, Vote]], Any]:
        """Read a page; return its votes and where the next one begins."""
        page = self.lists.page(voter, kinds, votes, cursor, LIMIT, private=False)
        return list(page.votes), page.end


def _order(target: Target) -> tuple[str, bool, str]:
    return target.kind.value, target.id == OBJECT_ID, target.id


@pytest.mark.parametrize("machine", [VotersMachine, VotesMachine])
def test_lists_are_those_of_the_model_when_votes_come_and_go_between_pages(
    database: Database, machine: Callable[[Database], RuleBasedStateMachine]
) -> None:
    for name in (collections.ENTRIES, collections.POSTS, collections.COMMENTS, collections.VOTES):
        collections.ensure_indexes(database, name)
    run_state_machine_as_test(lambda: machine(database), settings=settings(max_examples=15, stateful_step_count=40))
