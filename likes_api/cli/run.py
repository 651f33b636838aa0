"""``run``: serve."""

import logging.config
import os
import sys
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import click

import config
from config.logging import configuration
from config.settings import Settings
from likes_api.cli.session import session_cookie
from likes_api.cli.support import content_repository, explained
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
from likes_api.mongodb.documents import Database
from likes_api.ndjson import import_lines
from likes_api.server.deployment import embedded_secret, open_database
from likes_api.server.supervisor import serve

DEMO_SESSION = timedelta(days=30)


@click.command()
@click.option("--demo", is_flag=True, help="Load a few documents to try things on, and print how.")
@explained
def run(*, demo: bool) -> None:
    """Serve with gunicorn; without LIKES_MONGODB_URI, on an embedded MongoDB in LIKES_DATA_DIR."""
    settings = Settings.from_environment()
    logging.config.dictConfig(configuration(settings.log_format))
    mongod: EmbeddedMongod | None = None
    environment = dict(os.environ)
    if settings.mongodb_uri is None:
        mongod = EmbeddedMongod(find_mongod(settings.mongod), settings.data_dir)
        environment["LIKES_MONGODB_URI"] = mongod.start()
        if not settings.secret_keys:
            environment["LIKES_SECRET_KEY"] = embedded_secret(settings.data_dir)
    try:
        if demo:
            environment["LIKES_DEMO"] = "true"
            with open_database(replace(settings, mongodb_uri=environment["LIKES_MONGODB_URI"])) as database:
                _load_demo(database, settings)
        sys.stdout.flush()
        command = _gunicorn()
        if mongod is None:  # no supervisor: signals and a service manager act on gunicorn itself
            os.execve(command[0], command, environment)  # noqa: S606
        code = serve(command, environment, mongod)
    finally:
        if mongod is not None:
            mongod.stop()
    raise SystemExit(code)


def _gunicorn() -> list[str]:
    configuration_file = Path(config.__path__[0]) / "gunicorn.conf.py"
    # -P: nothing is imported from the current directory, as in Program.
    return [sys.executable, "-P", "-m", "likes_api.server.program", "-c", str(configuration_file), "wsgi:app"]


def _load_demo(database: Database, settings: Settings) -> None:
    lines = files("likes_api.demo").joinpath("data.ndjson").read_bytes().splitlines()
    for _, faults in import_lines(lines, content_repository(database, settings)):
        for fault in faults:
            raise click.ClickException(f"demo data: {fault}")
    cookie = session_cookie(database, settings, "alice", DEMO_SESSION)
    click.echo(f"Open http://{settings.bind}/ in a browser, or try, in another terminal:\n")
    for target, kind, vote in (
        ("q_123", "question", "up"),
        ("q_123", "question", "down"),
        ("msg_456", "message", "up"),
    ):
        body = f'{{"targetId":"{target}","targetType":"{kind}","voteType":"{vote}"}}'
        click.echo(
            f"curl -X POST http://{settings.bind}/api/likes -H 'Content-Type: application/json'"
            f" -H 'Cookie: {cookie}' -d '{body}'"
        )
    click.echo("")
