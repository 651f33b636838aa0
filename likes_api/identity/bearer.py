"""Bearer tokens: where a request may carry one, and the person and scopes that it stands for.

Source: RFC 6750, "Bearer Token Usage", sections 2 (three ways to send one) and 3.1 (what is wrong with one).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from likes_api.identity.caller import Caller, CallerKind, InvalidCredential
from likes_api.repository.tokens import Grant

_TOKEN = re.compile(r"[0-9a-f]{64}")
_BEARER = re.compile(r"bearer(?:\s+|$)", re.IGNORECASE)
# A server joins header lines of one name with commas (RFC 9110, section 5.2), so two tokens may come as one value.
_NEXT_BEARER = re.compile(r",\s*(?=bearer\b)", re.IGNORECASE)


class Scope(StrEnum):
    """What a token may be used for."""

    PUBLIC_READ = "public:read"
    PRIVATE_READ = "private:read"
    INTERACTIONS = "interactions"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who presents a token, and the scopes it was made with."""

    caller: Caller
    scopes: frozenset[str]


class AmbiguousCredential(Exception):
    """The request carries more than one token, be they equal or not."""


class GrantLookup(Protocol):
    """What tokens need of the database; ``likes_api.repository.tokens`` has it."""

    def grant_of(self, token: str, now: datetime) -> Grant | None:
        """Tell what a token stands for, or ``None`` where it is unknown, expired or revoked."""


class BearerAuthenticator:
    """Tell the bearer by the one token that a request carries."""

    def __init__(self, grants: GrantLookup) -> None:
        self._grants = grants

    def authenticate(
        self, authorization: str | None, query: Sequence[str], form: Sequence[str], now: datetime | None = None
    ) -> Bearer | None:
        """Tell the bearer, or ``None`` where the request has no token at all.

        Another scheme, such as a proxy's ``Basic``, is no token. ``Bearer`` with anything but a token behind it is a
        malformed one, hence invalid. An empty parameter counts as absent (RFC 6749, section 3.1).

        What cannot be a token does not reach the database. No comparing here or there tells a stranger how much of a
        guess was right: tokens are found by their SHA-256, whose digits nobody can steer towards a stored one.

        :param authorization: the header's value.
        :param query: every ``access_token`` in the query.
        :param form: every ``access_token`` in a urlencoded body.
        :param now: the time, with a time zone; the present by default.
        :raises AmbiguousCredential: there are several.
        :raises InvalidCredential: it is malformed, unknown, expired or revoked.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        tokens = [*_in_header(authorization or ""), *filter(None, query), *filter(None, form)]
        if len(tokens) > 1:
            raise AmbiguousCredential
        if not tokens:
            return None
        grant = self._grants.grant_of(tokens[0], now or datetime.now(UTC)) if _TOKEN.fullmatch(tokens[0]) else None
        if grant is None:
            raise InvalidCredential
        return Bearer(Caller(grant.person, CallerKind.PERSON), grant.scopes)


def _in_header(value: str) -> list[str]:
    found = [(each, _BEARER.match(each)) for each in _NEXT_BEARER.split(value.strip())]
    return [each[match.end() :] for each, match in found if match]
