"""Read a JSON request body strictly: an object, no duplicate keys, only what can be stored as UTF-8."""

import json
import re
from itertools import accumulate
from typing import Any

from flask import Request

from likes_api.http.body_limit import require_end

# A limit of our own (RFC 8259, section 9): Python's depends on the depth of the stack, so a body that could be parsed
# might be too deep for the next function that recurses through it.
MAX_DEPTH = 64
# To the end where it is not closed: looking for another beginning would take quadratic time.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class UnsupportedMediaType(ValueError):
    """The body is not declared as ``application/json``."""


class InvalidJson(ValueError):
    """The body is not a JSON object."""


def require_json(request: Request) -> None:
    """Refuse any other media type; parameters such as a charset may follow.

    :raises UnsupportedMediaType:
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType


def json_object(request: Request) -> dict[str, Any]:
    r"""Parse the body.

    Stricter than :mod:`json`: a key given twice is ambiguous, ``NaN`` is not JSON (RFC 8259), and a lone surrogate
    (``"\\\ud800"``) is no Unicode text, so it could reach no database. Nor are more than ``MAX_DEPTH`` levels read.

    :raises InvalidJson: whatever is wrong with it.
    :raises werkzeug.exceptions.RequestEntityTooLarge: it is longer than ``MAX_CONTENT_LENGTH``.
    """
    value = _parse(_read(request))
    if not isinstance(value, dict):
        raise InvalidJson
    return value


def require_json_or_nothing(request: Request) -> None:
    """Refuse a body that is neither empty nor JSON, of any shape, where nothing is read from it.

    :raises InvalidJson:
    :raises werkzeug.exceptions.RequestEntityTooLarge: as for :func:`json_object`.
    """
    body = _read(request)
    if body.strip():
        _parse(body)


def discard(request: Request) -> None:
    """Read a body of which nothing is wanted.

    :raises werkzeug.exceptions.RequestEntityTooLarge: as for :func:`json_object`.
    """
    _read(request)


def _read(request: Request) -> bytes:
    length = request.content_length
    if length is not None and length <= (request.max_content_length or 0):
        # It is there: neither gunicorn's worker nor nginx hands over less. Werkzeug's stream would count the bytes.
        body: bytes = request.environ["wsgi.input"].read(length)
        return body
    body = request.get_data(cache=False)
    require_end(request)
    return body


def _parse(body: bytes) -> Any:
    try:
        if _depth(body) > MAX_DEPTH:
            raise InvalidJson
        value = _decode(body.decode())
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        raise InvalidJson from None
    return value


def _depth(body: bytes) -> int:
    """Return how many levels of arrays and objects a JSON text has, or an upper bound that is small."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets <= MAX_DEPTH:
        return brackets
    steps = (1 if each in b"[{" else -1 for each in _BRACKET.findall(_STRING.sub(b"", body)))
    return max(accumulate(steps), default=0)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJson
    return members


def _refuse(constant: str) -> Any:
    raise InvalidJson(constant)


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse).decode
