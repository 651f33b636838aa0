"""The statement of a view about the credentials that it accepts."""

from collections.abc import Callable
from typing import Any, TypeVar

V = TypeVar("V", bound=Callable[..., Any])

# The attribute of a view that holds its statement.
ACCEPTED = "accepted_credentials"


def accepts(*credentials: str) -> Callable[[V], V]:
    """Make the decorator that states which credentials a view accepts; without any, it reads none and answers anybody.

    The view itself tells callers apart. A test (``tests/contracts/test_route_authentication.py``) fails where a view
    states nothing, or does not do what it states.

    :param credentials: of :class:`likes_api.identity.caller.Credential`.
    """

    def state(view: V) -> V:
        setattr(view, ACCEPTED, frozenset(credentials))
        return view

    return state
