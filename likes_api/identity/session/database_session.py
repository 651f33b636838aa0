"""Session tokens of the database strategy: opaque strings, looked up in the host's ``sessions``."""

from datetime import datetime

from likes_api.repository.credentials.sessions import SessionRepository

# next-auth makes 36 (a UUID) or 64 characters (hex); an application's own generator may make others.
_MAX_LENGTH = 255


class DatabaseSessions:
    """Read database session tokens, in one query each."""

    def __init__(self, sessions: SessionRepository) -> None:
        self._sessions = sessions

    def user_of(self, token: str, now: datetime) -> str | None:
        """Return the id of the user whose token this is, or ``None`` where it is malformed, unknown or over.

        What cannot be a token does not reach the database: it would cost a query, or an exception where the
        string is not valid Unicode.

        :param now: the time, with a time zone.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        if not 0 < len(token) <= _MAX_LENGTH or not (token.isascii() and token.isprintable()):
            return None
        return self._sessions.user_of(token, now)
