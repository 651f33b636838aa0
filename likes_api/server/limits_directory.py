"""The directory in which the workers share the counters of rate limits: hooks for ``config/gunicorn.conf.py``.

Each master makes a directory of its own and removes it at its end. It holds a lock on it, which its workers inherit;
a directory that nobody locks was left by a master that was killed, and the next master removes it.

Source: flock(2): the lock belongs to the open file, and is let go when the last process has closed it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - it is meant
_PREFIX = "likes-api-limits-"
_VARIABLE = "LIKES_LIMITS_DIRECTORY"


def prepare(data_dir: Path) -> None:
    """Make the directory, ours alone: in shared memory, else in the data directory, else where temporary files are.

    Another master (SIGUSR2), which inherits the variable, makes its own.
    """
    parents = [SHARED_MEMORY, data_dir, Path(tempfile.gettempdir())]
    _remove_abandoned(path for parent in parents for path in parent.glob(f"{_PREFIX}*"))
    directory = None
    while directory is None:
        directory = _locked(_made_in(parents))
    os.environ[_VARIABLE] = str(directory)


def current() -> Path | None:
    """Return the directory of this process's master, if it has one."""
    directory = os.environ.get(_VARIABLE)
    return None if directory is None else Path(directory)


def remove() -> None:
    """Remove the directory, when the master ends."""
    shutil.rmtree(os.environ[_VARIABLE], ignore_errors=True)


def _made_in(parents: Iterable[Path]) -> Path:
    *preferred, last = parents
    for parent in preferred:
        with suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=last))


def _locked(directory: Path) -> Path | None:
    """Lock a directory until this process and its children end; ``None`` if another master has just removed it."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return directory if directory.exists() else None


def _remove_abandoned(directories: Iterable[Path]) -> None:
    for directory in directories:
        with suppress(OSError):  # somebody locks it, or it is another user's
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)
            finally:
                os.close(descriptor)
