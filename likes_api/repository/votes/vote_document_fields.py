"""The aggregation expressions that change one voter's document in ``likes_votes``.

They mirror :class:`likes_api.votes.Change`: the server applies to what it holds what the client works out from what was
held before. Source: MongoDB manual, "Updates with Aggregation Pipeline".
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.votes import Change, Vote

Expression = dict[str, Any]

# The order of likes: microseconds, so that votes of one import line keep their order; a vote that was moved out of an
# array has its index there, which is less than any of these.
NOW: Expression = {"$multiply": [{"$toLong": "$$NOW"}, 1000]}
# The fields of a pending vote, which it has until it is compacted. `open` is what the database calls it.
PENDING_FIELDS = ("open", "up", "down")


def cast(change: Change, target: Document) -> list[Expression]:
    """Return the update that changes a vote and records the change of the counts, unless the vote stands already.

    :param target: what :func:`on_target` returned; it is written in any case.
    """
    return [{"$set": _changed(change) | {name: {"$literal": value} for name, value in target.items()}}]


@cache
def _changed(change: Change) -> Expression:
    after = {held: change.after(held) for held in (None, *Vote)}
    moves = {held: after[held] is not held for held in after}

    def pick(field: str, value: Callable[[Vote | None], Any]) -> Any:
        return _by_vote({held: value(held) if moves[held] else f"${field}" for held in after})

    fields: Expression = {
        "vote": pick("vote", lambda held: _word(after[held]) or "$$REMOVE"),
        "place": pick("place", lambda held: NOW if after[held] else "$$REMOVE"),
        "open": pick("open", lambda _: True),
    }
    for vote in Vote:
        steps = {held: (after[held] is vote) - (held is vote) for held in after}
        moved = {"$add": [{"$ifNull": [f"${vote}", 0]}, _by_vote(steps)]}
        fields[vote.value] = pick(vote, lambda _, moved=moved: moved)  # type: ignore[misc]
    return fields


def on_target(path: Any, key: Any) -> Document:
    """Return the fields that say on which target a vote is, for the index from voters to targets in order.

    :param path: the target's collection and the field of its id (``TargetFinder.path``).
    :param key: its id as it is stored.
    """
    return {"field": path, "key": key}


def key(id_: ObjectId, voter: str) -> Document:
    """Return a vote's ``_id``. The order of its two fields matters to MongoDB."""
    return {"t": id_, "v": voter}


def without_vote(id_: ObjectId) -> Document:
    """Return the filter for compacted documents of voters who took back their vote, which nothing needs."""
    return {"_id.t": id_, "vote": None, "open": None}


def votes_of(database: Database) -> Collection:
    """Return the collection of votes, with majority writes always, because counts are read from majority data."""
    return collections.get(database, collections.VOTES, write_concern=WriteConcern("majority"))


def _by_vote(values: Mapping[Vote | None, Any]) -> Any:
    """Return the expression that chooses by the vote that is held; the commonest value is the last branch."""
    common = max(values.values(), key=list(values.values()).count)
    chosen = common
    for held, value in values.items():
        if value != common:
            chosen = {"$cond": [{"$eq": [{"$ifNull": ["$vote", None]}, _word(held)]}, value, chosen]}
    return chosen


def _word(vote: Vote | None) -> str | None:
    return None if vote is None else vote.value
