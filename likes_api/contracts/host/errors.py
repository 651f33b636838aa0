"""The dialect of the host API, ``{"error": message}``, and the refusals in the contract's words."""

from likes_api.contracts.host import policy
from likes_api.http.cursors import InvalidCursor
from likes_api.http.errors import Dialect, Refused, error_body
from likes_api.http.json_body import InvalidJson, UnsupportedMediaType
from likes_api.http.origin import ForeignOrigin
from likes_api.identity.caller import InvalidCredential
from likes_api.identity.service_token import ON_BEHALF_OF, InvalidOnBehalfOf, MissingOnBehalfOf
from likes_api.votes import TargetNotFound

PREFIX = "/api"
# For any page and any cache, so that no credential is looked at.
COUNTS = f"{PREFIX}/counts"

DIALECT = Dialect(
    prefix=PREFIX,
    body=error_body,
    refusals={
        InvalidCredential: Refused(401, "Unauthorized"),
        policy.OtherCredential: Refused(401, "Unauthorized"),
        ForeignOrigin: Refused(403, "Cross-site request refused"),
        UnsupportedMediaType: Refused(415, "Content-Type must be application/json"),
        InvalidJson: Refused(400, "Invalid JSON"),
        MissingOnBehalfOf: Refused(400, f"{ON_BEHALF_OF} is missing"),
        InvalidOnBehalfOf: Refused(400, f"Invalid {ON_BEHALF_OF}"),
        policy.InsufficientScope: Refused(403, "insufficient_scope"),
        TargetNotFound: Refused(404, "Not found"),
        InvalidCursor: Refused(400, "Invalid cursor"),
        policy.VotersArePrivate: Refused(403, "Voters are private"),
        policy.Locked: Refused(403, "Likes disabled"),
        policy.LoginRequired: Refused(401, "Please log in"),
        policy.NotAllowed: Refused(422, "User is not allowed to like"),
        policy.NoDownvotes: Refused(422, "No downvotes here"),
    },
)


def invalid(what: str) -> Refused:
    """A part of the request is malformed or missing."""
    return Refused(400, f"Invalid {what}")
