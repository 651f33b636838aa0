"""The dialect of contract 2, ``{"error": message}``, and the refusals in the document's words."""

from likes_api.contracts.simple_likes.policy import Locked, LoginRequired
from likes_api.contracts.simple_likes.schemas import InvalidId
from likes_api.http.errors import Dialect, Refused, error_body
from likes_api.http.json_body import InvalidJson, UnsupportedMediaType
from likes_api.http.origin import ForeignOrigin
from likes_api.identity.csrf import CsrfMismatch
from likes_api.votes import TargetNotFound

_INVALID_REQUEST = Refused(400, "Invalid request")
_CSRF_MISMATCH = Refused(419, "CSRF mismatch")

DIALECT = Dialect(
    prefix="/!/simple-likes",
    body=error_body,
    refusals={
        UnsupportedMediaType: Refused(415, "Content-Type must be application/json"),
        CsrfMismatch: _CSRF_MISMATCH,
        ForeignOrigin: _CSRF_MISMATCH,
        InvalidId: _INVALID_REQUEST,
        InvalidJson: _INVALID_REQUEST,
        TargetNotFound: Refused(404, "Content not found"),
        Locked: Refused(403, "Likes disabled"),
        LoginRequired: Refused(401, "Please log in"),
    },
)
