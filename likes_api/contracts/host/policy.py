"""The rules about who may read a target and vote on it, as its own contract has them, without I/O."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from likes_api.identity.bearer import Scope
from likes_api.identity.caller import Caller, CallerKind
from likes_api.identity.service_token import ServiceScope
from likes_api.repository.entries import EntryPolicy
from likes_api.repository.posts import PostPolicy
from likes_api.votes import TargetKind, Vote

# What is read of a target besides its votes; nothing of questions and messages.
Rules = EntryPolicy | PostPolicy | None

OF_PEOPLE = frozenset({TargetKind.POST, TargetKind.COMMENT})
_DOWNVOTED = frozenset({TargetKind.QUESTION, TargetKind.MESSAGE})
_VOTERS: Mapping[TargetKind, frozenset[CallerKind]] = {
    TargetKind.ENTRY: frozenset({CallerKind.USER, CallerKind.GUEST}),
    TargetKind.QUESTION: frozenset({CallerKind.USER}),
    TargetKind.MESSAGE: frozenset({CallerKind.USER}),
    TargetKind.POST: frozenset({CallerKind.PERSON}),
    TargetKind.COMMENT: frozenset({CallerKind.PERSON}),
}


class Value(IntEnum):
    """A vote as the host API writes it."""

    UP = 1
    NONE = 0
    DOWN = -1

    @property
    def vote(self) -> Vote | None:
        """Return the vote that it stands for."""
        return {Value.UP: Vote.UP, Value.DOWN: Vote.DOWN}.get(self)

    @classmethod
    def of(cls, vote: Vote | None) -> "Value":
        """Return the value of a vote."""
        return cls.NONE if vote is None else cls.UP if vote is Vote.UP else cls.DOWN


class Reason(StrEnum):
    """The reason that a caller may not vote on a target."""

    LOGIN = "login"
    LOCKED = "locked"
    NOT_ALLOWED = "not_allowed"


class OtherCredential(Exception):
    """The credential is for targets of other types."""


class InsufficientScope(Exception):
    """The token was made without the scope."""


class VotersArePrivate(Exception):
    """The operator shows the voters of such targets to nobody."""


class Locked(Exception):
    """The entry takes no likes, from nobody."""


class LoginRequired(Exception):
    """Only somebody who has signed in may vote on this."""


class NotAllowed(Exception):
    """The post is private to this token, or its author ignores this person."""


class NoDownvotes(Exception):
    """Targets of this type take likes only."""


_REFUSALS = {Reason.LOGIN: LoginRequired, Reason.LOCKED: Locked, Reason.NOT_ALLOWED: NotAllowed}


def caller_kind(kind: TargetKind) -> CallerKind:
    """Return the kind of caller for whom a service acts on targets of a type."""
    return CallerKind.PERSON if kind in OF_PEOPLE else CallerKind.USER


def require_credential(kind: TargetKind, caller: Caller, *, writes: bool) -> None:
    """Refuse a credential that is about targets of other types; entries, questions and messages are read by anybody.

    :raises OtherCredential:
    """
    open_ = not writes and kind not in OF_PEOPLE
    if not open_ and caller.kind is not CallerKind.SERVICE and caller.kind not in _VOTERS[kind]:
        raise OtherCredential


def kinds_of(caller: Caller) -> frozenset[TargetKind]:
    """Return the types of targets that a credential votes on; a service does so for users and for people."""
    if caller.kind is CallerKind.SERVICE:
        return frozenset(TargetKind)
    return frozenset(kind for kind, voters in _VOTERS.items() if caller.kind in voters)


def require_scope(kind: TargetKind, caller: Caller, *, writes: bool) -> None:
    """Refuse a token that was made without the scope that targets of a type need.

    :raises InsufficientScope:
    """
    require_service_scope(caller, ServiceScope.VOTES_WRITE if writes else ServiceScope.VOTES_READ)
    if caller.kind is CallerKind.PERSON and kind in OF_PEOPLE:
        needed = {Scope.PUBLIC_READ, Scope.INTERACTIONS} if writes else {Scope.PUBLIC_READ}
        if not needed <= caller.scopes:
            raise InsufficientScope


def require_service_scope(caller: Caller, scope: ServiceScope) -> None:
    """Refuse a service, or whom it acts for, without the scope; any other caller passes.

    :raises InsufficientScope:
    """
    if (caller.kind is CallerKind.SERVICE or caller.service_token is not None) and scope not in caller.scopes:
        raise InsufficientScope


def voter_of(kind: TargetKind, caller: Caller | None) -> str | None:
    """Return the id whose votes on targets of a type are the caller's own, if there is one."""
    return caller.id if caller is not None and caller.kind in _VOTERS[kind] else None


def reader_of_posts(caller: Caller | None) -> str | None:
    """Return the person whose view of posts the caller has; ``None`` is the view of a service, which sees all.

    :raises OtherCredential: it is neither.
    """
    if caller is None or caller.kind not in {CallerKind.PERSON, CallerKind.SERVICE}:
        raise OtherCredential
    return caller.id if caller.kind is CallerKind.PERSON else None


def may_read(rules: Rules, caller: Caller) -> bool:
    """Whether a token gives access to a target that its person may see."""
    if not isinstance(rules, PostPolicy) or rules.public or caller.kind is CallerKind.SERVICE:
        return True
    return Scope.PRIVATE_READ in caller.scopes


def reason_against(kind: TargetKind, rules: Rules, caller: Caller, *, guest_likes: bool) -> Reason | None:
    """Return why the caller may not like a target, or ``None``.

    :param guest_likes: whether guests may like entries that do not say so themselves.
    """
    if isinstance(rules, EntryPolicy) and rules.locked:
        return Reason.LOCKED
    if caller.kind not in _VOTERS[kind]:
        return Reason.LOGIN
    if isinstance(rules, EntryPolicy) and caller.kind is CallerKind.GUEST:
        guests_may = guest_likes if rules.guest_allowed is None else rules.guest_allowed
        return None if guests_may else Reason.LOGIN
    if isinstance(rules, PostPolicy) and (rules.ignores_reader or Scope.INTERACTIONS not in caller.scopes):
        return Reason.NOT_ALLOWED
    return None


def is_to_be_made(rules: Rules) -> bool:
    """Whether they are those of an entry that its first like makes."""
    return isinstance(rules, EntryPolicy) and not rules.exists


def require_may_vote(kind: TargetKind, rules: Rules, caller: Caller, value: Value, *, guest_likes: bool) -> None:
    """Refuse a vote against the rules of its target.

    Whom a post's author ignores may take a like back all the same, as in contract 3.

    :raises Locked:
    :raises LoginRequired:
    :raises NotAllowed:
    :raises NoDownvotes:
    """
    if not may_read(rules, caller):
        raise NotAllowed
    reason = reason_against(kind, rules, caller, guest_likes=guest_likes)
    if reason is not None and not (reason is Reason.NOT_ALLOWED and value is Value.NONE):
        raise _REFUSALS[reason]
    if value is Value.DOWN and kind not in _DOWNVOTED:
        raise NoDownvotes
