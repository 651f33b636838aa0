"""Session tokens of the JWT strategy: compact JWE under a key derived from the application's secret.

=========  ==============  ===========  =========================================================
next-auth  enc             HKDF salt    HKDF info
=========  ==============  ===========  =========================================================
v4         A256GCM         empty        ``NextAuth.js Generated Encryption Key``
early v5   A256GCM         cookie name  ``Auth.js Generated Encryption Key (<cookie name>)``
v5         A256CBC-HS512   cookie name  ``Auth.js Generated Encryption Key (<cookie name>)``
=========  ==============  ===========  =========================================================

Source: ``jwt/index.js`` of next-auth 4.24; ``jwt.ts`` of @auth/core 0.21 (next-auth 5.0.0-beta.5, the last beta
with A256GCM) and 0.41; RFC 7516 (JWE), RFC 5869 (HKDF), RFC 7638 (thumbprint). Proven on tokens made by these
packages: ``harness/nextauth``.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import OctKey

from likes_api.jose.claims import SEGMENT, is_current, json_object, segment_object

REMEMBERED_TOKENS = 1024
"""Tokens that each process keeps decrypted; at 16 KiB for the longest, 16 MiB at the very most."""

_GCM = "A256GCM"
_CBC = "A256CBC-HS512"
_KEY_BYTES = {_GCM: 32, _CBC: 64}

# joserfc ignores a registry that comes together with `algorithms`, so the registry carries them.
_REGISTRY = JWERegistry(algorithms=["dir", _GCM, _CBC])

# `dir` has no encrypted key.
_JWE = re.compile(rf"(?P<header>{SEGMENT})\.(?:\.{SEGMENT}){{3}}", re.ASCII)
_HEADER_NAMES = {"alg", "enc", "kid"}


@dataclass(frozen=True, slots=True)
class _SessionKey:
    key: OctKey
    kid: str


@dataclass(frozen=True, slots=True)
class _Header:
    enc: str
    kid: str | None


class JwtSessions:
    """Read JWT session tokens.

    Keys are derived here, once, never per request.

    :param secrets: the application's secrets, the likeliest first; without any, no token is valid.
    :param cookie_names: the names under which tokens may come.
    :param user_claims: where the user's id stands; the first that is a non-empty string counts.
    """

    def __init__(self, secrets: Sequence[str], cookie_names: Iterable[str], user_claims: Sequence[str]) -> None:
        self._user_claims = tuple(user_claims)
        # A browser sends the same token with every request. Its claims never change; only whether it is current
        # does, and that is checked each time.
        self._claims = lru_cache(REMEMBERED_TOKENS)(self._read)
        self._keys = {(name, enc): tuple(_keys(secrets, name, enc)) for name in cookie_names for enc in _KEY_BYTES}

    def user_of(self, token: str, cookie_name: str, now: datetime) -> str | None:
        """Return the user whose token this is, or ``None`` where it is malformed, foreign or out of time.

        :param cookie_name: the cookie it came in, ``__Secure-`` included; v5 binds tokens to it.
        :param now: the time, with a time zone.
        """
        claims = self._claims(token, cookie_name)
        return self._user(claims) if is_current(claims, int(now.timestamp())) else None

    def _read(self, token: str, cookie_name: str) -> Mapping[str, object]:
        """Return a token's claims, whatever the time; none where it is malformed or foreign."""
        header = _header(token)
        if header is not None:
            for key in self._candidates(cookie_name, header):
                plaintext = _decrypted(token, key)
                if plaintext is not None:
                    return json_object(plaintext)
        return {}

    def _candidates(self, cookie_name: str, header: _Header) -> tuple[OctKey, ...]:
        """Return the key that the header names, or all that could fit where it names none of ours."""
        keys = self._keys.get((cookie_name, header.enc), ())
        named = tuple(each.key for each in keys if each.kid == header.kid)
        return named or tuple(each.key for each in keys)

    def _user(self, claims: Mapping[str, object]) -> str | None:
        values = (claims.get(name) for name in self._user_claims)
        return next((value for value in values if isinstance(value, str) and value), None)


def _keys(secrets: Sequence[str], cookie_name: str, enc: str) -> Iterable[_SessionKey]:
    """Derive the keys to try: one per secret, or two where v4 and early v5 share an ``enc``."""
    bound = (cookie_name, f"Auth.js Generated Encryption Key ({cookie_name})")
    unbound = ("", "NextAuth.js Generated Encryption Key")
    for secret in secrets:
        for salt, info in (unbound, bound) if enc == _GCM else (bound,):
            length = _KEY_BYTES[enc]
            raw = HKDF(SHA256(), length, salt.encode(), info.encode()).derive(secret.encode())
            yield _SessionKey(OctKey.import_key(raw), _thumbprint(raw))


def _thumbprint(key: bytes) -> str:
    """Return the ``kid`` that v5 writes: RFC 7638 with SHA-256 for 32 bytes, SHA-512 for 64."""
    jwk = json.dumps({"k": _base64url(key), "kty": "oct"}, separators=(",", ":"))
    return _base64url(hashlib.new(f"sha{len(key) * 8}", jwk.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _header(token: str) -> _Header | None:
    """Read the protected header where token and header have the form that next-auth gives them.

    This comes before decryption, for the header is untrusted until then. The list of allowed names excludes
    ``zip`` (a small token could grow to gigabytes) and ``crit``.
    """
    match = _JWE.fullmatch(token)
    if match is None:
        return None
    header = segment_object(match["header"])
    if not header.keys() <= _HEADER_NAMES or header.get("alg") != "dir":
        return None
    enc, kid = header.get("enc"), header.get("kid")
    if not isinstance(enc, str) or enc not in _KEY_BYTES or not (kid is None or isinstance(kid, str)):
        return None
    return _Header(enc, kid)


def _decrypted(token: str, key: OctKey) -> bytes | None:
    try:
        return decrypt_compact(token, key, registry=_REGISTRY).plaintext
    except (JoseError, ValueError):
        # ValueError: an initialization vector or a tag of the wrong length, which joserfc does not wrap.
        return None
