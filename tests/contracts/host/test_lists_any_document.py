"""Lists answer whatever a host has written into the documents that they are read from."""

from itertools import product
from typing import Any

import pytest
from bson import Binary, Decimal128, MaxKey, ObjectId
from flask import Flask
from pymongo import MongoClient

from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from tests.support import host
from tests.support.settings import settings

VALUES: list[Any] = [
    *(None, "ada", 7, float("nan"), Decimal128("NaN"), {"a": 1}, [["ada"]], [None, {"x": 1}, "ada"], True),
    *(Binary(b"x"), MaxKey(), [ObjectId("5f0000000000000000000001")], 2**62, -5),
]
STATES: list[Any] = [
    *("moved", {"form": "moved"}, {"form": "moved", "id": "x"}, {"form": "moved", "id": ObjectId(), "up": "a"}),
    *({"form": "copying", "id": ObjectId()}, [{"form": "moved"}]),
]
FIELDS = ("likedBy", "dislikedBy", "upvotes", "public", "visible_to", "author")


@pytest.fixture(scope="module")
def open_app(watched: MongoClient[Document], module_database: Database) -> Flask:
    return create_app(settings(VOTERS="everyone"), watched[module_database.name])


@pytest.mark.parametrize(("collection", "type_"), [("questions", "question"), ("likes_posts", "post")])
def test_lists_answer_when_a_field_holds_anything(
    open_app: Flask, module_database: Database, collection: str, type_: str
) -> None:
    caller = host.service(module_database, "votes:read").for_("ada")
    targets, users = module_database[collection], module_database["users"]
    for name, value in [*product(FIELDS, VALUES), *(("likesOverflow", state) for state in STATES)]:
        targets.delete_many({})
        targets.insert_one({"_id": "x", name: value})
        users.replace_one({"_id": "ada"}, {"name": value}, upsert=True)
        for url in (f"/api/targets/{type_}/x/voters?limit=1", f"/api/targets/{type_}/x/voters?vote=down"):
            assert caller.ask(open_app, "GET", url).status_code == 200, (name, value)
        assert caller.ask(open_app, "GET", "/api/me/votes?limit=1").status_code == 200, (name, value)
    targets.delete_many({})
