"""Bring votes along to targets that hold more of them than a document should: a million in one line, if need be."""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes import vote_pipeline
from likes_api.repository.votes.array_votes import OVERFLOW, Form
from likes_api.repository.votes.compaction import Compaction
from likes_api.repository.votes.migration import Migration
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.repository.votes.vote_documents import key, votes_of
from likes_api.votes import Change, Target, Vote

_CHUNK = 2_000
_DUPLICATE_KEY = 11000
_POLL_SECONDS = 0.1
_MOVE_SECONDS = 120.0


class MoveTimeout(Exception):
    """A target is being moved by somebody else, for minutes."""


class Bringer:
    """Add votes to moved targets, moving them first where they are not."""

    def __init__(self, database: Database, finder: TargetFinder) -> None:
        self._database = database
        self._finder = finder
        self._votes = votes_of(database)
        self._migration = Migration(database, finder)
        self._compaction = Compaction(database)

    def bring(self, target: Target, voters: Mapping[Vote, Sequence[str]]) -> None:
        """Add the votes of those who have none yet, in order; whoever voted here already keeps that vote.

        The count is exact after each chunk, and doing it all again changes nothing: so it may be cut off and repeated.

        :raises MoveTimeout: the target could not be moved.
        """
        id_ = self._moved(target)
        moved = self._compaction.find(id_)
        begin = time.time_ns() // 1000
        for chunk in _chunks(id_, voters, begin):
            self._insert(chunk)
            if moved is not None:
                self._compaction.show(id_, moved)
                # Where a server is running, it may compact the same votes; what is left is compacted there.
                self._compaction.compact(id_, moved, _CHUNK)

    def _moved(self, target: Target) -> ObjectId:
        deadline = time.monotonic() + _MOVE_SECONDS
        while not self._migration.move(target):
            if time.monotonic() > deadline:
                raise MoveTimeout(f"{target.kind} {target.id} is being moved by another process")
            time.sleep(_POLL_SECONDS)
        filter_ = self._finder.filter(target) | {f"{OVERFLOW}.form": Form.MOVED.value}
        found = self._database[COLLECTIONS[target.kind]].find_one(filter_, {OVERFLOW: 1})
        if found is None:
            raise MoveTimeout(f"{target.kind} {target.id} has been deleted meanwhile")
        id_: ObjectId = found[OVERFLOW]["id"]
        return id_

    def _insert(self, documents: list[Document]) -> None:
        try:
            self._votes.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            faults = error.details["writeErrors"]
            if any(fault["code"] != _DUPLICATE_KEY for fault in faults):
                raise
            # They have a document. Only who has taken back a vote that is not compacted yet has one without a vote.
            known = {documents[fault["index"]]["_id"]["v"]: documents[fault["index"]] for fault in faults}
            ids = [each["_id"] for each in known.values()]
            without = [
                UpdateOne(each | {"vote": None}, vote_pipeline.cast(Change(Vote(known[each["_id"]["v"]]["vote"]))))
                for each in self._votes.find({"_id": {"$in": ids}, "vote": None}, {"vote": 1})
            ]
            if without:
                self._votes.bulk_write(without, ordered=False)


def _chunks(id_: ObjectId, voters: Mapping[Vote, Sequence[str]], begin: int) -> Iterator[list[Document]]:
    documents = (
        {
            "_id": key(id_, voter),
            "vote": vote.value,
            "place": begin + index,
            "open": True,
            "up": int(vote is Vote.UP),
            "down": int(vote is Vote.DOWN),
        }
        for vote in Vote
        for index, voter in enumerate(voters[vote])
    )
    while chunk := list(islice(documents, _CHUNK)):
        yield chunk
