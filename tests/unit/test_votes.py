"""The table of transitions, in the words of the Q&A document."""

import pytest

from likes_api.votes import Action, Tally, Vote, action_of_toggle


@pytest.mark.parametrize(
    ("vote", "own", "action"),
    [
        (Vote.UP, Vote.UP, Action.LIKED),
        (Vote.UP, None, Action.UNLIKED),
        (Vote.DOWN, Vote.DOWN, Action.DOWNVOTED),
        (Vote.DOWN, None, Action.UNDOWNVOTED),
    ],
)
def test_action_is_told_by_the_vote_and_what_it_left(vote: Vote, own: Vote | None, action: Action) -> None:
    assert action_of_toggle(vote, own) is action


@pytest.mark.parametrize(
    ("own", "liked", "downvoted"), [(Vote.UP, True, False), (Vote.DOWN, False, True), (None, False, False)]
)
def test_tally_tells_the_own_vote_as_two_flags(own: Vote | None, liked: bool, downvoted: bool) -> None:
    tally = Tally(1, 1, own)
    assert (tally.liked, tally.downvoted) == (liked, downvoted)
