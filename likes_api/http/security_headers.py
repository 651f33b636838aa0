"""Headers by which browsers hold our answers to what they are: data, for nobody to frame, sniff, run or keep.

A route that answers with something else, such as a page or a script, sets its own; these fill in what it left open.

Source: OWASP, "HTTP Headers Cheat Sheet" and "REST Security Cheat Sheet"; RFC 6797 (HSTS).
"""

from flask import Flask, Response, request

_DEFAULTS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_YEAR_SECONDS = 31_536_000


def register(app: Flask) -> None:
    """Put the headers on every answer of ``app``, errors included."""

    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        for name, value in _DEFAULTS.items():
            if name not in headers:
                headers.add(name, value)
        # Over plain http the header means nothing, and an attacker could have sent it.
        if request.is_secure:
            headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_SECONDS}")
        return response
