"""Run a private mongod, for trying the application out and for its tests.

It is a single-node replica set, because majority writes mean nothing elsewhere, and it listens on a unix
socket alone. Its member is called ``./mongod.sock``: relative to the directory mongod runs in, so that the
data can be moved and the directory can be deeper than a socket's address is long (107 bytes). Only clients
need an absolute path, and get a short alias of a deep directory.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_ADDRESS_BYTES = 107  # sun_path of unix(7), without the NUL
_SOCKET = "mongod.sock"
_OLDEST = (6, 0)
_ADVICE = (
    "Set LIKES_MONGODB_URI to a MongoDB of your own, or LIKES_MONGOD to a mongod 6.0 or newer, "
    "or install the extra 'embedded' (Linux x86-64; needs libcurl4 and OpenSSL 3)."
)
# The prctl(2) belongs between fork and exec. A preexec_fn may deadlock where there are threads, this cannot.
# A parent that died before the call sends no signal any more, hence the look at getppid.
_TIED = """\
import ctypes, os, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sys.argv[1]))
if os.getppid() != int(sys.argv[2]):
    sys.exit("the parent is gone")
try:
    os.execvp(sys.argv[3], sys.argv[3:])
except OSError as error:
    sys.exit(f"cannot run {sys.argv[3]}: {error}")
"""


class EmbeddedMongoError(Exception):
    """Say why no private MongoDB can be had, and what to do instead."""


def tied_to_this_process(command: Sequence[str]) -> list[str]:
    """Wrap a command so that it gets SIGTERM when this process dies, however it dies.

    Linux sends the signal when the *thread* that started the command ends: start it from one that stays.
    """
    return [sys.executable, "-I", "-S", "-c", _TIED, str(int(signal.SIGTERM)), str(os.getpid()), *command]


def find_mongod(explicit: Path | None) -> Path:
    """Return a mongod that runs: the given one, else the one on PATH, else the one of the wheel.

    :raises EmbeddedMongoError: there is none; the message gives the reason for each that was tried.
    """
    candidates = _installed() if explicit is None else iter([explicit])
    faults = []
    for candidate in candidates:
        code = self.exit_code
        fault = f"ended with code {code}" if code is not None else f"took no writes in {START_SECONDS:.0f} s"
        last_words = "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])
        raise EmbeddedMongoError(f"mongod {fault} when started; {self._log} ends with:\n{last_words}")

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # the journal is made for it
            process.wait()


def _takes_writes(admin: Database[dict[str, Any]]) -> bool:
    """Say whether the server is primary; make it a replica set if it is none yet."""
    try:
        hello = admin.command("hello")
        if "setName" not in hello:
            admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": f"./{_SOCKET}"}]})
    except PyMongoError:  # a server that is still starting; if it stays so, its log tells the caller why
        return False
    return bool(hello.get("isWritablePrimary"))
