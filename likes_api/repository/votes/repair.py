"""Repair what ``verify.py`` finds, while people vote.

Each repair is an atomic update that works its result out of what it meets, or names what was seen; so a vote that comes
in between is neither lost nor counted twice.
"""

from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.votes.array_votes import OVERFLOW, Form
from likes_api.repository.votes.migration import Migration
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, TargetFinder
from likes_api.repository.votes.verify import HALVES, Fault, FaultKind, Verifier, count_moved
from likes_api.repository.votes.vote_documents import key, votes_of
from likes_api.votes import Vote

_END = 2**31 - 1
_CHUNK = 1_000
# One repair may bring another fault to light, or lose against a vote.
_ROUNDS = 5


def verify_votes(database: Database, *, repair: bool) -> Iterator[tuple[int, Fault | None, bool]]:
    """Check everything, and mend it if so wanted.

    :returns: how many targets and sets of votes are checked; for each of them ``None``, or each fault and whether it is
        gone after the repair.
    :raises likes_api.repository.StoreError: the database is away; what is repaired stays so.
    """
    verifier, repairer = Verifier(database), Repairer(database)
    for checked, faults in enumerate(verifier.check(), start=1):
        left = faults
        for _ in range(_ROUNDS if repair else 0):
            for fault in left:
                repairer.repair(fault)
            left = verifier.check_again(faults)
            if not left:
                break
        kinds = {(fault.kind, fault.half) for fault in left}
        for fault in faults:
            yield checked, fault, (fault.kind, fault.half) not in kinds
        if not faults:
            yield checked, None, True


