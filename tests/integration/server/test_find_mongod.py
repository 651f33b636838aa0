"""Which mongod is taken, and what is said where there is none."""

import sys
from pathlib import Path

import pytest

from likes_api.embedded_mongod.server import EmbeddedMongoError, find_mongod


def test_find_mongod_names_the_alternative_when_the_given_one_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedMongoError, match=r"nowhere.*LIKES_MONGODB_URI"):
        find_mongod(tmp_path / "nowhere")


def test_find_mongod_names_the_alternative_when_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(EmbeddedMongoError, match=r"none on PATH.*LIKES_MONGODB_URI"):
        find_mongod(None)


def test_find_mongod_quotes_the_loader_when_a_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = find_mongod(None)
    (tmp_path / "libcurl.so.4").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(EmbeddedMongoError, match=r"shared libraries.*libcurl\.so\.4.*LIKES_MONGODB_URI"):
        find_mongod(binary)


def test_find_mongod_passes_over_one_on_the_path_when_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "mongod"
    old.write_text("#!/bin/sh\necho db version v5.0.31\n")
    old.chmod(0o755)
    with pytest.raises(EmbeddedMongoError, match=r"version 5\.0"):
        find_mongod(old)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(EmbeddedMongoError, match=r"version 5\.0"):
        find_mongod(None)
