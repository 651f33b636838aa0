"""Posts and their comments, as far as one person may see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.rules import Rules
from likes_api.votes import Target, TargetKind, TargetNotFound


@dataclass(frozen=True, slots=True)
class Post:
    """A post that exists and that the person who asks may see.

    :param ignores_reader: its author ignores that person.
    :param has_comment: the comment that was asked for belongs to this post.
    """

    public: bool
    ignores_reader: bool
    has_comment: bool


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """The rules of a post for likes on it, and on its comments, for a person who may see it.

    :param ignores_reader: its author ignores the person who asks.
    """

    public: bool
    ignores_reader: bool


class PostRepository:
    """Read posts."""

    def __init__(self, database: Database) -> None:
        self._posts = collections.get(database, collections.POSTS)
        self._comments = collections.get(database, collections.COMMENTS)
        self._people = collections.name_in(database, collections.PEOPLE)

    def visible_to(self, reader: str, post: str, comment: str | None = None) -> Post | None:
        """Read a post; ``None`` where it does not exist or is neither public, nor the reader's own, nor shared.

        One round trip: what a like depends on besides (the author's ignores, the comment) is joined by the server,
        each by ``_id``.

        :raises likes_api.repository.StoreError: the database did not answer.
        """
        pipeline: list[Document] = [
            {"$match": {"_id": post} | visible(reader)},
            {"$project": {"public": 1, "author": 1}},
            self._ignoring(reader),
            {
                "$lookup": {
                    "from": self._comments.name,
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

    def rules(self, kind: TargetKind, reader: str | None) -> Rules[PostPolicy]:
        """Return how to read the rules of posts, or of comments, which are those of their posts.

        :param reader: who sees no other than public, own and shared posts; ``None`` sees all.
        """
        may_see: list[Document] = [] if reader is None else [{"$match": visible(reader)}]
        ignoring: list[Document] = [] if reader is None else [self._ignoring(reader)]
        if kind is TargetKind.POST:
            return Rules((*may_see, *ignoring), {"public": 1, "ignoring": 1}, _policy)
        post: Document = {
            "from": self._posts.name,
            "localField": "post",
            "foreignField": "_id",
            "pipeline": [*may_see, *ignoring, {"$project": {"public": 1, "ignoring": 1}}],
            "as": "of",
        }
        fields = {name: {"$first": f"$of.{name}"} for name in ("public", "ignoring")}
        return Rules(({"$lookup": post}, {"$match": {"of": {"$ne": []}}}), fields, _policy)

    def policy(self, target: Target, reader: str | None) -> PostPolicy:
        """Read the rules of one post or comment, in one round trip.

        :raises TargetNotFound: there is none, or none that the reader may see.
        """
        rules = self.rules(target.kind, reader)
        pipeline: list[Document] = [{"$match": {"_id": target.id}}, *rules.stages, {"$project": rules.fields}]
        targets = self._posts if target.kind is TargetKind.POST else self._comments
        with targets.aggregate(pipeline) as rows:
            for found in rows:
                return rules.read(found)
        raise TargetNotFound(target)

    def _ignoring(self, reader: str) -> Document:
        """Return the stage that looks up a post's author, if that person ignores the reader."""
        lookup: Document = {
            "from": self._people,
            "localField": "author",
            "foreignField": "_id",
            # Nobody is kept from an own post.
            "pipeline": [{"$match": {"_id": {"$ne": reader}, "ignores": reader}}, {"$project": {"_id": 1}}],
            "as": "ignoring",
        }
        return {"$lookup": lookup}


def visible(reader: str) -> Document:
    """Return the filter for the posts that a person may see: public, their own, and those shared with them."""
    return {"$or": [{"public": True}, {"author": reader}, {"visible_to": reader}]}


def _policy(found: Mapping[str, Any]) -> PostPolicy:
    return PostPolicy(bool(found.get("public")), bool(found.get("ignoring")))
