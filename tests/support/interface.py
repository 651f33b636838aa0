"""Every answer that a test sees is compared with the published interface, ``docs/openapi.json``.

:func:`watch` wraps the places through which tests ask: Flask's test client, requests and httpx.
"""

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import pytest
import requests
from flask.testing import FlaskClient

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/openapi.json"
_METHODS = ("get", "put", "post", "delete", "patch")
_STATED = ("Allow", "ETag", "Link", "Retry-After", "WWW-Authenticate")

# A path of the document, a method, a status.
Kind = tuple[str, str, str]


class UndocumentedAnswer(AssertionError):
    """The service answered what its interface does not say."""


class Interface:
    """A document to compare answers with; its schemas are compiled once."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._validators: dict[Kind, Any] = {}
        # A path without parameters comes before one that fits it, too.
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self._patterns = [(re.compile(_pattern(path)), path) for path in paths]
        self.seen: set[Kind] = set()

    def documented(self) -> set[Kind]:
        """Return each kind of answer; 405 once for a path, by whatever method it was asked."""
        return {
            (path, "any" if status == "405" else method, status)
            for path, item in self._document["paths"].items()
            for method in _METHODS
            if method in item
            for status in item[method]["responses"]
        }

    def check(self, method: str, url: str, status: int, headers: Mapping[str, str], body: Callable[[], bytes]) -> None:
        """Compare an answer with what the document says; URLs that are not in it may answer anything.

        :raises UndocumentedAnswer:
        """
        path = next((path for pattern, path in self._patterns if pattern.fullmatch(urlsplit(url).path)), None)
        if path is None or method == "OPTIONS":
            return
        item = self._document["paths"][path]
        asked = "get" if method == "HEAD" else method.lower()
        if asked not in item:
            # All methods that the URL does take say the same of those that it does not.
            _require(status == HTTPStatus.METHOD_NOT_ALLOWED, f"{method} {path} is not documented, and is {status}")
            asked = next(each for each in _METHODS if each in item)
        what = f"{method} {path} {status}"
        answer = item[asked]["responses"].get(str(status))
        _require(answer is not None, f"{what} is not documented", body)
        kind = path, asked, str(status)
        self.seen.add((path, "any", "405") if status == HTTPStatus.METHOD_NOT_ALLOWED else kind)
        _check_headers(what, answer["headers"], headers)
        if method != "HEAD":
            self._check_body(what, kind, answer.get("content", {}), headers.get("Content-Type", ""), body)

    def _check_body(
        self, what: str, kind: Kind, content: dict[str, Any], content_type: str, body: Callable[[], bytes]
    ) -> None:
        media_type = content_type.partition(";")[0]
        # Without content there is nothing to have a type.
        _require(media_type in (content or {""}), f"{what}: {content_type} is not documented", body)
        if media_type in content and media_type == "application/json":
            if kind not in self._validators:
                schema = content[media_type]["schema"] | {"components": self._document["components"]}
                self._validators[kind] = jsonschema_rs.validator_for(schema)
            try:
                self._validators[kind].validate(json.loads(body()))
            except ValueError as error:
                raise UndocumentedAnswer(f"{what}: {error}: {body()[:300]!r}") from None


def watch(interface: Interface, patch: pytest.MonkeyPatch) -> None:
    """Compare every answer to a test client, requests and httpx, from now on."""

    def flask(send: Any, client: FlaskClient, *args: Any, **kwargs: Any) -> Any:
        response = send(client, *args, **kwargs)
        if "openapi" in client.application.blueprints:
            asked = response.request
            url = asked.environ["RAW_URI"]
            interface.check(asked.method, url, response.status_code, response.headers, response.get_data)
        return response

    def requests_(send: Any, session: requests.Session, request: Any, **kwargs: Any) -> Any:
        response = send(session, request, **kwargs)
        _check_served(interface, request.method, request.url, response, lambda: response.content)
        return response

    def httpx_(send: Any, client: httpx.Client, request: httpx.Request, **kwargs: Any) -> Any:
        response = send(client, request, **kwargs)
        _check_served(interface, request.method, str(request.url), response, response.read)
        return response

    async def httpx_async(send: Any, client: httpx.AsyncClient, request: httpx.Request, **kwargs: Any) -> Any:
        response = await send(client, request, **kwargs)
        content = await response.aread()
        _check_served(interface, request.method, str(request.url), response, lambda: content)
        return response

    for owner, name, wrapper in (
        (FlaskClient, "open", flask),
        (requests.Session, "send", requests_),
        (httpx.Client, "send", httpx_),
        (httpx.AsyncClient, "send", httpx_async),
    ):
        patch.setattr(owner, name, _method(wrapper, getattr(owner, name)))


def _method(wrapper: Callable[..., Any], send: Any) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(send, self, *args, **kwargs)

    return method


def _check_served(interface: Interface, method: str, url: str, response: Any, body: Callable[[], bytes]) -> None:
    # Our answers have it, whichever server they come from; those of doubles and proxies in tests do not.
    if "X-Request-ID" in response.headers:
        interface.check(method, url, response.status_code, response.headers, body)


def _check_headers(what: str, documented: dict[str, Any], headers: Mapping[str, str]) -> None:
    for name, header in documented.items():
        _require(name in headers or not header.get("required", "$ref" in header), f"{what} lacks {name}")
    for name in _STATED:
        _require(name not in headers or name in documented, f"{what}: {name} is not documented")


def _require(holds: bool, what: str, body: Callable[[], bytes] = bytes) -> None:
    if not holds:
        raise UndocumentedAnswer(f"{what}: {body()[:300]!r}")


def _pattern(path: str) -> str:
    # The lists of likes have a second spelling, as diaspora*'s documentation has it.
    json_too = r"(\.json)?" if path.startswith("/api/v1/") else ""
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + json_too
