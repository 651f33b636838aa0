"""A call as a value: the request, how its answer is read, and whether it may be sent again. No I/O."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import httpx

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Parameters = Mapping[str, str | int | Sequence[str]]

_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request.

    :param read: makes the result of an answer below 300; it may raise an :class:`~likes_client.errors.ApiError`.
    :param json: the body, to be sent as JSON; ``content`` where it is bytes.
    :param repeatable: whether sending it again changes nothing; ``None``: its method says so (RFC 9110, 9.2.2).
    :param passing: statuses besides the usual ones after which it is sent again.
    :param done_when_repeated: the status that says that an earlier attempt, whose answer was lost, has done it.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T_co]
    json: object = None
    content: bytes | None = None
    parameters: Parameters = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool | None = None
    passing: frozenset[int] = frozenset()
    done_when_repeated: int | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it again changes nothing."""
        return self.method in _REPEATABLE if self.idempotent is None else self.idempotent


class Page(NamedTuple, Generic[T]):
    """Some items of a list, and the call for the next ones."""

    items: Sequence[T]
    next: Call["Page[T]"] | None


Pages = Call[Page[T]]
# Several calls, one after the other: each result is sent into the generator, which returns the whole.
Flow = Generator[Call[Any], Any, T]


def path(*segments: str) -> str:
    """Return the path of segments, percent-encoded, a slash too; dots, which would climb a folder, as well."""
    return "/" + "/".join(_DOTS.get(each) or quote(each, safe="") for each in segments)


def json_of(response: httpx.Response) -> Any:
    """Return the body."""
    return response.json()


def nothing(_: httpx.Response) -> None:
    """Return nothing: the answer has no body."""


_DOTS = {".": "%2E", "..": "%2E%2E"}
