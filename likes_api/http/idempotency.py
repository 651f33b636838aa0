"""The ``Idempotency-Key`` header: a request that is sent again, because its answer was lost, changes nothing again.

A toggle needs it most: its repetition takes the vote back. A request without the header costs nothing here.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from flask import Request

from likes_api import metrics
from likes_api.http.errors import Refused
from likes_api.http.interface import Parameter
from likes_api.mongodb.documents import Session
from likes_api.repository.idempotency_keys import IdempotencyRepository, KeyInUse, KeyReused, NoTransactions, RequestKey

MAX_LENGTH = 255
HEADER = "Idempotency-Key"
PARAMETER = Parameter(HEADER, {"type": "string"}, "With it, the request sent again changes nothing again.", "header")

# A structured field's String (RFC 9651, 3.3.3), as the draft has it; or, as most clients send it, the bare key.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-+\--\[\]-~]+")

_INVALID = 400, f"Invalid {HEADER}"
_NO_TRANSACTIONS = 400, f"{HEADER} takes a MongoDB replica set"
_IN_USE = 409, f"A request with this {HEADER} is under way", {"Retry-After": "1"}
_REUSED = 422, f"This {HEADER} was used for another request"
REFUSALS = (Refused(*_INVALID), Refused(*_NO_TRANSACTIONS), Refused(*_IN_USE), Refused(*_REUSED))


def key_of(request: Request, caller: str, body: object) -> RequestKey | None:
    """Read the key, if there is one.

    :param caller: whose key it is: nobody can ask for the answer to another's.
    :param body: the parsed body; with method and path it tells the request from others.
    :raises Refused: 400, the key is neither a quoted string nor a bare one, or empty, or longer than 255 characters.
    """
    header = request.headers.get(HEADER)
    if header is None:
        return None
    return RequestKey(_digest(caller, _parse(header)), _digest(request.method, request.path, body))


def once(
    records: IdempotencyRepository, key: RequestKey | None, act: Callable[[Session | None], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """Call ``act``, or return its answer to the first request with this key; and whether this is a repetition.

    :param act: is given the transaction to be part of, where there is a key.

    Only what was done is remembered: where ``act`` refuses, nothing was, and a repetition is looked at afresh.

    :raises Refused: 409 with ``Retry-After`` while the first request is under way; 422 where the key came with
        another request before; 400 where the database has no transactions.
    """
    if key is None:
        return act(None), False
    try:
        answer, repeated = records.once(key, act)
    except KeyInUse:
        metrics.count_idempotency("in_use")
        raise Refused(*_IN_USE) from None
    except NoTransactions:
        metrics.count_idempotency("refused")
        raise Refused(*_NO_TRANSACTIONS) from None
    except KeyReused:
        metrics.count_idempotency("reused")
        raise Refused(*_REUSED) from None
    metrics.count_idempotency("repeated" if repeated else "performed")
    return answer, repeated


def _parse(header: str) -> str:
    quoted = _QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    if not 1 <= len(key) <= MAX_LENGTH or not (quoted or _BARE.fullmatch(header)):
        raise Refused(*_INVALID)
    return key


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
