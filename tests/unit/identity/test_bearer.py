"""Where a request may carry a token, and what stands for one."""

from datetime import datetime

import pytest

from likes_api.identity.bearer import AmbiguousCredential, BearerAuthenticator
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential
from likes_api.repository.credentials.tokens import Grant

TOKEN = "0123456789abcdef" * 4
OTHER = "f" * 64


class Grants:
    """Know one token, and note what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def grant_of(self, token: str, now: datetime) -> Grant | None:
        assert now.tzinfo
        self.asked.append(token)
        return Grant("bob", frozenset({"public:read"})) if token == TOKEN else None


@pytest.fixture
def grants() -> Grants:
    return Grants()


@pytest.mark.parametrize(
    ("authorization", "query", "form"),
    [
        (f"Bearer {TOKEN}", [], []),
        (f" bEARER \t {TOKEN}  ", [""], ["", ""]),
        (f"Basic eA==,Bearer {TOKEN}", [], []),
        (f'Digest username="bearer", realm="x,y" ,bearer {TOKEN}', [], []),
        (None, [TOKEN], []),
        ("Basic eA==", [], [TOKEN]),
    ],
)
def test_bearer_is_told_when_there_is_one_valid_token(
    grants: Grants, authorization: str | None, query: list[str], form: list[str]
) -> None:
    expected = Caller("bob", CallerKind.PERSON, frozenset({"public:read"}))
    assert BearerAuthenticator(grants).authenticate(authorization, query, form) == expected
    assert grants.asked == [TOKEN]


@pytest.mark.parametrize(
    "authorization", [None, "", " ", "Basic", f"Basic {TOKEN}", f"Bearers {TOKEN}", f"X-Bearer {TOKEN}"]
)
def test_bearer_is_none_when_no_token_is_sent(grants: Grants, authorization: str | None) -> None:
    assert BearerAuthenticator(grants).authenticate(authorization, [""], []) is None
    assert not grants.asked


@pytest.mark.parametrize(
    ("authorization", "query", "form"),
    [
        (f"Bearer {TOKEN}, Bearer {TOKEN}", [], []),
        (f"Bearer {TOKEN},Basic eA==,BEARER {OTHER}", [], []),
        (f"Bearer {TOKEN}", [TOKEN], []),
        ("Bearer", [], [TOKEN]),
        (None, [TOKEN, TOKEN], []),
        (None, [], [TOKEN, OTHER]),
        (None, ["x"], ["y"]),
    ],
)
def test_tokens_are_too_many_when_there_are_two_wherever_they_are(
    grants: Grants, authorization: str | None, query: list[str], form: list[str]
) -> None:
    with pytest.raises(AmbiguousCredential):
        BearerAuthenticator(grants).authenticate(authorization, query, form)
    assert not grants.asked


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ,",
        f"Bearer {TOKEN},x",
        f"Bearer {TOKEN} x",
        f'Bearer "{TOKEN}"',
        f"Bearer {TOKEN}\n0",
        "Bearer é",
    ],
)
def test_token_is_invalid_without_asking_when_it_is_malformed(grants: Grants, value: str) -> None:
    with pytest.raises(InvalidCredential):
        BearerAuthenticator(grants).authenticate(value, [], [])
    assert not grants.asked


def test_token_is_invalid_when_nobody_knows_it(grants: Grants) -> None:
    with pytest.raises(InvalidCredential):
        BearerAuthenticator(grants).authenticate(None, [OTHER], [])
    assert grants.asked == [OTHER]
