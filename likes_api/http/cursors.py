"""Cursors of lists: where the next page begins, signed, so that one is good for the list that it came from alone."""

from collections.abc import Sequence
from typing import Any

from itsdangerous import BadData, URLSafeSerializer


class InvalidCursor(Exception):
    """It is garbled, or of another list."""


class Cursors:
    """Write and read cursors.

    :param secrets: the first one signs, all verify.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = list(reversed(secrets))

    def dump(self, of: Sequence[str | None], after: Any) -> str:
        """Write where a page ends.

        :param of: what makes the list: its route, whose it is, and its filters.
        """
        cursor: str = self._serializer(of).dumps(after)
        return cursor

    def load(self, of: Sequence[str | None], cursor: str | None) -> Any:
        """Read what was written for the same list; ``None`` where there is no cursor.

        :raises InvalidCursor:
        """
        if cursor is None:
            return None
        try:
            return self._serializer(of).loads(cursor)
        except BadData:
            raise InvalidCursor from None

    def _serializer(self, of: Sequence[str | None]) -> URLSafeSerializer:
        return URLSafeSerializer(self._secrets, salt=repr(("cursor", *of)))
