"""Each route states whose requests it answers, and does what it states."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from likes_api.app import create_app
from likes_api.http.accepts import ACCEPTED
from likes_api.identity.caller import Credential
from likes_api.mongodb.documents import Database
from tests.support.qa_votes import COOKIE
from tests.support.settings import settings

# Whoever adds a route that answers without a credential adds it here, on purpose.
OPEN = {
    "/",
    "/!/simple-likes/<entry_id>/toggle",
    "/!/simple-likes/csrf-token",
    "/!/simple-likes/status",
    "/api/counts",
    "/api/me",
    "/api/me/votes",
    "/api/targets/<type_>/<id_>/voters",
    "/api/targets/<type_>/<id_>/vote",
    "/api/votes/status",
    "/demo/<version>/<name>",
    "/demo/sign-in",
    "/demo/sign-out",
    "/healthz",
    "/metrics",
    "/docs",
    "/docs/<asset>",
    "/openapi.json",
    "/readyz",
    "/widget/like-button.<version>.js",
    "/widget/like-button.js",
}
CREDENTIALS = {"Cookie": f"{COOKIE}=no-such-session", "Authorization": f"Bearer {'0' * 64}"}


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    return create_app(settings(DEMO="true"), module_database)


def routes(app: Flask) -> Iterator[tuple[Rule, str, frozenset[str] | None]]:
    """Yield each rule with each of its methods, and what its view states."""
    for rule in app.url_map.iter_rules():
        stated = getattr(app.view_functions[rule.endpoint], ACCEPTED, None)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, stated


def unstated(app: Flask) -> list[str]:
    return [f"{method} {rule.rule}" for rule, method, stated in routes(app) if stated is None]


def ask(app: Flask, rule: Rule, method: str, headers: dict[str, str]) -> TestResponse:
    """Ask for a route, with a value for each of its parameters and an empty JSON object."""
    path = rule.rule
    for name in rule.arguments:
        path = path.replace(f"<{name}>", "x")
    return app.test_client().open(path, method=method, headers=headers, json={})


def test_every_route_states_whose_requests_it_answers(app: Flask) -> None:
    assert unstated(app) == []
    assert len(list(routes(app))) >= 25


def test_route_is_found_out_when_it_states_nothing(module_database: Database) -> None:
    forgetful = create_app(settings(), module_database)
    forgetful.add_url_rule("/api/secret", view_func=lambda: "secret")
    assert unstated(forgetful) == ["GET /api/secret"]


def test_route_answers_without_a_credential_when_it_is_listed_here_and_never_else(app: Flask) -> None:
    without = {rule.rule for rule, _, stated in routes(app) if not stated or Credential.GUEST in stated}
    assert without == OPEN


@pytest.mark.parametrize("headers", [{}, CREDENTIALS])
def test_route_is_401_without_a_valid_credential_when_it_states_that_it_needs_one(
    app: Flask, headers: dict[str, str]
) -> None:
    closed = [(rule, method) for rule, method, _ in routes(app) if rule.rule not in OPEN]
    assert len(closed) >= 13
    statuses = {f"{method} {rule.rule}": ask(app, rule, method, headers).status_code for rule, method in closed}
    assert statuses == dict.fromkeys(statuses, 401)


def test_route_answers_the_same_with_an_invalid_credential_when_it_states_that_it_looks_at_none(app: Flask) -> None:
    for rule, method, stated in routes(app):
        if stated == frozenset():
            bare, invalid = (ask(app, rule, method, headers).status_code for headers in ({}, CREDENTIALS))
            assert (rule.rule, bare) == (rule.rule, invalid)
