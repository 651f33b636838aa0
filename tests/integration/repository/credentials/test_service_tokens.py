"""Service tokens on a real server: what is kept, what each use costs, and the commands."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from harness.documents import snapshot
from likes_api.cli import main
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database, Document
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository, UnknownServiceToken
from tests.support.commands import CountedCommands

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = datetime(2026, 11, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCOPES = ("votes:read", "admin")


@pytest.fixture
def tokens(database: Database) -> ServiceTokenRepository:
    return ServiceTokenRepository(database)


def parts(token: str) -> tuple[str, str]:
    match = re.fullmatch(r"lk_([0-9a-f]{12})_([0-9a-f]{64})", token)
    assert match
    return match[1], match[2]


def scopes_of(tokens: ServiceTokenRepository, token: str, now: datetime = NOW) -> frozenset[str] | None:
    return tokens.scopes_of(*parts(token), now)


def test_token_has_its_scopes_and_only_its_hash_is_kept(tokens: ServiceTokenRepository, database: Database) -> None:
    token = tokens.create("shop", [*SCOPES, *SCOPES], NOW)
    id_, secret = parts(token)
    assert database["likes_service_tokens"].find_one() == {
        "_id": id_,
        "name": "shop",
        "scopes": ["admin", "votes:read"],
        "secret": sha256(secret.encode()).hexdigest(),
        "created": NOW,
    }
    assert secret not in str(snapshot(database))
    assert scopes_of(tokens, token) == set(SCOPES)


def test_token_has_no_scopes_when_id_and_secret_do_not_belong_together(tokens: ServiceTokenRepository) -> None:
    one, other = (parts(tokens.create("shop", SCOPES, NOW)) for _ in range(2))
    assert tokens.scopes_of(one[0], other[1], NOW) is None
    assert tokens.scopes_of(one[0], sha256(one[1].encode()).hexdigest(), NOW) is None
    assert tokens.scopes_of("0" * 12, one[1], NOW) is None


# -- Costs and the last day of use


def test_use_costs_one_round_trip_and_the_first_of_a_day_another(
    watched: MongoClient[Document], database: Database, counted: CountedCommands
) -> None:
    tokens = ServiceTokenRepository(watched[database.name])
    token = tokens.create("shop", SCOPES, NOW)
    for moment, expected in (
        (NOW, ["find", "update"]),
        (NOW + MINUTE, ["find"]),
        (NOW + timedelta(hours=11), ["find"]),
        (NOW + timedelta(days=1), ["find", "update"]),
        (NOW, ["find"]),  # another server's clock
    ):
        with counted.during() as commands:
            assert scopes_of(tokens, token, moment)
        assert commands == expected
    assert [each.last_used for each in tokens.list()] == [TODAY + timedelta(days=1)]


def test_unknown_token_costs_one_round_trip_and_notes_nothing(
    watched: MongoClient[Document], database: Database, counted: CountedCommands
) -> None:
    tokens = ServiceTokenRepository(watched[database.name])
    with counted.during() as commands:
        assert tokens.scopes_of("0" * 12, "0" * 64, NOW) is None
    assert commands == ["find"]


def test_token_is_valid_when_its_day_cannot_be_noted(
    tokens: ServiceTokenRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.create("shop", SCOPES, NOW)

    def away(*_: object, **__: object) -> None:
        raise AutoReconnect

    monkeypatch.setattr(tokens._tokens, "update_one", away, raising=False)
    assert scopes_of(tokens, token) == set(SCOPES)


# -- Rotation and revocation


def test_secret_before_is_valid_until_the_overlap_ends(tokens: ServiceTokenRepository) -> None:
    old = tokens.create("shop", SCOPES, NOW)
    new = tokens.rotate(parts(old)[0], MINUTE, NOW)
    assert parts(new)[0] == parts(old)[0]
    assert parts(new)[1] != parts(old)[1]
    for moment in (NOW, NOW + MINUTE - timedelta(milliseconds=1)):
        assert scopes_of(tokens, old, moment) == scopes_of(tokens, new, moment) == set(SCOPES)
    assert scopes_of(tokens, old, NOW + MINUTE) is None
    assert scopes_of(tokens, new, NOW + MINUTE)


def test_secret_before_is_invalid_at_once_when_there_is_no_overlap(tokens: ServiceTokenRepository) -> None:
    old = tokens.create("shop", SCOPES, NOW)
    new = tokens.rotate(parts(old)[0], timedelta(0), NOW)
    assert scopes_of(tokens, old) is None
    assert scopes_of(tokens, new)


def test_secret_before_the_last_is_invalid_when_a_token_is_rotated_twice(tokens: ServiceTokenRepository) -> None:
    first = tokens.create("shop", SCOPES, NOW)
    second = tokens.rotate(parts(first)[0], timedelta(days=1), NOW)
    third = tokens.rotate(parts(first)[0], MINUTE, NOW)
    assert [bool(scopes_of(tokens, each)) for each in (first, second, third)] == [False, True, True]


def test_one_secret_of_each_is_left_when_a_token_is_rotated_by_many_at_once(tokens: ServiceTokenRepository) -> None:
    first = tokens.create("shop", SCOPES, NOW)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: tokens.rotate(parts(first)[0], MINUTE, NOW), range(24)))
    valid = [token for token in [first, *made] if scopes_of(tokens, token)]
    assert len(valid) == 2
    assert len([token for token in valid if scopes_of(tokens, token, NOW + MINUTE)]) == 1


def test_token_is_invalid_with_the_next_request_when_it_is_revoked(tokens: ServiceTokenRepository) -> None:
    kept, gone = (tokens.create("shop", SCOPES, NOW) for _ in range(2))
    tokens.rotate(parts(gone)[0], MINUTE, NOW)
    assert scopes_of(tokens, gone)
    tokens.revoke(parts(gone)[0])
    assert scopes_of(tokens, gone) is None
    assert scopes_of(tokens, kept)


def test_unknown_token_can_neither_be_rotated_nor_revoked(tokens: ServiceTokenRepository, database: Database) -> None:
    change: list[Callable[[], object]] = [
        lambda: tokens.revoke("0" * 12),
        lambda: tokens.rotate("0" * 12, MINUTE, NOW),
    ]
    for attempt in change:
        with pytest.raises(UnknownServiceToken):
            attempt()
    assert snapshot(database) == {}


# -- The commands


def command(mongod: EmbeddedMongod, database: Database, *arguments: str) -> Result:
    variables = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_SECRET_KEY": "a secret for tests only of 32 bytes or more",
    }
    return CliRunner().invoke(main, ["service-token", *arguments], env=variables)


def test_commands_make_list_rotate_and_revoke_a_token(
    mongod: EmbeddedMongod, database: Database, tokens: ServiceTokenRepository
) -> None:
    scopes = ["--scope", "votes:write", "--scope", "votes:read"]
    created = command(mongod, database, "create", "--name", "the shop", *scopes)
    assert created.exit_code == 0
    token, now = created.output.removesuffix("\n"), datetime.now(UTC)
    id_ = parts(token)[0]
    listed = command(mongod, database, "list")
    assert listed.output == f"{id_}\tvotes:read,votes:write\t{now:%Y-%m-%d}\tnever\tthe shop\n"
    assert scopes_of(tokens, token, now) == {"votes:read", "votes:write"}
    assert command(mongod, database, "list").output.split("\t")[3] == f"{now:%Y-%m-%d}"

    rotated = command(mongod, database, "rotate", id_, "--overlap", "3600")
    assert rotated.exit_code == 0
    newer = rotated.output.removesuffix("\n")
    assert scopes_of(tokens, token, now) == scopes_of(tokens, newer, now) == {"votes:read", "votes:write"}
    newest = command(mongod, database, "rotate", id_).output.removesuffix("\n")
    assert [bool(scopes_of(tokens, each, datetime.now(UTC))) for each in (token, newer, newest)] == [False, False, True]

    assert command(mongod, database, "revoke", id_).exit_code == 0
    assert scopes_of(tokens, newest, now) is None
    assert command(mongod, database, "list").output == ""
    for arguments in (["revoke", id_], ["rotate", id_]):
        again = command(mongod, database, *arguments)
        assert (again.exit_code, again.output) == (1, f"Error: There is no service token '{id_}'.\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["create", "--name", "shop"], "Missing option '--scope'"),
        (["create", "--scope", "admin"], "Missing option '--name'"),
        (["create", "--name", "shop", "--scope", "votes"], "is not one of"),
        (["create", "--name", "", "--scope", "admin"], "1 to 100 printable characters"),
        (["create", "--name", "a\tb", "--scope", "admin"], "1 to 100 printable characters"),
        (["create", "--name", "x" * 101, "--scope", "admin"], "1 to 100 printable characters"),
        (["rotate", "x", "--overlap", "-1"], "is not in the range"),
        (["rotate", "x", "--overlap", "9" * 30], "is not in the range"),
        (["rotate"], "Missing argument 'ID'"),
        (["revoke"], "Missing argument 'ID'"),
    ],
)
def test_command_changes_nothing_when_an_argument_is_bad(
    mongod: EmbeddedMongod, database: Database, arguments: list[str], reason: str
) -> None:
    refused = command(mongod, database, *arguments)
    assert refused.exit_code == 2
    assert reason in refused.output
    assert snapshot(database) == {}
