"""What can go wrong. All errors are :class:`LikesError`; an answer that refuses is an :class:`ApiError`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar

import httpx

_WORD = re.compile("[a-z]+(_[a-z]+)+")
# Those after which the same request may be answered otherwise: too many requests, and a server or gateway in trouble.
_PASSING = frozenset({429, 502, 503, 504})


class LikesError(Exception):
    """The request was not answered as it should be.

    :ivar maybe_applied: whether what was asked for may have been done all the same.
    :ivar passing: whether the same request may be answered otherwise later.
    :ivar retry_after: for how many seconds the server asks to wait, if it does.
    """

    maybe_applied: bool = False
    passing: bool = False
    retry_after: float | None = None


class NoAnswer(LikesError):
    """No answer came: no connection, one that was cut, or no answer in time."""

    passing = True

    def __init__(self, error: httpx.TransportError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        # Where no connection was made, nothing was sent.
        self.maybe_applied = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


class ApiError(LikesError):
    """The service refused, or failed.

    :ivar status: the HTTP status.
    :ivar code: a word for programs: the service's own where it has one (``insufficient_scope``), else the class's.
    :ivar message: the service's words, for people.
    :ivar request_id: by which the service's log has it.
    """

    default_code: ClassVar[str] = "refused"

    def __init__(
        self, status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        headers = headers or {}
        self.status = status
        self.message = message
        self.code = code or self.default_code
        self.request_id = headers.get("X-Request-ID")
        self.retry_after = seconds_of(headers.get("Retry-After"))
        self.maybe_applied = status >= 500
        self.passing = status in _PASSING
        super().__init__(f"{status} {message} (request {self.request_id})")


class BadRequest(ApiError):
    """400: the request is malformed; the message names what."""

    default_code = "bad_request"


class Unauthorized(ApiError):
    """401: no valid credential, or one about targets of other types."""

    default_code = "unauthorized"


class Forbidden(ApiError):
    """403: not with this token, not on this target, or not from this page."""

    default_code = "forbidden"


class NotFound(ApiError):
    """404: there is no such target, or the caller may not see it."""

    default_code = "not_found"


class Conflict(ApiError):
    """409: already liked, already under way, or a document that cannot take the change."""

    default_code = "conflict"


class Gone(ApiError):
    """410: there is no like to take back."""

    default_code = "gone"


class TooLarge(ApiError):
    """413: the body is too large."""

    default_code = "too_large"


class Unprocessable(ApiError):
    """422: the caller may not like this, or it takes no downvotes."""

    default_code = "unprocessable"


class TooManyRequests(ApiError):
    """429: a limit is reached; ``retry_after`` says for how long. Nothing was done."""

    default_code = "too_many_requests"


class ServerFailed(ApiError):
    """500 and above: the service or its database failed."""

    default_code = "server_failed"


class ServiceUnavailable(ServerFailed):
    """503: the database does not answer."""

    default_code = "service_unavailable"


_CLASSES: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    422: Unprocessable,
    429: TooManyRequests,
    503: ServiceUnavailable,
}


def error_of(response: httpx.Response) -> ApiError:
    """Return the error that an answer is, in whichever contract's form, or in none (a proxy's page)."""
    body = _json_object(response)
    said = body.get("error") or body.get("message") or response.reason_phrase or "no reason given"
    message, code = str(said), str(said) if _WORD.fullmatch(str(said)) else None
    if described := body.get("error_description"):
        message = str(described)
    default = ServerFailed if response.status_code >= 500 else ApiError
    made = _CLASSES.get(response.status_code, default)
    return made(response.status_code, message, code=code, headers=response.headers)


def seconds_of(retry_after: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` names, as a number or as a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _json_object(response: httpx.Response) -> Mapping[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
