"""The published interface: every answer that is documented is given, and one that is not turns a test red."""

import copy
import json
from typing import Any, NoReturn

import pytest
from flask import Flask
from pymongo.errors import ServerSelectionTimeoutError

from likes_api.app import DIALECTS, create_app
from likes_api.http.interface import DESCRIPTION
from likes_api.mongodb import timeouts
from likes_api.mongodb.documents import Database
from likes_api.openapi.document import make_document
from likes_api.repository.administration import Administration, Unwritable
from likes_api.repository.credentials.sessions import SessionRepository
from likes_api.repository.idempotency_keys import IdempotencyRepository, KeyInUse
from likes_api.repository.voters import in_arrays
from tests.support import diaspora, host
from tests.support.every_route import ADMIN_TOKEN, CALLS, Call, populate, send
from tests.support.interface import DOCUMENT, Interface, UndocumentedAnswer
from tests.support.qa_votes import COOKIE
from tests.support.settings import settings

# Those of operators and browsers, not of applications.
UNPUBLISHED = {"demo", "widget", "openapi"}
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
PUBLISHED = [call for call in CALLS if call.blueprint not in UNPUBLISHED and call.rule != "/metrics" and not call.key]
WRITES: list[tuple[str, dict[str, str]]] = [
    ("/admin/targets/entry/e", {}),
    ("/admin/users/u", {}),
    ("/admin/people/p", {"diaspora_id": "d", "name": "n"}),
]
Document = dict[str, Any]


@pytest.fixture(scope="module")
def app(module_database: Database) -> Flask:
    populate(module_database)
    return create_app(settings(), module_database)


@pytest.fixture
def document() -> Document:
    loaded: Document = json.loads(DOCUMENT.read_text())
    return loaded


def test_document_is_served_as_it_is_in_docs(app: Flask, document: Document) -> None:
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype, answer.get_json()) == (200, "application/json", document)


def test_document_is_the_same_for_all_settings(module_database: Database, document: Document) -> None:
    other = create_app(settings(DEMO="true", NEXTAUTH_COOKIE="own", QA_ID_FIELD="id"), module_database)
    assert make_document(other, DIALECTS) == document


def test_contract_is_described_when_a_route_is_of_it(document: Document) -> None:
    used = {each["tags"][0] for item in document["paths"].values() for each in item.values() if "tags" in each}
    assert used == {tag["name"] for tag in document["tags"]}


def test_route_is_described_when_it_is_of_a_contract(app: Flask) -> None:
    lacking = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] not in UNPUBLISHED
        and rule.rule != "/metrics"
        and not hasattr(app.view_functions[rule.endpoint], DESCRIPTION)
    ]
    assert lacking == []


@pytest.mark.parametrize("call", PUBLISHED, ids=str)
def test_route_is_500_in_form_when_it_crashes(app: Flask, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> NoReturn:
        raise ZeroDivisionError

    endpoint, _ = app.url_map.bind("").match(call.url, call.method)
    monkeypatch.setitem(app.view_functions, endpoint, crash)
    assert app.test_client().open(call.url, method=call.method).status_code == 500


@pytest.mark.parametrize("url", sorted({call.url for call in PUBLISHED}))
def test_url_is_405_in_form_when_it_does_not_take_the_method(app: Flask, url: str) -> None:
    answer = app.test_client().open(url, method="PROPFIND")
    assert (answer.status_code, "Allow" in answer.headers) == (405, True)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        *((method, "/admin/targets/entry/e") for method in ("PUT", "PATCH", "DELETE")),
        *(("PUT", "/admin/people/p"), ("PUT", "/admin/users/u"), ("DELETE", "/admin/users/u")),
        *(("POST", "/admin/sessions"), ("POST", "/admin/tokens")),
        *(("DELETE", "/admin/people/p"), ("DELETE", "/admin/voters/v"), ("POST", "/admin/voters/v/merge")),
    ],
)
def test_administrator_is_refused_when_the_body_is_too_long_or_of_another_type(
    app: Flask, method: str, url: str
) -> None:
    long = {"data": b" " * 20_000, "content_type": "application/json"}
    assert app.test_client().open(url, method=method, headers=ADMIN, **long).status_code == 413
    if method != "DELETE":
        other = {"data": b"{}", "content_type": "text/plain"}
        assert app.test_client().open(url, method=method, headers=ADMIN, **other).status_code == 415


