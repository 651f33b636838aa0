"""``session``: sessions as the Auth.js MongoDB adapters keep them."""

from datetime import UTC, datetime, timedelta

import click

from config.settings import Settings
from likes_api.cli.support import DAY_SECONDS, MAX_SECONDS, explained
from likes_api.identity.session.cookies import WRITTEN_NAME
from likes_api.mongodb.documents import Database
from likes_api.repository.sessions import SessionRepository
from likes_api.server.deployment import open_database


@click.group()
def session() -> None:
    """Sessions as the Auth.js MongoDB adapters keep them."""


@session.command("create")
@click.option("--user", required=True, help="The id of a user that exists.")
@click.option(
    "--expires-in", type=click.IntRange(1, MAX_SECONDS), default=30 * DAY_SECONDS, show_default=True, metavar="SECONDS"
)
@explained
def create_session(user: str, expires_in: int) -> None:
    """Sign a user in, and print the cookie for `curl -H "Cookie: ..."`."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        click.echo(session_cookie(database, settings, user, timedelta(seconds=expires_in)))


def session_cookie(database: Database, settings: Settings, user: str, lifetime: timedelta) -> str:
    """Sign a user in and return the cookie."""
    token = SessionRepository(database).create(user, lifetime, datetime.now(UTC))
    return f"{settings.nextauth_cookie or WRITTEN_NAME}={token}"
