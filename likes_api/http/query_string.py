"""Make every query string one that Werkzeug can read.

Werkzeug 3.1 decodes it as UTF-8 before it looks for percent signs, and raises for a raw byte of another encoding
(``sansio/request.py``, ``Request.args``). A URL has no such bytes (RFC 3986, section 2), but a client may send them.
"""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NOT_ASCII = re.compile(r"[^\x21-\x7e]+")


def percent_encoded(app: "WSGIApplication") -> "WSGIApplication":
    """Percent-encode what is not printable ASCII, as browsers do before they send a URL."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        query = environ.get("QUERY_STRING", "")
        environ["QUERY_STRING"] = _NOT_ASCII.sub(lambda raw: quote(raw[0], encoding="latin-1"), query)
        return app(environ, start_response)

    return serve
