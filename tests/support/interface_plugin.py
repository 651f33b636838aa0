"""Watch all answers of a run; at the end of a whole one, the kinds that are documented are those that were seen."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.support.interface import DOCUMENT, Interface, watch

# Where each process of the run writes what it has seen: pytest-xdist's workers inherit it from the one that begins.
_FOLDER = "LIKES_TESTS_SEEN"
_unseen = pytest.StashKey[list[tuple[str, ...]]]()
_run = pytest.StashKey[tuple[Interface, pytest.MonkeyPatch]]()


def pytest_configure(config: pytest.Config) -> None:
    interface, patch = Interface(json.loads(DOCUMENT.read_text())), pytest.MonkeyPatch()
    watch(interface, patch)
    config.stash[_run] = interface, patch
    if not _is_worker(config):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="likes-tests-seen-")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    interface, patch = session.config.stash[_run]
    patch.undo()
    folder = Path(os.environ[_FOLDER])
    (folder / str(os.getpid())).write_text(json.dumps(sorted(interface.seen)))
    if _is_worker(session.config):
        return
    seen = {tuple(kind) for file in folder.iterdir() for kind in json.loads(file.read_text())}
    session.config.stash[_unseen] = sorted(interface.documented() - seen)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    if _is_whole(session.config) and session.config.stash[_unseen] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    unseen = config.stash.get(_unseen, [])
    if unseen and (_is_whole(config) or os.environ.get("LIKES_TESTS_UNSEEN")):
        terminalreporter.section("documented answers that no test has seen", red=True)
        for kind in unseen:
            terminalreporter.line(" ".join(kind))


def _is_whole(config: pytest.Config) -> bool:
    """Whether all tests run, but for those that fail."""
    selected = config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not selected


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
