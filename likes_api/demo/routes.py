"""The demo page at ``/``, and its sign-in without a password. Registered with ``--demo`` only.

Signing in makes a real database session in the host's format, so that the page uses the code of production:
``likes_api.identity`` reads the cookie and looks the session up.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, session, url_for

from likes_api.demo.curl import Curl
from likes_api.demo.items import Items
from likes_api.http import origin
from likes_api.http.accepts import accepts
from likes_api.http.assets import Asset
from likes_api.http.errors import Refused
from likes_api.http.headers import protect_page
from likes_api.identity import csrf
from likes_api.identity.caller import Caller, Credential, InvalidCredential
from likes_api.identity.session.authenticator import SessionAuthenticator
from likes_api.identity.session.cookies import WRITTEN_NAME
from likes_api.repository.credentials.sessions import SessionRepository, UnknownUser
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import TargetKind
from likes_api.widget.routes import SCRIPT_PATH

SESSION: Final = timedelta(days=1)
ASSETS: Final = {
    "demo.css": Asset.of("likes_api.demo", "demo.css", "text/css"),
    "demo.js": Asset.of("likes_api.demo", "demo.js", "text/javascript"),
}
TOO_OLD: Final = "That page was too old to act on. This is a fresh one; please try again."
SESSION_OVER: Final = (
    "Your browser brings a session that is not, or no longer, valid here. Sign out or in to replace it."
)


@dataclass(frozen=True, slots=True)
class Page:
    """The page as the present request's visitor sees it.

    :param cookie: the name of the session cookie that signing in sets.
    """

    items: Items
    votes: VoteRepository
    authenticator: SessionAuthenticator
    cookie: str

    def show(self, notice: str | None = None, status: int = 200) -> Response:
        """Render the page. Three round trips: the session, the questions, the messages, however many there are."""
        caller, session_over = self._caller()
        voter = caller.id if caller else None
        tallies = {
            kind.value: self.votes.tallies(kind, self.items.ids(kind.value), voter)
            for kind in (TargetKind.QUESTION, TargetKind.MESSAGE)
        }
        html = render_template(
            "demo.html",
            items=self.items,
            tallies=tallies,
            caller=caller,
            session_over=session_over,
            user=self.items.user(voter),
            curl=Curl(request.url_root.rstrip("/"), self._session() if caller else None),
            notice=notice or (SESSION_OVER if session_over else None),
            csrf_token=csrf.issue(),
            base=request.root_path,
            widget=request.root_path + SCRIPT_PATH,
            assets={name: url_for("demo.asset", version=ASSETS[name].version, name=name) for name in ASSETS},
        )
        return protect_page(make_response(html, status))

    def _caller(self) -> tuple[Caller | None, bool]:
        """Return who asks for the page, and whether a session that is over came along."""
        try:
            return self.authenticator.authenticate(request.cookies), False
        except InvalidCredential:
            return None, True

    def _session(self) -> str | None:
        """Return the session cookie for the curl lines; scripts cannot read it, so the page, a demo, shows it."""
        token = request.cookies.get(self.cookie)
        return f"{self.cookie}={token}" if token else None


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
    page = Page(items, votes, authenticator, cookie_name or WRITTEN_NAME)

    @blueprint.get("/")
    @accepts(Credential.SESSION, Credential.GUEST)
    def home() -> Response:
        return page.show()

    @blueprint.post("/demo/sign-in")
    @accepts()
    def sign_in() -> Response:
        if not _is_from_our_page():
            return page.show(TOO_OLD, 419)
        token = _start_session(items, sessions)
        response = _home()
        response.set_cookie(
            page.cookie, token, max_age=SESSION, secure=request.is_secure, httponly=True, samesite="Lax"
        )
        return response

    @blueprint.post("/demo/sign-out")
    @accepts()
    def sign_out() -> Response:
        if not _is_from_our_page():
            return page.show(TOO_OLD, 419)
        if token := request.cookies.get(page.cookie):
            sessions.delete(token)
        response = _home()
        response.delete_cookie(page.cookie, secure=request.is_secure, httponly=True, samesite="Lax")
        return response

    @blueprint.get("/demo/<version>/<name>")
    @accepts()
    def asset(version: str, name: str) -> Response:
        return _asset(version, name)

    return blueprint


def _asset(version: str, name: str) -> Response:
    found = ASSETS.get(name)
    if found is None:
        abort(404)
    return found.respond(versioned=version == found.version)


def _is_from_our_page() -> bool:
    """Check by its token that a form is ours; signing a visitor in as another user is an attack too (login CSRF).

    :raises Refused: another site's page sent it.
    """
    if origin.is_foreign(request, allowed=()):
        raise Refused(403, "Cross-site request refused")
    try:
        csrf.check(request.form.get("csrf_token", ""))
    except csrf.CsrfMismatch:
        return False
    return True


def _start_session(items: Items, sessions: SessionRepository) -> str:
    """Make a session for the demo user whom the form names, and for nobody else. Two round trips.

    :raises Refused: there is no such demo user, or not in the database.
    """
    user = items.user(request.form.get("user"))
    if user is None:
        raise Refused(400, "Unknown user")
    try:
        return sessions.create(user.id, SESSION, datetime.now(UTC))
    except UnknownUser:
        raise Refused(404, "Demo data not loaded") from None


def _home() -> Response:
    """Redirect to the page as another user, with another CSRF token, so that no token outlives a sign-in."""
    session.clear()
    response = make_response(redirect(url_for("demo.home"), 303))
    response.headers["Cache-Control"] = "no-store"
    return response
