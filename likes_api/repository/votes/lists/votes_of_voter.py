"""The votes of a voter, a page at a time: found in both forms of targets through indexes, without a copy.

Targets of each kind are found by their arrays and by vote documents, each in the order of ids and cut to a page by the
server, all in one round trip. Each vote document names its target; those that do not, as an earlier version wrote them,
are found by the register.
"""

from collections.abc import Collection, Mapping, Sequence
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

# Rows of a page that may be left out, besides a fourth of it, without a second round trip.
_SPARE = 8

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
        """List votes in the order of kind, alphabetically, and id.

        One round trip; more where many of the votes are on targets that are gone or not visible.

        What is in the documents at that moment is found. A target that moves meanwhile is read in its arrays first and
        then in its vote documents, so it is found in one of them. So is a vote whose document is made to name its
        target.

        :param kinds: of which targets, one at least.
        :param after: begin behind this target, whether it is still among them or not.
        :param private: also posts that are not public, as far as the voter may see them, and comments on them.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        self._reads_hosts |= not HOST_OWNED.isdisjoint(kinds)
        found: dict[Place, Vote] = {}
        most = limit + 1 + limit // 4 + _SPARE
        while True:
            read = _Read(self._database, self._finder, voter, votes, most, private)
            rows = self._rows(read, kinds, after)
            ends = len(rows) < most
            # Behind the last row, there may be others of the same target.
            whole = [row for row in rows if ends or row.place != rows[-1].place] or rows
            for row in whole:
                if row.vote is not None:
                    found.setdefault(row.place, row.vote)
            if ends or len(found) > limit:
                return _cut(found, limit)
            after, most = whole[-1].place, most * 4

    def _rows(self, read: "_Read", kinds: Collection[TargetKind], after: Place | None) -> list["_Row"]:
        """Read the first rows behind ``after`` in their order, at most ``read.most``, in one round trip."""
        ranges = {kind: found for kind in sorted(kinds) if (found := self._ranges(kind, after))}
        streams = [
            read.in_arrays(kind, vote, range_) for kind in ranges for vote in read.votes for range_ in ranges[kind]
        ]
        for field in dict.fromkeys(self._finder.id_field(kind) for kind in ranges):
            alike = {kind: each for kind, each in ranges.items() if self._finder.id_field(kind) == field}
            streams.append(read.by_register(field, alike))
        streams += [read.in_documents(kind, range_) for kind in ranges for range_ in ranges[kind]]
        if not streams:
            return []
        (first, pipeline), *others = streams
        united: list[Document] = [{"$unionWith": {"coll": name, "pipeline": each}} for name, each in others]
        order: list[Document] = [{"$sort": {"kind": 1, "key": 1, "rank": 1}}, {"$limit": read.most}]
        cursor = self._database[first].aggregate(
            [*pipeline, *united, *order], batchSize=read.most + 1, collation=SIMPLE
        )
        with cursor:
            return [_Row.load(each) for each in cursor]

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


@dataclass(frozen=True, slots=True)
class _Row:
    """A vote that was found.

    :param vote: ``None`` where its target is gone or not visible.
    """

    place: Place
    vote: Vote | None

    @classmethod
    def load(cls, row: Document) -> "_Row":
        return cls(Place(TargetKind(row["kind"]), row["key"]), Vote(row["vote"]) if row["kept"] else None)


@dataclass(frozen=True, slots=True)
class _Read:
    """The pipelines that read a voter's votes, in the order of kinds and ids.

    Each is cut to ``most`` rows before it looks at other documents: MongoDB reads 4 MB of what has no such limit. So a
    row says whether it is ``kept``.
    """

    database: Database
    finder: TargetFinder
    voter: str
    votes: Collection[Vote]
    most: int
    private: bool

    def in_arrays(self, kind: TargetKind, vote: Vote, range_: Document) -> _Stream:
        """Read an index on the array and the id, as far as the page goes."""
        field = self.finder.id_field(kind)
        held = {HALVES[vote].array: {"$in": array_fields.spellings(self.voter)}, field: range_}
        row = {"kind": {"$literal": kind.value}, "key": f"${field}", "vote": {"$literal": vote.value}}
        seen, kept = self._seen_in_arrays(kind)
        return collections.name_in(self.database, COLLECTIONS[kind]), [
            {"$match": held},
            {"$sort": {field: 1}},
            *seen,
            {"$project": {"_id": 0, **row, "rank": {"$literal": list(Vote).index(vote) + 1}, "kept": kept}},
        ]

    def in_documents(self, kind: TargetKind, range_: Document) -> _Stream:
        """Read the index on the voter and the target, as far as the page goes; the target has to name the set."""
        field = self.finder.id_field(kind)
        held = {"_id.v": self.voter, "field": self.finder.path(kind), "vote": self._one_of_votes, "key": range_}
        row = {"kind": {"$literal": kind.value}, "key": "$key", "vote": "$vote", "rank": {"$literal": 0}}
        return votes_of(self.database).name, [
            {"$match": held},
            {"$sort": {"key": 1}},
            {"$limit": self.most},
            self._target(kind, [{}], ("key", field), "$_id.t"),
            {"$project": {"_id": 0, **row, "kept": {"$ne": [f"${kind.value}", []]}}},
        ]

    def by_register(self, field: str, ranges: Mapping[TargetKind, Sequence[Document]]) -> _Stream:
        """Follow vote documents that do not name their target by the register; the target has to name the set.

        All entries of the register are read at once, which costs some microseconds for each of these votes; the targets
        one by one, as far as the page goes.

        :param field: where targets of these kinds have their ids.
        """
        in_register: list[Document] = [
            {"moved.collection": COLLECTIONS[kind]} | ({"moved.target": each} if field == "_id" else {})
            for kind, each_of in ranges.items()
            for each in each_of
        ]
        named = [self.finder.path(kind) for kind in TargetKind]
        by_register: Document = {"$sort": {"moved.collection": 1, "moved.target": 1}}
        by_target: Document = {"$sort": {"found.kind": 1, "found.key": 1}}
        found = [
            *(
                self._target(kind, [{field: one} for one in each], ("moved.target", "_id"), "$moved._id")
                for kind, each in ranges.items()
            ),
            {"$set": {"found": {"$concatArrays": [f"${kind.value}" for kind in ranges]}}},
            {"$unwind": "$found"},
        ]
        row = {"kind": "$found.kind", "key": "$found.key", "vote": "$_id.vote", "rank": {"$literal": 0}}
        return votes_of(self.database).name, [
            {"$match": {"_id.v": self.voter, "field": {"$nin": named}, "vote": self._one_of_votes}},
            {"$group": {"_id": {"vote": "$vote", "part": _PART}, "sets": {"$push": "$_id.t"}}},
            self._join(collections.MOVED, ("sets", "_id"), "moved"),
            # Or each entry would be given a copy of the array.
            {"$unset": "sets"},
            {"$unwind": "$moved"},
            {"$match": {"$or": in_register}},
            *([by_register, *found] if field == "_id" else [*found, by_target]),
            {"$limit": self.most},
            {"$project": {"_id": 0, **row, "kept": {"$literal": True}}},
        ]

    @property
    def _one_of_votes(self) -> Document:
        return {"$in": [vote.value for vote in self.votes]}

    def _target(self, kind: TargetKind, ranges: Sequence[Document], on: tuple[str, str], set_: str) -> Document:
        named = {f"{OVERFLOW}.form": Form.MOVED.value, "$expr": {"$eq": [f"${OVERFLOW}.id", "$$set"]}}
        pipeline: list[Document] = [
            {"$match": named | {"$or": ranges}},
            *self._seen(kind),
            {"$project": {"kind": {"$literal": kind.value}, "key": f"${self.finder.id_field(kind)}"}},
        ]
        return self._join(COLLECTIONS[kind], on, kind.value, let={"set": set_}, pipeline=pipeline)

    def _join(self, collection: str, on: tuple[str, str], as_: str, **more: Any) -> Document:
        """Join documents whose second field of ``on`` is this one's first."""
        name = collections.name_in(self.database, collection)
        return {"$lookup": {"from": name, "localField": on[0], "foreignField": on[1], "as": as_} | more}

    def _seen(self, kind: TargetKind) -> list[Document]:
        """Keep posts that the voter may see, and comments on those."""
        if kind is TargetKind.POST:
            return [self._visible]
        return [self._posts_of_comments, {"$match": {"posts": {"$ne": []}}}] if kind is TargetKind.COMMENT else []

    def _seen_in_arrays(self, kind: TargetKind) -> tuple[list[Document], Document]:
        """Return the stages that cut the rows, and the expression for whether the voter may see one."""
        if kind is TargetKind.COMMENT:
            return [{"$limit": self.most}, self._posts_of_comments], {"$ne": ["$posts", []]}
        return [*self._seen(kind), {"$limit": self.most}], {"$literal": True}

    @property
    def _visible(self) -> Document:
        return {"$match": visible(self.voter) if self.private else {"public": True}}

    @property
    def _posts_of_comments(self) -> Document:
        seen: list[Document] = [self._visible, {"$project": {"_id": 1}}]
        return self._join(collections.POSTS, ("post", "_id"), "posts", pipeline=seen)


def _cut(found: Mapping[Place, Vote], limit: int) -> VotePage:
    places = list(found)[:limit]
    votes = tuple((Target(place.kind, str(place.key)), found[place]) for place in places)
    return VotePage(votes, places[-1] if len(found) > limit else None)
