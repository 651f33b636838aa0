"""Tell whether a browser sent a request from a page that may vote here.

Flask-WTF's own check wants a ``Referer``, which curl over https does not send; ``Origin`` is what browsers attach to
every POST (Fetch standard, "HTTP-network-or-cache fetch").
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Request

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_foreign(request: Request, allowed: Iterable[str]) -> bool:
    """Tell whether ``Origin`` is present and neither this host nor among ``allowed``.

    A client that sends none (curl, a server) is not a browser on a foreign page. ``null``, the origin of sandboxed
    frames and local files, is foreign. Letter case and a scheme's own port make no difference.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    ours = _endpoint(f"{request.scheme}://{request.host}")
    theirs = _endpoint(origin)
    return theirs is None or theirs not in {ours, *map(_endpoint, allowed)}


def as_browsers_send_it(origin: str) -> str:
    """Write a well-formed origin as a browser does: in lower case, without its scheme's own port."""
    parts = urlsplit(origin.lower())
    own_port = parts.port == _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{parts.netloc.rpartition(':')[0] if own_port else parts.netloc}"


def _endpoint(origin: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
