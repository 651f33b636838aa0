"""A wheel of this source tree, installed in a virtual environment of its own."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from harness.server import ROOT, SECRET_KEY

_FOLDERS = ("likes_api", "config", "docs", "deploy")
_FILES = ("*.md", "*.py", "*.txt", "*.cfg", "*.toml")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, with a secret where an operator has one.

    A copy, for setuptools leaves ``build/`` in the source, and takes what an earlier run left there.
    """
    source = tmp_path_factory.mktemp("source")
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (path for pattern in _FILES for path in ROOT.glob(pattern)):
        shutil.copy(file, source)
    (source / "deploy" / "secrets").mkdir(exist_ok=True)
    (source / "deploy" / "secrets" / "likes_secret_key").write_text(SECRET_KEY)
    (source / ".env").write_text(SECRET_KEY)
    return source


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built without isolation, which would ask the package index for setuptools."""
    built = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={built}", str(source)]
    subprocess.run(command, check=True, cwd=built)
    [wheel] = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the environment's commands. It has the wheel, and sees this environment's packages.

    They are on its path by a ``.pth`` file. Such a file in a directory that another one names is not read, so this
    environment's editable installation of the source tree is not seen.
    """
    directory = tmp_path_factory.mktemp("environment")
    venv.create(directory, with_pip=False)
    python = directory / "bin" / "python"
    subprocess.run([*PIP, f"--python={python}", "install", "--no-deps", "--no-index", str(wheel)], check=True)
    paths = {"base": str(directory), "platbase": str(directory)}
    purelib = Path(sysconfig.get_path("purelib", vars=paths))
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return directory / "bin"
