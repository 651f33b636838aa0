"""Move a target's votes out of the arrays of its document, while people vote, without a transaction.

Each step is one atomic update of the target's document, whose filter names the move it belongs to:

=========  =============================================================================================
copying    the server copies the arrays into a new set of votes that nothing reads yet; votes go on in the
           arrays, and each records its voter in ``touched``; the votes of these voters are copied again
locked     votes wait until the last of these voters are copied: some milliseconds; stored as ``sealed``
moved      the set holds the target's votes from now on, the arrays are empty; the counters stay
=========  =============================================================================================

A migration that is killed at any moment leaves a set that nothing reads, and a document whose arrays count. A vote that
waits too long for a lock removes it (``array_votes.py``), and the migration that made it ends in vain. A transaction
would be worse: it holds its documents for a minute when its process is killed. See ``docs/decisions/0009``.
"""

import logging
from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database, Document
from likes_api.mongodb.failures import facts
from likes_api.repository.votes import vote_document_fields
from likes_api.repository.votes.array_fields import OVERFLOW, Form
from likes_api.repository.votes.consistency.vote_sets import OWN, SetState, state_of
from likes_api.repository.votes.targets import COLLECTIONS, KINDS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import NOW, PENDING_FIELDS, on_target
from likes_api.repository.votes.vote_fields import HALVES, array, count, normalized, voters
from likes_api.votes import Target, TargetNotFound, Vote

# At most so many voters are left to copy while the target is locked; or more, after so many rounds.
_FEW = 8
_ROUNDS = 10
_MANY = 2**31 - 1
# A voter in both arrays, by a fault, is copied twice; the like stays.
_ARRAYS = ((Vote.DOWN, "dislikedBy"), (Vote.UP, "likedBy"))

_logger = logging.getLogger(__name__)


class Migration:
    """Move the votes of targets out of their documents."""

    def __init__(self, database: Database, finder: TargetFinder) -> None:
        self._database = database
        self._finder = finder
        self._votes = vote_document_fields.votes_of(database)
        self._register = collections.get(database, collections.MOVED)
        self._indexed = False

    def voters(self, target: Target) -> int:
        """Count the voters in the arrays of a target's document; its counters may be higher.

        :raises TargetNotFound: there is no such target.
        """
        size = {"$add": [{"$size": array(name)} for _, name, _ in HALVES]}
        match = {"$match": self._finder.filter(target)}
        pipeline: list[Document] = [match, {"$limit": 1}, {"$project": {"size": size}}]
        targets = collections.get(self._database, COLLECTIONS[target.kind])
        for found in targets.aggregate(pipeline, collation=SIMPLE):
            return int(found["size"])
        raise TargetNotFound(target)

    def move(self, target: Target) -> bool:
        """Move a target's votes; return whether they are moved now. A migration by another process is left alone.

        :raises TargetNotFound: there is no such target.
        """
        collection = COLLECTIONS[target.kind]
        targets = collections.get(self._database, collection)
        found = targets.find_one(self._finder.filter(target), {f"{OVERFLOW}.form": 1}, collation=SIMPLE)
        if found is None:
            raise TargetNotFound(target)
        state = found.get(OVERFLOW)
        if isinstance(state, dict) and state.get("form") == Form.MOVED:
            return True
        if not self._indexed:
            collections.ensure_indexes(self._database, collections.VOTES)
            self._indexed = True
        id_ = ObjectId()
        self._register.insert_one({"_id": id_, "collection": collection, "target": found["_id"]})
        move = self._attempt(collection, found["_id"], id_)
        moved = False
        try:
            with deadline(timeouts.MIGRATION_SECONDS):
                moved = move.start() and move.finish()
                if moved:
                    self._mark(id_, named=self._finder.path(target.kind))
        except PyMongoError as error:
            _logger.warning("a move failed", extra={"collection": collection} | facts(error))
        if not moved:
            self.discard(id_)
        return moved

    def restore(self, id_: ObjectId) -> bool:
        """Write a set's id again into its target's document, which lost it; return whether it is there now.

        Votes that were cast in the document's arrays meanwhile are added to the set; a voter's later vote stands.
        """
        entry = self._register.find_one({"_id": id_})
        if entry is None:
            return False
        # The document's counters include these votes, so they must not be added once more.
        closed = {"$unset": dict.fromkeys(PENDING_FIELDS, "")}
        self._votes.update_many({"open": True, "_id.t": id_}, closed)
        move = self._attempt(entry["collection"], entry["target"], id_)
        move.take_earlier_back()
        if move.start() and move.finish():
            self._mark(id_)
            return True
        move.give_up()
        return False

    def _attempt(self, collection: str, key: Any, id_: ObjectId) -> "_Move":
        return _Move(self._database, collection, self._finder.path(KINDS[collection]), key, id_)

    def _mark(self, id_: ObjectId, **more: str) -> None:
        """Mark a set as moved; one without the mark may be the copy of a migration that was cut off.

        :param more: ``named``, the path by which all of its votes name the target (``backfill.py``).
        """
        self._register.update_one({"_id": id_}, {"$set": {"moved": True, **more}})

    def discard_left(self, id_: ObjectId) -> None:
        """Delete a set of votes if another document has the id of its target now, so that they have no target."""
        entry = self._register.find_one({"_id": id_})
        if entry is not None and entry.get("moved") and state_of(self._database, entry) is SetState.LEFT:
            self.discard(id_)

    def discard_sets_of(self, collection: str, keys: list[Any]) -> None:
        """Delete the sets of documents that were there before those that have just been made."""
        for entry in self._register.find({"collection": collection, "target": {"$in": keys}}):
            self.discard(entry["_id"])

    def discard(self, id_: ObjectId) -> bool:
        """Abandon a migration, and delete its set unless it holds a target's votes; return whether it is deleted."""
        entry = self._register.find_one({"_id": id_})
        if entry is not None:
            targets = collections.get(self._database, entry["collection"])
            own = {"_id": entry["target"], f"{OVERFLOW}.id": id_}
            # After this the migration cannot take its last step any more, whatever its process does.
            self._attempt(entry["collection"], entry["target"], id_).give_up()
            if targets.find_one(own, {"_id": 1}, collation=SIMPLE) is not None:
                return False
        self._votes.delete_many({"_id.t": id_})
        self._register.delete_one({"_id": id_})
        return True


