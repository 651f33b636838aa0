"""``service-token``: tokens of the host's own applications."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import click

from config.settings import Settings
from likes_api.cli.support import audit_log, explained
from likes_api.contracts.admin.schemas import MAX_SECONDS
from likes_api.identity.service_token import ServiceScope
from likes_api.mongodb.documents import Session
from likes_api.repository.audit import COMMAND, Change
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository
from likes_api.server.deployment import open_database

_MAX_NAME_LENGTH = 100


@click.group("service-token")
def service_token() -> None:
    """Tokens of the host's own applications."""


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not 0 < len(value) <= _MAX_NAME_LENGTH or not value.isprintable():
        raise click.BadParameter(f"1 to {_MAX_NAME_LENGTH} printable characters")
    return value


@service_token.command("create")
@click.option("--name", required=True, callback=_name, help="What the token is for; `list` shows it.")
@click.option(
    "--scope", "scopes", required=True, multiple=True, type=click.Choice([scope.value for scope in ServiceScope])
)
@explained
def create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a token and print it, once: only its SHA-256 is kept."""
    _audited("create", None, lambda tokens, session: tokens.create(name, scopes, datetime.now(UTC), session))


@service_token.command("list")
@explained
def list_() -> None:
    """Print a line for each token: id, scopes, the day it was made, the last day it was used, name."""
    with open_database(Settings.from_environment()) as database:
        for token in ServiceTokenRepository(database).list():
            used = f"{token.last_used:%Y-%m-%d}" if token.last_used else "never"
            click.echo("\t".join([token.id, ",".join(token.scopes), f"{token.created:%Y-%m-%d}", used, token.name]))


@service_token.command("rotate")
@click.argument("id_", metavar="ID")
@click.option(
    "--overlap",
    type=click.IntRange(0, MAX_SECONDS),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="How long the secret before stays valid.",
)
@explained
def rotate(id_: str, overlap: int) -> None:
    """Replace the secret of token ID and print the new one, once. A secret replaced earlier is invalid from now on."""
    span = timedelta(seconds=overlap)
    _audited("rotate", id_, lambda tokens, session: tokens.rotate(id_, span, datetime.now(UTC), session))


@service_token.command("revoke")
@click.argument("id_", metavar="ID")
@explained
def revoke(id_: str) -> None:
    """Make token ID invalid from now on."""
    _audited("revoke", id_, lambda tokens, session: tokens.revoke(id_, session))


def _audited(action: str, id_: str | None, act: Callable[[ServiceTokenRepository, Session | None], str | None]) -> None:
    """Do what raises where it changes nothing, and print the token that it returns, if any."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        tokens, change = (
            ServiceTokenRepository(database),
            Change(COMMAND, f"service-token.{action}", "service-token", id_),
        )
        made = audit_log(database, settings).perform(change, lambda session: (act(tokens, session),))[0]
    if made is not None:
        click.echo(made)
