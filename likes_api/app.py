"""The composition root: make the Flask application from settings and a database, in named steps."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Blueprint, Flask

from config.settings import Settings
from likes_api.contracts.admin import errors as admin_errors
from likes_api.contracts.admin import routes as admin_routes
from likes_api.contracts.admin.credentials import Credentials
from likes_api.contracts.diaspora import errors as diaspora_errors
from likes_api.contracts.diaspora import routes as diaspora_routes
from likes_api.contracts.host import errors as host_errors
from likes_api.contracts.host import routes as host_routes
from likes_api.contracts.host.lists import Lists, VotersFor
from likes_api.contracts.host.targets import Targets
from likes_api.contracts.qa_votes import errors as qa_errors
from likes_api.contracts.qa_votes import routes as qa_routes
from likes_api.contracts.simple_likes import errors as simple_likes_errors
from likes_api.contracts.simple_likes import routes as simple_likes_routes
from likes_api.demo import routes as demo_routes
from likes_api.demo.items import read_items
from likes_api.http import cors, errors
from likes_api.http.application import Application
from likes_api.http.cursors import Cursors
from likes_api.http.operations import health, request_log
from likes_api.http.rate_limits import limits
from likes_api.http.rate_limits.limits import RateLimits
from likes_api.http.wsgi import paths, security_headers
from likes_api.http.wsgi.forwarded import behind_proxies
from likes_api.identity import csrf
from likes_api.identity.bearer import BearerAuthenticator
from likes_api.identity.caller import Authenticator
from likes_api.identity.guest import GuestIds
from likes_api.identity.jwt_bearer import JwtAuthenticator
from likes_api.identity.service_token import ServiceTokenAuthenticator
from likes_api.identity.session.authenticator import SessionAuthenticator
from likes_api.identity.session.cookies import WRITTEN_NAME
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import deadline
from likes_api.mongodb.collections import with_prefix
from likes_api.mongodb.connection_string import overridden
from likes_api.mongodb.documents import Database
from likes_api.mongodb.instrumented import connect_instrumented, instrumented
from likes_api.openapi import routes as openapi_routes
from likes_api.repository.administration import Administration
from likes_api.repository.audit import AuditLog
from likes_api.repository.content import ContentRepository
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository
from likes_api.repository.credentials.sessions import SessionRepository
from likes_api.repository.credentials.tokens import TokenRepository
from likes_api.repository.entries import EntryRepository
from likes_api.repository.idempotency_keys import IdempotencyRepository
from likes_api.repository.like_guids import LikeGuids
from likes_api.repository.names import NameRepository
from likes_api.repository.people import PeopleRepository
from likes_api.repository.posts import PostRepository
from likes_api.repository.voters.leaving import Leaving
from likes_api.repository.votes.lists.votes_of_voter import VotesOfVoter
from likes_api.repository.votes.maintenance import Maintenance
from likes_api.repository.votes.repository import VoteRepository
from likes_api.repository.votes.targets import TargetFinder
from likes_api.server.client_socket import MAX_BODY_BYTES
from likes_api.widget import routes as widget_routes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_logger = logging.getLogger(__name__)

DIALECTS = (
    qa_errors.DIALECT,
    simple_likes_errors.DIALECT,
    diaspora_errors.DIALECT,
    host_errors.DIALECT,
    admin_errors.DIALECT,
)
MAINTENANCE = "likes-maintenance"
VOTER_JOBS = "likes-voter-jobs"
DATABASE = "likes-database"
JWTS = "likes-jwts"


def create_app(settings: Settings, database: Database | None = None) -> Flask:
    """Wire the application.

    :param database: a double or a database that a test made; by default the one of the settings, whose client connects
        when first used. Call this in the process that serves: a client must not cross a fork.
    """
    if database is None:
        database = _open_database(settings)
    database = instrumented(with_prefix(database, settings.collection_prefix))
    app = _application(settings)
    app.extensions[DATABASE] = database
    guests = GuestIds(_secrets(settings)[0])
    rate_limits = limits.create(settings, guests.digest)

    request_log.register(app)
    cors.register(app, settings.cors_origins, any_origin=[diaspora_errors.PREFIX, host_errors.COUNTS])
    errors.register(app, DIALECTS)
    rate_limits.register(app)
    votes_of_voter = VotesOfVoter(database, settings.qa_id_field)
    app.register_blueprint(
        health.create_blueprint(
            database, rate_limits.answer_within, votes_of_voter.missing_indexes, settings.metrics_allow
        )
    )
    # One for all contracts: one thread maintains targets with many votes; it starts when first needed.
    maintenance = app.extensions[MAINTENANCE] = Maintenance(
        database, TargetFinder(settings.qa_id_field), settings.overflow_at, settings.qa_overflow_at
    )
    votes = VoteRepository(database, settings.qa_id_field, maintenance)
    sessions = _sessions(settings, database)
    person_tokens = BearerAuthenticator(TokenRepository(database))
    jwts = app.extensions[JWTS] = JwtAuthenticator(settings.jwt_issuers)
    authenticator = Authenticator(
        sessions=sessions,
        jwts=jwts,
        person_tokens=person_tokens,
        service_tokens=ServiceTokenAuthenticator(ServiceTokenRepository(database)),
        guests=guests,
    )
    records = IdempotencyRepository(database)
    entries = EntryRepository(database, settings.entries_from)
    app.register_blueprint(_qa_votes(settings, votes, records, rate_limits, authenticator))
    app.register_blueprint(_simple_likes(settings, entries, votes, records, rate_limits, authenticator))
    app.register_blueprint(_diaspora(person_tokens, database, votes))
    app.register_blueprint(_host(settings, database, votes, votes_of_voter, entries, rate_limits, authenticator))
    audit = AuditLog(database, settings.audit_days, guests.digest)
    leaving = Leaving(database, audit, settings.qa_id_field)
    app.extensions[VOTER_JOBS] = leaving.work
    app.register_blueprint(_admin(settings, database, votes, authenticator, audit, leaving))
    app.register_blueprint(widget_routes.create_blueprint())
    app.register_blueprint(openapi_routes.create_blueprint(DIALECTS))
    if settings.demo:
        app.register_blueprint(_demo(settings, database, votes, sessions))
    app.wsgi_app = _wrapped(app.wsgi_app, settings)  # type: ignore[assignment,method-assign]
    return app


def _application(settings: Settings) -> Application:
    """Make the application without any route."""
    app = Application(__name__, static_folder=None)
    # A doubled slash is an unknown URL, in the dialect of its prefix, not a redirect in HTML (and paths.kept_as_sent).
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts) or None
    csrf.register(app, _secrets(settings), cross_site=settings.cross_site_cookies)
    return app


def _open_database(settings: Settings) -> Database:
    if settings.mongodb_uri is None:
        raise ValueError("LIKES_MONGODB_URI is not set")
    if names := overridden(settings.mongodb_uri):
        _logger.warning("these options of LIKES_MONGODB_URI are ours to set", extra={"options": names})
    return connect_instrumented(settings.mongodb_uri)[settings.mongodb_database]


def _secrets(settings: Settings) -> tuple[str, ...]:
    if not settings.secret_keys:
        raise ValueError("LIKES_SECRET_KEY is not set")
    return settings.secret_keys


def _sessions(settings: Settings, database: Database) -> SessionAuthenticator:
    return SessionAuthenticator(
        secrets=settings.nextauth_secrets,
        cookie_name=settings.nextauth_cookie,
        user_claims=settings.nextauth_user_claims,
        sessions=SessionRepository(database),
    )


def _qa_votes(
    settings: Settings,
    votes: VoteRepository,
    records: IdempotencyRepository,
    rate_limits: RateLimits,
    authenticator: Authenticator,
) -> Blueprint:
    return qa_routes.create_blueprint(
        votes,
        records,
        authenticator,
        rate_limits,
        limit=settings.limits.qa_vote,
        allowed_origins=frozenset(settings.cors_origins),
    )


def _simple_likes(
    settings: Settings,
    entries: EntryRepository,
    votes: VoteRepository,
    records: IdempotencyRepository,
    rate_limits: RateLimits,
    authenticator: Authenticator,
) -> Blueprint:
    return simple_likes_routes.create_blueprint(
        votes,
        entries,
        records,
        authenticator,
        rate_limits,
        simple_likes_routes.SimpleLikesSettings(
            limits=settings.limits,
            guest_likes=settings.guest_likes,
            allowed_origins=frozenset(settings.cors_origins),
        ),
    )


def _host(
    settings: Settings,
    database: Database,
    votes: VoteRepository,
    votes_of_voter: VotesOfVoter,
    entries: EntryRepository,
    rate_limits: RateLimits,
    authenticator: Authenticator,
) -> Blueprint:
    targets = Targets(votes, entries, PostRepository(database))
    lists = Lists(
        targets,
        votes,
        votes_of_voter,
        NameRepository(database),
        Cursors(_secrets(settings)),
        VotersFor(settings.voters),
    )
    return host_routes.create_blueprint(
        authenticator,
        votes,
        targets,
        lists,
        rate_limits,
        host_routes.HostSettings(
            vote_limit=settings.limits.vote,
            status_limit=settings.limits.status,
            guest_likes=settings.guest_likes,
            allowed_origins=frozenset(settings.cors_origins),
        ),
    )


def _admin(
    settings: Settings,
    database: Database,
    votes: VoteRepository,
    authenticator: Authenticator,
    audit: AuditLog,
    leaving: Leaving,
) -> Blueprint:
    return admin_routes.create_blueprint(
        authenticator,
        votes,
        Administration(database, audit, settings.qa_id_field),
        ContentRepository(database, settings.qa_id_field, settings.overflow_at, settings.qa_overflow_at),
        Credentials(
            SessionRepository(database), TokenRepository(database), audit, settings.nextauth_cookie or WRITTEN_NAME
        ),
        audit,
        leaving,
    )


def _demo(settings: Settings, database: Database, votes: VoteRepository, sessions: SessionAuthenticator) -> Blueprint:
    return demo_routes.create_blueprint(
        read_items(guest_likes=settings.guest_likes),
        votes,
        sessions,
        SessionRepository(database),
        cookie_name=settings.nextauth_cookie,
    )


def _diaspora(person_tokens: BearerAuthenticator, database: Database, votes: VoteRepository) -> Blueprint:
    return diaspora_routes.create_blueprint(
        person_tokens,
        PostRepository(database),
        votes,
        PeopleRepository(database),
        LikeGuids(database),
    )


def _wrapped(app: "WSGIApplication", settings: Settings) -> "WSGIApplication":
    """Return the application with all that is done outside of Flask."""
    behind = behind_proxies(security_headers.protected(app), settings.trusted_proxies)
    return _within_deadline(paths.kept_as_sent(behind))


def _within_deadline(app: "WSGIApplication") -> "WSGIApplication":
    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with deadline(timeouts.REQUEST_DATABASE_SECONDS):
            return app(environ, start_response)

    return serve