def test_written_document_is_404_when_it_is_deleted_between_the_write_and_the_answer(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Administration, "find", lambda *_: None)
    assert [app.test_client().put(url, headers=ADMIN, json=body).status_code for url, body in WRITES] == [404] * 3


def test_write_is_409_when_the_document_cannot_take_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise Unwritable("it cannot")

    monkeypatch.setattr(Administration, "put", refuse)
    assert [app.test_client().put(url, headers=ADMIN, json=body).status_code for url, body in WRITES] == [409] * 3


def test_like_is_409_when_the_first_request_with_its_key_is_under_way(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise KeyInUse

    monkeypatch.setattr(IdempotencyRepository, "once", refuse)
    [toggle] = [call for call in CALLS if call.rule.endswith("/toggle") and call.key]
    assert send(app, toggle, "").status_code == 409


def test_caller_is_503_when_the_database_does_not_know_the_session(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> NoReturn:
        raise ServerSelectionTimeoutError

    monkeypatch.setattr(SessionRepository, "user_of", fail)
    client = app.test_client()
    client.set_cookie(COOKIE, "a-database-session")
    assert client.get("/api/me").status_code == 503


def test_person_is_202_when_there_is_more_than_one_request_has_time_for(
    app: Flask, module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "VOTER_REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(in_arrays, "BATCH", 1)
    liked = {"likedBy": ["leaver"], "upvotes": 1, "dislikedBy": [], "downvotes": 0}
    module_database["likes_entries"].insert_many({"_id": f"of-leaver-{number}", **liked} for number in range(3))
    client = app.test_client()
    assert client.put("/admin/people/leaver", headers=ADMIN, json={"diaspora_id": "l", "name": "n"}).status_code == 201
    statuses = [client.delete("/admin/people/leaver", headers=ADMIN).status_code]
    while statuses[-1] != 204:
        statuses.append(client.delete("/admin/people/leaver", headers=ADMIN).status_code)
    assert set(statuses) == {202, 204}


def test_vote_is_taken_back_by_nobody_whose_token_does_not_reach_the_post(
    app: Flask, module_database: Database
) -> None:
    bearer = diaspora.token_of(module_database, scopes=["public:read", "interactions"])
    caller = host.Caller({"Authorization": f"Bearer {bearer}"})
    assert caller.delete(app, "post", diaspora.SHARED).status_code == 422


def statuses(document: Document) -> Document:
    return document["paths"]["/api/counts"]["get"]["responses"]  # type: ignore[no-any-return]


def without_the_status(document: Document) -> None:
    del statuses(document)["200"]


def with_a_field_renamed(document: Document) -> None:
    counts = document["components"]["schemas"]["Counts"]
    counts["properties"]["likes"] = counts["properties"].pop("count")


def without_a_header(document: Document) -> None:
    del statuses(document)["200"]["headers"]["ETag"]


def with_a_header_that_is_not_sent(document: Document) -> None:
    statuses(document)["200"]["headers"]["Retry-After"] = {"required": True, "schema": {"type": "string"}}


def with_another_media_type(document: Document) -> None:
    content = statuses(document)["200"]["content"]
    content["text/plain"] = content.pop("application/json")


def without_the_method(document: Document) -> None:
    item = document["paths"]["/api/counts"]
    item["post"] = item.pop("get")


LIES = [
    without_the_status,
    with_a_field_renamed,
    without_a_header,
    with_a_header_that_is_not_sent,
    with_another_media_type,
    without_the_method,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_answer_is_found_out_when_the_document_lies(app: Flask, document: Document, lie: Any) -> None:
    answer = app.test_client().get("/api/counts?target=entry:e")
    seen = ("GET", "/api/counts?target=entry:e", answer.status_code, answer.headers, answer.get_data)
    Interface(document).check(*seen)
    lied = copy.deepcopy(document)
    lie(lied)
    with pytest.raises(UndocumentedAnswer):
        Interface(lied).check(*seen)
