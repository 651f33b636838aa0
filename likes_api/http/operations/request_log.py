"""One log line per request, with an id that the client can quote and MongoDB's log of slow queries shows.

Never in it: addresses, tokens, cookies, e-mails, query strings.
"""

import logging
import random
import re
import time

from flask import Flask, Response, g, request
from flask.globals import request_ctx

from likes_api import metrics
from likes_api.http.operations.address_share import AddressShare
from likes_api.mongodb.instrumented import trace

log = logging.getLogger(__name__)

_WITHOUT_VISITORS = frozenset({None, "ops"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:+/=-]{1,128}")


def register(app: Flask) -> None:
    """Add to every request of ``app`` an id (``X-Request-ID``, echoed or made), a log line and its metrics.

    Register this first: what is registered before it is not in the time. And in the process that serves.
    """
    # logging finds out anew for each line who writes it, in which process and thread, and from where in the code.
    record_of_all = vars(log.makeRecord(log.name, logging.INFO, __file__, 0, "request", (), None))

    addresses = AddressShare()

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID")
        g.began = time.perf_counter(), given if given and _REQUEST_ID.fullmatch(given) else _new_id()
        trace(g.began[1])

    @app.after_request
    def end(response: Response) -> Response:
        # Once each: what looks like a variable is a call to find out whose request this is.
        (began, request_id), asked = g.began, request_ctx.request
        response.headers["X-Request-ID"] = request_id
        seconds = time.perf_counter() - began
        route = asked.url_rule.rule if asked.url_rule else None
        metrics.observe_request(asked.blueprint, route, asked.method, response.status_code, seconds)
        # Tokens are sent by other servers, which rightly have one address; probes likewise.
        if asked.blueprint not in _WITHOUT_VISITORS and "HTTP_AUTHORIZATION" not in asked.environ:
            addresses.note(asked.remote_addr)
        if log.isEnabledFor(logging.INFO):
            record = logging.LogRecord.__new__(logging.LogRecord)
            vars(record).update(
                record_of_all,
                created=time.time(),
                request_id=request_id,
                method=asked.method,
                route=route,
                status=response.status_code,
                milliseconds=round(seconds * 1_000, 2),
            )
            log.handle(record)
        return response


def current_id() -> str | None:
    """Return the id of the current request, or ``None`` outside of one."""
    return g.began[1] if g and "began" in g else None


def _new_id() -> str:
    """Make an id that nobody needs to guess; a random UUID would ask the kernel each time."""
    return f"{random.getrandbits(128):032x}"
