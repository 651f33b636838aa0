"""What a service token looks like, and for whom its bearer acts."""

from datetime import datetime

import pytest

from likes_api.identity.bearer import Scope
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential
from likes_api.identity.service_token import (
    InvalidOnBehalfOf,
    MissingOnBehalfOf,
    ServiceScope,
    ServiceTokenAuthenticator,
    act_for,
)

ID, SECRET = "0123456789ab", "f" * 64
TOKEN = f"lk_{ID}_{SECRET}"
READ, WRITE = frozenset({ServiceScope.VOTES_READ}), frozenset({ServiceScope.VOTES_WRITE})


class Tokens:
    """Know one token, and note what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def scopes_of(self, id_: str, secret: str, now: datetime) -> frozenset[str] | None:
        assert now.tzinfo
        self.asked.append((id_, secret))
        return READ if (id_, secret) == (ID, SECRET) else None


def service(scopes: frozenset[str] = WRITE) -> Caller:
    return Caller(ID, CallerKind.SERVICE, frozenset(scopes))


def test_service_is_told_with_its_scopes_by_its_token() -> None:
    tokens = Tokens()
    assert ServiceTokenAuthenticator(tokens).caller_of(TOKEN) == service(READ)
    assert tokens.asked == [(ID, SECRET)]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "lk_",
        f"lk_{ID}",
        f"lk_{ID}_",
        f"lk_{SECRET}",
        TOKEN + "0",
        TOKEN + "\n",
        TOKEN.upper(),
        f" {TOKEN}",
        TOKEN[3:],
    ],
)
def test_token_is_invalid_without_asking_when_it_is_malformed(token: str) -> None:
    tokens = Tokens()
    with pytest.raises(InvalidCredential):
        ServiceTokenAuthenticator(tokens).caller_of(token)
    assert not tokens.asked


def test_token_is_invalid_when_nobody_knows_it() -> None:
    tokens = Tokens()
    with pytest.raises(InvalidCredential):
        ServiceTokenAuthenticator(tokens).caller_of(f"lk_{ID}_{'0' * 64}")
    assert len(tokens.asked) == 1


def test_service_acts_as_the_user_it_names_and_remains_known() -> None:
    caller = act_for(service(), "ada", CallerKind.USER)
    assert (caller.id, caller.kind, caller.service_token) == ("ada", CallerKind.USER, ID)
    assert ServiceScope.VOTES_WRITE in caller.scopes


@pytest.mark.parametrize(
    ("scopes", "persons"),
    [
        (READ, {Scope.PUBLIC_READ, Scope.PRIVATE_READ}),
        (WRITE, set(Scope)),
        (frozenset({ServiceScope.ADMIN}), set()),
        (frozenset({"a scope of a later version"}), set()),
    ],
)
def test_service_has_for_a_person_the_scopes_that_its_own_amount_to(
    scopes: frozenset[str], persons: set[Scope]
) -> None:
    caller = act_for(service(scopes), "b0b", CallerKind.PERSON)
    assert caller.scopes == scopes | persons


@pytest.mark.parametrize("header", [None, ""])
def test_service_that_names_nobody_is_told_so(header: str | None) -> None:
    with pytest.raises(MissingOnBehalfOf):
        act_for(service(), header, CallerKind.USER)


@pytest.mark.parametrize("header", ["guest_" + "0" * 64, "guest_", "x" * 256, "a\0b", "é", "\xff\xfe"])
def test_service_cannot_act_for_what_is_nobodys_id(header: str) -> None:
    with pytest.raises(InvalidOnBehalfOf):
        act_for(service(), header, CallerKind.USER)


@pytest.mark.parametrize("id_", ["ädä", "名前", "a b", "a,b", "a%20b", "x" * 255])
def test_id_in_the_header_is_utf8_and_taken_as_it_is(id_: str) -> None:
    assert act_for(service(), id_.encode().decode("latin-1"), CallerKind.USER).id == id_


@pytest.mark.parametrize("kind", [CallerKind.USER, CallerKind.PERSON, CallerKind.GUEST])
def test_header_is_ignored_when_the_caller_is_no_service(kind: CallerKind) -> None:
    caller = Caller("eve", kind)
    for header in ("ada", "", None, "guest_1"):
        assert act_for(caller, header, CallerKind.USER) is caller
