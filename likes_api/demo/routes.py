"""The demo page at ``/``, and its sign-in without a password. Registered with ``--demo`` only.

Signing in makes a real database session in the host's format, so that the page takes the same way as production
does: the cookie is read, and the session looked up, by ``likes_api.identity``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, session, url_for
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from likes_api.demo.curl import Curl
from likes_api.demo.items import Items
from likes_api.http import origin
from likes_api.http.assets import Asset
from likes_api.http.errors import Refused
from likes_api.http.headers import protect_page
from likes_api.identity.caller import Caller, InvalidCredential, SessionAuthenticator
from likes_api.repository.sessions import SessionRepository, UnknownUser
from likes_api.repository.votes import VoteRepository
from likes_api.votes import TargetKind
from likes_api.widget.routes import SCRIPT_PATH

SESSION: Final = timedelta(days=1)
DEFAULT_COOKIE: Final = "next-auth.session-token"
ASSETS: Final = {
    "demo.css": Asset.of("likes_api.demo", "demo.css", "text/css"),
    "demo.js": Asset.of("likes_api.demo", "demo.js", "text/javascript"),
}
TOO_OLD: Final = "That page was too old to act on. This is a fresh one; please try again."
SESSION_OVER: Final = "Your browser brings a session that is not, or no longer, valid here. Sign out or in to replace it."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever looks at the page: a caller, nobody, or somebody whose session is over."""

    caller: Caller | None
    session_over: bool


def create_blueprint(
    items: Items,
    votes: VoteRepository,
    authenticator: SessionAuthenticator,
    sessions: SessionRepository,
    *,
    cookie_name: str | None,
) -> Blueprint:
    """Make the blueprint.

    :param cookie_name: the session cookie's name where the host application gave it its own.
    """
    blueprint = Blueprint("demo", __name__, template_folder="templates")
    cookie = cookie_name or DEFAULT_COOKIE

    @blueprint.get("/")
    def page() -> Response:
        return show()

    @blueprint.post("/demo/sign-in")
    def sign_in() -> Response:
        if not _is_from_our_page():
            return show(TOO_OLD, 419)
        user = items.user(request.form.get("user"))
        if user is None:
            raise Refused(400, "Unknown user")
        try:
            token = sessions.create(user.id, SESSION, datetime.now(UTC))
        except UnknownUser:
            raise Refused(404, "Demo data not loaded") from None
        response = _home()
        response.set_cookie(
            cookie, token, max_age=SESSION, secure=request.is_secure, httponly=True, samesite="Lax", path="/"
        )
        return response

    @blueprint.post("/demo/sign-out")
    def sign_out() -> Response:
        if not _is_from_our_page():
            return show(TOO_OLD, 419)
        if token := request.cookies.get(cookie):
            sessions.delete(token)
        response = _home()
        response.delete_cookie(cookie, secure=request.is_secure, httponly=True, samesite="Lax", path="/")
        return response

    @blueprint.get("/demo/<version>/<name>")
    def asset(version: str, name: str) -> Response:
        found = ASSETS.get(name)
        if found is None or found.version != version:
            abort(404)
        return found.respond(versioned=True)

    def show(notice: str | None = None, status: int = 200) -> Response:
        """Render the page. Three round trips: the session, the questions, the answers, however many there are."""
        visitor = _visitor(authenticator)
        voter = visitor.caller.id if visitor.caller else None
        token = request.cookies.get(cookie) if visitor.caller else None
        tallies = {
            kind.value: votes.tallies(kind, items.ids(kind.value), voter)
            for kind in (TargetKind.QUESTION, TargetKind.MESSAGE)
        }
        html = render_template(
            "demo.html",
            items=items,
            tallies=tallies,
            visitor=visitor,
            user=items.user(voter),
            curl=Curl(request.host_url.rstrip("/"), f"{cookie}={token}" if token else None),
            notice=notice or (SESSION_OVER if visitor.session_over else None),
            csrf_token=generate_csrf(),
            widget=SCRIPT_PATH,
            assets={name: _asset_url(name) for name in ASSETS},
        )
        return protect_page(make_response(html, status))

    return blueprint


def _visitor(authenticator: SessionAuthenticator) -> Visitor:
    try:
        return Visitor(authenticator.authenticate(request.cookies), session_over=False)
    except InvalidCredential:
        return Visitor(None, session_over=True)


def _is_from_our_page() -> bool:
    """Tell whether a form of ours was sent, by its token; signing somebody else in is an attack too (login CSRF).

    :raises Refused: another site's page sent it.
    """
    if origin.is_foreign(request, _NO_ORIGINS):
        raise Refused(403, "Cross-site request refused")
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


_NO_ORIGINS: Sequence[str] = ()


def _home() -> Response:
    """Go back to the page, as somebody else: with another CSRF token, so that no token outlives a sign-in."""
    session.clear()
    response = make_response(redirect(url_for("demo.page"), 303))
    response.headers["Cache-Control"] = "no-store"
    return response


def _asset_url(name: str) -> str:
    return url_for("demo.asset", version=ASSETS[name].version, name=name)
