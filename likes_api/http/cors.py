"""Let the pages of listed origins read our answers (Fetch standard, "CORS protocol"); without a list, no page may.

Whether a page may *vote* is decided elsewhere, by its ``Origin`` (:mod:`likes_api.http.origin`): a browser asks for
permission in advance only where a request is not a simple one.
"""

import re
from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

from likes_api.http.origin import as_browsers_send_it

_ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-TOKEN", "X-Request-ID")
_EXPOSED_HEADERS = ("Link", "Retry-After", "X-Request-ID")
# Browsers cut it down to two hours at most; ten minutes let a change of the list take effect soon.
_PREFLIGHT_SECONDS = 600


def register(app: Flask, origins: Sequence[str]) -> None:
    """Answer preflights and mark answers for ``origins``, on the URLs of the contracts."""
    if not origins:
        return
    # As patterns, because Flask-CORS takes an origin with brackets, as of an IPv6 address, for one anyway.
    patterns = [re.compile(re.escape(as_browsers_send_it(origin)) + r"\Z") for origin in origins]
    CORS(
        app,
        resources=[r"/api/.*", r"/!/.*"],
        origins=patterns,
        methods=["GET", "POST", "DELETE"],
        allow_headers=list(_ALLOWED_HEADERS),
        expose_headers=list(_EXPOSED_HEADERS),
        supports_credentials=True,
        max_age=_PREFLIGHT_SECONDS,
    )
