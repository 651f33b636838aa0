"""The file of ``LIKES_JWT_ISSUERS``: what it may say, and every fault at once, by name and never by value."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey

from config.jwt_issuers import JwtIssuer
from config.settings import Settings, SettingsError
from tests.support.issuer import ISSUER, elliptic, issuers_file, key_set, rsa

URL = "https://login.example.com/jwks.json"
SECRET = "a secret that the host shares with this service"
REMOTE = {"jwks": URL}
HMAC = {"algorithms": ["HS256"], "secret_env": "HOST_SECRET"}


def load(file: str, **environment: str) -> tuple[JwtIssuer, ...]:
    return Settings.from_environment({"LIKES_JWT_ISSUERS": file, "HOST_SECRET": SECRET} | environment).jwt_issuers


def fault(file: str, **environment: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(file, **environment)
    name, _, message = str(refused.value).partition(": ")
    assert name == "LIKES_JWT_ISSUERS"
    return message


def test_issuer_has_the_documented_defaults_when_only_keys_are_named(tmp_path: Path) -> None:
    (issuer,) = load(issuers_file(tmp_path, REMOTE))
    assert (issuer.issuer, issuer.audiences, issuer.algorithms) == (ISSUER, frozenset(), {"RS256"})
    assert (issuer.jwks, issuer.user_claim, issuer.prefix) == (URL, "sub", "")
    assert not issuer.keys.candidates("RS256", None)


def test_issuer_is_as_given_when_everything_is_set(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(rsa()))
    file = issuers_file(
        tmp_path,
        {"audience": "likes", "keys": "keys.json", "user_claim": "uid", "prefix": "shop:"},
        {"issuer": "other", "audience": ["a", "b"]} | HMAC,
        {"issuer": "third", "jwks": "http://127.0.0.1:8001/jwks?x=1", "algorithms": ["EdDSA", "ES256"]},
        {"issuer": "fourth", "jwks": "http://[::1]:8001/jwks"},
        {"issuer": "fifth", "jwks": "http://localhost/jwks"},
    )
    first, second, third, *_ = load(file)
    assert (first.audiences, first.user_claim, first.prefix, first.jwks) == ({"likes"}, "uid", "shop:", None)
    assert first.keys.candidates("RS256", "rsa-1")
    assert second.audiences == {"a", "b"}
    assert second.keys.candidates("HS256", "whatever")
    assert third.algorithms == {"EdDSA", "ES256"}
    assert SECRET not in repr(second)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Issuer 1: Takes one of jwks, keys, secret_env."),
        (REMOTE | {"keys": "k.json"}, "Issuer 1: Takes one of jwks, keys, secret_env."),
        (REMOTE | {"issuer": ""}, "Issuer 1: issuer: "),
        (REMOTE | {"issuer": None}, "Issuer 1: issuer: "),
        (REMOTE | {"audience": []}, "Issuer 1: audience: Not a string or a list of strings."),
        (REMOTE | {"audience": ["a", 1]}, "Issuer 1: audience: Not a string or a list of strings."),
        (REMOTE | {"algorithms": []}, "Issuer 1: algorithms: Not a string or a list of strings."),
        (REMOTE | {"algorithms": ["none"]}, "Issuer 1: algorithms: Not among RS256, "),
        (REMOTE | {"algorithms": ["RS256", "HS256"]}, "Issuer 1: algorithms: What is published is no secret"),
        (REMOTE | {"user_claim": ""}, "Issuer 1: user_claim: "),
        (REMOTE | {"prefix": "guest_"}, "Issuer 1: prefix: Not a prefix"),
        (REMOTE | {"prefix": "p" * 65}, "Issuer 1: prefix: Not a prefix"),
        (REMOTE | {"audiences": "likes"}, "Issuer 1: audiences: Unknown field."),
        ({"jwks": "http://login.example.com/jwks"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "http://127.0.0.1.example.com/"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "file:///etc/passwd"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "https://user:secret@login.example.com/"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "https://login.example.com:99999/"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "https://[x/"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "https:///jwks"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": "https://login.example.com/a b"}, "Issuer 1: jwks: Not an https URL"),
        ({"jwks": 7}, "Issuer 1: jwks: "),
        ({"keys": "missing.json"}, "Issuer 1: keys: The file cannot be read."),
        ({"keys": "."}, "Issuer 1: keys: The file cannot be read."),
        ({"keys": "bad.json"}, "Issuer 1: keys: The file is not a JWK Set."),
        ({"keys": "ec.json"}, "Issuer 1: keys: The file has no key for these algorithms."),
        ({"secret_env": "HOST_SECRET"}, "Issuer 1: algorithms: A secret takes HS algorithms only."),
        (HMAC | {"secret_env": "UNSET"}, "Issuer 1: secret_env: The variable it names is unset or shorter than 32"),
        (HMAC | {"algorithms": ["HS512"]}, "Issuer 1: secret_env: The variable it names is unset or shorter than 64"),
        (HMAC | {"secret_env": "A PUBLIC KEY"}, "Issuer 1: secret_env: "),
        (HMAC | {"secret_env": "PUBLIC_KEY"}, "Issuer 1: secret_env: The variable it names holds a public key"),
    ],
)
def test_fault_is_named_by_issuer_and_field_and_not_by_value(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    (tmp_path / "bad.json").write_text("[]")
    (tmp_path / "ec.json").write_bytes(key_set(elliptic()))
    said = fault(issuers_file(tmp_path, change), PUBLIC_KEY=rsa().as_pem(private=False).decode())
    assert said.startswith(expected)
    for value in ("secret@", "example.com", "99999", "missing.json", "HOST_SECRET", SECRET, "BEGIN"):
        assert value not in said


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "Cannot be read."),
        ("\xff", "Cannot be read."),
        ("", "Not JSON."),
        ("[" * 100_000, "Not JSON."),
        ("{}", "Not a list of issuers."),
        ("[7]", "Issuer 1: Invalid input type."),
    ],
)
def test_file_is_refused_when_it_is_no_list_of_issuers(tmp_path: Path, content: str | None, expected: str) -> None:
    path = tmp_path / "issuers.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    assert fault(str(path)) == expected


def test_faults_of_all_issuers_and_of_other_settings_are_reported_at_once(tmp_path: Path) -> None:
    file = issuers_file(tmp_path, {"jwks": "ftp://x", "prefix": 1}, REMOTE, REMOTE)
    with pytest.raises(SettingsError) as refused:
        load(file, WEB_CONCURRENCY="0")
    said = str(refused.value)
    for part in ("Issuer 1: jwks: ", "Issuer 1: prefix: ", "An issuer stands in it twice.", "WEB_CONCURRENCY: "):
        assert part in said


def test_shared_secret_in_a_file_of_keys_is_used_when_it_is_long_enough(tmp_path: Path) -> None:
    for size, algorithm, fits in ((256, "HS256", True), (128, "HS256", False), (256, "HS512", False)):
        key = OctKey.generate_key(size, {"kid": "k"}).as_dict(private=True)
        (tmp_path / "keys.json").write_text(json.dumps({"keys": [key]}))
        file = issuers_file(tmp_path, {"keys": "keys.json", "algorithms": [algorithm]})
        if fits:
            assert load(file)[0].keys.candidates(algorithm, "k")
        else:
            assert fault(file) == "Issuer 1: keys: The file has no key for these algorithms."
