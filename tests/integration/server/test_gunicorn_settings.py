"""Prove on a real gunicorn that bad settings are named all at once, and that no worker is started with them."""

import json
import subprocess
from pathlib import Path

import requests

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
