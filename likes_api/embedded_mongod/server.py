"""Run a private mongod, for trials of the application and for its tests.

It is a single-node replica set, because majority writes need a replica set, and it listens on a unix
socket alone. Its member is called ``./mongod.sock``: relative to the directory mongod runs in, so that the
data can be moved and the directory can be deeper than a socket's address is long (107 bytes). Only clients
need an absolute path, and get a short alias of a deep directory.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from likes_api.embedded_mongod.binary import EmbeddedMongoError, find_mongod
from likes_api.server.child_process import tied_to_this_process

__all__ = ["DataDirectoryInUse", "EmbeddedMongoError", "EmbeddedMongod", "find_mongod"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_CLAIM_SECONDS = 2.0
_POLL_SECONDS = 0.02
_ADDRESS_BYTES = 107  # sun_path of unix(7), without the NUL
_SOCKET = "mongod.sock"


class DataDirectoryInUse(EmbeddedMongoError):
    """Another process runs a mongod on the data directory, at ``uri``, or is starting it."""

    def __init__(self, data_dir: Path, uri: str) -> None:
        super().__init__(
            f"The data directory {data_dir} is in use by another likes-api. "
            "Stop that one, or set LIKES_DATA_DIR to another directory."
        )
        self.uri = uri


class EmbeddedMongod:
    """Own one mongod and its data directory; a context manager, or start() and stop().

    The files live in ``<data_dir>/mongodb``, closed to other users, for mongod asks for no password.
    mongod gets SIGTERM when this object is closed or its process ends, so keep it as long as the URI is in use.
    """

    def __init__(self, binary: Path, data_dir: Path, *, cache_gb: float = 0.25) -> None:
        self._binary = binary
        self._data_dir = data_dir.absolute()
        self._directory = self._data_dir / "mongodb"
        self._log = self._directory / "mongod.log"
        self._cache_gb = cache_gb
        self._claim: IO[str] | None = None
        self._alias: Path | None = None
        self._socket = self._directory / _SOCKET
        self._process: subprocess.Popen[bytes] | None = None
        # Its one thread stays as long as this object, see tied_to_this_process().
        self._owner = ThreadPoolExecutor(1, "mongod-owner")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def uri(self) -> str:
        """Return the address, the same from start() to stop().

        A direct connection: the replica set knows its member by a name that means nothing to clients.
        """
        return f"mongodb://{quote(str(self._socket), safe='')}/?directConnection=true"

    @property
    def pid(self) -> int | None:
        """Return the process id of the mongod that was started, even if it has ended since."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of a mongod that ended, as subprocess has it (-9: SIGKILL); None while it runs."""
        return None if self._process is None else self._process.poll()

    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start mongod, wait until it accepts writes, and return its URI.

        :raises DataDirectoryInUse: another process has it.
        :raises EmbeddedMongoError: the directory is unusable, or mongod does not come up.
        """
        claim = self._claim = self._claim_directory()
        try:
            self._shorten_socket()
            claim.truncate(0)
            claim.write(self.uri)
            claim.flush()
            return self.restart()
        except OSError as error:
            self.stop()
            raise EmbeddedMongoError(f"Cannot run mongod in {self._data_dir}: {error}.") from error
        except BaseException:
            self.stop()
            raise

    def restart(self) -> str:
        """Start a mongod that ended again, at the same URI, which clients keep using.

        :raises EmbeddedMongoError: it does not come up; it is not running then.
        """
        self._end_process()
        deadline = time.monotonic() + START_SECONDS
        try:
            self._await_predecessor(deadline)
            self._process = self._spawn()
            self._await_primary(deadline)
        except BaseException:
            self._end_process()
            raise
        return self.uri

    def stop(self) -> None:
        """Stop mongod cleanly and release the directory; do nothing where none runs."""
        self._end_process()
        if self._alias is not None:
            shutil.rmtree(self._alias, ignore_errors=True)  # a cleaner of /tmp may have removed it
            self._alias = None
        if self._claim is not None:
            # Closing is not enough where a fork of this process still holds the file.
            fcntl.flock(self._claim, fcntl.LOCK_UN)
            self._claim.close()
            self._claim = None

    def _claim_directory(self) -> IO[str]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory.chmod(0o700)
            claim = (self._directory / "likes-api.lock").open("a+")
        except OSError as error:
            raise EmbeddedMongoError(f"Cannot use the data directory {self._data_dir}: {error}.") from error
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with claim:
                raise DataDirectoryInUse(self._data_dir, _written(claim)) from None
        return claim

    def _shorten_socket(self) -> None:
        self._socket = self._directory / _SOCKET
        if len(os.fsencode(self._socket)) > _ADDRESS_BYTES:
            self._alias = Path(tempfile.mkdtemp(prefix="likes-api-"))  # mode 0700
            (self._alias / "db").symlink_to(self._directory)
            self._socket = self._alias / "db" / _SOCKET

    def _await_predecessor(self, deadline: float) -> None:
        """Wait for the mongod of a killed likes-api, which may still be shutting down."""
        lock_file = self._directory / "mongod.lock"
        while lock_file.exists():
            with lock_file.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    owner = lock.read().decode().strip()
                else:
                    return
            if time.monotonic() > deadline:
                raise EmbeddedMongoError(f"A mongod (process {owner}) does not leave {self._directory}.")
            time.sleep(_POLL_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes]:
        try:
            return self._owner.submit(self._open_process).result()
        except OSError as error:
            raise EmbeddedMongoError(f"Cannot start mongod in {self._directory}: {error}.") from error

    def _open_process(self) -> subprocess.Popen[bytes]:
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))  # two files at most
        command = [
            str(self._binary),
            f"--dbpath={self._directory}",
            "--replSet=rs0",
            "--oplogSize=256",  # megabytes; the default is a share of the disk
            f"--bind_ip=./{_SOCKET}",
            "--nounixsocket",  # not that socket: mongod would open another in /tmp besides
            "--networkMessageCompressors=disabled",
            f"--wiredTigerCacheSizeGB={self._cache_gb}",
            "--setParameter=diagnosticDataCollectionEnabled=false",
            "--quiet",
        ]
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal must not reach the database before its clients.
            return subprocess.Popen(
                tied_to_this_process(command),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _await_primary(self, deadline: float) -> None:
        # A plain connect first: where it fails, pymongo would try again only after half a second.
        while not self._accepts():
            self._check_start(deadline)
        with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=1000) as client:
            while not _takes_writes(client.admin):
                self._check_start(deadline)

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fsencode(self._socket))
            except (FileNotFoundError, ConnectionError):  # not made yet, or left behind by a killed mongod
                return False
        return True

    def _check_start(self, deadline: float) -> None:
        if self.is_running() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            return
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


def _written(claim: IO[str]) -> str:
    """Return the URI that the owner of a data directory writes into it as soon as it has locked it."""
    deadline = time.monotonic() + _CLAIM_SECONDS
    while time.monotonic() < deadline:
        claim.seek(0)
        if uri := claim.read():
            return uri
        time.sleep(_POLL_SECONDS)
    raise EmbeddedMongoError(f"The owner of {claim.name} does not say where its mongod is.")


def _takes_writes(admin: Database[dict[str, Any]]) -> bool:
    """Whether the server is primary; initiate its replica set where that has not been done."""
    try:
        hello = admin.command("hello")
        if "setName" not in hello:
            admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": f"./{_SOCKET}"}]})
    except PyMongoError:  # the server is still starting; if that lasts, the caller reads its log
        return False
    return bool(hello.get("isWritablePrimary"))
