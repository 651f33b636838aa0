"""All that votes do in a target's document, they do on a moved target as well."""

import pytest

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Tally, Target, Vote
from tests.support.moved import move, reassembled
from tests.support.vote_suite import QUESTION, VoteRepositorySuite


class TestVotesOnMovedTargets(VoteRepositorySuite):
    """Every target is moved before the first vote."""

    def put(self, database: Database, document: Document | None = None, target: Target = QUESTION) -> None:
        super().put(database, document, target)
        move(database, target)

    def get(self, database: Database, target: Target = QUESTION) -> Document:
        return reassembled(database, target)

    @pytest.mark.parametrize("count", [0, -5])
    def test_counts_are_never_negative_when_a_counter_is_lower_than_its_array(  # type: ignore[override]
        self, repository: VoteRepository, database: Database, count: int
    ) -> None:
        """The move mends such a counter: the votes that it moves are the least that it can be."""
        self.put(database, {"upvotes": count, "downvotes": count, "likedBy": ["ada", "bob"], "dislikedBy": ["dan"]})
        assert repository.tally(QUESTION, "ada") == Tally(2, 1, Vote.UP)
        assert repository.toggle(QUESTION, "ada", Vote.UP) == Tally(1, 1, None)
        assert repository.clear(QUESTION, "bob") == (Tally(0, 1, None), True)
