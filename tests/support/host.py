"""Callers of the host API, and its targets: one of each type, on a database that the tests of a module share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.test import TestResponse

from likes_api.identity.service_token import ServiceScope
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository
from tests.support import diaspora
from tests.support.qa_votes import session_of

POST, COMMENT = diaspora.PUBLIC, diaspora.comment_on(diaspora.PUBLIC)
# A target of each type that anybody who may vote on that type may vote on.
TARGETS = {"entry": "plain", "question": "q/1", "message": "m", "post": POST, "comment": COMMENT}
COLLECTIONS = {
    "entry": "likes_entries",
    "question": "questions",
    "message": "messages",
    "post": "likes_posts",
    "comment": "likes_comments",
}
NO_VOTES: dict[str, Any] = {"upvotes": 0, "downvotes": 0, "likedBy": [], "dislikedBy": []}
UNAUTHORIZED = (401, {"error": "Unauthorized"})
NOT_FOUND = (404, {"error": "Not found"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks, by the headers that say who it is."""

    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = "192.0.2.1"

    def ask(
        self, app: Flask, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Send a request; a body that is not bytes goes as JSON."""
        given = dict(self.headers) | ({"Content-Type": "application/json"} if body is not None else {})
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return app.test_client(use_cookies=False).open(
            path,
            method=method,
            data=data,
            headers=given | dict(headers or {}),
            environ_overrides={"REMOTE_ADDR": self.address},
        )

    def put(self, app: Flask, type_: str, id_: str, value: object, **headers: str) -> TestResponse:
        return self.ask(app, "PUT", vote_url(type_, id_), {"value": value}, headers)

    def delete(self, app: Flask, type_: str, id_: str) -> TestResponse:
        return self.ask(app, "DELETE", vote_url(type_, id_))

    def get(self, app: Flask, type_: str, id_: str) -> TestResponse:
        return self.ask(app, "GET", vote_url(type_, id_))

    def status(self, app: Flask, *targets: tuple[str, str]) -> list[dict[str, Any]]:
        asked = {"targets": [{"type": type_, "id": id_} for type_, id_ in targets]}
        response = self.ask(app, "POST", "/api/votes/status", asked)
        assert response.status_code == 200, response.data
        found: list[dict[str, Any]] = response.get_json()["targets"]
        return found

    def for_(self, id_: str) -> "Caller":
        """Act for a user or a person, as a service does."""
        return Caller({**self.headers, "Likes-On-Behalf-Of": id_}, self.address)


GUEST = Caller()
ADA, BOB = (Caller({"Cookie": session_of(user)}) for user in ("ada", "bob"))
FORGED = (
    Caller({"Cookie": "next-auth.session-token=forged"}),
    Caller({"Authorization": "Bearer a.b.c"}),
    Caller({"Authorization": f"Bearer {'0' * 64}"}),
    Caller({"Authorization": f"Bearer lk_{'0' * 12}_{'0' * 64}"}),
    Caller({"Authorization": "Bearer"}),
    Caller({**ADA.headers, "Authorization": "Bearer forged"}),
)


def by_token(token: str) -> Caller:
    return Caller({"Authorization": f"Bearer {token}"})


def person(database: Database, guid: str = diaspora.BOB, scopes: Any = diaspora.EVERY_SCOPE) -> Caller:
    return by_token(diaspora.token_of(database, guid, scopes))


def service(database: Database, *scopes: str) -> Caller:
    given = scopes or (ServiceScope.VOTES_READ, ServiceScope.VOTES_WRITE)
    return by_token(ServiceTokenRepository(database).create("shop", given, datetime.now(UTC)))


def vote_url(type_: str, id_: str) -> str:
    return f"/api/targets/{quote(type_, safe='')}/{quote(id_, safe='')}/vote"


def populate(database: Database) -> None:
    """Bring the pod, entries of each kind, a question and a message."""
    diaspora.populate(database)
    entries = [{"_id": "plain", "boost": 40}, {"_id": "locked", "locked": True}]
    entries += [{"_id": "guests", "guest_allowed": True}, {"_id": "members", "guest_allowed": False}]
    database["likes_entries"].insert_many(entries)
    database["questions"].insert_one({"_id": "q/1", "title": "Why?"})
    database["messages"].insert_one({"_id": "m"})


def state(upvotes: int, vote: int, *, downvotes: int = 0, boost: int = 0, **more: object) -> dict[str, Any]:
    return {"upvotes": upvotes, "downvotes": downvotes, "count": upvotes + boost, "vote": vote, **more}


def refused(status: int, message: str) -> tuple[int, dict[str, str]]:
    return status, {"error": message}


def boost_of(type_: str) -> int:
    """Return what the target of a type has besides votes."""
    return 40 if type_ == "entry" else 0
