"""Whether a browser sent a request from a page that may vote here.

By ``Origin``, which browsers attach to every POST (Fetch standard, "HTTP-network-or-cache fetch"), and not by
``Referer``, which curl does not send.
"""

import logging
import time
from collections.abc import Container
from threading import Lock

from flask import Request

from config.origins import normalised
from likes_api.http.operations.request_log import current_id

log = logging.getLogger(__name__)

# A flood of foreign pages writes a line so often, in each worker.
LOG_SECONDS = 10.0


class ForeignOrigin(Exception):
    """A page of another site sent the request."""


def require_ours(request: Request, allowed: Container[str]) -> None:
    """Refuse a request that a browser sent from a foreign page.

    :raises ForeignOrigin: see :func:`is_foreign`.
    """
    if is_foreign(request, allowed):
        raise ForeignOrigin


def is_foreign(request: Request, allowed: Container[str]) -> bool:
    """Whether ``Origin`` is present and neither this host nor among ``allowed``; a line in the log says so.

    A client that sends none (curl, a server) is not a browser on a foreign page. ``null``, the origin of sandboxed
    frames and local files, is foreign, and so is what is no origin, such as one with a path. Letter case and a scheme's
    own port make no difference.

    :param allowed: normalised origins.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    theirs = _normalised(origin)
    if theirs is not None and theirs in allowed:
        return False
    ours = _normalised(f"{request.scheme}://{request.host}")
    if theirs is not None and theirs == ours:
        return False
    _refusals.report(theirs, ours)
    return True


def _normalised(origin: str) -> str | None:
    try:
        # Browsers send ASCII; no other origin is worth looking for its ASCII form.
        return normalised(origin) if origin.isascii() else None
    except ValueError:
        return None


class _Refusals:
    """Reports of refused origins: for an operator to see that ``Host``, scheme or the number of proxies are wrong."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next = 0.0
        self._unreported = 0

    def report(self, theirs: str | None, ours: str | None) -> None:
        """Write a warning, unless the last one is not long ago. What is no origin may hold anything and is left out."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                self._unreported += 1
                return
            unreported, self._unreported, self._next = self._unreported, 0, now + LOG_SECONDS
        log.warning(
            "request refused for its Origin; if it came from a page of yours, check the Host and X-Forwarded-Proto that"
            " your proxy sends, LIKES_TRUSTED_PROXIES and LIKES_CORS_ORIGINS",
            extra={
                "request_id": current_id(),
                "origin": theirs or "malformed",
                "expected": ours or "malformed Host",
                "unreported": unreported,
            },
        )


_refusals = _Refusals()
