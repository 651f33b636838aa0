"""Run gunicorn and the private mongod together: mongod ends after gunicorn, and both end with this process."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from likes_api.embedded_mongod.server import EmbeddedMongod, EmbeddedMongoError
from likes_api.server.child_process import tied_to_this_process

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MAX_DEATHS = 5
DEATHS_WINDOW_SECONDS = 60.0
# Longer than gunicorn's own graceful_timeout (30 s), after which it kills its workers itself.
STOP_SECONDS = 40.0
_SWEEP_SECONDS = 5.0
_POLL_SECONDS = 0.1

_logger = logging.getLogger(__name__)


def serve(command: Sequence[str], environment: Mapping[str, str], mongod: EmbeddedMongod) -> int:
    """Run a gunicorn command until it ends; stop the given, started mongod after it.

    A mongod that dies meanwhile is started again. SIGTERM, SIGINT and SIGHUP go to gunicorn, to which they
    mean finish, quit and reload. Call it from the main thread, the only one that may handle signals.

    :returns: gunicorn's exit code, 128 + n if signal n ended it, 1 if mongod kept dying.
    """
    early: list[int] = []
    gunicorn: subprocess.Popen[bytes] | None = None

    def forward(number: int, _frame: FrameType | None) -> None:
        if gunicorn is None:
            early.append(number)
        else:
            gunicorn.send_signal(number)

    previous = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        # A session of its own: Ctrl-C in the terminal reaches gunicorn once, through us.
        gunicorn = subprocess.Popen(tied_to_this_process(command), env=dict(environment), start_new_session=True)
        for number in early:
            gunicorn.send_signal(number)
        return _watch(gunicorn, mongod)
    finally:
        if gunicorn is not None:
            _stop(gunicorn)
        mongod.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _watch(gunicorn: subprocess.Popen[bytes], mongod: EmbeddedMongod) -> int:
    """Wait for gunicorn's end; start mongod again when it dies, looking less often each time it does."""
    deaths: list[float] = []
    pause = _POLL_SECONDS
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = gunicorn.wait(pause)
            return code if code >= 0 else 128 - code
        pause = _POLL_SECONDS
        if mongod.is_running():
            continue
        now = time.monotonic()
        deaths = [death for death in deaths if now - death < DEATHS_WINDOW_SECONDS] + [now]
        if len(deaths) == MAX_DEATHS:
            _logger.error("mongod died too often, giving up", extra={"deaths": MAX_DEATHS})
            return 1
        pause *= 2 ** len(deaths)
        _revive(mongod)


def _revive(mongod: EmbeddedMongod) -> None:
    _logger.warning("mongod died, starting it again", extra={"exit_code": mongod.exit_code})
    try:
        mongod.restart()
    except EmbeddedMongoError:  # counts as a death: it is not running at the next look
        _logger.exception("mongod does not start")


def _stop(gunicorn: subprocess.Popen[bytes]) -> None:
    """End gunicorn if it still runs, and whatever workers outlived a killed master."""
    if gunicorn.poll() is None:
        gunicorn.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            gunicorn.wait(STOP_SECONDS)
    # Its session is its process group. The group's number stays taken as long as it has a member.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(gunicorn.pid, signal.SIGTERM)
        deadline = time.monotonic() + _SWEEP_SECONDS
        while time.monotonic() < deadline:
            gunicorn.poll()
            os.killpg(gunicorn.pid, 0)
            time.sleep(_POLL_SECONDS)
        os.killpg(gunicorn.pid, signal.SIGKILL)
    gunicorn.wait()
