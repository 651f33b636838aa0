"""Fail at once while the database is away, instead of letting every thread find that out by waiting.

Each process has a circuit of its own. It opens when calls in a row failed to reach the database; while it is open every
call is refused at once, and one thread asks for a sign of life until there is one. No request is the guinea pig.

Why not a library: see ``docs/decisions/0012-circuit.md``.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WaitQueueTimeoutError

# In a row. One failure can be one broken connection; each of these has waited for a server, for 2 s if there was none.
FAILURES = 3
PAUSE_SECONDS = 0.1


class DatabaseUnavailable(PyMongoError):
    """The database was not asked, because it has not answered lately."""


class CircuitBreaker:
    """Watch the calls of one client.

    :param probe: asks the database for a sign of life, for a second or so; raises where there is none.
    :param announce: is told of every change: whether the circuit is open now.
    """

    def __init__(self, probe: Callable[[], None], announce: Callable[[bool], None] = lambda _: None) -> None:
        self._probe = probe
        self._announce = announce
        self._lock = Lock()
        self._failures = 0
        self._open = False

    @property
    def is_open(self) -> bool:
        """Tell whether calls are refused."""
        return self._open

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Wrap a call to the database.

        An answer of the server is a sign of life, also one that refuses the command. So is a pool without a free
        connection none of its failures: it says that we are busy.

        :raises DatabaseUnavailable: the circuit is open.
        """
        if self._open:
            raise DatabaseUnavailable("the database does not answer")
        try:
            yield
        except WaitQueueTimeoutError:
            raise
        except ConnectionFailure:
            self._failed()
            raise
        except OperationFailure:
            self._failures = 0
            raise
        self._failures = 0

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._open or self._failures < FAILURES:
                return
            self._open = True
        self._announce(True)
        Thread(target=self._wait_for_life, name="database-probe", daemon=True).start()

    def _wait_for_life(self) -> None:
        while not self._alive():
            time.sleep(PAUSE_SECONDS)
        with self._lock:
            self._failures = 0
            self._open = False
        self._announce(False)

    def _alive(self) -> bool:
        try:
            self._probe()
        except PyMongoError:
            return False
        return True
