"""Let vote documents name their targets that do not: an earlier version wrote them, or the id field was another one.

Their votes are found in either case; those that name their target, by an index in its order (``votes_of_voter.py``).
"""

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.targets import COLLECTIONS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import on_target, votes_of
from likes_api.votes import TargetKind


def name_targets(database: Database, finder: TargetFinder) -> None:
    """Write the target into the vote documents that lack it, one set after the other; again, it changes nothing.

    The register notes which sets are done. What is written is kept, wherever this ends.

    :raises likes_api.repository.StoreError: the database is unavailable, or a set took too long; to be tried again.
    """
    votes, register = votes_of(database), collections.get(database, collections.MOVED)
    for kind in TargetKind:
        path, field = finder.path(kind), finder.id_field(kind)
        targets = collections.get(database, COLLECTIONS[kind])
        unnamed = {"collection": COLLECTIONS[kind], "moved": True, "named": {"$ne": path}}
        for entry in list(register.find(unnamed, {"target": 1})):
            target = targets.find_one({"_id": {"$eq": entry["target"]}}, {field: 1}, collation=SIMPLE)
            if target is None or field not in target:
                continue
            with deadline(timeouts.MIGRATION_SECONDS):
                lacking = {"_id.t": entry["_id"], "field": {"$ne": path}}
                votes.update_many(lacking, {"$set": on_target(path, target[field])})
                register.update_one({"_id": entry["_id"]}, {"$set": {"named": path}})
