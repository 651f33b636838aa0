"""The filters, updates and expressions of a vote in the arrays of its target's document, and their counters.

Missing vote fields mean 0 and empty (``CONTRACTS.md`` section 1); no other field is named here, so none is touched.
What a host left there that is no such value counts as the nearest that is: a field that is no array holds no voters, a
counter that is no number, or lower than its array, is the array's length. A voter whose id has 24 hex digits is also
recognised as an ObjectId. Values that came from a client stand in ``$literal``: a voter called ``$likedBy`` is a
string, not a field path.

Source: MongoDB manual, "Updates with Aggregation Pipeline".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bson import Decimal128, ObjectId

from likes_api.repository.votes import vote_fields
from likes_api.repository.votes.vote_fields import MAX_COUNT
from likes_api.votes import Change, Vote

Expression = dict[str, Any]

# The field of a target's document that says that its votes are being moved, or have been moved, out of it.
OVERFLOW = "likesOverflow"
# Of that field, what an answer depends on. Not `touched`, which holds voters.
STATE_FIELDS: Expression = {f"{OVERFLOW}.{name}": 1 for name in ("id", "form", "up", "down")}


class Form(StrEnum):
    """The progress of a target's migration from the arrays of its document to a document for each vote.

    A document without the field ``likesOverflow`` has them in its arrays. See ``docs/decisions/0009``.
    """

    COPYING = "copying"
    LOCKED = "sealed"  # the word that is stored, and was the name of this state earlier
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Half:
    """One kind of vote as a document stores it: the array of its voters and their counter."""

    array: str
    counter: str


HALVES: Mapping[Vote, Half] = {Vote.UP: Half("likedBy", "upvotes"), Vote.DOWN: Half("dislikedBy", "downvotes")}
# More than any document holds.
MAX_VOTERS = 2**31 - 1
# This equality is part of the document that an upsert would insert; an update can tell it from any other by that.
_IN_ARRAYS: Expression = {OVERFLOW: None}


def spellings(voter: str) -> list[str | ObjectId]:
    """Return the values by which an array may hold a voter."""
    return [voter, ObjectId(voter)] if len(voter) == 24 and ObjectId.is_valid(voter) else [voter]


def state_of(document: Mapping[str, Any]) -> tuple[Form, ObjectId] | None:
    """Return the form and the set of a document whose votes are being moved or have been; ``None`` for any other.

    Whatever else a host wrote into ``likesOverflow`` says nothing.
    """
    state = document.get(OVERFLOW)
    if not isinstance(state, dict) or not isinstance(state.get("id"), ObjectId) or state.get("form") not in list(Form):
        return None
    return Form(state["form"]), state["id"]


def whole(value: Any) -> int | None:
    """Return a counter's value as an integer, from a number of any BSON type; ``None`` for what is no such number."""
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, bool) or not hasattr(number, "__trunc__"):
        return None
    # A decimal NaN cannot be compared.
    if (isinstance(number, Decimal) and number.is_nan()) or not -MAX_COUNT <= number <= MAX_COUNT:
        return None
    return int(number) if number == int(number) else None


# -- One step of a batch. Each filter names the state that it leaves; an update that misses is a write error, see below.


def add(voter: str, vote: Vote) -> tuple[Expression, Expression]:
    """Return filter and update of a first vote, by operators, on a document whose vote fields are all in order.

    Others, such as a host's document before its very first vote, miss; :func:`cast` can deal with them.
    """
    absent = {"$nin": [*spellings(voter), None], "$type": "array"}  # `None` excludes a missing array as well
    # A comparison alone would match an array by its elements.
    counts = {"$gte": 0, "$lte": MAX_COUNT, "$not": {"$type": "array"}}
    filter_: Expression = dict(_IN_ARRAYS)
    for half in HALVES.values():
        filter_ |= {half.array: absent, half.counter: counts}
    return filter_, {"$push": {HALVES[vote].array: voter}, "$inc": {HALVES[vote].counter: 1}}


def take_back(voter: str, vote: Vote) -> tuple[Expression, list[Expression]]:
    """Return filter and update of taking back a vote that stands."""
    return _IN_ARRAYS | {HALVES[vote].array: _held(voter)}, [{"$set": _moved(voter, Change(None))}]


def switch(voter: str, vote: Vote) -> tuple[Expression, list[Expression]]:
    """Return filter and update of making a vote that stands the other one, ``vote``."""
    other = next(half for each, half in HALVES.items() if each is not vote)
    return _IN_ARRAYS | {
        other.array: _held(voter),
        HALVES[vote].array: {"$not": _held(voter)},
    }, [{"$set": _moved(voter, Change(vote))}]


