"""The collection of each kind of target, and the values by which a document is found."""

from collections.abc import Mapping
from dataclasses import dataclass

from bson import ObjectId
from pymongo.collation import Collation

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Document
from likes_api.votes import Target, TargetKind

COLLECTIONS: Mapping[TargetKind, str] = {
    TargetKind.QUESTION: collections.QUESTIONS,
    TargetKind.MESSAGE: collections.MESSAGES,
    TargetKind.ENTRY: collections.ENTRIES,
    TargetKind.POST: collections.POSTS,
    TargetKind.COMMENT: collections.COMMENTS,
}
KINDS: Mapping[str, TargetKind] = {collection: kind for kind, collection in COLLECTIONS.items()}
HOST_OWNED = frozenset({TargetKind.QUESTION, TargetKind.MESSAGE})
# Ids and voters are compared byte by byte, also in a host's collection whose default collation ignores case. Source:
# MongoDB manual, "Collation", `locale: simple`.
SIMPLE = Collation("simple")


@dataclass(frozen=True, slots=True)
class TargetFinder:
    """Find the documents of targets.

    :param qa_id_field: the field in which questions and messages, the host application's documents, carry their id.
    """

    qa_id_field: str = "_id"

    def id_field(self, kind: TargetKind) -> str:
        """Return the name of the field that holds the id."""
        return self.qa_id_field if kind in HOST_OWNED else "_id"

    def path(self, kind: TargetKind) -> str:
        """Return where ids of a kind stand: the collection's name, without a prefix, and the field's."""
        return f"{COLLECTIONS[kind]}.{self.id_field(kind)}"

    def filter(self, target: Target) -> Document:
        """Return the filter that matches the target's document."""
        return any_of(self.id_field(target.kind), self.keys(target.kind, target.id))

    def keys(self, kind: TargetKind, id_: str) -> list[str | ObjectId]:
        """List the values under which a document with this id may be stored."""
        return host_keys(id_) if kind in HOST_OWNED and self.qa_id_field == "_id" else [id_]


def host_keys(id_: str) -> list[str | ObjectId]:
    """List the values that may be the ``_id`` of a host's document: a target or a user.

    It is often an ObjectId, which clients write as 24 hex digits. Where a document has the digits themselves, as a
    string, that is the one: strings sort before ObjectIds, so the index on ``_id`` finds it first.
    """
    return [id_, ObjectId(id_)] if ObjectId.is_valid(id_) else [id_]


def any_of(field: str, keys: list[str | ObjectId]) -> Document:
    """Return the filter for a document whose field holds one of the values."""
    return {field: keys[0] if len(keys) == 1 else {"$in": keys}}
