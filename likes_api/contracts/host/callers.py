"""The callers of the host API: the credentials it accepts, and the users and persons for whom services act."""

from flask import Request

from likes_api.contracts.host import policy
from likes_api.identity.caller import Caller, CallerKind, Credential
from likes_api.identity.service_token import ON_BEHALF_OF, act_for
from likes_api.votes import TargetKind

ACCEPTED = frozenset(Credential)


def writer(caller: Caller, kind: TargetKind, request: Request) -> Caller:
    """Return the voter: the caller, or the user or person for whom a service acts.

    :raises MissingOnBehalfOf: a service does not say for whom.
    :raises InvalidOnBehalfOf: nobody has that id.
    :raises policy.InsufficientScope:
    """
    voter = act_for(caller, request.headers.get(ON_BEHALF_OF), policy.caller_kind(kind))
    policy.require_scope(kind, voter, writes=True)
    return voter


def reader(caller: Caller, kind: TargetKind, request: Request) -> Caller:
    """Return the caller whose own votes are read, or the one that a service names; a service may name none.

    :raises InvalidOnBehalfOf: nobody has that id.
    """
    named = request.headers.get(ON_BEHALF_OF)
    if caller.kind is CallerKind.SERVICE and not named:
        return caller
    return act_for(caller, named, policy.caller_kind(kind))
