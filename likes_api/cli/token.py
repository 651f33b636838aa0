"""``token``: bearer tokens of the diaspora* contract."""

from datetime import timedelta
from typing import BinaryIO

import click

from config.settings import Settings
from likes_api.cli.session import credentials
from likes_api.cli.support import audit_log, explained, watch_import
from likes_api.contracts.admin.schemas import MAX_SECONDS, TOKEN_SECONDS
from likes_api.identity.bearer import Scope
from likes_api.ndjson import bounded_lines, import_tokens
from likes_api.repository.audit import COMMAND, Change
from likes_api.repository.credentials.tokens import TokenRepository
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
    default=TOKEN_SECONDS,
    show_default=True,
    metavar="SECONDS",
)
@explained
def create_token(person: str, scopes: tuple[str, ...], expires_in: int) -> None:
    """Make a token and print it, once: only its SHA-256 is kept."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        lifetime = timedelta(seconds=expires_in)
        click.echo(credentials(database, settings).token(person, list(scopes), lifetime, COMMAND)[0])


@token.command("import")
@click.argument("file", type=click.File("rb"))
@explained
def import_tokens_(file: BinaryIO) -> None:
    """Import tokens that the host application made, by their SHA-256, from NDJSON lines in FILE (- for stdin)."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        audit_log(database, settings).note(Change(COMMAND, "token.import", "tokens"))
        watch_import(import_tokens(bounded_lines(file), TokenRepository(database)))


@token.command("revoke")
@click.argument("token")
@explained
def revoke_token(token: str) -> None:
    """Make TOKEN invalid from now on."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        tokens, change = TokenRepository(database), Change(COMMAND, "token.revoke", "token")
        if not audit_log(database, settings).perform(change, lambda session: tokens.revoke(token, session)):
            raise click.ClickException("there is no such token")
