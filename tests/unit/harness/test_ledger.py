"""The books that tell a lost vote from an uncertain one, or every run of faults would be well."""

import pytest

from harness.ledger import Ledger, State
from likes_api.votes import Vote

UP, DOWN = Vote.UP, Vote.DOWN
KEY = ("ada", "q_1")


def booked(*votes: tuple[Vote, State]) -> Ledger:
    ledger = Ledger()
    for vote, after in votes:
        ledger.answered(KEY, vote, after)
    return ledger


def test_nothing_is_lost_when_the_database_holds_what_was_acknowledged() -> None:
    ledger = booked((UP, UP), (DOWN, DOWN), (DOWN, None))
    assert ledger.lost_and_doubled({}) == ([], [])
    assert ledger.acknowledged == 3


@pytest.mark.parametrize(
    ("votes", "held", "lost", "doubled"),
    [
        ([(UP, UP)], None, 1, 0),
        ([(UP, UP), (DOWN, DOWN)], UP, 1, 0),
        ([(UP, UP), (DOWN, DOWN)], None, 0, 1),
    ],
)
def test_a_vote_counts_as_lost_or_doubled_when_another_state_is_held(
    votes: list[tuple[Vote, State]], held: State, lost: int, doubled: int
) -> None:
    faults = booked(*votes).lost_and_doubled({KEY: held})
    assert (len(faults[0]), len(faults[1])) == (lost, doubled)


def test_an_answer_counts_as_lost_when_it_contradicts_the_one_before() -> None:
    ledger = booked((UP, UP), (UP, UP))
    assert len(ledger.lost_and_doubled({KEY: UP})[0]) == 1


def test_both_outcomes_are_right_when_a_vote_was_not_answered() -> None:
    for held in (UP, DOWN):
        ledger = booked((UP, UP))
        ledger.unanswered(KEY, DOWN)
        assert ledger.lost_and_doubled({KEY: held}) == ([], [])
    assert ledger.lost_and_doubled({})[0]


def test_the_next_answer_resolves_a_vote_when_it_was_not_answered() -> None:
    ledger = booked((UP, UP))
    ledger.unanswered(KEY, UP)
    ledger.answered(KEY, UP, UP)  # so the unanswered one had happened
    assert (ledger.uncertain, ledger.resolved) == (1, 1)
    assert ledger.lost_and_doubled({KEY: UP}) == ([], [])
    assert ledger.lost_and_doubled({})[0]
