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

# The order of likes: microseconds, so that several that are brought in one line keep theirs; votes that were moved out
# of an array have their index, which is less than any of these.
NOW: Expression = {"$multiply": [{"$toLong": "$$NOW"}, 1000]}
# What a vote document carries only as long as it has something to compact.
OPEN_FIELDS = ("open", "up", "down")


@cache
def cast(change: Change) -> list[Expression]:
    """Change the vote, and note by how much the counts change; a vote that stands already leaves all as it is."""
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
    return [{"$set": fields}]


def key(id_: ObjectId, voter: str) -> Document:
    """Make a vote's ``_id``. The order of the two matters to MongoDB."""
    return {"t": id_, "v": voter}


def without_vote(id_: ObjectId) -> Document:
    """Make the filter for compacted documents of voters who took back their vote: they say nothing any more."""
    return {"_id.t": id_, "vote": None, "open": None}


def votes_of(database: Database) -> Collection:
    """Give the collection of votes. Majority writes always, because the count is read from what the majority has."""
    return collections.get(database, collections.VOTES, write_concern=WriteConcern("majority"))


def _by_vote(values: Mapping[Vote | None, Any]) -> Any:
    """Choose by the vote that is held; what most of them have in common goes without a question."""
    common = max(values.values(), key=list(values.values()).count)
    chosen = common
    for held, value in values.items():
        if value != common:
            chosen = {"$cond": [{"$eq": [{"$ifNull": ["$vote", None]}, _word(held)]}, value, chosen]}
    return chosen


def _word(vote: Vote | None) -> str | None:
    return None if vote is None else vote.value
