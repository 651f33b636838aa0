"""Write the documents that votes hang on, as ``likes-api import`` brings them.

Every write is an upsert by id, so importing a file again changes nothing. Fields that a line does not name stay as
they are, votes among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from likes_api.repository import update_pipeline
from likes_api.repository.documents import Database, Document
from likes_api.repository.targets import COLLECTIONS, HOST_OWNED
from likes_api.votes import TargetKind, Vote

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
    """

    def __init__(self, database: Database, qa_id_field: str = "_id") -> None:
        self._database = database
        self._qa_id_field = qa_id_field

    def put(self, records: Sequence[Record]) -> dict[int, str]:
        """Write records, one round trip for each kind among them.

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
        return refused

    def _upsert(self, record: Record) -> UpdateOne:
        if record.kind in COLLECTIONS:
            stage = {name: {"$literal": value} for name, value in record.fields.items()}
            stage |= update_pipeline.bring({Vote.UP: record.liked_by, Vote.DOWN: record.disliked_by})
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


def _collection(kind: str) -> str:
    return {"user": USERS, "person": PEOPLE}.get(kind) or COLLECTIONS[TargetKind(kind)]
