"""Flask without the work for each request that no route of ours needs: about a tenth of its time.

No view is asynchronous, and most requests come from a browser whose cookies, and whose lack of a CSRF cookie, were seen
a moment ago.
"""

import json
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import MapAdapter
from werkzeug.sansio.http import parse_cookie

# At 16 kB for the longest header (config/gunicorn.conf.py), 16 MB at the very most.
_REMEMBERED_HEADERS = 1_024


@lru_cache(_REMEMBERED_HEADERS)
def _cookies(header: str) -> ImmutableMultiDict[str, str]:
    return parse_cookie(header, cls=ImmutableMultiDict)  # type: ignore[return-value]  # its type knows the base alone


class _Request(Request):
    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        return _cookies(self.environ.get("HTTP_COOKIE", ""))


class _Json(DefaultJSONProvider):
    """Encode answers with their fields in order, by an encoder that is made once."""

    _encode = json.JSONEncoder(separators=(",", ":"), default=DefaultJSONProvider.default).encode

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = self._encode(self._prepare_response_obj(args, kwargs))
        return Response(f"{body}\n", mimetype=self.mimetype)


class Application(Flask):
    """The application's class."""

    request_class = _Request
    json_provider_class = _Json

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the URL map without the ``Host``, which Flask reads twice; no route of ours names a host."""
        if request is None or self.config["TRUSTED_HOSTS"] is not None:
            return super().create_url_adapter(request)
        return self.url_map.bind(
            request.host,
            request.root_path,
            url_scheme=request.scheme,
            default_method=request.method,
            path_info=request.path,
            query_args=request.query_string.decode("latin1"),
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the view as it is; Flask checks each time whether it is asynchronous."""
        return func
