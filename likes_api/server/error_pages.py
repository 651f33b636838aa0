"""The answer to what is no request: gunicorn refuses it before there is an application, but not in HTML."""

import json
import uuid
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors

# The first that fits. The statuses are those of gunicorn's own pages (gunicorn/workers/base.py).
_STATUSES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ExpectationFailed, 417),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ParseException, 400),
    (errors.NoMoreData, 400),
)
_MESSAGES = {
    400: "Bad request",
    414: "URI too long",
    417: "Expectation failed",
    431: "Request header fields too large",
    500: "Internal server error",
    501: "Not implemented",
}


def answer(fault: BaseException, log: Any) -> bytes:
    """Make the whole answer, after which the connection is closed, and log it under its request id.

    The dialect is ``{"error": message}``: of a request that cannot be read, the path is not known.

    :param log: gunicorn's logger.
    """
    status = next((status for kind, status in _STATUSES if isinstance(fault, kind)), 500)
    request_id = uuid.uuid4().hex
    about = {"request_id": request_id, "status": status, "fault": type(fault).__name__}
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request crashed", exc_info=fault, extra=about)
    else:
        log.info("request refused unread", extra=about)
    body = json.dumps({"error": _MESSAGES[status]}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-ID: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
