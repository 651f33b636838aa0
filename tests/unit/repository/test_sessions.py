"""Sessions as the Auth.js MongoDB adapters write them, on mongomock; on a real server: ``tests/integration``."""

from datetime import UTC, datetime, timedelta

import mongomock
import pytest
from bson import ObjectId

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.sessions import SessionRepository, UnknownUser

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = ObjectId("64b7f0c2a1b2c3d4e5f60718")


@pytest.fixture
def database() -> Database:
    made: Database = mongomock.MongoClient(tz_aware=True)["likes"]
    made["users"].insert_many([{"_id": ADA, "name": "Ada"}, {"_id": "grace"}])
    return made


def user_of(database: Database, session: Document, now: datetime = NOW) -> str | None:
    database["sessions"].insert_one({"sessionToken": "t"} | session)
    return SessionRepository(database).user_of("t", now)


@pytest.mark.parametrize(("user", "expected"), [(ADA, str(ADA)), ("grace", "grace")])
def test_session_leads_to_its_user_when_live(database: Database, user: object, expected: str) -> None:
    assert user_of(database, {"userId": user, "expires": NOW + HOUR}) == expected


def test_session_is_none_when_the_token_is_unknown(database: Database) -> None:
    database["sessions"].insert_one({"userId": ADA, "expires": NOW + HOUR})
    assert SessionRepository(database).user_of("t", NOW) is None


@pytest.mark.parametrize("expires", [NOW - timedelta(seconds=1), "2099-01-01", 4e12, None, True, {}])
def test_session_is_none_when_expired_or_without_a_date(database: Database, expires: object) -> None:
    assert user_of(database, {"userId": ADA, "expires": expires}) is None


def test_session_is_none_when_expires_is_missing(database: Database) -> None:
    assert user_of(database, {"userId": ADA}) is None


@pytest.mark.parametrize("user", ["alan", ObjectId(), None, ["grace"], 7])
def test_session_is_none_when_the_user_does_not_exist(database: Database, user: object) -> None:
    assert user_of(database, {"userId": user, "expires": NOW + HOUR}) is None


@pytest.mark.parametrize("user_id", [str(ADA), "grace"])
def test_created_session_leads_to_its_user_when_read_until_it_expires(database: Database, user_id: str) -> None:
    sessions = SessionRepository(database)
    token = sessions.create(user_id, HOUR, NOW)
    assert len(token) == 64
    assert sessions.user_of(token, NOW + HOUR) == user_id
    assert sessions.user_of(token, NOW + HOUR + timedelta(seconds=1)) is None


def test_created_session_has_the_adapters_fields_when_read_back(database: Database) -> None:
    token = SessionRepository(database).create(str(ADA), HOUR, NOW)
    stored = database["sessions"].find_one({}, {"_id": 0})
    assert stored == {"sessionToken": token, "userId": ADA, "expires": NOW + HOUR}


@pytest.mark.parametrize("user_id", ["alan", str(ObjectId()), "", "z" * 24])
def test_create_refuses_when_the_user_is_unknown(database: Database, user_id: str) -> None:
    with pytest.raises(UnknownUser):
        SessionRepository(database).create(user_id, HOUR, NOW)
    assert database["sessions"].count_documents({}) == 0
