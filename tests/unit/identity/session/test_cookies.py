"""Session cookies: names, prefix and chunks."""

from collections.abc import Mapping

import pytest
from werkzeug.http import parse_cookie

from likes_api.identity.session.cookies import SessionCookie, SessionCookies

V4 = "next-auth.session-token"
V5 = "authjs.session-token"


def tokens(cookies: Mapping[str, str], cookie_name: str | None = None) -> list[tuple[str, str]] | None:
    found = SessionCookies(cookie_name).find(cookies)
    return None if found is None else [(cookie.name, cookie.token) for cookie in found]


@pytest.mark.parametrize("name", [V4, V5, f"__Secure-{V4}", f"__Secure-{V5}"])
def test_cookie_is_found_when_it_has_a_name_of_next_auths(name: str) -> None:
    assert SessionCookies().find({"theme": "dark", name: "t"}) == (SessionCookie(name, "t"),)


@pytest.mark.parametrize(
    "cookies",
    [
        {},
        {"theme": "dark"},
        {V4: ""},
        {f"{V4}.0": ""},
        {"session-token": "t"},
        {f"{V4}x": "t"},
        {f"x{V4}": "t"},
        {f"__Host-{V4}": "t"},
        {"next-auth.callback-url": "t"},
        {f"{V4}.": "t"},
        {f"{V4}.x": "t"},
        {f"{V4}.-1": "t"},
        {f"{V4}.\u0660": "t"},
        {f"{V4}.0.0": "t"},
        {V4.upper(): "t"},
    ],
)
def test_cookie_is_none_when_no_name_is_a_sessions(cookies: dict[str, str]) -> None:
    assert tokens(cookies) is None


def test_cookies_both_found_newer_first_when_v4_and_v5_are_present() -> None:
    assert tokens({V4: "old", V5: "new"}) == [(V5, "new"), (V4, "old")]


@pytest.mark.parametrize("plain", [V4, V5, f"{V4}.0"])
@pytest.mark.parametrize("secure", [f"__Secure-{V4}", f"__Secure-{V5}"])
def test_plain_cookie_is_ignored_when_a_secure_one_is_present(plain: str, secure: str) -> None:
    assert tokens({plain: "tossed", secure: "t"}) == [(secure, "t")]


def test_plain_cookie_is_ignored_when_the_secure_ones_chunks_are_incomplete() -> None:
    assert tokens({V4: "tossed", f"__Secure-{V4}.1": "t"}) == []


def test_custom_name_replaces_all_when_given() -> None:
    assert tokens({V4: "a", V5: "b", "sid": "c"}, "sid") == [("sid", "c")]
    assert tokens({V4: "a", f"__Secure-{V5}": "b", "__Secure-sid": "c"}, "sid") is None


def test_custom_name_has_its_own_chunks_when_given() -> None:
    assert tokens({"sid.1": "b", "sid.0": "a"}, "sid") == [("sid", "ab")]


@pytest.mark.parametrize("count", [1, 2, 11, 16])
def test_chunks_are_joined_in_numeric_order_when_complete(count: int) -> None:
    chunks = {f"{V5}.{number}": f"<{number}>" for number in sorted(range(count), key=str, reverse=True)}
    assert tokens(chunks) == [(V5, "".join(f"<{number}>" for number in range(count)))]


@pytest.mark.parametrize(
    "numbers", [["1"], ["0", "2"], ["0", "1", "3"], ["00"], ["0", "01"], ["0", "1" * 5000], ["0", "16"]]
)
def test_chunks_are_unreadable_when_one_is_missing(numbers: list[str]) -> None:
    assert tokens({f"{V4}.{number}": "t" for number in numbers}) == []


def test_chunks_are_unreadable_when_too_many() -> None:
    assert tokens({f"{V4}.{number}": "t" for number in range(17)}) == []


def test_whole_and_chunks_are_tried_apart_when_both_are_present() -> None:
    assert tokens({V4: "whole", f"{V4}.0": "a", f"{V4}.1": "b"}) == [(V4, "whole"), (V4, "ab")]


def test_whole_is_still_found_when_the_chunks_beside_it_are_incomplete() -> None:
    assert tokens({V4: "whole", f"{V4}.1": "b"}) == [(V4, "whole")]


def test_token_is_unreadable_when_longer_than_16_kib() -> None:
    assert tokens({V4: "x" * 16_385}) == []
    assert tokens({f"{V4}.{number}": "x" * 4096 for number in range(5)}) == []
    assert tokens({f"{V4}.{number}": "x" * 4096 for number in range(4)}) == [(V4, "x" * 16_384)]


@pytest.mark.parametrize(("value", "token"), [("a%2Bb%3D", "a+b="), ("100%", "100%"), ("%zz", "%zz"), ("%ff", "%ff")])
def test_value_is_decoded_when_percent_encoding_is_valid(value: str, token: str) -> None:
    assert tokens({V4: value}) == [(V4, token)]


def test_first_of_two_wins_when_werkzeug_parses_a_name_twice() -> None:
    assert tokens(parse_cookie(f"{V4}=first; {V4}=second")) == [(V4, "first")]


def test_quotes_are_taken_off_when_werkzeug_parses_them() -> None:
    assert tokens(parse_cookie(f'{V4}="t"')) == [(V4, "t")]


def test_nameless_cookie_does_not_pose_as_a_session_when_its_value_looks_like_one() -> None:
    assert tokens(parse_cookie(f"=__Secure-{V4}=tossed")) is None
