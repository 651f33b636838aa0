"""When the Python client sends a call again, and after how long: no server, no waiting."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from likes_client import Client, LikesError, NoAnswer, Retries, admin, votes
from likes_client.calls import Call
from likes_client.errors import error_of, seconds_of

RETRIES = Retries(times=3, first_seconds=1.0, longest_seconds=30.0, jitter=lambda: 1.0)
READ, SET = votes.me(), votes.set_vote(("question", "q"), 1)
LIKE, PATCH = votes.like("post"), admin.patch_target(("entry", "e"), {})
TOKEN = admin.create_token("bob", ["public:read"])
TOGGLE = votes.toggle_vote(("question", "q"))
REPEATABLE = [READ, SET, TOGGLE, votes.unlike("post"), votes.status([("entry", "e")]), next(admin.erase_voter("ada"))]
ONCE = [LIKE, PATCH, TOKEN, admin.create_session("ada")]


def answer(status: int, **headers: str) -> LikesError:
    return error_of(httpx.Response(status, headers={name.replace("_", "-"): each for name, each in headers.items()}))


def no_answer(kind: type[httpx.TransportError]) -> LikesError:
    return NoAnswer(kind("cut"))


NEVER_SENT = [no_answer(each) for each in (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)]
MAYBE_APPLIED = [no_answer(each) for each in (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError)]
MAYBE_APPLIED += [answer(502), answer(503), answer(504)]


@pytest.mark.parametrize("call", REPEATABLE)
@pytest.mark.parametrize("error", [*NEVER_SENT, *MAYBE_APPLIED, answer(429)], ids=str)
def test_call_is_sent_again_when_that_changes_nothing(call: Call[object], error: LikesError) -> None:
    assert RETRIES.wait(error, call, 1) == 1.0


@pytest.mark.parametrize("call", ONCE)
def test_call_without_a_key_is_sent_again_only_when_it_was_not_applied(call: Call[object]) -> None:
    assert [RETRIES.wait(error, call, 1) for error in [*NEVER_SENT, answer(429)]] == [1.0] * 4
    assert [RETRIES.wait(error, call, 1) for error in MAYBE_APPLIED] == [None] * 6


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 415, 422, 500, 501])
def test_refusal_is_final(status: int) -> None:
    assert [RETRIES.wait(answer(status), call, 1) for call in (READ, SET, LIKE)] == [None] * 3


def test_toggle_is_sent_again_when_its_first_attempt_is_under_way_or_the_database_failed() -> None:
    assert RETRIES.wait(answer(409, Retry_After="1"), TOGGLE, 1) == 2.0
    assert RETRIES.wait(answer(500), TOGGLE, 1) == 1.0


def test_waits_double_and_end_and_are_never_longer_than_the_longest() -> None:
    assert [RETRIES.wait(answer(503), READ, sent) for sent in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]
    many = Retries(times=5_000, first_seconds=1.0, longest_seconds=30.0, jitter=lambda: 0.0)
    assert [many.wait(answer(503), READ, sent) for sent in (1, 2, 6, 7, 5_000)] == [0.5, 1.0, 16.0, 30.0, 30.0]


def test_wait_is_no_shorter_than_retry_after_and_none_where_that_is_too_long() -> None:
    assert RETRIES.wait(answer(429, Retry_After="7"), READ, 1) == 8.0
    assert RETRIES.wait(answer(429, Retry_After="30"), READ, 1) == 30.0
    assert RETRIES.wait(answer(429, Retry_After="31"), READ, 1) is None
    far = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert RETRIES.wait(answer(503, Retry_After=far), READ, 1) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("0", 0), ("120", 120), ("-1", None), ("1.5", None), ("٣", None), ("soon", None), ("", None)],
)
def test_retry_after_is_a_number_of_seconds(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header) == seconds


def test_retry_after_is_a_date() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert 3_000 < (seconds_of(format_datetime(later, usegmt=True)) or 0) <= 3_600
    assert seconds_of("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert seconds_of("Sunday, 06-Nov-94 08:49:37 GMT") == 0


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": "Not found"}, "not_found", "Not found"),
        ({"code": 404, "message": "Post with provided guid could not be found"}, "not_found", "Post with provided"),
        ({"error": "invalid_token", "error_description": "It has expired"}, "invalid_token", "It has expired"),
        ({"error": "insufficient_scope"}, "insufficient_scope", "insufficient_scope"),
        ({"code": 403, "message": "insufficient_scope"}, "insufficient_scope", "insufficient_scope"),
        (["a list"], "not_found", "Not Found"),
        ({"error": None}, "not_found", "Not Found"),
    ],
)
def test_error_has_the_words_of_every_contract(body: object, code: str, message: str) -> None:
    error = error_of(httpx.Response(404, json=body, headers={"X-Request-ID": "r-1"}))
    assert (error.status, error.code, error.request_id) == (404, code, "r-1")
    assert error.message.startswith(message)
    assert "r-1" in str(error)


def test_error_has_words_of_its_own_when_a_proxy_answers_with_a_page() -> None:
    error = error_of(httpx.Response(502, html="<html>Bad gateway</html>"))
    assert (error.code, error.message, error.request_id) == ("server_failed", "Bad Gateway", None)


def test_call_is_sent_until_nothing_is_left_to_do() -> None:
    answers = iter([(202, {"done": 2}), (503, {}), (202, {"done": 3}), (204, None)])

    def answer(_: httpx.Request) -> httpx.Response:
        status, body = next(answers)
        return httpx.Response(status, json=body)

    quick = Retries(first_seconds=0.001)
    with Client("http://localhost", transport=httpx.MockTransport(answer), retries=quick) as likes:
        likes.merge_voter("ada", "bob")
    assert next(answers, None) is None