class Repairer:
    """Mend faults."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._migration = Migration(database, TargetFinder())

    def repair(self, fault: Fault) -> None:
        """Mend one fault; whether it is gone, the next check tells."""
        match fault.kind:
            case FaultKind.TWICE | FaultKind.BOTH:
                self._leave_once(fault)
            case FaultKind.COUNTER if fault.id is None:
                self._recount_arrays(fault)
            case FaultKind.COUNTER:
                self._recount_votes(fault)
            case FaultKind.HALF_MOVED:
                self._finish_or_give_up(fault)
            case FaultKind.NO_VOTE:
                self._votes.delete_many({"_id.t": fault.id, "vote": {"$nin": [None, *(vote.value for vote in Vote)]}})
            case FaultKind.NO_TARGET:
                if fault.id is not None:
                    self._migration.discard(fault.id)

    def _leave_once(self, fault: Fault) -> None:
        """Leave each voter's first vote; who stands in both arrays keeps the like."""
        targets = collections.get(self._database, fault.collection)
        found = targets.find_one({"_id": fault.key}, {array: 1 for _, array, _ in HALVES}) or {}
        seen: set[Any] = set()
        doubled: set[Any] = set()
        for _, array, _ in HALVES:
            for voter in found.get(array) or []:
                (doubled if voter in seen else seen).add(voter)
        for voter in doubled:
            # Not while a move copies the arrays: it would not notice.
            targets.update_one({"_id": fault.key, OVERFLOW: {"$exists": False}}, _once(voter, self._exact(fault)))

    def _recount_arrays(self, fault: Fault) -> None:
        fields = {}
        for _, array, counter in HALVES:
            fields[counter] = _recounted(f"${counter}", {"$size": _array(array)}, self._exact(fault))
        collections.get(self._database, fault.collection).update_one(
            {"_id": fault.key, f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}, [{"$set": fields}]
        )

    def _recount_votes(self, fault: Fault) -> None:
        """Add what is missing. Votes meanwhile change both sides alike, another repair does not: hence its number."""
        targets = collections.get(self._database, fault.collection)
        named: Document = {"_id": fault.key, f"{OVERFLOW}.id": fault.id}
        found = targets.find_one(named, {OVERFLOW: 1})
        if found is None or fault.id is None:
            return
        repairs = found[OVERFLOW].get("repairs", 0)
        numbers = count_moved(self._database, fault.collection, fault.key, fault.id)
        if numbers is None:
            return
        fields: Document = {f"{OVERFLOW}.repairs": repairs + 1}
        for vote, _, counter in HALVES:
            missing = numbers.votes[vote] - numbers.total[vote]
            step = missing if missing > 0 or self._exact(fault) else 0
            fields[counter] = {"$add": [{"$ifNull": [f"${counter}", 0]}, step]}
        targets.update_one(named | {f"{OVERFLOW}.repairs": repairs or None}, [{"$set": fields}])

    def _finish_or_give_up(self, fault: Fault) -> None:
        """Give up a move that was cut off; finish one that left voters in the arrays."""
        if (id_ := fault.id) is None:
            return
        targets = collections.get(self._database, fault.collection)
        named = {"_id": fault.key, f"{OVERFLOW}.id": id_}
        found = targets.find_one(named | {f"{OVERFLOW}.form": Form.MOVED.value}, {a: 1 for _, a, _ in HALVES})
        if found is None:
            # Under this id: a move that has begun since is not ours to end.
            targets.update_one(named | {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}, {"$unset": {OVERFLOW: ""}})
            self._migration.discard(id_)
            return
        entry = {"collection": fault.collection, "target": fault.key}
        collections.get(self._database, collections.MOVED).update_one(
            {"_id": id_}, {"$setOnInsert": entry}, upsert=True
        )
        for vote, array, _ in HALVES:
            self._take_in(fault, id_, vote, array, found.get(array) or [])

    def _take_in(self, fault: Fault, id_: ObjectId, vote: Vote, array: str, voters: list[Any]) -> None:
        """Give those who stand in the array of a moved target a vote, unless they have one; then empty it of them.

        The counter is left as it is: whoever put them there may have counted them. Where not, it is a fault of its own.
        """
        targets = collections.get(self._database, fault.collection)
        for begin in range(0, len(voters), _CHUNK):
            chunk = voters[begin : begin + _CHUNK]
            for place, voter in enumerate(chunk, start=begin):
                fields = {"vote": vote.value, "place": place}
                self._votes.update_one({"_id": key(id_, voter)}, {"$setOnInsert": fields}, upsert=True)
            targets.update_one({"_id": fault.key, f"{OVERFLOW}.id": id_}, {"$pullAll": {array: chunk}})

    def _exact(self, fault: Fault) -> bool:
        """Tell whether a counter cannot have a surplus: in the documents that are ours."""
        return all(COLLECTIONS[kind] != fault.collection for kind in HOST_OWNED)


def _array(name: str) -> Document:
    return {"$cond": [{"$isArray": f"${name}"}, f"${name}", []]}


def _recounted(counter: Any, voters: Document, exact: bool) -> Document:
    return voters if exact else {"$max": [{"$cond": [{"$isNumber": counter}, counter, 0]}, voters]}


def _once(voter: Any, exact: bool) -> list[Document]:
    """Leave one place to a voter; each counter goes down with its array, but not below it."""
    literal = {"$literal": voter}
    fields: Document = {}
    for vote, array, counter in HALVES:
        held = _array(array)
        first = {"$indexOfArray": [held, literal]}
        behind = {"$add": [first, 1]}
        rest = {"$filter": {"input": held, "cond": {"$ne": ["$$this", literal]}}}
        kept = {
            "$concatArrays": [
                {"$slice": [held, behind]},
                {"$filter": {"input": {"$slice": [held, behind, _END]}, "cond": {"$ne": ["$$this", literal]}}},
            ]
        }
        liked = {"$in": [literal, _array("likedBy")]}
        gone = [{"$eq": [first, -1]}, held, kept]
        after = {"$cond": gone} if vote is Vote.UP else {"$cond": [liked, rest, {"$cond": gone}]}
        lower = {"$subtract": [f"${counter}", {"$subtract": [{"$size": held}, {"$size": after}]}]}
        fields |= {array: after, counter: _recounted(lower, {"$size": after}, exact)}
    return [{"$set": fields}]
