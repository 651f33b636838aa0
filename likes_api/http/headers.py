"""Headers that restrict our own HTML pages: no inline script or style, nothing from another origin."""

from flask import Response

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
