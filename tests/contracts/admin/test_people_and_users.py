"""``/admin/people``, ``/admin/users``, ``/admin/sessions`` and ``/admin/tokens``: every status and body."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from likes_api.mongodb.documents import Database
from tests.support.admin import PERSON, USER, Administrator, administrator, audit, content, url
from tests.support.answers import outcome
from tests.support.settings import SECRET_KEY

NOT_FOUND = (404, {"error": "Not found"})
OBJECT_ID = "0123456789abcdef01234567"


def test_put_makes_a_person_and_get_shows_it_and_again_it_is_replaced(admin: Administrator, database: Database) -> None:
    path, required = url("people", "a/1"), {"diaspora_id": "b@example.com", "name": "B"}
    assert outcome(admin.ask("GET", path)) == NOT_FOUND
    assert outcome(admin.ask("PUT", path, PERSON)) == (201, {"guid": "a/1", **PERSON})
    assert outcome(admin.ask("GET", path)) == (200, {"guid": "a/1", **PERSON})
    assert outcome(admin.ask("PUT", path, required)) == (200, {"guid": "a/1", **required})
    assert content(database) == {"likes_people": [{"_id": "a/1", **required}]}
    assert [action for _, action, _ in audit(database)] == ["person.put"] * 2


@pytest.mark.parametrize("key", ["ada", OBJECT_ID, ObjectId(OBJECT_ID)])
def test_put_replaces_three_fields_of_a_user_and_no_other_of_the_hosts(
    admin: Administrator, database: Database, key: Any
) -> None:
    path, id_ = url("users", str(key)), str(key)
    database["users"].insert_one({"_id": key, "emailVerified": 1, "name": "old"})
    assert outcome(admin.ask("PUT", path, USER)) == (200, {"id": id_, **USER})
    assert outcome(admin.ask("GET", path)) == (200, {"id": id_, **USER})
    assert outcome(admin.ask("PUT", path, {"name": "B"})) == (200, {"id": id_, "name": "B"})
    assert content(database) == {"users": [{"_id": key, "emailVerified": 1, "name": "B"}]}
    assert [action for _, action, _ in audit(database)] == ["user.put"] * 2


def test_put_makes_a_user(admin: Administrator, database: Database) -> None:
    assert outcome(admin.ask("GET", url("users", "ada"))) == NOT_FOUND
    assert outcome(admin.ask("PUT", url("users", "ada"), {})) == (201, {"id": "ada"})
    assert outcome(admin.ask("PUT", url("users", OBJECT_ID), USER)) == (201, {"id": OBJECT_ID, **USER})
    assert content(database) == {"users": [{"_id": "ada"}, {"_id": ObjectId(OBJECT_ID), **USER}]}


@pytest.mark.parametrize("key", ["ada", ObjectId(OBJECT_ID)])
def test_delete_of_a_user_takes_the_sessions_and_leaves_votes(
    admin: Administrator, database: Database, key: Any
) -> None:
    others = {
        "users": [{"_id": "bob"}],
        "sessions": [{"_id": 2, "userId": "bob"}],
        "questions": [{"_id": "q", "upvotes": 1, "likedBy": [str(key)]}],
    }
    for name, documents in others.items():
        database[name].insert_many(documents)
    database["users"].insert_one({"_id": key, "email": "x"})
    database["sessions"].insert_many([{"_id": 1, "userId": key}, {"_id": 3, "userId": str(key)}])
    for _ in range(2):
        answer = admin.ask("DELETE", url("users", str(key)))
        assert (answer.status_code, answer.data) == (204, b"")
        assert content(database) == others
    ((by, action, on),) = audit(database)
    assert (by, action) == (admin.id, "user.delete")
    assert str(key) not in on


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        (url("people", "a"), {"name": "A"}, "diaspora_id: ["),
        (url("people", "a"), PERSON | {"avatar": None}, "avatar: ["),
        (url("people", "a"), PERSON | {"ignores": {"$ne": 1}}, "ignores: ["),
        (url("people", "a"), PERSON | {"email": "x"}, "email: ["),
        (url("people", "a"), PERSON | {"guid": "a"}, "guid: ["),
        (url("people", "x" * 256), PERSON, "guid: ["),
        (url("people", "a\0"), PERSON, "guid: ["),
        (url("users", "a"), {"name": 1}, "name: ["),
        (url("users", "a"), {"role": "admin"}, "role: ["),
        (url("users", "a\0"), {}, "id: ["),
    ],
)
def test_put_is_400_and_names_the_field_and_changes_nothing_when_it_is_bad(
    admin: Administrator, database: Database, path: str, body: Any, error: str
) -> None:
    answer = admin.ask("PUT", path, body)
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith(error)
    assert (content(database), audit(database)) == ({}, [])


def test_session_signs_the_user_in_until_it_expires(admin: Administrator, app: Flask, database: Database) -> None:
    database["users"].insert_one({"_id": "ada"})
    database["questions"].insert_one({"_id": "q"})
    before = datetime.now(UTC)
    answer = admin.ask("POST", "/admin/sessions", {"user": "ada", "expires_in": 60})
    assert answer.status_code == 201
    body = answer.get_json()
    assert sorted(body) == ["cookie", "expires"]
    assert 55 < (datetime.fromisoformat(body["expires"]) - before).total_seconds() < 120
    vote = app.test_client(use_cookies=False).post(
        "/api/likes", json={"targetId": "q", "targetType": "question"}, headers={"Cookie": body["cookie"]}
    )
    assert vote.status_code == 200
    assert database["questions"].find_one({}, {"likedBy": 1}) == {"_id": "q", "likedBy": ["ada"]}


def test_token_is_the_persons_with_its_scopes_until_it_expires(
    admin: Administrator, app: Flask, database: Database
) -> None:
    admin.ask("PUT", url("people", "bob"), PERSON)
    admin.ask("PUT", url("targets", "post", "p"), {"author": "bob", "public": True})
    answer = admin.ask("POST", "/admin/tokens", {"person": "bob", "scopes": ["public:read"]})
    assert answer.status_code == 201
    body = answer.get_json()
    assert sorted(body) == ["expires", "token"]
    left = (datetime.fromisoformat(body["expires"]) - datetime.now(UTC)).total_seconds()
    assert 86_000 < left < 86_401
    headers = {"Authorization": f"Bearer {body['token']}"}
    client = app.test_client(use_cookies=False)
    assert client.get("/api/v1/posts/p/likes", headers=headers).get_json() == []
    assert client.post("/api/v1/posts/p/likes", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("sessions", {}, "user: ["),
        ("sessions", {"user": {"$ne": ""}}, "user: ["),
        ("sessions", {"user": "nobody"}, "user: There is no user 'nobody'."),
        ("sessions", {"user": "ada", "expires_in": 0}, "expires_in: ["),
        ("sessions", {"user": "ada", "expires_in": 10**12}, "expires_in: ["),
        ("sessions", {"user": "ada", "expires_in": "60"}, "expires_in: ["),
        ("sessions", {"user": "ada", "expires_in": 1e400}, "Invalid JSON"),
        ("sessions", {"user": "ada", "expiresIn": 60}, "expiresIn: ["),
        ("tokens", {"person": "ada"}, "scopes: ["),
        ("tokens", {"person": "ada", "scopes": []}, "scopes: ["),
        ("tokens", {"person": "ada", "scopes": ["admin"]}, "scopes: {"),
        ("tokens", {"person": "ada", "scopes": "public:read"}, "scopes: ["),
        ("tokens", {"person": "nobody", "scopes": ["public:read"]}, "person: There is no person 'nobody'."),
    ],
)
def test_post_is_400_and_names_the_field_and_changes_nothing_when_it_is_bad(
    admin: Administrator, database: Database, path: str, body: Any, error: str
) -> None:
    database["users"].insert_one({"_id": "ada"})
    answer = admin.ask("POST", f"/admin/{path}", body)
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith(error)
    assert (content(database), audit(database)) == ({"users": [{"_id": "ada"}]}, [])


def test_audit_holds_no_secret_and_of_voters_a_keyed_hash(admin: Administrator, database: Database) -> None:
    admin.ask("PUT", url("users", "ada-lovelace"), USER)
    admin.ask("PUT", url("people", "bob-person"), PERSON)
    cookie = admin.ask("POST", "/admin/sessions", {"user": "ada-lovelace"}).get_json()["cookie"]
    body = {"person": "bob-person", "scopes": ["public:read"]}
    token = admin.ask("POST", "/admin/tokens", body).get_json()["token"]
    admin.ask("DELETE", url("users", "ada-lovelace"))
    written = repr(list(database["likes_audit"].find()))
    private = [cookie.partition("=")[2], token, admin.token.split("_")[2], SECRET_KEY, "ada-lovelace", "bob-person"]
    private += [*USER.values(), PERSON["diaspora_id"], PERSON["name"]]
    assert [each for each in private if each in written] == []
    lines = audit(database)
    assert [(by, action) for by, action, _ in lines] == [
        (admin.id, action) for action in ("user.put", "person.put", "session.create", "token.create", "user.delete")
    ]
    (user, person, signed_in, granted, deleted) = (on for *_, on in lines)
    assert user == signed_in == deleted != person == granted
    assert [on.partition(":")[0] for on in (user, person)] == ["user", "person"]


ROUTES = [
    ("PUT", url("people", "a"), PERSON),
    ("GET", url("people", "a"), None),
    ("PUT", url("users", "ada"), USER),
    ("GET", url("users", "ada"), None),
    ("DELETE", url("users", "ada"), None),
    ("POST", "/admin/sessions", {"user": "ada"}),
    ("POST", "/admin/tokens", {"person": "a", "scopes": ["public:read"]}),
    ("POST", "/admin/import", {"kind": "user", "id": "x"}),
    ("GET", "/admin/audit", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_request_without_the_scope_or_token_leaves_nothing(
    app: Flask, database: Database, method: str, path: str, body: Any
) -> None:
    database["users"].insert_one({"_id": "ada"})
    service = administrator(app, database, "votes:read", "votes:write")
    assert outcome(service.ask(method, path, body)) == (403, {"error": "insufficient_scope"})
    nobody = Administrator(app, f"lk_{'0' * 12}_{'0' * 64}")
    assert outcome(nobody.ask(method, path, body)) == (401, {"error": "Unauthorized"})
    assert (content(database), audit(database)) == ({"users": [{"_id": "ada"}]}, [])


@pytest.mark.parametrize(("method", "path", "body"), [each for each in ROUTES if each[2] is not None])
def test_body_is_415_of_another_type_and_400_and_413_when_it_is_no_json(
    admin: Administrator, database: Database, method: str, path: str, body: Any
) -> None:
    kind = "application/x-ndjson" if path.endswith("import") else "application/json"
    answer = admin.ask(method, path, data=b"{}", content_type="text/plain")
    assert outcome(answer) == (415, {"error": f"Content-Type must be {kind}"})
    if kind == "application/json":
        for bad in (b"", b"[]", b"{", b'{"a":1,"a":2}', b'{"name":"\\ud800"}', b"\xff"):
            answer = admin.ask(method, path, data=bad, content_type=kind)
            assert outcome(answer) == (400, {"error": "Invalid JSON"})
        answer = admin.ask(method, path, data=b" " * 20_000, content_type=kind)
        assert outcome(answer) == (413, {"error": "Request entity too large"})
    assert (content(database), audit(database)) == ({}, [])


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/targets/entry", "/admin/people/", "/admin/nothing"])
def test_unknown_url_is_404_and_wrong_method_405_in_the_dialect(admin: Administrator, path: str) -> None:
    assert outcome(admin.ask("GET", path)) == NOT_FOUND
    answer = admin.ask("PATCH", "/admin/users/ada")
    assert outcome(answer) == (405, {"error": "Method not allowed"})
    assert {"GET", "PUT", "DELETE"} <= set(answer.headers["Allow"].split(", "))
