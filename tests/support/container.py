"""Build and run ``deploy/Containerfile`` without a container engine, in namespaces (bubblewrap).

In place of the base images stand this machine's own system directories, read-only, and the Python that runs the tests
at ``/usr/local``, where the images have theirs. So what the Containerfile says is tested, not what the images hold.

Source: Dockerfile reference; bwrap(1).
"""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

_SYSTEM = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr")
_BASE_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/"}


@dataclass(slots=True)
class Stage:
    """One ``FROM`` and what follows: the files that it added to its base, and its settings."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(_BASE_ENVIRONMENT))
    directory: str = "/"
    user: str = "0:0"
    health_check: list[str] = field(default_factory=list)
    entry_point: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def sandboxed(
        self, command: Sequence[str], environment: Mapping[str, str], options: Sequence[str], *, writable: bool
    ) -> list[str]:
        """Return a command line that runs ``command`` as this stage's user."""
        uid, _, gid = self.user.partition(":")
        variables = [part for pair in (self.environment | environment).items() for part in ("--setenv", *pair)]
        # The Python at its own place too, where it looks for its shared library.
        binds = [part for path in (*_SYSTEM, sys.base_prefix) for part in ("--ro-bind-try", path, path)]
        return [
            *("bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--uid", uid, "--gid", gid),
            *("--bind", str(self.root), "/", *binds, "--ro-bind", sys.base_prefix, "/usr/local"),
            *(
                "--dev",
                "/dev",
                "--proc",
                "/proc",
                *(("--tmpfs", "/tmp") if writable else ()),
                *options,
                "--chdir",
                self.directory,
                *variables,
            ),
            *(() if writable else ("--remount-ro", "/")),
            *("--", *command),
        ]


def build(context: Path, directory: Path, environment: Mapping[str, str], options: Sequence[str]) -> Stage:
    """Do what ``deploy/Containerfile`` of a source tree says; return its last stage.

    :param environment: what the build has of this machine: nothing secret belongs there.
    :param options: bwrap's, for every ``RUN``.
    :raises subprocess.CalledProcessError: a ``RUN`` failed.
    """
    stages: dict[str, Stage] = {}
    stage = Stage(directory)
    for instruction, value in _instructions(context / "deploy" / "Containerfile"):
        if instruction == "FROM":
            name = value.partition(" AS ")[2] or str(len(stages))
            stage = stages[name] = Stage(directory / name)
            stage.root.mkdir()
        elif instruction == "RUN":
            command = stage.sandboxed(["/bin/sh", "-c", value], environment, options, writable=True)
            subprocess.run(command, check=True)
        elif instruction == "COPY":
            _copy(stage, value, context, stages)
        else:
            _set(stage, instruction, value)
    return stage


def _set(stage: Stage, instruction: str, value: str) -> None:
    match instruction:
        case "WORKDIR":
            stage.directory = value
            (stage.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in value.split())
        case "USER":
            stage.user = value
        case "HEALTHCHECK":
            stage.health_check = json.loads(value.partition("CMD ")[2])
        case "ENTRYPOINT":
            stage.entry_point = json.loads(value)
        case "CMD":
            stage.command = json.loads(value)
        case _:
            assert instruction == "EXPOSE", instruction


def _instructions(containerfile: Path) -> Iterator[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO(containerfile.read_bytes()))
    for each in parser.structure:
        if each["instruction"] != "COMMENT":
            yield each["instruction"], each["value"]


def _copy(stage: Stage, value: str, context: Path, stages: Mapping[str, Stage]) -> None:
    *sources, destination = value.split()
    origin = context
    if sources[0].startswith("--from="):
        origin = stages[sources.pop(0).removeprefix("--from=")].root
    into = stage.root / stage.directory.lstrip("/") / destination.lstrip("/")
    if destination.endswith("/"):
        into.mkdir(parents=True, exist_ok=True)
    for source in (path for pattern in sources for path in origin.glob(pattern.lstrip("/"))):
        if source.is_dir():
            shutil.copytree(source, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, into)
