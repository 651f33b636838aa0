"""Make a replica set of the given hosts, once: ``initiate_replica_set.py mongo1:27017 mongo2:27017 mongo3:27017``.

A one-shot service of compose.yaml. It waits for the hosts, and ends with 0 when there is a primary, whoever made it.
"""

import sys
import time

from pymongo import MongoClient
from pymongo.errors import OperationFailure

SECONDS = 120
ALREADY_INITIALIZED, NODE_NOT_FOUND = 23, 74
# docs/operations: how long there is no service when a member dies or freezes.
SETTINGS = {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2}


def main(hosts: list[str]) -> None:
    """Initiate the set on the first host, and wait for a primary."""
    members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
    with MongoClient(hosts[0], directConnection=True, serverSelectionTimeoutMS=SECONDS * 1_000) as first:
        end = time.monotonic() + SECONDS
        while True:
            try:
                first.admin.command("replSetInitiate", {"_id": "rs0", "members": members, "settings": SETTINGS})
                break
            except OperationFailure as error:
                if error.code == ALREADY_INITIALIZED:
                    break
                if error.code != NODE_NOT_FOUND or time.monotonic() > end:
                    raise
                time.sleep(0.5)
    with MongoClient(hosts, replicaSet="rs0", serverSelectionTimeoutMS=SECONDS * 1_000) as members_of_set:
        members_of_set.admin.command("ping")  # a primary is asked


if __name__ == "__main__":
    main(sys.argv[1:])
