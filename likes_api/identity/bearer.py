"""Bearer tokens of people: where a request may carry one, and the person and scopes of a token.

Source: RFC 6750, "Bearer Token Usage", sections 2 (three ways to send one) and 3.1 (what is wrong with one).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from likes_api.identity.authorization import bearer_tokens
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential, is_voter_id
from likes_api.repository.credentials.tokens import TokenRepository

_TOKEN = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """A permission of a token."""

    PUBLIC_READ = "public:read"
    PRIVATE_READ = "private:read"
    INTERACTIONS = "interactions"


class AmbiguousCredential(Exception):
    """The request carries more than one token, be they equal or not."""


class BearerAuthenticator:
    """Find the person of the one token that a request carries."""

    def __init__(self, grants: TokenRepository) -> None:
        self._grants = grants

    def authenticate(
        self, authorization: str | None, query: Sequence[str], form: Sequence[str], now: datetime | None = None
    ) -> Caller | None:
        """Return the person with the token's scopes, or ``None`` where the request has no token at all.

        Another scheme, such as a proxy's ``Basic``, is no token. ``Bearer`` with anything but a token behind it is a
        malformed one, hence invalid. An empty parameter counts as absent (RFC 6749, section 3.1).

        :param authorization: the header's value.
        :param query: every ``access_token`` in the query.
        :param form: every ``access_token`` in a urlencoded body.
        :param now: the time, with a time zone; the present by default.
        :raises AmbiguousCredential: there are several.
        :raises InvalidCredential: it is malformed, unknown, expired or revoked.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        tokens = [*bearer_tokens(authorization), *filter(None, query), *filter(None, form)]
        if len(tokens) > 1:
            raise AmbiguousCredential
        return self.caller_of(tokens[0], now) if tokens else None

    def caller_of(self, token: str, now: datetime | None = None) -> Caller:
        """Return the person that a token stands for, with its scopes, in one round trip.

        What cannot be a token does not reach the database. The time of the look-up does not show how much of a guess
        was right: tokens are found by their SHA-256, whose digits nobody can choose.

        :raises InvalidCredential: it is malformed, unknown, expired or revoked.
        """
        grant = self._grants.grant_of(token, now or datetime.now(UTC)) if _TOKEN.fullmatch(token) else None
        if grant is None or not is_voter_id(grant.person):
            raise InvalidCredential
        return Caller(grant.person, CallerKind.PERSON, grant.scopes)
