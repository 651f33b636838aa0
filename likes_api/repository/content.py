"""Write the targets of votes, users and people, as ``likes-api import`` reads them.

Every write is an upsert by id, so importing a file again changes nothing. Fields that a line does not name stay as
they are, votes among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bson.errors import BSONError
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from likes_api.mongodb import collections
from likes_api.mongodb.capabilities import has_transactions
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes import vote_fields
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.bulk_import import BulkImport, MoveFailed, into_arrays
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, SIMPLE, TargetFinder, any_of, host_keys
from likes_api.votes import Target, TargetKind, TargetNotFound, Vote

_TOO_LARGE = "it takes more than the 16 MB that a document may hold"
# The server's codes for a command, and for an updated document, of more than 16 MB.
_TOO_LARGE_CODES = frozenset({10334, 17419, 17420})
# ... and for arithmetic on something else than an array.
_NO_ARRAY_CODES = frozenset({17043, 17048, 17049, 17124, 28664})


@dataclass(frozen=True, slots=True)
class Record:
    """One document to be written: its kind, its id and fields, and the votes that come with it."""

    kind: str
    id: str
    fields: Document = field(default_factory=dict)
    liked_by: Sequence[str] = ()
    disliked_by: Sequence[str] = ()


class ContentRepository:
    """Keep targets, users and people.

    :param qa_id_field: the field in which questions and messages carry their id.
    :param overflow_at: how many voters a target's document may hold before its votes are moved; 0: any number.
    :param qa_overflow_at: the same for questions and messages, the host's documents.
    """

    def __init__(
        self, database: Database, qa_id_field: str = "_id", overflow_at: int = 0, qa_overflow_at: int = 0
    ) -> None:
        self._database = database
        self._finder = TargetFinder(qa_id_field)
        self._overflow_at = {kind: qa_overflow_at if kind in HOST_OWNED else overflow_at for kind in TargetKind}
        self._bulk_import = BulkImport(database, self._finder)
        self._migration = Migration(database, self._finder)

    def put(self, records: Sequence[Record]) -> dict[int, str]:
        """Write records, one round trip for each kind among them, and one more where they have votes.

        Targets that have more voters than their document may hold take many, and so do records that cannot be stored.

        :returns: the reason for each record that was refused, by its index in ``records``.
        :raises likes_api.repository.StoreError: the database is unavailable; some records may have been written.
        """
        by_kind: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            by_kind.setdefault(record.kind, []).append(index)
        refused: dict[int, str] = {}
        for kind, indexes in by_kind.items():
            refused |= self._write(collection_of(kind), {index: records[index] for index in indexes})
            voted = [index for index in indexes if index not in refused and _voters(records[index])]
            refused |= self._import_votes(records, voted) if voted else {}
        return refused

    def _write(self, collection: str, records: Mapping[int, Record]) -> dict[int, str]:
        """Write records of one collection; each by itself where one makes the whole command fail."""
        indexes = list(records)
        refused: dict[int, str] = {}
        done: Mapping[str, Any]
        try:
            upserts = [self._upsert(each) for each in records.values()]
            done = collections.get(self._database, collection).bulk_write(upserts, ordered=False).bulk_api_result
        except BulkWriteError as error:
            done = error.details
            refused = {indexes[each["index"]]: _reason(each) for each in done["writeErrors"]}
        except (BSONError, UnicodeError, OperationFailure) as error:
            if (reason := unstorable(error)) is None:
                raise
            if len(records) == 1:
                return {indexes[0]: reason}
            each_by_itself = (self._write(collection, {index: records[index]}) for index in indexes)
            return {index: why for part in each_by_itself for index, why in part.items()}
        if collection in COLLECTIONS.values() and done["upserted"]:
            self._migration.discard_sets_of(collection, [each["_id"] for each in done["upserted"]])
        return refused

    def _import_votes(self, records: Sequence[Record], indexes: list[int]) -> dict[int, str]:
        """Import the votes of records whose document did not take them, because they are too many or moved."""
        kind = TargetKind(records[indexes[0]].kind)
        field_ = self._finder.id_field(kind)
        voters = {"$add": [{"$size": vote_fields.array(name)} for name in ("likedBy", "dislikedBy")]}
        conditions: list[Document] = [{OVERFLOW: {"$exists": True}}]
        if self._may_move(kind):
            conditions.append({"$expr": {"$gt": [voters, self._overflow_at[kind]]}})
        keys = [key for index in indexes for key in self._finder.keys(kind, records[index].id)]
        match: Document = {field_: {"$in": keys}, "$or": conditions}
        targets = collections.get(self._database, COLLECTIONS[kind])
        found = targets.find(match, {field_: 1}, collation=SIMPLE)
        elsewhere = {each[field_] for each in found}
        refused: dict[int, str] = {}
        for index in indexes:
            record = records[index]
            if elsewhere.intersection(self._finder.keys(kind, record.id)) or self._is_large(record):
                try:
                    self._bulk_import.add(Target(kind, record.id), _votes(record))
                except (MoveFailed, TargetNotFound) as error:
                    refused[index] = str(error)
        return refused

    def _is_large(self, record: Record) -> bool:
        kind = TargetKind(record.kind)
        return 0 < self._overflow_at[kind] < _voters(record) and self._may_move(kind)

    def _may_move(self, kind: TargetKind) -> bool:
        return self._overflow_at[kind] > 0 and self._has_transactions

    @cached_property
    def _has_transactions(self) -> bool:
        return has_transactions(self._database)

    def _upsert(self, record: Record) -> UpdateOne:
        elsewhere = _voters(record) > 0 and self._is_large(record)
        stages = stages_of(self._finder, record, {} if elsewhere else _votes(record))
        return UpdateOne(filter_of(self._finder, record.kind, record.id), stages, upsert=True, collation=SIMPLE)


def filter_of(finder: TargetFinder, kind: str, id_: str) -> Document:
    """Make the filter that matches the document of a record."""
    if kind in COLLECTIONS:
        return finder.filter(Target(TargetKind(kind), id_))
    return any_of("_id", host_keys(id_) if kind == "user" else [id_])


def stages_of(finder: TargetFinder, record: Record, votes: Mapping[Vote, Sequence[str]]) -> list[Document]:
    """Make the stages that write a record's fields, its id where there is none yet, and votes of a target."""
    ((field_, key),) = filter_of(finder, record.kind, record.id).items()
    # A new document of a host's gets an ObjectId, as the drivers would give it, where its id is one.
    new = key["$in"][-1] if isinstance(key, dict) else key
    written: Document = {name: {"$literal": value} for name, value in record.fields.items()}
    stages: list[Document] = [{"$set": written | {field_: {"$ifNull": [f"${field_}", {"$literal": new}]}}}]
    return stages + into_arrays(votes) if record.kind in COLLECTIONS else stages


def _voters(record: Record) -> int:
    return len(record.liked_by) + len(record.disliked_by)


def _votes(record: Record) -> dict[Vote, Sequence[str]]:
    return {Vote.UP: record.liked_by, Vote.DOWN: record.disliked_by}


def collection_of(kind: str) -> str:
    """Name the collection of records of a kind."""
    return {"user": collections.USERS, "person": collections.PEOPLE}.get(kind) or COLLECTIONS[TargetKind(kind)]


def _reason(write_error: Document) -> str:
    if write_error["code"] in _TOO_LARGE_CODES:
        return _TOO_LARGE
    if write_error["code"] in _NO_ARRAY_CODES:
        return "likedBy or dislikedBy of its document is no array; `likes-api verify --repair` mends that"
    return str(write_error["errmsg"])


def unstorable(error: Exception) -> str | None:
    """Return why a record cannot be stored; ``None`` where the failure is not about a record."""
    if isinstance(error, UnicodeError):
        return "it holds text that is not valid Unicode"
    if isinstance(error, DocumentTooLarge) or (isinstance(error, OperationFailure) and error.code in _TOO_LARGE_CODES):
        return _TOO_LARGE
    return str(error) if isinstance(error, BSONError) else None
