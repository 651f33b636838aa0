"""The host application's ``sessions`` and ``users``, as the Auth.js MongoDB adapters write them.

A session is ``{sessionToken, userId, expires}``, ``userId`` being a user's ``_id``: an ObjectId, or a string
where the application makes its own ids. Source: @auth/mongodb-adapter, "Database sessions".
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from bson import ObjectId

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.repository.batching.batched_reads import BatchedReads
from likes_api.repository.votes.targets import SIMPLE, any_of, host_keys

_TOKEN_BYTES = 32
_STRING: Document = {"$cond": [{"$eq": [{"$type": "$userId"}, "string"]}, "$userId", ""]}

# What may be the ``_id`` of the session's user, as `targets.host_keys` lists it: an application may have written an
# ObjectId in one place, and its 24 hex digits in the other. Of another type nothing is.
_BOTH_FORMS: Document = {
    "$switch": {
        "branches": [
            {"case": {"$eq": [{"$type": "$userId"}, "objectId"]}, "then": ["$userId", {"$toString": "$userId"}]},
            {
                "case": {"$regexMatch": {"input": _STRING, "regex": "^[0-9a-fA-F]{24}$"}},
                "then": ["$userId", {"$toObjectId": "$userId"}],
            },
            {"case": {"$eq": [{"$type": "$userId"}, "string"]}, "then": ["$userId"]},
        ],
        "default": [],
    }
}


class UnknownUser(Exception):
    """There is no such user."""


class SessionRepository:
    """Read sessions, and make one for trying out.

    Every method may raise :class:`likes_api.repository.StoreError`.
    """

    def __init__(self, database: Database) -> None:
        self._sessions = collections.get(database, collections.SESSIONS)
        self._users = collections.get(database, collections.USERS)
        self._found = BatchedReads(self._read)

    def user_of(self, session_token: str, now: datetime) -> str | None:
        """Return the user whose session this is, or ``None`` where it is unknown or over, or the user is gone.

        One round trip for all calls that meet. ``expires`` is compared by the server, for which only a date is later
        than a date; nor can a date that Python has no value for (after the year 9999) fail here.

        :return: the string that is the user's ``_id``, or the 24 hex digits of the ObjectId.
        """
        return self._found.get((session_token, now))

    def _read(self, asked: Collection[tuple[str, datetime]], comment: str | None) -> dict[tuple[str, datetime], str]:
        pipeline: list[Document] = [
            # The latest time of those who ask is still over by now.
            {
                "$match": {
                    "sessionToken": {"$in": list({token for token, _ in asked})},
                    "expires": {"$gte": max(now for _, now in asked)},
                }
            },
            {"$set": {"keys": _BOTH_FORMS}},
            {
                "$lookup": {
                    "from": self._users.name,
                    "localField": "keys",
                    "foreignField": "_id",
                    "as": "user",
                }
            },
            {"$project": {"_id": 0, "sessionToken": 1, "user._id": 1}},
        ]
        with self._sessions.aggregate(pipeline, batchSize=len(asked) + 1, comment=comment) as rows:
            # $lookup finds an `_id` of null where there are no keys. The first user counts where there are two.
            users: dict[str, str] = {}
            for row in rows:
                for user in row["user"]:
                    if isinstance(user["_id"], ObjectId | str):
                        users.setdefault(row["sessionToken"], str(user["_id"]))
        return {(token, now): users[token] for token, now in asked if token in users}

    def create(self, user_id: str, lifetime: timedelta, now: datetime, session: Session | None = None) -> str:
        """Start a session for a user, found by a string ``_id`` or by an ObjectId, and return its token.

        :param session: the transaction to be part of.

        :raises UnknownUser: there is no such user.
        """
        user = self._users.find_one(any_of("_id", host_keys(user_id)), {"_id": 1}, collation=SIMPLE, session=session)
        if user is None:
            raise UnknownUser(f"There is no user {user_id!r}.")
        token = secrets.token_hex(_TOKEN_BYTES)
        started = {"sessionToken": token, "userId": user["_id"], "expires": now + lifetime}
        self._sessions.insert_one(started, session=session)
        return token

    def delete(self, session_token: str) -> None:
        """End a session, in one round trip; one that is unknown has ended already."""
        self._sessions.delete_one({"sessionToken": session_token})
