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
from datetime import timedelta
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes import vote_documents
from likes_api.repository.votes.array_votes import OVERFLOW, Form
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.repository.votes.vote_pipeline import NOW
from likes_api.votes import Target, TargetNotFound, Vote

# 400,000 voters, the most that a document holds, take 11 s to copy. A move that is older has lost its process.
COPY_SECONDS = 50.0
STALE = timedelta(seconds=60)
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
        self._votes = vote_documents.votes_of(database)
        self._register = collections.get(database, collections.MOVED)
        self._indexed = False

    def move(self, target: Target) -> bool:
        """Move a target's votes; tell whether they are moved now. Another's move that is under way is left alone.

        :raises TargetNotFound: there is no such target.
        """
        targets = collections.get(self._database, COLLECTIONS[target.kind])
        found = targets.find_one(self._finder.filter(target), {f"{OVERFLOW}.form": 1})
        if found is None:
            raise TargetNotFound(target)
        if found.get(OVERFLOW, {}).get("form") == Form.MOVED:
            return True
        if not self._indexed:
            collections.ensure_indexes(self._database, collections.VOTES)
            self._indexed = True
        id_ = ObjectId()
        self._register.insert_one({"_id": id_, "collection": COLLECTIONS[target.kind], "target": found["_id"]})
        move = _Move(targets, found["_id"], id_, self._votes)
        moved = False
        try:
            with deadline(COPY_SECONDS):
                moved = move.start() and move.finish()
        except PyMongoError:
            _logger.warning("a move failed", extra={"collection": targets.name}, exc_info=True)
        if not moved:
            self.discard(id_)
        return moved

    def discard(self, id_: ObjectId) -> bool:
        """Give up a move, and delete its set of votes, unless they are a target's votes; tell whether it is gone."""
        entry = self._register.find_one({"_id": id_})
        if entry is not None:
            targets = collections.get(self._database, entry["collection"])
            own = {"_id": entry["target"], f"{OVERFLOW}.id": id_}
            # Whatever became of the last step of the move: after this it cannot be taken any more.
            targets.update_one(own | {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}, {"$unset": {OVERFLOW: ""}})
            if targets.find_one(own, {"_id": 1}) is not None:
                return False
        self._votes.delete_many({"_id.t": id_})
        self._register.delete_one({"_id": id_})
        return True


class _Move:
    """One attempt. The document and the set of votes are named by ``id_``, which no other attempt has."""

    def __init__(self, targets: Collection, key: Any, id_: ObjectId, votes: Collection) -> None:
        self._targets = targets.with_options(write_concern=WriteConcern("majority"))
        # What is copied must not be rolled back by a fail-over, and the steps have to see each other.
        self._targets_majority = targets.with_options(read_concern=ReadConcern("majority"))
        self._key, self._id, self._votes = key, id_, votes

    def start(self) -> bool:
        """Begin, unless somebody else is at it or has done it."""
        stale = {"$lt": [f"${OVERFLOW}.since", {"$subtract": ["$$NOW", int(STALE.total_seconds() * 1000)]}]}
        free = [{OVERFLOW: {"$exists": False}}, {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}, "$expr": stale}]
        return self._step({"_id": self._key, "$or": free}, Form.COPYING, {"touched": []})

    def finish(self) -> bool:
        """Copy, seal, copy what is left, and switch; tell whether nobody broke the seal."""
        for vote, array in _ARRAYS:
            self._copy(
                {"voter": f"${array}"},
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
        if not self._step(self._own(Form.COPYING), Form.SEALED):
            return False
        self._copy_noted(done)
        fields: Document = {array: [] for _, array in _ARRAYS}
        for counter, array in (("upvotes", "likedBy"), ("downvotes", "dislikedBy")):
            # A surplus stays. A counter that is lower than its array is a fault, which ends here.
            voters = {"$size": {"$ifNull": [f"${array}", []]}}
            fields[counter] = {"$max": [{"$ifNull": [f"${counter}", 0]}, voters]}
        ahead = {"touched": "$$REMOVE", "up": 0, "down": 0, "rev": 0}
        if not self._step(self._own(Form.SEALED), Form.MOVED, ahead, fields):
            return False
        # Those who were noted and have no vote.
        self._votes.delete_many(vote_documents.without_vote(self._id))
        return True

    def _own(self, form: Form) -> Document:
        return {"_id": self._key, f"{OVERFLOW}.id": self._id, f"{OVERFLOW}.form": form.value}

    def _step(
        self, filter_: Document, form: Form, more: Document | None = None, fields: Document | None = None
    ) -> bool:
        state = {"id": self._id, "form": form.value, "since": "$$NOW"} | (more or {})
        return self._targets.update_one(filter_, [{"$set": {OVERFLOW: state} | (fields or {})}]).matched_count == 1

    def _noted(self) -> int:
        size = {"$size": {"$ifNull": [f"${OVERFLOW}.touched", []]}}
        found = self._targets_majority.aggregate([{"$match": self._own(Form.COPYING)}, {"$project": {"size": size}}])
        return sum(each["size"] for each in found)

    def _copy_noted(self, begin: int) -> None:
        """Copy again those who voted since; they stand at the arrays' ends, so they come after all others.

        Who has no vote any more gets a document without one, because ``$merge`` cannot delete.
        """
        noted = {"$slice": [f"${OVERFLOW}.touched", begin, _MANY]}
        arrays = {vote.value: {"$ifNull": [f"${array}", []]} for vote, array in _ARRAYS}
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
        self._targets_majority.aggregate(pipeline).close()
