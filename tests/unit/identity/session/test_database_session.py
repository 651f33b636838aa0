"""Database session tokens before they reach the database."""

from datetime import UTC, datetime

import pytest

from likes_api.identity.session.database_session import DatabaseSessions

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Lookup:
    """Knows every token, and notes which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime]] = []

    def user_of(self, session_token: str, now: datetime) -> str | None:
        self.asked.append((session_token, now))
        return "ada"


@pytest.mark.parametrize("token", ["a", "0" * 64, "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "a+/=", "x" * 255])
def test_token_is_looked_up_when_it_is_plain_text(token: str) -> None:
    lookup = Lookup()
    assert DatabaseSessions(lookup).user_of(token, NOW) == "ada"
    assert lookup.asked == [(token, NOW)]


@pytest.mark.parametrize("token", ["", "x" * 256, "a\0b", "a\nb", "é", "\ud800", "\x7f"])
def test_token_is_refused_unasked_when_it_cannot_be_one(token: str) -> None:
    lookup = Lookup()
    assert DatabaseSessions(lookup).user_of(token, NOW) is None
    assert lookup.asked == []