class _Move:
    """One attempt at a migration. ``id_`` is its own: it names the attempt in the document, and the set of votes."""

    def __init__(self, database: Database, collection: str, path: str, key: Any, id_: ObjectId) -> None:
        targets = collections.get(database, collection)
        self._targets = targets.with_options(write_concern=WriteConcern("majority"))
        # A fail-over must not roll back what is copied, and each step must read the writes of those before.
        self._targets_majority = targets.with_options(read_concern=ReadConcern("majority"))
        self._key, self._id, self._votes = key, id_, vote_document_fields.votes_of(database)
        self._exact = collection in OWN
        self._path, self._field = path, path.partition(".")[2]

    def give_up(self) -> None:
        """Leave the votes in the arrays, unless they are moved."""
        unmoved = {"_id": self._key, f"{OVERFLOW}.id": self._id, f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}
        self._targets.update_one(unmoved, {"$unset": {OVERFLOW: ""}}, collation=SIMPLE)

    def take_earlier_back(self) -> None:
        """Delete from the set the votes of voters who have voted in the arrays since."""
        unnamed: Document = {"_id": self._key, OVERFLOW: {"$exists": False}}
        names = {name: {"$map": {"input": voters(name), "in": "$$this"}} for _, name, _ in HALVES}
        for found in self._targets.aggregate([{"$match": unnamed}, {"$project": names}], collation=SIMPLE):
            ids = [vote_document_fields.key(self._id, voter) for _, name, _ in HALVES for voter in found[name]]
            earlier = list(self._votes.find({"_id": {"$in": ids}}, {"vote": 1}))
            fields: Document = {}
            for vote, name, counter in HALVES:
                counted = sum(each.get("vote") == vote for each in earlier)
                fields[counter] = {"$max": [{"$subtract": [count(counter), counted]}, {"$size": array(name)}]}
            self._targets.update_one(unnamed, [{"$set": fields}], collation=SIMPLE)
            self._votes.delete_many({"_id": {"$in": [each["_id"] for each in earlier]}})

    def start(self) -> bool:
        """Start copying, with the arrays in the documented form, unless another attempt is under way or has ended."""
        begin = {"$subtract": ["$$NOW", timeouts.milliseconds(timeouts.STALE_MIGRATION)]}
        stale = {"$lt": [f"${OVERFLOW}.since", begin]}
        free = [{OVERFLOW: {"$exists": False}}, {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}, "$expr": stale}]
        fields = normalized(exact=self._exact)
        filter_ = {"_id": self._key, "$or": free}
        return self._step(filter_, Form.COPYING, {"touched": []}, fields, first=[{"$unset": [OVERFLOW]}])

    def finish(self) -> bool:
        """Copy, lock, copy the rest, and switch; return whether the lock was still there."""
        for vote, name in _ARRAYS:
            self._copy(
                {"voter": f"${name}"},
                {"$unwind": {"path": "$voter", "includeArrayIndex": "place"}},
                {"vote": {"$literal": vote.value}, "place": "$place"},
            )
        done = 0
        for _ in range(_ROUNDS):
            noted = self._noted()
            if noted - done <= _FEW:
                break
            self._copy_noted(done)
            done = noted
        if not self._step(self._own(Form.COPYING), Form.LOCKED):
            return False
        self._copy_noted(done)
        fields: Document = {name: [] for _, name in _ARRAYS}
        for _, name, counter in HALVES:
            # A host's surplus stays. A counter that is lower than its array is a fault, which this repairs.
            fields[counter] = {"$max": [count(counter), {"$size": array(name)}]}
        ahead = {"touched": "$$REMOVE", "up": 0, "down": 0, "rev": 0}
        if not self._step(self._own(Form.LOCKED), Form.MOVED, ahead, fields):
            return False
        # Of voters who took their vote back meanwhile.
        self._votes.delete_many(vote_document_fields.without_vote(self._id))
        return True

    def _own(self, form: Form) -> Document:
        return {"_id": self._key, f"{OVERFLOW}.id": self._id, f"{OVERFLOW}.form": form.value}

    def _step(
        self,
        filter_: Document,
        form: Form,
        more: Document | None = None,
        fields: Document | None = None,
        first: Sequence[Document] = (),
    ) -> bool:
        state = {"id": self._id, "form": form.value, "since": "$$NOW"} | (more or {})
        stages = [*first, {"$set": {OVERFLOW: state} | (fields or {})}]
        return self._targets.update_one(filter_, stages, collation=SIMPLE).matched_count == 1

    def _noted(self) -> int:
        size = {"$size": {"$ifNull": [f"${OVERFLOW}.touched", []]}}
        pipeline = [{"$match": self._own(Form.COPYING)}, {"$project": {"size": size}}]
        found = self._targets_majority.aggregate(pipeline, collation=SIMPLE)
        return sum(each["size"] for each in found)

    def _copy_noted(self, begin: int) -> None:
        """Copy again the voters who voted since; they are at the arrays' ends, so they come after all others.

        A voter without a vote gets a document without one, because ``$merge`` cannot delete.
        """
        noted = {"$slice": [f"${OVERFLOW}.touched", begin, _MANY]}
        arrays = {vote.value: array(name) for vote, name in _ARRAYS}
        vote: Any = "$$REMOVE"
        place: Any = "$$REMOVE"
        for each, _ in _ARRAYS:
            stands = {"$in": ["$voter", f"${each.value}"]}
            vote = {"$cond": [stands, each.value, vote]}
            place = {"$cond": [stands, {"$add": [NOW, {"$indexOfArray": [f"${each.value}", "$voter"]}]}, place]}
        self._copy(
            {"voter": {"$setUnion": [noted, []]}, **arrays}, {"$unwind": "$voter"}, {"vote": vote, "place": place}
        )

    def _copy(self, read: Document, unwind: Document, write: Document) -> None:
        """Copy on the server, without a transfer of voters to this process."""
        target = on_target({"$literal": self._path}, "$key")
        pipeline: list[Document] = [
            {"$match": {"_id": self._key, f"{OVERFLOW}.id": self._id}},
            {"$project": {"_id": 0, "key": f"${self._field}", **read}},
            unwind,
            {"$project": {"_id": {"t": {"$literal": self._id}, "v": "$voter"}, **target, **write}},
            {"$merge": {"into": self._votes.name, "whenMatched": "replace", "whenNotMatched": "insert"}},
        ]
        # $merge requires the collation of `likes_votes`.
        self._targets_majority.aggregate(pipeline, collation=SIMPLE).close()
