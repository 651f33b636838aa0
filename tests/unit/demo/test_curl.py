"""The shell lines of the demo page; that they work when pasted is shown in ``tests/e2e``."""

import shlex

from likes_api.demo.curl import Curl

COOKIE = "next-auth.session-token=0123"


def words_of(line: str) -> list[str]:
    return shlex.split(line.replace("\\\n", ""))


def test_vote_carries_the_session_when_somebody_is_signed_in() -> None:
    words = words_of(Curl("http://localhost:8000", COOKIE).vote("question", "q_123", "down"))
    assert words == [
        "curl",
        "-X",
        "POST",
        "http://localhost:8000/api/likes",
        "-H",
        "Content-Type: application/json",
        "-b",
        COOKIE,
        "-d",
        '{"targetId":"q_123","targetType":"question","voteType":"down"}',
    ]


def test_like_carries_no_session_when_nobody_is_signed_in() -> None:
    assert "session-token" not in Curl("http://localhost:8000", None).like("my-entry-id")


def test_host_stays_within_its_quotes_when_it_has_one_itself() -> None:
    words = words_of(Curl("http://x';id;'", None).vote("question", "q", "up"))
    assert words[3] == "http://x%27;id;%27/api/likes"
