"""Headers that hold our own HTML pages to what we wrote: no inline script or style, nothing from elsewhere."""

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
    """Put the headers on a page. It carries one visitor's token and sessions, so nobody keeps it."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
