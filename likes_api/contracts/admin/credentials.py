"""Sessions of users and tokens of people, made for applications that test or migrate."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from likes_api.repository.audit import AuditLog, Change
from likes_api.repository.credentials.sessions import SessionRepository
from likes_api.repository.credentials.tokens import TokenRepository


@dataclass(frozen=True, slots=True)
class Credentials:
    """Make them, each with its line of audit.

    :param cookie_name: that of the session cookie.
    """

    sessions: SessionRepository
    tokens: TokenRepository
    audit: AuditLog
    cookie_name: str

    def session(self, user: str, lifetime: timedelta, by: str) -> tuple[str, datetime]:
        """Sign a user in; return the cookie, ``name=value``, and when it expires.

        :raises likes_api.repository.credentials.sessions.UnknownUser: there is no such user.
        """
        now = datetime.now(UTC)
        token = self.audit.perform(
            Change(by, "session.create", "user", user),
            lambda session: self.sessions.create(user, lifetime, now, session),
        )
        return f"{self.cookie_name}={token}", now + lifetime

    def token(self, person: str, scopes: list[str], lifetime: timedelta, by: str) -> tuple[str, datetime]:
        """Make a bearer token; return it and when it expires.

        :raises likes_api.repository.credentials.tokens.UnknownPerson: there is no such person.
        """
        now = datetime.now(UTC)
        token = self.audit.perform(
            Change(by, "token.create", "person", person),
            lambda session: self.tokens.create(person, scopes, lifetime, now, session),
        )
        return token, now + lifetime
