"""Kill -9 at many moments of an erasure and a merge, each started again: counts are exact in between and in the end."""

import signal
import subprocess
import sys

import pytest

from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.documents import Database
from likes_api.repository.audit import AuditLog
from likes_api.repository.voters.leaving import Leaving
from likes_api.repository.votes.consistency.repair import verify_votes
from tests.support import killed
from tests.support.admin import audit
from tests.support.killed import HEIR, LEAVER
from tests.support.voters import expected, held_by, inexact, populate, traces, votes_in, world

# The commands of the start, which are seven or less, of steps in arrays, and of transactions at each of their steps.
MOMENTS = {
    "erase": [(3, "after"), (9, "after"), (12, "during"), (22, "after"), (24, "during")],
    "merge": [(7, "during"), (10, "after"), (14, "after"), (23, "after"), (26, "during")],
}


def run(mongod: EmbeddedMongod, database: Database, number: int, when: str, work: str) -> int:
    """Run the work in a process of its own, and return its exit code."""
    arguments = [mongod.uri, database.name, str(number), when, work]
    done = subprocess.run(
        [sys.executable, killed.__file__, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.parametrize(("work", "into"), [("erase", None), ("merge", HEIR)])
def test_work_is_exact_when_it_is_killed_again_and_again(
    mongod: EmbeddedMongod, database: Database, work: str, into: str | None
) -> None:
    targets = world(LEAVER, HEIR)
    populate(database, targets)
    leaving = Leaving(database, AuditLog(database, 1, str.upper))
    exported = [(target.kind.value, target.id, 1 if vote == "up" else -1) for target, vote in leaving.export(LEAVER)]
    assert (len(exported), set(exported)) == (len(set(exported)), held_by(targets, LEAVER))
    codes = []
    for number, when in MOMENTS[work]:
        codes.append(run(mongod, database, number, when, work))
        assert inexact(database) == []
    assert codes == [-signal.SIGKILL] * 5
    assert run(mongod, database, 10_000, "after", work) == 0
    assert traces(database, LEAVER) == []
    assert list(leaving.export(LEAVER)) == []
    for target, votes in targets.items():
        assert votes_in(database, target) == expected(votes, LEAVER, into)
    assert [action for _, action, _ in audit(database)] == [f"voter.{work}"]
    assert [fault for _, fault, _ in verify_votes(database, repair=False) if fault] == []
    # One that was in nobody's way would keep the database from being dropped.
    abort_abandoned_transactions(database.client)
