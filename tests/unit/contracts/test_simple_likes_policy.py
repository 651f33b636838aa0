"""Who may like what."""

import pytest

from likes_api.contracts.simple_likes.policy import Locked, LoginRequired, require_may_like
from likes_api.identity.caller import Caller, CallerKind
from likes_api.repository.entries import EntryPolicy

USER = Caller("ada", CallerKind.USER)
GUEST = Caller("guest_1", CallerKind.GUEST)


@pytest.mark.parametrize("caller", [USER, GUEST, None])
@pytest.mark.parametrize("guest_allowed", [None, True, False])
@pytest.mark.parametrize("guest_likes", [True, False])
def test_nobody_may_like_when_the_entry_is_locked(
    caller: Caller | None, guest_allowed: bool | None, guest_likes: bool
) -> None:
    with pytest.raises(Locked):
        require_may_like(EntryPolicy(locked=True, guest_allowed=guest_allowed), caller, guest_likes=guest_likes)


@pytest.mark.parametrize("guest_allowed", [None, True, False])
@pytest.mark.parametrize("guest_likes", [True, False])
def test_user_may_like_and_an_invalid_credential_may_not_whatever_guests_may(
    guest_allowed: bool | None, guest_likes: bool
) -> None:
    entry = EntryPolicy(locked=False, guest_allowed=guest_allowed)
    assert require_may_like(entry, USER, guest_likes=guest_likes) == USER
    with pytest.raises(LoginRequired):
        require_may_like(entry, None, guest_likes=guest_likes)


@pytest.mark.parametrize(
    ("guest_allowed", "guest_likes", "may"),
    [
        (None, True, True),
        (None, False, False),
        (True, True, True),
        (True, False, True),
        (False, True, False),
        (False, False, False),
    ],
)
def test_guest_may_like_as_the_entry_says_and_as_the_setting_says_when_it_does_not(
    guest_allowed: bool | None, guest_likes: bool, may: bool
) -> None:
    entry = EntryPolicy(locked=False, guest_allowed=guest_allowed)
    if may:
        assert require_may_like(entry, GUEST, guest_likes=guest_likes) == GUEST
    else:
        with pytest.raises(LoginRequired):
            require_may_like(entry, GUEST, guest_likes=guest_likes)
