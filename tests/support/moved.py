"""Look at a moved target as if its votes stood in the arrays of its document still; move one at once."""

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS, TargetFinder
from likes_api.votes import Target


def move(database: Database, target: Target, qa_id_field: str = "_id") -> None:
    assert Migration(database, TargetFinder(qa_id_field)).move(target)


def reassembled(database: Database, target: Target) -> Document:
    """Read a target's document, exact counters and arrays in their order included, whatever its form."""
    targets = collections.get(database, COLLECTIONS[target.kind])
    found = targets.find_one({"_id": target.id})
    assert found is not None
    state = found.pop(OVERFLOW, None) or {}
    if state.get("form") != "moved":
        return found
    assert (found["likedBy"], found["dislikedBy"]) == ([], [])
    votes = list(database["likes_votes"].find({"_id.t": state["id"]}).sort([("place", 1), ("_id.v", 1)]))
    count = VoteRepository(database).tally(target)
    arrays = {
        array: [each["_id"]["v"] for each in votes if each.get("vote") == vote]
        for array, vote in (("likedBy", "up"), ("dislikedBy", "down"))
    }
    return found | arrays | {"upvotes": count.upvotes, "downvotes": count.downvotes}
