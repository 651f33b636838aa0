"""The ``likes-api`` command: thin, the work is done elsewhere."""

import logging.config
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, ParamSpec

import click

import config
from config.logging import configuration
from config.settings import Settings, SettingsError
from likes_api.checks.command import check
from likes_api.embedded_mongod.server import EmbeddedMongod, EmbeddedMongoError, find_mongod
from likes_api.identity.bearer import Scope
from likes_api.identity.cookies import WRITTEN_NAME
from likes_api.mongodb.documents import Database
from likes_api.ndjson import bounded_lines, import_lines, import_tokens
from likes_api.repository import StoreError
from likes_api.repository.content import ContentRepository
from likes_api.repository.sessions import SessionRepository, UnknownUser
from likes_api.repository.tokens import TokenRepository, UnknownPerson
from likes_api.repository.votes.repair import verify_votes
from likes_api.server.deployment import embedded_secret, open_database
from likes_api.server.supervisor import serve

P = ParamSpec("P")
DEMO_SESSION = timedelta(days=30)
DAY_SECONDS = 86_400
# A hundred years: a moment that far off is still one that a date can hold.
MAX_TOKEN_SECONDS = 36_500 * DAY_SECONDS


def _explained(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what an operator can mend into one clear line and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SettingsError as error:
            raise click.ClickException(f"bad settings\n{error}") from None
        except (EmbeddedMongoError, UnknownPerson, UnknownUser) as error:
            raise click.ClickException(str(error)) from None
        except StoreError as error:
            raise click.ClickException(f"the database failed: {type(error).__name__}: {error}") from None

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="likes-api")
def main() -> None:
    """Keep likes and up/down votes for other people's applications."""


main.add_command(check)


@main.command()
@click.option("--demo", is_flag=True, help="Load a few documents to try things on, and print how.")
@_explained
def run(*, demo: bool) -> None:
    """Serve under gunicorn; without LIKES_MONGODB_URI on an embedded MongoDB in LIKES_DATA_DIR."""
    settings = Settings.from_environment()
    logging.config.dictConfig(configuration(settings.log_format))
    mongod: EmbeddedMongod | None = None
    environment = dict(os.environ)
    if settings.mongodb_uri is None:
        mongod = EmbeddedMongod(find_mongod(settings.mongod), settings.data_dir)
        environment["LIKES_MONGODB_URI"] = mongod.start()
        if not settings.secret_keys:
            environment["LIKES_SECRET_KEY"] = embedded_secret(settings.data_dir)
    try:
        if demo:
            environment["LIKES_DEMO"] = "true"
            with open_database(replace(settings, mongodb_uri=environment["LIKES_MONGODB_URI"])) as database:
                _load_demo(database, settings)
        sys.stdout.flush()
        command = _gunicorn()
        if mongod is None:  # nothing to look after: signals and a service manager deal with gunicorn itself
            os.execve(command[0], command, environment)  # noqa: S606
        code = serve(command, environment, mongod)
    finally:
        if mongod is not None:
            mongod.stop()
    raise SystemExit(code)


@main.command("import")
@click.argument("file", type=click.File("rb"))
@_explained
def import_(file: BinaryIO) -> None:
    """Import NDJSON lines from FILE (- for stdin): targets, users, people. Importing again changes nothing."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        _watch(import_lines(bounded_lines(file), _content(database, settings)))


@main.command()
@click.option("--repair", is_flag=True, help="Mend what is found, while people vote.")
@click.option(
    "--delete-votes",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="With --repair: delete the votes that no target names, if they are as many as a run before has said.",
)
@_explained
def verify(*, repair: bool, delete_votes: int | None) -> None:
    """Check the votes of every target; a line for each fault, exit code 1 if any is left."""
    left = checked = kept = 0
    with open_database(Settings.from_environment()) as database:
        for checked, fault, mended in verify_votes(database, repair=repair, delete=delete_votes):
            if fault is None:
                _progress(f"{checked} checked")
                continue
            _progress("")
            click.echo(f"{'warning: ' * fault.is_warning}{fault}{' (repaired)' * mended}")
            left += not mended and not fault.is_warning
            kept += 0 if mended else fault.votes
    _progress("")
    if kept:
        click.echo(
            f"{kept} votes are named by no target: `verify --repair --delete-votes {kept}` deletes them", err=True
        )
    click.echo(f"{checked} checked, {left} faults left", err=True)
    if left:
        raise SystemExit(1)


@main.group()
def session() -> None:
    """Sessions as the Auth.js MongoDB adapters keep them."""


@session.command("create")
@click.option("--user", required=True, help="The id of a user that exists.")
@click.option("--expires-in", type=click.IntRange(min=1), default=30 * 86_400, show_default=True, metavar="SECONDS")
@_explained
def create_session(user: str, expires_in: int) -> None:
    """Sign a user in, and print the cookie for `curl -H "Cookie: ..."`."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        click.echo(_session_cookie(database, settings, user, timedelta(seconds=expires_in)))


