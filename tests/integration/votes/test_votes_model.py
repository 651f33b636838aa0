"""Any sequence of votes leaves the repository and a model of ten lines in agreement, on the real server."""

from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness.documents import faults
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, TargetKind, TargetNotFound, Vote
from tests.support.meeting import of_votes

IDS = ("a", "b", "64b7f0c2a1b2c3d4e5f60718")
VOTERS = ("ada", "bob", "$likedBy")
BALLOTS = st.tuples(st.sampled_from(IDS), st.sampled_from(VOTERS), st.sampled_from(Vote))
COUNTER = {Vote.UP: "upvotes", Vote.DOWN: "downvotes"}
# What a host may have left: nothing, nulls, a counter without voters, and votes that came with their voters.
STARTS: list[Document] = [
    {},
    {"upvotes": None, "downvotes": None, "likedBy": None, "dislikedBy": None},
    {"upvotes": 5, "downvotes": 2},
    {"upvotes": 2, "downvotes": 1, "likedBy": ["ada", "eve"], "dislikedBy": ["bob"]},
    {"upvotes": 7.0, "likedBy": ["bob"], "title": "Why?"},
]


class Model:
    """What the votes on one target come to."""

    def __init__(self, start: Document) -> None:
        arrays = ((Vote.UP, start.get("likedBy")), (Vote.DOWN, start.get("dislikedBy")))
        self.votes = {voter: vote for vote, array in arrays for voter in array or ()}
        self.surplus = {vote: int(start.get(COUNTER[vote]) or 0) - self.count(vote) for vote in Vote}

    def count(self, vote: Vote) -> int:
        return list(self.votes.values()).count(vote)

    def tally(self, voter: str | None) -> Tally:
        up, down = (self.count(vote) + self.surplus[vote] for vote in Vote)
        return Tally(up, down, self.votes.get(voter or ""))

    def put(self, voter: str, vote: Vote | None) -> bool:
        previous = self.votes.pop(voter, None)
        if vote is not None:
            self.votes[voter] = vote
        return previous is not vote


class VotesMachine(RuleBasedStateMachine):
    def __init__(self, database: Database) -> None:
        super().__init__()
        self.votes = VoteRepository(database)
        self.meeting = of_votes(self.votes)
        self.questions = database["questions"]

    @initialize(starts=st.tuples(*[st.sampled_from(STARTS)] * len(IDS)))
    def begin(self, starts: tuple[Document, ...]) -> None:
        self.questions.delete_many({})
        self.questions.insert_many([{"_id": id_} | start for id_, start in zip(IDS, starts, strict=True)])
        self.models = {id_: Model(start) for id_, start in zip(IDS, starts, strict=True)}

    @rule(id_=st.sampled_from(IDS), voter=st.sampled_from(VOTERS), vote=st.sampled_from(Vote))
    def toggle(self, id_: str, voter: str, vote: Vote) -> None:
        model = self.models[id_]
        model.put(voter, None if model.votes.get(voter) is vote else vote)
        assert self.votes.toggle(question(id_), voter, vote) == model.tally(voter)

    @rule(id_=st.sampled_from(IDS), voter=st.sampled_from(VOTERS), vote=st.sampled_from(Vote))
    def put(self, id_: str, voter: str, vote: Vote) -> None:
        changed = self.models[id_].put(voter, vote)
        assert self.votes.set(question(id_), voter, vote) == (self.models[id_].tally(voter), changed)

    @rule(ballots=st.lists(BALLOTS, min_size=2, max_size=6, unique_by=lambda ballot: ballot[:2]))
    def toggle_together(self, ballots: list[tuple[str, str, Vote]]) -> None:
        work = [partial(self.votes.toggle, question(id_), voter, vote) for id_, voter, vote in ballots]
        tallies = [each.result() for each in self.meeting.run(*work)]
        for id_, voter, vote in ballots:
            held = self.models[id_].votes.get(voter)
            self.models[id_].put(voter, None if held is vote else vote)
        assert [each.own for each in tallies] == [self.models[id_].votes.get(voter) for id_, voter, _ in ballots]

    @rule(id_=st.sampled_from(IDS), voter=st.sampled_from(VOTERS))
    def clear(self, id_: str, voter: str) -> None:
        changed = self.models[id_].put(voter, None)
        assert self.votes.clear(question(id_), voter) == (self.models[id_].tally(voter), changed)

    @rule(voter=st.sampled_from([*VOTERS, None]))
    def tallies(self, voter: str | None) -> None:
        expected = {id_: model.tally(voter) for id_, model in self.models.items()}
        assert self.votes.tallies(TargetKind.QUESTION, ["unknown", *IDS], voter) == expected

    @rule(voter=st.sampled_from(VOTERS), vote=st.sampled_from(Vote))
    def unknown(self, voter: str, vote: Vote) -> None:
        with pytest.raises(TargetNotFound):
            self.votes.toggle(question("unknown"), voter, vote)

    @invariant()
    def documents_hold_the_votes_of_the_model(self) -> None:
        found: dict[str, Any] = {each["_id"]: each for each in self.questions.find()}
        assert found.keys() == self.models.keys()
        for id_, model in self.models.items():
            document = {name: value for name, value in found[id_].items() if value is not None}
            surplus = {COUNTER[vote]: model.surplus[vote] for vote in Vote}
            if document.keys() & {"likedBy", "dislikedBy"}:
                assert not list(faults(document, surplus))
            for vote, array in ((Vote.UP, "likedBy"), (Vote.DOWN, "dislikedBy")):
                assert set(document.get(array, ())) == {each for each, own in model.votes.items() if own is vote}


def question(id_: str) -> Target:
    return Target(TargetKind.QUESTION, id_)


def test_repository_agrees_with_the_model_after_every_step_of_any_sequence(database: Database) -> None:
    def machine() -> VotesMachine:
        return VotesMachine(database)

    bounds = settings(max_examples=100, stateful_step_count=30)
    run_state_machine_as_test(machine, settings=bounds)  # type: ignore[arg-type]  # a function will do
