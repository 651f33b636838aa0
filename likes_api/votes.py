"""Votes as plain values: what can be voted on, how a vote changes, and what an answer carries. No I/O.

Source: the Q&A votes document (``seeds/002``), section "Vote Behavior". The other contracts use the ``up`` half.
"""

from dataclasses import dataclass
from enum import StrEnum

GUEST_PREFIX = "guest_"
"""The beginning of guests' ids, and of no others, in the arrays that hold users and persons as well."""


class Vote(StrEnum):
    """One voter's opinion of one target; no vote at all is ``None``."""

    UP = "up"
    DOWN = "down"


class TargetKind(StrEnum):
    """The kinds of target; each is stored in a collection of its own."""

    QUESTION = "question"
    MESSAGE = "message"
    ENTRY = "entry"
    POST = "post"
    COMMENT = "comment"


class Action(StrEnum):
    """The effect of a toggle, in the words of the Q&A document."""

    LIKED = "liked"
    UNLIKED = "unliked"
    DOWNVOTED = "downvoted"
    UNDOWNVOTED = "undownvoted"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that can be voted on."""

    kind: TargetKind
    id: str


@dataclass(frozen=True, slots=True)
class Tally:
    """A target's counts and one voter's own vote, all of the same instant.

    The counts include votes that a host imported without their voters, so they may exceed the number of voters;
    they are never negative.

    :param boost: likes that an entry's owner adds to its count; not votes.
    """

    upvotes: int
    downvotes: int
    own: Vote | None
    boost: int = 0

    @property
    def liked(self) -> bool:
        """Whether the voter's own vote is up."""
        return self.own is Vote.UP

    @property
    def downvoted(self) -> bool:
        """Whether the voter's own vote is down."""
        return self.own is Vote.DOWN


NO_VOTES = Tally(0, 0, None)


@dataclass(frozen=True, slots=True)
class Change:
    """The change that a voter requests: to make ``vote`` their vote, or to have none.

    :param toggles: whether the same request again takes the vote back.
    :param only: the one vote that may be replaced; any other stays.
    """

    vote: Vote | None
    toggles: bool = False
    only: Vote | None = None

    def after(self, held: Vote | None) -> Vote | None:
        """Return the vote that stands afterwards, given the one that was held before."""
        if self.toggles and held is self.vote:
            return None
        return held if self.only not in (None, held) else self.vote


class TargetNotFound(LookupError):
    """The target does not exist."""


def action_of_toggle(vote: Vote, own: Vote | None) -> Action:
    """Return what toggling ``vote`` did, given the voter's ``own`` vote afterwards.

    The voter holds the vote itself afterwards (added, or switched from the other) or none (taken back), so the state
    afterwards is enough to know.
    """
    if own is vote:
        return Action.LIKED if vote is Vote.UP else Action.DOWNVOTED
    return Action.UNLIKED if vote is Vote.UP else Action.UNDOWNVOTED
