"""What the host API reads and writes: targets, and their tallies."""

from collections.abc import Mapping, Sequence
from typing import Any

from likes_api.contracts.host import errors
from likes_api.votes import Tally, Target, TargetKind

MAX_COUNTED = 100
_KINDS = {kind.value: kind for kind in TargetKind}
# What anybody may read; posts and comments have readers.
OPEN_KINDS = frozenset({TargetKind.ENTRY, TargetKind.QUESTION, TargetKind.MESSAGE})


def load_counted(parameters: Sequence[str]) -> list[Target]:
    """Read ``?target=entry:a&target=question:q_1``, each target once, in the order given.

    :raises Refused: 400, there is none or there are too many, or one has another type or no id.
    """
    if not 1 <= len(parameters) <= MAX_COUNTED:
        raise errors.invalid("targets")
    targets = []
    for parameter in parameters:
        type_, _, id_ = parameter.partition(":")
        kind = _KINDS.get(type_)
        if kind not in OPEN_KINDS or not id_:
            raise errors.invalid("targets")
        targets.append(Target(kind, id_))
    return list(dict.fromkeys(targets))


def dump_counts(tallies: Mapping[Target, Tally]) -> dict[str, Any]:
    """Write the counts of targets, as they were asked for."""
    return {"targets": {f"{target.kind}:{target.id}": dump_tally(tally) for target, tally in tallies.items()}}


def dump_tally(tally: Tally) -> dict[str, Any]:
    """Write what anybody may know of a target's votes."""
    return {"upvotes": tally.upvotes, "downvotes": tally.downvotes, "count": tally.upvotes + tally.boost}
