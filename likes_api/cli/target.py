"""``target``: one target at a time, as ``/admin/targets`` has it."""

import json
from typing import BinaryIO

import click

from config.settings import Settings
from likes_api.cli.support import audit_log, explained
from likes_api.contracts.admin import schemas
from likes_api.mongodb.documents import Database
from likes_api.records import FIELDS
from likes_api.repository.administration import Administration
from likes_api.repository.audit import COMMAND
from likes_api.repository.votes.repository import VoteRepository
from likes_api.server.deployment import open_database
from likes_api.votes import TargetKind

_type = click.argument("type_", metavar="TYPE", type=click.Choice([kind.value for kind in TargetKind]))
_id = click.argument("id_", metavar="ID")


@click.group()
def target() -> None:
    """One target at a time: an entry, post, comment, question or message."""


@target.command("get")
@_type
@_id
@explained
def get(type_: str, id_: str) -> None:
    """Print a target as JSON; exit code 1 where it is not there."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        _show(database, settings, TargetKind(type_), id_)


@target.command("put")
@_type
@_id
@click.argument("file", type=click.File("rb"), default="-")
@explained
def put(type_: str, id_: str, file: BinaryIO) -> None:
    """Make a target or replace its fields, from JSON in FILE (- for stdin), and print it; votes stay."""
    try:
        fields = json.load(file)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise click.ClickException("Invalid JSON")
    settings = Settings.from_environment()
    record = schemas.load_content(TargetKind(type_), id_, fields)
    with open_database(settings) as database:
        _administration(database, settings).put(record, FIELDS[type_], COMMAND)
        _show(database, settings, TargetKind(type_), id_)


@target.command("delete")
@_type
@_id
@explained
def delete(type_: str, id_: str) -> None:
    """Delete a target with its votes, a post with its comments; of questions and messages the votes alone."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        _administration(database, settings).delete_target(TargetKind(type_), id_, COMMAND)


def _administration(database: Database, settings: Settings) -> Administration:
    return Administration(database, audit_log(database, settings), settings.qa_id_field)


def _show(database: Database, settings: Settings, kind: TargetKind, id_: str) -> None:
    document = _administration(database, settings).find(kind, id_, FIELDS[kind])
    tally = VoteRepository(database, settings.qa_id_field).tallies(kind, [id_]).get(id_)
    if document is None or tally is None:
        raise click.ClickException(f"There is no {kind} {id_!r}.")
    click.echo(json.dumps(schemas.dump_content(kind, id_, document, tally)))
