"""``/admin/targets``: every status and body, what is in the database then, and the line of audit."""

from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from likes_api.repository.votes.repository import VoteRepository
from likes_api.votes import Target, TargetKind, Vote
from tests.support.admin import (
    COLLECTIONS,
    FIELDS,
    REQUIRED,
    Administrator,
    administrator,
    audit,
    content,
    url,
)
from tests.support.answers import outcome
from tests.support.moved import move
from tests.support.settings import settings

NONE = {"upvotes": 0, "downvotes": 0}
ARRAYS: dict[str, Any] = {"likedBy": [], "dislikedBy": []}
KINDS = list(COLLECTIONS)
NOT_FOUND = (404, {"error": "Not found"})


def shown(kind: str, fields: Any, id_: str = "t", **more: Any) -> dict[str, Any]:
    return {"type": kind, "id": id_, **fields, **NONE, **more}


@pytest.mark.parametrize("kind", KINDS)
def test_put_makes_a_target_and_get_shows_it_and_again_it_is_replaced(
    admin: Administrator, database: Database, kind: str
) -> None:
    path, fields, required = url("targets", kind, "t"), FIELDS[kind], REQUIRED.get(kind, {})
    assert outcome(admin.ask("GET", path)) == NOT_FOUND
    assert outcome(admin.ask("PUT", path, fields)) == (201, shown(kind, fields))
    assert outcome(admin.ask("GET", path)) == (200, shown(kind, fields))
    assert database[COLLECTIONS[kind]].find_one() == {"_id": "t", **fields, **NONE, **ARRAYS}
    assert outcome(admin.ask("PUT", path, required)) == (200, shown(kind, required))
    assert database[COLLECTIONS[kind]].find_one() == {"_id": "t", **required, **NONE, **ARRAYS}
    assert audit(database) == [(admin.id, "target.put", f"{kind}:t")] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_put_keeps_votes_when_the_target_is_there(admin: Administrator, database: Database, kind: str) -> None:
    votes = {"upvotes": 5, "likedBy": ["ada", "bob"], "downvotes": 1, "dislikedBy": ["eve"]}
    mark = {"host": "field"}
    database[COLLECTIONS[kind]].insert_one({"_id": "t", **votes, **mark})
    required = REQUIRED.get(kind, {})
    answer = admin.ask("PUT", url("targets", kind, "t"), required)
    assert outcome(answer) == (200, shown(kind, required, upvotes=5, downvotes=1))
    assert database[COLLECTIONS[kind]].find_one() == {"_id": "t", **votes, **mark, **required}
    database[COLLECTIONS[kind]].delete_many({})  # the surplus is meant


@pytest.mark.parametrize("kind", ["entry", "post", "comment"])
def test_patch_changes_the_fields_that_it_names(admin: Administrator, database: Database, kind: str) -> None:
    path, fields = url("targets", kind, "t"), dict(FIELDS[kind])
    assert outcome(admin.ask("PATCH", path, {})) == NOT_FOUND
    assert outcome(admin.ask("PATCH", path, fields)) == NOT_FOUND
    assert audit(database) == []
    admin.ask("PUT", path, fields)
    for name, value in {"boost": 9, "author": "carol"}.items():
        if name in fields:
            fields[name] = value
            assert outcome(admin.ask("PATCH", path, {name: value})) == (200, shown(kind, fields))
            assert audit(database)[-1] == (admin.id, "target.change", f"{kind}:t")
    lines = len(audit(database))
    assert outcome(admin.ask("PATCH", path, {})) == (200, shown(kind, fields))
    assert len(audit(database)) == lines


@pytest.mark.parametrize("kind", ["entry", "post", "comment"])
def test_delete_removes_a_target_and_again_changes_nothing(admin: Administrator, database: Database, kind: str) -> None:
    database[COLLECTIONS[kind]].insert_one({"_id": "t", "likedBy": ["ada"], "upvotes": 1})
    database[COLLECTIONS[kind]].insert_one({"_id": "other", "likedBy": ["ada"], "upvotes": 1})
    path = url("targets", kind, "t")
    for _ in range(2):
        answer = admin.ask("DELETE", path)
        assert (answer.status_code, answer.data) == (204, b"")
        assert content(database) == {COLLECTIONS[kind]: [{"_id": "other", "likedBy": ["ada"], "upvotes": 1}]}
    assert audit(database) == [(admin.id, "target.delete", f"{kind}:t")]


