"""Sessions on a real server: what mongomock would not tell."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from likes_api.identity.caller import Caller, CallerKind, InvalidCredential
from likes_api.identity.session.authenticator import SessionAuthenticator
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.sessions import SessionRepository, UnknownUser

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = ObjectId("64b7f0c2a1b2c3d4e5f60718")
NOBODY = ObjectId("64b7f0c2a1b2c3d4e5f60719")


@pytest.fixture
def sessions(database: Database) -> SessionRepository:
    database["users"].insert_many([{"_id": ADA, "name": "Ada"}, {"_id": "grace"}, {"_id": 7}])
    return SessionRepository(database)


@pytest.mark.parametrize("user_id", [str(ADA), "grace"])
def test_created_session_leads_to_its_user_when_read_until_it_expires(
    sessions: SessionRepository, user_id: str
) -> None:
    token = sessions.create(user_id, HOUR, NOW)
    assert sessions.user_of(token, NOW + HOUR) == user_id
    assert sessions.user_of(token, NOW + HOUR + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "expires",
    [
        NOW - timedelta(milliseconds=1),
        "2099-01-01",
        4e12,
        2**62,
        None,
        True,
        {},
        ["2099"],
        DatetimeMS(-(2**62)),
    ],
)
def test_session_is_none_when_expired_or_without_a_date(
    sessions: SessionRepository, database: Database, expires: object
) -> None:
    database["sessions"].insert_one({"sessionToken": "t", "userId": "grace", "expires": expires})
    assert sessions.user_of("t", NOW) is None


def test_session_is_live_when_it_expires_after_the_year_9999(sessions: SessionRepository, database: Database) -> None:
    database["sessions"].insert_one({"sessionToken": "t", "userId": "grace", "expires": DatetimeMS(2**60)})
    assert sessions.user_of("t", NOW) == "grace"


@pytest.mark.parametrize("held", [ADA, str(ADA)], ids=["ObjectId", "string"])
@pytest.mark.parametrize("user", [ADA, str(ADA), str(ADA).upper()], ids=["ObjectId", "string", "capitals"])
def test_session_leads_to_its_user_when_one_of_them_holds_the_id_as_text(
    database: Database, held: object, user: object
) -> None:
    database["users"].insert_one({"_id": held})
    database["sessions"].insert_one({"sessionToken": "t", "userId": user, "expires": NOW + HOUR})
    expected = None if user == str(ADA).upper() and isinstance(held, str) else str(ADA)
    assert SessionRepository(database).user_of("t", NOW) == expected


@pytest.mark.parametrize("user", ["alan", NOBODY, str(NOBODY), None, [str(ADA)], [ADA], ["grace"], {"_id": "grace"}, 7])
def test_session_is_none_when_the_user_does_not_exist(
    sessions: SessionRepository, database: Database, user: object
) -> None:
    database["sessions"].insert_one({"sessionToken": "t", "userId": user, "expires": NOW + HOUR})
    assert sessions.user_of("t", NOW) is None


def test_session_is_none_when_user_id_is_missing(sessions: SessionRepository, database: Database) -> None:
    database["users"].insert_one({"_id": None})
    database["sessions"].insert_one({"sessionToken": "t", "expires": NOW + HOUR})
    assert sessions.user_of("t", NOW) is None


def test_session_takes_one_round_trip_when_read(sessions: SessionRepository, database: Database) -> None:
    token = sessions.create("grace", HOUR, NOW)
    database.command({"profile": 2})
    assert sessions.user_of(token, NOW) == "grace"
    database.command({"profile": 0})
    seen = database["system.profile"].find({"ns": {"$in": [f"{database.name}.sessions", f"{database.name}.users"]}})
    assert [operation["op"] for operation in seen] == ["command"]


@pytest.mark.parametrize("user_id", ["alan", str(NOBODY), "", "z" * 24])
def test_create_refuses_when_the_user_is_unknown(sessions: SessionRepository, database: Database, user_id: str) -> None:
    with pytest.raises(UnknownUser):
        sessions.create(user_id, HOUR, NOW)
    assert database["sessions"].count_documents({}) == 0


def test_created_session_has_the_adapters_fields_when_read_back(
    sessions: SessionRepository, database: Database
) -> None:
    token = sessions.create(str(ADA), HOUR, NOW)
    assert len(token) == 64
    assert database["sessions"].find_one({}, {"_id": 0}) == {
        "sessionToken": token,
        "userId": ADA,
        "expires": NOW + HOUR,
    }


def test_session_is_none_when_the_token_is_unknown_or_expires_is_missing(
    sessions: SessionRepository, database: Database
) -> None:
    database["sessions"].insert_many([{"userId": ADA, "expires": NOW + HOUR}, {"sessionToken": "t", "userId": ADA}])
    assert sessions.user_of("t", NOW) is None


def test_cookie_leads_to_the_user_when_the_session_is_in_the_database(sessions: SessionRepository) -> None:
    authenticator = SessionAuthenticator(secrets=(), cookie_name=None, user_claims=("id", "sub"), sessions=sessions)
    cookie = {"__Secure-authjs.session-token": sessions.create(str(ADA), HOUR, NOW)}
    assert authenticator.authenticate(cookie, NOW) == Caller(str(ADA), CallerKind.USER)
    with pytest.raises(InvalidCredential):
        authenticator.authenticate({"authjs.session-token": '{"$ne": ""}'}, NOW)
