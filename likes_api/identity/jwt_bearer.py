"""JSON Web Tokens of the host's own sign-in, as bearer tokens.

Nothing in a token is trusted before its signature has been verified, but for ``iss`` and ``kid``, which choose the
keys to try. The issuer's settings say which algorithms there are, not the token; ``jku``, ``jwk`` and ``x5c`` are not
looked at. joserfc verifies; its input has been checked before, because it raises ``ValueError`` and ``TypeError`` for
malformed tokens.

Source: RFC 7519 (JWT), RFC 7515 (JWS), RFC 8725 (best current practices), RFC 9068 (``at+jwt``).
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, deserialize_compact

from config.jwt_issuers import JwtIssuer
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential, is_voter_id
from likes_api.identity.remote_keys import RemoteKeys
from likes_api.jose.claims import SEGMENT, is_current, is_issued, segment_object
from likes_api.jose.key_set import ALGORITHMS, KeySet, VerificationKey

REMEMBERED_TOKENS = 1024
"""Verified tokens that each process remembers; at 16 KiB for the longest, 16 MiB at the very most."""

_MAX_LENGTH = 16 * 1024
_JWT = re.compile(rf"(?P<header>{SEGMENT})\.(?P<claims>{SEGMENT})\.{SEGMENT}", re.ASCII)
# Tokens of other purposes, such as logout+jwt, are signed by the same keys.
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class _Registry(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        """Return an algorithm by its name, without the warning that joserfc has for each use of ``EdDSA``."""
        if name not in (self.allowed or ()):
            raise ValueError(name)
        return self.algorithms[name]


# One for each algorithm: the key has been chosen by it, so no other may come up.
_REGISTRIES = {name: _Registry(algorithms=[name], strict_check_header=False) for name in ALGORITHMS}


@dataclass(frozen=True, slots=True, eq=False)
class _Issuer:
    settings: JwtIssuer
    remote: RemoteKeys | None

    def keys(self) -> KeySet:
        return self.settings.keys if self.remote is None else self.remote.current()

    def ask(self) -> None:
        if self.remote is not None:
            self.remote.ask()


@dataclass(frozen=True, slots=True)
class _Unverified:
    algorithm: str
    kid: str | None
    claims: Mapping[str, object]


class JwtAuthenticator:
    """Find users by the tokens of the issuers in the settings."""

    def __init__(self, issuers: Iterable[JwtIssuer]) -> None:
        self._issuers = {
            each.issuer: _Issuer(each, RemoteKeys(each.jwks, each.issuer) if each.jwks else None) for each in issuers
        }
        self._claims = lru_cache(REMEMBERED_TOKENS)(self._verified)

    def start(self, seconds: float) -> None:
        """Fetch the key sets now, and wait a moment for them, so that the first tokens find keys."""
        remotes = [issuer.remote for issuer in self._issuers.values() if issuer.remote is not None]
        for remote in remotes:
            remote.start()
        end = time.monotonic() + seconds
        for remote in remotes:
            remote.wait_until_tried(max(0.0, end - time.monotonic()))

    def caller_of(self, token: str, now: datetime | None = None) -> Caller:
        """Return the user whose token this is. No database and no network is asked.

        :param now: the time, with a time zone; the present by default.
        :raises InvalidCredential: it is malformed, foreign or out of time, or its user can be nobody's id.
        """
        # A token's claims never change; only whether it is current does. With other keys it is verified again.
        issuer, claims = self._claims(token, tuple(each.keys() for each in self._issuers.values()))
        moment = int((now or datetime.now(UTC)).timestamp())
        user = claims.get(issuer.user_claim)
        if not isinstance(user, str) or not user or not is_current(claims, moment) or not is_issued(claims, moment):
            raise InvalidCredential
        if not is_voter_id(issuer.prefix + user):
            raise InvalidCredential
        return Caller(issuer.prefix + user, CallerKind.USER)

    def _verified(self, token: str, _: tuple[KeySet, ...]) -> tuple[JwtIssuer, Mapping[str, object]]:
        """Verify a token whatever the time. Failures are raised, and so not remembered."""
        unverified = _parsed(token)
        name = unverified.claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None or unverified.algorithm not in issuer.settings.algorithms:
            raise InvalidCredential
        keys = issuer.keys().candidates(unverified.algorithm, unverified.kid)
        if not any(_is_signed(token, key, unverified.algorithm) for key in keys):
            if not keys or unverified.kid is None:
                issuer.ask()  # The issuer may have replaced its keys.
            raise InvalidCredential
        if not _is_for_us(unverified.claims, issuer.settings.audiences):
            raise InvalidCredential
        return issuer.settings, unverified.claims


def _parsed(token: str) -> _Unverified:
    match = _JWT.fullmatch(token) if len(token) <= _MAX_LENGTH else None
    if match is None:
        raise InvalidCredential
    header = segment_object(match["header"])
    algorithm, kid, type_ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not (kid is None or isinstance(kid, str)):
        raise InvalidCredential
    if "crit" in header or not isinstance(type_, str) or type_.lower() not in _TYPES:
        raise InvalidCredential
    return _Unverified(algorithm, kid, segment_object(match["claims"]))


def _is_signed(token: str, key: VerificationKey, algorithm: str) -> bool:
    try:
        deserialize_compact(token, key.key, registry=_REGISTRIES[algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _is_for_us(claims: Mapping[str, object], audiences: frozenset[str]) -> bool:
    """Whether one of the token's audiences is ours; of an issuer without audiences, every token is."""
    named = claims.get("aud")
    values = named if isinstance(named, list) else [named]
    return not audiences or any(isinstance(value, str) and value in audiences for value in values)
