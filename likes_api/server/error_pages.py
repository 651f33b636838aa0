"""The answers to malformed requests, which gunicorn refuses before the application is called: JSON, not HTML."""

import json
import uuid
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors

# The first that fits. The statuses are those of gunicorn's own pages (gunicorn/workers/base.py).
_STATUSES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.InvalidResponseHeader, 500),  # type: ignore[attr-defined]  # of 27; the types are of 26
    (errors.InvalidResponseHeaderName, 500),  # type: ignore[attr-defined]
    (errors.ConfigurationProblem, 500),
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ExpectationFailed, 417),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ParseException, 400),
)
_MESSAGES = {
    400: "Bad request",
    414: "URI too long",
    417: "Expectation failed",
    431: "Request header fields too large",
    500: "Internal server error",
    501: "Not implemented",
}
# Contract 3's, as in likes_api.contracts.diaspora.errors; the server imports no contract, and has no more than this.
_CODE_AND_MESSAGE = "/api/v1"


def page(fault: BaseException, path: str, log: Any) -> bytes:
    """Return the whole answer, after which the connection is closed, and log it under its request id.

    :param path: what was asked for, as far as it is known: its prefix has the dialect.
    :param log: gunicorn's logger.
    """
    status = next((status for kind, status in _STATUSES if isinstance(fault, kind)), 500)
    request_id = uuid.uuid4().hex
    about = {"request_id": request_id, "status": status, "fault": type(fault).__name__}
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request crashed", exc_info=fault, extra=about)
    else:
        log.info("request refused unread", extra=about)
    message = _MESSAGES[status]
    fields = {"code": status, "message": message} if path.startswith(_CODE_AND_MESSAGE) else {"error": message}
    body = json.dumps(fields)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-ID: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
