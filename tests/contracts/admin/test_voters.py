"""``/admin/voters``: every vote of a voter listed, taken back, or made another one's, in both forms of targets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from flask import Flask

from harness.documents import emptied_afterwards
from likes_api.contracts.admin import voters
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from likes_api.repository import StoreError
from likes_api.repository.voters import in_arrays, in_documents
from likes_api.repository.voters.work import JobWork
from likes_api.repository.votes.consistency.repair import verify_votes
from tests.support.admin import Administrator, administrator, audit, content, url
from tests.support.answers import outcome
from tests.support.clock import eventually
from tests.support.voters import (
    World,
    expected,
    held_by,
    inexact,
    make_indexes,
    populate,
    shown,
    traces,
    votes_in,
    world,
)

VOTER, OTHER = "erased-voter", "other-voter"


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        yield module_database
        assert inexact(module_database) == []
        assert [fault for _, fault, _ in verify_votes(module_database, repair=False) if fault] == []


@pytest.fixture
def targets(database: Database) -> World:
    targets = world(VOTER, OTHER)
    populate(database, targets)
    return targets


def exported(admin: Administrator, voter: str) -> list[tuple[str, str, int]]:
    answer = admin.ask("GET", url("voters", voter, "export"))
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert all(list(line) == ["type", "id", "vote"] for line in lines)
    return [tuple(line.values()) for line in lines]


def until_done(admin: Administrator, method: str, path: str, body: object = None) -> int:
    """Send a request again until nothing is left; return how many votes it was about."""
    done = 0
    for _ in range(1_000):
        answer = admin.ask(method, path, body)
        if answer.status_code == 204:
            assert answer.data == b""
            return done
        assert answer.status_code == 202, answer.data
        assert list(answer.get_json()) == ["done"]
        done += answer.get_json()["done"]
    raise AssertionError("it does not end")


def test_erase_takes_back_every_vote_and_leaves_nothing_of_the_voter(
    admin: Administrator, database: Database, targets: World
) -> None:
    lines = exported(admin, VOTER)
    assert (len(lines), set(lines)) == (len(set(lines)), held_by(targets, VOTER))
    until_done(admin, "DELETE", url("voters", VOTER))
    assert exported(admin, VOTER) == []
    assert traces(database, VOTER) == []
    for target, votes in targets.items():
        assert votes_in(database, target) == expected(votes, VOTER, None)
        # Hosts read the totals in the documents.
        assert VOTER not in votes or shown(database, target) == tuple(map(len, expected(votes, VOTER, None)))
    assert [action for _, action, _ in audit(database)] == ["voter.erase"]


def test_merge_makes_the_votes_anothers_at_their_place_and_the_others_own_vote_stands(
    admin: Administrator, database: Database, targets: World
) -> None:
    until_done(admin, "POST", url("voters", VOTER, "merge"), {"into": OTHER})
    assert traces(database, VOTER) == []
    for target, votes in targets.items():
        assert votes_in(database, target) == expected(votes, VOTER, OTHER)
    assert [action for _, action, _ in audit(database)] == ["voter.merge"]


def test_requests_answer_202_with_what_they_did_until_204_when_there_is_more_than_they_have_time_for(
    admin: Administrator, database: Database, targets: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "VOTER_REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(in_arrays, "BATCH", 1)
    monkeypatch.setattr(in_documents, "BATCH", 2)
    statuses, done = [], 0
    while 204 not in statuses:
        answer = admin.ask("DELETE", url("voters", VOTER))
        statuses.append(answer.status_code)
        done += 0 if answer.status_code == 204 else answer.get_json()["done"]
        assert inexact(database) == []
    assert set(statuses[:-1]) == {202}
    assert len(statuses) > 12
    assert done == len(held_by(targets, VOTER))
    assert [action for _, action, _ in audit(database)] == ["voter.erase"]
    assert admin.ask("DELETE", url("voters", VOTER)).status_code == 204
    assert len(audit(database)) == 1


def test_audit_names_voters_by_a_keyed_hash_alone(admin: Administrator, database: Database, targets: World) -> None:
    until_done(admin, "POST", url("voters", VOTER, "merge"), {"into": OTHER})
    until_done(admin, "DELETE", url("voters", OTHER))
    (merged, erased) = (on.split(":") for _, _, on in audit(database))
    assert (merged[0], len(merged), erased[0], len(erased)) == ("voter", 3, "voter", 2)
    assert merged[2] == erased[1] != merged[1]
    assert traces(database, VOTER) == traces(database, OTHER) == []


@pytest.mark.parametrize("voter", ["nobody", "a/b", "guest_" + "0" * 64, "$likedBy", "🙂", "a\0b", "x" * 3_000])
def test_voter_without_votes_is_erased_and_exported_without_a_trace(
    admin: Administrator, database: Database, voter: str
) -> None:
    before = content(database)
    assert exported(admin, voter) == []
    assert admin.ask("DELETE", url("voters", voter)).status_code == 204
    assert admin.ask("POST", url("voters", voter, "merge"), {"into": "b"}).status_code == 204
    assert (content(database), audit(database)) == (before, [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "into: ["),
        ({"into": ""}, "into: ["),
        ({"into": {"$ne": ""}}, "into: ["),
        ({"into": "a\0"}, "into: ["),
        ({"into": "x" * 256}, "into: ["),
        ({"into": "b", "from": "c"}, "from: ["),
        ({"into": VOTER}, "into: a voter cannot be merged into itself"),
    ],
)
def test_merge_is_400_and_changes_nothing_when_the_body_is_bad(
    admin: Administrator, database: Database, body: object, error: str
) -> None:
    database["likes_entries"].insert_one({"_id": "e", "likedBy": [VOTER], "upvotes": 1})
    before = content(database)
    answer = admin.ask("POST", url("voters", VOTER, "merge"), body)
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith(error)
    assert (content(database), audit(database)) == (before, [])


def test_request_without_the_scope_or_token_leaves_nothing(app: Flask, database: Database) -> None:
    database["likes_entries"].insert_one({"_id": "e", "likedBy": [VOTER], "upvotes": 1})
    before = content(database)
    service = administrator(app, database, "votes:read", "votes:write")
    nobody = Administrator(app, f"lk_{'0' * 12}_{'0' * 64}")
    for method, path, body in (
        ("GET", url("voters", VOTER, "export"), None),
        ("DELETE", url("voters", VOTER), None),
        ("POST", url("voters", VOTER, "merge"), {"into": OTHER}),
        ("DELETE", url("people", VOTER), None),
    ):
        assert outcome(service.ask(method, path, body)) == (403, {"error": "insufficient_scope"})
        assert outcome(nobody.ask(method, path, body)) == (401, {"error": "Unauthorized"})
    assert (content(database), audit(database)) == (before, [])


def test_other_job_of_a_voter_is_409_until_the_first_has_ended(
    admin: Administrator, database: Database, targets: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "VOTER_REQUEST_SECONDS", 0.0)
    merge = url("voters", VOTER, "merge")
    assert admin.ask("POST", merge, {"into": OTHER}).status_code == 202
    for method, path, body in (
        ("DELETE", url("voters", VOTER), None),
        ("POST", merge, {"into": "third"}),
        ("POST", url("voters", OTHER, "merge"), {"into": VOTER}),
        ("DELETE", url("people", VOTER), None),
    ):
        answer = admin.ask(method, path, body)
        assert answer.status_code == 409
        assert "under way" in answer.get_json()["error"]
    assert len(audit(database)) == 1
    until_done(admin, "POST", merge, {"into": OTHER})
    assert admin.ask("DELETE", url("voters", VOTER)).status_code == 204


def test_work_is_taken_up_by_maintenance_when_nobody_asks_again(
    app: Flask, admin: Administrator, database: Database, targets: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "VOTER_REQUEST_SECONDS", 0.0)
    assert admin.ask("DELETE", url("voters", VOTER)).status_code == 202
    # A process that was killed has left its claim.
    long_ago = datetime.now(UTC) - timedelta(seconds=timeouts.VOTER_JOB_CLAIM_SECONDS + 1)
    database["likes_voter_jobs"].update_one({}, {"$set": {"claimed": long_ago}})
    work = JobWork(database)
    work.start()
    eventually(lambda: not database["likes_voter_jobs"].count_documents({}))
    work.stop()
    assert traces(database, VOTER) == []
    assert admin.ask("DELETE", url("voters", VOTER)).status_code == 204


def test_job_that_another_process_works_on_is_waited_for(
    admin: Administrator, database: Database, targets: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "VOTER_REQUEST_SECONDS", 0.0)
    assert admin.ask("DELETE", url("voters", VOTER)).status_code == 202
    monkeypatch.setattr(timeouts, "VOTER_JOB_CLAIM_SECONDS", 3_600.0)
    database["likes_voter_jobs"].update_one({}, [{"$set": {"claimed": "$$NOW"}}])
    assert outcome(admin.ask("DELETE", url("voters", VOTER))) == (202, {"done": 0})
    database["likes_voter_jobs"].update_one({}, {"$unset": {"claimed": ""}})
    until_done(admin, "DELETE", url("voters", VOTER))


def test_answers_name_the_indexes_that_large_collections_of_the_hosts_lack(
    admin: Administrator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_arrays, "SCANNED", 1)
    database["messages"].insert_many([{"_id": "m", "likedBy": [VOTER], "upvotes": 1}, {"_id": "n"}])
    database["questions"].drop_indexes()
    database["messages"].drop_indexes()
    for method, path, body in (
        ("GET", url("voters", VOTER, "export"), None),
        ("POST", url("voters", VOTER, "merge"), {"into": OTHER}),
        ("DELETE", url("voters", OTHER), None),
    ):
        lacking = admin.ask(method, path, body).headers["Likes-Slow"]
        assert lacking == "messages.likedBy, messages.dislikedBy"
    make_indexes(database)
    assert "Likes-Slow" not in admin.ask("DELETE", url("voters", OTHER)).headers
    assert database["messages"].find_one() == {
        "_id": "m",
        "likedBy": [],
        "dislikedBy": [],
        "upvotes": 0,
        "downvotes": 0,
    }


def test_person_is_deleted_with_tokens_and_likes(app: Flask, admin: Administrator, database: Database) -> None:
    make_indexes(database)
    for guid in (VOTER, OTHER):
        admin.ask("PUT", url("people", guid), {"diaspora_id": f"{guid}@example.com", "name": "N"})
    for kind, id_, fields in (
        ("post", "p", {"author": OTHER, "public": True}),
        ("comment", "c", {"post": "p", "author": OTHER}),
    ):
        admin.ask("PUT", url("targets", kind, id_), fields)
    tokens = [
        admin.ask("POST", "/admin/tokens", {"person": guid, "scopes": ["public:read", "interactions"]}).get_json()[
            "token"
        ]
        for guid in (VOTER, OTHER)
    ]
    asked = [{"Authorization": f"Bearer {token}"} for token in tokens]
    client = app.test_client(use_cookies=False)
    for headers in asked:
        for path in ("/api/v1/posts/p/likes", "/api/v1/posts/p/comments/c/likes"):
            assert client.post(path, headers=headers).status_code == 204
    before = len(audit(database))
    for _ in range(2):
        answer = admin.ask("DELETE", url("people", VOTER))
        assert (answer.status_code, answer.data) == (204, b"")
    assert outcome(admin.ask("GET", url("people", VOTER)))[0] == 404
    assert client.get("/api/v1/posts/p/likes", headers=asked[0]).status_code == 401
    assert [like["author"]["guid"] for like in client.get("/api/v1/posts/p/likes", headers=asked[1]).get_json()] == [
        OTHER
    ]
    assert traces(database, VOTER) == []
    assert [action for _, action, _ in audit(database)[before:]] == ["person.delete"]


def test_erase_takes_the_tokens_of_a_person_who_has_no_votes(admin: Administrator, database: Database) -> None:
    make_indexes(database)
    database["likes_tokens"].insert_one({"_id": "hash", "person": VOTER})
    assert admin.ask("DELETE", url("voters", VOTER)).status_code == 204
    assert traces(database, VOTER) == []
    assert [action for _, action, _ in audit(database)] == ["voter.erase"]


def test_votes_are_exported_whether_their_post_is_visible_or_not_and_by_both_spellings(
    admin: Administrator, database: Database
) -> None:
    id_ = "0123456789abcdef01234567"
    database["likes_posts"].insert_one({"_id": "p", "author": "x", "public": False, "likedBy": [id_], "upvotes": 1})
    database["questions"].insert_one({"_id": ObjectId(id_), "dislikedBy": [ObjectId(id_)], "downvotes": 1})
    assert sorted(exported(admin, id_)) == [("post", "p", 1), ("question", id_, -1)]
    until_done(admin, "POST", url("voters", id_, "merge"), {"into": OTHER})
    assert exported(admin, id_) == []
    assert sorted(exported(admin, OTHER)) == [("post", "p", 1), ("question", id_, -1)]


def test_export_says_so_when_the_database_fails_in_between(
    admin: Administrator, targets: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voters, "_BATCH", 2)

    def failing(*_: object) -> Iterator[object]:
        raise StoreError

    monkeypatch.setattr(in_documents.VotesInDocuments, "read", failing)
    lines = [json.loads(line) for line in admin.ask("GET", url("voters", VOTER, "export")).data.splitlines()]
    assert lines[-1] == {"error": "Service unavailable"}
    assert all("vote" in line for line in lines[:-1])
    assert len(lines) > 1
