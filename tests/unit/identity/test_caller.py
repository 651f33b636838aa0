"""Which of a request's credentials counts."""

from collections.abc import Mapping

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from likes_api.identity.caller import Authenticator, Caller, CallerKind, Credential, InvalidCredential, is_voter_id

JWT, PERSON, SERVICE = "e30.e30.AA", "0" * 64, f"lk_{'0' * 12}_{'0' * 64}"
USER, BY_JWT = Caller("by-session", CallerKind.USER), Caller("by-jwt", CallerKind.USER)
BY_PERSON, BY_SERVICE = Caller("by-person", CallerKind.PERSON), Caller("by-service", CallerKind.SERVICE)
GUEST = Caller("guest_1", CallerKind.GUEST)
TOKENS = {JWT: BY_JWT, PERSON: BY_PERSON, SERVICE: BY_SERVICE}
KINDS = {JWT: Credential.JWT, PERSON: Credential.PERSON_TOKEN, SERVICE: Credential.SERVICE_TOKEN}
ALL = frozenset(Credential)


class Sessions:
    def authenticate(self, cookies: Mapping[str, str]) -> Caller | None:
        if cookies.get("session") == "bad":
            raise InvalidCredential
        return USER if "session" in cookies else None


class Tokens:
    """Know one token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def caller_of(self, token: str) -> Caller:
        if token != self._token:
            raise InvalidCredential
        return TOKENS[token]


class Guests:
    def caller(self, address: str | None, user_agent: str) -> Caller:
        return GUEST


AUTHENTICATOR = Authenticator(
    sessions=Sessions(),
    jwts=Tokens(JWT),
    person_tokens=Tokens(PERSON),
    service_tokens=Tokens(SERVICE),
    guests=Guests(),
)


def request(authorization: str | None = None, session: str | None = None) -> Request:
    headers = {"Authorization": authorization, "Cookie": f"session={session}" if session else None}
    present = {name: value for name, value in headers.items() if value is not None}
    return Request(EnvironBuilder(headers=present).get_environ())


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("session", [None, "good", "bad"])
@pytest.mark.parametrize("prefix", ["Bearer ", "bearer  ", "Basic eA==, Bearer "])
def test_token_alone_counts_when_there_is_one_of_an_accepted_kind(token: str, session: str | None, prefix: str) -> None:
    assert AUTHENTICATOR.authenticate(request(prefix + token, session), ALL) == TOKENS[token]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("session", [None, "good"])
def test_token_is_invalid_when_the_route_accepts_no_such_kind(token: str, session: str | None) -> None:
    with pytest.raises(InvalidCredential):
        AUTHENTICATOR.authenticate(request(f"Bearer {token}", session), ALL - {KINDS[token]})


@pytest.mark.parametrize("session", [None, "good", "bad"])
@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Bearer lk_", f"Bearer {JWT},Bearer {JWT}", "Bearer é", "BEARER ,"],
)
def test_invalid_token_never_falls_through_to_a_cookie_or_a_guest(authorization: str, session: str | None) -> None:
    with pytest.raises(InvalidCredential):
        AUTHENTICATOR.authenticate(request(authorization, session), ALL)


@pytest.mark.parametrize("authorization", [None, "", "Basic eA==", "Bearers x", JWT, f"Basic {JWT}"])
def test_cookie_counts_when_there_is_no_token(authorization: str | None) -> None:
    assert AUTHENTICATOR.authenticate(request(authorization, "good"), ALL) == USER
    with pytest.raises(InvalidCredential):
        AUTHENTICATOR.authenticate(request(authorization, "bad"), ALL)


def test_caller_is_a_guest_only_when_guests_are_accepted_and_nothing_is_sent() -> None:
    assert AUTHENTICATOR.authenticate(request(), ALL) == GUEST
    assert AUTHENTICATOR.authenticate(request(), ALL - {Credential.GUEST}) is None


def test_cookie_is_not_looked_at_when_the_route_accepts_no_sessions() -> None:
    for session in ("good", "bad"):
        assert AUTHENTICATOR.authenticate(request(None, session), {Credential.PERSON_TOKEN}) is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80), st.booleans())
def test_authorization_leads_to_a_caller_or_to_an_invalid_credential_whatever_it_is(value: str, bearer: bool) -> None:
    try:
        caller = AUTHENTICATOR.authenticate(request(f"Bearer {value}" if bearer else value, "good"), ALL)
    except InvalidCredential:
        return
    assert caller in {USER, *TOKENS.values()}


@pytest.mark.parametrize(
    ("id_", "possible"),
    [
        ("ada", True),
        ("x" * 255, True),
        ("gäst_1", True),
        ("Guest_1", True),
        ("guest", True),
        ("", False),
        ("x" * 256, False),
        ("guest_", False),
        ("guest_ada", False),
        ("a\0b", False),
        ("\ud800", False),
    ],
)
def test_id_is_a_users_or_persons_unless_it_is_a_guests_or_unusable(id_: str, possible: bool) -> None:
    assert is_voter_id(id_) is possible
