"""The dialect of contract 1, ``{"error": message}``, and the refusals in the document's words."""

from likes_api.http.errors import Dialect, Refused, error_body
from likes_api.http.json_body import InvalidJson, UnsupportedMediaType
from likes_api.http.origin import ForeignOrigin
from likes_api.identity.caller import InvalidCredential
from likes_api.votes import TargetNotFound

DIALECT = Dialect(
    prefix="/api/likes",
    body=error_body,
    refusals={
        InvalidCredential: Refused(401, "Unauthorized"),
        ForeignOrigin: Refused(403, "Cross-site request refused"),
        UnsupportedMediaType: Refused(415, "Content-Type must be application/json"),
        InvalidJson: Refused(400, "Invalid JSON"),
        TargetNotFound: Refused(404, "Not found"),
    },
    store_failed=(500, "Like failed"),
    crashed=(500, "Like failed"),
)
