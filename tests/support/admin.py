"""An administrator of the host's, and what is left in the database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.test import TestResponse

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository

NDJSON = "application/x-ndjson"
# What each kind of target, and people and users, may hold: everything that an import line of the kind may.
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "entry": {
        "title": "T",
        "url": "/t",
        "collection": "blog",
        "boost": 3,
        "locked": True,
        "guest_allowed": False,
    },
    "post": {"author": "alice", "public": False, "visible_to": ["bob"]},
    "comment": {"post": "p", "author": "bob"},
    "question": {},
    "message": {},
}
REQUIRED = {"post": {"author": "alice", "public": True}, "comment": {"post": "p", "author": "bob"}}
COLLECTIONS = {
    "entry": "likes_entries",
    "question": "questions",
    "message": "messages",
    "post": "likes_posts",
    "comment": "likes_comments",
}
PERSON = {"diaspora_id": "a@example.com", "name": "Alice", "avatar": "http://example.com/a", "ignores": ["bob"]}
USER = {"name": "Ada", "email": "ada@example.com", "image": "http://example.com/ada"}


@dataclass(frozen=True, slots=True)
class Administrator:
    """Whoever has a service token."""

    app: Flask
    token: str

    @property
    def id(self) -> str:
        return self.token.split("_")[1]

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> TestResponse:
        """Send a request; a body goes as JSON."""
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        if body is not None:
            options |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **options)

    def import_(self, data: bytes | list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Import lines and return those of the answer."""
        if not isinstance(data, bytes):
            data = b"".join(json.dumps(line).encode() + b"\n" for line in data)
        response = self.ask("POST", "/admin/import", data=data, content_type=NDJSON)
        assert (response.status_code, response.mimetype) == (200, NDJSON)
        return [json.loads(line) for line in response.data.splitlines()]


def url(*parts: str) -> str:
    return "/admin/" + "/".join(quote(part, safe="") for part in parts)


def administrator(app: Flask, database: Database, *scopes: str) -> Administrator:
    token = ServiceTokenRepository(database).create("ci", scopes or ("admin",), datetime.now(UTC))
    return Administrator(app, token)


def audit(database: Database) -> list[tuple[str, str, str]]:
    """Return who did what to what, in order."""
    return [
        (line["by"], line["action"], line["on"])
        for line in database["likes_audit"].find({"_id": {"$gt": 0}}, sort={"_id": 1})
    ]


def content(database: Database) -> dict[str, list[Document]]:
    """Return all documents but tokens, the audit and its counter."""
    ours = {"likes_audit", "likes_service_tokens", "likes_rate_limits"}
    names = sorted(set(database.list_collection_names()) - ours)
    found = {name: list(database[name].find().sort("_id")) for name in names}
    return {name: documents for name, documents in found.items() if documents}