def failing_on_insert(update: Expression | list[Expression]) -> Expression | list[Expression]:
    """Make an update that an upsert cannot insert: a filter that matches nothing then is a write error with its index.

    A bulk write reports how many of its updates matched, but not which. The insert that would follow a miss begins with
    ``likesOverflow: null``, out of the filter. Operators then cannot create a field within ``null`` (code 28,
    PathNotViable), and a pipeline takes the length of a string that is none (code 34471). A match ignores either. A
    document that holds that ``null`` itself fails as well, and is no worse off than one that missed.
    """
    if isinstance(update, dict):
        return update | {"$setOnInsert": {f"{OVERFLOW}.never": 1}}
    inserted = {"$eq": [{"$type": f"${OVERFLOW}"}, "null"]}
    [stage] = update
    failing = {
        name: {"$cond": [inserted, {"$strLenCP": f"${OVERFLOW}"}, value]} for name, value in stage["$set"].items()
    }
    return [{"$set": failing}]


# -- An update that decides by itself


def cast(voter: str, change: Change) -> tuple[Expression, list[Expression]]:
    """Return the filter of documents that a change would change, and the update that does it, whatever stands there.

    A document that is locked or moved matches too, and is left as it is: its arrays do not count any more, or soon.
    While they are being copied, the voter is noted. Both are done by the update itself, so no vote can slip in between
    a look at the form and the vote.
    """
    return _changed_by(voter, change), _unless_frozen(_moved(voter, change), voter)


def hand_over(voter: str, into: str) -> tuple[Expression, list[Expression]]:
    """Return the filter of documents that hold a voter's vote, and the update that makes it another voter's.

    It keeps its place in the array. Where the other one votes as well, the vote is taken back. Of documents whose votes
    move, :func:`cast` says what holds here too.
    """
    return holding(voter), _unless_frozen(_handed_over(voter, into), voter, into)


def holding(voter: str) -> Expression:
    """Return the filter of documents whose arrays hold a voter."""
    return {"$or": [{half.array: _held(voter)} for half in HALVES.values()]}


def _unless_frozen(fields: Expression, *voters: str) -> list[Expression]:
    """Return the update that sets fields where the arrays count, and notes whose votes it changes while they move."""
    form, field = f"${OVERFLOW}.form", f"${OVERFLOW}"
    frozen = {"$and": [{"$in": [form, [Form.LOCKED.value, Form.MOVED.value]]}, _is_set()]}
    copying = {"$and": [{"$eq": [form, Form.COPYING.value]}, _is_set(), {"$isArray": f"{field}.touched"}]}
    noted = {"touched": {"$concatArrays": [f"{field}.touched", {"$literal": list(voters)}]}}
    stage = {name: {"$cond": [frozen, f"${name}", value]} for name, value in fields.items()}
    stage[OVERFLOW] = {"$cond": [copying, {"$mergeObjects": [field, noted]}, field]}
    return [{"$set": stage}]


def _changed_by(voter: str, change: Change) -> Expression:
    """Return the filter of documents that a change may change; it leaves all others as they are."""
    if change.toggles:
        return {}
    if change.vote is not None:
        return {HALVES[change.vote].array: {"$not": _held(voter)}}
    voted: list[Expression] = [
        {half.array: _held(voter)} for vote, half in HALVES.items() if change.only in (None, vote)
    ]
    return {"$or": [*voted, {f"{OVERFLOW}.form": {"$in": [Form.LOCKED.value, Form.MOVED.value]}}]}


def _moved(voter: str, change: Change) -> Expression:
    """Return the fields after a change: each array and its counter move by the same amount."""
    after = {held: change.after(held) for held in (None, *Vote)}
    fields: Expression = {}
    for vote, half in HALVES.items():
        voters = vote_fields.array(half.array)
        others = _without(half, voter)
        with_voter = {"$cond": [_holds(half, voter), voters, {"$concatArrays": [voters, {"$literal": [voter]}]}]}
        fields |= _set(half, _by_held(voter, {held: with_voter if after[held] is vote else others for held in after}))
    return fields


