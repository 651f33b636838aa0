"""The vote repository on mongomock; on a real server: ``tests/integration/votes/test_votes.py``."""

import pytest

from likes_api.mongodb.documents import Database
from tests.support.vote_suite import VoteRepositorySuite


class TestVotesOnMongomock(VoteRepositorySuite):
    @pytest.fixture
    def database(self, mock_database: Database) -> Database:
        return mock_database
