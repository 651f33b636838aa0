"""``deploy/``: the container file builds without a secret and serves without privileges; the compose file fits it."""

import json
import os
import re
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pymongo import MongoClient
from ruamel.yaml import YAML

from harness.gunicorn import ReplicaSet, eventually
from harness.server import ROOT, SECRET_KEY
from likes_api.embedded_mongod.server import EmbeddedMongod
from tests.support.container import Stage, build

REAL = os.environ.get("LIKES_TEST_PIP") == "real"
PACKAGES = sysconfig.get_path("purelib")
INSTALLED = (
    {"PYTHONPATH": PACKAGES, "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"},
    ["--ro-bind", PACKAGES, PACKAGES],
)
# Runs in the container: the command beside its health check until that is content, a look at the service, SIGTERM.
DRIVER = """\
import json, subprocess, sys, time, urllib.request
command, health_check = map(json.loads, sys.argv[1:])
before = subprocess.run(health_check, stderr=subprocess.DEVNULL).returncode
with subprocess.Popen(command, stdout=sys.stderr) as service:
    end = time.monotonic() + 60
    while subprocess.run(health_check, stderr=subprocess.DEVNULL).returncode and time.monotonic() < end:
        time.sleep(0.1)
    ready = json.load(urllib.request.urlopen("http://127.0.0.1:8000/readyz"))
    try:
        open("/opt/likes-api/written", "w")
    except OSError as error:
        refused = error.strerror
    service.terminate()
print(json.dumps([before != 0, ready, refused, service.returncode]))
"""


@pytest.fixture(scope="module")
def image(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The container file's last stage.

    pip finds all requirements installed, on ``PYTHONPATH``, and asks no index. ``LIKES_TEST_PIP=real`` has it ask.
    """
    environment, options = INSTALLED
    if REAL:
        environment, options = (
            {name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            ["--share-net"],
        )
    return build(source, tmp_path_factory.mktemp("image"), environment, options)


def _dependencies() -> tuple[dict[str, str], list[str]]:
    packages = sysconfig.get_path("purelib")
    return {"PYTHONPATH": packages, "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}, [
        "--ro-bind",
        packages,
        packages,
    ]


def test_image_serves_without_root_and_writes_nothing_when_its_file_system_is_read_only(
    image: Stage, mongod: EmbeddedMongod, tmp_path: Path
) -> None:
    uid, gid = map(int, image.user.split(":"))
    assert uid > 0
    assert gid > 0
    environment, options = INSTALLED if not REAL else ({}, [])
    (tmp_path / "secret").write_text(SECRET_KEY)
    socket = str(Path(unquote(mongod.uri.removeprefix("mongodb://").partition("/")[0])).parent)
    mounts = ["--ro-bind", socket, socket, "--ro-bind", str(tmp_path / "secret"), "/run/secrets/likes_secret_key"]
    settings = {"LIKES_MONGODB_URI": mongod.uri, "LIKES_MONGODB_DATABASE": "image"}
    settings["LIKES_SECRET_KEY_FILE"] = "/run/secrets/likes_secret_key"
    command = ["python3", "-c", DRIVER, json.dumps(image.entry_point + image.command), json.dumps(image.health_check)]
    sandboxed = image.sandboxed(command, environment | settings, [*options, *mounts], writable=False)
    run = subprocess.run(sandboxed, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert json.loads(run.stdout) == [True, {"status": "ok"}, "Read-only file system", 0]


def test_image_adds_the_service_alone_without_a_secret_and_for_all_to_read(image: Stage) -> None:
    assert [path.name for path in (image.root / "opt").iterdir()] == ["likes-api"]
    files = [path for path in (image.root / "opt").rglob("*") if not path.is_symlink()]
    assert all(path.stat().st_mode & stat.S_IROTH for path in files)
    assert not any(SECRET_KEY.encode() in path.read_bytes() for path in files if path.is_file())


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "compose.yaml")
    return loaded


def test_compose_file_runs_the_image_as_it_is_meant_to_be_run() -> None:
    services = compose()["services"]
    for name in ("likes", "replica-set"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    settings = services["likes"]["environment"]
    example = (ROOT / "config" / "example.env").read_text(encoding="utf-8")
    assert all(re.search(rf"^#?{name}=", example, re.MULTILINE) for name in settings)
    hosts = {host.partition(":")[0] for host in services["replica-set"]["command"]}
    assert (
        set(re.findall(r"mongo\d", settings["LIKES_MONGODB_URI"])) == hosts == set(services) - {"likes", "replica-set"}
    )
    script = services["replica-set"]["entrypoint"][1].partition("/share/doc/likes-api/")[2]
    assert (ROOT / script).is_file()


def test_replica_set_is_made_once_when_a_member_comes_late_and_its_service_runs_twice(tmp_path: Path) -> None:
    replica_set = ReplicaSet(tmp_path)
    hosts = [f"127.0.0.1:{port}" for port in replica_set.ports]
    script = [sys.executable, str(ROOT / "deploy" / "initiate_replica_set.py"), *hosts]
    first, second, late = replica_set.members.values()
    log = tmp_path / str(replica_set.ports[0]) / "mongod.log"
    try:
        first.start()
        second.start()
        with subprocess.Popen(script) as service:
            eventually(lambda: log.exists() and "replSetInitiate" in log.read_text(), "it is asked for", seconds=120)
            late.start()
        assert service.returncode == 0
        subprocess.run(script, check=True, timeout=300)
        eventually(lambda: len(replica_set.secondaries()) == 2, "two secondaries", seconds=120)
        with MongoClient[dict[str, Any]](replica_set.uri) as client:
            configuration = client.admin.command("replSetGetConfig")["config"]
    finally:
        for member in replica_set.members.values():
            member.end()
    assert [member["host"] for member in configuration["members"]] == hosts
    assert configuration["version"] == 1
