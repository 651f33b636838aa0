"""A client of diaspora*'s API, which knows likes-api by a URL and a token."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from harness.documents import named_database
from harness.server import running_server, server_environment
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Document

CLIENT = Path(__file__).with_name("diaspora")
URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def variables(mongod: EmbeddedMongod, client: MongoClient[Document]) -> Iterator[dict[str, str]]:
    """The environment of a shell beside a running service."""
    with named_database(client) as database:
        settings = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_MONGODB_DATABASE": database.name}
        with running_server(settings) as url:
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            yield server_environment(settings) | {"PATH": path, "URL": url}


def run(variables: dict[str, str], *commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands of the page in one shell, at the service's own address."""
    shell = shutil.which("sh")
    assert shell
    script = "\n".join(commands).replace(URL, variables["URL"])
    return subprocess.run(
        [shell, "-ec", script], cwd=CLIENT, env=variables, capture_output=True, text=True, timeout=120
    )


def test_likes_are_given_listed_and_taken_back_when_a_client_of_diaspora_asks(variables: dict[str, str]) -> None:
    token, session = ((CLIENT / name).read_text() for name in ("token.sh", "session.sh"))
    done = run(variables, token, session)
    assert done.returncode == 0, done.stderr
    said = [re.sub(r"^[0-9a-f]{32} ", "", line) for line in done.stdout.splitlines()]
    assert said[-7:] == [
        "liked",
        "already liked",
        "bob@example.com Bob Testing",
        "alice@example.com Alice Testing",
        "carol@example.com Carol Testing",
        "dan@example.com Dan Testing",
        "taken back",
    ]


def test_client_of_diaspora_is_refused_when_its_token_lacks_the_scope(variables: dict[str, str]) -> None:
    token = (CLIENT / "token.sh").read_text().replace("--scope interactions", "")
    refused = run(variables, token, "python likes.py like post-1")
    assert refused.returncode == 1
    assert refused.stderr == '403: {"code":403,"message":"insufficient_scope"}\n'
