"""Targets of all kinds in both forms with votes, and how they have to be after somebody has left."""

from collections.abc import Mapping
from itertools import cycle

from harness import documents
from harness.documents import TARGET_COLLECTIONS
from likes_api.mongodb import collections
from likes_api.mongodb.collections import ensure_indexes, host_indexes
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.array_fields import OVERFLOW
from likes_api.repository.votes.maintenance.compaction import Compaction, Moved
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import COLLECTIONS
from likes_api.votes import Target, TargetKind, Vote
from tests.support.moved import move, reassembled

Votes = Mapping[str, Vote]
World = dict[Target, dict[str, Vote]]

UP, DOWN = Vote.UP, Vote.DOWN
# Each combination of what two voters hold: nothing, up or down; and others before and behind them.
COMBINATIONS: list[tuple[Vote | None, Vote | None]] = [
    (first, second) for first in (None, UP, DOWN) for second in (None, UP, DOWN)
]
MORE = {
    TargetKind.POST: {"author": "somebody", "public": False},
    TargetKind.COMMENT: {"post": "secret", "author": "somebody"},
}


FORMS = ("array", "moved", "pending", "published")


def world(voter: str, other: str) -> World:
    """Make a target for each form and combination of two votes, of all kinds in turn.

    Votes of the form ``moved`` are compacted, those of ``pending`` neither that nor published, of ``published`` that.
    """
    targets: World = {}
    kinds = cycle(TargetKind)
    for form in FORMS:
        for number, (mine, others) in enumerate(COMBINATIONS):
            votes = {"first": UP, voter: mine, "middle": DOWN, other: others, "last": UP}
            targets[Target(next(kinds), f"{form}_{number}")] = {who: vote for who, vote in votes.items() if vote}
    return targets


def populate(database: Database, targets: World) -> None:
    """Store the targets with their votes."""
    make_indexes(database)
    repository, compaction = VoteRepository(database), Compaction(database)
    for target, votes in targets.items():
        form = target.id.partition("_")[0]
        held = votes if form in {"array", "moved"} else {}
        arrays = [[voter for voter, vote in held.items() if vote is each] for each in (UP, DOWN)]
        document = {
            "likedBy": arrays[0],
            "dislikedBy": arrays[1],
            "upvotes": len(arrays[0]),
            "downvotes": len(arrays[1]),
        }
        collection = collections.get(database, COLLECTIONS[target.kind])
        collection.insert_one({"_id": target.id, **document, **MORE.get(target.kind, {})})
        if form != "array":
            move(database, target)
        if form in {"pending", "published"}:
            for voter, vote in votes.items():
                repository.set(target, voter, vote)
    published = [entry for entry in database["likes_moved"].find() if entry["target"].startswith("published")]
    for entry in published:
        compaction.publish(entry["_id"], Moved(entry["collection"], entry["target"]))


def make_indexes(database: Database) -> None:
    """Make ours, and those on the host's collections."""
    for name in (collections.ENTRIES, collections.POSTS, collections.COMMENTS, collections.VOTES, collections.TOKENS):
        ensure_indexes(database, name)
    for name, indexes in host_indexes("_id").items():
        database[name].create_indexes(list(indexes))


def votes_in(database: Database, target: Target) -> tuple[list[str], list[str]]:
    """Return who likes and who dislikes a target, in order, in whichever form; its counters have to agree."""
    document = reassembled(database, target)
    assert (document["upvotes"], document["downvotes"]) == (len(document["likedBy"]), len(document["dislikedBy"]))
    tally = VoteRepository(database).tally(target)
    assert (tally.upvotes, tally.downvotes) == (document["upvotes"], document["downvotes"]), target
    return document["likedBy"], document["dislikedBy"]


def shown(database: Database, target: Target) -> tuple[int, int]:
    """Return the counters as a host reads them."""
    document = collections.get(database, COLLECTIONS[target.kind]).find_one({"_id": target.id}) or {}
    return document["upvotes"], document["downvotes"]


def expected(votes: Votes, voter: str, into: str | None) -> tuple[list[str], list[str]]:
    """Return the same after a voter has left, or has become another."""
    takes = into if into is not None and into not in votes else None
    names = {who: takes if who == voter else who for who in votes}
    liked, disliked = ([names[who] for who in votes if votes[who] is vote and names[who]] for vote in (UP, DOWN))
    return liked, disliked  # type: ignore[return-value]  # nobody is None


def held_by(targets: World, voter: str) -> set[tuple[str, str, int]]:
    """Return all votes of a voter as an export has them."""
    return {
        (target.kind.value, target.id, 1 if votes[voter] is UP else -1)
        for target, votes in targets.items()
        if voter in votes
    }


def traces(database: Database, voter: str) -> list[str]:
    """Return the collections in which anything names a voter."""
    return [
        name
        for name in sorted(database.list_collection_names())
        if any(voter in repr(document) for document in database[name].find())
    ]


def inexact(database: Database) -> list[str]:
    """Return what is wrong with the counts of any target, in both forms, at one instant."""
    faults: list[str] = []
    with database.client.start_session(snapshot=True) as session:
        votes = list(database["likes_votes"].find(session=session))
        for name in TARGET_COLLECTIONS:
            for document in database[name].find(session=session):
                state = document.get(OVERFLOW) or {}
                if state.get("form") == "moved":
                    held = [each for each in votes if each["_id"]["t"] == state["id"]]
                    for vote, counter in (("up", "upvotes"), ("down", "downvotes")):
                        count = document[counter] - state[vote] + sum(each.get(vote, 0) for each in held)
                        if count != sum(each.get("vote") == vote for each in held):
                            faults.append(f"{name} {document['_id']}: {counter} {count}, {held}")
                else:
                    faults += documents.faults(document)
    return faults