@pytest.mark.parametrize("kind", ["question", "message"])
@pytest.mark.parametrize("key", ["t", ObjectId("0123456789abcdef01234567")])
def test_delete_removes_nothing_but_votes_when_the_document_is_the_hosts(
    admin: Administrator, database: Database, kind: str, key: Any
) -> None:
    host = {"_id": key, "title": "Why?", "author": {"id": 1}}
    votes = {"upvotes": 1, "likedBy": ["ada"], "downvotes": 1, "dislikedBy": ["eve"]}
    database[COLLECTIONS[kind]].insert_one(host | votes)
    for _ in range(2):
        assert admin.ask("DELETE", url("targets", kind, str(key))).status_code == 204
        assert content(database) == {COLLECTIONS[kind]: [host]}
    assert admin.ask("DELETE", url("targets", kind, "none")).status_code == 204
    assert audit(database) == [(admin.id, "target.delete", f"{kind}:{key}")]


@pytest.mark.parametrize("kind", ["question", "message"])
def test_target_of_the_host_is_found_by_the_field_that_the_setting_names(
    admin: Administrator, module_database: Database, database: Database, kind: str
) -> None:
    other = Administrator(create_app(settings(QA_ID_FIELD="id"), module_database), admin.token)
    host = {"_id": 1, "id": "t", "title": "Why?"}
    database[COLLECTIONS[kind]].insert_one(host)
    path = url("targets", kind, "t")
    assert outcome(other.ask("PUT", path, {})) == (200, shown(kind, {}))
    assert content(database) == {COLLECTIONS[kind]: [host | NONE | ARRAYS]}
    assert other.ask("DELETE", path).status_code == 204
    assert content(database) == {COLLECTIONS[kind]: [host]}
    assert outcome(other.ask("PUT", url("targets", kind, "new"), {})) == (201, shown(kind, {}, "new"))
    made = database[COLLECTIONS[kind]].find_one({"id": "new"})
    assert made is not None
    assert isinstance(made.pop("_id"), ObjectId)
    assert made == {"id": "new", **NONE, **ARRAYS}


@pytest.mark.parametrize("kind", KINDS)
def test_votes_of_a_moved_target_stay_when_it_is_put_and_go_when_it_is_deleted(
    admin: Administrator, database: Database, kind: str
) -> None:
    target, votes = Target(TargetKind(kind), "t"), VoteRepository(database)
    admin.ask("PUT", url("targets", kind, "t"), FIELDS[kind])
    for voter in ("ada", "bob"):
        votes.set(target, voter, Vote.UP)
    move(database, target)
    expected = shown(kind, FIELDS[kind], upvotes=2)
    assert outcome(admin.ask("PUT", url("targets", kind, "t"), FIELDS[kind])) == (200, expected)
    assert database["likes_votes"].count_documents({}) == 2
    assert admin.ask("DELETE", url("targets", kind, "t")).status_code == 204
    assert [database[name].count_documents({}) for name in ("likes_votes", "likes_moved")] == [0, 0]
    status = 200 if kind in {"question", "message"} else 201
    assert outcome(admin.ask("PUT", url("targets", kind, "t"), FIELDS[kind])) == (status, shown(kind, FIELDS[kind]))


