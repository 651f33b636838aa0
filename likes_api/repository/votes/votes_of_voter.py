"""The votes of a voter, a page at a time: found in both forms of targets through indexes, without a copy.

Targets of each kind are found by their arrays and by vote documents, each in the order of ids and cut to a page by the
server, all in one round trip.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from likes_api.mongodb import collections
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.posts import visible
from likes_api.repository.votes import array_fields
from likes_api.repository.votes.array_fields import HALVES, OVERFLOW, Form
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, SIMPLE, TargetFinder
from likes_api.repository.votes.vote_document_fields import votes_of
from likes_api.votes import Target, TargetKind, Vote

# A collection, and the pipeline that reads it.
_Stream = tuple[str, list[Document]]

# The last of an ObjectId's 24 hex digits, to read the register in 16 parts: MongoDB bounds what one stage makes.
_PART: Document = {"$substrBytes": [{"$toString": "$_id.t"}, 23, 1]}

# The least value of each type that an id may have. MongoDB compares with values of that type alone.
_LEAST: tuple[str | ObjectId, ...] = ("", ObjectId(bytes(12)))


@dataclass(frozen=True, slots=True)
class Place:
    """The end of a page: a target, and its id as it is stored. ObjectIds come after all strings."""

    kind: TargetKind
    key: str | ObjectId

    def dump(self) -> list[str | bool]:
        """Return the place as values of JSON."""
        return [self.kind.value, isinstance(self.key, ObjectId), str(self.key)]

    @classmethod
    def load(cls, dumped: Sequence[Any]) -> "Place":
        """Return the place of values that :meth:`dump` returned."""
        kind, is_object_id, key = dumped
        return cls(TargetKind(kind), ObjectId(key) if is_object_id else key)


@dataclass(frozen=True, slots=True)
class VotePage:
    """Votes of a voter.

    :param end: where the next page begins; ``None`` on the last one.
    """

    votes: tuple[tuple[Target, Vote], ...]
    end: Place | None


class VotesOfVoter:
    """Find the votes of a voter.

    :param qa_id_field: the field in which questions and messages carry their id.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id") -> None:
        self._database = database
        self._finder = TargetFinder(qa_id_field)
        self._reads_hosts = False

    def page(
        self,
        voter: str,
        kinds: Collection[TargetKind],
        votes: Collection[Vote],
        after: Place | None,
        limit: int,
        *,
        private: bool,
    ) -> VotePage:
        """List votes in the order of kind, alphabetically, and id. One round trip.

        What is in the documents at that moment is found. A target that moves meanwhile is read in its arrays first and
        then in its vote documents, so it is found in one of them.

        :param kinds: of which targets, one at least.
        :param after: begin behind this target, whether it is still among them or not.
        :param private: also posts that are not public, as far as the voter may see them, and comments on them.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        self._reads_hosts |= not HOST_OWNED.isdisjoint(kinds)
        read = _Read(self._database, self._finder, voter, votes, limit + 1, private)
        ranges = {kind: found for kind in sorted(kinds) if (found := self._ranges(kind, after))}
        streams = [read.in_arrays(kind, vote, range_) for kind in ranges for vote in votes for range_ in ranges[kind]]
        for field in dict.fromkeys(self._finder.id_field(kind) for kind in ranges):
            alike = {kind: each for kind, each in ranges.items() if self._finder.id_field(kind) == field}
            streams.append(read.in_documents(field, alike))
        return _cut(self._rows(streams, limit), limit)

    def missing_indexes(self) -> list[str]:
        """Return the indexes that the host's collections lack, once votes on its documents have been asked for here.

        Without them each page reads the whole collection.

        :raises likes_api.repository.StoreError: the database is unavailable.
        """
        if not self._reads_hosts:
            return []
        missing = collections.missing_host_indexes(self._database, self._finder.id_field(TargetKind.QUESTION))
        return [f"{collection}.{collections.key_of(index)[0][0]}" for collection, index in missing]

    def _ranges(self, kind: TargetKind, after: Place | None) -> list[Document]:
        """Make the ranges of ids that come behind ``after``, one for each type that an id may have."""
        if after is not None and kind < after.kind:
            return []
        types = _LEAST if kind in HOST_OWNED and self._finder.id_field(kind) == "_id" else _LEAST[:1]
        if after is None or kind > after.kind:
            return [{"$gte": least} for least in types]
        place = [type(least) for least in types].index(type(after.key))
        return [{"$gt": after.key}, *({"$gte": least} for least in types[place + 1 :])]

    def _rows(self, streams: list[_Stream], limit: int) -> Iterator[Document]:
        if not streams:
            return
        (first, pipeline), *others = streams
        united: list[Document] = [{"$unionWith": {"coll": name, "pipeline": each}} for name, each in others]
        # A target may be found in each array and in its vote documents, by a fault or while it moves.
        most = (limit + 1) * (len(HALVES) + 1)
        order = {"$sort": {"kind": 1, "key": 1, "rank": 1}}
        rows = self._database[first].aggregate(
            [*pipeline, *united, order, {"$limit": most}], batchSize=most + 1, collation=SIMPLE
        )
        with rows:
            yield from rows


@dataclass(frozen=True, slots=True)
class _Read:
    """The pipelines that read a voter's votes, in the order of kinds and ids."""

    database: Database
    finder: TargetFinder
    voter: str
    votes: Collection[Vote]
    limit: int
    private: bool

    def in_arrays(self, kind: TargetKind, vote: Vote, range_: Document) -> _Stream:
        """Read an index on the array and the id, as far as the page goes."""
        field = self.finder.id_field(kind)
        held = {HALVES[vote].array: {"$in": array_fields.spellings(self.voter)}, field: range_}
        row = {"kind": {"$literal": kind.value}, "key": f"${field}", "vote": {"$literal": vote.value}}
        return collections.name_in(self.database, COLLECTIONS[kind]), [
            {"$match": held},
            {"$sort": {field: 1}},
            *self._seen(kind),
            {"$limit": self.limit},
            {"$project": {"_id": 0, **row, "rank": {"$literal": list(Vote).index(vote) + 1}}},
        ]

    def in_documents(self, field: str, ranges: Mapping[TargetKind, Sequence[Document]]) -> _Stream:
        """Follow the voter's vote documents to their targets, by the register; the target has to name the set.

        All entries of the register are read at once, which costs some microseconds for each vote on a moved target; the
        targets one by one, as far as the page goes.

        :param field: where targets of these kinds have their ids.
        """
        in_register: list[Document] = [
            {"moved.collection": COLLECTIONS[kind]} | ({"moved.target": each} if field == "_id" else {})
            for kind, each_of in ranges.items()
            for each in each_of
        ]
        by_register: Document = {"$sort": {"moved.collection": 1, "moved.target": 1}}
        by_target: Document = {"$sort": {"found.kind": 1, "found.key": 1}}
        found = [
            *(self._target(kind, field, each) for kind, each in ranges.items()),
            {"$set": {"found": {"$concatArrays": [f"${kind.value}" for kind in ranges]}}},
            {"$unwind": "$found"},
        ]
        row = {"kind": "$found.kind", "key": "$found.key", "vote": "$_id.vote", "rank": {"$literal": 0}}
        return votes_of(self.database).name, [
            {"$match": {"_id.v": self.voter, "vote": {"$in": [vote.value for vote in self.votes]}}},
            {"$group": {"_id": {"vote": "$vote", "part": _PART}, "sets": {"$push": "$_id.t"}}},
            self._join(collections.MOVED, "sets", "moved"),
            # Or each entry would be given a copy of the array.
            {"$unset": "sets"},
            {"$unwind": "$moved"},
            {"$match": {"$or": in_register}},
            *([by_register, *found] if field == "_id" else [*found, by_target]),
            {"$limit": self.limit},
            {"$project": {"_id": 0, **row}},
        ]

    def _target(self, kind: TargetKind, field: str, ranges: Sequence[Document]) -> Document:
        named = {f"{OVERFLOW}.form": Form.MOVED.value, "$expr": {"$eq": [f"${OVERFLOW}.id", "$$set"]}}
        pipeline: list[Document] = [
            {"$match": named | {"$or": [{field: each} for each in ranges]}},
            *self._seen(kind),
            {"$project": {"kind": {"$literal": kind.value}, "key": f"${field}"}},
        ]
        return self._join(COLLECTIONS[kind], "moved.target", kind.value, let={"set": "$moved._id"}, pipeline=pipeline)

    def _join(self, collection: str, local: str, as_: str, **more: Any) -> Document:
        name = collections.name_in(self.database, collection)
        return {"$lookup": {"from": name, "localField": local, "foreignField": "_id", "as": as_} | more}

    def _seen(self, kind: TargetKind) -> list[Document]:
        """Keep posts that the voter may see, and comments on those."""
        condition = visible(self.voter) if self.private else {"public": True}
        if kind is TargetKind.POST:
            return [{"$match": condition}]
        if kind is TargetKind.COMMENT:
            seen: list[Document] = [{"$match": condition}, {"$project": {"_id": 1}}]
            return [
                self._join(collections.POSTS, "post", "posts", pipeline=seen),
                {"$match": {"posts": {"$ne": []}}},
            ]
        return []


def _cut(rows: Iterator[Document], limit: int) -> VotePage:
    found: dict[Place, Vote] = {}
    for row in rows:
        found.setdefault(Place(TargetKind(row["kind"]), row["key"]), Vote(row["vote"]))
    places = list(found)[:limit]
    votes = tuple((Target(place.kind, str(place.key)), found[place]) for place in places)
    return VotePage(votes, places[-1] if len(found) > limit else None)
