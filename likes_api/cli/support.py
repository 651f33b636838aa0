"""Functions that the commands share."""

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec

import click

from config.settings import Settings, SettingsError
from likes_api.embedded_mongod.server import EmbeddedMongoError
from likes_api.http.errors import Refused
from likes_api.identity.guest import GuestIds
from likes_api.mongodb.documents import Database
from likes_api.repository import StoreError
from likes_api.repository.administration import Unwritable
from likes_api.repository.audit import AuditLog
from likes_api.repository.content import ContentRepository
from likes_api.repository.credentials.service_tokens import UnknownServiceToken
from likes_api.repository.credentials.sessions import UnknownUser
from likes_api.repository.credentials.tokens import UnknownPerson
from likes_api.repository.voters.leaving import OtherJob
from likes_api.server.deployment import embedded_secret

P = ParamSpec("P")


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors that an operator can correct into one clear line and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SettingsError as error:
            raise click.ClickException(f"bad settings\n{error}") from None
        except (EmbeddedMongoError, OtherJob, UnknownPerson, UnknownServiceToken, UnknownUser, Unwritable) as error:
            raise click.ClickException(str(error)) from None
        except Refused as error:
            raise click.ClickException(error.message) from None
        except StoreError as error:
            raise click.ClickException(f"the database failed: {type(error).__name__}: {error}") from None

    return run


def audit_log(database: Database, settings: Settings) -> AuditLog:
    """Return the audit log, with the key that the server has."""
    secret = settings.secret_keys[0] if settings.secret_keys else embedded_secret(settings.data_dir)
    return AuditLog(database, settings.audit_days, GuestIds(secret).digest)


def content_repository(database: Database, settings: Settings) -> ContentRepository:
    """Return the repository into which content is imported."""
    return ContentRepository(database, settings.qa_id_field, settings.overflow_at, settings.qa_overflow_at)


def watch_import(batches: Iterator[tuple[int, list[str]]]) -> None:
    """Show the progress of an import.

    :raises click.ClickException: some lines were bad.
    """
    faults = done = 0
    for done, bad in batches:
        for fault in bad:
            progress("")
            click.echo(fault, err=True)
        faults += len(bad)
        progress(f"{done} lines")
    progress("")
    if faults:
        raise click.ClickException(f"{faults} of {done} lines are bad; the others are imported")


def progress(text: str) -> None:
    """Show how far a command is, on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", nl=False, err=True)
