"""The caller of a request, and the choice of the credential that counts among those that it carries."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Protocol

from flask import Request

from likes_api.identity import authorization
from likes_api.votes import GUEST_PREFIX

if TYPE_CHECKING:
    from likes_api.identity.guest import GuestIds
    from likes_api.identity.session.authenticator import SessionAuthenticator

_MAX_ID_LENGTH = 255

# Their forms exclude each other, so the form of a token is the kind of credential that it is tried as, and no other.
_PERSON_TOKEN = re.compile(r"[0-9a-f]{64}")
_SERVICE_TOKEN_PREFIX = "lk_"  # noqa: S105  # the beginning that all have in common


class CallerKind(StrEnum):
    """The kinds of caller: a user of the host, a person of the social network, a guest, an application of the host."""

    USER = "user"
    PERSON = "person"
    GUEST = "guest"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request.

    :param id: what stands in a target's ``likedBy``; of a service, which votes for others only, its token's id.
    :param scopes: what the credential is limited to, where it is one with scopes.
    :param service_token: the id of the service token that acts for this user or person, if one does.
    """

    id: str
    kind: CallerKind
    scopes: frozenset[str] = frozenset()
    service_token: str | None = None


class Credential(StrEnum):
    """A kind of credential. A route names those that it accepts."""

    SESSION = auto()
    JWT = auto()
    PERSON_TOKEN = auto()
    SERVICE_TOKEN = auto()
    GUEST = auto()


class InvalidCredential(Exception):
    """A credential is present but not valid; never to be answered with a weaker one."""


class TokenAuthenticator(Protocol):
    """An authenticator of one kind of bearer token."""

    def caller_of(self, token: str) -> Caller:
        """Return the caller, or raise ``InvalidCredential``."""


class Authenticator:
    """Authenticate a request by the one credential that counts among those that it carries."""

    def __init__(
        self,
        *,
        sessions: "SessionAuthenticator",
        jwts: TokenAuthenticator,
        person_tokens: TokenAuthenticator,
        service_tokens: TokenAuthenticator,
        guests: "GuestIds",
    ) -> None:
        self._sessions = sessions
        self._guests = guests
        self._tokens = {
            Credential.JWT: jwts,
            Credential.PERSON_TOKEN: person_tokens,
            Credential.SERVICE_TOKEN: service_tokens,
        }

    def authenticate(self, request: Request, accepted: Collection[Credential]) -> Caller | None:
        """Return the caller, or ``None`` where the request has no credential of the accepted kinds.

        A bearer token is sent on purpose, cookies go along with everything: where there is a token, valid or not,
        it alone counts. A token of a kind that is not accepted is an invalid one. Then comes the session cookie, and
        a guest is only who has sent neither.

        :raises InvalidCredential: the credential that counts is not valid.
        :raises likes_api.repository.StoreError: the database did not answer.
        """
        match authorization.bearer_tokens(request.headers.get("Authorization")):
            case []:
                pass
            case [token]:
                return self._caller_of(token, accepted)
            case _:
                raise InvalidCredential
        if Credential.SESSION in accepted and (caller := self._sessions.authenticate(request.cookies)):
            return caller
        return self.guest(request) if Credential.GUEST in accepted else None

    def require(self, request: Request, accepted: Collection[Credential]) -> Caller:
        """Return the caller as :meth:`authenticate` does.

        :raises InvalidCredential: there is no credential either.
        """
        caller = self.authenticate(request, accepted)
        if caller is None:
            raise InvalidCredential
        return caller

    def guest(self, request: Request) -> Caller:
        """Return the guest that the sender would be without any credential."""
        return self._guests.caller(request.remote_addr, request.headers.get("User-Agent", ""))

    def _caller_of(self, token: str, accepted: Collection[Credential]) -> Caller:
        credential = _credential(token)
        if credential not in accepted:
            raise InvalidCredential
        return self._tokens[credential].caller_of(token)


def _credential(token: str) -> Credential:
    if token.startswith(_SERVICE_TOKEN_PREFIX):
        return Credential.SERVICE_TOKEN
    return Credential.PERSON_TOKEN if _PERSON_TOKEN.fullmatch(token) else Credential.JWT


def is_voter_id(value: str) -> bool:
    """Whether a credential may lead to this id of a user or person.

    Not to a guest's, since users, persons and guests stand in the same arrays; and to nothing that MongoDB or a log
    would choke on: an over-long id, NUL, a lone surrogate.
    """
    if not 0 < len(value) <= _MAX_ID_LENGTH or "\0" in value or value.startswith(GUEST_PREFIX):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
