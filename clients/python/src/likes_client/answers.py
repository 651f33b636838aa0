"""What the service answers, as it stands in JSON: fields that later versions add are kept."""

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

TargetType = Literal["entry", "post", "comment", "question", "message"]
Value = Literal[1, 0, -1]
Direction = Literal["up", "down"]


class Target(NamedTuple):
    """What is voted on; a plain tuple ``("question", "q_1")`` does as well."""

    type: TargetType
    id: str


AnyTarget = tuple[TargetType, str]


class Counts(TypedDict):
    """The votes on a target; ``count`` is what a page shows, an entry's boost included."""

    upvotes: int
    downvotes: int
    count: int


class Vote(Counts):
    """The votes on a target and the caller's own."""

    vote: Value


class ChangedVote(Vote):
    """The same after a write, and whether it changed anything."""

    changed: bool


class TargetStatus(Vote):
    """A target of a page, and whether the caller may vote on it."""

    type: TargetType
    id: str
    allowed: bool
    reason: Literal["login", "locked", "not_allowed"] | None


class ToggledVote(TypedDict):
    """What a toggle of the Q&A contract did."""

    action: str
    upvotes: int
    downvotes: int
    liked: bool
    downvoted: bool


class Voter(TypedDict):
    """Somebody who voted."""

    id: str
    name: NotRequired[str]


class VotersPage(TypedDict):
    """Some voters of a target, and how many there are: ``guests`` of them, and ``total`` with those."""

    voters: list[Voter]
    guests: int
    total: int
    next: str | None


class VoteOn(TypedDict):
    """A vote of one voter."""

    type: TargetType
    id: str
    vote: Value


class VotesPage(TypedDict):
    """Some votes of one voter."""

    votes: list[VoteOn]
    next: str | None


class Me(TypedDict):
    """Who the caller is."""

    kind: Literal["user", "person", "guest", "service"]
    id: str


class Author(TypedDict):
    """A person of a social network."""

    guid: str
    diaspora_id: str
    name: str
    avatar: NotRequired[str]


class Like(TypedDict):
    """A like of a post or a comment."""

    guid: str
    author: Author


class Session(TypedDict):
    """A session that was made: its cookie, ``name=value``, and its end in ISO 8601."""

    cookie: str
    expires: str


class Token(TypedDict):
    """A bearer token that was made, and its end in ISO 8601."""

    token: str
    expires: str


class BadLine(TypedDict):
    """A line that was not imported, by its number from 1."""

    line: int
    error: str


class Imported(TypedDict):
    """How many lines were imported, and which ones were not."""

    imported: int
    failed: list[BadLine]


class AuditLine(TypedDict):
    """A change by an administrator; ``by`` is the id of the token, or ``command``."""

    id: int
    at: str
    by: str
    action: str
    on: str


# The fields of a target, a person or a user, those of an import line of that kind, and a target's counts.
Content = dict[str, Any]
