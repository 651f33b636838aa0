"""Which keys of a document are used, and for which algorithm."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from likes_api.jose.key_set import ALGORITHMS, MAX_CANDIDATES, MAX_DOCUMENT_BYTES, KeySet, parse_key_set
from tests.support.issuer import edwards, elliptic, key_set, rsa

RSA = rsa("r")
PUBLIC_RSA = RSA.as_dict(private=False)
PUBLIC_EC = elliptic("e").as_dict(private=False)


def parsed(*entries: object, secrets: bool = False) -> KeySet:
    return parse_key_set(json.dumps({"keys": entries}).encode(), secrets=secrets)


def algorithms_of(keys: KeySet, kid: str | None = None) -> set[str]:
    return {algorithm for algorithm in ALGORITHMS if keys.candidates(algorithm, kid)}


@pytest.mark.parametrize(
    ("key", "fitting"),
    [
        (RSA, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (elliptic("k"), {"ES256"}),
        (elliptic("k", "P-384"), {"ES384"}),
        (elliptic("k", "P-521"), {"ES512"}),
        (edwards("k"), {"EdDSA", "Ed25519"}),
        (OctKey.generate_key(256, {"kid": "k"}), {"HS256"}),
        (OctKey.generate_key(512, {"kid": "k"}), {"HS256", "HS384", "HS512"}),
    ],
)
def test_key_fits_the_algorithms_of_its_own_type_and_curve_only(
    key: RSAKey | ECKey | OKPKey | OctKey, fitting: set[str]
) -> None:
    document = json.dumps({"keys": [key.as_dict(private=True)]}).encode()
    assert algorithms_of(parse_key_set(document, secrets=True)) == fitting


def test_secret_is_no_key_when_it_is_published() -> None:
    secret = OctKey.generate_key(512).as_dict(private=True)
    assert algorithms_of(parsed(secret, secrets=False)) == set()


@pytest.mark.parametrize(
    "entry",
    [
        PUBLIC_RSA | {"use": "enc"},
        PUBLIC_RSA | {"use": ["sig"]},
        PUBLIC_RSA | {"key_ops": ["encrypt"]},
        PUBLIC_RSA | {"key_ops": "verify"},
        PUBLIC_RSA | {"kid": 7},
        PUBLIC_RSA | {"kid": {}},
        PUBLIC_RSA | {"alg": "none"},
        PUBLIC_RSA | {"alg": []},
        PUBLIC_RSA | {"n": 3},
        PUBLIC_RSA | {"n": ""},
        PUBLIC_RSA | {"n": "é"},
        PUBLIC_RSA | {"n": "AQAB"},
        PUBLIC_RSA | {"n": "_" * 4_000},
        PUBLIC_RSA | {"e": "AA"},
        {name: value for name, value in PUBLIC_RSA.items() if name != "e"},
        PUBLIC_EC | {"crv": "P-192"},
        PUBLIC_EC | {"crv": "Ed25519"},
        PUBLIC_EC | {"crv": None},
        PUBLIC_EC | {"x": PUBLIC_EC["y"]},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": ["RSA"]},
        {"kty": "oct"},
        {"kty": "oct", "k": ""},
        {},
        None,
        [],
        "RSA",
    ],
)
def test_key_is_left_out_alone_when_it_is_unusable(entry: Any) -> None:
    good = elliptic("good").as_dict(private=False)
    keys = parsed(entry, good, entry, secrets=True)
    assert algorithms_of(keys) == {"ES256"}
    assert len(keys.candidates("ES256", None)) == 1


def test_key_verifies_one_algorithm_only_when_it_names_it() -> None:
    assert algorithms_of(parsed(PUBLIC_RSA | {"alg": "PS256"})) == {"PS256"}


def test_candidates_are_those_of_the_key_id_or_ten_of_all_when_there_is_none() -> None:
    entries = [PUBLIC_EC | {"kid": f"k{number}"} for number in range(15)]
    keys = parsed(PUBLIC_RSA, *entries)
    assert [key.kid for key in keys.candidates("ES256", "k12")] == ["k12"]
    assert keys.candidates("ES256", "r") == ()
    assert keys.candidates("ES256", "unknown") == ()
    assert [key.kid for key in keys.candidates("ES256", None)] == [f"k{number}" for number in range(MAX_CANDIDATES)]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b"\xff",
        b'{"keys": [NaN]}',
        b"[" * 100_000,
        b" " * MAX_DOCUMENT_BYTES + key_set(RSA),
    ],
)
def test_document_is_refused_when_it_is_no_key_set_or_too_large(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"no JWK Set|too large"):
        parse_key_set(document, secrets=True)


@pytest.mark.parametrize("of", ["pem", "certificate-like"])
def test_public_key_is_refused_as_a_secret(of: str) -> None:
    pem = RSA.as_pem(private=False).decode()
    with pytest.raises(ValueError, match="public keys"):
        KeySet.of_secret(pem if of == "pem" else f"\n{pem}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e", "k", "d", "x5c"]
WORDS = st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "P-521", "Ed25519", "X25519", "sig", "ES256", "AQAB"])
BASE64URL = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", max_size=90)


@given(st.lists(st.dictionaries(st.sampled_from(MEMBERS), WORDS | BASE64URL | JSON), max_size=4), st.booleans())
def test_key_set_is_read_whatever_its_keys_are(entries: list[dict[str, Any]], secrets: bool) -> None:
    keys = parsed(*entries, secrets=secrets)
    for algorithm in ALGORITHMS:
        assert len(keys.candidates(algorithm, None)) <= len(entries)
