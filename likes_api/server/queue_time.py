"""How long the request in hand has waited for a thread: its deadline began when it had arrived."""

from contextvars import ContextVar
from time import monotonic

_arrived: ContextVar[float | None] = ContextVar("arrived", default=None)


def note(moment: float) -> None:
    """Say when the request that this thread takes up had arrived, by the monotonic clock."""
    _arrived.set(moment)


def seconds_since() -> float:
    """Return how long ago the request arrived; 0 where no server has noted it."""
    moment = _arrived.get()
    return 0.0 if moment is None else monotonic() - moment
