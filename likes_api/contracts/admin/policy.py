"""Who may administrate: a service token with the scope ``admin``, and nobody else."""

from likes_api.identity.caller import Caller, Credential
from likes_api.identity.service_token import ServiceScope

ACCEPTED = frozenset({Credential.SERVICE_TOKEN})


def may_administrate(caller: Caller) -> bool:
    """Whether the caller's token is for this."""
    return ServiceScope.ADMIN in caller.scopes
