"""End transactions that nobody will end: those of a process that was killed in between."""

import logging

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from likes_api.mongodb.documents import Document
from likes_api.mongodb.failures import facts

log = logging.getLogger(__name__)


def abort_abandoned_transactions(client: MongoClient[Document], *, idle: float = 0.0, age: float = 0.0) -> None:
    """End those of this application that have been idle, and open, for longer than so many seconds.

    The server would keep them for ``transactionLifetimeLimitSeconds`` (a minute by default), and with them what they
    have written, for which others would have to wait.

    Two round trips where there are any, else one; where it cannot be done, the log says so. Needs no privilege, as it
    is about this user's own sessions. Source: MongoDB manual, ``$currentOp`` and ``killSessions``.
    """
    match = {
        "type": "idleSession",
        "appName": client.options.pool_options.appname,
        "transaction.timeInactiveMicros": {"$gt": idle * 1e6},
        "transaction.timeOpenMicros": {"$gt": age * 1e6},
    }
    try:
        with client.admin.aggregate([{"$currentOp": {"idleSessions": True}}, {"$match": match}]) as operations:
            abandoned = [{"id": each["lsid"]["id"]} for each in operations]
        if abandoned:
            client.admin.command("killSessions", abandoned)
            log.warning("abandoned transactions are ended", extra={"transactions": len(abandoned)})
    except PyMongoError as error:
        log.warning("abandoned transactions cannot be ended", extra=facts(error))
