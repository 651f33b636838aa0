"""``import`` and ``verify``: commands on all targets."""

from typing import BinaryIO

import click

from config.settings import Settings
from likes_api.cli.support import audit_log, content_repository, explained, progress, watch_import
from likes_api.ndjson import bounded_lines, import_lines
from likes_api.repository.audit import COMMAND, Change
from likes_api.repository.votes.consistency.repair import verify_votes
from likes_api.server.deployment import open_database


@click.command("import")
@click.argument("file", type=click.File("rb"))
@explained
def import_(file: BinaryIO) -> None:
    """Import NDJSON lines from FILE (- for stdin): targets, users, people. Importing again changes nothing."""
    settings = Settings.from_environment()
    with open_database(settings) as database:
        audit_log(database, settings).note(Change(COMMAND, "import", "content"))
        watch_import(import_lines(bounded_lines(file), content_repository(database, settings)))


@click.command()
@click.option("--repair", is_flag=True, help="Mend what is found, while people vote.")
@click.option(
    "--delete-votes",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="With --repair: delete the votes that no target names, if they are as many as a run before has said.",
)
@explained
def verify(*, repair: bool, delete_votes: int | None) -> None:
    """Check the votes of every target: print a line for each fault; exit code 1 if any is left."""
    left = checked = kept = 0
    settings = Settings.from_environment()
    with open_database(settings) as database:
        if repair:
            audit_log(database, settings).note(Change(COMMAND, "verify.repair", "votes"))
        for checked, fault, mended in verify_votes(database, repair=repair, delete=delete_votes):
            if fault is None:
                progress(f"{checked} checked")
                continue
            progress("")
            click.echo(f"{'warning: ' * fault.is_warning}{fault}{' (repaired)' * mended}")
            left += not mended and not fault.is_warning
            kept += 0 if mended else fault.votes
    progress("")
    if kept:
        click.echo(
            f"{kept} votes are named by no target: `verify --repair --delete-votes {kept}` deletes them", err=True
        )
    click.echo(f"{checked} checked, {left} faults left", err=True)
    if left:
        raise SystemExit(1)
