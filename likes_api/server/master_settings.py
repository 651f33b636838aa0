"""The settings that gunicorn's master needs.

They are read in a process of their own, because that imports PyMongo, which checks a connection string: gevent patches
a worker when it starts, and has to do so before PyMongo is there. A master that had imported it would hand it on.
"""

from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings


class MasterSettings(NamedTuple):
    """Settings of the master, and how many secrets there are."""

    bind: str
    workers: int
    log_format: str
    data_dir: Path
    secret_keys: int
    nextauth_secrets: int


def read() -> MasterSettings:
    """Read the settings for gunicorn.

    :raises config.settings.SettingsError: naming every fault of all settings.
    """
    with get_context("fork").Pool(1) as process:
        return process.apply(_read)


def _read() -> MasterSettings:
    settings = Settings.from_environment(database_required=True)
    return MasterSettings(
        bind=settings.bind,
        workers=settings.workers,
        log_format=settings.log_format,
        data_dir=settings.data_dir,
        secret_keys=len(settings.secret_keys),
        nextauth_secrets=len(settings.nextauth_secrets),
    )
