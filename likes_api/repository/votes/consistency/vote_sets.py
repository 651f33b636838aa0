"""The owner of a set of votes in ``likes_votes``, by the register and the target's document.

A document may stop naming its set: a host writes it back without the field ``likesOverflow``, or deletes it and makes
another under the same id. The votes of a document that is there are never deleted on a guess.
"""

from enum import StrEnum

from bson import ObjectId

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW, Form
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, SIMPLE
from likes_api.repository.votes.vote_fields import HALVES, array, count

OWN = frozenset(COLLECTIONS[kind] for kind in COLLECTIONS if kind not in HOST_OWNED)


class SetState(StrEnum):
    """The state of a set of votes."""

    NAMED = "its target's document names it"
    UNNAMED = "its target counts more votes than it holds, and does not name the set"
    LEFT = "another document has the id of its target, or the move was cut off"
    DOUBTFUL = "its target counts none of its votes, or names another set"
    GONE = "its target is gone"


def state_of(database: Database, entry: Document) -> SetState:
    """Return the state of an entry of the register by its target's document, in one round trip.

    A document that counts votes which its arrays do not hold was written back without the field. One that counts what
    it holds is a new one; but a host may have set its counters itself, so in its collections that is in doubt.
    """
    unheld = [{"$gt": [count(counter), {"$size": array(name)}]} for _, name, counter in HALVES]
    fields: Document = {f"{OVERFLOW}.id": 1, f"{OVERFLOW}.form": 1, "unheld": {"$or": unheld}}
    pipeline: list[Document] = [{"$match": {"_id": {"$eq": entry["target"]}}}, {"$project": fields}]
    targets = collections.get(database, entry["collection"])
    rows = list(targets.aggregate(pipeline, collation=SIMPLE))
    if not rows:
        return SetState.GONE
    state = rows[0].get(OVERFLOW)
    state = state if isinstance(state, dict) else {}
    if state.get("id") == entry["_id"]:
        return SetState.NAMED
    moved = entry.get("moved", False)
    elsewhere = state.get("form") == Form.MOVED and isinstance(state.get("id"), ObjectId)
    if rows[0]["unheld"] and not elsewhere:
        return SetState.UNNAMED
    certain = not moved or (entry["collection"] in OWN and not elsewhere)
    return SetState.LEFT if certain else SetState.DOUBTFUL
