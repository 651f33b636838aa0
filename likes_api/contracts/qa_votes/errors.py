"""The dialect of contract 1: ``{"error": message}``, in the document's words."""

from likes_api.http.errors import Dialect, Refused, error_body

DIALECT = Dialect(prefix="/api/likes", body=error_body, store_failed=(500, "Like failed"), crashed=(500, "Like failed"))


def unauthorized() -> Refused:
    """No valid session."""
    return Refused(401, "Unauthorized")


def cross_site() -> Refused:
    """A page of another site sent this."""
    return Refused(403, "Cross-site request refused")


def not_json() -> Refused:
    """The body is of another media type."""
    return Refused(415, "Content-Type must be application/json")


def invalid_json() -> Refused:
    """The body is not a JSON object."""
    return Refused(400, "Invalid JSON")


def invalid_parameters(message: str) -> Refused:
    """A parameter is missing or not among its options."""
    return Refused(400, message)


def not_found() -> Refused:
    """There is no such question or message."""
    return Refused(404, "Not found")
