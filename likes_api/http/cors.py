"""Which pages may read our answers (Fetch standard, "CORS protocol"): those of listed origins, and contract 3's of any.

Whether a page may *vote* is decided elsewhere, by its ``Origin`` (:mod:`likes_api.http.origin`): a browser asks for
permission in advance only where a request is not a simple one.
"""

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask
from flask_cors import CORS

_ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-TOKEN", "X-Request-ID")
_EXPOSED_HEADERS = ("Link", "Retry-After", "X-Request-ID")
# Browsers cut it down to two hours at most; ten minutes let a change of the list take effect soon.
_PREFLIGHT_SECONDS = 600


def register(app: Flask, origins: Sequence[str], any_origin: Sequence[str]) -> None:
    """Answer preflights and mark answers, on the URLs of the contracts.

    :param origins: normalised; their pages may send cookies and read everything.
    :param any_origin: prefixes of URLs that read no cookies: a page that has a token may use it from anywhere.
    """
    # As patterns, because Flask-CORS takes an origin with brackets, as of an IPv6 address, for one anyway.
    listed = [re.compile(re.escape(origin) + r"\Z") for origin in origins]
    ours = {"origins": listed, "supports_credentials": True}
    resources: dict[str | re.Pattern[str], dict[str, Any]] = {r"/api/.*": ours, r"/!/.*": ours} if listed else {}
    # Flask-CORS takes the longest pattern that fits.
    resources |= {f"{prefix}/.*": {"origins": "*", "send_wildcard": True} for prefix in any_origin}
    CORS(
        app,
        resources=resources,
        methods=["GET", "POST", "DELETE"],
        allow_headers=list(_ALLOWED_HEADERS),
        expose_headers=list(_EXPOSED_HEADERS),
        max_age=_PREFLIGHT_SECONDS,
    )
