"""``likes-api run --demo`` as a newcomer meets it: what it prints works as pasted, and votes outlive it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.run_command import COMMAND, answers, running_demo


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
    with running_demo(directory) as curls:
        assert [(each["action"], each["upvotes"], each["downvotes"]) for each in answers(curls)] == [
            ("liked", 1, 0),
            ("downvoted", 0, 1),
            ("liked", 1, 0),
        ]
    assert processes_that_mention(directory) == []

    with running_demo(directory) as curls:
        assert [(each["action"], each["upvotes"], each["downvotes"]) for each in answers(curls)] == [
            ("liked", 1, 0),
            ("downvoted", 0, 1),
            ("unliked", 0, 0),
        ]


def test_session_create_signs_in_to_the_running_server_when_it_is_called_beside_it(directory: Path) -> None:
    with running_demo(directory) as (curl, *_):
        environment = os.environ | {"LIKES_DATA_DIR": str(directory)}
        cookie = subprocess.check_output([COMMAND, "session", "create", "--user", "bob"], env=environment, text=True)
        ours = re.sub(r"Cookie: [^']+", f"Cookie: {cookie.strip()}", curl)
        assert [each["upvotes"] for each in answers([curl, ours])] == [1, 2]


def test_session_cookie_has_the_hosts_own_name_when_it_is_set(directory: Path) -> None:
    """In the demo's curl lines, and as ``session create`` prints it."""
    name = {"LIKES_NEXTAUTH_COOKIE": "my.session"}
    with running_demo(directory, **name) as curls:
        environment = os.environ | {"LIKES_DATA_DIR": str(directory)} | name
        cookie = subprocess.check_output([COMMAND, "session", "create", "--user", "bob"], env=environment, text=True)
        ours = re.sub(r"Cookie: [^']+", f"Cookie: {cookie.strip()}", curls[0])
        assert cookie.startswith("my.session=")
        assert all("Cookie: my.session=" in curl for curl in curls)
        assert [each["upvotes"] for each in answers([curls[0], ours])] == [1, 2]


def test_session_create_explains_itself_when_the_user_is_unknown(directory: Path) -> None:
    environment = os.environ | {"LIKES_DATA_DIR": str(directory)}
    run = subprocess.run(
        [COMMAND, "session", "create", "--user", "nobody"], env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "Error: There is no user 'nobody'.\n"


def test_run_names_all_bad_settings_when_several_are_bad(directory: Path) -> None:
    environment = os.environ | {
        "LIKES_DATA_DIR": str(directory),
        "WEB_CONCURRENCY": "many",
        "LIKES_SECRET_KEY": "short",
    }
    run = subprocess.run([COMMAND, "run"], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "WEB_CONCURRENCY" in run.stderr
    assert "LIKES_SECRET_KEY" in run.stderr
    assert "short" not in run.stderr.replace("Too short", "")
