"""JSON Web Tokens on contracts 1 and 2: whose vote it is, what a token makes unnecessary, and what it never becomes."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from harness.documents import emptied_afterwards, snapshot
from likes_api.app import create_app
from likes_api.mongodb.documents import Database
from tests.support.answers import outcome
from tests.support.commands import CountedCommands
from tests.support.diaspora import populate
from tests.support.issuer import HOST_KEY, claims, edwards, token
from tests.support.qa_votes import BALLOT, post, session_of
from tests.support.settings import settings
from tests.support.simple_likes import PREFIX, Visitor

UNAUTHORIZED = (401, {"error": "Unauthorized"})
LOGIN = (401, {"error": "Please log in"})
MISMATCH = (419, {"error": "CSRF mismatch"})


def jwt(user: object = "ada", **more: object) -> str:
    return token(HOST_KEY, "ES256", claims(user, aud=["likes"]) | more)


INVALID = {
    "forged": token(edwards("ec-1"), "Ed25519", claims("ada", aud="likes")),
    "other audience": jwt(aud="other"),
    "expired": jwt(exp=1),
    "guest's": jwt("guest_" + "0" * 64),
    "empty": "",
    "word": "x",
    "person's": "0" * 64,
    "service's": f"lk_{'0' * 12}_{'0' * 64}",
    "two": f"{jwt()}, Bearer {jwt()}",
}


def vote(app: Flask, presented: str, headers: Mapping[str, str | None] | None = None, **options: Any) -> TestResponse:
    """Vote in contract 1, without a session unless one is named."""
    return post(app, headers={"Authorization": f"Bearer {presented}"} | dict(headers or {}), **{"user": None} | options)


def toggle(app: Flask, presented: str, entry: str = "members", **headers: str) -> TestResponse:
    """Toggle in contract 2, without any cookie and any CSRF token."""
    given = {"Authorization": f"Bearer {presented}", "Content-Type": "application/json"} | headers
    return app.test_client(use_cookies=False).post(f"{PREFIX}/{entry}/toggle", headers=given)


def likers(database: Database, collection: str, id_: str) -> list[str]:
    found: list[str] = (database[collection].find_one({"_id": id_}) or {}).get("likedBy", [])
    return found


# -- Contract 1


def test_vote_is_the_tokens_users_and_costs_one_round_trip(
    app: Flask, database: Database, counted: CountedCommands
) -> None:
    with counted.during() as commands:
        response = vote(app, jwt())
    assert outcome(response) == (
        200,
        {"action": "liked", "upvotes": 1, "downvotes": 0, "liked": True, "downvoted": False},
    )
    assert commands == ["findAndModify"]
    assert likers(database, "questions", "q_123") == ["ada"]


def test_token_counts_and_not_the_cookie_when_both_are_sent(app: Flask, database: Database) -> None:
    assert vote(app, jwt("by-token"), user="by-cookie").status_code == 200
    assert likers(database, "questions", "q_123") == ["by-token"]


@pytest.mark.parametrize("presented", INVALID.values(), ids=list(INVALID))
@pytest.mark.parametrize("user", [None, "by-cookie"])
def test_vote_is_unauthorized_and_the_database_not_asked_when_the_token_is_invalid(
    app: Flask, database: Database, counted: CountedCommands, presented: str, user: str | None
) -> None:
    before = snapshot(database)
    with counted.during() as commands:
        response = vote(app, presented, user=user)
    assert outcome(response) == UNAUTHORIZED
    assert commands == []
    assert snapshot(database) == before


def test_token_of_another_scheme_is_not_ours_when_a_cookie_tells_the_user(app: Flask, database: Database) -> None:
    assert post(app, user="ada", headers={"Authorization": "Basic eA=="}).status_code == 200
    assert outcome(post(app, user=None, headers={"Authorization": f"Basic {jwt()}"})) == UNAUTHORIZED
    assert likers(database, "questions", "q_123") == ["ada"]


def test_vote_from_another_site_is_refused_when_it_carries_a_token(app: Flask, database: Database) -> None:
    assert vote(app, jwt(), {"Origin": "https://evil.example"}).status_code == 403
    assert likers(database, "questions", "q_123") == []


def test_session_of_a_user_who_is_called_like_a_guest_is_nobodys(app: Flask, database: Database) -> None:
    cookie = session_of("guest_" + "0" * 64)
    assert outcome(post(app, user=None, headers={"Cookie": cookie})) == UNAUTHORIZED


def test_same_user_is_limited_together_by_token_and_by_cookie(module_database: Database, issuers: str) -> None:
    limited = settings(JWT_ISSUERS=issuers, RATELIMIT_ENABLED="true", LIMIT_QA_VOTE="2/hour")
    app = create_app(limited, module_database)
    assert vote(app, jwt("eve")).status_code == 404
    assert post(app, user="eve").status_code == 404
    assert vote(app, jwt("eve")).status_code == 429
    assert vote(app, jwt("bob")).status_code == 404


# -- Contract 2


def test_like_takes_no_csrf_token_when_a_token_tells_the_user(
    app: Flask, database: Database, counted: CountedCommands
) -> None:
    with counted.during() as commands:
        response = toggle(app, jwt())
    assert outcome(response) == (200, {"likes_count": 1, "user_has_liked": True})
    assert len(commands) == 2
    assert "Set-Cookie" not in response.headers
    assert likers(database, "likes_entries", "members") == ["ada"]


def test_like_takes_a_csrf_token_when_no_bearer_token_is_sent(app: Flask, database: Database) -> None:
    before = snapshot(database)
    visitor = Visitor(app, "ada")
    assert outcome(visitor.toggle("members", headers={"X-CSRF-TOKEN": None})) == MISMATCH
    # A browser sends a password that it knows along by itself, so another scheme proves nothing.
    for scheme in ("Basic eA==", "Bearers x", f"Basic {jwt()}", ""):
        refused = visitor.toggle("members", headers={"X-CSRF-TOKEN": None, "Authorization": scheme})
        assert outcome(refused) == MISMATCH
    assert snapshot(database) == before


@pytest.mark.parametrize("presented", INVALID.values(), ids=list(INVALID))
@pytest.mark.parametrize("entry", ["members", "guests"])
def test_like_is_nobodys_when_the_token_is_invalid_and_a_session_or_guest_would_do(
    app: Flask, database: Database, presented: str, entry: str
) -> None:
    before = snapshot(database)
    assert outcome(toggle(app, presented, entry)) == LOGIN
    with_session = Visitor(app, "by-cookie").toggle(entry, headers={"Authorization": f"Bearer {presented}"})
    assert outcome(with_session) == LOGIN
    assert snapshot(database) == before


def test_token_counts_and_not_the_cookie_when_both_are_sent_to_like(app: Flask, database: Database) -> None:
    visitor = Visitor(app, "by-cookie")
    assert visitor.toggle("members", headers={"Authorization": f"Bearer {jwt('by-token')}"}).status_code == 200
    assert likers(database, "likes_entries", "members") == ["by-token"]


def test_like_from_another_site_is_refused_when_it_carries_a_token(app: Flask, database: Database) -> None:
    assert outcome(toggle(app, jwt(), Origin="https://evil.example")) == MISMATCH
    assert likers(database, "likes_entries", "members") == []


def test_checks_come_in_the_contracts_order_when_a_token_is_sent(app: Flask, database: Database) -> None:
    assert toggle(app, "x", **{"Content-Type": "text/plain"}).status_code == 415
    assert outcome(toggle(app, "x", "bad.id")) == (400, {"error": "Invalid request"})
    assert outcome(toggle(app, "x", "unknown")) == (404, {"error": "Content not found"})
    database["likes_entries"].update_one({"_id": "members"}, {"$set": {"locked": True}})
    assert outcome(toggle(app, "x")) == (403, {"error": "Likes disabled"})


def test_status_shows_the_tokens_users_like_and_counts_only_when_it_is_invalid(app: Flask, database: Database) -> None:
    assert toggle(app, jwt()).status_code == 200
    client = app.test_client()
    for presented, liked in ((jwt(), True), (jwt("bob"), False), ("x", False)):
        answer = client.get(f"{PREFIX}/status?ids=members", headers={"Authorization": f"Bearer {presented}"})
        assert outcome(answer) == (200, {"members": {"count": 1, "liked": liked}})


# -- Contract 3, and everything else


def test_token_is_no_persons_token(app: Flask, database: Database) -> None:
    response = app.test_client().get("/api/v1/posts/p/likes", headers={"Authorization": f"Bearer {jwt()}"})
    assert response.status_code == 401
    assert response.get_json()["error"] == "invalid_token"


def test_bearer_token_is_invalid_everywhere_when_no_issuer_is_known(
    module_database: Database, database: Database
) -> None:
    app = create_app(settings(), module_database)
    assert outcome(vote(app, jwt(), user="ada")) == UNAUTHORIZED
    assert outcome(toggle(app, jwt(), "guests")) == LOGIN


@pytest.fixture(scope="module")
def unchanged(module_database: Database) -> Iterator[None]:
    with emptied_afterwards(module_database):
        module_database["questions"].insert_one({"_id": "q_123"})
        module_database["likes_entries"].insert_one({"_id": "members", "guest_allowed": False})
        populate(module_database)
        before = snapshot(module_database)
        yield
        assert snapshot(module_database) == before


SECRET_HALF = st.text("0123456789abcdef", min_size=60, max_size=68)
SERVICE = st.builds("lk_{}_{}".format, st.text("0123456789abcdef", min_size=11, max_size=13), SECRET_HALF)
DOTTED = st.lists(st.text("AQgwe_-=0", max_size=30), min_size=1, max_size=5).map(".".join)
# Within header and claims: past the end, nothing would be another.
MUTATED = st.builds(
    lambda at, by: jwt()[:at] + by + jwt()[at + len(by) + 1 :], st.integers(0, 150), st.text("A.=é ", max_size=3)
)
ANYTHING = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=200)
VALUES = st.builds(
    "{}{}".format,
    st.sampled_from(
        ["Bearer ", "bearer\t", "Bearer", "BEARER  ", "Basic eA==, Bearer ", "Basic ", "", "Bearer ,Bearer "]
    ),
    SERVICE | DOTTED | MUTATED | SECRET_HALF | ANYTHING,
)


@given(VALUES)
def test_no_authorization_makes_a_server_error_or_a_vote(app: Flask, unchanged: None, value: str) -> None:
    client = app.test_client(use_cookies=False)
    headers = {"Authorization": value}
    answers = [
        client.post("/api/likes", json=BALLOT, headers=headers),
        client.post(f"{PREFIX}/members/toggle", headers=headers | {"Content-Type": "application/json"}),
        client.get(f"{PREFIX}/status?ids=members", headers=headers),
        client.post("/api/v1/posts/post-public/likes", headers=headers),
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses[0] == 401
    assert statuses[1] in {401, 419}
    assert statuses[2] == 200
    assert statuses[3] in {400, 401}
