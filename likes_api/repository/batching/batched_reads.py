"""Read by key; keys that are asked for at one time are read together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from likes_api.mongodb.instrumented import current_request_id
from likes_api.repository.batching.group_commit import GroupCommit

# Keys in one command.
MOST = 64

K = TypeVar("K")
V = TypeVar("V")


class BatchedReads(Generic[K, V]):
    """Return values by key, in one round trip for all calls that meet in this process.

    Each call's read begins after the call, so it sees what was written before.

    :param read: reads many keys in one round trip, with a comment for the server's logs; keys without a value are left
        out.
    """

    def __init__(self, read: Callable[[Collection[K], str | None], Mapping[K, V]]) -> None:
        self._read = read
        self._calls = GroupCommit(lambda call: self._together([call])[0], self._together, most=MOST)

    def get(self, key: K) -> V | None:
        """Return the value of a key, or ``None`` where it has none.

        :raises likes_api.repository.StoreError: the database did not answer.
        """
        return self._calls.submit((key, current_request_id()))

    def _together(self, calls: Sequence[tuple[K, str | None]]) -> list[V | None]:
        comment = " ".join(request_id for _, request_id in calls if request_id)
        values = self._read({key for key, _ in calls}, comment or None)
        return [values.get(key) for key, _ in calls]
