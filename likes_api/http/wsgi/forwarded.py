"""The client's address, scheme, host and prefix of a request, as trusted proxies forward them."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_FOR = "HTTP_X_FORWARDED_FOR"
_PROTO = "HTTP_X_FORWARDED_PROTO"
_HOST = "HTTP_X_FORWARDED_HOST"
_PREFIX = "HTTP_X_FORWARDED_PREFIX"
_FORMS = {
    _PROTO: re.compile(r"https?"),
    _HOST: re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"),
    # Not "//host", which is another host.
    _PREFIX: re.compile(r"(/[A-Za-z0-9._~!$&'()*+;=:@-]+)+"),
}


def behind_proxies(app: "WSGIApplication", count: int) -> "WSGIApplication":
    """Trust ``X-Forwarded-*`` of the last ``count`` proxies.

    Each proxy adds an address to ``X-Forwarded-For``. Scheme, host and prefix are those of the proxy next to us:
    the last value, however many there are. A malformed value counts as absent.
    """
    if not count:
        return app
    fixed = ProxyFix(app, x_for=count, x_proto=1, x_host=1, x_prefix=1)

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        # ProxyFix reads lists whose values may be quoted. X-Forwarded-For has no quoting, but proxies pass on what a
        # client sends: with a quotation mark there nothing is read, and the client passes for the proxy.
        environ[_FOR] = environ.get(_FOR, "").replace('"', "")
        for name, form in _FORMS.items():
            if name in environ:
                nearest = _nearest(name, environ[name])
                environ[name] = nearest if form.fullmatch(nearest) else ""
        return fixed(environ, start_response)

    return serve


def _nearest(name: str, values: str) -> str:
    last = values.rpartition(",")[2].strip()
    return last.lower() if name == _PROTO else last.rstrip("/") if name == _PREFIX else last
