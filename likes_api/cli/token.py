"""``token``: bearer tokens of the diaspora* contract."""

from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import click

from config.settings import Settings
from likes_api.cli.support import DAY_SECONDS, MAX_SECONDS, explained, watch_import
from likes_api.identity.bearer import Scope
from likes_api.ndjson import bounded_lines, import_tokens
from likes_api.repository.tokens import TokenRepository
from likes_api.server.deployment import open_database


@click.group()
def token() -> None:
    """Bearer tokens of the diaspora* contract."""


@token.command("create")
@click.option("--person", required=True, metavar="GUID", help="The guid of a person that exists.")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice([scope.value for scope in Scope]))
@click.option(
    "--expires-in",
    type=click.IntRange(1, MAX_SECONDS),
    default=DAY_SECONDS,
    show_default=True,
    metavar="SECONDS",
)
@explained
def create_token(person: str, scopes: tuple[str, ...], expires_in: int) -> None:
    """Make a token and print it, once: only its SHA-256 is kept."""
    with open_database(Settings.from_environment()) as database:
        lifetime = timedelta(seconds=expires_in)
        click.echo(TokenRepository(database).create(person, scopes, lifetime, datetime.now(UTC)))


@token.command("import")
@click.argument("file", type=click.File("rb"))
@explained
def import_tokens_(file: BinaryIO) -> None:
    """Import tokens that the host application made, by their SHA-256, from NDJSON lines in FILE (- for stdin)."""
    with open_database(Settings.from_environment()) as database:
        watch_import(import_tokens(bounded_lines(file), TokenRepository(database)))


@token.command("revoke")
@click.argument("token")
@explained
def revoke_token(token: str) -> None:
    """Make TOKEN invalid from now on."""
    with open_database(Settings.from_environment()) as database:
        if not TokenRepository(database).revoke(token):
            raise click.ClickException("there is no such token")
