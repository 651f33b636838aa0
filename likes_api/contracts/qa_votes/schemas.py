"""The data of contract 1: the ballot in the body, and the tally in the answer."""

from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from likes_api.http.errors import Refused
from likes_api.votes import Action, Tally, Target, TargetKind, Vote

MISSING = "Missing parameters"
INVALID_TARGET_TYPE = "Invalid target type"
INVALID_VOTE_TYPE = "Invalid vote type"

_MISSING_MESSAGES: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": MISSING,
    "null": MISSING,
    "invalid": MISSING,
}
_KINDS = {kind.value: kind for kind in (TargetKind.QUESTION, TargetKind.MESSAGE)}
_VOTES = {vote.value: vote for vote in Vote}


@dataclass(frozen=True, slots=True)
class Ballot:
    """The vote that a request asks for, and its target."""

    target: Target
    vote: Vote


class _Text(fields.String):
    """A string that is there; anything else, and an empty one, counts as missing."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.make_error("invalid")
        return value


class _BallotSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    target_id = _Text(data_key="targetId", required=True, error_messages=_MISSING_MESSAGES, metadata={"minLength": 1})
    target_type = _Text(
        data_key="targetType", required=True, error_messages=_MISSING_MESSAGES, metadata={"enum": list(_KINDS)}
    )
    vote_type = fields.Raw(
        data_key="voteType", load_default=Vote.UP.value, allow_none=True, metadata={"enum": list(_VOTES)}
    )


BALLOT = _BallotSchema()


def load_ballot(body: dict[str, Any]) -> Ballot:
    """Read a ballot. A missing parameter comes first, then the target type, then the vote type.

    :raises Refused: 400, in the contract's words.
    """
    try:
        parameters = BALLOT.load(body)
    except ValidationError as error:
        fault, *_ = error.normalized_messages().values()
        raise Refused(400, fault[0]) from None
    kind = _KINDS.get(parameters["target_type"])
    if kind is None:
        raise Refused(400, INVALID_TARGET_TYPE)
    vote_type = parameters["vote_type"]
    vote = _VOTES.get(vote_type) if isinstance(vote_type, str) else None
    if vote is None:
        raise Refused(400, INVALID_VOTE_TYPE)
    return Ballot(Target(kind, parameters["target_id"]), vote)


def dump_answer(action: Action, tally: Tally) -> dict[str, Any]:
    """Write the answer to a vote."""
    return {
        "action": action.value,
        "upvotes": tally.upvotes,
        "downvotes": tally.downvotes,
        "liked": tally.liked,
        "downvoted": tally.downvoted,
    }
