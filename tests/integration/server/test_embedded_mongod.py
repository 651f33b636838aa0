"""Prove on the real mongod that the embedded one starts, keeps its data and never outlives its owner."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest
from pymongo import MongoClient, WriteConcern

import likes_api
from likes_api.embedded_mongod import server
from likes_api.embedded_mongod.server import DataDirectoryInUse, EmbeddedMongod, EmbeddedMongoError, find_mongod

SOURCE = Path(likes_api.__file__).parents[1]
OWNER = """\
import sys, time
from pathlib import Path
from likes_api.embedded_mongod.server import EmbeddedMongod
mongod = EmbeddedMongod(Path(sys.argv[1]), Path(sys.argv[2]))
mongod.start()
print(mongod.pid, mongod.uri, flush=True)
time.sleep(60)
"""
VISITOR = """\
import os, sys
from pathlib import Path
from pymongo import MongoClient
from likes_api.embedded_mongod.server import EmbeddedMongod, find_mongod
with EmbeddedMongod(find_mongod(Path(sys.argv[1])), Path(sys.argv[2])) as mongod, MongoClient(mongod.uri) as client:
    client.test.notes.insert_one({})
    print(os.getuid(), Path(f"/proc/{mongod.pid}").stat().st_uid, client.test.notes.count_documents({}))
"""


@pytest.fixture(scope="module")
def binary() -> Path:
    return find_mongod(None)


@pytest.fixture
def owner(binary: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a mongod on ``tmp_path`` and has said so on its stdout."""
    command = [sys.executable, "-c", OWNER, str(binary), str(tmp_path)]
    with subprocess.Popen(command, env=environment(SOURCE), stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def environment(*python_path: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, python_path))}


def write(uri: str) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        client.test.get_collection("notes", write_concern=WriteConcern("majority", j=True)).insert_one({})


def count(uri: str) -> int:
    with MongoClient[dict[str, Any]](uri) as client:
        return client.test.notes.count_documents({})


def descriptors(mongod: EmbeddedMongod) -> set[str]:
    """Return what a mongod has open, except what it closes while we look."""
    found = set()
    for descriptor in Path(f"/proc/{mongod.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(descriptor.readlink()))
    return found


def kernel_table(name: str) -> list[str]:
    return Path("/proc/net", name).read_text().splitlines()[1:]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_mongod_takes_majority_writes_when_started_fresh(binary: Path, tmp_path: Path) -> None:
    with EmbeddedMongod(binary, tmp_path / "var") as mongod:
        write(mongod.uri)
        assert count(mongod.uri) == 1
        assert mongod.is_running()
    assert not mongod.is_running()


def test_mongod_is_out_of_reach_of_others_when_running(binary: Path, tmp_path: Path) -> None:
    with EmbeddedMongod(binary, tmp_path) as mongod:
        files = descriptors(mongod)
        network = [line.split()[9] for line in kernel_table("tcp") + kernel_table("tcp6")]
        local = {
            line.split()[7] for line in kernel_table("unix") if f"socket:[{line.split()[6]}]" in files and "/" in line
        }
        mode = stat.S_IMODE((tmp_path / "mongodb").stat().st_mode)
        group = os.getpgid(mongod.pid or 0)
    assert not files & {f"socket:[{inode}]" for inode in network}
    assert local == {"./mongod.sock"}
    assert mode == 0o700
    assert group != os.getpgrp()


def test_data_and_two_logs_are_kept_when_mongod_is_stopped_and_started(binary: Path, tmp_path: Path) -> None:
    mongod = EmbeddedMongod(binary, tmp_path)
    for runs in range(3):
        uri = mongod.start()
        assert count(uri) == runs
        write(uri)
        mongod.stop()
    assert len(list((tmp_path / "mongodb").glob("mongod.log*"))) == 2


def test_data_are_found_when_their_directory_was_moved(binary: Path, tmp_path: Path) -> None:
    with EmbeddedMongod(binary, tmp_path / "here") as mongod:
        write(mongod.uri)
    (tmp_path / "here").rename(tmp_path / "there")
    with EmbeddedMongod(binary, tmp_path / "there") as mongod:
        assert count(mongod.uri) == 1


def test_restart_keeps_address_and_data_when_mongod_was_killed(binary: Path, tmp_path: Path) -> None:
    with EmbeddedMongod(binary, tmp_path) as mongod, MongoClient[dict[str, Any]](mongod.uri) as client:
        uri, pid = mongod.uri, mongod.pid
        assert pid is not None
        write(uri)
        os.kill(pid, signal.SIGKILL)
        while mongod.is_running():
            pass
        assert mongod.exit_code == -signal.SIGKILL
        assert mongod.restart() == uri
        assert mongod.pid != pid
        # A client from before finds its way back.
        assert client.test.notes.count_documents({}) == 1


def test_start_finds_the_data_when_the_owner_was_killed(
    binary: Path, tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    assert owner.stdout is not None
    pid, uri = owner.stdout.readline().split()
    write(uri)
    owner.kill()
    owner.wait()
    with EmbeddedMongod(binary, tmp_path) as mongod:
        assert not is_alive(int(pid))
        assert mongod.uri == uri
        assert count(uri) == 1


def test_mongod_lives_on_when_the_thread_that_started_it_ends(binary: Path, tmp_path: Path) -> None:
    mongod = EmbeddedMongod(binary, tmp_path)
    thread = Thread(target=mongod.start)
    thread.start()
    thread.join()
    try:
        pid = mongod.pid
        write(mongod.uri)
        # Longer than a mongod takes to react to a SIGTERM.
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], timeout=2, check=False)
        assert mongod.is_running()
    finally:
        mongod.stop()


