"""The description of contract 1 for the published interface."""

from likes_api.contracts.qa_votes.schemas import BALLOT, INVALID_TARGET_TYPE, INVALID_VOTE_TYPE, MISSING
from likes_api.http import idempotency
from likes_api.http.errors import Refused
from likes_api.http.interface import COUNT, FLAG, Answer, Body, Operation, object_of, one_of
from likes_api.http.json_body import InvalidJson, UnsupportedMediaType
from likes_api.http.origin import ForeignOrigin
from likes_api.identity.caller import InvalidCredential
from likes_api.votes import Action, TargetNotFound

_ANSWER = object_of(
    "QaVote",
    action=one_of([action.value for action in Action]),
    upvotes=COUNT,
    downvotes=COUNT,
    liked=FLAG,
    downvoted=FLAG,
)

VOTE = Operation(
    summary="Toggle a vote on a question or a message",
    body=Body({"targetId": "q_124", "targetType": "question", "voteType": "up"}, [BALLOT]),
    parameters=[idempotency.PARAMETER],
    answers={
        200: Answer(_ANSWER, {"action": "liked", "upvotes": 1, "downvotes": 0, "liked": True, "downvoted": False})
    },
    refusals=[
        InvalidCredential,
        ForeignOrigin,
        UnsupportedMediaType,
        InvalidJson,
        *(Refused(400, message) for message in (MISSING, INVALID_TARGET_TYPE, INVALID_VOTE_TYPE)),
        TargetNotFound,
        *idempotency.REFUSALS,
    ],
    limited=True,
)
