"""The description of contract 2 for the published interface."""

from likes_api.contracts.simple_likes.policy import Locked, LoginRequired
from likes_api.contracts.simple_likes.schemas import InvalidId
from likes_api.http import idempotency
from likes_api.http.interface import (
    CACHE_CONTROL,
    COUNT,
    FLAG,
    TEXT,
    Answer,
    Body,
    Operation,
    Parameter,
    map_of,
    object_of,
)
from likes_api.http.json_body import InvalidJson, UnsupportedMediaType
from likes_api.http.origin import ForeignOrigin
from likes_api.identity.csrf import CsrfMismatch
from likes_api.votes import TargetNotFound

_LIKES = object_of("Likes", likes_count=COUNT, user_has_liked=FLAG)
_STATUS = object_of("LikeStatus", count=COUNT, liked=FLAG)

TOGGLE = Operation(
    summary="Toggle a like on an entry",
    body=Body({}, json={}, required=False),
    parameters=[
        Parameter("X-CSRF-TOKEN", TEXT, "Of the cookie that is sent along; none beside a bearer token.", "header"),
        idempotency.PARAMETER,
    ],
    answers={200: Answer(_LIKES, {"likes_count": 42, "user_has_liked": True})},
    refusals=[
        UnsupportedMediaType,
        CsrfMismatch,
        ForeignOrigin,
        InvalidId,
        InvalidJson,
        TargetNotFound,
        Locked,
        LoginRequired,
        *idempotency.REFUSALS,
    ],
    limited=True,
)
STATUS = Operation(
    summary="Read the likes of entries",
    parameters=[Parameter("ids", TEXT, "1-50 ids of entries, separated by commas.", required=True)],
    answers={200: Answer(map_of(_STATUS), {"my-entry-id": {"count": 3, "liked": False}}, CACHE_CONTROL)},
    refusals=[InvalidId],
    limited=True,
)
CSRF_TOKEN = Operation(
    summary="Make a CSRF token",
    answers={
        200: Answer(
            object_of("CsrfToken", csrf_token=TEXT),
            {"csrf_token": "IjA2M2Q2ZTEi.aSkQ2A.c2lnbmF0dXJl"},
            CACHE_CONTROL,
            {"Set-Cookie": "The cookie that the token belongs to."},
        )
    },
    reads_database=False,
)
