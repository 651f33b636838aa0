"""A voter's votes in vote documents: read all of them, or hand over some in one transaction.

A vote document is deleted together with what it counts for in its target's document. So nothing of a voter who leaves
has to wait for a compaction, and no count is wrong in between: at every instant

    count = the target's own counter - what it shows ahead of compaction + all pending votes

and the transaction writes the counter that makes this sum what it was, less a vote that is lost (see
``votes/vote_documents.py``). What it shows ahead becomes the sum of the votes that are still pending.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.abandoned_transactions import abort_abandoned_transactions
from likes_api.mongodb.documents import Database, Document, Session
from likes_api.mongodb.transactions import in_transaction
from likes_api.repository.votes.array_fields import OVERFLOW, Form
from likes_api.repository.votes.maintenance.migration import Migration
from likes_api.repository.votes.targets import KINDS, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import key, votes_of
from likes_api.repository.votes.vote_fields import HALVES, count, integer
from likes_api.votes import Target, Vote

BATCH = 200
_READ = 1_000
# Of a vote document, besides what is to be compacted: the vote, and the target that it names.
_HANDED_OVER = ("vote", "place", "field", "key")
_NO_SET = ObjectId(bytes(12))


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step.

    :param done: how many votes were handed over or taken back.
    :param waiting: how many documents wait for a migration to end.
    :param end: behind which set of votes the next step begins; ``None`` after the last one.
    """

    done: int
    waiting: int
    end: ObjectId | None


class VotesInDocuments:
    """Find and change a voter's vote documents."""

    def __init__(self, database: Database, finder: TargetFinder) -> None:
        self._database = database
        self._finder = finder
        self._votes = votes_of(database)
        self._register = collections.get(database, collections.MOVED)
        self._migration = Migration(database, finder)

    def read(self, voter: str) -> Iterator[tuple[Target, Vote]]:
        """Yield the votes on moved targets."""
        after: ObjectId | None = _NO_SET
        while after is not None:
            rows = self._rows(voter, after, _READ, None)
            named = self._named(rows, None)
            for row in rows:
                if "vote" in row and _is_counted(row, named):
                    yield Target(KINDS[row["entry"]["collection"]], str(named[row["set"]]["id"])), Vote(row["vote"])
            after = rows[-1]["set"] if len(rows) == _READ else None

    def hand_over_some(self, voter: str, into: str | None, after: ObjectId | None) -> Step | None:
        """Hand over, or take back, the votes in the next sets.

        :param after: the ``end`` of the step before.
        :returns: ``None`` where there are no vote documents.
        """
        stale: list[ObjectId] = []
        behind = {"_id.v": voter, "_id.t": {"$gt": after or _NO_SET}}
        if self._votes.find_one(behind, {"_id": 1}) is None:
            return None

        def act(session: Session) -> Step:
            stale.clear()
            rows = self._rows(voter, after or _NO_SET, BATCH, session)
            named = self._named(rows, session)
            counted = [row for row in rows if _is_counted(row, named)]
            left = [row for row in rows if row["set"] not in named and _is_left(row)]
            stale.extend(row["set"] for row in rows if row["set"] in named and _is_cut_off(row, named))
            if counted:
                self._count(counted, voter, into, session)
            if counted or left:
                deleted = [key(row["set"], voter) for row in (*counted, *left)]
                self._votes.delete_many({"_id": {"$in": deleted}}, session=session)
            end = rows[-1]["set"] if len(rows) == BATCH else None
            return Step(sum("vote" in row for row in counted), len(rows) - len(counted) - len(left), end)

        try:
            step = in_transaction(self._database.client, act, ReadConcern("snapshot"))
        except PyMongoError as error:
            if error.timeout or error.has_error_label("TransientTransactionError"):
                # That of a process that was killed would hold targets for a minute.
                abort_abandoned_transactions(self._database.client, idle=timeouts.ABANDONED_IDLE_SECONDS)
            raise
        for id_ in stale:
            self._migration.discard(id_)
        return step

    def is_noted(self, voter: str) -> bool:
        """Whether a migration has noted the voter; one that was cut off is abandoned, and so forgets all whom it noted.

        Reads the whole register, but only for sets that are not marked as moved.
        """
        by_collection: dict[str, list[Document]] = {}
        for entry in self._register.find({"moved": {"$ne": True}}):
            by_collection.setdefault(entry["collection"], []).append(entry)
        noted = False
        for name, entries in by_collection.items():
            keys = {"_id": {"$in": [entry["target"] for entry in entries]}, f"{OVERFLOW}.touched": voter}
            for found in collections.get(self._database, name).find(keys, {f"{OVERFLOW}.id": 1}, collation=SIMPLE):
                noted = True
                if _is_old(found[OVERFLOW]["id"]):
                    self._migration.discard(found[OVERFLOW]["id"])
        return noted

    def _rows(self, voter: str, after: ObjectId, limit: int, session: Session | None) -> list[Document]:
        """Read vote documents in the order of their sets, each with its set's entry in the register."""
        pipeline: list[Document] = [
            {"$match": {"_id.v": voter, "_id.t": {"$gt": after}}},
            {"$sort": {"_id.t": 1}},
            {"$limit": limit},
            {"$lookup": {"from": self._register.name, "localField": "_id.t", "foreignField": "_id", "as": "entry"}},
            {"$set": {"_id": "$$REMOVE", "set": "$_id.t", "entry": {"$first": "$entry"}}},
        ]
        with self._votes.aggregate(pipeline, batchSize=limit + 1, session=session) as found:
            return list(found)

    def _named(self, rows: list[Document], session: Session | None) -> dict[ObjectId, Document]:
        """Return the form and the id of the targets that name the sets, by set; one round trip for each collection."""
        keys: dict[str, list[Any]] = {}
        for row in rows:
            if entry := row.get("entry"):
                keys.setdefault(entry["collection"], []).append(entry["target"])
        named: dict[ObjectId, Document] = {}
        sets = [row["set"] for row in rows]
        for name, targets in keys.items():
            field = self._finder.id_field(KINDS[name])
            found = collections.get(self._database, name).find(
                {"_id": {"$in": targets}, f"{OVERFLOW}.id": {"$in": sets}},
                {f"{OVERFLOW}.id": 1, f"{OVERFLOW}.form": 1, field: 1},
                collation=SIMPLE,
                session=session,
            )
            named |= {each[OVERFLOW]["id"]: {"form": each[OVERFLOW]["form"], "id": each.get(field)} for each in found}
        return named

    def _count(self, rows: list[Document], voter: str, into: str | None, session: Session) -> None:
        """Write into the targets what remains of the counts, and into vote documents what another voter gets."""
        voted = [row for row in rows if "vote" in row]
        keeps = self._handed_over(voted, into, session) if into is not None and voted else set()
        match: Document = {"open": True, "_id.t": {"$in": [row["set"] for row in rows]}}
        sums = {"_id": "$_id.t", "up": {"$sum": "$up"}, "down": {"$sum": "$down"}}
        with self._votes.aggregate([{"$match": match}, {"$group": sums}], session=session) as found:
            pending = {each["_id"]: each for each in found}
        updates: dict[str, list[UpdateOne]] = {}
        for row in rows:
            lost = None if row["set"] in keeps else row.get("vote")
            fields = _remaining(pending.get(row["set"], {}), row, lost)
            named = {"_id": row["entry"]["target"], f"{OVERFLOW}.id": row["set"]}
            updates.setdefault(row["entry"]["collection"], []).append(
                UpdateOne(named, [{"$set": fields}], collation=SIMPLE)
            )
        for name, each in updates.items():
            collections.get(self._database, name).bulk_write(each, ordered=False, session=session)

    def _handed_over(self, rows: list[Document], into: str, session: Session) -> set[ObjectId]:
        """Assign votes to another voter where that one has none, and return the sets in which that is so."""
        ids = [key(row["set"], into) for row in rows]
        found = self._votes.find({"_id": {"$in": ids}, "vote": {"$exists": True}}, {"_id": 1}, session=session)
        votes_too = {each["_id"]["t"] for each in found}
        given = [row for row in rows if row["set"] not in votes_too]
        # What it has changed since the last compaction stays; the target's counter has the rest.
        updates = [
            UpdateOne(
                {"_id": key(row["set"], into)},
                {"$set": {name: row[name] for name in _HANDED_OVER if name in row}},
                upsert=True,
            )
            for row in given
        ]
        if updates:
            self._votes.bulk_write(updates, ordered=False, session=session)
        return {row["set"] for row in given}


