"""Values that both forms of a target's votes share: the result of a vote, and the fields that count besides votes."""

from dataclasses import dataclass

from bson import ObjectId

from likes_api.mongodb.documents import Document
from likes_api.votes import Tally, TargetKind, Vote


@dataclass(frozen=True, slots=True)
class Cast:
    """The result of a vote.

    :param own: the voter's vote now.
    :param changed: whether it was another before.
    :param tally: ``None`` where the counts are still to be read; the vote is taken all the same.
    """

    own: Vote | None
    changed: bool
    tally: Tally | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """The target's votes are not in its document, but in this set of vote documents."""

    id: ObjectId


def own_fields(kind: TargetKind) -> Document:
    """Return the projection of an entry's boost; in a host's documents a field of that name is not ours."""
    return {"boost": 1} if kind is TargetKind.ENTRY else {}
