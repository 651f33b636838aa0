"""The clients before a server whose answers are lost or refused: what counts, and what is sent again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from likes_client import (
    BearerToken,
    Conflict,
    Gone,
    NoAnswer,
    ServiceToken,
    ServiceUnavailable,
    SessionCookie,
    TooManyRequests,
)

from harness.faulty_proxy import Fault, FaultyProxy, Refusal
from harness.server import free_port
from likes_api.mongodb.documents import Database
from tests.support import diaspora
from tests.support.clients import Call
from tests.support.qa_votes import session_of

TOO_MANY, UNAVAILABLE = Refusal(429, "0"), Refusal(503)


@pytest.fixture
def question(stored: Database) -> Iterator[tuple[str, str]]:
    stored["questions"].insert_one({"_id": "q"})
    yield "question", "q"
    stored["questions"].delete_one({"_id": "q"})


@pytest.fixture
def bob(stored: Database) -> Iterator[BearerToken]:
    yield BearerToken(diaspora.token_of(stored))
    stored["likes_posts"].update_one({"_id": diaspora.PUBLIC}, {"$set": {"upvotes": 0, "likedBy": []}})


ADA = SessionCookie(session_of("ada"))


def votes_of(stored: Database) -> tuple[int, list[str]]:
    (found,) = stored["questions"].find({"_id": "q"})
    return found.get("upvotes", 0), found.get("likedBy", [])


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT, TOO_MANY, UNAVAILABLE, Refusal(502), Refusal(504)], ids=str)
@pytest.mark.parametrize("method", ["set_vote", "toggle_vote"])
def test_vote_counts_once_when_its_answers_are_lost_or_refused(
    call: Call, proxy: FaultyProxy, stored: Database, question: tuple[str, str], method: str, fault: Any
) -> None:
    proxy.begin(fault, fault)
    answer = call(proxy.url, ADA, method, question, 1 if method == "set_vote" else "up")
    assert answer["upvotes"] == 1
    assert len(proxy.requests) == 3
    keys = {request.headers.get("Idempotency-Key") for request in proxy.requests}
    assert len(keys) == 1
    assert keys == {None} or method == "toggle_vote"
    assert votes_of(stored) == (1, ["ada"])


def test_toggles_are_different_votes_when_each_is_called_for(
    call: Call, proxy: FaultyProxy, stored: Database, question: tuple[str, str]
) -> None:
    for liked in (True, False):
        proxy.begin(Fault.LOST)
        assert call(proxy.url, ADA, "toggle_vote", question)["liked"] is liked
    assert votes_of(stored) == (0, [])


def test_error_is_raised_when_it_lasts(call: Call, proxy: FaultyProxy, question: tuple[str, str]) -> None:
    proxy.begin(*[UNAVAILABLE] * 4)
    with pytest.raises(ServiceUnavailable) as raised:
        call(proxy.url, ADA, "set_vote", question, 1)
    assert (raised.value.status, raised.value.code) == (503, "service_unavailable")
    assert raised.value.maybe_applied
    assert len(proxy.requests) == 4


def test_like_without_a_key_is_not_sent_again_when_it_may_have_been_applied(
    call: Call, proxy: FaultyProxy, stored: Database, bob: BearerToken
) -> None:
    for fault, error in ((UNAVAILABLE, ServiceUnavailable), (Fault.LOST, NoAnswer)):
        proxy.begin(fault)
        with pytest.raises(error) as raised:
            call(proxy.url, bob, "like", diaspora.PUBLIC)
        assert raised.value.maybe_applied
        assert len(proxy.requests) == 1
    with pytest.raises(Conflict):
        call(proxy.url, bob, "like", diaspora.PUBLIC)
    assert stored["likes_posts"].find_one({"_id": diaspora.PUBLIC})["likedBy"] == [diaspora.BOB]


def test_like_without_a_key_is_sent_again_when_nothing_was_done(
    call: Call, proxy: FaultyProxy, stored: Database, bob: BearerToken
) -> None:
    proxy.begin(TOO_MANY)
    call(proxy.url, bob, "like", diaspora.PUBLIC)
    assert stored["likes_posts"].find_one({"_id": diaspora.PUBLIC})["likedBy"] == [diaspora.BOB]


def test_unlike_is_gone_unless_an_attempt_of_its_own_took_the_like(
    call: Call, proxy: FaultyProxy, bob: BearerToken
) -> None:
    call(proxy.url, bob, "like", diaspora.PUBLIC)
    proxy.begin(Fault.LOST)
    call(proxy.url, bob, "unlike", diaspora.PUBLIC)
    proxy.begin(TOO_MANY)
    with pytest.raises(Gone):
        call(proxy.url, bob, "unlike", diaspora.PUBLIC)
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT, UNAVAILABLE], ids=str)
def test_import_is_whole_when_the_answer_to_a_part_is_lost(
    call: Call, proxy: FaultyProxy, stored: Database, service: ServiceToken, fault: Any
) -> None:
    lines: list[Any] = [{"kind": "entry", "id": f"n{number}"} for number in range(2_000)]
    lines[1_500:1_500] = [b"bad"]
    proxy.begin(Fault.NONE, fault)
    answer = call(proxy.url, service, "import_lines", lines)
    assert (answer["imported"], [each["line"] for each in answer["failed"]]) == (2_000, [1_501])
    assert len(proxy.requests) == 4
    assert stored["likes_entries"].delete_many({"_id": {"$regex": "^n"}}).deleted_count == 2_000


def test_token_is_made_once_when_its_answer_is_lost(
    call: Call, proxy: FaultyProxy, stored: Database, service: ServiceToken
) -> None:
    before = stored["likes_tokens"].count_documents({})
    proxy.begin(Fault.LOST)
    with pytest.raises(NoAnswer):
        call(proxy.url, service, "create_token", diaspora.BOB, ["public:read"])
    assert stored["likes_tokens"].count_documents({}) == before + 1


def test_nothing_was_sent_when_there_is_no_server(call: Call) -> None:
    with pytest.raises(NoAnswer) as raised:
        call(f"http://127.0.0.1:{free_port()}", ADA, "me")
    assert not raised.value.maybe_applied


def test_error_is_raised_at_once_when_the_server_asks_for_a_longer_wait(call: Call, proxy: FaultyProxy) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for retry_after, seconds in (("31", 31), (date, 3_600)):
        proxy.begin(Refusal(429, retry_after))
        with pytest.raises(TooManyRequests) as raised:
            call(proxy.url, ADA, "me")
        assert seconds - 600 < (raised.value.retry_after or 0) <= seconds
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("retry_after", ["soon", "-1", "1.5", "tomorrow GMT"])
def test_retry_after_is_left_alone_when_it_is_none(call: Call, proxy: FaultyProxy, retry_after: str) -> None:
    proxy.begin(Refusal(429, retry_after))
    assert call(proxy.url, ADA, "me")["id"] == "ada"
