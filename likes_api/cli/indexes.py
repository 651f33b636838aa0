"""``indexes``: what the host's collections need for the lists of votes."""

import click

from config.settings import Settings
from likes_api.cli.support import explained
from likes_api.mongodb import collections, timeouts
from likes_api.mongodb.client import deadline
from likes_api.server.deployment import open_database


@click.command()
@click.option("--create", is_flag=True, help="Make those that are missing.")
@explained
def indexes(*, create: bool) -> None:
    """List the indexes on questions and messages by which votes of a user are found; exit code 1 if one is missing."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        missing = collections.missing_host_indexes(database, settings.qa_id_field)
        if create:
            for collection, index in missing:
                with deadline(timeouts.INDEXES_SECONDS):
                    collections.get(database, collection).create_indexes([index])
        lacking = [(collection, collections.key_of(index)) for collection, index in missing]
        for collection, wanted in collections.host_indexes(settings.qa_id_field).items():
            for key in map(collections.key_of, wanted):
                state = "there" if (collection, key) not in lacking else "made" if create else "missing"
                click.echo(f"{state:<8} {collection}: {', '.join(field for field, _ in key)}")
    if missing and not create:
        raise SystemExit(1)
