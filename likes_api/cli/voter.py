"""``voter``: a voter who leaves or becomes another, as ``/admin/voters`` has it."""

import math

import click

from config.settings import Settings
from likes_api.cli.support import audit_log, explained
from likes_api.contracts.admin import schemas
from likes_api.mongodb.documents import Database
from likes_api.repository.audit import COMMAND
from likes_api.repository.voters.leaving import Lacking, Leaving
from likes_api.server.deployment import open_database

_id = click.argument("id_", metavar="ID")


@click.group()
def voter() -> None:
    """Voters who leave, or become another."""


@voter.command("export")
@_id
@explained
def export(id_: str) -> None:
    """Print a JSON line for each vote of voter ID."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        leaving, _ = _leaving(database, settings)
        for target, vote in leaving.export(id_):
            click.echo(schemas.dump_line(schemas.dump_vote(target, vote)), nl=False)


@voter.command("erase")
@_id
@explained
def erase(id_: str) -> None:
    """Take back all votes of voter ID, and delete the tokens. Cut off and started again, it goes on."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        leaving, lacking = _leaving(database, settings)
        done = leaving.erase(id_, COMMAND, lacking, math.inf).done
        click.echo(f"{done} votes taken back", err=True)


@voter.command("merge")
@click.argument("from_", metavar="FROM")
@click.argument("into", metavar="INTO")
@explained
def merge(from_: str, into: str) -> None:
    """Make all votes of voter FROM those of voter INTO; where both voted, INTO's stands."""
    settings = Settings.from_environment()
    into = schemas.load_merge(from_, {"into": into})
    with open_database(settings) as database:
        leaving, lacking = _leaving(database, settings)
        done = leaving.merge(from_, into, COMMAND, lacking, math.inf).done
        click.echo(f"{done} votes handed over or taken back", err=True)


def _leaving(database: Database, settings: Settings) -> tuple[Leaving, Lacking]:
    leaving = Leaving(database, audit_log(database, settings), settings.qa_id_field)
    lacking = leaving.lacking()
    if lacking.indexes:
        click.echo(f"slow: no index on {', '.join(lacking.indexes)} (`likes-api indexes`)", err=True)
    return leaving, lacking
