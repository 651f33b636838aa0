"""Bearer tokens on a real server: what is kept, how long they last, and the commands that make and revoke them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.documents import emptied_afterwards, snapshot
from likes_api.app import create_app
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.identity.bearer import Scope
from likes_api.mongodb.documents import Database
from likes_api.repository.credentials.tokens import Grant, TokenRepository, UnknownPerson
from likes_api.server.deployment import ensure_indexes, ensure_indexes_meanwhile
from tests.support.clock import eventually
from tests.support.settings import settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOTH = ("public:read", "interactions")


@pytest.fixture
def database(module_database: Database) -> Iterator[Database]:
    with emptied_afterwards(module_database):
        module_database["likes_people"].insert_one({"_id": "bob"})
        yield module_database


@pytest.fixture
def tokens(database: Database) -> TokenRepository:
    return TokenRepository(database)


def test_token_grants_its_scopes_to_its_person_when_read_until_it_expires(tokens: TokenRepository) -> None:
    token = tokens.create("bob", BOTH, HOUR, NOW)
    last = NOW + HOUR - timedelta(milliseconds=1)
    assert tokens.grant_of(token, last) == Grant("bob", frozenset(BOTH))
    assert tokens.grant_of(token, NOW + HOUR) is None


def test_token_grants_nothing_when_it_was_revoked(tokens: TokenRepository) -> None:
    kept, gone = (tokens.create("bob", BOTH, HOUR, NOW) for _ in range(2))
    assert tokens.revoke(gone)
    assert not tokens.revoke(gone)
    assert tokens.grant_of(gone, NOW) is None
    assert tokens.grant_of(kept, NOW)


def test_token_grants_nothing_when_its_person_is_gone(tokens: TokenRepository, database: Database) -> None:
    token = tokens.create("bob", BOTH, HOUR, NOW)
    database["likes_people"].delete_one({"_id": "bob"})
    assert tokens.grant_of(token, NOW) is None


def test_only_the_hash_is_kept_when_a_token_is_made(tokens: TokenRepository, database: Database) -> None:
    token = tokens.create("bob", [*BOTH, *BOTH], HOUR, NOW)
    assert database["likes_tokens"].find_one() == {
        "_id": sha256(token.encode()).hexdigest(),
        "person": "bob",
        "scopes": ["interactions", "public:read"],
        "expiresAt": NOW + HOUR,
    }
    assert token not in str(snapshot(database))
    assert tokens.grant_of(sha256(token.encode()).hexdigest(), NOW) is None


def test_create_refuses_and_keeps_nothing_when_the_person_is_unknown(
    tokens: TokenRepository, database: Database
) -> None:
    with pytest.raises(UnknownPerson):
        tokens.create("alan", BOTH, HOUR, NOW)
    assert database["likes_tokens"].count_documents({}) == 0


# -- The index that lets tokens expire


def expiring(database: Database) -> list[tuple[object, object]]:
    indexes = database["likes_tokens"].index_information().values()
    return [(each["key"], each["expireAfterSeconds"]) for each in indexes if "expireAfterSeconds" in each]


def test_tokens_expire_by_an_index_when_it_was_made_once_or_more(database: Database) -> None:
    ensure_indexes(database)
    ensure_indexes(database)
    assert expiring(database) == [([("expiresAt", 1)], 0)]


def test_indexes_are_made_meanwhile_when_the_database_comes_late(
    database: Database, mongod: EmbeddedMongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likes_api.mongodb.timeouts.RETRY_INDEXES_SECONDS", 0.01)
    calls: list[Database] = []

    def away_twice(database: Database) -> None:
        calls.append(database)
        if len(calls) < 3:
            database.command("no such command")
        ensure_indexes(database)

    monkeypatch.setattr("likes_api.server.deployment.ensure_indexes", away_twice)
    database["likes_tokens"].drop()
    ensure_indexes_meanwhile(
        settings(MONGODB_URI=mongod.uri, MONGODB_DATABASE=database.name, SECRET_KEY="s" * 32)  # as gunicorn has them
    )
    eventually(lambda: expiring(database))
    assert len(calls) == 3


# -- The commands


def command(mongod: EmbeddedMongod, database: Database, *arguments: str) -> Result:
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_SECRET_KEY": "a secret for tests only of 32 bytes or more",
    }
    return CliRunner().invoke(main, ["token", *arguments], env=variables)


def test_command_prints_a_token_once_and_revokes_it(mongod: EmbeddedMongod, database: Database) -> None:
    scopes = [word for scope in Scope for word in ("--scope", scope.value)]
    created = command(mongod, database, "create", "--person", "bob", *scopes)
    assert created.exit_code == 0
    token = created.output.removesuffix("\n")
    assert len(bytes.fromhex(token)) == 32
    tokens, now = TokenRepository(database), datetime.now(UTC)
    assert tokens.grant_of(token, now + timedelta(hours=23)) == Grant("bob", frozenset(Scope))
    assert tokens.grant_of(token, now + timedelta(hours=25)) is None
    assert command(mongod, database, "revoke", token).exit_code == 0
    assert tokens.grant_of(token, now) is None
    again = command(mongod, database, "revoke", token)
    assert (again.exit_code, again.output) == (1, "Error: there is no such token\n")


def test_command_takes_a_lifetime_when_it_is_given(mongod: EmbeddedMongod, database: Database) -> None:
    created = command(mongod, database, "create", "--person", "bob", "--scope", "public:read", "--expires-in", "90")
    now = datetime.now(UTC)
    token = created.output.strip()
    assert TokenRepository(database).grant_of(token, now + timedelta(seconds=80))
    assert TokenRepository(database).grant_of(token, now + timedelta(seconds=91)) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--person", "bob", "--scope", "public:write"], "'public:write' is not one of"),
        (["--person", "bob", "--scope", "public:read ", "--scope", "interactions"], "is not one of"),
        (["--person", "bob", "--scope", "PUBLIC:READ"], "is not one of"),
        (["--person", "bob"], "Missing option '--scope'"),
        (["--scope", "public:read"], "Missing option '--person'"),
        (["--person", "alan", "--scope", "public:read"], "There is no person 'alan'."),
        (["--person", "", "--scope", "public:read"], "There is no person ''."),
        (["--person", "bob", "--scope", "public:read", "--expires-in", "0"], "0 is not in the range"),
        (["--person", "bob", "--scope", "public:read", "--expires-in", "9" * 30], "is not in the range"),
        (["--person", "bob", "--scope", "public:read", "--expires-in", "1.5"], "is not a valid integer"),
    ],
)
def test_command_makes_no_token_when_an_argument_is_bad(
    mongod: EmbeddedMongod, database: Database, arguments: list[str], reason: str
) -> None:
    refused = command(mongod, database, "create", *arguments)
    assert refused.exit_code in {1, 2}
    assert reason in refused.output
    assert database["likes_tokens"].count_documents({}) == 0


# -- Tokens that others made


def line_of(token: str, /, **changes: object) -> dict[str, object]:
    digest = sha256(token.encode()).hexdigest()
    usual = {"hash": digest, "person": "bob", "scopes": list(BOTH), "expires": "2126-11-21T12:00:00Z"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def imported(mongod: EmbeddedMongod, database: Database, tmp_path: Path, *lines: object) -> Result:
    file = tmp_path / "tokens.ndjson"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return command(mongod, database, "import", str(file))


def test_imported_token_grants_what_its_line_says_until_it_expires(
    mongod: EmbeddedMongod, database: Database, tmp_path: Path
) -> None:
    token, other = "a" * 64, "b" * 64
    lines = line_of(token), line_of(other, scopes=["private:read"], expires="2126-11-21T14:00:00+02:00")
    for _ in range(2):  # again changes nothing
        assert imported(mongod, database, tmp_path, *lines).exit_code == 0
        assert database["likes_tokens"].count_documents({}) == 2
    tokens, end = TokenRepository(database), datetime(2126, 11, 21, 12, tzinfo=UTC)
    for made, scopes in ((token, BOTH), (other, ["private:read"])):
        assert tokens.grant_of(made, end - timedelta(seconds=1)) == Grant("bob", frozenset(scopes))
        assert tokens.grant_of(made, end) is None
    assert command(mongod, database, "revoke", other).exit_code == 0
    assert token not in str(snapshot(database))
    assert database["likes_tokens"].find_one() == {
        "_id": sha256(token.encode()).hexdigest(),
        "person": "bob",
        "scopes": ["interactions", "public:read"],
        "expiresAt": end,
    }


def test_imported_token_is_accepted_by_contract_3(mongod: EmbeddedMongod, database: Database, tmp_path: Path) -> None:
    database["likes_posts"].insert_one({"_id": "p", "author": "bob", "public": True})
    assert imported(mongod, database, tmp_path, line_of("c" * 64)).exit_code == 0
    answer = (
        create_app(settings(), database)
        .test_client()
        .post("/api/v1/posts/p/likes", headers={"Authorization": f"Bearer {'c' * 64}"})
    )
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"hash": "A" * 64}, "hash: "),
        ({"hash": "a" * 63}, "hash: "),
        ({"hash": None}, "hash: "),
        ({"hash": {"$ne": ""}}, "hash: "),
        ({"person": "alan"}, "There is no person 'alan'."),
        ({"person": ""}, "person: "),
        ({"person": ["bob"]}, "person: "),
        ({"scopes": []}, "scopes: "),
        ({"scopes": ["admin"]}, "scopes: "),
        ({"scopes": "public:read"}, "scopes: "),
        ({"scopes": None}, "scopes: "),
        ({"expires": "2126-11-21T12:00:00"}, "expires: "),
        ({"expires": "tomorrow"}, "expires: "),
        ({"expires": "0001-01-01T00:00:00+14:00"}, "expires: "),
        ({"expires": 1e400}, "expires: "),
        ({"expires": None}, "expires: "),
        ({"token": "a" * 64}, "token: "),
        ("[]", "not a JSON object"),
        ("{", "Expecting"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_token_line_is_reported_by_its_number_and_the_others_are_imported(
    mongod: EmbeddedMongod, database: Database, tmp_path: Path, line: object, reason: str
) -> None:
    bad = line if isinstance(line, str) else line_of("x", **dict(line))  # type: ignore[call-overload]
    result = imported(mongod, database, tmp_path, line_of("a" * 64), bad, "", line_of("b" * 64))
    assert result.exit_code == 1
    assert f"line 2: {reason}" in result.output
    assert "1 of 4 lines are bad; the others are imported" in result.output
    assert database["likes_tokens"].count_documents({}) == 2
