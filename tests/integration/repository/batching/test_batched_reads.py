"""What is asked for at one time is read in one round trip, on a real server; each gets its own answer."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId
from pymongo import MongoClient

from likes_api.mongodb.documents import Database, Document
from likes_api.repository.credentials.sessions import SessionRepository
from likes_api.repository.credentials.tokens import Grant, TokenRepository
from likes_api.repository.entries import EntryPolicy, EntryRepository
from likes_api.votes import TargetNotFound
from tests.support.commands import CountedCommands
from tests.support.meeting import Meeting

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_sessions_are_found_in_one_round_trip_when_they_are_asked_for_together(
    watched: MongoClient[Document], database: Database, counted: CountedCommands
) -> None:
    ada = ObjectId()
    database["users"].insert_many([{"_id": ada}, {"_id": "bob"}, {"_id": "gone"}])
    sessions = SessionRepository(watched[database.name])
    of_ada, of_bob, of_gone, over = (
        sessions.create(user, HOUR, begun)
        for user, begun in ((str(ada), NOW), ("bob", NOW), ("gone", NOW), ("bob", NOW - HOUR - HOUR))
    )
    database["users"].delete_one({"_id": "gone"})
    asked = (of_ada, of_bob, of_ada, of_gone, over, "unknown")
    with counted.during(everybodys=True) as commands:
        found = Meeting(sessions._found._calls).run(
            *(lambda token=token: sessions.user_of(token, NOW) for token in asked)
        )
    assert [each.result() for each in found] == [str(ada), "bob", str(ada), None, None, None]
    assert commands == ["aggregate"] * 2


def test_grants_are_found_in_one_round_trip_when_they_are_asked_for_together(
    watched: MongoClient[Document], database: Database, counted: CountedCommands
) -> None:
    database["likes_people"].insert_many([{"_id": "ada"}, {"_id": "bob"}])
    tokens = TokenRepository(watched[database.name])
    of_ada, of_bob = (tokens.create(person, ["public:read"], HOUR, NOW) for person in ("ada", "bob"))
    over = tokens.create("ada", ["public:read"], HOUR, NOW - HOUR)
    with counted.during(everybodys=True) as commands:
        found = Meeting(tokens._grants._calls).run(
            *(lambda token=token: tokens.grant_of(token, NOW) for token in (of_ada, of_bob, over, "unknown", of_ada))
        )
    ada, bob = (Grant(person, frozenset({"public:read"})) for person in ("ada", "bob"))
    assert [each.result() for each in found] == [ada, bob, None, None, ada]
    assert commands == ["aggregate"] * 2


def test_policies_of_entries_are_read_in_one_round_trip_when_they_are_asked_for_together(
    watched: MongoClient[Document], database: Database, counted: CountedCommands
) -> None:
    database["likes_entries"].insert_many([{"_id": "open"}, {"_id": "locked", "locked": True}])
    entries = EntryRepository(watched[database.name])
    asked = ("open", "locked", "gone", "open")
    with counted.during(everybodys=True) as commands:
        found = Meeting(entries._policies._calls).run(*(lambda id_=id_: entries.policy(id_) for id_ in asked))
    assert found[0].result() == found[3].result() == EntryPolicy(locked=False, guest_allowed=None)
    assert found[1].result() == EntryPolicy(locked=True, guest_allowed=None)
    with pytest.raises(TargetNotFound):
        found[2].result()
    assert commands == ["find"] * 2
