"""The filters, updates and expressions that make up a vote: which arrays and counters move, and what is returned.

Missing vote fields mean 0 and empty (``CONTRACTS.md`` section 1); no other field is named here, so none is touched.
Values that came from a client stand in ``$literal``: a voter called ``$likedBy`` is a string, not a field path.

Source: MongoDB manual, "Updates with Aggregation Pipeline".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from likes_api.votes import Vote

Expression = dict[str, Any]

# The field that tells of a target's votes being moved, or having been moved, out of its document.
OVERFLOW = "likesOverflow"


class Form(StrEnum):
    """How far a target's votes have gone from the arrays of its document to documents of their own.

    A document without the field ``likesOverflow`` has them in its arrays. See ``docs/decisions/0009``.
    """

    COPYING = "copying"
    SEALED = "sealed"
    MOVED = "moved"


def without_vote(voter: str) -> Expression:
    """Match a document with all vote fields in order, in whose arrays the votes are, and where the voter has none.

    What this leaves out, such as a host's document before its very first vote, :func:`toggle` can deal with.
    """
    absent = {"$nin": [voter, None]}  # which excludes a missing array as well, and one that is null
    return {_UP.array: absent, _DOWN.array: absent, **_COUNTED, OVERFLOW: None}


def add(voter: str, vote: Vote) -> Expression:
    """Add a vote where there is none (:func:`without_vote`), by operators: the server does them in less time."""
    half = _half(vote)
    return {"$push": {half.array: voter}, "$inc": {half.counter: 1}}


def toggle(voter: str, vote: Vote) -> list[Expression]:
    """Add ``vote``, or take it back where it stands already; the other vote goes in either case."""
    mine, other = (_UP, _DOWN) if vote is Vote.UP else (_DOWN, _UP)
    return _unless_frozen(voter, _move(mine, voter, held=-1, absent=+1) | _move(other, voter, held=-1, absent=0))


def put(voter: str, vote: Vote | None) -> list[Expression]:
    """Make ``vote`` the voter's vote; ``None`` takes back whatever stands."""
    fields: Expression = {}
    for half, wanted in ((_UP, vote is Vote.UP), (_DOWN, vote is Vote.DOWN)):
        fields |= _move(half, voter, held=0 if wanted else -1, absent=+1 if wanted else 0)
    return _unless_frozen(voter, fields)


def bring(voters: Mapping[Vote, Sequence[str]]) -> Expression:
    """Add the votes of those who have none yet, in order; whoever voted here already keeps that vote.

    The fields of a ``$set`` stage. It is its own repetition: done twice, it changes nothing more. A target that is
    moved, or being moved, stays as it is.
    """
    elsewhere = {"$ne": [{"$type": f"${OVERFLOW}"}, "missing"]}
    present = {"$setUnion": [_voters(_UP), _voters(_DOWN)]}
    stage: Expression = {}
    for vote, half in ((Vote.UP, _UP), (Vote.DOWN, _DOWN)):
        fresh = {
            "$filter": {"input": {"$literal": list(voters[vote])}, "cond": {"$not": [{"$in": ["$$this", present]}]}}
        }
        stage[half.array] = {"$concatArrays": [_voters(half), fresh]}
        stage[half.counter] = {"$add": [{"$ifNull": [f"${half.counter}", 0]}, {"$size": fresh}]}
    return {name: {"$cond": [elsewhere, f"${name}", value]} for name, value in stage.items()}


def tally_fields(voter: str | None) -> Expression:
    """Project a document to its counts and the voter's own vote; the arrays stay on the server."""
    return {
        "upvotes": {"$ifNull": ["$upvotes", 0]},
        "downvotes": {"$ifNull": ["$downvotes", 0]},
        "liked": {"$literal": False} if voter is None else _holds(_UP, voter),
        "downvoted": {"$literal": False} if voter is None else _holds(_DOWN, voter),
        "voters": {"$add": [{"$size": _voters(_UP)}, {"$size": _voters(_DOWN)}]},
        **{f"{OVERFLOW}.{name}": 1 for name in ("id", "form", "up", "down")},
    }


def projected(document: Mapping[str, Any], voter: str) -> Expression:
    """Work out here what :func:`tally_fields` works out on the server, of a whole document."""
    liked, disliked = (document.get(half.array) or [] for half in (_UP, _DOWN))
    return {
        "upvotes": document.get("upvotes") or 0,
        "downvotes": document.get("downvotes") or 0,
        "liked": voter in liked,
        "downvoted": voter in disliked,
        "voters": len(liked) + len(disliked),
    }


@dataclass(frozen=True, slots=True)
class _Half:
    """One kind of vote as a document stores it: the array of its voters and their counter."""

    array: str
    counter: str


_UP = _Half("likedBy", "upvotes")
_DOWN = _Half("dislikedBy", "downvotes")
_COUNTED: Expression = {half.counter: {"$gte": 0} for half in (_UP, _DOWN)}


def _half(vote: Vote) -> _Half:
    return _UP if vote is Vote.UP else _DOWN


def _unless_frozen(voter: str, fields: Expression) -> list[Expression]:
    """Change the fields, and note the voter while the arrays are being copied; leave a frozen document as it is.

    Its arrays do not count any more, or will not in a moment. Done by the update itself, so that no vote can slip in
    between a look at the form and the vote, and a small target's vote stays one round trip.
    """
    form, field = f"${OVERFLOW}.form", f"${OVERFLOW}"
    frozen = {"$in": [form, [Form.SEALED.value, Form.MOVED.value]]}
    noted = {"touched": {"$concatArrays": [f"{field}.touched", {"$literal": [voter]}]}}
    stage = {name: {"$cond": [frozen, f"${name}", value]} for name, value in fields.items()}
    copying = {"$eq": [form, Form.COPYING.value]}
    return [{"$set": stage | {OVERFLOW: {"$cond": [copying, {"$mergeObjects": [field, noted]}, field]}}}]


def _voters(half: _Half) -> Expression:
    return {"$ifNull": [f"${half.array}", []]}


def _holds(half: _Half, voter: str) -> Expression:
    return {"$in": [{"$literal": voter}, _voters(half)]}


def _move(half: _Half, voter: str, *, held: int, absent: int) -> Expression:
    """Move array and counter together: by ``held`` if the voter is in the array, else by ``absent``.

    -1 takes the voter out, +1 puts the voter in, 0 leaves both as they are. A counter never goes below 0, even
    where a host left it lower than its array.
    """
    voters, literal = _voters(half), {"$literal": voter}
    without = {"$filter": {"input": voters, "cond": {"$ne": ["$$this", literal]}}}
    extended = {"$concatArrays": [voters, {"$literal": [voter]}]}
    count = {"$ifNull": [f"${half.counter}", 0]}
    holds = _holds(half, voter)
    return {
        half.array: {"$cond": [holds, without if held else voters, extended if absent else voters]},
        half.counter: {"$max": [0, {"$add": [count, {"$cond": [holds, held, absent]}]}]},
    }
