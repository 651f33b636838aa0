"""CSRF tokens by Flask-WTF, which prove that a request comes from a page of this visitor that asked for one.

A token is a signed copy of a random value in a signed cookie of the visitor's own (Flask's session cookie, which holds
nothing else), so a token that somebody else fetched is worth nothing. Why Flask-WTF's own ``Referer`` check is not
used, and what is instead: ``docs/decisions/0005``.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import generate_csrf, validate_csrf
from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from likes_api.jose.claims import CLOCK_TOLERANCE

COOKIE = "likes_csrf"
HEADER = "X-CSRF-TOKEN"
LIFETIME = timedelta(hours=1)


class CsrfMismatch(Exception):
    """The token is missing, wrong, expired, or another visitor's."""


class _Signer(TimestampSigner):
    """Verify signatures with a tolerance for clocks that are a little ahead; itsdangerous refuses one second."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        value, signed = super().unsign(signed_value, return_timestamp=True)
        age = self.get_timestamp() - int(signed.timestamp())
        if max_age is not None and not -CLOCK_TOLERANCE <= age <= max_age:
            raise SignatureExpired(f"signature age {age}", payload=value, date_signed=signed)
        return (value, signed) if return_timestamp else value


class _CookieInterface(SecureCookieSessionInterface):
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return Flask's own serializer, with our tolerance."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = _Signer
        return serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the cookie, where there is one; Flask would set up signatures for requests without one as well."""
        return super().open_session(app, request) if COOKIE in request.cookies else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie, where there is anything to write; Flask would look up its settings for every request."""
        if session or session.modified or session.accessed:
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie is for https only: where the request came over https, as trusted proxies forward it."""
        # SameSite=None is taken together with Secure only (RFC 6265bis, section 5.7).
        return request.is_secure or app.config["SESSION_COOKIE_SAMESITE"] == "None"


def register(app: Flask, secrets: Sequence[str], *, cross_site: bool = False) -> None:
    """Set up tokens and their cookie.

    :param secrets: the first one signs, all verify, so that a secret can be replaced without refusing anybody.
    :param cross_site: let pages of other sites send the cookie, each its own one (CHIPS, "Cookies Having Independent
        Partitioned State"). ``Origin`` and the token decide which of them may vote, as before.
    """
    first, *fallbacks = secrets
    app.session_interface = _CookieInterface()
    app.config |= {
        "SECRET_KEY": first,
        "SECRET_KEY_FALLBACKS": fallbacks,
        # Flask-WTF knows no fallbacks, but hands what it is given to itsdangerous, which signs with the last of a list.
        "WTF_CSRF_SECRET_KEY": [*reversed(fallbacks), first],
        # Flask-WTF has no tolerance for clocks: the age is checked by our signer.
        "WTF_CSRF_TIME_LIMIT": None,
        "SESSION_COOKIE_NAME": COOKIE,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "None" if cross_site else "Lax",
        "SESSION_COOKIE_PARTITIONED": cross_site,
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
    given = request.headers.get(HEADER) if token is None else token
    try:
        validate_csrf(given)
        _aged_tokens().loads(given or "", max_age=int(LIFETIME.total_seconds()))
    except (ValueError, BadSignature):  # wtforms.ValidationError is a ValueError
        raise CsrfMismatch from None


def _aged_tokens() -> URLSafeTimedSerializer:
    """Return the serializer that Flask-WTF makes its tokens with, which knows our tolerance."""
    return URLSafeTimedSerializer(current_app.config["WTF_CSRF_SECRET_KEY"], salt="wtf-csrf-token", signer=_Signer)
