"""The description of the host API for the published interface."""

from likes_api.contracts.host import errors, lists, policy, schemas
from likes_api.contracts.host.policy import Reason, Value
from likes_api.http.cursors import InvalidCursor
from likes_api.http.interface import (
    CACHE_CONTROL,
    COUNT,
    FLAG,
    TEXT,
    Answer,
    Body,
    JsonSchema,
    Operation,
    Parameter,
    Refusal,
    list_of,
    map_of,
    object_of,
    one_of,
    or_null,
)
from likes_api.http.json_body import InvalidJson, UnsupportedMediaType
from likes_api.http.origin import ForeignOrigin
from likes_api.identity.caller import CallerKind, InvalidCredential
from likes_api.identity.service_token import ON_BEHALF_OF, InvalidOnBehalfOf, MissingOnBehalfOf
from likes_api.votes import TargetKind, TargetNotFound, Vote

_TYPE = one_of([kind.value for kind in TargetKind])
_VALUE: JsonSchema = {"type": "integer", "enum": [value.value for value in Value]}
_COUNTS = {"upvotes": COUNT, "downvotes": COUNT, "count": COUNT}
_EXAMPLE = {"upvotes": 3, "downvotes": 0, "count": 3}
_TARGET: dict[str, object] = {"type": "question", "id": "q_124"}
_ASKED = object_of(
    targets=list_of(
        {
            "type": "object",
            "properties": {"type": _TYPE, "id": {"type": "string", "minLength": 1}},
            "required": ["type", "id"],
        }
    )
    | {"minItems": 1, "maxItems": schemas.MAX_ASKED}
) | {"additionalProperties": True}
_BEHALF = Parameter(ON_BEHALF_OF, TEXT, "The user or person for whom a service asks.", "header")
_NEXT = or_null(TEXT)
_PAGE = [
    Parameter("limit", {"type": "integer", "minimum": 1, "maximum": lists.MAX_LIMIT}, "How many are listed."),
    Parameter("cursor", TEXT, "The next of the page before."),
]
_VOTE = Parameter("vote", one_of([vote.value for vote in Vote]), "Votes of this kind alone.")
_TYPE_INVALID = errors.invalid("target type")
_ON_TARGET: list[Refusal] = [
    InvalidCredential,
    policy.OtherCredential,
    _TYPE_INVALID,
    policy.InsufficientScope,
    TargetNotFound,
    policy.NotAllowed,
]
_WRITE: list[Refusal] = [
    *_ON_TARGET,
    ForeignOrigin,
    MissingOnBehalfOf,
    InvalidOnBehalfOf,
    policy.Locked,
    policy.LoginRequired,
]
_CAST = Answer(
    object_of("ChangedVote", **_COUNTS, vote=_VALUE, changed=FLAG),
    _EXAMPLE | {"vote": 1, "changed": True},
    CACHE_CONTROL,
)

PUT_VOTE = Operation(
    summary="Set the caller's vote",
    body=Body({"value": 1}, json=object_of(value=_VALUE) | {"additionalProperties": True}),
    parameters=[_BEHALF],
    answers={200: _CAST},
    refusals=[*_WRITE, UnsupportedMediaType, InvalidJson, errors.invalid("value"), policy.NoDownvotes],
    limited=True,
)
DELETE_VOTE = Operation(
    summary="Take the caller's vote back",
    parameters=[_BEHALF],
    answers={200: _CAST},
    refusals=_WRITE,
    limited=True,
)
GET_VOTE = Operation(
    summary="Read a target's counts and the caller's own vote",
    parameters=[_BEHALF],
    answers={200: Answer(object_of("OwnVote", **_COUNTS, vote=_VALUE), _EXAMPLE | {"vote": 1}, CACHE_CONTROL)},
    refusals=[*_ON_TARGET, InvalidOnBehalfOf],
    limited=True,
)
POST_STATUS = Operation(
    summary="Read the state of a page's targets",
    body=Body({"targets": [_TARGET]}, json=_ASKED),
    parameters=[_BEHALF],
    answers={
        200: Answer(
            object_of(
                targets=list_of(
                    object_of(
                        "TargetStatus",
                        type=_TYPE,
                        id=TEXT,
                        **_COUNTS,
                        vote=_VALUE,
                        allowed=FLAG,
                        reason=one_of([None, *(reason.value for reason in Reason)]),
                    )
                )
            ),
            {"targets": [_TARGET | _EXAMPLE | {"vote": 1, "allowed": True, "reason": None}]},
            CACHE_CONTROL,
        )
    },
    refusals=[
        InvalidCredential,
        UnsupportedMediaType,
        InvalidJson,
        errors.invalid("targets"),
        InvalidOnBehalfOf,
        policy.InsufficientScope,
    ],
    limited=True,
)
_ETAG = {"ETag": "Strong; for If-None-Match."}
GET_COUNTS = Operation(
    summary="Read counts that anybody may keep",
    parameters=[
        Parameter(
            "target",
            {
                "type": "array",
                "items": {"type": "string", "pattern": "^(entry|question|message):."},
                "minItems": 1,
                "maxItems": schemas.MAX_COUNTED,
            },
            "The type and the id, with a colon between them.",
            required=True,
        ),
        Parameter("If-None-Match", TEXT, "The ETag of the counts that are there.", "header"),
    ],
    answers={
        200: Answer(
            object_of(targets=map_of(object_of("Counts", **_COUNTS))),
            {"targets": {"question:q_124": _EXAMPLE}},
            CACHE_CONTROL | _ETAG,
        ),
        304: Answer(headers=CACHE_CONTROL | _ETAG),
    },
    refusals=[errors.invalid("targets")],
)
GET_ME = Operation(
    summary="Return the caller",
    answers={
        200: Answer(
            object_of("Caller", kind=one_of([kind.value for kind in CallerKind]), id=TEXT),
            {"kind": "user", "id": "alice"},
            CACHE_CONTROL,
        )
    },
    refusals=[InvalidCredential, policy.OtherCredential],
)
GET_VOTES = Operation(
    summary="List the caller's votes, by type and id",
    parameters=[Parameter("type", _TYPE, "Votes on targets of this type alone."), _VOTE, *_PAGE, _BEHALF],
    answers={
        200: Answer(
            object_of(
                votes=list_of(object_of("ListedVote", type=_TYPE, id=TEXT, vote=_VALUE)),
                next=_NEXT,
            ),
            {"votes": [_TARGET | {"vote": 1}], "next": None},
            CACHE_CONTROL,
        )
    },
    refusals=[
        InvalidCredential,
        policy.OtherCredential,
        _TYPE_INVALID,
        errors.invalid("vote"),
        errors.invalid("limit"),
        InvalidCursor,
        MissingOnBehalfOf,
        InvalidOnBehalfOf,
        policy.InsufficientScope,
    ],
    limited=True,
)
GET_VOTERS = Operation(
    summary="List a target's voters",
    parameters=[_VOTE, *_PAGE],
    answers={
        200: Answer(
            object_of(
                voters=list_of(object_of("Voter", ["name"], id=TEXT, name=TEXT)),
                guests=COUNT,
                total=COUNT,
                next=_NEXT,
            ),
            {"voters": [{"id": "alice", "name": "Alice"}], "guests": 2, "total": 3, "next": None},
            CACHE_CONTROL,
        )
    },
    refusals=[*_ON_TARGET, errors.invalid("vote"), errors.invalid("limit"), InvalidCursor, policy.VotersArePrivate],
    limited=True,
)
