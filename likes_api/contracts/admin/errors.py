"""The dialect of the administration: ``{"error": message}``, and its refusals."""

from likes_api.http.errors import Dialect, Refused, error_body

PREFIX = "/admin"
DIALECT = Dialect(prefix=PREFIX, body=error_body)


def unauthorized() -> Refused:
    """No valid service token."""
    return Refused(401, "Unauthorized")


def insufficient_scope() -> Refused:
    """A service token without the scope ``admin``."""
    return Refused(403, "insufficient_scope")


def other_media_type(expected: str) -> Refused:
    """The body is of another media type."""
    return Refused(415, f"Content-Type must be {expected}")


def bad(reason: str) -> Refused:
    """A part of the request is malformed or missing; the reason names it."""
    return Refused(400, reason)


def not_found() -> Refused:
    """There is no such target, person or user."""
    return Refused(404, "Not found")


def unwritable(reason: str) -> Refused:
    """What is there cannot take the change."""
    return Refused(409, reason)
