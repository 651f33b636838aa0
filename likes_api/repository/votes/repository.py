"""Votes on targets, for all contracts: this chooses the form in which a target's votes are kept, and nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from bson import ObjectId

from likes_api.mongodb.documents import Database, Session
from likes_api.repository.rules import NO_RULES, Rules
from likes_api.repository.votes.array_votes import ArrayVotes
from likes_api.repository.votes.cast import Cast, Moved
from likes_api.repository.votes.lists.voter_page import VoterPage
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.targets import COLLECTIONS, HOST_OWNED, TargetFinder
from likes_api.repository.votes.vote_documents import VoteDocuments
from likes_api.votes import Change, Tally, Target, TargetKind, Vote

__all__ = ["COLLECTIONS", "HOST_OWNED", "VoteRepository", "Voters"]

R = TypeVar("R")
_REMEMBERED = 10_000
# What the server takes. No list is as long.
_MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Voters:
    """A stretch of a target's likers, in order, and whether there are more behind it."""

    ids: tuple[str, ...]
    more: bool


class VoteRepository:
    """Keep votes on targets.

    :param qa_id_field: the field in which questions and messages, the host application's documents, carry their id.
    :param maintenance: moves targets that outgrow their document, and looks after those that did. Without one, none is
        moved; votes on moved targets are counted all the same.

    Every method may raise :class:`likes_api.repository.StoreError`. A ``session`` makes a call part of a transaction.
    """

    def __init__(self, database: Database, qa_id_field: str = "_id", maintenance: Maintenance | None = None) -> None:
        finder = TargetFinder(qa_id_field)
        self._arrays = ArrayVotes(database, finder, maintenance)
        self._documents = VoteDocuments(database, finder, maintenance)
        # Which targets are moved saves a round trip. They do not move back; should a host delete one and make it
        # anew, the count that follows the vote tells, and the vote is cast again.
        self._moved: dict[Target, ObjectId] = {}

    def toggle(self, target: Target, voter: str, vote: Vote, session: Session | None = None) -> Tally:
        """Add ``vote``, take it back where it stands already, or switch from the other one.

        :raises TargetNotFound: there is no such target.
        """
        return self._cast(target, voter, Change(vote, toggles=True), session)[0]

    def set(self, target: Target, voter: str, vote: Vote) -> tuple[Tally, bool]:
        """Make ``vote`` the voter's vote; return the tally and whether that changed anything.

        :raises TargetNotFound: there is no such target.
        """
        return self._cast(target, voter, Change(vote), None)

    def clear(self, target: Target, voter: str, only: Vote | None = None) -> tuple[Tally, bool]:
        """Take back the voter's vote, if any; return the tally and whether that changed anything.

        :param only: take back this vote alone; the other one stays.
        :raises TargetNotFound: there is no such target.
        """
        return self._cast(target, voter, Change(None, only=only), None)

    def tally(self, target: Target, voter: str | None = None, session: Session | None = None) -> Tally:
        """Read a target's counts, and ``voter``'s own vote: one round trip, and one more when it turns out to be moved.

        :raises TargetNotFound: there is no such target.
        """
        return self._read(
            target,
            lambda: self._arrays.tally(target, voter, session),
            lambda id_: self._documents.tally(target, id_, voter, session),
        )

    def tallies(self, kind: TargetKind, ids: Iterable[str], voter: str | None = None) -> dict[str, Tally]:
        """Read many targets of one kind; ids that do not exist are left out.

        One round trip for all, and one more for all that are moved.
        """
        return {id_: tally for id_, (tally, _) in self.read(kind, ids, voter, NO_RULES).items()}

    def read(
        self, kind: TargetKind, ids: Iterable[str], voter: str | None, rules: Rules[R]
    ) -> dict[str, tuple[Tally, R]]:
        """Read many targets of one kind with their rules; ids that do not exist, or are not visible, are left out.

        One round trip for all, and one more for all that are moved.
        """
        found = self._arrays.read(kind, ids, voter, rules)
        sets = {id_: each.id for id_, (each, _) in found.items() if isinstance(each, Moved)}
        moved = self._documents.tallies(kind, sets, voter) if sets else {}
        tallies = {
            id_: (moved.get(id_) if isinstance(each, Moved) else each, its) for id_, (each, its) in found.items()
        }
        return {id_: (tally, its) for id_, (tally, its) in tallies.items() if tally is not None}

    def likers(self, target: Target, own: str, offset: int, limit: int) -> Voters:
        """List likers: ``own`` first if among them, then the others, oldest like first.

        One round trip, and one more where the target is moved: the server reads an index up to the end of the stretch.

        :param offset: how many to pass over, from 0, as large as you like.
        :param limit: how many to return at most, from 1.
        :raises TargetNotFound: there is no such target.
        """
        offset = min(offset, _MAX_OFFSET)
        # One more than asked for tells whether there are more.
        ids = self._arrays.likers(target, own, offset, limit + 1)
        if isinstance(ids, Moved):
            ids = self._documents.likers(ids.id, own, offset, limit + 1)
        return Voters(tuple(ids[:limit]), len(ids) > limit)

    def voters(self, target: Target, vote: Vote, after: str | None, limit: int) -> VoterPage:
        """List those who cast a vote, without guests, in the order of their ids.

        One round trip, and one more when the target turns out to be moved.

        :param after: begin behind this id, whether it is still among them or not.
        :param limit: how many to return at most, from 1.
        :raises TargetNotFound: there is no such target.
        """
        # One more than asked for tells whether there are more.
        page = self._read(
            target,
            lambda: self._arrays.voters(target, vote, after, limit + 1),
            lambda id_: self._documents.voters(target, id_, vote, after, limit + 1),
        )
        return replace(page, ids=page.ids[:limit], more=len(page.ids) > limit)

    def _read(
        self, target: Target, in_arrays: Callable[[], R | Moved], in_documents: Callable[[ObjectId], R | None]
    ) -> R:
        """Read a target in the form that it has; what is remembered of it may be out of date."""
        while True:
            id_ = self._moved.get(target)
            if id_ is None:
                found = in_arrays()
                if not isinstance(found, Moved):
                    return found
                self._remember(target, found)
            elif (held := in_documents(id_)) is not None:
                return held
            else:
                self._moved.pop(target, None)

    def _cast(self, target: Target, voter: str, change: Change, session: Session | None) -> tuple[Tally, bool]:
        while True:
            id_ = self._moved.get(target)
            cast: Cast | Moved | None
            if id_ is None:
                cast = self._arrays.cast(target, voter, change, session)
            else:
                cast = self._documents.cast(target, id_, voter, change, session)
            if isinstance(cast, Cast):
                tally = cast.tally or self.tally(target, session=session)
                return replace(tally, own=cast.own), cast.changed
            if cast is None:
                self._moved.pop(target, None)
            else:
                self._remember(target, cast)

    def _remember(self, target: Target, moved: Moved) -> None:
        if len(self._moved) >= _REMEMBERED:
            self._moved.clear()
        self._moved[target] = moved.id
