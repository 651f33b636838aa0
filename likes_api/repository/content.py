"""Write the documents that votes hang on, as ``likes-api import`` brings them.

Every write is an upsert by id, so importing a file again changes nothing. Fields that a line does not name stay as
they are, votes among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes import array_votes
from likes_api.repository.votes.array_votes import OVERFLOW
from likes_api.repository.votes.bulk_import import Bringer, MoveTimeout
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, TargetFinder
from likes_api.votes import Target, TargetKind, TargetNotFound, Vote

USERS = "users"
PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Record:
    """One document to be there: what it is, its id and fields, and the votes it brings along."""

    kind: str
    id: str
    fields: Document = field(default_factory=dict)
    liked_by: Sequence[str] = ()
    disliked_by: Sequence[str] = ()


class ContentRepository:
    """Keep targets, users and people.

    :param qa_id_field: the field in which questions and messages carry their id.
    :param overflow_at: how many voters a target's document may hold before its votes are moved; 0: any number.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id", overflow_at: int = 0) -> None:
        self._database = database
        self._qa_id_field = qa_id_field
        self._overflow_at = overflow_at
        self._bringer = Bringer(database, TargetFinder(qa_id_field))

    def put(self, records: Sequence[Record]) -> dict[int, str]:
        """Write records, one round trip for each kind among them, and one more where they bring votes along.

        Targets that have more voters than their document may hold take many.

        :returns: the reason for each record that was refused, by its index in ``records``.
        :raises likes_api.repository.StoreError: the database is away; some records may have been written.
        """
        by_collection: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            by_collection.setdefault(_collection(record.kind), []).append(index)
        refused: dict[int, str] = {}
        for name, indexes in by_collection.items():
            try:
                self._database[name].bulk_write([self._upsert(records[index]) for index in indexes], ordered=False)
            except BulkWriteError as error:
                refused |= {indexes[each["index"]]: each["errmsg"] for each in error.details["writeErrors"]}
            voted = [index for index in indexes if index not in refused and _voters(records[index])]
            refused |= self._bring(records, voted) if voted else {}
        return refused

    def _bring(self, records: Sequence[Record], indexes: list[int]) -> dict[int, str]:
        """Bring the votes of those whose document did not take them, because they are too many or moved."""
        kind = TargetKind(records[indexes[0]].kind)
        finder = TargetFinder(self._qa_id_field)
        field_ = finder.id_field(kind)
        voters = {"$add": [{"$size": {"$ifNull": [f"${array}", []]}} for array in ("likedBy", "dislikedBy")]}
        conditions: list[Document] = [{OVERFLOW: {"$exists": True}}]
        if self._overflow_at:
            conditions.append({"$expr": {"$gt": [voters, self._overflow_at]}})
        keys = [key for index in indexes for key in finder.keys(kind, records[index].id)]
        found = self._database[COLLECTIONS[kind]].find({field_: {"$in": keys}, "$or": conditions}, {field_: 1})
        elsewhere = {each[field_] for each in found}
        refused: dict[int, str] = {}
        for index in indexes:
            record = records[index]
            if elsewhere.intersection(finder.keys(kind, record.id)) or self._is_large(record):
                try:
                    self._bringer.bring(Target(kind, record.id), _votes(record))
                except (MoveTimeout, TargetNotFound) as error:
                    refused[index] = str(error)
        return refused

    def _is_large(self, record: Record) -> bool:
        return 0 < self._overflow_at < _voters(record)

    def _upsert(self, record: Record) -> UpdateOne:
        if record.kind in COLLECTIONS:
            stage = {name: {"$literal": value} for name, value in record.fields.items()}
            none: dict[Vote, Sequence[str]] = {Vote.UP: (), Vote.DOWN: ()}
            stage |= array_votes.bring(none if self._is_large(record) else _votes(record))
            return UpdateOne(self._filter(record), [{"$set": stage}], upsert=True)
        return UpdateOne(
            self._filter(record), {"$set": record.fields} if record.fields else {"$setOnInsert": {}}, upsert=True
        )

    def _filter(self, record: Record) -> Document:
        host_owned = record.kind in HOST_OWNED or record.kind == "user"
        name = self._qa_id_field if record.kind in HOST_OWNED else "_id"
        # Host applications keep their ``_id`` as ObjectIds, which they write as 24 hex digits.
        return {
            name: ObjectId(record.id) if host_owned and name == "_id" and ObjectId.is_valid(record.id) else record.id
        }


def _voters(record: Record) -> int:
    return len(record.liked_by) + len(record.disliked_by)


def _votes(record: Record) -> dict[Vote, Sequence[str]]:
    return {Vote.UP: record.liked_by, Vote.DOWN: record.disliked_by}


def _collection(kind: str) -> str:
    return {"user": USERS, "person": PEOPLE}.get(kind) or COLLECTIONS[TargetKind(kind)]
