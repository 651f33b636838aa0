"""Headers of answers that are one caller's own, and of our HTML pages: no inline script, nothing of another origin."""

from typing import Any

from flask import Response, jsonify

# Source: RFC 9111, section 5.2.2.
PRIVATE = "private, no-store"

# Source: CSP Level 3. ``frame-ancestors``: nobody may frame a page whose buttons vote (clickjacking).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def protect_page(response: Response) -> Response:
    """Add the headers to a page, which must not be cached: it holds one visitor's token and session."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def private_json(body: Any) -> Response:
    """Return an answer in JSON that is this caller's own, and of this moment: it must not be cached."""
    response = jsonify(body)
    response.headers["Cache-Control"] = PRIVATE
    return response


def no_content() -> Response:
    """Return a 204, without the type that Flask gives to what is not there."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
