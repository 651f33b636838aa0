"""Repair what ``verify.py`` finds, while people vote.

Each repair is an atomic update that computes its result from the present document, or whose filter names what was read;
so a vote in between is neither lost nor counted twice.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bson import ObjectId

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Collection, Database, Document
from likes_api.repository.votes.array_fields import OVERFLOW, Form
from likes_api.repository.votes.consistency.summary import count_moved, is_ours
from likes_api.repository.votes.consistency.verify import Fault, FaultKind, Verifier
from likes_api.repository.votes.consistency.vote_sets import OWN
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import key, votes_of
from likes_api.repository.votes.vote_fields import HALVES, array, count, distinct_voters, integer, normalized
from likes_api.votes import Vote

_CHUNK = 1_000
# A repair may uncover another fault, or collide with a vote.
_ROUNDS = 5


def verify_votes(
    database: Database, *, repair: bool, delete: int | None = None
) -> Iterator[tuple[int, Fault | None, bool]]:
    """Check all votes, and repair them if requested.

    :param delete: how many votes there are that no target names, as an earlier run has said; with another number of
        them, or ``None``, a repair leaves them.
    :returns: how many targets and sets of votes are checked; for each of them ``None``, or each fault and whether it is
        gone after the repair.
    :raises likes_api.repository.StoreError: the database is unavailable; earlier repairs stay.
    """
    verifier, repairer = Verifier(database), Repairer(database)
    checked = 0
    without_target: list[Fault] = []
    for checked, faults in enumerate(verifier.check(), start=1):
        asked_for = [fault for fault in faults if fault.kind in (FaultKind.NO_TARGET, FaultKind.DOUBTFUL)]
        without_target += asked_for
        left = _repaired(verifier, repairer, faults) if repair and not asked_for else faults
        kinds = {(fault.kind, fault.half) for fault in left}
        for fault in faults if not asked_for else ():
            yield checked, fault, (fault.kind, fault.half) not in kinds
        if not faults:
            yield checked, None, True
    agreed = delete == sum(fault.votes for fault in without_target)
    for fault in without_target:
        # There is nothing to ask about a set that is empty.
        yield checked, fault, repair and (agreed or not fault.votes) and repairer.delete(fault)


def _repaired(verifier: Verifier, repairer: "Repairer", faults: list[Fault]) -> list[Fault]:
    left = faults
    for _ in range(_ROUNDS):
        for fault in left:
            repairer.repair(fault)
        left = verifier.check_again(faults)
        if not left:
            break
    return left


class Repairer:
    """Repair faults."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._votes = votes_of(database)
        self._migration = Migration(database, TargetFinder())

    def repair(self, fault: Fault) -> None:
        """Repair one fault; the next check shows whether it is gone."""
        repairs: dict[FaultKind, Callable[[Fault], object]] = {
            FaultKind.TWICE: self._normalize,
            FaultKind.BOTH: self._normalize,
            FaultKind.ELEMENTS: self._normalize,
            FaultKind.COUNTER: self._recount_arrays if fault.id is None else self._recount_votes,
            FaultKind.OVERFLOW: self._mend_overflow,
            FaultKind.HALF_MOVED: self._finish_or_give_up,
            FaultKind.NO_VOTE: self._delete_strange_votes,
            FaultKind.UNNAMED: self._restore,
            FaultKind.LEFT: self.delete,
        }
        if fault.kind in repairs:
            repairs[fault.kind](fault)

    def delete(self, fault: Fault) -> bool:
        """Delete the votes of a target that is gone; return whether they are."""
        return fault.id is not None and self._migration.discard(fault.id)

    def _normalize(self, fault: Fault) -> None:
        """Rewrite arrays and counters in the documented form, in one update."""
        if fault.id is not None:
            # Of a moved target the counters belong to its votes; its arrays are imported afterwards.
            self._update(fault, {name: distinct_voters(name) for _, name, _ in HALVES}, {f"{OVERFLOW}.id": fault.id})
            return
        # Not while a migration copies the arrays: it would not notice the change.
        self._update(fault, normalized(exact=fault.collection in OWN), {OVERFLOW: {"$exists": False}})

    def _delete_strange_votes(self, fault: Fault) -> None:
        self._votes.delete_many({"_id.t": fault.id, "vote": {"$nin": [None, *(vote.value for vote in Vote)]}})

    def _restore(self, fault: Fault) -> None:
        if fault.id is not None:
            self._mend_overflow(fault)
            self._migration.restore(fault.id)

    def _recount_arrays(self, fault: Fault) -> None:
        fields: Document = {}
        for _, name, counter in HALVES:
            size = {"$size": array(name)}
            fields[counter] = size if fault.collection in OWN else {"$max": [count(counter), size]}
        self._update(fault, fields, {f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}})

    def _recount_votes(self, fault: Fault) -> None:
        """Add what is missing. A vote changes both sides alike, another repair does not: so repairs are numbered."""
        named: Document = {f"{OVERFLOW}.id": fault.id}
        found = self._targets(fault).find_one(_id(fault) | named, {f"{OVERFLOW}.repairs": 1}, collation=SIMPLE)
        if found is None or fault.id is None:
            return
        repairs = found[OVERFLOW].get("repairs")
        numbers = count_moved(self._database, fault.collection, fault.key, fault.id)
        if numbers is None:
            return
        number = repairs if isinstance(repairs, int) else 0
        fields: Document = {f"{OVERFLOW}.repairs": number + 1}
        for vote, _, counter in HALVES:
            missing = numbers.votes[vote] - numbers.total[vote]
            step = missing if missing > 0 or fault.collection in OWN else 0
            fields[counter] = {"$add": [count(counter), step]}
        self._update(fault, fields, named | {f"{OVERFLOW}.repairs": repairs})

    def _mend_overflow(self, fault: Fault) -> None:
        """Remove a ``likesOverflow`` that names no set of votes; complete one that does."""
        id_, form, moved = f"${OVERFLOW}.id", f"${OVERFLOW}.form", Form.MOVED.value
        numbers = {each: integer(f"{OVERFLOW}.{each}") for each in ("up", "down", "rev")}
        named = {"$and": [{"$eq": [{"$type": id_}, "objectId"]}, {"$eq": [form, moved]}]}
        mended = {"$cond": [named, {"id": id_, "form": form, **numbers}, "$$REMOVE"]}
        self._update(fault, {OVERFLOW: mended}, {OVERFLOW: {"$exists": True}, "$expr": {"$not": [is_ours()]}})

    def _finish_or_give_up(self, fault: Fault) -> None:
        """Abandon a migration that was cut off; finish one that left voters in the arrays."""
        if (id_ := fault.id) is None:
            return
        moved = {f"{OVERFLOW}.id": id_, f"{OVERFLOW}.form": Form.MOVED.value}
        fields = {name: 1 for _, name, _ in HALVES}
        found = self._targets(fault).find_one(_id(fault) | moved, fields, collation=SIMPLE)
        if found is None:
            # Only under this id: a migration that has started since goes on.
            unmoved = {f"{OVERFLOW}.id": id_, f"{OVERFLOW}.form": {"$ne": Form.MOVED.value}}
            self._update(fault, {OVERFLOW: "$$REMOVE"}, unmoved)
            self._migration.discard(id_)
            return
        entry = {"collection": fault.collection, "target": fault.key, "moved": True}
        collections.get(self._database, collections.MOVED).update_one(
            {"_id": id_}, {"$setOnInsert": entry, "$unset": {"named": ""}}, upsert=True
        )
        for vote, name, _ in HALVES:
            self._take_in(fault, id_, vote, name, found.get(name) or [])

    def _take_in(self, fault: Fault, id_: ObjectId, vote: Vote, name: str, voters: list[Any]) -> None:
        """Add a vote for each voter in the array of a moved target who has none; then remove them from the array.

        The counter stays, for the host that wrote them may have counted them. Where not, that is another fault.
        """
        for begin in range(0, len(voters), _CHUNK):
            chunk = voters[begin : begin + _CHUNK]
            for place, voter in enumerate(chunk, start=begin):
                fields = {"vote": vote.value, "place": place}
                self._votes.update_one({"_id": key(id_, voter)}, {"$setOnInsert": fields}, upsert=True)
            left = {name: {"$setDifference": [array(name), {"$literal": chunk}]}}
            self._update(fault, left, {f"{OVERFLOW}.id": id_})

    def _update(self, fault: Fault, fields: Document, condition: Document) -> None:
        self._targets(fault).update_one(_id(fault) | condition, [{"$set": fields}], collation=SIMPLE)

    def _targets(self, fault: Fault) -> Collection:
        return collections.get(self._database, fault.collection)


def _id(fault: Fault) -> Document:
    return {"_id": {"$eq": fault.key}}
