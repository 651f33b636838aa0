"""The host application's ``sessions`` and ``users``, as the Auth.js MongoDB adapters write them.

A session is ``{sessionToken, userId, expires}``, ``userId`` being a user's ``_id``: an ObjectId, or a string
where the application makes its own ids. Source: @auth/mongodb-adapter, "Database sessions".
"""

import secrets
from datetime import datetime, timedelta

from bson import ObjectId

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document, Session
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

    def user_of(self, session_token: str, now: datetime) -> str | None:
        """Return the user whose session this is, or ``None`` where it is unknown or over, or the user is gone.

        One round trip. ``expires`` is compared by the server, for which only a date is later than a date; nor
        can a date that Python has no value for (after the year 9999) fail here.

        :return: the string that is the user's ``_id``, or the 24 hex digits of the ObjectId.
        """
        pipeline: list[Document] = [
            {"$match": {"sessionToken": session_token, "expires": {"$gte": now}}},
            {"$limit": 1},
            {"$set": {"keys": _BOTH_FORMS}},
            {
                "$lookup": {
                    "from": self._users.name,
                    "localField": "keys",
                    "foreignField": "_id",
                    "as": "user",
                }
            },
            {"$project": {"_id": 0, "user._id": 1}},
        ]
        with self._sessions.aggregate(pipeline) as rows:
            session = next(rows, None)
        # $lookup finds an `_id` of null where there are no keys.
        users = [user["_id"] for user in session["user"]] if session is not None else []
        return next((str(user) for user in users if isinstance(user, ObjectId | str)), None)

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
