"""The heart: one conditional update per vote on the documented fields, and the counts that update returns.

A target's document carries ``upvotes``, ``downvotes`` (integers) and ``likedBy``, ``dislikedBy`` (arrays of strings),
as the Q&A document ("Database Storage") has it. A vote is a single ``findAndModify`` on that document. MongoDB applies
it atomically, so counter and array move together, and a driver's retry of it is applied once (retryable writes).

Why one pipeline update and not a chain of add, remove and switch updates: see ``docs/decisions/0002``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from likes_api.repository import update_pipeline
from likes_api.repository.documents import Collection, Database, Document
from likes_api.votes import Tally, Target, TargetKind, TargetNotFound, Vote

COLLECTIONS: Mapping[TargetKind, str] = {
    TargetKind.QUESTION: "questions",
    TargetKind.MESSAGE: "messages",
    TargetKind.ENTRY: "entries",
    TargetKind.POST: "posts",
    TargetKind.COMMENT: "comments",
}
HOST_OWNED = frozenset({TargetKind.QUESTION, TargetKind.MESSAGE})


class VoteRepository:
    """Keep votes on targets, for all contracts.

    :param qa_id_field: the field in which questions and messages, the host application's documents, carry their id.

    Every method may raise :class:`likes_api.repository.StoreError`.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id") -> None:
        self._database = database
        self._qa_id_field = qa_id_field

    def toggle(self, target: Target, voter: str, vote: Vote) -> Tally:
        """Add ``vote``, take it back where it stands already, or switch from the other one.

        One round trip, whatever the state: the update itself decides.

        :raises TargetNotFound: there is no such target.
        """
        return self._change(target, voter, self._filter(target), update_pipeline.toggle(voter, vote))

    def set(self, target: Target, voter: str, vote: Vote) -> tuple[Tally, bool]:
        """Make ``vote`` the voter's vote; tell the tally and whether that changed anything.

        One round trip where it changes something. Otherwise the filter matched nothing, and a second one, a read,
        tells "voted so already" from "no such target".

        :raises TargetNotFound: there is no such target.
        """
        mine = "likedBy" if vote is Vote.UP else "dislikedBy"
        return self._change_if(target, voter, {mine: {"$ne": voter}}, update_pipeline.put(voter, vote))

    def clear(self, target: Target, voter: str, only: Vote | None = None) -> tuple[Tally, bool]:
        """Take back whatever the voter voted; tell the tally and whether that changed anything.

        Round trips as for :meth:`set`.

        :param only: take back this vote alone; the other one stays.
        :raises TargetNotFound: there is no such target.
        """
        arrays = {Vote.UP: "likedBy", Vote.DOWN: "dislikedBy"}
        voted = {"$or": [{array: voter} for vote, array in arrays.items() if only in (None, vote)]}
        return self._change_if(target, voter, voted, update_pipeline.put(voter, None))

    def tally(self, target: Target, voter: str | None = None) -> Tally:
        """Read a target's counts, and ``voter``'s own vote, in one round trip.

        :raises TargetNotFound: there is no such target.
        """
        for tally in self.tallies(target.kind, [target.id], voter).values():
            return tally
        raise TargetNotFound(target)

    def tallies(self, kind: TargetKind, ids: Iterable[str], voter: str | None = None) -> dict[str, Tally]:
        """Read many targets of one kind in one round trip; ids that do not exist are left out.

        An aggregation, because the voter's place in the arrays is worked out by the server: the arrays stay there.
        """
        field = self._id_field(kind)
        keys = {key: id_ for id_ in ids for key in self._keys(kind, id_)}
        pipeline = [
            {"$match": {field: {"$in": list(keys)}}},
            {"$project": {"_id": 0, "key": f"${field}", **_fields(kind, voter)}},
        ]
        # Room for all in the first batch (of 101 by default), and for one more, or the server would not know the end.
        found = self._collection(kind).aggregate(pipeline, batchSize=len(keys) + 1)
        return {keys[each["key"]]: _tally(each) for each in found}

    def _change(self, target: Target, voter: str, filter_: Document, pipeline: list[Document]) -> Tally:
        found = self._collection(target.kind).find_one_and_update(
            filter_,
            pipeline,
            projection=_fields(target.kind, voter),
            return_document=ReturnDocument.AFTER,
        )
        if found is None:
            raise TargetNotFound(target)
        return _tally(found)

    def _change_if(
        self, target: Target, voter: str, condition: Document, pipeline: list[Document]
    ) -> tuple[Tally, bool]:
        try:
            return self._change(target, voter, self._filter(target) | condition, pipeline), True
        except TargetNotFound:
            return self.tally(target, voter), False

    def _collection(self, kind: TargetKind) -> Collection:
        return self._database[COLLECTIONS[kind]]

    def _id_field(self, kind: TargetKind) -> str:
        return self._qa_id_field if kind in HOST_OWNED else "_id"

    def _filter(self, target: Target) -> Document:
        keys = self._keys(target.kind, target.id)
        return {self._id_field(target.kind): keys[0] if len(keys) == 1 else {"$in": keys}}

    def _keys(self, kind: TargetKind, id_: str) -> list[str | ObjectId]:
        """List the values under which a document with this id may be stored.

        A host's ``_id`` is often an ObjectId, which clients write as 24 hex digits.
        """
        if kind in HOST_OWNED and self._qa_id_field == "_id" and ObjectId.is_valid(id_):
            return [id_, ObjectId(id_)]
        return [id_]


def _fields(kind: TargetKind, voter: str | None) -> Document:
    # Only an entry's boost is ours; in a host's documents a field of that name may mean anything.
    return update_pipeline.tally_fields(voter) | ({"boost": 1} if kind is TargetKind.ENTRY else {})


def _tally(found: Mapping[str, Any]) -> Tally:
    own = Vote.UP if found["liked"] else Vote.DOWN if found["downvoted"] else None
    return Tally(max(0, int(found["upvotes"])), max(0, int(found["downvotes"])), own, int(found.get("boost") or 0))
