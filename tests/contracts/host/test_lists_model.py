"""The models of ``tests/integration/votes/lists/test_lists_model.py`` walk by the cursors of the host API."""

from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from harness.documents import emptied_afterwards
from likes_api.app import create_app
from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database
from likes_api.votes import Target, TargetKind, Vote
from tests.integration.votes.lists.test_lists_model import LIMIT, QUESTION, VotersMachine, VotesMachine
from tests.support import host
from tests.support.settings import settings


class ServedVoters(VotersMachine):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.apps = [create_app(settings(VOTERS="everyone"), database) for _ in range(2)]

    def page(self, process: int, vote: Vote, cursor: Any) -> tuple[list[str], int, int, Any]:
        url = host.vote_url("question", QUESTION.id).removesuffix("vote") + f"voters?vote={vote}&limit={LIMIT}"
        answer = _read(self.apps[process], host.GUEST, url, cursor)
        return [each["id"] for each in answer["voters"]], answer["guests"], answer["total"], answer["next"]


class ServedVotes(VotesMachine):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.app = create_app(settings(), database)
        self.service = host.service(database, "votes:read")

    def page(
        self, voter: str, kinds: tuple[TargetKind, ...], votes: tuple[Vote, ...], cursor: Any
    ) -> tuple[list[tuple[Target, Vote]], Any]:
        filters = [f"type={kinds[0]}"] * (len(kinds) == 1) + [f"vote={votes[0]}"] * (len(votes) == 1)
        url = "&".join([f"/api/me/votes?limit={LIMIT}", *filters])
        answer = _read(self.app, self.service.for_(voter), url, cursor)
        words = {1: Vote.UP, -1: Vote.DOWN}
        listed = [(Target(TargetKind(each["type"]), each["id"]), words[each["vote"]]) for each in answer["votes"]]
        return listed, answer["next"]


def _read(app: Any, caller: host.Caller, url: str, cursor: str | None) -> Any:
    response = caller.ask(app, "GET", url if cursor is None else f"{url}&cursor={cursor}")
    assert response.status_code == 200, response.data
    return response.get_json()


@pytest.mark.parametrize("machine", [ServedVoters, ServedVotes])
def test_cursors_lead_through_the_lists_of_the_model_when_votes_come_and_go(
    module_database: Database, machine: type[ServedVoters | ServedVotes]
) -> None:
    with emptied_afterwards(module_database):
        collections.ensure_indexes(module_database, collections.VOTES)
        run_state_machine_as_test(
            lambda: machine(module_database), settings=hypothesis_settings(max_examples=10, stateful_step_count=30)
        )
