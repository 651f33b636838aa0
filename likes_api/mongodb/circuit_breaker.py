"""Fail at once while the database is unavailable, instead of after a wait in every thread.

Each client has a circuit breaker. It opens when calls in a row failed to reach the database. While it is open every
call is refused at once, and one thread probes the database until it answers: no request has to try.

Why not a library: see ``docs/decisions/0012-circuit.md``.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock, Thread

from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    WaitQueueTimeoutError,
)

from likes_api.mongodb import timeouts
from likes_api.mongodb.failures import facts

# In a row. One failure can be one broken connection; each of these has waited for a server, for 2 s if there was none.
FAILURES = 3

_bypassed: ContextVar[bool] = ContextVar("bypassed", default=False)

log = logging.getLogger(__name__)


class DatabaseUnavailable(ConnectionFailure):
    """The database was not asked, because it has not answered lately."""


@contextmanager
def bypassed() -> Iterator[None]:
    """Exempt the calls of the block from every circuit breaker: they are neither refused nor counted."""
    token = _bypassed.set(True)
    try:
        yield
    finally:
        _bypassed.reset(token)


def is_bypassed() -> bool:
    """Whether calls go past the circuit breakers now."""
    return _bypassed.get()


class CircuitBreaker:
    """Watch the calls of one client.

    :param probe: pings the database, for about a second; raises where it does not answer.
    :param announce: is called with every change, under a lock: whether the circuit breaker is open now.
    """

    def __init__(self, probe: Callable[[], None], announce: Callable[[bool], None] = lambda _: None) -> None:
        self._probe = probe
        self._announce = announce
        self._lock = Lock()
        self._failures = 0
        self._open = False
        # How often it was closed. What fails after that, but began before, says nothing of the database's return.
        self._closings = 0
        self._stopped = False
        self._strange: type[Exception] | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are refused."""
        return self._open

    @contextmanager
    def watch(self, *, refuses: bool = True) -> Iterator[None]:
        """Watch a call to the database.

        Any answer of the server counts as success, also one that refuses the command. A pool without a free connection
        is no failure of the server; nor is a time limit, which may have passed before the driver asked
        (``pymongo.timeout``).

        :param refuses: whether the call may be refused.
        :raises DatabaseUnavailable: the circuit breaker is open.
        """
        if self._open and refuses:
            raise DatabaseUnavailable("the database does not answer")
        closings = self._closings
        try:
            yield
        except (WaitQueueTimeoutError, ExecutionTimeout):
            raise
        except (ConnectionFailure, ConfigurationError):
            # The latter where name servers do not know, or do not say, the hosts of a mongodb+srv URI.
            self._failed(closings)
            raise
        except OperationFailure:
            self._failures = 0
            raise
        self._failures = 0

    def open_until(self, probe: Callable[[], None]) -> None:
        """Open, and close when ``probe`` has succeeded, in a thread of its own.

        :raises RuntimeError: no thread can be started; the circuit breaker is as it was.
        """
        with self._lock:
            self._start(probe)

    def stop(self) -> None:
        """End the thread, if there is one, within a pause: nobody calls any more."""
        self._stopped = True

    def _failed(self, closings: int) -> None:
        with self._lock:
            if closings != self._closings:
                return
            self._failures += 1
            if self._open or self._failures < FAILURES:
                return
            try:
                self._start(self._probe)
            except RuntimeError:
                # Open without a thread that closes it, it would stay open. The next failure tries again.
                log.exception("no thread can be started to probe the database, so each request waits for it")

    def _start(self, probe: Callable[[], None]) -> None:
        Thread(target=self._wait_for, args=(probe,), name="database-probe", daemon=True).start()
        self._open = True
        self._announce(True)

    def _wait_for(self, probe: Callable[[], None]) -> None:
        while not self._stopped and not self._succeeds(probe):
            time.sleep(timeouts.PROBE_PAUSE_SECONDS)
        with self._lock:
            self._failures = 0
            self._closings += 1
            self._open = False
            self._announce(False)

    def _succeeds(self, probe: Callable[[], None]) -> bool:
        try:
            with bypassed():
                probe()
        except (ConnectionFailure, ConfigurationError, ExecutionTimeout):
            return False
        except OperationFailure:
            return True  # it answered
        except Exception as error:  # whatever it is: nobody else would close the circuit breaker
            # Of a client that was closed meanwhile nothing else is to be expected.
            if type(error) is not self._strange and not self._stopped:
                log.warning("the probe of the database failed, and is repeated", extra=facts(error))
            self._strange = type(error)
            return False
        return True
