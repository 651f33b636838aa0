"""One log line per request, with an id that the client can quote and MongoDB's log of slow queries shows.

Never in it: addresses, tokens, cookies, e-mails, query strings.
"""

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

from likes_api import metrics
from likes_api.repository.guarded import trace

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:+/=-]{1,128}")


def register(app: Flask) -> None:
    """Give every request of ``app`` an id (``X-Request-ID``, echoed or made), a log line and its place in the metrics.

    Register this first: what is registered before it is not in the time.
    """

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.began = time.perf_counter()
        trace(g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        seconds = time.perf_counter() - g.began
        route = request.url_rule.rule if request.url_rule else None
        metrics.observe_request(request.blueprint, route, request.method, response.status_code, seconds)
        log.info(
            "request",
            extra={
                "request_id": g.request_id,
                "method": request.method,
                "route": route,
                "status": response.status_code,
                "milliseconds": round(seconds * 1_000, 2),
            },
        )
        return response
