"""Service tokens: applications of the host that read votes, vote for others or administrate, each by its own token."""

import re
from datetime import UTC, datetime
from enum import StrEnum

from likes_api.identity.bearer import Scope
from likes_api.identity.caller import Caller, CallerKind, InvalidCredential, is_voter_id
from likes_api.repository.credentials.service_tokens import ServiceTokenRepository

ON_BEHALF_OF = "Likes-On-Behalf-Of"
# `likes_api.repository.credentials.service_tokens` makes them.
_TOKEN = re.compile(r"lk_(?P<id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")


class ServiceScope(StrEnum):
    """A permission of a service token."""

    VOTES_READ = "votes:read"
    VOTES_WRITE = "votes:write"
    ADMIN = "admin"


# The scopes that a service has for a person, by the names of the scopes of people's own tokens.
_PERSON_SCOPES = {
    ServiceScope.VOTES_READ: frozenset({Scope.PUBLIC_READ, Scope.PRIVATE_READ}),
    ServiceScope.VOTES_WRITE: frozenset({Scope.PUBLIC_READ, Scope.PRIVATE_READ, Scope.INTERACTIONS}),
}


class MissingOnBehalfOf(Exception):
    """A service does not say for whom it acts."""


class InvalidOnBehalfOf(Exception):
    """A service acts for what can be no user's or person's id."""


class ServiceTokenAuthenticator:
    """Find services by their tokens."""

    def __init__(self, tokens: ServiceTokenRepository) -> None:
        self._tokens = tokens

    def caller_of(self, token: str, now: datetime | None = None) -> Caller:
        """Return the service whose token this is, in one round trip; what cannot be a token costs none.

        :param now: the time, with a time zone; the present by default.
        :raises InvalidCredential: it is malformed, unknown, replaced or revoked.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        match = _TOKEN.fullmatch(token)
        scopes = self._tokens.scopes_of(match["id"], match["secret"], now or datetime.now(UTC)) if match else None
        if match is None or scopes is None:
            raise InvalidCredential
        return Caller(match["id"], CallerKind.SERVICE, scopes)


def act_for(service: Caller, header: str | None, kind: CallerKind) -> Caller:
    """Return the user or person for whom a service acts; any other caller as it is, whatever the header says.

    Its scopes are the service's own and the equivalent scopes of people. Their sufficiency is checked elsewhere.

    :param header: the value of ``Likes-On-Behalf-Of``, as WSGI has it: UTF-8, decoded as Latin-1 (PEP 3333).
    :param kind: whether a user or a person is wanted.
    :raises MissingOnBehalfOf: it is empty or not there.
    :raises InvalidOnBehalfOf: it can be nobody's id, such as a guest's.
    """
    if service.kind is not CallerKind.SERVICE:
        return service
    if not header:
        raise MissingOnBehalfOf
    try:
        id_ = header.encode("latin-1").decode()
    except UnicodeError:
        raise InvalidOnBehalfOf from None
    if not is_voter_id(id_):
        raise InvalidOnBehalfOf
    implied = (granted for scope, granted in _PERSON_SCOPES.items() if scope in service.scopes)
    return Caller(id_, kind, service.scopes.union(*implied), service.id)
