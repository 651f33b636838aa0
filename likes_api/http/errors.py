"""Errors as answers: each URL prefix has its own form of error, its dialect.

A contract raises :class:`Refused`, and has a table of what it answers to exceptions of other packages. Everything else
that can go wrong (an unknown URL, a wrong method, a body too large, a database that is unavailable, a bug) is put into
the dialect of the prefix here, so no answer is an HTML page or a stack trace.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from likes_api.mongodb.failures import facts
from likes_api.repository import StoreError

log = logging.getLogger(__name__)


class Refused(Exception):
    """The request is refused: an HTTP status, the contract's own message, and headers that belong to it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The form of errors of the URLs under ``prefix``.

    :param body: makes the JSON body of a refusal.
    :param refusals: what the contract answers to exceptions of other packages.
    :param store_failed: the status and message when the database operation failed.
    :param crashed: the status and message of an unexpected exception.
    """

    prefix: str
    body: Callable[[Refused], dict[str, Any]]
    refusals: Mapping[type[Exception], Refused] = field(default_factory=dict)
    store_failed: tuple[int, str] = (503, "Service unavailable")
    crashed: tuple[int, str] = (500, "Internal server error")

    def render(self, refused: Refused) -> Response:
        """Return the answer for a refusal."""
        response = jsonify(self.body(refused))
        response.status_code = refused.status
        response.headers.extend(refused.headers)
        return response


def error_body(refused: Refused) -> dict[str, Any]:
    """Return the body ``{"error": message}``."""
    return {"error": refused.message}


PLAIN = Dialect(prefix="", body=error_body)


def register(app: Flask, dialects: Sequence[Dialect]) -> None:
    """Answer every error of ``app`` in the dialect of the longest prefix that matches, else as plain JSON."""
    by_length = sorted([*dialects, PLAIN], key=lambda dialect: len(dialect.prefix), reverse=True)

    def dialect() -> Dialect:
        return next(each for each in by_length if request.path.startswith(each.prefix))

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return dialect().render(error)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
        return dialect().render(Refused(error.code or 500, error.name.capitalize(), headers))

    @app.errorhandler(StoreError)
    def store_failed(error: StoreError) -> Response:
        log.warning("database operation failed", extra=facts(error))
        return dialect().render(Refused(*dialect().store_failed))

    @app.errorhandler(Exception)
    def crashed(error: Exception) -> Response:
        if (refusal := dialect().refusals.get(type(error))) is not None:
            return dialect().render(refusal)
        log.error("request crashed", exc_info=error)
        return dialect().render(Refused(*dialect().crashed))
