"""``likes-api run --demo``, and the curl lines that it prints."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from harness.server import free_port

COMMAND = Path(sys.executable).with_name("likes-api")
WAIT_SECONDS = 30


@contextmanager
def running_demo(
    data_directory: Path, *, command: Path = COMMAND, current_directory: Path | None = None, **variables: str
) -> Iterator[list[str]]:
    """Run the command until it serves; give the curl lines that it printed; press Ctrl-C in the end."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIKES_")}
    environment |= {"LIKES_DATA_DIR": str(data_directory), "LIKES_BIND": f"127.0.0.1:{port}", **variables}
    with subprocess.Popen(
        [command, "run", "--demo"],
        cwd=current_directory,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
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
