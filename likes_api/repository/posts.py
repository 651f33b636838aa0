"""Posts and their comments, as far as one person may see them."""

from dataclasses import dataclass

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document


@dataclass(frozen=True, slots=True)
class Post:
    """A post that exists and that the person who asks may see.

    :param ignores_reader: its author ignores that person.
    :param has_comment: the comment that was asked for belongs to this post.
    """

    public: bool
    ignores_reader: bool
    has_comment: bool


class PostRepository:
    """Read posts."""

    def __init__(self, database: Database) -> None:
        self._posts = collections.get(database, collections.POSTS)
        self._comments = collections.name_in(database, collections.COMMENTS)
        self._people = collections.name_in(database, collections.PEOPLE)

    def visible_to(self, reader: str, post: str, comment: str | None = None) -> Post | None:
        """Read a post, or tell ``None`` where it does not exist or is neither public, nor the reader's own, nor shared.

        One round trip: what a like depends on besides (the author's ignores, the comment) is joined by the server,
        each by ``_id``.

        :raises likes_api.repository.StoreError: the database did not answer.
        """
        pipeline: list[Document] = [
            {"$match": {"_id": post} | visible(reader)},
            {"$project": {"public": 1, "author": 1}},
            {
                "$lookup": {
                    "from": self._people,
                    "localField": "author",
                    "foreignField": "_id",
                    # Nobody is kept from an own post.
                    "pipeline": [{"$match": {"_id": {"$ne": reader}, "ignores": reader}}, {"$project": {"_id": 1}}],
                    "as": "ignoring",
                }
            },
            {
                "$lookup": {
                    "from": self._comments,
                    "pipeline": [{"$match": {"_id": comment, "post": post}}, {"$project": {"_id": 1}}],
                    "as": "comments",
                }
            },
        ]
        with self._posts.aggregate(pipeline) as rows:
            found = next(rows, None)
        if found is None:
            return None
        return Post(bool(found["public"]), bool(found["ignoring"]), bool(found["comments"]))


def visible(reader: str) -> Document:
    """Make the filter for the posts that somebody may see: public, their own, and those shared with them."""
    return {"$or": [{"public": True}, {"author": reader}, {"visible_to": reader}]}
