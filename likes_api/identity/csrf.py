"""CSRF tokens by Flask-WTF: what proves that a request comes from a page that we, or the visitor, asked for one.

A token is a signed copy of a random value in a signed cookie of the visitor's own (Flask's session cookie, which holds
nothing else), so a token that somebody else fetched is worth nothing. Why Flask-WTF's own ``Referer`` check is not
used, and what is instead: ``docs/decisions/0005``.
"""

from collections.abc import Sequence
from datetime import timedelta

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import generate_csrf, validate_csrf

COOKIE = "likes_csrf"
HEADER = "X-CSRF-TOKEN"
LIFETIME = timedelta(hours=1)


class CsrfMismatch(Exception):
    """The token is missing, wrong, expired, or another visitor's."""


class _CookieInterface(SecureCookieSessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the cookie, where there is one; Flask would set up signatures for every request without one, too."""
        return super().open_session(app, request) if COOKIE in request.cookies else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie, where there is anything to write; Flask would look up its settings for that, too."""
        if session or session.modified or session.accessed:
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Keep the cookie to https where it was given over https; ``LIKES_TRUSTED_PROXIES`` tell of that, if any."""
        return request.is_secure


def register(app: Flask, secrets: Sequence[str]) -> None:
    """Set up tokens and their cookie.

    :param secrets: the first one signs, all verify, so that a secret can be replaced without refusing anybody.
    """
    first, *fallbacks = secrets
    app.session_interface = _CookieInterface()
    app.config |= {
        "SECRET_KEY": first,
        "SECRET_KEY_FALLBACKS": fallbacks,
        # Flask-WTF knows no fallbacks, but hands what it is given to itsdangerous, which signs with the last of a list.
        "WTF_CSRF_SECRET_KEY": [*reversed(fallbacks), first],
        "WTF_CSRF_TIME_LIMIT": int(LIFETIME.total_seconds()),
        "SESSION_COOKIE_NAME": COOKIE,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
    }


def issue() -> str:
    """Make a token for this visitor; the response carries the cookie that it belongs to, where there is none yet."""
    token: str = generate_csrf()
    return token


def check(token: str | None = None) -> None:
    """Check a token of this visitor.

    :param token: a form's; by default the one in the current request's header.
    :raises CsrfMismatch:
    """
    try:
        validate_csrf(request.headers.get(HEADER) if token is None else token)
    except ValueError:  # wtforms.ValidationError
        raise CsrfMismatch from None
