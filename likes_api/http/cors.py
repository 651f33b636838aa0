"""Allow pages of other origins to read our answers (Fetch standard, "CORS protocol").

Pages of listed origins may, and pages of any origin where no cookie is read.

Whether a page may *vote* is decided elsewhere, by its ``Origin`` (:mod:`likes_api.http.origin`): a browser asks for
permission in advance only where a request is not a simple one.
"""

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, request
from flask_cors import CORS
from flask_cors.core import get_cors_options, set_cors_headers

_ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-TOKEN", "X-Request-ID")
_EXPOSED_HEADERS = ("Link", "Retry-After", "X-Request-ID")
# Browsers cut it down to two hours at most; ten minutes let a change of the list take effect soon.
_PREFLIGHT_SECONDS = 600


def register(app: Flask, origins: Sequence[str], any_origin: Sequence[str]) -> None:
    """Answer preflights and add the CORS headers to answers, on the URLs of the contracts.

    :param origins: normalised; their pages may send cookies and read everything.
    :param any_origin: URLs, with all below them, that read no cookies: a page with a token may use it anywhere.
    """
    common: dict[str, Any] = {
        "methods": ["GET", "POST", "PUT", "DELETE"],
        "allow_headers": list(_ALLOWED_HEADERS),
        "expose_headers": list(_EXPOSED_HEADERS),
        "max_age": _PREFLIGHT_SECONDS,
        # Errors are answers of ours, and are marked as such.
        "intercept_exceptions": False,
    }
    if origins:
        # As patterns, because Flask-CORS takes an origin with brackets, as of an IPv6 address, for one anyway.
        listed = [re.compile(re.escape(origin) + r"\Z") for origin in origins]
        CORS(app, resources=[r"/api/.*", r"/!/.*"], origins=listed, supports_credentials=True, **common)
    options = get_cors_options(app, common | {"origins": "*", "send_wildcard": True})
    urls, prefixes = frozenset(any_origin), tuple(f"{prefix}/" for prefix in any_origin)

    # Registered last, so called first: what it has marked, the above leaves alone. Not by `CORS`, which looks for its
    # patterns in the URL of each vote.
    @app.after_request
    def mark(response: Response) -> Response:
        path = request.path
        return set_cors_headers(response, options) if path in urls or path.startswith(prefixes) else response
