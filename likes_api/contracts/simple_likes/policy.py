"""Who may like what: the rules of contract 2, without I/O."""

from likes_api.identity.caller import Caller, CallerKind
from likes_api.repository.entries import EntryPolicy


class Locked(Exception):
    """The entry takes no likes, from nobody."""


class LoginRequired(Exception):
    """Only a signed-in user may like this entry."""


def require_may_like(entry: EntryPolicy, caller: Caller | None, *, guest_likes: bool) -> Caller:
    """Let a caller through who may like an entry.

    :param caller: ``None`` where a credential was sent that is not valid; it never makes its sender a guest.
    :param guest_likes: whether guests may like entries that do not say so themselves.
    :raises Locked: nobody may. This comes first, so a locked entry asks nobody to log in for nothing.
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
