"""Move a target's votes out of the arrays of its document, while people vote, without a transaction.

Each step is one atomic update of the target's document, whose filter names the move it belongs to:

=========  =============================================================================================
copying    the server copies the arrays into a fresh set of votes that nobody looks at yet; votes go on in
           the arrays, and each notes its voter in ``touched``; whoever is noted is copied again
sealed     votes wait for the few that are noted still: some milliseconds
moved      the set is the target's votes from now on, the arrays are empty; the counters stay as they are
=========  =============================================================================================

Killed anywhere, the move leaves a set that nobody looks at, and a document whose arrays count. A seal that stays is
broken by whoever waits for it (``votes.py``); the move then finds that it is no longer its own. A transaction would
need more: one whose process is killed holds its documents for a minute. See ``docs/decisions/0009``.
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
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import NOW, PENDING_FIELDS
from likes_api.repository.votes.vote_fields import HALVES, array, count, normalized, voters
from likes_api.repository.votes.vote_sets import OWN, SetState, state_of
from likes_api.votes import Target, TargetNotFound, Vote

# So few noted voters are copied under the seal; or it is tried with more, after so many rounds.
_FEW = 8
_ROUNDS = 10
_MANY = 2**31 - 1
# Who stands in both arrays, by a fault, is copied twice; the like is what stays.
_ARRAYS = ((Vote.DOWN, "dislikedBy"), (Vote.UP, "likedBy"))

_logger = logging.getLogger(__name__)


class Migration:
    """Move targets."""

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
        """Move a target's votes; tell whether they are moved now. Another's move that is under way is left alone.

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
        move = _Move(self._database, collection, found["_id"], id_)
        moved = False
        try:
            with deadline(timeouts.MIGRATION_SECONDS):
                moved = move.start() and move.finish()
                if moved:
                    self._mark(id_)
        except PyMongoError as error:
            _logger.warning("a move failed", extra={"collection": collection} | facts(error))
        if not moved:
            self.discard(id_)
        return moved

    def restore(self, id_: ObjectId) -> bool:
        """Name a set again in its target's document, which lost the name; return whether it is named now.

        Votes that were cast in the document's arrays meanwhile come to the set; the later vote of a voter stands.
        """
        entry = self._register.find_one({"_id": id_})
        if entry is None:
            return False
        # The document shows what these have changed, so they are not to be added once more.
        closed = {"$unset": dict.fromkeys(PENDING_FIELDS, "")}
        self._votes.update_many({"open": True, "_id.t": id_}, closed)
        move = _Move(self._database, entry["collection"], entry["target"], id_)
        move.take_earlier_back()
        if move.start() and move.finish():
            self._mark(id_)
            return True
        move.give_up()
        return False

    def _mark(self, id_: ObjectId) -> None:
        """Note that these are votes; a set without the mark may be the copy of a move that was cut off."""
        self._register.update_one({"_id": id_}, {"$set": {"moved": True}})

    def discard_left(self, id_: ObjectId) -> None:
        """Delete a set of votes if another document has the id of its target, so that they are nobody's."""
        entry = self._register.find_one({"_id": id_})
        if entry is not None and entry.get("moved") and state_of(self._database, entry) is SetState.LEFT:
            self.discard(id_)

    def discard_sets_of(self, collection: str, keys: list[Any]) -> None:
        """Delete the sets of documents that were there before those that have just been made."""
        for entry in self._register.find({"collection": collection, "target": {"$in": keys}}):
            self.discard(entry["_id"])

    def discard(self, id_: ObjectId) -> bool:
        """Give up a move, and delete its set of votes, unless they are a target's votes; tell whether it is gone."""
        entry = self._register.find_one({"_id": id_})
        if entry is not None:
            targets = collections.get(self._database, entry["collection"])
            own = {"_id": entry["target"], f"{OVERFLOW}.id": id_}
            # Whatever became of the last step of the move: after this it cannot be taken any more.
            _Move(self._database, entry["collection"], entry["target"], id_).give_up()
            if targets.find_one(own, {"_id": 1}, collation=SIMPLE) is not None:
                return False
        self._votes.delete_many({"_id.t": id_})
        self._register.delete_one({"_id": id_})
        return True


class _Move:
    """One attempt. The document and the set of votes are named by ``id_``, which no other attempt has."""

    def __init__(self, database: Database, collection: str, key: Any, id_: ObjectId) -> None:
        targets = collections.get(database, collection)
        self._targets = targets.with_options(write_concern=WriteConcern("majority"))
        # What is copied must not be rolled back by a fail-over, and the steps have to see each other.
        self._targets_majority = targets.with_options(read_concern=ReadConcern("majority"))
        self._key, self._id, self._votes = key, id_, vote_document_fields.votes_of(database)
        self._exact = collection in OWN

    def give_up(self) -> None:
        """Leave the votes in the arrays, unless they are moved."""
        unmoved = {"_id": self._key, f"{OVERFLOW}.id": self._id, f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}
        self._targets.update_one(unmoved, {"$unset": {OVERFLOW: ""}}, collation=SIMPLE)

    def take_earlier_back(self) -> None:
        """Leave those who voted in the arrays, though the set has a vote of theirs, one vote: that in the arrays."""
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
        """Begin, unless somebody else is at it or has done it; with the arrays in the documented form."""
        begin = {"$subtract": ["$$NOW", timeouts.milliseconds(timeouts.STALE_MIGRATION)]}
        stale = {"$lt": [f"${OVERFLOW}.since", begin]}
        free = [{OVERFLOW: {"$exists": False}}, {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}, "$expr": stale}]
        fields = normalized(exact=self._exact)
        filter_ = {"_id": self._key, "$or": free}
        return self._step(filter_, Form.COPYING, {"touched": []}, fields, first=[{"$unset": [OVERFLOW]}])

    def finish(self) -> bool:
        """Copy, seal, copy what is left, and switch; tell whether nobody broke the seal."""
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
            # A surplus stays. A counter that is lower than its array is a fault, which ends here.
            fields[counter] = {"$max": [count(counter), {"$size": array(name)}]}
        ahead = {"touched": "$$REMOVE", "up": 0, "down": 0, "rev": 0}
        if not self._step(self._own(Form.LOCKED), Form.MOVED, ahead, fields):
            return False
        # Those who were noted and have no vote.
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
        """Copy again those who voted since; they stand at the arrays' ends, so they come after all others.

        Who has no vote any more gets a document without one, because ``$merge`` cannot delete.
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
        """Copy on the server: not a voter comes here."""
        pipeline: list[Document] = [
            {"$match": {"_id": self._key, f"{OVERFLOW}.id": self._id}},
            {"$project": {"_id": 0, **read}},
            unwind,
            {"$project": {"_id": {"t": {"$literal": self._id}, "v": "$voter"}, **write}},
            {"$merge": {"into": self._votes.name, "whenMatched": "replace", "whenNotMatched": "insert"}},
        ]
        # With the collation of `likes_votes`: $merge takes no other.
        self._targets_majority.aggregate(pipeline, collation=SIMPLE).close()
