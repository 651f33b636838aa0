"""Import a target's votes: into its document, or into vote documents where there are more than it should hold.

One line of an import may hold a million voters.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne, WriteConcern
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.capabilities import has_transactions
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository.votes import vote_document_fields
from likes_api.repository.votes.array_fields import OVERFLOW, Form
from likes_api.repository.votes.maintenance.compaction import Compaction, Moved
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import key, on_target, votes_of
from likes_api.repository.votes.vote_fields import HALVES, array, count, integer, plus
from likes_api.votes import Change, Target, Vote

_CHUNK = 2_000
_COUNTERS = {vote: counter for vote, _, counter in HALVES}


class MoveFailed(Exception):
    """A target's votes cannot be moved out of its document, or not now."""


def into_arrays(voters: Mapping[Vote, Sequence[str]]) -> list[Document]:
    """Make the stages that add the votes of those who have none yet, in order, to the arrays of a target's document.

    Applied again, they change nothing. A target that is moved, or being moved, stays as it is. Each voter is named
    once, so that as many as a document holds fit into a command; and is looked up in a set: with ``$in``, which scans
    the array from its start, importing 250,000 voters again would take the server hours.
    """
    arrays = {name: {"$ifNull": [f"${name}", []]} for _, name, _ in HALVES}
    if not any(voters.values()):
        counters = {counter: {"$ifNull": [f"${counter}", {"$size": array(name)}]} for _, name, counter in HALVES}
        return [_where_in_arrays(arrays | counters)]
    # The result keeps the order of its first operand: tried with several thousand voters on MongoDB 6.0.5.
    present = {"$setUnion": list(arrays.values())}
    extended = {
        name: {"$concatArrays": [arrays[name], {"$setDifference": [{"$literal": list(voters.get(vote, ()))}, present]}]}
        for vote, name, _ in HALVES
    }
    sizes = {counter: {"$size": arrays[name]} for _, name, counter in HALVES}
    # First what a counter has that its array has not, last the sum: so the voters are named once.
    surplus: Document = {
        counter: {"$subtract": [{"$max": [count(counter), size]}, size]} for counter, size in sizes.items()
    }
    totals: Document = {counter: {"$add": [f"${counter}", {"$size": f"${name}"}]} for _, name, counter in HALVES}
    return [_where_in_arrays(stage) for stage in (surplus, extended, totals)]


class BulkImport:
    """Add votes to the vote documents of targets, after the migration of those that are not moved yet."""

    def __init__(self, database: Database, finder: TargetFinder) -> None:
        self._database = database
        self._finder = finder
        self._votes = votes_of(database)
        self._migration = Migration(database, finder)
        self._compaction = Compaction(database)

    def add(self, target: Target, voters: Mapping[Vote, Sequence[str]]) -> None:
        """Add the votes of those who have none yet, in order; whoever voted here already keeps that vote.

        The count is exact after each chunk, and a repetition changes nothing, so an import may be cut off and repeated.

        :raises MoveFailed: the target could not be moved, or this MongoDB has no transactions.
        """
        id_, key_ = self._moved(target)
        moved = self._compaction.find(id_)
        if moved is None:
            raise MoveFailed(f"{target.kind} {target.id} has been deleted meanwhile")
        begin = time.time_ns() // 1000
        on = on_target(self._finder.path(target.kind), key_)
        for chunk in _chunks(id_, on, voters, begin):
            with self._database.client.start_session() as session:
                add = partial(self._add, id_, moved, chunk)
                session.with_transaction(add, ReadConcern("snapshot"), WriteConcern("majority"))

    def _moved(self, target: Target) -> tuple[ObjectId, Any]:
        """Move a target's votes; return its set of votes, and its id as it is stored."""
        if not has_transactions(self._database):
            raise MoveFailed("its votes are in documents of their own, which takes a replica set")
        deadline = time.monotonic() + timeouts.IMPORT_MIGRATION_SECONDS
        while not self._migration.move(target):
            if time.monotonic() > deadline:
                raise MoveFailed(f"{target.kind} {target.id} is being moved by another process")
            time.sleep(timeouts.IMPORT_POLL_SECONDS)
        field = self._finder.id_field(target.kind)
        filter_ = self._finder.filter(target) | {f"{OVERFLOW}.form": Form.MOVED.value}
        targets = collections.get(self._database, COLLECTIONS[target.kind])
        found = targets.find_one(filter_, {OVERFLOW: 1, field: 1}, collation=SIMPLE)
        if found is None:
            raise MoveFailed(f"{target.kind} {target.id} has been deleted meanwhile")
        return found[OVERFLOW]["id"], found[field]

    def _add(self, id_: ObjectId, moved: Moved, documents: list[Document], session: Session) -> None:
        """Insert votes and count them in the target's document, in one transaction.

        So no vote is ever pending. The index of pending votes would keep the deleted keys of a whole import until the
        next checkpoints, and every count on this target would step over them (``docs/decisions/0009``).
        """
        chunk = {each["_id"]["v"]: each for each in reversed(documents)}
        ids = [each["_id"] for each in chunk.values()]
        held = {
            each["_id"]["v"]: each for each in self._votes.find({"_id": {"$in": ids}}, {"vote": 1}, session=session)
        }
        fresh = [each for voter, each in chunk.items() if voter not in held]
        # The document of a voter whose take-back is not compacted yet has no vote.
        without = [
            UpdateOne(each | {"vote": None}, _cast(chunk[voter]))
            for voter, each in held.items()
            if each.get("vote") is None
        ]
        if without:
            self._votes.bulk_write(without, ordered=False, session=session)
        if not fresh:
            return
        self._votes.insert_many(fresh, session=session)
        steps = Counter(_COUNTERS[Vote(each["vote"])] for each in fresh)
        targets = collections.get(self._database, moved.collection)
        counts: Document = {counter: plus(counter, step) for counter, step in steps.items()}
        counts[f"{OVERFLOW}.rev"] = {"$add": [integer(f"{OVERFLOW}.rev"), 1]}
        counted = targets.update_one({"_id": moved.key, f"{OVERFLOW}.id": id_}, [{"$set": counts}], session=session)
        if not counted.matched_count:
            raise MoveFailed("the target has been deleted meanwhile")


def _chunks(id_: ObjectId, on: Document, voters: Mapping[Vote, Sequence[str]], begin: int) -> Iterator[list[Document]]:
    documents = (
        {
            "_id": key(id_, voter),
            "vote": vote.value,
            "place": begin + index,
            **on,
        }
        for vote in Vote
        for index, voter in enumerate(voters[vote])
    )
    while chunk := list(islice(documents, _CHUNK)):
        yield chunk


def _cast(document: Document) -> list[Document]:
    return vote_document_fields.cast(Change(Vote(document["vote"])), on_target(document["field"], document["key"]))


def _where_in_arrays(fields: Document) -> Document:
    elsewhere = {"$ne": [{"$type": f"${OVERFLOW}"}, "missing"]}
    return {"$set": {name: {"$cond": [elsewhere, f"${name}", value]} for name, value in fields.items()}}
