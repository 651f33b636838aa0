"""Where targets are kept: the collection of each kind, and the values by which a document is found."""

from collections.abc import Mapping
from dataclasses import dataclass

from bson import ObjectId

from likes_api.mongodb.documents import Document
from likes_api.votes import Target, TargetKind

COLLECTIONS: Mapping[TargetKind, str] = {
    TargetKind.QUESTION: "questions",
    TargetKind.MESSAGE: "messages",
    TargetKind.ENTRY: "entries",
    TargetKind.POST: "posts",
    TargetKind.COMMENT: "comments",
}
HOST_OWNED = frozenset({TargetKind.QUESTION, TargetKind.MESSAGE})


@dataclass(frozen=True, slots=True)
class TargetFinder:
    """Find the documents of targets.

    :param qa_id_field: the field in which questions and messages, the host application's documents, carry their id.
    """

    qa_id_field: str = "_id"

    def id_field(self, kind: TargetKind) -> str:
        """Name the field that holds the id."""
        return self.qa_id_field if kind in HOST_OWNED else "_id"

    def filter(self, target: Target) -> Document:
        """Make the filter that matches the target's document."""
        keys = self.keys(target.kind, target.id)
        return {self.id_field(target.kind): keys[0] if len(keys) == 1 else {"$in": keys}}

    def keys(self, kind: TargetKind, id_: str) -> list[str | ObjectId]:
        """List the values under which a document with this id may be stored.

        A host's ``_id`` is often an ObjectId, which clients write as 24 hex digits.
        """
        if kind in HOST_OWNED and self.qa_id_field == "_id" and ObjectId.is_valid(id_):
            return [id_, ObjectId(id_)]
        return [id_]
