"""Make, change and remove single targets, people and users, each change with its line of audit."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pymongo.errors import OperationFailure
from pymongo.results import UpdateResult

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Collection, Database, Document, Session
from likes_api.repository.audit import AuditLog, Change
from likes_api.repository.content import Record, collection_of, filter_of, stages_of, unstorable
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, SIMPLE, TargetFinder, host_keys
from likes_api.votes import TargetKind

# What is ours in a host's question or message.
_VOTE_FIELDS = ("upvotes", "downvotes", "likedBy", "dislikedBy", OVERFLOW)
# Of a post, so many are deleted at a time: that takes the server some milliseconds.
_COMMENTS = 1_000

R = TypeVar("R")


class Unwritable(Exception):
    """The document that is there cannot take the change; the message says why."""


class Administration:
    """Administrate content. Every method may raise :class:`likes_api.repository.StoreError`.

    Each takes two or three round trips, and three more for the transaction and its line of audit.

    :param qa_id_field: the field in which questions and messages carry their id.
    """

    def __init__(self, database: Database, audit: AuditLog, qa_id_field: str = "_id") -> None:
        self._database = database
        self._audit = audit
        self._finder = TargetFinder(qa_id_field)
        self._migration = Migration(database, self._finder)

    def find(self, kind: str, id_: str, fields: Iterable[str]) -> Document | None:
        """Return some fields of a document, or ``None`` where it is not there."""
        shown: Document = {"_id": 1} | dict.fromkeys(fields, 1)
        found = self._collection(kind).find_one(filter_of(self._finder, kind, id_), shown, collation=SIMPLE)
        if found is not None:
            del found["_id"]
        return found

    def put(self, record: Record, fields: Iterable[str], by: str) -> bool:
        """Make a document or replace its fields; its votes stay, and so does what else a host has in it.

        :param fields: those that are the record's: which of them it does not name are removed.
        :returns: whether it was made.
        :raises Unwritable: the document cannot take it.
        """
        absent = [name for name in fields if name not in record.fields]
        stages = [{"$unset": absent}] if absent else []
        stages += stages_of(self._finder, record, {})
        collection, filter_ = self._collection(record.kind), filter_of(self._finder, record.kind, record.id)

        def write(session: Session | None) -> UpdateResult:
            return collection.update_one(filter_, stages, upsert=True, collation=SIMPLE, session=session)

        made = self._write(Change(by, f"{_noun(record.kind)}.put", record.kind, record.id), write).upserted_id
        if made is not None and record.kind in COLLECTIONS:
            self._migration.discard_sets_of(collection_of(record.kind), [made])
        return made is not None

    def change(self, record: Record, by: str) -> bool:
        """Change the fields that a record names; return whether the document is there.

        :raises Unwritable: the document cannot take it.
        """
        collection, filter_ = self._collection(record.kind), filter_of(self._finder, record.kind, record.id)
        if not record.fields:
            return collection.find_one(filter_, {"_id": 1}, collation=SIMPLE) is not None

        def write(session: Session | None) -> int:
            fields = {"$set": record.fields}
            return collection.update_one(filter_, fields, collation=SIMPLE, session=session).matched_count

        return self._write(Change(by, f"{_noun(record.kind)}.change", record.kind, record.id), write) > 0

    def delete_target(self, kind: TargetKind, id_: str, by: str) -> None:
        """Delete a target with its votes, a post with its comments; of a host's document the vote fields alone.

        Cut off anywhere and done again, it goes on: a post with many comments, or votes, may take more than once.
        """
        change = Change(by, "target.delete", kind, id_)
        keys: list[Any] = [id_]
        if kind in HOST_OWNED:
            self._audit.perform(change, lambda session: self._remove_votes(kind, id_, session))
            found = self._collection(kind).find_one(filter_of(self._finder, kind, id_), {"_id": 1}, collation=SIMPLE)
            keys = [found["_id"]] if found else []
        else:
            self._audit.perform(change, lambda session: self._delete(kind, id_, session))
        if kind is TargetKind.POST:
            while self._delete_comments(id_, None):
                pass
            self._discard_sets_with(id_)
        self._migration.discard_sets_of(COLLECTIONS[kind], keys)

    def delete_user(self, id_: str, by: str) -> None:
        """Delete a user of the host's, and the sessions; votes stay."""
        users = collections.get(self._database, collections.USERS)
        sessions = collections.get(self._database, collections.SESSIONS)
        filter_ = filter_of(self._finder, "user", id_)

        def delete(session: Session | None) -> int:
            deleted = users.delete_one(filter_, collation=SIMPLE, session=session).deleted_count
            own = {"userId": {"$in": host_keys(id_)}}
            return deleted + sessions.delete_many(own, collation=SIMPLE, session=session).deleted_count

        self._audit.perform(Change(by, "user.delete", "user", id_), delete)

    def _write(self, change: Change, write: Callable[[Session | None], R]) -> R:
        try:
            return self._audit.perform(change, write)
        except OperationFailure as error:
            if (reason := unstorable(error)) is not None:
                raise Unwritable(reason) from None
            raise

    def _remove_votes(self, kind: TargetKind, id_: str, session: Session | None) -> int:
        filter_ = filter_of(self._finder, kind, id_)
        held = {"$or": [{name: {"$exists": True}} for name in _VOTE_FIELDS]}
        unset = {"$unset": dict.fromkeys(_VOTE_FIELDS, "")}
        both = {"$and": [filter_, held]}
        return self._collection(kind).update_one(both, unset, collation=SIMPLE, session=session).modified_count

    def _delete(self, kind: TargetKind, id_: str, session: Session | None) -> int:
        deleted = self._collection(kind).delete_one({"_id": id_}, session=session).deleted_count
        return deleted + (self._delete_comments(id_, session) if kind is TargetKind.POST else 0)

    def _delete_comments(self, post: str, session: Session | None) -> int:
        """Delete some comments of a post, and note whose sets of votes are to be deleted with it."""
        comments = self._collection(TargetKind.COMMENT)
        found = list(comments.find({"post": post}, {OVERFLOW: 1}, limit=_COMMENTS, session=session))
        if moved := [each["_id"] for each in found if OVERFLOW in each]:
            sets = {"collection": collections.COMMENTS, "target": {"$in": moved}}
            self._register.update_many(sets, {"$set": {"deletedWith": post}}, session=session)
        deleted = {"_id": {"$in": [each["_id"] for each in found]}}
        return comments.delete_many(deleted, session=session).deleted_count if found else 0

    def _discard_sets_with(self, post: str) -> None:
        for entry in self._register.find({"deletedWith": post}, {"_id": 1}):
            self._migration.discard(entry["_id"])

    @property
    def _register(self) -> Collection:
        return collections.get(self._database, collections.MOVED)

    def _collection(self, kind: str) -> Collection:
        return collections.get(self._database, collection_of(kind))


def _noun(kind: str) -> str:
    return "target" if kind in COLLECTIONS else kind
