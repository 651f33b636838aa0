"""The keys that verify an issuer's tokens: a JSON Web Key Set, or a shared secret.

joserfc has a ``KeySet``, but it refuses a set for one malformed key, gives keys without a ``kid`` one of their own, and
raises several undocumented exceptions. Here joserfc imports each key, from its public members alone.

Source: RFC 7517 (keys and sets), RFC 7518 and 8037 (key types), RFC 9864 (``Ed25519``).
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

from likes_api.jose.claims import json_object

HMAC_BYTES: Mapping[str, int] = MappingProxyType({"HS256": 32, "HS384": 48, "HS512": 64})
"""The least length of a secret for each algorithm of secrets (RFC 7518, section 3.2)."""

_RSA = dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None))
_CURVES = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
ALGORITHMS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {**_RSA, **_CURVES, **dict.fromkeys(HMAC_BYTES, ("oct", None))}
)
"""The algorithms that there are here, and the type and curve of the key that each takes. ``none`` is not among them."""

MAX_DOCUMENT_BYTES = 256 * 1024
"""A set of a hundred RSA keys with their certificates fits in."""

MAX_CANDIDATES = 10
_RSA_BITS = range(2_048, 8_193)
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}
_TYPES_WITH_CURVES = frozenset(_CURVES.values())


@dataclass(frozen=True, slots=True, eq=False)
class VerificationKey:
    """One key, with the use, id and algorithm that it declares."""

    key: Key
    type: str
    curve: str | None
    kid: str | None = None
    algorithm: str | None = None
    secret_bytes: int = 0

    def fits(self, algorithm: str) -> bool:
        """Whether this key may verify by an algorithm: only one of its own type, so no public key is a secret."""
        return (
            ALGORITHMS[algorithm] == (self.type, self.curve)
            and self.algorithm in {None, algorithm}
            and self.secret_bytes >= HMAC_BYTES.get(algorithm, 0)
        )


class KeySet:
    """An immutable set of keys; another set replaces it as a whole."""

    def __init__(self, keys: Iterable[VerificationKey] = (), *, has_kids: bool = True) -> None:
        self._keys = tuple(keys)
        self._has_kids = has_kids

    @classmethod
    def of_secret(cls, secret: str) -> "KeySet":
        """Make a set of one shared secret, which is used whatever ``kid`` a token has.

        :raises ValueError: it is a public key, which is not secret.
        """
        data = secret.encode()
        return cls([VerificationKey(OctKey.import_key(data), "oct", None, secret_bytes=len(data))], has_kids=False)

    def candidates(self, algorithm: str, kid: str | None) -> tuple[VerificationKey, ...]:
        """Return the keys to try, ten at most: those of that ``kid``, or without one all that fit the algorithm."""
        named = (key for key in self._keys if not self._has_kids or kid is None or key.kid == kid)
        return tuple(key for key in named if key.fits(algorithm))[:MAX_CANDIDATES]


def parse_key_set(document: bytes, *, secrets: bool) -> KeySet:
    """Read a JWK Set. Keys that cannot be used are left out, as RFC 7517, section 5, says.

    :param secrets: whether it may hold secrets (``oct``); a published set may not.
    :raises ValueError: it is no JWK Set, or too large.
    """
    if len(document) > MAX_DOCUMENT_BYTES:
        raise ValueError("too large")
    entries = json_object(document).get("keys")
    if not isinstance(entries, list):
        raise ValueError("no JWK Set")
    keys = (_key(entry) for entry in entries if isinstance(entry, dict))
    return KeySet(key for key in keys if key is not None and (secrets or key.type != "oct"))


def _key(entry: Mapping[str, object]) -> VerificationKey | None:
    type_, kid, algorithm, curve = (_text(entry, name) for name in ("kty", "kid", "alg", "crv"))
    if type_ not in _MEMBERS or not _verifies(entry):
        return None
    public = {name: text for name in _MEMBERS[type_] if (text := _text(entry, name)) is not None}
    if len(public) < len(_MEMBERS[type_]) or ("crv" in public and (type_, curve) not in _TYPES_WITH_CURVES):
        return None
    if type_ == "RSA" and int.from_bytes(_octets(public["n"])).bit_length() not in _RSA_BITS:
        return None
    try:
        key = JWKRegistry.import_key({"kty": type_, **public})
    except (JoseError, ValueError, TypeError):
        return None
    return VerificationKey(key, type_, public.get("crv"), kid, algorithm, len(_octets(public.get("k", ""))))


def _verifies(entry: Mapping[str, object]) -> bool:
    """Whether a key may verify signatures, as far as its ``use`` and ``key_ops`` say."""
    operations = entry.get("key_ops", ["verify"])
    well_formed = all(entry.get(name) is None or _text(entry, name) is not None for name in ("kid", "alg", "use"))
    return well_formed and entry.get("use") in {None, "sig"} and isinstance(operations, list) and "verify" in operations


def _text(entry: Mapping[str, object], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) else None


def _octets(text: str) -> bytes:
    """Decode base64url; return no bytes where it is invalid."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
