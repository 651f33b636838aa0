"""Moving windows: the interface of every storage of rate limits."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from limits.storage import MovingWindowSupport, Storage


@dataclass(frozen=True, slots=True)
class Window:
    """One limit for one key: so many requests within the last so many seconds."""

    key: str
    amount: int
    seconds: int


class WindowStorage(Storage, MovingWindowSupport):
    """A storage for the ``limits`` library that decides about all windows of a request at once.

    The library's own storages are asked window by window, so a request that the last one refuses has used up the
    others.
    """

    @abstractmethod
    def take(self, windows: Sequence[Window]) -> float | None:
        """Count a request in all windows, or in none if one of them is full.

        :returns: ``None`` if it is counted, else in how many seconds all of the windows have room.
        """

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count one request in one window; return whether there was room."""
        if amount != 1:
            self._refuse()
        return self.take([Window(key, limit, expiry)]) is None

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Refuse: no caller reads a window without counting."""
        self._refuse()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Refuse: fixed windows are not kept."""
        self._refuse()

    def get(self, key: str) -> int:
        """Refuse: fixed windows are not kept."""
        self._refuse()

    def get_expiry(self, key: str) -> float:
        """Refuse: fixed windows are not kept."""
        self._refuse()

    def reset(self) -> int | None:
        """Refuse: windows expire."""
        self._refuse()

    def clear(self, key: str) -> None:
        """Refuse: windows expire."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotImplementedError("moving windows and single requests only")
