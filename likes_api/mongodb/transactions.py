"""Transactions that end within the deadline of the request that they are part of."""

import time
from collections.abc import Callable
from typing import TypeVar

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import timeouts
from likes_api.mongodb.client import deadline, seconds_left
from likes_api.mongodb.documents import Document, Session

# IllegalOperation: "Transaction numbers are only allowed on a replica set member or mongos".
NO_TRANSACTIONS = 20
# Of the deadline, a part is kept for ending the transaction, which would hold its documents otherwise.
ENDING_SHARE = 0.2

R = TypeVar("R")


def in_transaction(
    client: MongoClient[Document], act: Callable[[Session], R], read_concern: ReadConcern | None = None
) -> R:
    """Do ``act`` and commit what it writes; where it raises, nothing is written.

    :param act: writes as part of the session that it is given; it is called again where the transaction collided with
        another write.
    :raises pymongo.errors.OperationFailure: of the code :data:`NO_TRANSACTIONS` where the server has none.

    Source: MongoDB manual, "Transactions"; PyMongo documentation, ``with_transaction``.
    """
    until = time.monotonic() + (1 - ENDING_SHARE) * min(seconds_left(), timeouts.REQUEST_DATABASE_SECONDS)

    def act_in_time(session: Session) -> R:
        with deadline(max(0.001, until - time.monotonic())):
            return act(session)

    with client.start_session() as session:
        return session.with_transaction(act_in_time, read_concern)
