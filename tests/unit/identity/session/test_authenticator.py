"""From cookies to a caller."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.nextauth import forge
from harness.nextauth.vectors import Vector, load, named
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential
from likes_api.identity.session.authenticator import SessionAuthenticator
from likes_api.repository.credentials.sessions import SessionRepository

V4 = "next-auth.session-token"
V5 = "authjs.session-token"
DEFAULTS = {V4, V5, f"__Secure-{V4}", f"__Secure-{V5}"}
SECRET = "a-secret-made-up-for-tests-0123456789"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = int(NOW.timestamp()) + 60
USER = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
ROW = "5f" * 32


class Sessions:
    """A ``sessions`` collection in memory."""

    def __init__(self, rows: Mapping[str, str] | None = None) -> None:
        self.rows = rows or {ROW: "64b7f0c2a1b2c3d4e5f60718"}
        self.asked: list[str] = []

    def user_of(self, session_token: str, now: datetime) -> str | None:
        assert now.tzinfo is not None
        self.asked.append(session_token)
        return self.rows.get(session_token)


def authenticator(
    *secrets: str, cookie_name: str | None = None, sessions: SessionRepository | None = None
) -> SessionAuthenticator:
    return SessionAuthenticator(
        secrets=secrets,
        cookie_name=cookie_name,
        user_claims=("id", "sub"),
        sessions=sessions or Sessions(),
    )


def user_of(cookies: Mapping[str, str]) -> str:
    caller = authenticator(SECRET).authenticate(cookies, NOW)
    assert caller is not None
    return caller.id


def refuses(cookies: Mapping[str, str], made: SessionAuthenticator | None = None) -> bool:
    with pytest.raises(InvalidCredential):
        (made or authenticator(SECRET)).authenticate(cookies, NOW)
    return True


def of_vector(vector: Vector, *secrets: str) -> SessionAuthenticator:
    name = None if vector.cookie in DEFAULTS else vector.cookie
    return authenticator(*(secrets or vector.secrets), cookie_name=name)


VECTORS = load()
VALID = [vector for vector in VECTORS if vector.user]
INVALID = [vector for vector in VECTORS if not vector.user]


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.name)
def test_vector_leads_to_its_user_when_valid(vector: Vector) -> None:
    assert vector.user is not None
    assert of_vector(vector).authenticate(vector.cookies) == Caller(vector.user, CallerKind.USER)


@pytest.mark.parametrize("vector", INVALID, ids=lambda vector: vector.name)
def test_vector_is_refused_when_expired_or_without_user(vector: Vector) -> None:
    assert refuses(vector.cookies, of_vector(vector))


@pytest.mark.parametrize("vector", [each for each in VECTORS if each.expired], ids=lambda vector: vector.name)
def test_expired_vector_was_valid_when_looked_at_in_the_past(vector: Vector) -> None:
    caller = of_vector(vector).authenticate(vector.cookies, datetime.now(UTC) - timedelta(days=3650))
    assert caller == Caller(USER, CallerKind.USER)


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.name)
def test_vector_is_refused_when_the_secret_is_another(vector: Vector) -> None:
    assert refuses(vector.cookies, of_vector(vector, "another"))


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.name)
def test_vector_is_read_when_its_secret_was_rotated(vector: Vector) -> None:
    assert of_vector(vector, "newer", *vector.secrets).authenticate(vector.cookies) is not None


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector.name)
def test_vector_is_refused_when_no_secret_is_configured(vector: Vector) -> None:
    name = None if vector.cookie in DEFAULTS else vector.cookie
    assert refuses(vector.cookies, authenticator(cookie_name=name))


@pytest.mark.parametrize("vector", [each for each in VALID if len(each.cookies) > 1], ids=lambda vector: vector.name)
def test_vector_is_refused_when_a_chunk_is_lost(vector: Vector) -> None:
    for lost in vector.cookies:
        rest = {name: value for name, value in vector.cookies.items() if name != lost}
        assert refuses(rest, of_vector(vector))


@pytest.mark.parametrize("name", ["v5 with sub only", "v5 on https", "early v5 with sub only"])
def test_v5_vector_is_refused_when_moved_to_another_cookie(name: str) -> None:
    vector = named(name)
    for other in DEFAULTS - {vector.cookie}:
        assert refuses({other: vector.cookies[vector.cookie]}, of_vector(vector))


def test_v4_and_v5_are_read_when_the_cookie_has_a_custom_name() -> None:
    for name in ("v4 with a custom name", "v5 with a custom name"):
        vector = named(name)
        assert of_vector(vector).authenticate(vector.cookies) is not None
        assert authenticator(*vector.secrets).authenticate(vector.cookies) is None


def test_authenticate_is_none_when_there_is_no_session_cookie() -> None:
    assert authenticator(SECRET).authenticate({}) is None
    assert authenticator(SECRET).authenticate({"theme": "dark", V4: ""}) is None


def test_database_session_leads_to_its_user_when_known() -> None:
    assert user_of({V4: ROW}) == "64b7f0c2a1b2c3d4e5f60718"


def test_database_session_is_read_when_no_secret_is_configured() -> None:
    assert authenticator().authenticate({V5: ROW}, NOW) is not None


def test_database_session_is_refused_when_unknown() -> None:
    assert refuses({V4: "unknown"})


@pytest.mark.parametrize("token", ["a.b", "a.b.c", "a.b.c.d", "a.b.c.d.e", "a.b.c.d.e.f", "." * 100])
def test_database_is_not_asked_when_the_token_has_dots(token: str) -> None:
    sessions = Sessions()
    assert refuses({V4: token}, authenticator(SECRET, sessions=sessions))
    assert sessions.asked == []


def test_live_session_counts_when_a_stale_one_is_beside_it() -> None:
    stale = forge.v4(SECRET, {"sub": "old", "exp": LATER - 3600})
    live = forge.v5(SECRET, V5, {"sub": "new", "exp": LATER})
    assert user_of({V4: stale, V5: live}) == "new"
    assert user_of({V4: forge.v4(SECRET, {"sub": "v4", "exp": LATER}), V5: live[:-1]}) == "v4"
    assert user_of({V4: "unknown", V5: ROW}) == user_of({V4: ROW, V5: "unknown"})


def test_database_is_not_asked_when_a_jwt_is_valid() -> None:
    sessions = Sessions()
    cookies = {V5: ROW, V4: forge.v4(SECRET, {"sub": "ada", "exp": LATER})}
    assert authenticator(SECRET, sessions=sessions).authenticate(cookies, NOW) == Caller("ada", CallerKind.USER)
    assert sessions.asked == []


def test_plain_cookie_does_not_help_when_the_secure_one_is_invalid() -> None:
    assert refuses({V4: ROW, f"__Secure-{V4}": "unknown"})


@pytest.mark.parametrize("user", ["x" * 256, "a\0b", "\ud800"])
def test_session_is_refused_when_the_users_id_is_absurd(user: str) -> None:
    assert refuses({V4: forge.v4(SECRET, {"id": user, "sub": "ada", "exp": LATER})})
    assert refuses({V4: ROW}, authenticator(sessions=Sessions({ROW: user})))


@pytest.mark.parametrize("user", ["x" * 255, "é" * 255, " ", "guest"])
def test_session_is_valid_when_the_users_id_is_odd_but_possible(user: str) -> None:
    assert user_of({V4: forge.v4(SECRET, {"id": user, "exp": LATER})}) == user


@pytest.mark.parametrize("value", ["x" * 100_000, "." * 100_000, "a.b.c.d." + "e" * 100_000, "\0", "a\0", "%00", "%"])
def test_cookie_is_refused_unasked_when_it_is_huge_or_has_nul(value: str) -> None:
    sessions = Sessions()
    made = authenticator(SECRET, sessions=sessions)
    assert refuses({V4: value}, made)
    assert sessions.asked == ([] if value != "%" else ["%"])


@pytest.mark.parametrize("name", ["v4 with sub only", "v5 with sub only", "early v5 with sub only"])
def test_vector_is_refused_when_any_character_is_changed(name: str) -> None:
    vector = named(name)
    made = of_vector(vector)
    token = vector.cookies[vector.cookie]
    for position, character in enumerate(token):
        changed = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
        assert refuses({vector.cookie: changed}, made), position


NAMES = st.one_of(
    st.sampled_from(sorted(DEFAULTS)),
    st.builds("{}.{}".format, st.sampled_from(sorted(DEFAULTS)), st.integers(-1, 18)),
    st.text(max_size=40),
)
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)
REAL = [value for vector in VECTORS for value in vector.cookies.values()]
VALUES = st.one_of(
    TEXT,
    st.lists(st.text("AQgw-_=.%0", max_size=30), min_size=5, max_size=5).map(".".join),
    st.sampled_from([*REAL, ROW]),
    st.builds(
        lambda token, cut, text: token[:cut] + text + token[cut:],
        st.sampled_from(REAL),
        st.integers(0, 600),
        TEXT,
    ),
)
FUZZED = authenticator(SECRET)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_authenticate_answers_or_refuses_when_cookies_are_arbitrary(cookies: dict[str, str]) -> None:
    try:
        caller = FUZZED.authenticate(cookies)
    except InvalidCredential:
        return
    assert caller is None or caller.id in {each.user for each in VALID} | set(Sessions().rows.values())


@given(st.binary(max_size=300))
def test_authenticate_answers_or_refuses_when_a_right_key_hides_arbitrary_bytes(plaintext: bytes) -> None:
    assert refuses({V4: forge.v4(SECRET, plaintext)}, FUZZED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["id", "sub", "exp", "nbf", "iat"]), JSON))
def test_authenticate_answers_or_refuses_when_claims_are_arbitrary(claims: dict[str, object]) -> None:
    try:
        caller = FUZZED.authenticate({V5: forge.v5(SECRET, V5, claims)}, NOW)
    except InvalidCredential:
        return
    assert caller is not None
    assert caller.id in (claims.get("id"), claims.get("sub"))
