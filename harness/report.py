"""The report of a fault run: figures, and conditions that must hold."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.crowd import ACKNOWLEDGED, Crowd, Outcome
from harness.documents import all_faults
from harness.ledger import Key, State
from likes_api.mongodb.documents import Database
from likes_api.votes import Vote

# CONTRACTS.md: every request is answered within this, whatever the database does.
MAX_SECONDS = 3.5


@dataclass
class Report:
    """Collect lines to print, and the reasons to fail."""

    failures: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, flush=True)

    def require(self, holds: bool, line: str) -> None:
        """Print a line; the run fails where the condition does not hold."""
        print(f"{'ok  ' if holds else 'FAIL'} {line}", flush=True)
        if not holds:
            self.failures.append(line)


def held_votes(documents: Iterable[Mapping[str, object]]) -> dict[Key, State]:
    """Return each voter's vote, by the documents."""
    held: dict[Key, State] = {}
    for document in documents:
        for name, vote in (("likedBy", Vote.UP), ("dislikedBy", Vote.DOWN)):
            held |= {(voter, document["_id"]): vote for voter in document.get(name, [])}
    return held


def summarize(report: Report, crowd: Crowd, database: Database, max_seconds: float = MAX_SECONDS) -> None:
    """Compare the clients' ledgers with the database, and report how long requests took."""
    held = held_votes([*database.questions.find(), *database.likes_posts.find()])
    lost, doubled = [], []
    for client in crowd.clients:
        its_lost, its_doubled = client.ledger.lost_and_doubled(held)
        lost += its_lost
        doubled += its_doubled
    drift = all_faults(database)
    ledgers = [client.ledger for client in crowd.clients]
    outcomes = crowd.outcomes
    statuses = Counter(outcome.status for outcome in outcomes)
    report.say(
        f"     {sum(each.acknowledged for each in ledgers)} votes acknowledged; "
        f"{sum(each.uncertain for each in ledgers)} uncertain, of which a later answer resolved "
        f"{sum(each.resolved for each in ledgers)}; answers: "
        + ", ".join(f"{_NAMES.get(status, status)} {count}" for status, count in sorted(statuses.items()))
    )
    for fault in (lost + doubled + drift)[:10]:
        report.say(f"     {fault}")
    strange = [each for client in crowd.clients for each in client.strange]
    report.require(not lost, f"lost: {len(lost)}")
    report.require(not doubled, f"doubled: {len(doubled)}")
    report.require(not drift, f"drift: {len(drift)}")
    report.require(not strange, f"answers of any other status: {len(strange)} {strange[:3]}")
    sent = [outcome for outcome in outcomes if outcome.status >= 0]
    slowest = max(sent, key=lambda outcome: outcome.seconds)
    report.require(slowest.seconds <= max_seconds, f"slowest request: {slowest.seconds:.2f} s")


def without_service(outcomes: Sequence[Outcome], begin: float, end: float) -> float:
    """Return the longest time within a span in which no vote was acknowledged, in seconds."""
    moments = [each.began + each.seconds for each in outcomes if each.status in ACKNOWLEDGED]
    within = [begin, *(moment for moment in moments if begin <= moment <= end), end]
    return max(later - earlier for earlier, later in pairwise(within))


def unanswered(outcomes: Sequence[Outcome], begin: float, end: float) -> int:
    """Count requests that were sent and got no answer, of those that ended within a span."""
    return sum(each.status == 0 and begin <= each.began + each.seconds <= end for each in outcomes)


_NAMES = {-1: "not connected", 0: "unanswered"}