def _remaining(pending: Mapping[str, Any], row: Mapping[str, Any], lost: str | None) -> Document:
    """Return the counters of a target whose vote document ``row`` is deleted."""
    fields: Document = {f"{OVERFLOW}.rev": {"$add": [integer(f"{OVERFLOW}.rev"), 1]}}
    for vote, _, counter in HALVES:
        ahead = f"{OVERFLOW}.{vote.value}"
        compacted = {"$subtract": [count(counter), integer(ahead)]}
        all_ = pending.get(vote.value, 0)
        fields[counter] = {"$max": [0, {"$add": [compacted, all_ - (lost == vote)]}]}
        fields[ahead] = all_ - row.get(vote.value, 0)
    return fields


def _is_counted(row: Mapping[str, Any], named: Mapping[ObjectId, Document]) -> bool:
    return named.get(row["set"], {}).get("form") == Form.MOVED


def _is_left(row: Mapping[str, Any]) -> bool:
    """Whether a set that no target names is what an earlier document has left, or a migration that was cut off."""
    return "entry" not in row or row["entry"].get("moved", False) or _is_old(row["set"])


def _is_cut_off(row: Mapping[str, Any], named: Mapping[ObjectId, Document]) -> bool:
    """Whether the target is still between two forms after longer than a migration may take."""
    return not _is_counted(row, named) and not row["entry"].get("moved", False) and _is_old(row["set"])


def _is_old(id_: ObjectId) -> bool:
    return datetime.now(UTC) - id_.generation_time > timeouts.STALE_MIGRATION
