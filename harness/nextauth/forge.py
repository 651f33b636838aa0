"""Make session tokens that next-auth would not make: odd claims and headers under a valid key."""

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import OctKey

GCM = "A256GCM"
CBC = "A256CBC-HS512"
_REGISTRY = JWERegistry(
    algorithms=["dir", GCM, CBC, "A128GCM", "A192GCM", "A128CBC-HS256", "DEF"], strict_check_header=False
)
_BYTES = {GCM: 32, CBC: 64, "A128GCM": 16, "A192GCM": 24, "A128CBC-HS256": 32}


def v4(secret: str, plaintext: Mapping[str, Any] | bytes, **header: object) -> str:
    """Encrypt as next-auth v4 does."""
    info = "NextAuth.js Generated Encryption Key"
    return _token(secret, "", info, plaintext, {"alg": "dir", "enc": GCM} | header)


def v5(secret: str, cookie: str, plaintext: Mapping[str, Any] | bytes, **header: object) -> str:
    """Encrypt as Auth.js v5 does, but without its ``kid``."""
    info = f"Auth.js Generated Encryption Key ({cookie})"
    return _token(secret, cookie, info, plaintext, {"alg": "dir", "enc": CBC} | header)


def _token(secret: str, salt: str, info: str, plaintext: Mapping[str, Any] | bytes, header: dict[str, Any]) -> str:
    data = plaintext if isinstance(plaintext, bytes) else json.dumps(plaintext).encode()
    length = _BYTES[header["enc"]]
    key = HKDF(SHA256(), length, salt.encode(), info.encode()).derive(secret.encode())
    return encrypt_compact(header, data, OctKey.import_key(key), registry=_REGISTRY)
