"""The composition root: settings and a database in, a Flask app out, in named steps."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Blueprint, Flask
from flask.json.provider import DefaultJSONProvider
from flask_limiter import Limiter
from werkzeug.middleware.proxy_fix import ProxyFix

from config.settings import Settings
from likes_api.contracts.diaspora import errors as diaspora_errors
from likes_api.contracts.diaspora import routes as diaspora_routes
from likes_api.contracts.qa_votes import errors as qa_errors
from likes_api.contracts.qa_votes import routes as qa_routes
from likes_api.http import arrival, errors, limits, ops, request_log
from likes_api.identity.bearer import BearerAuthenticator
from likes_api.identity.caller import SessionAuthenticator
from likes_api.repository.client import connect, deadline
from likes_api.repository.documents import Database
from likes_api.repository.like_guids import LikeGuids
from likes_api.repository.listing import ListingRepository
from likes_api.repository.people import PeopleRepository
from likes_api.repository.posts import PostRepository
from likes_api.repository.sessions import SessionRepository
from likes_api.repository.tokens import TokenRepository
from likes_api.repository.votes import VoteRepository

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 16 * 1024
# From a request's arrival to the end of its last database call, the wait for a thread included. The driver may overrun
# it by its pause between two looks for a server (0.5 s: measured 3.0 s for 2.5), and the answer is due within 3 s.
REQUEST_DATABASE_SECONDS = 2.0
# What is left to a request that has waited longer than that: enough where the database is well again, and where it is
# not, those who queue for the threads of a worker fail quickly one after the other.
LEAST_DATABASE_SECONDS = 0.1


class _Json(DefaultJSONProvider):
    sort_keys = False  # answers keep the documents' order


def create_app(settings: Settings, database: Database | None = None) -> Flask:
    """Wire the application.

    :param database: a double or a database that a test made; by default the one of the settings, whose client connects
        when first used. Call this in the process that serves: a client must not cross a fork.
    """
    if database is None:
        database = _open_database(settings)
    app = Flask(__name__, static_folder=None)
    app.json = _Json(app)
    # A doubled slash is an unknown URL, in the dialect of its prefix, not a redirect in HTML.
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    limiter = limits.create_limiter(settings)

    request_log.register(app)
    answer = errors.register(app, [qa_errors.DIALECT, diaspora_errors.DIALECT])
    limits.register(app, limiter, answer)
    app.register_blueprint(ops.create_blueprint(database))
    app.register_blueprint(_qa_votes(settings, database, limiter))
    app.register_blueprint(_diaspora(database))
    app.wsgi_app = _within_deadline(_behind_proxies(app.wsgi_app, settings.trusted_proxies))  # type: ignore[assignment,method-assign]
    return app


def _open_database(settings: Settings) -> Database:
    if settings.mongodb_uri is None:
        raise ValueError("LIKES_MONGODB_URI is not set")
    return connect(settings.mongodb_uri)[settings.mongodb_database]


def _qa_votes(settings: Settings, database: Database, limiter: Limiter) -> Blueprint:
    sessions = SessionAuthenticator(
        secrets=settings.nextauth_secrets,
        cookie_name=settings.nextauth_cookie,
        user_claims=settings.nextauth_user_claims,
        sessions=SessionRepository(database),
    )
    return qa_routes.create_blueprint(
        VoteRepository(database, settings.qa_id_field),
        sessions,
        limiter,
        limit=settings.limits.qa_vote,
        allowed_origins=frozenset(settings.cors_origins),
    )


def _diaspora(database: Database) -> Blueprint:
    return diaspora_routes.create_blueprint(
        BearerAuthenticator(TokenRepository(database)),
        PostRepository(database),
        VoteRepository(database),
        ListingRepository(database),
        PeopleRepository(database),
        LikeGuids(database),
    )


def _behind_proxies(app: "WSGIApplication", count: int) -> "WSGIApplication":
    """Believe ``X-Forwarded-For`` and ``-Proto`` of the last ``count`` proxies, and of nobody else."""
    return ProxyFix(app, x_for=count, x_proto=count) if count else app


def _within_deadline(app: "WSGIApplication") -> "WSGIApplication":
    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with deadline(max(LEAST_DATABASE_SECONDS, REQUEST_DATABASE_SECONDS - arrival.seconds_since())):
            return app(environ, start_response)

    return serve
