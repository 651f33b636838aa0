"""The settings that gunicorn's master needs.

They are read in a process of their own, because that imports PyMongo, which checks a connection string: gevent patches
a worker when it starts, and has to do so before PyMongo is there. A master that had imported it would hand it on. The
process is started anew, not forked: with the master's signal handlers it would outlive its own termination.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from config.settings import Settings, SettingsError


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
    :raises subprocess.CalledProcessError: they could not be read, by code that an upgrade has half replaced, say.
    """
    # From where this code is, whatever modules of our names the current directory has.
    ours = str(Path(__file__).parents[2])
    process = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([ours, *sys.path])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(process.stdout)
    if "error" in found:
        raise SettingsError(found["error"])
    return MasterSettings(**found | {"data_dir": Path(found["data_dir"])})


def _found() -> dict[str, Any]:
    """Return the settings, or what is wrong with them, for :func:`read`."""
    try:
        settings = Settings.from_environment(database_required=True)
    except SettingsError as error:
        return {"error": str(error)}
    return MasterSettings(
        bind=settings.bind,
        workers=settings.workers,
        log_format=settings.log_format,
        data_dir=settings.data_dir,
        secret_keys=len(settings.secret_keys),
        nextauth_secrets=len(settings.nextauth_secrets),
    )._asdict()


if __name__ == "__main__":
    json.dump(_found(), sys.stdout, default=str)
