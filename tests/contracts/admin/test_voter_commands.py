"""``likes-api voter``: what the routes do, by the same code."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from likes_api.repository.voters import in_arrays
from tests.support.admin import audit
from tests.support.settings import SECRET_KEY
from tests.support.voters import make_indexes, traces

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(mongod: EmbeddedMongod, database: Database) -> Run:
    """Run a command, and return what it prints on stdout and stderr."""
    database["likes_entries"].insert_many({"_id": id_, "likedBy": ["leaver-x"], "upvotes": 1} for id_ in ("e1", "e2"))
    database["questions"].insert_one({"_id": "q", "dislikedBy": ["leaver-x", "heir"], "downvotes": 2})
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_SECRET_KEY": SECRET_KEY,
    }

    def command(*arguments: str, code: int = 0) -> tuple[str, str]:
        result = CliRunner().invoke(main, ["voter", *arguments], env=variables)
        assert result.exit_code == code, result.output
        return result.stdout, result.stderr

    return command


def test_voter_is_exported_merged_and_erased(run: Run, database: Database) -> None:
    make_indexes(database)
    lines = [json.loads(line) for line in run("export", "leaver-x")[0].splitlines()]
    assert sorted(map(list, map(dict.values, lines))) == [["entry", "e1", 1], ["entry", "e2", 1], ["question", "q", -1]]
    assert run("merge", "leaver-x", "heir") == ("", "3 votes handed over or taken back\n")
    assert run("export", "leaver-x") == ("", "")
    assert len(run("export", "heir")[0].splitlines()) == 3
    assert run("erase", "heir") == ("", "3 votes taken back\n")
    assert run("erase", "heir") == ("", "0 votes taken back\n")
    assert traces(database, "heir") == traces(database, "leaver-x") == []
    assert [(by, action) for by, action, _ in audit(database)] == [
        ("command", "voter.merge"),
        ("command", "voter.erase"),
    ]


def test_command_says_that_it_is_slow_when_the_hosts_collection_has_no_index(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_arrays, "SCANNED", 1)
    database["questions"].insert_one({"_id": "r"})
    database["questions"].drop_indexes()
    slow = "slow: no index on questions.likedBy, questions.dislikedBy (`likes-api indexes`)\n"
    assert run("export", "leaver-x")[1].endswith(slow)
    assert run("erase", "leaver-x")[1].endswith(slow + "3 votes taken back\n")


def test_voter_cannot_be_merged_into_itself_or_while_an_erasure_is_under_way(run: Run, database: Database) -> None:
    assert run("merge", "leaver-x", "leaver-x", code=1)[1] == "Error: into: a voter cannot be merged into itself\n"
    database["likes_voter_jobs"].insert_one({"_id": "leaver-x", "into": None, "scans": {}})
    refused = run("merge", "leaver-x", "heir", code=1)[1]
    assert refused.endswith("Error: Another erasure or merge of this voter is under way\n")
    assert audit(database) == []
