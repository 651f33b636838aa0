"""The audit: in order, in one transaction with the change, read in pages, kept for as long as the setting says."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import Int64
from click.testing import CliRunner
from flask import Flask

from likes_api.app import create_app
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb import timeouts
from likes_api.mongodb.client import connect
from likes_api.mongodb.collections import AUDIT, ensure_indexes
from likes_api.mongodb.documents import Database
from likes_api.repository import audit as audit_module
from likes_api.repository.audit import AuditLog, Change
from tests.support.admin import Administrator, administrator, audit, content, url
from tests.support.answers import outcome
from tests.support.settings import settings
from tests.support.standalone import standalone_mongod

# All but their counter.
LINES = {"_id": {"$gt": 0}}


def log(database: Database, days: int = 400) -> AuditLog:
    return AuditLog(database, days, str.upper)


def test_lines_are_listed_oldest_first_in_pages_behind_an_id(admin: Administrator, database: Database) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    for n in range(5):
        admin.ask("PUT", url("targets", "question", f"q{n}"), {})
    found = admin.ask("GET", "/admin/audit").get_json()["lines"]
    assert [(line["id"], line["by"], line["action"], line["on"]) for line in found] == [
        (n + 1, admin.id, "target.put", f"question:q{n}") for n in range(5)
    ]
    assert all(before < datetime.fromisoformat(line["at"]) < datetime.now(UTC) for line in found)
    pages: list[object] = []
    while page := admin.ask("GET", f"/admin/audit?limit=2&after={2 * len(pages)}").get_json()["lines"]:
        pages.append(page)
    assert [line for page in pages for line in page] == found  # type: ignore[attr-defined]
    assert [line["id"] for line in admin.ask("GET", "/admin/audit?after=4").get_json()["lines"]] == [5]
    assert admin.ask("GET", f"/admin/audit?after={10**18 - 1}").get_json() == {"lines": []}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("after=x", "Invalid after"),
        ("after=-1", "Invalid after"),
        ("after=" + "9" * 30, "Invalid after"),
        ("after=", "Invalid after"),
        ("after=²", "Invalid after"),
        ("limit=0", "Invalid limit"),
        ("limit=101", "Invalid limit"),
        ("limit=1e1", "Invalid limit"),
        ("limit=" + "9" * 5000, "Invalid limit"),
    ],
)
def test_page_is_400_when_a_parameter_is_bad(admin: Administrator, query: str, error: str) -> None:
    assert outcome(admin.ask("GET", f"/admin/audit?{query}")) == (400, {"error": error})


def test_numbers_have_no_gaps_and_every_change_has_one_when_many_change_at_once(
    admin: Administrator, database: Database
) -> None:
    paths = [url("targets", "entry", f"e{n % 8}") for n in range(64)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda path: admin.ask("PUT", path, {"boost": 1}).status_code, paths))
    # Who meets others for as long as a request may take has changed nothing.
    done = [status for status in statuses if status != 503]
    assert done.count(201) == 8
    assert len(done) > 32
    lines = list(database["likes_audit"].find(LINES, sort={"_id": 1}))
    assert [line["_id"] for line in lines] == list(range(1, len(done) + 1))


def test_change_is_not_made_when_its_line_cannot_be_written(
    admin: Administrator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.ask("PUT", url("targets", "entry", "t"), {"boost": 1})
    # The next number is taken.
    database["likes_audit"].insert_one({"_id": 2})
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else {"boost": 2}
        answer = admin.ask(method, url("targets", "entry", "t"), body)
        assert outcome(answer) == (503, {"error": "Service unavailable"})
    entry = database["likes_entries"].find_one({}, {"boost": 1})
    assert entry == {"_id": "t", "boost": 1}


def test_line_is_swept_up_after_the_days_of_the_setting(database: Database, module_database: Database) -> None:
    other = create_app(settings(AUDIT_DAYS="3"), module_database)
    administrator(other, database).ask("PUT", url("targets", "question", "q"), {})
    (line,) = database["likes_audit"].find(LINES)
    assert line["expires"] - line["at"] == timedelta(days=3)
    ensure_indexes(database, AUDIT)
    indexes = database["likes_audit"].index_information().values()
    assert [index["expireAfterSeconds"] for index in indexes if index["key"] == [("expires", 1)]] == [Int64(0)]


def test_change_gets_through_when_a_killed_process_holds_the_counter(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(database).note(Change("x", "a", "b"))
    monkeypatch.setattr(timeouts, "ABANDONED_AGE_SECONDS", 0.0)
    monkeypatch.setattr(timeouts, "REQUEST_DATABASE_SECONDS", 1.0)
    with database.client.start_session() as killed:
        killed.start_transaction()
        database["likes_audit"].update_one({"_id": 0}, {"$inc": {"last": 1}}, session=killed)
        done = 0
        for _ in range(40):
            try:
                log(database).note(Change("x", "a", "b"))
            except audit_module.PyMongoError:
                continue
            done += 1
            break
    assert done == 1
    assert [line["_id"] for line in database["likes_audit"].find(LINES, sort={"_id": 1})] == [1, 2]


def test_change_leaves_its_line_when_the_server_has_no_transactions(tmp_path: Path) -> None:
    with standalone_mongod(tmp_path) as uri, connect(uri) as client:
        database = client["likes"]
        admin = administrator(create_app(settings(), database), database)
        assert admin.ask("PUT", url("targets", "entry", "t"), {"boost": 1}).status_code == 201
        assert admin.ask("PATCH", url("targets", "entry", "t"), {"boost": 2}).status_code == 200
        assert admin.ask("DELETE", url("targets", "entry", "t")).status_code == 204
        assert admin.ask("DELETE", url("targets", "entry", "t")).status_code == 204
        assert admin.import_([{"kind": "entry", "id": "u"}]) == [{"imported": 1, "failed": 0}]
        actions = [action for _, action, _ in audit(database)]
        assert actions == ["target.put", "target.change", "target.delete", "import"]


# -- The commands


@pytest.fixture
def run(mongod: EmbeddedMongod, database: Database, tmp_path: Path) -> "Run":
    return Run(mongod.uri, database.name, tmp_path)


class Run:
    """Runs commands; each returns what it prints."""

    def __init__(self, uri: str, name: str, directory: Path) -> None:
        self._directory = directory
        self._variables = {
            "LIKES_MONGODB_URI": uri,
            "LIKES_MONGODB_DATABASE": name,
            "LIKES_SECRET_KEY": settings().secret_keys[0],
        }

    def __call__(self, *arguments: str, file: str | None = None, code: int = 0) -> str:
        if file is not None:
            (self._directory / "file").write_text(file)
            arguments = (*arguments, str(self._directory / "file"))
        result = CliRunner().invoke(main, arguments, env=self._variables)
        assert result.exit_code == code, result.output
        return result.output


def test_target_commands_do_what_the_routes_do(run: Run, app: Flask, admin: Administrator, database: Database) -> None:
    assert run("target", "get", "entry", "t", code=1) == "Error: There is no entry 't'.\n"
    shown = '{"type": "entry", "id": "t", "boost": 3, "upvotes": 0, "downvotes": 0}\n'
    assert run("target", "put", "entry", "t", file='{"boost": 3}') == shown
    assert run("target", "get", "entry", "t") == shown
    assert outcome(admin.ask("GET", url("targets", "entry", "t")))[0] == 200
    for bad, reason in (("[]", "Invalid JSON"), ("{", "Invalid JSON"), ('{"boost": "x"}', "boost: ")):
        assert run("target", "put", "entry", "t", file=bad, code=1).startswith(f"Error: {reason}")
    assert run("target", "get", "entry", "t") == shown
    assert run("target", "delete", "entry", "t") == run("target", "delete", "entry", "t") == ""
    assert content(database) == {}
    assert audit(database) == [("command", "target.put", "entry:t"), ("command", "target.delete", "entry:t")]


def test_every_administrative_command_leaves_a_line_and_audit_prints_them(run: Run, database: Database) -> None:
    database["users"].insert_one({"_id": "ada"})
    database["likes_people"].insert_one({"_id": "bob"})
    run("import", file='{"kind":"entry","id":"e"}')
    run("session", "create", "--user", "ada")
    token = run("token", "create", "--person", "bob", "--scope", "public:read").strip()
    run("token", "import", file="")
    run("token", "revoke", token)
    run("token", "revoke", token, code=1)
    service = run("service-token", "create", "--name", "n", "--scope", "admin").split("_")[1]
    run("service-token", "rotate", service)
    run("service-token", "revoke", service)
    run("service-token", "revoke", service, code=1)
    run("verify")
    run("verify", "--repair")
    lines = [line.split("\t") for line in run("audit").splitlines()]
    assert [(id_, by, action) for id_, _, by, action, _ in lines] == [
        (str(number), "command", action)
        for number, action in enumerate(
            (
                *("import", "session.create", "token.create", "token.import", "token.revoke"),
                *("service-token.create", "service-token.rotate", "service-token.revoke", "verify.repair"),
            ),
            start=1,
        )
    ]
    assert [line[4] for line in lines][-3:-1] == [f"service-token:{service}"] * 2
    assert not {"ada", "bob", token} & {part for line in lines for part in line[4].split(":")}
    assert run("audit", "--after", "8").split("\t")[0] == "9"
