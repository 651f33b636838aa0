"""``audit``: who changed what."""

import click

from config.settings import Settings
from likes_api.cli.support import audit_log, explained
from likes_api.contracts.admin.schemas import dump_audit
from likes_api.server.deployment import open_database


@click.command()
@click.option("--after", type=click.IntRange(0, 2**63 - 1), default=0, metavar="ID", help="Begin behind this line.")
@explained
def audit(after: int) -> None:
    """Print a line for each administrative change, the oldest first: id, time, by, action, on."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        for line in audit_log(database, settings).read_all(after):
            click.echo("\t".join(str(value) for value in dump_audit(line).values()))
