"""The workers' shared counters on a real gunicorn: how many workers, reloads, killed ones, and what is left behind."""

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from harness.gunicorn import Gunicorn, children, eventually
from harness.server import Server, started_server
from likes_api.embedded_mongod.server import EmbeddedMongod
from likes_api.server import limits_directory
from tests.support.gunicorn import environment

LIMIT = 40


@pytest.fixture
def limited(mongod: EmbeddedMongod) -> dict[str, str]:
    limits = {"LIKES_RATELIMIT_ENABLED": "true", "LIKES_LIMIT_STATUS": f"{LIMIT}/hour"}
    return environment(mongod.uri, "test_gunicorn", WEB_CONCURRENCY="2", **limits)


@pytest.fixture
def gunicorn(limited: dict[str, str], tmp_path: Path) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(tmp_path, limited)
    gunicorn.start()
    try:
        eventually(gunicorn.is_serving, "gunicorn serves")
        yield gunicorn
    finally:
        gunicorn.end()


def statuses(url: str, times: int) -> Counter[int]:
    """Ask over connections of their own, so that any worker may get each."""
    path = f"{url}/!/simple-likes/status?ids=a"
    return Counter(requests.get(path, headers={"Connection": "close"}, timeout=20).status_code for _ in range(times))


def directory_of(pid: int) -> Path:
    """Return the directory that a process holds open."""
    held = [descriptor.readlink() for descriptor in Path(f"/proc/{pid}/fd").iterdir() if descriptor.exists()]
    [directory] = {path for path in held if path.name.startswith("likes-api-limits-")}
    return directory


def test_limits_are_not_multiplied_when_gunicorn_gets_more_workers_than_the_setting_says(
    limited: dict[str, str],
) -> None:
    variables = limited | {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--workers 4"}
    with started_server(variables) as server:
        eventually(lambda: len(children(server.pid)) == 4, "four workers live")
        counted = statuses(server.url, LIMIT + 20)
        eventually(lambda: statuses(server.url, 1) == {429: 1} and workers_that_counted(server) > 1, "two have counted")
    assert counted == {200: LIMIT, 429: 20}


def workers_that_counted(server: Server) -> int:
    directory = str(directory_of(server.pid))
    return sum(directory in Path(f"/proc/{pid}/maps").read_text() for pid in children(server.pid))


def test_limits_go_on_when_workers_are_replaced(gunicorn: Gunicorn) -> None:
    url = f"http://127.0.0.1:{gunicorn.port}"
    assert statuses(url, LIMIT - 10) == {200: LIMIT - 10}
    before = set(gunicorn.workers())
    gunicorn.send(signal.SIGHUP)
    eventually(lambda: len(gunicorn.workers()) == 2 and not before & set(gunicorn.workers()), "workers are new")
    os.kill(gunicorn.workers()[0], signal.SIGKILL)
    assert statuses_of_survivors(url, 20) == {200: 10, 429: 10}


def statuses_of_survivors(url: str, times: int) -> Counter[int]:
    """Ask again where the killed worker had the connection."""
    found: Counter[int] = Counter()
    while found.total() < times:
        try:
            found += statuses(url, 1)
        except requests.ConnectionError:
            continue
    return found


def test_directory_is_in_shared_memory_and_gone_when_gunicorn_ends(gunicorn: Gunicorn) -> None:
    directory = directory_of(gunicorn.pid)
    assert directory.parent == Path("/dev/shm")
    assert statuses(f"http://127.0.0.1:{gunicorn.port}", 1) == {200: 1}
    assert sorted(path.name for path in directory.iterdir()) == ["data.mdb", "lock.mdb"]
    gunicorn.send(signal.SIGTERM)
    assert gunicorn.wait() == 0
    assert not directory.exists()


def test_directory_of_a_killed_gunicorn_is_removed_by_the_next_and_not_used(gunicorn: Gunicorn) -> None:
    url = f"http://127.0.0.1:{gunicorn.port}"
    assert statuses(url, LIMIT + 1) == {200: LIMIT, 429: 1}
    abandoned, workers = directory_of(gunicorn.pid), gunicorn.workers()
    gunicorn.send(signal.SIGKILL)
    gunicorn.wait()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "workers are gone")
    assert abandoned.exists()
    gunicorn.start()
    eventually(gunicorn.is_serving, "gunicorn serves")
    assert not abandoned.exists()
    assert statuses(url, 1) == {200: 1}


# -- The directory itself


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path, Path]]:
    """Shared memory, data and temporary files, where a test may break them."""
    shared, data, temporary = places = tuple(tmp_path / name for name in ("shared", "data", "temporary"))
    for place in places:
        place.mkdir()
    monkeypatch.setattr(limits_directory, "SHARED_MEMORY", shared)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("LIKES_LIMITS_DIRECTORY", "")
    yield shared, data, temporary
    limits_directory.remove()


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_directory_is_in_the_first_place_that_is_there(places: tuple[Path, Path, Path], missing: int) -> None:
    for place in places[:missing]:
        place.rmdir()
    limits_directory.prepare(places[1])
    directory = limits_directory.current()
    assert directory is not None
    assert directory.parent == places[missing]


def test_directories_that_somebody_holds_stay(places: tuple[Path, Path, Path]) -> None:
    limits_directory.prepare(places[1])
    ours = limits_directory.current()
    assert ours is not None
    abandoned = [place / "likes-api-limits-abandoned" for place in places]
    for each in abandoned:
        each.mkdir()
    limits_directory.prepare(places[1])
    assert ours.exists()
    assert not any(each.exists() for each in abandoned)
    assert limits_directory.current() != ours