def _handed_over(voter: str, into: str) -> Expression:
    """Return the fields after a vote has become another voter's, at its place, or has gone where that one votes."""
    first, *_ = known = spellings(voter)
    votes_too = {"$or": [_holds(half, into) for half in HALVES.values()]}
    fields: Expression = {}
    for vote, half in HALVES.items():
        voters, others = vote_fields.array(half.array), _without(half, voter)
        places = [{"$indexOfArray": [voters, {"$literal": each}]} for each in known]
        place = {"$cond": [{"$in": [{"$literal": first}, voters]}, places[0], places[-1]]}
        before, behind = {"$slice": [others, place]}, {"$slice": [others, place, MAX_VOTERS]}
        handed = {"$concatArrays": [before, {"$literal": [into]}, behind]}
        # Who stands in both arrays, by a fault, holds the like.
        lost = votes_too if vote is Vote.UP else {"$or": [votes_too, _holds(HALVES[Vote.UP], voter)]}
        fields |= _set(half, {"$cond": [_holds(half, voter), {"$cond": [lost, others, handed]}, voters]})
    return fields


def _set(half: Half, array: Expression) -> Expression:
    """Return the fields that make an array another one, and move its counter by what it gains or loses."""
    gained = {"$subtract": [{"$size": array}, {"$size": vote_fields.array(half.array)}]}
    return {half.array: array, half.counter: {"$add": [count(half), gained]}}


def _without(half: Half, voter: str) -> Expression:
    differs: list[Expression] = [{"$ne": ["$$this", {"$literal": each}]} for each in spellings(voter)]
    return {"$filter": {"input": vote_fields.array(half.array), "cond": {"$and": differs}}}


def _by_held(voter: str, values: Mapping[Vote | None, Expression]) -> Expression:
    """Return the expression that chooses by the own vote; a voter in both arrays, by a fault, holds the like."""
    chosen = values[None]
    for vote in (Vote.DOWN, Vote.UP):
        if values[vote] != chosen or vote is Vote.UP:
            chosen = {"$cond": [_holds(HALVES[vote], voter), values[vote], chosen]}
    return chosen


# -- What is read


def tally_fields(voter: str | None) -> Expression:
    """Return the projection to the counts and the voter's own vote; the arrays stay on the server."""
    fields: Expression = {half.counter: count(half) for half in HALVES.values()}
    return fields | {
        "liked": {"$literal": False} if voter is None else _holds(HALVES[Vote.UP], voter),
        "downvoted": {"$literal": False} if voter is None else _holds(HALVES[Vote.DOWN], voter),
        "voters": {"$add": [{"$size": vote_fields.array(half.array)} for half in HALVES.values()]},
        **STATE_FIELDS,
    }


def projected(document: Mapping[str, Any], voter: str) -> Expression:
    """Return from a whole document what the projection of :func:`tally_fields` returns."""
    arrays = {
        vote: array if isinstance(array := document.get(half.array), list) else [] for vote, half in HALVES.items()
    }
    counts = {}
    for vote, half in HALVES.items():
        counter = whole(document.get(half.counter))
        counts[half.counter] = len(arrays[vote]) if counter is None else max(counter, len(arrays[vote]))
    return counts | {
        "liked": any(each in arrays[Vote.UP] for each in spellings(voter)),
        "downvoted": any(each in arrays[Vote.DOWN] for each in spellings(voter)),
        "voters": sum(map(len, arrays.values())),
    }


def stretch(own: str, offset: int, limit: int) -> Expression:
    """Return the expression of a range of the likers: ``own`` first if among them, then the others, oldest first."""
    voters, literal = vote_fields.voters(HALVES[Vote.UP].array), {"$literal": own}
    others = {"$filter": {"input": voters, "cond": {"$ne": ["$$this", literal]}}}
    in_order = {"$concatArrays": [{"$cond": [{"$in": [literal, voters]}, [literal], []]}, others]}
    return {"$slice": [in_order, offset, limit]}


def _held(voter: str) -> Expression:
    """Match an array that holds the voter; ``$elemMatch`` does not match a string that stands where an array should."""
    return {"$elemMatch": {"$in": spellings(voter)}}


def _holds(half: Half, voter: str) -> Expression:
    held: list[Expression] = [{"$in": [{"$literal": each}, vote_fields.array(half.array)]} for each in spellings(voter)]
    return held[0] if len(held) == 1 else {"$or": held}


def count(half: Half) -> Expression:
    """Return the counter where it is a number that counts, and never less than there are voters."""
    return {"$max": [{"$size": vote_fields.array(half.array)}, vote_fields.count(half.counter)]}


def _is_set() -> Expression:
    return {"$eq": [{"$type": f"${OVERFLOW}.id"}, "objectId"]}
