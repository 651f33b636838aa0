"""The dialect of contract 2: ``{"error": message}``, in the document's words."""

from likes_api.http.errors import Dialect, Refused, error_body

DIALECT = Dialect(prefix="/!/simple-likes", body=error_body)


def not_json() -> Refused:
    """The body is of another media type."""
    return Refused(415, "Content-Type must be application/json")


def csrf_mismatch() -> Refused:
    """The CSRF token does not fit, or a page of another site sent this."""
    return Refused(419, "CSRF mismatch")


def invalid_request() -> Refused:
    """An id, the list of ids or the body is malformed."""
    return Refused(400, "Invalid request")


def not_found() -> Refused:
    """There is no such entry."""
    return Refused(404, "Content not found")


def locked() -> Refused:
    """The entry takes no likes, from nobody."""
    return Refused(403, "Likes disabled")


def login_required() -> Refused:
    """Neither a user nor, where guests may like, a guest."""
    return Refused(401, "Please log in")
