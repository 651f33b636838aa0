"""Expressions that read the vote fields of any document, whatever a host has put there.

None of them fails on a value of another type: what is no count, or no array, counts as none.
"""

from typing import Any

from likes_api.votes import Vote

Expression = dict[str, Any]

HALVES = ((Vote.UP, "likedBy", "upvotes"), (Vote.DOWN, "dislikedBy", "downvotes"))
# The largest integer that all of BSON's numbers hold exactly, and JSON's as well.
MAX_COUNT = 2**53
# From this size on a document gets a warning: at about 400,000 voters its 16 MB are full.
MANY_VOTERS = 10_000
# What an application may write for a user's id besides the string that voters are known by.
_IDS = ["objectId", "int", "long"]


def milliseconds_ago(seconds: float) -> Expression:
    """Return the expression of the time so many seconds before the server's present."""
    return {"$subtract": ["$$NOW", round(1_000 * seconds)]}


def is_count(counter: str) -> Expression:
    """Whether a field holds a count: an integer from 0, as a number of any BSON type."""
    return _is_whole(counter, 0)


def count(counter: str) -> Expression:
    """Read a counter; what is no count is 0."""
    return {"$cond": [is_count(counter), {"$toLong": f"${counter}"}, 0]}


def plus(counter: str, step: Any) -> Expression:
    """Change a counter by a number, but not below 0."""
    return {"$max": [0, {"$add": [count(counter), step]}]}


def is_integer(path: str) -> Expression:
    """Whether a field of our own holds an integer that can be added to, as a number of any BSON type."""
    return _is_whole(path, -MAX_COUNT)


def integer(path: str) -> Expression:
    """Read a field of our own; what is no integer is 0."""
    return {"$cond": [is_integer(path), {"$toLong": f"${path}"}, 0]}


def _is_whole(path: str, least: int) -> Expression:
    value = f"${path}"
    # NaN is less than all numbers. `$and` stops at the first that is false, so `$trunc` meets numbers only.
    bounds = [{"$gte": [value, least]}, {"$lte": [value, MAX_COUNT]}]
    return {"$and": [{"$isNumber": value}, *bounds, {"$eq": [value, {"$trunc": value}]}]}


def array(name: str) -> Expression:
    """Read an array of voters as it is; what is none is empty."""
    return {"$cond": [{"$isArray": f"${name}"}, f"${name}", []]}


def voters(name: str) -> Expression:
    """Read the voters of an array: its strings, and ids of other types as voters are known by them.

    An ObjectId is its 24 hex digits. A field that holds one voter, without an array, is read as an array of it.
    """
    held = {"$cond": [{"$isArray": f"${name}"}, f"${name}", [f"${name}"]]}
    readable = {"$filter": {"input": held, "cond": {"$in": [{"$type": "$$this"}, ["string", *_IDS]]}}}
    return {"$map": {"input": readable, "in": {"$toString": "$$this"}}}


def distinct_voters(name: str) -> Expression:
    """Read the voters of an array, each once, at the first place.

    ``$setDifference`` keeps the order of its first operand, in the time that a set takes.
    """
    return {"$setDifference": [voters(name), []]}


def normalized(*, exact: bool) -> Expression:
    """Return the fields of a ``$set`` stage that rewrites the vote fields in the documented form.

    Each voter stands once, at the first place; who stands in both arrays keeps the like. A counter goes down by what
    its array loses, but not below the array's length.

    :param exact: a counter is its array's length; otherwise one that is higher, a host's surplus, stays so.
    """
    liked = distinct_voters("likedBy")
    after = {"likedBy": liked, "dislikedBy": {"$setDifference": [voters("dislikedBy"), liked]}}
    fields: Expression = {}
    for _, name, counter in HALVES:
        size = {"$size": after[name]}
        lost = {"$max": [0, {"$subtract": [{"$size": array(name)}, size]}]}
        left = size if exact else {"$max": [{"$subtract": [count(counter), lost]}, size]}
        fields |= {name: after[name], counter: left}
    return fields
