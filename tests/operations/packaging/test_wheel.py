"""The wheel has all that the service needs, wherever it is installed and from wherever it is started."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import requests

from harness.server import ROOT, SECRET_KEY
from tests.support.run_command import answers, running_demo

# Django's usual names.
SHADOWS = {"wsgi.py": "raise ImportError('not this one')", "config/__init__.py": "", "config/settings.py": ""}


def test_wheel_holds_every_file_of_the_packages_and_no_secret_beside_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        assert not any(SECRET_KEY.encode() in archive.read(name) for name in packed)
    files = (path for package in ("likes_api", "config") for path in (ROOT / package).rglob("*") if path.is_file())
    sources = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert sources <= packed
    assert "wsgi.py" in packed
    documents = {name.partition(".data/data/share/doc/likes-api/")[2] for name in packed}
    assert {"README.md", "docs/operations/alerts.yml", "deploy/nginx.conf"} <= documents


def test_version_is_printed_when_the_command_is_asked(installed: Path, wheel: Path) -> None:
    said = subprocess.check_output([installed / "likes-api", "--version"], text=True)
    assert said.split()[-1] == wheel.name.split("-")[1]


def test_demo_is_served_by_the_wheel_when_the_current_directory_has_modules_of_our_names(
    installed: Path, tmp_path: Path
) -> None:
    for name, content in SHADOWS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    with running_demo(tmp_path / "var", command=installed / "likes-api", current_directory=tmp_path) as curls:
        assert [answer["action"] for answer in answers(curls)] == ["liked", "downvoted", "liked"]
        base = curls[0].split()[3].removesuffix("/api/likes")
        page = requests.get(base, timeout=60)
        script = requests.get(f"{base}/widget/like-button.js", timeout=60)
    assert (page.status_code, script.status_code) == (200, 200)
    assert "<like-button" in page.text
    assert "customElements" in script.text


def test_contract_tests_pass_against_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Not those in which the database fails or clients are many: they test the code, which is the same."""
    others = shutil.ignore_patterns("__pycache__", "node_modules", ".next")
    for name in ("tests", "harness", "deploy", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=others)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    python = installed / "python"
    where = subprocess.check_output(
        [python, "-c", "import likes_api; print(likes_api.__file__)"], cwd=tmp_path, text=True
    )
    assert where.startswith(str(installed.parent))
    chosen = "not database and not burst and not anything and not any_ and not race and not at_once"
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, "tests/contracts"]
    # The client that some of them use is no part of the wheel.
    environment = os.environ | {"PYTHONPATH": str(ROOT / "clients" / "python" / "src")}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
