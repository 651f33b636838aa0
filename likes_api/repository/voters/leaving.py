"""Let voters leave or become another: take back all their votes, or make them somebody else's, while people vote.

The work is a job in the database, stored together with its line of audit. Whoever asks for it works on it as far as the
time of a request allows, and asks again; a thread of any worker goes on with what a killed process has left. Each step
is atomic for each target and finds by itself what is left, so it may be cut off, or done by two processes at once.

A vote that the voter casts meanwhile is found as well as long as something is left; one that comes later stands.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pymongo.errors import DuplicateKeyError

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository.audit import AuditLog, Change
from likes_api.repository.voters import in_arrays
from likes_api.repository.voters.in_arrays import VotesInArrays
from likes_api.repository.voters.in_documents import VotesInDocuments
from likes_api.repository.voters.jobs import Jobs
from likes_api.repository.voters.work import JobWork, Progress
from likes_api.repository.votes import array_fields
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import votes_of
from likes_api.votes import Target, TargetKind, Vote


class OtherJob(Exception):
    """The voter's votes are being taken back, or handed over to another one; the message says so."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """The kinds of targets whose collections have to be read whole, and the indexes that these lack."""

    kinds: tuple[TargetKind, ...]
    indexes: tuple[str, ...]


class Leaving:
    """Export, erase and merge voters. Every method may raise :class:`likes_api.repository.StoreError`.

    :param qa_id_field: the field in which questions and messages carry their id.
    """

    def __init__(self, database: Database, audit: AuditLog, qa_id_field: str = "_id") -> None:
        self._database = database
        self._audit = audit
        self._qa_id_field = qa_id_field
        finder = TargetFinder(qa_id_field)
        self._arrays = VotesInArrays(database, finder)
        self._documents = VotesInDocuments(database, finder)
        self._jobs = Jobs(database)
        self.work = JobWork(database, qa_id_field)

    def lacking(self) -> Lacking:
        """Return what makes all of this slow: indexes that the host's collections lack, where these are large.

        Two round trips, and one more for each collection that lacks any.
        """
        missing = collections.missing_host_indexes(self._database, self._qa_id_field)
        large = {name for name in dict(missing) if self._is_large(name)}
        return Lacking(
            tuple(kind for kind, name in COLLECTIONS.items() if name in large),
            tuple(f"{name}.{collections.key_of(index)[0][0]}" for name, index in missing if name in large),
        )

    def _is_large(self, collection: str) -> bool:
        return collections.get(self._database, collection).estimated_document_count() > in_arrays.SCANNED

    def export(self, voter: str) -> Iterator[tuple[Target, Vote]]:
        """Yield all votes of a voter, each once. One whose target moves meanwhile is found in one of the two forms."""
        seen: set[Target] = set()
        for kind in TargetKind:
            for target, vote in self._arrays.read(kind, voter):
                seen.add(target)
                yield target, vote
        for target, vote in self._documents.read(voter):
            if target not in seen:
                yield target, vote

    def erase(self, voter: str, by: str, lacking: Lacking, seconds: float) -> Progress:
        """Take back all votes of a voter for some seconds, and delete the tokens.

        :raises OtherJob: the votes are being handed over to another voter.
        """
        change = Change(by, "voter.erase", "voter", voter)
        return self._do(change, None, lacking, seconds, lambda session: self._delete_tokens(voter, session))

    def delete_person(self, guid: str, by: str, lacking: Lacking, seconds: float) -> Progress:
        """Delete a person and the tokens, and take back the likes for some seconds.

        :raises OtherJob: as :meth:`erase`.
        """
        people = collections.get(self._database, collections.PEOPLE)

        def delete(session: Session | None) -> int:
            deleted = people.delete_one({"_id": guid}, session=session).deleted_count
            return deleted + self._delete_tokens(guid, session)

        return self._do(Change(by, "person.delete", "person", guid), None, lacking, seconds, delete)

    def merge(self, voter: str, into: str, by: str, lacking: Lacking, seconds: float) -> Progress:
        """Hand the votes of a voter over to another one for some seconds; where both voted, the other's vote stands.

        :raises OtherJob: the votes are being taken back, or handed over to somebody else, or come from that other one.
        """
        other = self._jobs.find(into)
        if other is not None and other.into == voter:
            raise OtherJob("A merge the other way round is under way")
        return self._do(Change(by, "voter.merge", "voter", voter, into), into, lacking, seconds, lambda _: 0)

    def _do(
        self,
        change: Change,
        into: str | None,
        lacking: Lacking,
        seconds: float,
        first: Callable[[Session | None], int],
    ) -> Progress:
        """Store the job, unless it is there or there is nothing to do, and work on it.

        :param first: what is deleted together with that; returns the number.
        """
        voter = change.id or ""
        is_there = self._has_job(voter, into)
        has_votes = not is_there and (bool(lacking.kinds) or self._has_votes(voter))

        def begin(session: Session | None) -> bool:
            deleted = first(session)
            if has_votes:
                self._jobs.insert(voter, into, lacking.kinds, session)
            return has_votes or deleted > 0

        try:
            self._audit.perform(change, begin)
        except DuplicateKeyError:
            self._has_job(voter, into)
        return self.work.work(voter, seconds)

    def _has_job(self, voter: str, into: str | None) -> bool:
        job = self._jobs.find(voter)
        if job is not None and job.into != into:
            raise OtherJob("Another erasure or merge of this voter is under way")
        return job is not None

    def _delete_tokens(self, person: str, session: Session | None) -> int:
        tokens = collections.get(self._database, collections.TOKENS)
        return tokens.delete_many({"person": person}, session=session).deleted_count

    def _has_votes(self, voter: str) -> bool:
        """Whether an index leads to a vote of a voter, in one round trip; or else whether a migration notes one."""
        first: list[Document] = [{"$limit": 1}, {"$project": {"_id": 1}}]
        held: list[Document] = [{"$match": array_fields.holding(voter)}, *first]
        names = [collections.name_in(self._database, name) for name in COLLECTIONS.values()]
        united = [{"$unionWith": {"coll": name, "pipeline": held}} for name in names]
        pipeline: list[Document] = [{"$match": {"_id.v": voter}}, *first, *united, {"$limit": 1}]
        with votes_of(self._database).aggregate(pipeline, collation=SIMPLE) as rows:
            if next(rows, None) is not None:
                return True
        return self._documents.is_noted(voter)
