"""Prove on a real gunicorn that bad settings are named all at once, and that no worker is started with them."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from harness.gunicorn import Gunicorn, eventually
from harness.server import COMMAND, ROOT, SECRET_KEY, server_environment, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from tests.support.gunicorn import SECRET, environment, session


def refused_start(**variables: str) -> str:
    """Return what gunicorn says when it refuses its settings, which it must at once and with exit code 1."""
    run = subprocess.run(
        COMMAND, cwd=ROOT, env=server_environment(variables), capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1, run.stderr
    assert "Booting worker" not in run.stdout + run.stderr
    return run.stdout + run.stderr


def test_gunicorn_names_every_bad_setting_and_no_value_when_it_refuses_to_start() -> None:
    bad = {
        "LIKES_MONGODB_URI": "mysql://tell-nobody@db",
        "LIKES_MONGODB_DATABASE": "tell nobody/1",
        "LIKES_SECRET_KEY": "tell-nobody-2",
        "LIKES_OVERFLOW_AT": "tell-nobody-3",
        "LIKES_BIND": "tell-nobody-4",
        "LIKES_TRUSTED_PROXIES": "-1",
        "LIKES_CORS_ORIGINS": "tell-nobody-5",
        "LIKES_QA_ID_FIELD": "$tell-nobody-6",
        "LIKES_RATELIMIT_ENABLED": "tell-nobody-7",
        "LIKES_LIMIT_QA_VOTE": "tell-nobody-8",
    }
    said = refused_start(**bad)
    lines = [line.partition(":")[0] for line in said.splitlines()]
    assert lines == ["likes-api", *sorted(bad)]
    assert "tell" not in said
    assert "Traceback" not in said


def test_gunicorn_names_what_is_missing_when_nothing_is_set() -> None:
    said = refused_start(LIKES_SECRET_KEY="")
    assert said.startswith("likes-api: bad settings\nLIKES_MONGODB_URI: Required")
    assert "LIKES_SECRET_KEY: Required" in refused_start(LIKES_MONGODB_URI="mongodb://db", LIKES_SECRET_KEY="")


def test_gunicorn_serves_by_secrets_from_files_and_says_how_many_it_read(
    mongod: EmbeddedMongod, tmp_path: Path
) -> None:
    files = {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_SECRET_KEY": f"{SECRET_KEY}, with a comma",
        "LIKES_NEXTAUTH_SECRET": f"another secret\n{SECRET}\n",
    }
    given = environment(mongod.uri, "test_secret_files")
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        given |= {name: "", f"{name}_FILE": str(tmp_path / name)}
    with started_server(given) as server:
        answer = requests.post(
            f"{server.url}/api/likes",
            json={"targetId": "q_0", "targetType": "question"},
            headers={"Cookie": f"next-auth.session-token={session()}"},
            timeout=60,
        )
        said = Path(server.log).read_text()
    assert answer.status_code == 404  # the session is valid; 401 without its secret
    [line] = [json.loads(line) for line in said.splitlines() if "secrets" in line]
    assert line["secrets"] == {"LIKES_SECRET_KEY": 1, "LIKES_NEXTAUTH_SECRET": 2}
    assert 'comma"' not in said
    assert SECRET not in said


@pytest.mark.parametrize("bad", ["", "tell-nobody", None])
def test_workers_go_on_when_the_settings_have_become_bad(
    mongod: EmbeddedMongod, tmp_path: Path, bad: str | None
) -> None:
    issuers, secret, log = (tmp_path / name for name in ("issuers", "secret", "gunicorn.log"))
    issuers.write_text("[]")
    secret.write_text(SECRET_KEY)
    files = {"LIKES_SECRET_KEY": "", "LIKES_SECRET_KEY_FILE": str(secret), "LIKES_JWT_ISSUERS": str(issuers)}
    gunicorn = Gunicorn(tmp_path, environment(mongod.uri, "test_bad_settings", WEB_CONCURRENCY="2") | files)
    gunicorn.start()
    try:
        eventually(lambda: all_serve(gunicorn, log), "two workers serve")
        stays, dies = gunicorn.workers()
        if bad is None:
            secret.unlink()
        else:
            issuers.write_text(bad)
        gunicorn.send(signal.SIGHUP)
        eventually(lambda: "not reloaded" in log.read_text(), "the log says so")
        assert gunicorn.workers() == [stays, dies]
        os.kill(dies, signal.SIGKILL)
        eventually(lambda: log.read_text().count("a worker cannot start") > 1, "it is started again and again")
        assert gunicorn.is_serving()
        assert gunicorn.workers()[0] == stays
        issuers.write_text("[]")
        secret.write_text(SECRET_KEY)
        eventually(lambda: all_serve(gunicorn, log), "two workers serve again")
        gunicorn.send(signal.SIGHUP)
        eventually(lambda: stays not in gunicorn.workers() and all_serve(gunicorn, log), "both are new")
    finally:
        gunicorn.end()
    assert ("LIKES_SECRET_KEY_FILE: " if bad is None else "LIKES_JWT_ISSUERS: ") in log.read_text()
    assert "tell-nobody" not in log.read_text()


def all_serve(gunicorn: Gunicorn, log: Path) -> bool:
    """Whether there are two workers, and each has answered a request."""
    workers, asked = set(gunicorn.workers()), gunicorn.is_serving()
    answered = {line["process"] for line in map(json.loads, log.read_text().splitlines()) if "route" in line}
    return asked and len(workers) == 2 and workers <= answered
