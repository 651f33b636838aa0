"""The rules of contract 2 about who may like an entry, without I/O."""

from likes_api.identity.caller import Caller, CallerKind
from likes_api.repository.entries import EntryPolicy


class Locked(Exception):
    """The entry takes no likes, from nobody."""


class LoginRequired(Exception):
    """Only a signed-in user may like this entry."""


def require_may_like(entry: EntryPolicy, caller: Caller | None, *, guest_likes: bool) -> Caller:
    """Raise unless a caller may like an entry.

    :param caller: ``None`` where a credential was sent that is not valid; it never makes its sender a guest.
    :param guest_likes: whether guests may like entries that do not say so themselves.
    :raises Locked: nobody may. This comes first, so that a locked entry does not ask for a log-in that is useless.
    :raises LoginRequired:
    """
    if entry.locked:
        raise Locked
    if caller is None:
        raise LoginRequired
    guests_may = guest_likes if entry.guest_allowed is None else entry.guest_allowed
    if caller.kind is CallerKind.GUEST and not guests_may:
        raise LoginRequired
    return caller
