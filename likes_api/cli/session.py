"""``session``: sessions as the Auth.js MongoDB adapters keep them."""

from datetime import timedelta

import click

from config.settings import Settings
from likes_api.cli.support import audit_log, explained
from likes_api.contracts.admin.credentials import Credentials
from likes_api.contracts.admin.schemas import MAX_SECONDS, SESSION_SECONDS
from likes_api.identity.session.cookies import WRITTEN_NAME
from likes_api.mongodb.documents import Database
from likes_api.repository.audit import COMMAND
from likes_api.repository.credentials.sessions import SessionRepository
from likes_api.repository.credentials.tokens import TokenRepository
from likes_api.server.deployment import open_database


@click.group()
def session() -> None:
    """Sessions as the Auth.js MongoDB adapters keep them."""


@session.command("create")
@click.option("--user", required=True, help="The id of a user that exists.")
@click.option(
    "--expires-in", type=click.IntRange(1, MAX_SECONDS), default=SESSION_SECONDS, show_default=True, metavar="SECONDS"
)
@explained
def create_session(user: str, expires_in: int) -> None:
    """Sign a user in, and print the cookie for `curl -H "Cookie: ..."`."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        click.echo(session_cookie(database, settings, user, timedelta(seconds=expires_in)))


def session_cookie(database: Database, settings: Settings, user: str, lifetime: timedelta) -> str:
    """Sign a user in and return the cookie."""
    return credentials(database, settings).session(user, lifetime, COMMAND)[0]


def credentials(database: Database, settings: Settings) -> Credentials:
    """Return what makes sessions and tokens."""
    name = settings.nextauth_cookie or WRITTEN_NAME
    audit = audit_log(database, settings)
    return Credentials(SessionRepository(database), TokenRepository(database), audit, name)
