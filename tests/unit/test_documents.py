"""The documents name files that exist: a room that moves takes its name along."""

import re
from pathlib import Path

import pytest

from harness.server import ROOT

REPLACED = "\nReplaced by "  # a decision that no longer holds speaks of what there was
DOCUMENTS = [
    document
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/*/README.md"))
    if document.name != "CHANGELOG.md" and REPLACED not in document.read_text()
]
ROOMS = ("likes_api", "config", "tests", "harness", "bench", "faults", "scripts", "deploy", "docs", "clients")
FILES = [
    f"/{path.relative_to(ROOT)}"
    for room in ROOMS
    for path in ROOT.joinpath(room).rglob("*")
    if "node_modules" not in path.parts
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_files_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text()
    links = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if not re.match(r"\w+:", link)}
    assert [link for link in links if not (document.parent / link).exists()] == []
    modules = set(re.findall(r"`([\w./-]+\.py)`", text))
    assert [
        name for name in modules if not any(f"/{name}" in file for file in FILES) and not (ROOT / name).exists()
    ] == []


def test_decisions_that_the_code_names_exist() -> None:
    sources = [*(ROOT / "likes_api").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    named = {number for source in sources for number in re.findall(r"docs/decisions/(\d{4})", source.read_text())}
    assert named
    assert {number for number in named if not list((ROOT / "docs" / "decisions").glob(f"{number}-*.md"))} == set()