def test_comments_go_with_their_post_in_both_forms_when_they_are_many(
    admin: Administrator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likes_api.repository.administration._COMMENTS", 3)
    admin.ask("PUT", url("targets", "post", "p"), REQUIRED["post"])
    database["likes_comments"].insert_many([{"_id": f"c{n}", "post": "p"} for n in range(10)])
    database["likes_comments"].insert_one({"_id": "other", "post": "q"})
    votes = VoteRepository(database)
    for id_ in ("c0", "c9"):
        votes.set(Target(TargetKind.COMMENT, id_), "ada", Vote.UP)
        move(database, Target(TargetKind.COMMENT, id_))
    assert admin.ask("DELETE", url("targets", "post", "p")).status_code == 204
    assert content(database) == {"likes_comments": [{"_id": "other", "post": "q"}]}
    assert audit(database)[-1] == (admin.id, "target.delete", "post:p")


def test_delete_goes_on_where_it_was_cut_off(
    admin: Administrator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.ask("PUT", url("targets", "post", "p"), REQUIRED["post"])
    admin.ask("PUT", url("targets", "comment", "c"), {"post": "p", "author": "bob"})
    for target in (Target(TargetKind.POST, "p"), Target(TargetKind.COMMENT, "c")):
        VoteRepository(database).set(target, "ada", Vote.UP)
        move(database, target)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("likes_api.repository.votes.maintenance.migration.Migration.discard", killed)
        with pytest.raises(KeyboardInterrupt):
            admin.ask("DELETE", url("targets", "post", "p"))
    assert (database["likes_posts"].count_documents({}), database["likes_votes"].count_documents({})) == (0, 2)
    assert admin.ask("DELETE", url("targets", "post", "p")).status_code == 204
    assert content(database) == {}


@pytest.mark.parametrize("id_", ["a/b", "%2F", "a%252Fb", "ü ?#&", "..", "x" * 255, "{$ne}", "$where", "a\nb"])
def test_target_is_the_one_of_that_id_whatever_it_holds(admin: Administrator, database: Database, id_: str) -> None:
    path, body = url("targets", "post", id_), {"author": "$alice", "public": True}
    assert outcome(admin.ask("PUT", path, body)) == (201, shown("post", body, id_))
    assert [post["_id"] for post in database["likes_posts"].find()] == [id_]
    assert outcome(admin.ask("GET", path)) == (200, shown("post", body, id_))
    assert admin.ask("DELETE", path).status_code == 204
    assert content(database) == {}


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        (url("targets", "user", "t"), {}, "Invalid target type"),
        (url("targets", "Entry", "t"), {}, "Invalid target type"),
        (url("targets", "entry", "t"), {"boost": -1}, "boost: ["),
        (url("targets", "entry", "t"), {"boost": True}, "boost: ["),
        (url("targets", "entry", "t"), {"boost": 2**31}, "boost: ["),
        (url("targets", "entry", "t"), {"locked": 1}, "locked: ["),
        (url("targets", "entry", "t"), {"locked": None}, "locked: ["),
        (url("targets", "entry", "t"), {"title": {"$ne": ""}}, "title: ["),
        (url("targets", "entry", "t"), {"id": "t"}, "id: ["),
        (url("targets", "entry", "t"), {"_id": "u"}, "_id: ["),
        (url("targets", "entry", "t"), {"likedBy": []}, "likedBy: ["),
        (url("targets", "entry", "t"), {"upvotes": 9}, "upvotes: ["),
        (url("targets", "entry", "t"), {"$set": 9}, "$set: ["),
        (url("targets", "entry", "a/b"), {}, "id: ["),
        (url("targets", "entry", "x" * 256), {}, "id: ["),
        (url("targets", "question", "t"), {"title": "Why?"}, "title: ["),
        (url("targets", "message", "x" * 256), {}, "id: ["),
        (url("targets", "post", "t"), {"public": True}, "author: ["),
        (url("targets", "post", "t"), {"author": "a", "public": "yes"}, "public: ["),
        (url("targets", "post", "t"), {"author": "", "public": True}, "author: ["),
        (url("targets", "post", "t"), {"author": "a", "public": True, "visible_to": [1]}, "visible_to: {"),
        (url("targets", "post", "a\0b"), {"author": "a", "public": True}, "guid: ["),
        (url("targets", "comment", "t"), {"author": "a"}, "post: ["),
    ],
)
def test_put_is_400_and_names_the_field_and_changes_nothing_when_it_is_bad(
    admin: Administrator, database: Database, path: str, body: Any, error: str
) -> None:
    answer = admin.ask("PUT", path, body)
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith(error)
    assert (content(database), audit(database)) == ({}, [])


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_type_is_400_when_it_is_none(admin: Administrator, method: str) -> None:
    body = {} if method == "PATCH" else None
    answer = admin.ask(method, url("targets", "person", "t"), body)
    assert outcome(answer) == (400, {"error": "Invalid target type"})


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_change_is_409_and_changes_nothing_when_the_document_is_full(
    admin: Administrator, database: Database, method: str
) -> None:
    database["likes_entries"].insert_one({"_id": "t", "filler": "x" * ((16 << 20) - 1_000)})
    answer = admin.ask(method, url("targets", "entry", "t"), {"title": "x" * 2_000})
    assert outcome(answer) == (409, {"error": "it takes more than the 16 MB that a document may hold"})
    assert database["likes_entries"].find_one({}, {"filler": 0}) == {"_id": "t"}
    assert audit(database) == []


@pytest.mark.parametrize(("scopes", "status", "error"), [(["votes:read", "votes:write"], 403, "insufficient_scope")])
def test_change_without_the_scope_leaves_nothing(
    app: Flask, database: Database, scopes: list[str], status: int, error: str
) -> None:
    service = administrator(app, database, *scopes)
    for method in ("PUT", "PATCH", "GET", "DELETE"):
        database["likes_entries"].insert_one({"_id": "t"})
        answer = service.ask(method, url("targets", "entry", "t"), {"boost": 1})
        assert outcome(answer) == (status, {"error": error})
        assert (content(database), audit(database)) == ({"likes_entries": [{"_id": "t"}]}, [])
        database["likes_entries"].delete_many({})
