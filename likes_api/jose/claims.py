"""Parse the parts of untrusted tokens: base64url segments, the JSON objects in them, and their times.

Source: RFC 7515, section 2 (base64url); RFC 7519, section 4.1 (claims).
"""

import base64
import json
from collections.abc import Mapping
from typing import NoReturn, TypeGuard

CLOCK_TOLERANCE = 15
"""Seconds by which this server's clock may differ from the application's; next-auth allows the same."""

# Canonical base64url only: no padding, unused bits zero, so that one token has one spelling.
SEGMENT = r"(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?"

# The largest integer that a JavaScript number holds exactly; a time beyond it is invalid.
_MAX_NUMBER = 2**53


def json_object(data: bytes) -> Mapping[str, object]:
    """Parse a JSON object in UTF-8; return an empty one for anything else, which no caller accepts."""
    try:
        parsed: object = json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def segment_object(segment: str) -> Mapping[str, object]:
    """Parse the JSON object in a segment that ``SEGMENT`` has matched; return an empty one for anything else."""
    return json_object(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def is_current(claims: Mapping[str, object], now: int) -> bool:
    """Whether a token is neither expired nor not valid yet. ``exp`` is required; ``iat`` must be a number.

    Source: jose 4.15 and 6.2, ``lib/jwt_claims_set``, which next-auth uses; there, ``exp`` may be missing.
    """
    exp, nbf, iat = (claims.get(name, default) for name, default in (("exp", None), ("nbf", 0), ("iat", 0)))
    if not (_is_number(exp) and _is_number(nbf) and _is_number(iat)):
        return False
    return exp > now - CLOCK_TOLERANCE and nbf <= now + CLOCK_TOLERANCE


def is_issued(claims: Mapping[str, object], now: int) -> bool:
    """Whether ``iat``, where there is one, does not lie in the future."""
    iat = claims.get("iat", 0)
    return _is_number(iat) and iat <= now + CLOCK_TOLERANCE


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a JSON number; ``True`` is an int only in Python, and 1e999 is infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
