"""``likes-api check`` as a script calls it, beside a real server."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from harness.gunicorn import Process, eventually
from harness.server import COMMAND as COMMAND_OF_GUNICORN
from harness.server import free_port, server_environment, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.mongodb.documents import Database
from tests.support.run_command import COMMAND

STATUS = "/!/simple-likes/status?ids=a"


def check(*options: str, **variables: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and for each subject the level and what is said."""
    run = subprocess.run(
        [COMMAND, "check", *options],
        env=server_environment(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stderr == ""
    lines = [line.split(maxsplit=1) for line in run.stdout.splitlines()]
    return run.returncode, {text.partition(": ")[0]: (level, text.partition(": ")[2]) for level, text in lines}


@pytest.fixture
def variables(mongod: EmbeddedMongod, database: Database) -> dict[str, str]:
    return {
        "LIKES_MONGODB_URI": mongod.uri,
        "LIKES_MONGODB_DATABASE": database.name,
        "LIKES_RATELIMIT_ENABLED": "false",
    }


@contextmanager
def asked(variables: Mapping[str, str], addresses: int) -> Iterator[str]:
    """Serve, and send 400 requests by one proxy from so many addresses; give what the service is bound to."""
    with started_server(variables) as server, requests.Session() as session:
        for number in range(400):
            forwarded = {"X-Forwarded-For": f"192.0.2.{number % addresses}"}
            session.get(server.url + STATUS, headers=forwarded, timeout=60)
        yield server.url.removeprefix("http://")


def test_check_warns_of_proxies_when_they_are_not_counted_and_only_then(variables: dict[str, str]) -> None:
    with asked(variables, 50) as bind:
        code, found = check(LIKES_BIND=bind, **variables)
        assert code == 0
        assert found["service"] == ("ok", "ready")
        level, text = found["proxies"]
        assert (level, text.partition(" of the requests")[0]) == ("warning", "one address makes 100%")
        assert "LIKES_TRUSTED_PROXIES, 0," in text
    counted = variables | {"LIKES_TRUSTED_PROXIES": "1"}
    with asked(counted, 50) as bind:
        assert check(LIKES_BIND=bind, **counted)[1]["proxies"] == ("ok", "requests come from several addresses")


def test_check_does_not_judge_proxies_when_requests_carry_tokens_or_are_few(variables: dict[str, str]) -> None:
    with started_server(variables) as server, requests.Session() as session:
        for _ in range(200):
            session.get(server.url + STATUS, headers={"Authorization": "Bearer x"}, timeout=60)
        level, text = check(LIKES_BIND=server.url.removeprefix("http://"), **variables)[1]["proxies"]
    assert (level, text) == ("skipped", "0 requests so far, too few to judge by")


def test_check_names_what_keeps_it_from_the_metrics_when_they_are_refused(variables: dict[str, str]) -> None:
    variables |= {"LIKES_METRICS_ALLOW": "192.0.2.0/24"}
    with started_server(variables) as server:
        code, found = check(LIKES_BIND=server.url.removeprefix("http://"), **variables)
    assert found["service"] == ("ok", "ready")
    assert found["proxies"] == ("skipped", "GET /metrics answers 403: is this machine in LIKES_METRICS_ALLOW?")
    assert code == 0


@pytest.mark.parametrize("more", [{"LIKES_TRUSTED_HOSTS": ".example.com"}, {"LIKES_TRUSTED_PROXIES": "2"}])
def test_check_is_let_in_when_hosts_are_listed_or_the_service_is_on_a_socket(
    variables: dict[str, str], more: dict[str, str], tmp_path: Path
) -> None:
    """A socket's peer has no address, but for what the trusted proxies say."""
    bind = f"unix:{tmp_path / 'http.sock'}" if "LIKES_TRUSTED_PROXIES" in more else f"127.0.0.1:{free_port()}"
    variables |= more | {"LIKES_BIND": bind}
    process = Process(COMMAND_OF_GUNICORN, tmp_path / "log", server_environment(variables))
    try:
        process.start()
        eventually(lambda: check(**variables)[1]["service"] == ("ok", "ready"), "it is ready")
        assert check(**variables)[1]["proxies"] == ("skipped", "0 requests so far, too few to judge by")
    finally:
        process.end()


def test_check_fails_and_names_every_bad_setting_when_settings_are_bad() -> None:
    code, found = check(WEB_CONCURRENCY="many", LIKES_BIND="nowhere")
    assert code == 1
    assert list(found) == ["settings"]


def test_check_fails_when_the_database_is_unreachable() -> None:
    code, found = check(
        LIKES_MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200", LIKES_BIND="127.0.0.1:1"
    )
    assert code == 1
    assert found["database"] == ("error", "unreachable")
    assert found["service"] == ("skipped", "nothing answers at 127.0.0.1:1")


def test_warning_is_a_failure_when_the_check_is_strict(variables: dict[str, str]) -> None:
    assert check(LIKES_BIND="127.0.0.1:1", **variables)[0] == 0
    assert check("--strict", LIKES_BIND="127.0.0.1:1", **variables)[0] == 1
