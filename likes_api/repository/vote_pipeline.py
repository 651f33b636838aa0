"""The aggregation expressions that change one voter's document in ``likes_votes``.

They mirror :class:`likes_api.votes.Change`: the server applies to what it holds what the client works out from what was
held before. Source: MongoDB manual, "Updates with Aggregation Pipeline".
"""

from typing import Any

from likes_api.votes import Change, Vote

Expression = dict[str, Any]

# The order of likes: microseconds, so that several that are brought in one line keep theirs; votes that were moved out
# of an array have their index, which is less than any of these.
NOW: Expression = {"$multiply": [{"$toLong": "$$NOW"}, 1000]}
# What a vote document carries only as long as it has something to settle.
OPEN_FIELDS = ("open", "up", "down")


def cast(change: Change) -> list[Expression]:
    """Change the vote, and note by how much the counts change; a vote that stands already leaves all as it is."""
    held = {"$ifNull": ["$vote", None]}
    cases = [(before, change.after(before)) for before in (None, *Vote)]
    moving = [(before, after) for before, after in cases if before is not after]

    def pick(values: list[Any], otherwise: Any) -> Expression:
        branches = [
            {"case": {"$eq": [held, _literal(before)]}, "then": value}
            for (before, _), value in zip(moving, values, strict=True)
        ]
        return {"$switch": {"branches": branches, "default": otherwise}}

    fields: Expression = {
        "vote": pick(["$$REMOVE" if after is None else after.value for _, after in moving], "$vote"),
        "place": pick(["$$REMOVE" if after is None else NOW for _, after in moving], "$place"),
        "open": pick([True for _ in moving], "$open"),
    }
    for vote in Vote:
        so_far = {"$ifNull": [f"${vote.value}", 0]}
        steps = [(after is vote) - (before is vote) for before, after in moving]
        fields[vote.value] = pick([{"$add": [so_far, step]} for step in steps], f"${vote.value}")
    return [{"$set": fields}]


def _literal(vote: Vote | None) -> str | None:
    return None if vote is None else vote.value
