"""Settings that hold secrets, read from files."""

from pathlib import Path

import pytest

from config.settings import FILE, IN_FILES
from tests.unit.config.test_settings import SECRET, faults, load


def test_settings_are_read_from_files_one_secret_a_line_when_the_variables_name_files(tmp_path: Path) -> None:
    uri, keys, nextauth, limits = (tmp_path / name for name in ("uri", "keys", "nextauth", "limits"))
    uri.write_text("mongodb://user:pa,ss@db.example/\n")
    keys.write_bytes(b"\xef\xbb\xbf" + f"{SECRET},{SECRET}\r\n\r\n  {'t' * 40}  \r\n".encode())
    nextauth.write_text("new, with a comma\nold")
    limits.write_text("redis://cache")
    given = load(
        LIKES_MONGODB_URI_FILE=str(uri),
        LIKES_SECRET_KEY_FILE=str(keys),
        LIKES_NEXTAUTH_SECRET_FILE=str(nextauth),
        LIKES_RATELIMIT_STORAGE_URI_FILE=str(limits),
    )
    assert given.mongodb_uri == "mongodb://user:pa,ss@db.example/"
    assert given.secret_keys == (f"{SECRET},{SECRET}", "t" * 40)
    assert given.nextauth_secrets == ("new, with a comma", "old")
    assert given.ratelimit_storage_uri == "redis://cache"


def test_file_counts_as_unset_when_its_variable_is_empty() -> None:
    assert load(LIKES_SECRET_KEY_FILE="", LIKES_MONGODB_URI_FILE=" ") == load()


@pytest.mark.parametrize("name", IN_FILES)
def test_file_is_refused_by_its_variable_and_not_its_path_or_content_when_it_is_bad(name: str, tmp_path: Path) -> None:
    empty, binary = tmp_path / "tell-nobody-1", tmp_path / "tell-nobody-2"
    empty.write_text(" \n\n")
    binary.write_bytes(b"tell-nobody \xff")
    key = {} if name == "LIKES_SECRET_KEY" else {"LIKES_SECRET_KEY": SECRET}
    for path in (empty, binary, tmp_path, tmp_path / "tell-nobody-3", "tell\0nobody"):
        found = faults({name + FILE: str(path)} | key, database_required=name == "LIKES_MONGODB_URI")
        others = [] if name == "LIKES_MONGODB_URI" else ["LIKES_MONGODB_URI"]
        assert list(faults({name + FILE: str(path)} | key, database_required=True)) == sorted([*others, name + FILE])
        assert "tell" not in found[name + FILE]
        assert str(tmp_path) not in found[name + FILE]


@pytest.mark.parametrize("name", IN_FILES)
def test_file_is_refused_when_the_setting_is_given_as_well(name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("redis://localhost" if "RATELIMIT" in name else "mongodb://db" if "URI" in name else SECRET)
    both = {name: file.read_text(), name + FILE: str(file), "LIKES_SECRET_KEY": SECRET}
    assert faults(both) == {name + FILE: f"Set this or {name}, not both."}


@pytest.mark.parametrize("name", ["LIKES_MONGODB_URI", "LIKES_RATELIMIT_STORAGE_URI"])
def test_file_is_refused_when_it_holds_two_lines_and_the_setting_one_value(name: str, tmp_path: Path) -> None:
    (tmp_path / "two").write_text("mongodb://a\nmongodb://b\n")
    found = faults({name + FILE: str(tmp_path / "two"), "LIKES_SECRET_KEY": SECRET})
    assert found == {name + FILE: "The file has more than one line."}


def test_value_in_a_file_is_checked_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{SECRET}\ntell-nobody\n")
    (tmp_path / "uri").write_text("mysql://tell-nobody")
    found = faults(
        {f"LIKES_{name}_FILE": str(tmp_path / name.split("_")[1].lower()) for name in ("MONGODB_URI",)}
        | {"LIKES_SECRET_KEY_FILE": str(tmp_path / "keys")}
    )
    assert sorted(found) == ["LIKES_MONGODB_URI", "LIKES_SECRET_KEY"]
    assert "tell-nobody" not in str(found)
