"""Any sequence of votes by several processes, with moves, compacting and deaths in between, agrees with the model.

The threshold is crossed in the middle of each sequence; what a process remembers of a target may be out of date.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from likes_api.mongodb.documents import Database
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.repository.votes.maintenance.compaction import Compaction
from likes_api.repository.votes.maintenance.migration import Migration, _Move
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.votes import Target, TargetKind, Vote
from tests.integration.votes.test_votes_model import STARTS, VOTERS, Model
from tests.support.moved import reassembled

QUESTION = Target(TargetKind.QUESTION, "q")
PROCESSES = st.integers(0, 1)
COLLECTIONS = ("questions", "likes_votes", "likes_moved")


class Death(BaseException):
    """The process ends here, as by kill -9: nothing is tidied up."""


class OverflowMachine(RuleBasedStateMachine):
    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.compaction = Compaction(database)
        self.processes = [VoteRepository(database), VoteRepository(database)]

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: dict[str, object]) -> None:
        for name in COLLECTIONS:
            self.database[name].delete_many({})
        self.put(start)

    def put(self, start: dict[str, object]) -> None:
        self.database["questions"].insert_one({"_id": "q"} | start)
        self.model = Model(start)

    @rule(process=PROCESSES, voter=st.sampled_from(VOTERS), vote=st.sampled_from(Vote))
    def toggle(self, process: int, voter: str, vote: Vote) -> None:
        self.model.put(voter, None if self.model.votes.get(voter) is vote else vote)
        assert self.processes[process].toggle(QUESTION, voter, vote) == self.model.tally(voter)

    @rule(process=PROCESSES, voter=st.sampled_from(VOTERS), vote=st.sampled_from(Vote))
    def set(self, process: int, voter: str, vote: Vote) -> None:
        changed = self.model.put(voter, vote)
        assert self.processes[process].set(QUESTION, voter, vote) == (self.model.tally(voter), changed)

    @rule(process=PROCESSES, voter=st.sampled_from(VOTERS))
    def clear(self, process: int, voter: str) -> None:
        changed = self.model.put(voter, None)
        assert self.processes[process].clear(QUESTION, voter) == (self.model.tally(voter), changed)

    @rule(process=PROCESSES, voter=st.sampled_from([*VOTERS, None]))
    def tally(self, process: int, voter: str | None) -> None:
        assert self.processes[process].tally(QUESTION, voter) == self.model.tally(voter)

    @rule(voters=st.lists(st.tuples(st.sampled_from(VOTERS), st.sampled_from(Vote)), max_size=6))
    def move_while_they_vote(self, voters: list[tuple[str, Vote]]) -> None:
        """Votes come in at each step of a move, a few at a time."""
        self.move(voters, die_at=None)

    @rule(
        voters=st.lists(st.tuples(st.sampled_from(VOTERS), st.sampled_from(Vote)), max_size=3), step=st.integers(0, 5)
    )
    def die_while_moving(self, voters: list[tuple[str, Vote]], step: int) -> None:
        self.move(voters, die_at=step)

    def move(self, voters: list[tuple[str, Vote]], die_at: int | None) -> None:
        votes, steps, native = iter(voters), iter(range(100)), _Move._copy

        def copy(move: _Move, *arguments: object) -> None:
            native(move, *arguments)  # type: ignore[arg-type]
            found = self.database["questions"].find_one({}) or {}
            if next(steps) == die_at:
                raise Death
            if found["likesOverflow"]["form"] == "copying":
                for voter, vote in [each for _, each in zip(range(2), votes, strict=False)]:
                    self.toggle(0, voter, vote)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_Move, "_copy", copy)
            try:
                Migration(self.database, TargetFinder()).move(QUESTION)
            except Death:
                # What a minute would do: another process may try then.
                self.database["questions"].update_one(
                    {"likesOverflow.form": {"$ne": "moved"}},
                    [{"$set": {"likesOverflow.since": {"$subtract": ["$$NOW", 600_000]}}}],
                )

    @rule()
    def compact(self) -> None:
        for id_ in self.compaction.uncompacted():
            moved = self.compaction.find(id_)
            assert moved is not None
            if self.compaction.publish(id_, moved):
                assert self.compaction.compact(id_, moved)
                assert self.compaction.compact(id_, moved) == 0

    @rule()
    def delete_and_put_again(self) -> None:
        self.database["questions"].delete_one({})
        self.put({"upvotes": 1, "likedBy": ["eve"]})

    @rule()
    def restart(self) -> None:
        self.processes = [VoteRepository(self.database), *self.processes[:1]]

    @invariant()
    def document_and_votes_are_those_of_the_model(self) -> None:
        document = reassembled(self.database, QUESTION)
        for vote, array, counter in ((Vote.UP, "likedBy", "upvotes"), (Vote.DOWN, "dislikedBy", "downvotes")):
            assert sorted(document.get(array) or ()) == sorted(
                voter for voter, own in self.model.votes.items() if own is vote
            )
            assert int(document.get(counter) or 0) == self.model.count(vote) + self.model.surplus[vote]

    def teardown(self) -> None:
        kinds = {fault.kind.name for _, fault, _ in verify_votes(self.database, repair=False) if fault}
        assert kinds <= {"HALF_MOVED", "DOUBTFUL"}


def test_repository_agrees_with_the_model_when_targets_are_moved_in_between(database: Database) -> None:
    run_state_machine_as_test(
        lambda: OverflowMachine(database), settings=settings(max_examples=40, stateful_step_count=25)
    )