@main.group()
def token() -> None:
    """Bearer tokens of the diaspora* contract."""


@token.command("create")
@click.option("--person", required=True, metavar="GUID", help="The guid of a person that exists.")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice([scope.value for scope in Scope]))
@click.option(
    "--expires-in",
    type=click.IntRange(1, MAX_TOKEN_SECONDS),
    default=DAY_SECONDS,
    show_default=True,
    metavar="SECONDS",
)
@_explained
def create_token(person: str, scopes: tuple[str, ...], expires_in: int) -> None:
    """Make a token and print it, this once: only its SHA-256 is kept."""
    with open_database(Settings.from_environment()) as database:
        lifetime = timedelta(seconds=expires_in)
        click.echo(TokenRepository(database).create(person, scopes, lifetime, datetime.now(UTC)))


@token.command("import")
@click.argument("file", type=click.File("rb"))
@_explained
def import_tokens_(file: BinaryIO) -> None:
    """Import tokens that the host application made, by their SHA-256, from NDJSON lines in FILE (- for stdin)."""
    with open_database(Settings.from_environment()) as database:
        _watch(import_tokens(bounded_lines(file), TokenRepository(database)))


@token.command("revoke")
@click.argument("token")
@_explained
def revoke_token(token: str) -> None:
    """Make TOKEN invalid from now on."""
    with open_database(Settings.from_environment()) as database:
        if not TokenRepository(database).revoke(token):
            raise click.ClickException("there is no such token")


def _content(database: Database, settings: Settings) -> ContentRepository:
    return ContentRepository(database, settings.qa_id_field, settings.overflow_at, settings.qa_overflow_at)


def _gunicorn() -> list[str]:
    configuration_file = Path(config.__path__[0]) / "gunicorn.conf.py"
    # -P: nothing is imported from the current directory, as in Program.
    return [sys.executable, "-P", "-m", "likes_api.server.program", "-c", str(configuration_file), "wsgi:app"]


def _session_cookie(database: Database, settings: Settings, user: str, lifetime: timedelta) -> str:
    token = SessionRepository(database).create(user, lifetime, datetime.now(UTC))
    return f"{settings.nextauth_cookie or WRITTEN_NAME}={token}"


def _load_demo(database: Database, settings: Settings) -> None:
    lines = files("likes_api.demo").joinpath("data.ndjson").read_bytes().splitlines()
    for _, faults in import_lines(lines, _content(database, settings)):
        for fault in faults:
            raise click.ClickException(f"demo data: {fault}")
    cookie = _session_cookie(database, settings, "alice", DEMO_SESSION)
    click.echo(f"Open http://{settings.bind}/ in a browser, or try, in another terminal:\n")
    for target, kind, vote in (
        ("q_123", "question", "up"),
        ("q_123", "question", "down"),
        ("msg_456", "message", "up"),
    ):
        body = f'{{"targetId":"{target}","targetType":"{kind}","voteType":"{vote}"}}'
        click.echo(
            f"curl -X POST http://{settings.bind}/api/likes -H 'Content-Type: application/json'"
            f" -H 'Cookie: {cookie}' -d '{body}'"
        )
    click.echo("")


def _watch(batches: Iterator[tuple[int, list[str]]]) -> None:
    """Show how an import goes on.

    :raises click.ClickException: some lines were bad.
    """
    faults = done = 0
    for done, bad in batches:
        for fault in bad:
            _progress("")
            click.echo(fault, err=True)
        faults += len(bad)
        _progress(f"{done} lines")
    _progress("")
    if faults:
        raise click.ClickException(f"{faults} of {done} lines are bad; the others are imported")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", nl=False, err=True)
