"""Find the caller of a session cookie."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from likes_api.identity.caller import Caller, CallerKind, InvalidCredential, is_voter_id
from likes_api.identity.session.cookies import SessionCookie, SessionCookies
from likes_api.identity.session.database_session import DatabaseSessions
from likes_api.identity.session.nextauth import JwtSessions
from likes_api.repository.credentials.sessions import SessionRepository


class SessionAuthenticator:
    """Find the caller of a NextAuth / Auth.js session cookie, of either strategy.

    :param secrets: the host application's, for JWT sessions; without any, only database sessions are valid.
    :param cookie_name: the session cookie's name where the application gave it its own.
    :param user_claims: the JWT claims in which the user's id may stand, in order.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        cookie_name: str | None,
        user_claims: Sequence[str],
        sessions: SessionRepository,
    ) -> None:
        self._cookies = SessionCookies(cookie_name)
        self._jwt = JwtSessions(secrets, self._cookies.names, user_claims)
        self._database = DatabaseSessions(sessions)

    def authenticate(self, cookies: Mapping[str, str], now: datetime | None = None) -> Caller | None:
        """Return the caller, or ``None`` where the request has no session cookie at all.

        A browser may hold several, such as a stale v4 beside a live v5 one: any valid one will do. JWTs are
        tried before the database is asked.

        :param cookies: name to value, as ``flask.request.cookies`` has them; of two of one name it shows the
            first, as next-auth's parser does.
        :param now: the time, with a time zone; the present by default.
        :raises InvalidCredential: there is a session cookie, but no valid one.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        found = self._cookies.find(cookies)
        if found is None:
            return None
        moment = now or datetime.now(UTC)
        for cookie in sorted(found, key=_needs_database):
            user = self._user_of(cookie, moment)
            if user is not None and is_voter_id(user):
                return Caller(user, CallerKind.USER)
        raise InvalidCredential

    def _user_of(self, cookie: SessionCookie, now: datetime) -> str | None:
        match cookie.token.count("."):
            case 4:
                return self._jwt.user_of(cookie.token, cookie.name, now)
            case 0:
                return self._database.user_of(cookie.token, now)
            case _:
                return None


def _needs_database(cookie: SessionCookie) -> bool:
    return "." not in cookie.token
