"""Keep a request's path as it was sent, so that one resource has one URL.

WSGI's ``PATH_INFO`` is decoded, and werkzeug drops slashes at its begin: ``/api%2Flikes`` and ``//api/likes`` would be
``/api/likes``, past the rules that a proxy has for that path.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ENCODED_SLASH = "%2F"

_ENCODED = re.compile("%2f", re.IGNORECASE)
_SCHEME_AND_HOST = re.compile(r"[a-z][a-z0-9+.-]*://[^/?]*", re.IGNORECASE)


def kept_as_sent(app: "WSGIApplication") -> "WSGIApplication":
    """Leave a slash encoded in ``PATH_INFO`` where it separates no segments.

    A route whose segment may hold one finds :data:`ENCODED_SLASH` there, which :func:`segment_as_sent` decodes.
    ``RAW_URI`` is gunicorn's, and of werkzeug's test client; without it only the second kind is seen.
    """

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        raw = environ.get("RAW_URI", "")
        if "%2" in raw and _ENCODED.search(raw.partition("?")[0]):
            path = _SCHEME_AND_HOST.sub("", raw.partition("?")[0], count=1).removeprefix(environ.get("SCRIPT_NAME", ""))
            environ["PATH_INFO"] = unquote_to_bytes(_ENCODED.sub("%252F", path)).decode("latin-1")
        if environ["PATH_INFO"].startswith("//"):
            environ["PATH_INFO"] = f"/{ENCODED_SLASH}{environ['PATH_INFO'][2:]}"
        return app(environ, start_response)

    return serve


def segment_as_sent(environ: "WSGIEnvironment", segment: str) -> str:
    """Return a segment of the route with its encoded slashes decoded.

    What was sent says whether ``%2F`` there is such a slash or stands for itself (``%252F``).
    """
    if ENCODED_SLASH not in segment:
        return segment
    sent = (unquote(each) for each in environ.get("RAW_URI", "").partition("?")[0].split("/"))
    return next((each for each in sent if each.replace("/", ENCODED_SLASH) == segment), segment)
