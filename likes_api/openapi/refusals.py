"""The refusals of an operation: of its contract's table, of its own, and those that every route shares."""

from collections.abc import Iterator, Mapping
from typing import Any

from likes_api.http.errors import Dialect, Refused
from likes_api.http.interface import Operation
from likes_api.http.rate_limits.limits import TOO_MANY

Refusals = dict[int, list[tuple[dict[str, Any], Mapping[str, str]]]]


def answers_of(operation: Operation, dialect: Dialect, method: str) -> Refusals:
    """Return the bodies and the headers of the refusals by their status.

    :raises KeyError: the description names an exception that the contract's table does not have.
    """
    found: Refusals = {}
    for refused in _all(operation, dialect, method):
        answer = dialect.body(refused), refused.headers
        if answer not in found.setdefault(refused.status, []):
            found[refused.status].append(answer)
    return found


def _all(operation: Operation, dialect: Dialect, method: str) -> Iterator[Refused]:
    for each in operation.refusals:
        yield each if isinstance(each, Refused) else dialect.refusals[each]
    if operation.limited:
        yield Refused(429, TOO_MANY, {"Retry-After": "1"})
    yield Refused(405, "Method not allowed", {"Allow": "GET, HEAD, OPTIONS"})
    if operation.bounded if operation.bounded is not None else method != "GET":
        yield Refused(413, "Request entity too large")
    yield Refused(*dialect.crashed)
    if operation.reads_database:
        yield Refused(*dialect.store_failed)
