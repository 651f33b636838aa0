"""The dialect of the host API: ``{"error": message}``, and its refusals in the contract's words."""

from likes_api.http.errors import Dialect, Refused, error_body

PREFIX = "/api"
# For any page and any cache, so that no credential is looked at.
COUNTS = f"{PREFIX}/counts"
DIALECT = Dialect(prefix=PREFIX, body=error_body)


def invalid(what: str) -> Refused:
    """A part of the request is malformed or missing."""
    return Refused(400, f"Invalid {what}")
