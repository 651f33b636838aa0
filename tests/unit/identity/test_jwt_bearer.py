"""Which JSON Web Tokens lead to a user: keys in memory, no network."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import Key, OctKey

from config.jwt_issuers import JwtIssuer
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential
from likes_api.identity.jwt_bearer import JwtAuthenticator
from likes_api.jose.key_set import KeySet, parse_key_set
from tests.support.issuer import ISSUER, claims, edwards, elliptic, key_set, rsa, secret_key, token

SECRET = "a secret of 64 bytes or more that the host shares with this service"
RSA, OTHER_RSA, EC, ED = rsa("r"), rsa("r"), elliptic("e"), edwards("d")
KEYS = {"RS256": RSA, "PS256": RSA, "RS512": RSA, "ES256": EC, "EdDSA": ED, "Ed25519": ED}
NOW = int(time.time())


def issuer(keys: KeySet, *algorithms: str, name: str = ISSUER, **more: Any) -> JwtIssuer:
    values = {"audiences": frozenset(), "jwks": None, "user_claim": "sub", "prefix": ""} | more
    return JwtIssuer(issuer=name, algorithms=frozenset(algorithms), keys=keys, **values)


def public(*keys: Key) -> KeySet:
    return parse_key_set(key_set(*keys), secrets=False)


def jwts(**more: Any) -> JwtAuthenticator:
    return JwtAuthenticator([issuer(public(RSA, EC, ED), *KEYS, **more)])


def shared(*algorithms: str) -> JwtAuthenticator:
    return JwtAuthenticator([issuer(KeySet.of_secret(SECRET), *(algorithms or ("HS256",)))])


def refuses(authenticator: JwtAuthenticator, presented: str) -> bool:
    with pytest.raises(InvalidCredential):
        authenticator.caller_of(presented)
    return True


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", KEYS)
def test_user_is_told_by_a_token_of_each_algorithm(algorithm: str) -> None:
    caller = jwts().caller_of(token(KEYS[algorithm], algorithm))
    assert caller == Caller("ada", CallerKind.USER)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("header", [{}, {"kid": "any"}])
def test_user_is_told_by_a_token_under_a_shared_secret(algorithm: str, header: dict[str, str]) -> None:
    authenticator = shared(algorithm)
    assert authenticator.caller_of(token(secret_key(SECRET), algorithm, header=header)).id == "ada"


# -- Algorithm confusion


def test_token_without_signature_is_refused_whatever_it_calls_the_algorithm() -> None:
    for algorithm in ("none", "None", "NONE", "nOnE", "", "RS256", "HS256", None, 0, ["none"], {}):
        header = {"alg": algorithm, "kid": "r"}
        for signature in ("", "AA"):
            assert refuses(jwts(), f"{segment(header)}.{segment(claims())}.{signature}")
    assert refuses(jwts(), f"{segment({'kid': 'r'})}.{segment(claims())}.AA")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_public_key_is_no_secret_when_a_token_is_signed_by_hmac_with_it(algorithm: str) -> None:
    document = key_set(RSA, EC, ED)
    spellings = [
        RSA.as_pem(private=False),
        RSA.as_pem(private=False).strip(),
        RSA.as_der(private=False),
        json.dumps(RSA.as_dict(private=False)).encode(),
        RSA.as_dict(private=False)["n"].encode(),  # type: ignore[union-attr]
        base64.urlsafe_b64decode(str(RSA.as_dict(private=False)["n"]) + "=="),
        document,
    ]
    # The issuer lists HMAC besides, as no file can make it: the key's type alone must refuse.
    authenticator = JwtAuthenticator([issuer(public(RSA, EC, ED), algorithm, "RS256")])
    for spelling in spellings:
        signed = f"{segment({'alg': algorithm, 'kid': 'r'})}.{segment(claims())}"
        mac = hmac.digest(spelling, signed.encode(), f"sha{algorithm[2:]}")
        assert refuses(authenticator, f"{signed}.{segment(mac)}")
        assert refuses(jwts(), f"{signed}.{segment(mac)}")


def test_algorithm_is_refused_when_the_issuer_does_not_list_it() -> None:
    authenticator = JwtAuthenticator([issuer(public(RSA, EC), "RS256")])
    assert authenticator.caller_of(token(RSA, "RS256")).id == "ada"
    for key, algorithm in ((RSA, "PS256"), (RSA, "RS512"), (EC, "ES256")):
        assert refuses(authenticator, token(key, algorithm))
    assert refuses(shared("HS512"), token(secret_key(SECRET), "HS256"))


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": OTHER_RSA.as_dict(private=False)},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"jwk": OTHER_RSA.as_dict(private=False), "kid": None},
    ],
)
def test_key_in_or_named_by_the_token_is_not_believed(header: dict[str, Any]) -> None:
    assert refuses(jwts(), token(OTHER_RSA, "RS256", header={name: v for name, v in header.items() if v is not None}))


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "unknown"},
        {"kid": 7},
        {"kid": ["r"]},
        {"kid": {}},
        {"typ": "logout+jwt"},
        {"typ": 7},
        {"typ": []},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": 7},
    ],
)
def test_token_is_refused_when_its_header_is_not_an_access_tokens(header: dict[str, Any]) -> None:
    unsigned = segment({"alg": "RS256", "kid": "r"} | header)
    assert RSA.private_key is not None
    signed = f"{unsigned}.{segment(claims())}"
    assert refuses(jwts(), f"{signed}.{segment(RSA.private_key.sign(signed.encode(), PKCS1v15(), SHA256()))}")


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "jwt"}, {"typ": "at+jwt"}, {"x5t": "AA"}, {"other": 1}])
def test_token_is_valid_when_its_header_says_more(header: dict[str, Any]) -> None:
    assert jwts().caller_of(token(RSA, "RS256", header=header)).id == "ada"


def test_keys_are_all_tried_when_a_token_names_none() -> None:
    keys = public(*(rsa(None) for _ in range(2)), RSA)
    authenticator = JwtAuthenticator([issuer(keys, "RS256")])
    nameless = RSA.__class__.import_key(RSA.as_pem(private=True))
    assert authenticator.caller_of(token(nameless, "RS256")).id == "ada"
    assert refuses(authenticator, token(rsa(None), "RS256"))


# -- Claims


def test_token_of_another_issuer_is_refused() -> None:
    for name in ("https://evil.example", "", None, 7, [ISSUER], ISSUER + "/", ISSUER.upper()):
        assert refuses(jwts(), token(RSA, "RS256", claims() | {"iss": name}))
    without = claims()
    del without["iss"]
    assert refuses(jwts(), token(RSA, "RS256", without))


def test_keys_of_one_issuer_do_not_speak_for_another() -> None:
    authenticator = JwtAuthenticator(
        [issuer(public(RSA), "RS256", name="one", prefix="1:"), issuer(public(EC), "ES256", name="two", prefix="2:")]
    )
    assert authenticator.caller_of(token(RSA, "RS256", claims(iss="one"))).id == "1:ada"
    assert authenticator.caller_of(token(EC, "ES256", claims(iss="two"))).id == "2:ada"
    assert refuses(authenticator, token(RSA, "RS256", claims(iss="two")))
    assert refuses(authenticator, token(EC, "ES256", claims(iss="one")))


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({"exp": NOW - 10}, True),
        ({"exp": NOW - 60}, False),
        ({"exp": None}, False),
        ({"exp": str(NOW + 60)}, False),
        ({"exp": True}, False),
        ({"exp": [NOW + 60]}, False),
        ({"exp": NOW + 60.5}, True),
        ({"exp": 10**30}, False),
        ({"nbf": NOW + 10}, True),
        ({"nbf": NOW + 60}, False),
        ({"nbf": "0"}, False),
        ({"nbf": None}, False),
        ({"iat": NOW + 10}, True),
        ({"iat": NOW + 60}, False),
        ({"iat": "x"}, False),
        ({"iat": {}}, False),
        ({"iat": NOW - 60, "nbf": NOW - 60}, True),
    ],
)
def test_token_is_valid_only_within_its_time_and_15_seconds(change: dict[str, Any], valid: bool) -> None:
    presented = token(RSA, "RS256", claims() | change)
    moment = datetime.fromtimestamp(NOW, UTC)
    if valid:
        assert jwts().caller_of(presented, moment).id == "ada"
    else:
        with pytest.raises(InvalidCredential):
            jwts().caller_of(presented, moment)


def test_token_expires_when_it_is_remembered() -> None:
    authenticator = jwts()
    presented = token(RSA, "RS256", claims() | {"exp": NOW + 60})
    assert authenticator.caller_of(presented, datetime.fromtimestamp(NOW, UTC)).id == "ada"
    with pytest.raises(InvalidCredential):
        authenticator.caller_of(presented, datetime.fromtimestamp(NOW + 76, UTC))


def test_token_without_exp_is_refused() -> None:
    assert refuses(jwts(), token(RSA, "RS256", {"iss": ISSUER, "sub": "ada"}))


@pytest.mark.parametrize(
    ("audience", "valid"),
    [
        ("likes", True),
        ("votes", True),
        (["other", "votes"], True),
        (["other"], False),
        ("other", False),
        ([], False),
        (None, False),
        ({"likes": 1}, False),
        ([["likes"], 7, None], False),
        (7, False),
    ],
)
def test_token_is_valid_for_one_of_our_audiences_only(audience: object, valid: bool) -> None:
    authenticator = jwts(audiences=frozenset({"likes", "votes"}))
    presented = token(RSA, "RS256", claims(aud=audience))
    assert authenticator.caller_of(presented).id == "ada" if valid else refuses(authenticator, presented)
    assert jwts().caller_of(presented).id == "ada"


@pytest.mark.parametrize(
    "user", ["", None, 7, True, ["ada"], {"id": "ada"}, "guest_" + "0" * 64, "guest_", "a\0b", "x" * 256, "\ud800"]
)
def test_token_is_nobodys_when_its_user_can_be_no_id(user: object) -> None:
    assert refuses(jwts(), token(RSA, "RS256", claims(user)))


def test_prefix_and_claim_make_the_users_id() -> None:
    authenticator = jwts(prefix="shop:", user_claim="uid")
    assert authenticator.caller_of(token(RSA, "RS256", claims(uid="7"))).id == "shop:7"
    assert authenticator.caller_of(token(RSA, "RS256", claims(uid="guest_7"))).id == "shop:guest_7"
    assert refuses(authenticator, token(RSA, "RS256", claims(uid="x" * 251)))
    assert refuses(authenticator, token(RSA, "RS256", claims("ada")))
    # Neither half begins like a guest, but the whole does.
    assert refuses(jwts(prefix="gue"), token(RSA, "RS256", claims("st_7")))


# -- Malformed tokens


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b'{"exp": NaN}', b"[" * 5_000, b'{"exp": ' + b"9" * 5_000 + b"}"],
)
def test_token_is_refused_when_its_signed_payload_is_no_json_object(payload: bytes) -> None:
    assert refuses(jwts(), token(RSA, "RS256", payload))


def test_token_is_refused_when_a_single_character_is_another() -> None:
    presented = token(EC, "ES256")
    for place in range(0, len(presented), 7):
        other = "A" if presented[place] != "A" else "B"
        assert refuses(jwts(), presented[:place] + other + presented[place + 1 :])
    for changed in (presented + "=", presented + "A", presented + ".", "." + presented, presented.replace(".", "..")):
        assert refuses(jwts(), changed)


def test_token_is_refused_when_it_is_too_long() -> None:
    assert refuses(jwts(), token(RSA, "RS256", claims(filler="x" * 16_384)))


def test_no_token_is_valid_when_there_are_no_issuers() -> None:
    assert refuses(JwtAuthenticator([]), token(RSA, "RS256"))


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=3), max_size=2)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"]), ODD)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "exp", "nbf", "iat", "aud"]), ODD | st.just(ISSUER))


@given(HEADERS, CLAIMS, st.binary(max_size=80), st.sampled_from(["RS256", "ES256", "EdDSA", None]))
def test_forged_token_is_refused_and_nothing_else_whatever_it_says(
    header: Mapping[str, object], said: Mapping[str, object], signature: bytes, algorithm: str | None
) -> None:
    full = {"alg": algorithm, "kid": {"RS256": "r", "ES256": "e"}.get(algorithm or "", "d")} if algorithm else {}
    assert refuses(jwts(), f"{segment(header | full)}.{segment(claims() | dict(said))}.{segment(signature)}")


@given(st.text(max_size=60) | st.lists(st.text("AQgw-_e.=", max_size=12), max_size=5).map(".".join))
def test_text_is_refused_and_nothing_else_whatever_it_is(presented: str) -> None:
    assert refuses(jwts(), presented)


def test_secret_as_a_key_of_a_published_set_signs_nothing() -> None:
    secret = OctKey.generate_key(256, {"kid": "s"})
    document = json.dumps({"keys": [secret.as_dict(private=True)]}).encode()
    authenticator = JwtAuthenticator([issuer(parse_key_set(document, secrets=False), "HS256")])
    assert refuses(authenticator, token(secret, "HS256"))
