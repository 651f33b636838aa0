"""The voters of a target, a page at a time, in the order of their ids.

An id is the same in both forms and never changes, so a page that begins after one is right whatever votes and
migrations there are meanwhile. Neither form keeps the order in time of voters who take their vote back.
"""

from dataclasses import dataclass

from bson import ObjectId

from likes_api.mongodb.documents import Document
from likes_api.repository.votes import vote_fields
from likes_api.repository.votes.vote_fields import Expression
from likes_api.votes import GUEST_PREFIX

# Ids of guests are those from the prefix up to the next string that has another one.
GUESTS = (GUEST_PREFIX, GUEST_PREFIX[:-1] + chr(ord(GUEST_PREFIX[-1]) + 1))
# What sorts behind every string. Source: MongoDB manual, "Comparison/Sort Order".
_BEHIND_STRINGS: Document = {}


@dataclass(frozen=True, slots=True)
class VoterPage:
    """Voters of a target, without its guests.

    :param ids: in order; from a form one more than asked for, where there are more.
    :param guests: how many guests there are on all pages.
    :param total: the target's count of that vote.
    """

    ids: tuple[str, ...]
    guests: int
    total: int
    more: bool = False


def page_of_array(name: str, after: str | None, limit: int) -> Document:
    """Return the expression of a page of an array of voters."""
    this = {"$literal": after}
    behind: list[Document] = [] if after is None else [{"$gt": ["$$this", this]}]
    shown = _filter(name, {"$and": [{"$not": [_is_guest()]}, *behind]})
    # A voter who stands there twice, by a fault, is one voter.
    ids = {"$minN": {"n": limit, "input": {"$setUnion": [shown, []]}}}
    return {"ids": ids, "guests": {"$size": _filter(name, _is_guest())}}


def ranges_of_documents(id_: ObjectId, after: str | None) -> list[Document]:
    """Make the ranges of ``_id``, in order, in which the vote documents of those behind ``after`` are."""
    first, last = GUESTS
    before = {"$gte": {"t": id_, "v": ""}, "$lt": {"t": id_, "v": first}}
    behind = {"$gte": {"t": id_, "v": last}, "$lt": {"t": id_, "v": _BEHIND_STRINGS}}
    if after is None:
        return [before, behind]
    begin = {"$gt": {"t": id_, "v": after}}
    return [before | begin, behind] if after < first else [behind | begin]


def guests_of_documents(id_: ObjectId) -> Document:
    """Make the range of ``_id`` in which the vote documents of guests are."""
    first, last = GUESTS
    return {"$gte": {"t": id_, "v": first}, "$lt": {"t": id_, "v": last}}


def _filter(name: str, condition: Expression) -> Expression:
    return {"$filter": {"input": vote_fields.voters(name), "cond": condition}}


def _is_guest() -> Expression:
    first, last = GUESTS
    return {"$and": [{"$gte": ["$$this", first]}, {"$lt": ["$$this", last]}]}
