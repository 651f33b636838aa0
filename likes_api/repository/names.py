"""The names of voters: users of the host, and people of the social network."""

from collections.abc import Collection
from typing import Any

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.targets import SIMPLE, host_keys


class NameRepository:
    """Read names."""

    def __init__(self, database: Database) -> None:
        self._users = collections.get(database, collections.USERS)
        self._people = collections.name_in(database, collections.PEOPLE)

    def names_of(self, ids: Collection[str], *, people_first: bool) -> dict[str, str]:
        """Read many names in one round trip, or none where nobody is asked for; who has none is left out.

        :param people_first: whose name counts where a user and a person have the same id.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        if not ids:
            return {}
        keys = [key for id_ in ids for key in host_keys(id_)]
        pipeline: list[Document] = [
            _named(keys),
            {"$project": {"name": 1, "person": {"$literal": False}}},
            {"$unionWith": {"coll": self._people, "pipeline": [_named(list(ids)), _PERSON]}},
        ]
        with self._users.aggregate(pipeline, batchSize=len(keys) + len(ids) + 1, collation=SIMPLE) as rows:
            # The last of an id counts: of two users, the one whose id is the string itself.
            found = sorted(rows, key=lambda row: (row["person"] is people_first, isinstance(row["_id"], str)))
        # Of an array one element may have been the string.
        return {str(row["_id"]): row["name"] for row in found if isinstance(row["name"], str)}


_PERSON: Document = {"$project": {"name": 1, "person": {"$literal": True}}}


def _named(keys: list[Any]) -> Document:
    return {"$match": {"_id": {"$in": keys}, "name": {"$type": "string", "$ne": ""}}}
