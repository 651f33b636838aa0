"""The data of the host API: targets, votes, and their tallies."""

from collections.abc import Mapping, Sequence
from typing import Any

from likes_api.contracts.host import errors
from likes_api.contracts.host.policy import OF_PEOPLE, Reason, Value
from likes_api.identity.caller import Caller
from likes_api.votes import Tally, Target, TargetKind, Vote

MAX_COUNTED = 100
MAX_ASKED = 200
_KINDS = {kind.value: kind for kind in TargetKind}
_TARGETS = "targets"


def kind_of(type_: object) -> TargetKind | None:
    """Return the type of target that a word names, if it does."""
    return _KINDS.get(type_) if isinstance(type_, str) else None


def load_kind(type_: str) -> TargetKind:
    """Read the type in a URL.

    :raises Refused: 400, there is no such type.
    """
    if (kind := kind_of(type_)) is None:
        raise errors.invalid("target type")
    return kind


def load_value(body: Mapping[str, Any]) -> Value:
    """Read ``{"value": 1|0|-1}``.

    :raises Refused: 400, it is anything else.
    """
    value = body.get("value")
    if type(value) is not int or value not in list(Value):
        raise errors.invalid("value")
    return Value(value)


def load_asked(body: Mapping[str, Any]) -> list[Target]:
    """Read ``{"targets": [{"type", "id"}, …]}``, in order; one that is asked for twice is there twice.

    :raises Refused: 400, there is none or there are too many, or one has no type of ours or no id.
    """
    given = body.get("targets")
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_ASKED:
        raise errors.invalid(_TARGETS)
    return [_load_asked(each) for each in given]


def _load_asked(given: object) -> Target:
    if not isinstance(given, dict):
        raise errors.invalid(_TARGETS)
    kind, id_ = kind_of(given.get("type")), given.get("id")
    if kind is None or not isinstance(id_, str) or not id_:
        raise errors.invalid(_TARGETS)
    return Target(kind, id_)


def load_counted(parameters: Sequence[str]) -> list[Target]:
    """Read ``?target=entry:a&target=question:q_1``, each target once, in the order given.

    :raises Refused: 400, there is none or there are too many, or one has another type or no id.
    """
    if not 1 <= len(parameters) <= MAX_COUNTED:
        raise errors.invalid(_TARGETS)
    targets = []
    for parameter in parameters:
        type_, _, id_ = parameter.partition(":")
        kind = kind_of(type_)
        if kind is None or kind in OF_PEOPLE or not id_:
            raise errors.invalid(_TARGETS)
        targets.append(Target(kind, id_))
    return list(dict.fromkeys(targets))


def dump_vote(tally: Tally) -> dict[str, Any]:
    """Write a target's counts and the caller's own vote."""
    return dump_tally(tally) | {"vote": Value.of(tally.own).value}


def dump_listed(target: Target, vote: Vote) -> dict[str, Any]:
    """Write one of a voter's votes."""
    return {"type": target.kind.value, "id": target.id, "vote": Value.of(vote).value}


def dump_status(target: Target, tally: Tally, reason: Reason | None) -> dict[str, Any]:
    """Write one target of a status."""
    allowed = {"allowed": reason is None, "reason": reason}
    return {"type": target.kind.value, "id": target.id} | dump_vote(tally) | allowed


def dump_counts(tallies: Mapping[Target, Tally]) -> dict[str, Any]:
    """Write the counts of targets, as they were asked for."""
    return {"targets": {f"{target.kind}:{target.id}": dump_tally(tally) for target, tally in tallies.items()}}


def dump_tally(tally: Tally) -> dict[str, Any]:
    """Write the counts of a target that anybody may read."""
    return {"upvotes": tally.upvotes, "downvotes": tally.downvotes, "count": tally.upvotes + tally.boost}


def dump_caller(caller: Caller) -> dict[str, Any]:
    """Write the caller."""
    return {"kind": caller.kind.value, "id": caller.id}
