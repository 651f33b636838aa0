"""``likes-api run --demo`` as a newcomer meets it: what it prints works as pasted, and votes outlive it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from harness.server import free_port

COMMAND = Path(sys.executable).with_name("likes-api")
WAIT_SECONDS = 30


@contextmanager
def running(directory: Path) -> Iterator[list[str]]:
    """Run the command until it serves; give the curl lines that it printed; press Ctrl-C in the end."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIKES_")}
    environment |= {"LIKES_DATA_DIR": str(directory), "LIKES_BIND": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [COMMAND, "run", "--demo"], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        curls = []
        for line in process.stdout:
            if line.startswith("curl"):
                curls.append(line.strip())
            if "Booting worker" in line:
                break
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=WAIT_SECONDS).raise_for_status()
            yield curls
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.stdout.read()
            assert process.wait(WAIT_SECONDS) == 0


def answers(curls: list[str]) -> list[dict[str, object]]:
    return [json.loads(subprocess.check_output(f"{curl} -sS", shell=True, timeout=WAIT_SECONDS)) for curl in curls]


def processes_that_mention(directory: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in words:
            found.append(words)
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "var"


def test_run_demo_prints_curls_that_work_and_keeps_their_votes_when_run_again(directory: Path) -> None:
    with running(directory) as curls:
        assert [(each["action"], each["upvotes"], each["downvotes"]) for each in answers(curls)] == [
            ("liked", 1, 0),
            ("downvoted", 0, 1),
            ("liked", 1, 0),
        ]
    assert processes_that_mention(directory) == []

    with running(directory) as curls:
        assert [(each["action"], each["upvotes"], each["downvotes"]) for each in answers(curls)] == [
            ("liked", 1, 0),
            ("downvoted", 0, 1),
            ("unliked", 0, 0),
        ]


def test_session_create_signs_in_to_the_running_server_when_it_is_called_beside_it(directory: Path) -> None:
    with running(directory) as (curl, *_):
        environment = os.environ | {"LIKES_DATA_DIR": str(directory)}
        cookie = subprocess.check_output([COMMAND, "session", "create", "--user", "bob"], env=environment, text=True)
        ours = re.sub(r"Cookie: [^']+", f"Cookie: {cookie.strip()}", curl)
        assert [each["upvotes"] for each in answers([curl, ours])] == [1, 2]


def test_session_create_explains_itself_when_the_user_is_unknown(directory: Path) -> None:
    environment = os.environ | {"LIKES_DATA_DIR": str(directory)}
    run = subprocess.run(
        [COMMAND, "session", "create", "--user", "nobody"], env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "Error: There is no user 'nobody'.\n"


def test_run_names_all_bad_settings_when_several_are_bad(directory: Path) -> None:
    environment = os.environ | {"LIKES_DATA_DIR": str(directory), "LIKES_THREADS": "many", "LIKES_SECRET_KEY": "short"}
    run = subprocess.run([COMMAND, "run"], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "LIKES_THREADS" in run.stderr
    assert "LIKES_SECRET_KEY" in run.stderr
    assert "short" not in run.stderr.replace("Too short", "")
