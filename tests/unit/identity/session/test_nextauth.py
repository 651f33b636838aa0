"""JWT session tokens: those the real packages made, and forged ones."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.nextauth import forge
from harness.nextauth.vectors import named
from likes_api.identity.session.nextauth import JwtSessions

NAME = "authjs.session-token"
SECRET = "a-secret-made-up-for-tests-0123456789"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
CLAIMS = {"sub": "ada", "exp": EPOCH + 60}


def sessions(*secrets: str, claims: tuple[str, ...] = ("id", "sub")) -> JwtSessions:
    return JwtSessions(secrets or (SECRET,), [NAME], claims)


def user_of(token: str) -> str | None:
    return sessions().user_of(token, NAME, NOW)


def both(plaintext: dict[str, Any] | bytes, **header: object) -> list[str]:
    return [forge.v4(SECRET, plaintext, **header), forge.v5(SECRET, NAME, plaintext, **header)]


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_header(header: bytes) -> str:
    return ".".join([segment(header), *forge.v4(SECRET, CLAIMS).split(".")[1:]])


def test_token_is_read_when_forged_like_next_auths() -> None:
    early = forge.v5(SECRET, NAME, CLAIMS, enc=forge.GCM)
    assert [user_of(token) for token in (*both(CLAIMS), early)] == ["ada"] * 3


@pytest.mark.parametrize("token", both(CLAIMS))
def test_token_is_refused_when_the_secret_is_another(token: str) -> None:
    assert sessions("another").user_of(token, NAME, NOW) is None


@pytest.mark.parametrize("token", both(CLAIMS))
def test_token_is_refused_when_no_secret_is_configured(token: str) -> None:
    assert JwtSessions([], [NAME], ["sub"]).user_of(token, NAME, NOW) is None


@pytest.mark.parametrize("token", [*both(CLAIMS), forge.v5(SECRET, NAME, CLAIMS, enc=forge.GCM)])
def test_token_is_read_when_the_secret_has_been_rotated(token: str) -> None:
    assert sessions("newest", "newer", SECRET).user_of(token, NAME, NOW) == "ada"


@pytest.mark.parametrize("enc", [forge.GCM, forge.CBC])
def test_v5_token_is_refused_when_bound_to_another_cookie(enc: str) -> None:
    assert user_of(forge.v5(SECRET, f"__Secure-{NAME}", CLAIMS, enc=enc)) is None


def test_token_is_read_when_its_kid_is_of_no_key_of_ours() -> None:
    assert [user_of(token) for token in both(CLAIMS, kid="2026")] == ["ada", "ada"]


@pytest.mark.parametrize(
    ("offset", "user"), [(60, "ada"), (0, "ada"), (-14, "ada"), (-15, None), (-16, None), (0.5, "ada")]
)
def test_exp_is_tolerated_when_past_by_less_than_15_seconds(offset: float, user: str | None) -> None:
    claims = {"sub": "ada", "exp": EPOCH + offset}
    assert [user_of(token) for token in both(claims)] == [user, user]


@pytest.mark.parametrize("exp", ["99999999999", True, None, [], {}, 2**53 + 2, 10**400, -1, 0])
def test_token_is_refused_when_exp_is_no_time(exp: object) -> None:
    assert user_of(forge.v4(SECRET, {"sub": "ada", "exp": exp})) is None


@pytest.mark.parametrize("exp", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000, "1.0.0"])
def test_token_is_refused_when_exp_is_no_json_number(exp: str) -> None:
    assert user_of(forge.v4(SECRET, b'{"sub":"ada","exp":%s}' % exp.encode())) is None


def test_token_is_refused_when_exp_is_missing() -> None:
    assert user_of(forge.v4(SECRET, {"sub": "ada"})) is None


@pytest.mark.parametrize(
    ("more", "user"),
    [
        ({"nbf": EPOCH + 15}, "ada"),
        ({"nbf": EPOCH + 16}, None),
        ({"nbf": "0"}, None),
        ({"nbf": None}, None),
        ({"iat": EPOCH + 3600}, "ada"),
        ({"iat": "now"}, None),
        ({"iat": True}, None),
    ],
)
def test_nbf_and_iat_are_judged_as_jose_does_when_present(more: dict[str, Any], user: str | None) -> None:
    assert user_of(forge.v4(SECRET, CLAIMS | more)) == user


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        ({"id": "grace", "sub": "ada"}, "grace"),
        ({"id": "", "sub": "ada"}, "ada"),
        ({"id": 7, "sub": "ada"}, "ada"),
        ({"id": {"$ne": ""}, "sub": ["ada"]}, None),
        ({"email": "ada@example.org"}, None),
    ],
)
def test_user_is_the_first_non_empty_string_when_claims_differ(claims: dict[str, Any], user: str | None) -> None:
    assert user_of(forge.v4(SECRET, claims | {"exp": EPOCH + 60})) == user


def test_user_is_in_another_claim_when_so_configured() -> None:
    token = forge.v4(SECRET, CLAIMS | {"uid": "grace"})
    assert sessions(claims=("uid",)).user_of(token, NAME, NOW) == "grace"


@pytest.mark.parametrize("plaintext", [b"", b"[]", b'"x"', b"null", b"{", b"\xff", b"[" * 9000, b"\xef\xbb\xbf{}"])
def test_token_is_refused_when_its_plaintext_is_no_object(plaintext: bytes) -> None:
    assert [user_of(token) for token in both(plaintext)] == [None, None]


@pytest.mark.parametrize("header", [{"zip": "DEF"}, {"crit": ["typ"], "typ": "JWT"}, {"crit": []}, {"b64": False}])
def test_token_is_refused_when_its_header_has_more_than_next_auth_writes(header: dict[str, Any]) -> None:
    assert [user_of(token) for token in both(CLAIMS, **header)] == [None, None]


@pytest.mark.parametrize("enc", ["A128GCM", "A192GCM", "A128CBC-HS256"])
def test_token_is_refused_when_enc_is_another(enc: str) -> None:
    assert user_of(forge.v4(SECRET, CLAIMS, enc=enc)) is None


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none"}',
        b'{"alg":"none","enc":"A256GCM"}',
        b'{"alg":"RSA-OAEP","enc":"A256GCM"}',
        b'{"alg":"A256KW","enc":"A256GCM"}',
        b'{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483647,"p2s":"AAAA"}',
        b'{"alg":["dir"],"enc":"A256GCM"}',
        b'{"alg":"dir","enc":["A256GCM"]}',
        b'{"alg":"dir","enc":{}}',
        b'{"alg":"dir","enc":null}',
        b'{"alg":"dir"}',
        b'{"alg":"dir","enc":"A256GCM","kid":[]}',
        b'{"alg":"dir","enc":"A256GCM","kid":1}',
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"a":' + b"[" * 370,
        b'{"alg":"dir","enc":"A256GCM","kid":"' + b"k" * 400 + b'"}',
    ],
)
def test_token_is_refused_when_its_header_is_not_next_auths(header: bytes) -> None:
    assert user_of(with_header(header)) is None


@pytest.mark.parametrize("index", [2, 3, 4])
@pytest.mark.parametrize("part", ["", "A", "AA", "AAAA", "A" * 64, "====", "+/+/", "é", "\0", " ", "\n"])
@pytest.mark.parametrize("token", both(CLAIMS), ids=["v4", "v5"])
def test_token_is_refused_when_a_part_is_replaced(token: str, index: int, part: str) -> None:
    parts = token.split(".")
    parts[index] = part
    assert user_of(".".join(parts)) is None


@pytest.mark.parametrize("token", both(CLAIMS), ids=["v4", "v5"])
def test_token_is_refused_when_it_has_an_encrypted_key(token: str) -> None:
    assert user_of(token.replace("..", ".AAAA.")) is None


@pytest.mark.parametrize(
    "token",
    ["....", "a.b.c.d.e", "..a.b.c", "." * 4 + "\n", "é.é.é.é.é", "{}.{}.{}.{}.{}", "\0....", "\ud800...."],
)
def test_token_is_refused_when_it_is_five_parts_of_garbage(token: str) -> None:
    assert user_of(token) is None


@pytest.mark.parametrize("token", both(CLAIMS), ids=["v4", "v5"])
def test_token_is_refused_when_any_one_character_is_changed(token: str) -> None:
    reader = sessions()
    for position, character in enumerate(token):
        for other in {"A", "B", "w", "_", ".", "="} - {character}:
            changed = token[:position] + other + token[position + 1 :]
            assert reader.user_of(changed, NAME, NOW) is None, position


def test_key_is_picked_by_kid_when_it_names_one_of_ours() -> None:
    vector = named("v5 under the newer of two secrets")
    header = vector.cookies[NAME].partition(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    token = forge.v5(SECRET, NAME, CLAIMS, kid=kid)
    # With the newer secret at hand the kid leads to it, and to it alone; without, every key is tried.
    assert sessions(*vector.secrets).user_of(token, NAME, NOW) is None
    assert sessions("another", SECRET).user_of(token, NAME, NOW) == "ada"
