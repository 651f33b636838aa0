"""Each route sends the database the commands that are listed here, and no more, however much there is."""

from typing import Any

import pytest
from pymongo import MongoClient

from likes_api.app import create_app
from likes_api.mongodb.documents import Database, Document
from likes_api.ndjson import BATCH_LINES
from tests.support.admin import NDJSON, PERSON, Administrator, administrator, url
from tests.support.commands import CountedCommands
from tests.support.settings import settings
from tests.support.voters import make_indexes

# Behind a change in its transaction: its number, and its line of audit.
LINE = "findAndModify insert commitTransaction"
# The indexes of the host's collections, the job; whether there are votes, and migrations that have not ended.
ASKED = "listIndexes listIndexes find aggregate"
# To claim a job, or see that there is none.
WORKED = "findAndModify find"
# In each kind of targets and in vote documents, as long as something is found; in the register. The job is deleted.
LOOKED = "find find find update find update find find find find find find find find find find find delete"

CASES: list[tuple[str, str, Any, int, str]] = [
    ("PUT", url("targets", "entry", "new"), {}, 201, f"update {LINE} find find aggregate"),
    ("PUT", url("targets", "entry", "e1"), {}, 200, f"update {LINE} find aggregate"),
    ("PATCH", url("targets", "entry", "e1"), {"boost": 1}, 200, f"update {LINE} find aggregate"),
    ("GET", url("targets", "entry", "e1"), None, 200, "find aggregate"),
    ("DELETE", url("targets", "entry", "e1"), None, 204, f"delete {LINE} find"),
    ("DELETE", url("targets", "question", "q"), None, 204, f"update {LINE} find find"),
    ("DELETE", url("targets", "post", "p"), None, 204, f"delete find delete {LINE} find find find"),
    ("PUT", url("people", "new"), PERSON, 201, f"update {LINE} find"),
    ("GET", url("people", "bob"), None, 200, "find"),
    (
        "DELETE",
        url("people", "bob"),
        None,
        204,
        f"{ASKED.replace(' find', ' find', 1)} find delete delete {LINE} {WORKED}",
    ),
    ("PUT", url("users", "new"), {}, 201, f"update {LINE} find"),
    ("GET", url("users", "ada"), None, 200, "find"),
    ("DELETE", url("users", "ada"), None, 204, f"delete delete {LINE}"),
    ("POST", "/admin/sessions", {"user": "ada"}, 201, f"find insert {LINE}"),
    ("POST", "/admin/tokens", {"person": "bob", "scopes": ["public:read"]}, 201, f"find insert {LINE}"),
    ("GET", url("voters", "v1", "export"), None, 200, "listIndexes listIndexes find find find find find aggregate"),
    ("DELETE", url("voters", "v1"), None, 204, f"{ASKED} delete insert {LINE} findAndModify {LOOKED}"),
    (
        "POST",
        url("voters", "v1", "merge"),
        {"into": "x"},
        204,
        f"listIndexes listIndexes find find aggregate insert {LINE} findAndModify {LOOKED}",
    ),
    ("DELETE", url("voters", "nobody"), None, 204, f"{ASKED} find delete commitTransaction {WORKED}"),
    ("GET", "/admin/audit", None, 200, "find"),
]


@pytest.fixture
def admin(watched: MongoClient[Document], database: Database) -> Administrator:
    make_indexes(database)
    admin = administrator(create_app(settings(), watched[database.name]), database)
    # The token is looked up, and that it was used today is stored.
    assert admin.ask("GET", "/admin/audit").status_code == 200
    database["users"].insert_one({"_id": "ada"})
    database["likes_people"].insert_one({"_id": "bob"})
    database["questions"].insert_one({"_id": "q", "upvotes": 1, "likedBy": ["v9"]})
    database["likes_posts"].insert_one({"_id": "p", "author": "bob", "public": True})
    database["likes_comments"].insert_one({"_id": "c", "post": "p"})
    two = {"likedBy": ["v1", "v2"], "upvotes": 2, "dislikedBy": [], "downvotes": 0}
    database["likes_entries"].insert_many({"_id": f"e{number}"} | two for number in range(300))
    return admin


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expected"), CASES, ids=[f"{each[0]} {each[1]}" for each in CASES]
)
def test_route_sends_these_commands_behind_the_look_at_its_token(
    admin: Administrator, counted: CountedCommands, method: str, path: str, body: Any, status: int, expected: str
) -> None:
    with counted.during() as commands:
        answer = admin.ask(method, path, body)
        answer.get_data()  # to its end
    assert answer.status_code == status
    assert commands == ["find", *expected.split()]


def test_import_sends_two_commands_for_each_batch(admin: Administrator, counted: CountedCommands) -> None:
    lines = b"".join(b'{"kind":"entry","id":"new%d"}\n' % number for number in range(2 * BATCH_LINES))
    with counted.during() as commands:
        answer = admin.ask("POST", "/admin/import", data=lines, content_type=NDJSON)
        assert answer.data == b'{"imported":%d,"failed":0}\n' % (2 * BATCH_LINES)
    assert commands == ["find", *LINE.split(), "update", "find", "update", "find"]


def test_every_route_is_in_the_list(admin: Administrator) -> None:
    adapter = admin.app.url_map.bind("localhost")
    listed = {(method, adapter.match(path, method)[0]) for method, path, *_ in CASES}
    routes = {
        (method, rule.endpoint)
        for rule in admin.app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes - listed == {("POST", "admin.post_import")}