def test_stop_kills_mongod_when_it_does_not_react(
    binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 0.2)
    mongod = EmbeddedMongod(binary, tmp_path)
    mongod.start()
    pid = mongod.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    mongod.stop()
    assert not is_alive(pid)


def test_start_names_the_directory_and_its_uri_when_another_process_uses_it(
    binary: Path, tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    assert owner.stdout is not None
    _pid, uri = owner.stdout.readline().split()
    with pytest.raises(DataDirectoryInUse) as refusal:
        EmbeddedMongod(binary, tmp_path).start()
    assert refusal.value.uri == uri
    assert str(tmp_path) in str(refusal.value)
    assert "LIKES_DATA_DIR" in str(refusal.value)
    write(uri)  # the first is unharmed


def test_start_names_the_directory_when_it_cannot_be_made(binary: Path, tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(EmbeddedMongoError, match="var"):
        EmbeddedMongod(binary, tmp_path / "var").start()


def test_start_tells_the_end_of_the_log_and_frees_the_directory_when_mongod_fails(binary: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "mongodb" / "storage.bson"
    damaged.parent.mkdir()
    damaged.write_text("not BSON")
    with pytest.raises(EmbeddedMongoError, match=r"(?s)ended with code .*storage engine metadata"):
        EmbeddedMongod(binary, tmp_path).start()
    damaged.unlink()
    with EmbeddedMongod(binary, tmp_path) as mongod:
        write(mongod.uri)


def test_mongod_gets_a_short_address_when_the_directory_is_200_characters_deep(binary: Path, tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    with EmbeddedMongod(binary, directory) as mongod:
        write(mongod.uri)
        alias = Path(unquote(mongod.uri.removeprefix("mongodb://").partition("/")[0])).parents[1]
        assert stat.S_IMODE(alias.stat().st_mode) == 0o700
        with pytest.raises(DataDirectoryInUse) as refusal:
            EmbeddedMongod(binary, directory).start()
        assert refusal.value.uri == mongod.uri
    assert not alias.exists()
    with EmbeddedMongod(binary, directory) as mongod:
        assert count(mongod.uri) == 1


@pytest.mark.parametrize("name", ["a b", "Üpper,Case", "50%25+@:[x]?#&"])
def test_mongod_is_reachable_when_the_directory_has_an_awkward_name(binary: Path, tmp_path: Path, name: str) -> None:
    with EmbeddedMongod(binary, tmp_path / name) as mongod:
        write(mongod.uri)


@pytest.fixture
def visitor(binary: Path) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """A command, and how to run it so that it is not root: nobody, who may read nothing of ours, gets copies."""
    home = Path(tempfile.mkdtemp(prefix="likes-api-visitor-"))
    try:
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            python = copy_python(home)
            for package in ("likes_api", "pymongo", "bson", "gridfs"):
                spec = find_spec(package)
                assert spec is not None
                assert spec.origin is not None
                shutil.copytree(Path(spec.origin).parent, home / "packages" / package)
            own = Path(shutil.copy(binary, home))
            command = [str(python), "-c", VISITOR, str(own), str(home / "var")]
            variables = environment(home / "packages") | {"LD_LIBRARY_PATH": str(python.parent)}
            yield (
                command,
                {"env": variables, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []},
            )
        else:
            yield (
                [sys.executable, "-c", VISITOR, str(binary), str(home / "var")],
                {"env": environment(SOURCE)},
            )
    finally:
        shutil.rmtree(home)


def copy_python(home: Path) -> Path:
    """Copy the interpreter and its standard library, which lie under /root as often as not."""
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library,
        home / library.relative_to(sys.base_prefix),
        ignore=shutil.ignore_patterns("test", "tests", "*-packages", "__pycache__", "config-*", "idlelib", "ensurepip"),
        ignore_dangling_symlinks=True,
    )
    (home / "bin").mkdir()
    shared = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    if shared.is_file() and shared.suffix != ".a":
        shutil.copy(shared, home / "bin")
    return Path(shutil.copy(Path(sys.executable).resolve(), home / "bin"))


def test_mongod_runs_as_its_owner_when_that_is_an_ordinary_user(
    visitor: tuple[list[str], dict[str, Any]],
) -> None:
    command, options = visitor
    run = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False, **options)
    assert run.returncode == 0, run.stderr
    user, mongods_user, notes = run.stdout.split()
    assert user == mongods_user != "0"
    assert notes == "1"


def test_a_copy_of_the_stopped_directory_holds_all_votes_when_it_is_started_elsewhere(
    binary: Path, tmp_path: Path
) -> None:
    """What docs/operations/README.md tells to do for a backup of the embedded data, and to restore it."""
    with EmbeddedMongod(binary, tmp_path / "var") as mongod:
        write(mongod.uri)
    shutil.copytree(tmp_path / "var", tmp_path / "backup", symlinks=True)
    with EmbeddedMongod(binary, tmp_path / "var") as mongod:
        write(mongod.uri)
        assert count(mongod.uri) == 2
        with EmbeddedMongod(binary, tmp_path / "backup") as restored:
            assert count(restored.uri) == 1
            write(restored.uri)
            assert count(restored.uri) == 2
