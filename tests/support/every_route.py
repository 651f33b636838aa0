"""A sound request to every route of the application, taken from its URL map: a new route is in it by construction."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import mongomock
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from likes_api.app import create_app
from likes_api.http.rate_limits.mongodb_storage import MongoDBWindows
from likes_api.mongodb.documents import Database
from tests.support import diaspora
from tests.support.idempotency import KEY
from tests.support.qa_votes import BALLOT, COOKIE, session_of
from tests.support.settings import settings

ADMIN_TOKEN = f"lk_{'a' * 12}_{'b' * 64}"
# What stands for each variable part of a URL. A route with another one: name it here.
_VALUES: Mapping[str, str] = {
    "entry_id": "e",
    "post_guid": diaspora.PUBLIC,
    "comment_guid": diaspora.comment_on(diaspora.PUBLIC),
    "version": "0",
    "name": "demo.css",
    "asset": "docs.js",
    "type_": "question",
    "id_": "q_123",
    "guid": diaspora.BOB,
}
_HOST: Mapping[str, dict[str, Any]] = {
    "GET /api/counts": {"query_string": "target=entry:e&target=question:q_123"},
    "PUT /api/targets/<type_>/<id_>/vote": {"json": {"value": 1}},
    "POST /api/votes/status": {
        "json": {"targets": [{"type": "entry", "id": "e"}, {"type": "question", "id": "q_123"}]}
    },
}
# What an administrator sends.
_BODIES: Mapping[str, object] = {
    "PUT /admin/people/<guid>": {"diaspora_id": "bob@example.com", "name": "Bob"},
    "POST /admin/voters/<id_>/merge": {"into": "ada"},
    "POST /admin/sessions": {"user": "alice"},
    "POST /admin/tokens": {"person": diaspora.BOB, "scopes": ["public:read"]},
}
_OWN_METHODS = {"HEAD", "OPTIONS"}
# Of contracts whose writes take an Idempotency-Key.
_KEYED = {"qa_votes", "simple_likes"}


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one route.

    :param key: whether it carries an ``Idempotency-Key``.
    """

    blueprint: str
    method: str
    rule: str
    key: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.rule}{' with a key' if self.key else ''}"

    @property
    def url(self) -> str:
        return re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda match: _VALUES[match[1]], self.rule)


def _every_call() -> Iterator[Call]:
    app = create_app(settings(DEMO="true"), mongomock.MongoClient().likes)
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - _OWN_METHODS):
            blueprint = rule.endpoint.partition(".")[0]
            yield Call(blueprint, method, rule.rule)
            if method == "POST" and blueprint in _KEYED:
                yield Call(blueprint, method, rule.rule, key=True)


CALLS = tuple(_every_call())


def populate(database: Database) -> str:
    """Bring what the requests are about, and return a bearer token."""
    id_, secret = ADMIN_TOKEN.split("_")[1:]
    database["likes_service_tokens"].insert_one(
        {"_id": id_, "name": "every route", "scopes": ["admin"], "secret": sha256(secret.encode()).hexdigest()}
    )
    database["questions"].insert_one({"_id": "q_123"})
    database["users"].insert_one({"_id": "alice"})
    database["likes_entries"].insert_one({"_id": "e", "guest_allowed": True})
    diaspora.populate(database)
    return diaspora.token_of(database)


def send(app: Flask, call: Call, token: str) -> TestResponse:
    """Send the request as a caller who may do it."""
    client = app.test_client()
    client.set_cookie(COOKIE, session_of("ada").partition("=")[2])
    return client.open(call.url, method=call.method, **_OPTIONS[call.blueprint](client, call, token))


def close_limiter(app: Flask) -> None:
    """Close the client of rate limits in a MongoDB of their own, or PyMongo complains that nobody did."""
    for limiter in app.extensions["limiter"]:
        if limiter.enabled and isinstance(limiter.storage, MongoDBWindows):
            limiter.storage._database.client.close()


def _csrf(client: FlaskClient) -> str:
    return str(client.get("/!/simple-likes/csrf-token").get_json()["csrf_token"])


def _json(call: Call, body: object, **headers: str) -> dict[str, Any]:
    return {"json": body, "headers": headers | ({KEY: "key-of-every-route"} if call.key else {})}


def _administrators(call: Call) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    if call.rule == "/admin/import":
        line = {"kind": "entry", "id": "imported"}
        return {"data": json.dumps(line), "headers": headers, "content_type": "application/x-ndjson"}
    if call.method in {"PUT", "PATCH", "POST"}:
        return {"json": _BODIES.get(f"{call.method} {call.rule}", {}), "headers": headers}
    return {"headers": headers}


# A contract that is not here: add how it is called.
_OPTIONS: Mapping[str, Callable[[FlaskClient, Call, str], dict[str, Any]]] = {
    "ops": lambda *_: {},
    "widget": lambda *_: {},
    "openapi": lambda *_: {},
    "demo": lambda client, *_: {"data": {"csrf_token": _csrf(client), "user": "alice"}},
    "qa_votes": lambda _, call, __: _json(call, BALLOT),
    "simple_likes": lambda client, call, _: (
        _json(call, {}, **{"X-CSRF-TOKEN": _csrf(client)}) if call.method == "POST" else {"query_string": "ids=e"}
    ),
    "host": lambda _, call, __: _HOST.get(str(call), {}),
    "admin": lambda _, call, __: _administrators(call),
    "diaspora": lambda _, __, token: {"headers": {"Authorization": f"Bearer {token}"}},
}
