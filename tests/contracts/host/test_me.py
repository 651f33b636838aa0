"""``GET /api/me``: who is calling."""

import pytest
from flask import Flask

from likes_api.identity.guest import GuestIds
from likes_api.mongodb.documents import Database
from tests.support import diaspora
from tests.support.answers import outcome
from tests.support.host import ADA, FORGED, GUEST, UNAUTHORIZED, Caller, by_token, person, service
from tests.support.issuer import HOST_KEY, claims, token
from tests.support.settings import SECRET_KEY

URL = "/api/me"


def test_me_is_the_user_person_or_service_that_the_credential_stands_for(app: Flask, database: Database) -> None:
    shop = service(database)
    [id_] = [found["_id"] for found in database["likes_service_tokens"].find()]
    jwt = by_token(token(HOST_KEY, "ES256", claims("jo", aud="likes")))
    for caller, kind, expected in (
        (ADA, "user", "ada"),
        (jwt, "user", "jo"),
        (person(database), "person", diaspora.BOB),
        (shop, "service", id_),
        (shop.for_("ada"), "service", id_),
    ):
        response = caller.ask(app, "GET", URL)
        assert outcome(response) == (200, {"kind": kind, "id": expected})
        assert response.headers["Cache-Control"] == "private, no-store"


def test_me_is_a_guest_without_a_credential_where_guests_may_like(
    app: Flask, guest_app: Flask, database: Database
) -> None:
    guest = GuestIds(SECRET_KEY).caller(GUEST.address, "Firefox").id
    caller = Caller({"User-Agent": "Firefox"}, GUEST.address)
    assert outcome(caller.ask(guest_app, "GET", URL)) == (200, {"kind": "guest", "id": guest})
    assert outcome(caller.ask(app, "GET", URL)) == UNAUTHORIZED


@pytest.mark.parametrize("caller", FORGED)
def test_answer_is_401_when_the_credential_is_not_valid(guest_app: Flask, database: Database, caller: Caller) -> None:
    assert outcome(caller.ask(guest_app, "GET", URL)) == UNAUTHORIZED
