"""Who likes a target, a page at a time."""

from dataclasses import dataclass

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_votes import OVERFLOW, Form
from likes_api.repository.votes.targets import COLLECTIONS
from likes_api.repository.votes.vote_documents import OverflowVotes
from likes_api.votes import Target, TargetNotFound

# What $slice takes. No array is as long: its document ends at 16 MB.
_MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Voters:
    """A stretch of a target's likers, in order, and whether there are more behind it."""

    ids: tuple[str, ...]
    more: bool


class ListingRepository:
    """List the likers of posts and comments."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._overflow = OverflowVotes(database)

    def likers(self, target: Target, own: str, offset: int, limit: int) -> Voters:
        """List likers: ``own`` first if among them, then the others, oldest like first.

        One round trip, of which only the stretch comes back: the server cuts the array. New likes go to its end, so a
        stretch stays what it is while others like. A second one where the likes are moved out of the array: the server
        reads an index up to the end of the stretch.

        :param offset: how many to pass over, from 0, as large as you like.
        :param limit: how many to return at most, from 1.
        :raises TargetNotFound: there is no such target.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        voters, literal = {"$ifNull": ["$likedBy", []]}, {"$literal": own}
        others = {"$filter": {"input": voters, "cond": {"$ne": ["$$this", literal]}}}
        in_order = {"$concatArrays": [{"$cond": [{"$in": [literal, voters]}, [literal], []]}, others]}
        # One more than asked for tells whether there are more.
        stretch = {"$slice": [in_order, min(offset, _MAX_OFFSET), limit + 1]}
        fields = {"_id": 0, "ids": stretch, f"{OVERFLOW}.id": 1, f"{OVERFLOW}.form": 1}
        pipeline: list[Document] = [{"$match": {"_id": target.id}}, {"$project": fields}]
        with collections.get(self._database, COLLECTIONS[target.kind]).aggregate(pipeline) as rows:
            found = next(rows, None)
        if found is None:
            raise TargetNotFound(target)
        ids = found["ids"]
        if found.get(OVERFLOW, {}).get("form") == Form.MOVED:
            ids = self._overflow.likers(found[OVERFLOW]["id"], own, min(offset, _MAX_OFFSET), limit + 1)
        return Voters(tuple(ids[:limit]), len(ids) > limit)
