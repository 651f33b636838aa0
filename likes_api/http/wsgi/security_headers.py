"""Headers by which browsers hold our answers to what they are: data, for nobody to frame, sniff, run or keep.

A route that answers with something else, such as a page or a script, sets its own; these fill in what it left open.

Source: OWASP, "HTTP Headers Cheat Sheet" and "REST Security Cheat Sheet"; RFC 6797 (HSTS).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DEFAULTS = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]
_YEAR_SECONDS = 31_536_000
_HSTS = ("Strict-Transport-Security", f"max-age={_YEAR_SECONDS}")


def protected(app: "WSGIApplication") -> "WSGIApplication":
    """Add the headers to every answer of ``app``, errors included; the scheme of the request must be known by now.

    Here and not in Flask, which takes a dozen steps for each header. A route spells its own as they are spelt here.
    """

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            given = {name for name, _ in headers}
            headers += [header for header in _DEFAULTS if header[0] not in given]
            # Over plain http the header means nothing, and an attacker could have sent it.
            if environ["wsgi.url_scheme"] == "https" and _HSTS[0] not in given:
                headers.append(_HSTS)
            return start_response(status, headers, *error)

        return app(environ, start)

    return serve
