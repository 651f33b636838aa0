"""The stored work of voters who leave or become another, so that any process goes on with it where one was killed.

A job is ``{_id: voter, into: voter or null, scans: {kind: place}, claimed: time}``, and is deleted with its end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pymongo import ReturnDocument

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository.votes.vote_fields import milliseconds_ago
from likes_api.votes import TargetKind


@dataclass(slots=True)
class Job:
    """What is to be done with a voter's votes.

    :param into: who gets them; ``None``: they are taken back.
    :param scans: the kinds of targets that no index leads to, and where the scan of each goes on; ``None`` at its end.
    """

    voter: str
    into: str | None
    scans: dict[TargetKind, Document | None] = field(default_factory=dict)


class Jobs:
    """Keep the jobs. A claim keeps other processes from the same work; two that do it all the same do no harm."""

    def __init__(self, database: Database) -> None:
        self._jobs = collections.get(database, collections.VOTER_JOBS)

    def find(self, voter: str) -> Job | None:
        """Return a voter's job."""
        return _job(self._jobs.find_one({"_id": voter}))

    def insert(self, voter: str, into: str | None, scans: Iterable[TargetKind], session: Session | None) -> None:
        """Store a job.

        :raises pymongo.errors.DuplicateKeyError: the voter has one.
        """
        self._jobs.insert_one(
            {"_id": voter, "into": into, "scans": {kind.value: {} for kind in scans}}, session=session
        )

    def claim(self, voter: str | None = None) -> Job | None:
        """Claim a job, of anybody by default, that no process works on."""
        free = [{"claimed": None}, {"$expr": {"$lt": ["$claimed", milliseconds_ago(timeouts.VOTER_JOB_CLAIM_SECONDS)]}}]
        match: Document = {"$or": free} if voter is None else {"_id": voter, "$or": free}
        claimed = [{"$set": {"claimed": "$$NOW"}}]
        return _job(self._jobs.find_one_and_update(match, claimed, return_document=ReturnDocument.AFTER))

    def keep(self, job: Job) -> None:
        """Store where the scans are, and hold the claim."""
        scans = {kind.value: {"$literal": place} for kind, place in job.scans.items()}
        # A stage of its own: `$set` would merge an object with the one before.
        stages: list[Document] = [
            {"$unset": "scans"},
            {"$set": {"scans": scans or {"$literal": {}}, "claimed": "$$NOW"}},
        ]
        self._jobs.update_one({"_id": job.voter}, stages)

    def release(self, job: Job) -> None:
        """Let others claim the job."""
        self._jobs.update_one({"_id": job.voter}, {"$unset": {"claimed": ""}})

    def delete(self, job: Job) -> None:
        """Delete a job whose work is done."""
        self._jobs.delete_one({"_id": job.voter})


def _job(found: Document | None) -> Job | None:
    if found is None:
        return None
    return Job(found["_id"], found["into"], {TargetKind(kind): place for kind, place in found["scans"].items()})
