"""What a view states about the callers that it answers."""

from collections.abc import Callable
from typing import Any, TypeVar

V = TypeVar("V", bound=Callable[..., Any])

# The attribute of a view that holds what it states.
ACCEPTED = "accepted_callers"


def accepts(*kinds: str) -> Callable[[V], V]:
    """State which kinds of callers a view answers; none: it answers anybody and looks at no credential.

    The view itself tells callers apart. A test (``tests/contracts/test_route_authentication.py``) fails where a view
    states nothing, or does not do what it states.

    :param kinds: of :class:`likes_api.identity.caller.CallerKind`.
    """

    def state(view: V) -> V:
        setattr(view, ACCEPTED, frozenset(kinds))
        return view

    return state
