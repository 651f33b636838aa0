"""``check``: look at a deployment for what the service needs."""

from collections.abc import Iterator

import click

from config.settings import Settings, SettingsError
from likes_api.checks import database, service
from likes_api.checks.finding import Finding, Level
from likes_api.embedded_mongod.server import EmbeddedMongoError
from likes_api.server.deployment import connected

_COLOURS = {Level.OK: "green", Level.SKIPPED: None, Level.WARNING: "yellow", Level.ERROR: "red"}


@click.command()
@click.option("--strict", is_flag=True, help="Fail on a warning, and on what could not be looked at, too.")
def check(*, strict: bool) -> None:
    """Check settings, database, replica set, indexes, clock, service and proxies; exit code 1 where one is wrong."""
    tolerated = {Level.OK} if strict else {Level.OK, Level.SKIPPED, Level.WARNING}
    failed = False
    for finding in _findings():
        failed |= finding.level not in tolerated
        click.echo(
            f"{click.style(f'{finding.level:<8}', fg=_COLOURS[finding.level])} {finding.subject}: {finding.text}"
        )
    if failed:
        raise SystemExit(1)


def _findings() -> Iterator[Finding]:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        yield from (Finding(Level.ERROR, "settings", line) for line in str(error).splitlines())
        return
    if settings.mongodb_uri is None:
        yield Finding(
            Level.WARNING, "settings", "without LIKES_MONGODB_URI on an embedded MongoDB, which is for trying out"
        )
    else:
        yield Finding(Level.OK, "settings", "valid")
    try:
        with connected(settings) as connection:
            yield from database.check(connection, settings)
    except EmbeddedMongoError as error:
        yield Finding(Level.ERROR, "database", str(error))
    yield from service.check(settings)
