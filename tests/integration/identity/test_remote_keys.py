"""Key sets fetched from a real HTTP server: away, slow, rotated, huge, malformed; nobody waits for them."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from threading import Event, Thread

import pytest

from config.jwt_issuers import JwtIssuer
from likes_api.identity import remote_keys
from likes_api.identity.caller import InvalidCredential
from likes_api.identity.jwt_bearer import JwtAuthenticator
from likes_api.identity.remote_keys import RemoteKeys, fetch
from likes_api.jose.key_set import MAX_DOCUMENT_BYTES, KeySet
from tests.support.clock import stopwatch
from tests.support.issuer import ISSUER, WAIT_SECONDS, Publisher, edwards, elliptic, key_set, published, rsa, token

OLD, NEW = elliptic("old"), elliptic("new")
# What a request may take without being suspected of waiting: every network time-out here is longer.
AT_ONCE = 2.0
UNUSED_PORT_URL = "http://127.0.0.1:9/"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with published(key_set(OLD)) as publisher:
        yield publisher


def authenticator(url: str) -> JwtAuthenticator:
    return JwtAuthenticator([JwtIssuer(ISSUER, frozenset(), frozenset({"ES256"}), url, "sub", "", KeySet())])


def started(url: str) -> JwtAuthenticator:
    made = authenticator(url)
    made.start(WAIT_SECONDS)
    return made


def is_valid(made: JwtAuthenticator, presented: str) -> bool:
    with stopwatch() as watch:
        try:
            made.caller_of(presented)
        except InvalidCredential:
            return False
        finally:
            assert watch.seconds < AT_ONCE
        return True


def becomes_valid(made: JwtAuthenticator, presented: str) -> bool:
    end = time.monotonic() + WAIT_SECONDS
    while not is_valid(made, presented):
        assert time.monotonic() < end
        time.sleep(0.01)
    return True


def test_token_is_valid_when_its_key_has_been_fetched_at_start(publisher: Publisher) -> None:
    made = started(publisher.url)
    for _ in range(3):
        assert is_valid(made, token(OLD, "ES256"))
    assert publisher.asked == 1


def test_token_becomes_valid_without_any_start_when_the_first_request_fetches_the_keys(publisher: Publisher) -> None:
    made = authenticator(publisher.url)
    assert becomes_valid(made, token(OLD, "ES256"))


# -- Rotation


def test_replaced_key_is_fetched_once_when_a_token_names_it(publisher: Publisher) -> None:
    made = started(publisher.url)
    publisher.document = key_set(OLD, NEW)
    assert not is_valid(made, token(NEW, "ES256"))  # this one does not wait
    assert becomes_valid(made, token(NEW, "ES256"))
    assert is_valid(made, token(OLD, "ES256"))
    for number in range(50):
        assert not is_valid(made, token(elliptic(f"made-up-{number}"), "ES256"))
    assert publisher.asked == 2


def test_unknown_keys_are_asked_for_again_when_the_time_has_come(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = started(publisher.url)
    assert not is_valid(made, token(NEW, "ES256"))
    publisher.wait(lambda: publisher.answered == 2)
    monkeypatch.setattr(remote_keys, "ASK_SECONDS", 0.0)
    publisher.document = key_set(NEW)
    assert becomes_valid(made, token(NEW, "ES256"))


def test_known_key_that_signed_nothing_asks_nobody(publisher: Publisher) -> None:
    made = started(publisher.url)
    forged = token(elliptic("old"), "ES256")
    for _ in range(20):
        assert not is_valid(made, forged)
    assert not is_valid(made, "Bearer")
    assert publisher.asked == 1


def test_key_is_refused_when_the_issuer_has_withdrawn_it_even_for_remembered_tokens(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_keys, "REFRESH_SECONDS", 0.02)
    made = started(publisher.url)
    presented = token(OLD, "ES256")
    assert is_valid(made, presented)
    publisher.document = key_set(NEW)
    end = time.monotonic() + WAIT_SECONDS
    while is_valid(made, presented):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert is_valid(made, token(NEW, "ES256"))


def test_keys_are_fetched_again_and_again_without_any_request(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_keys, "REFRESH_SECONDS", 0.02)
    started(publisher.url)
    publisher.wait(lambda: publisher.answered >= 5)


def test_key_id_of_a_key_of_another_type_is_no_key(publisher: Publisher) -> None:
    publisher.document = key_set(rsa("old"), edwards("old"))
    assert not is_valid(started(publisher.url), token(OLD, "ES256"))


# -- Away, slow, huge, malformed: the last good set stays


BAD_ANSWERS: list[dict[str, object]] = [
    {"status": 500},
    {"status": 404},
    {"status": 204},
    {"status": 301, "headers": {"Location": "/elsewhere"}},
    {"document": b""},
    {"document": b"<html>down for maintenance</html>"},
    {"document": b'{"keys": "none"}'},
    {"document": key_set(NEW)[:-20]},
    {"document": b'{"keys": [' + b" " * MAX_DOCUMENT_BYTES + b"]}"},
    {"document": b"\x1f\x8b\x08\x00", "headers": {"Content-Encoding": "gzip"}},
    {"headers": {"Content-Length": "100000"}},
    {"headers": {"X-Long": "x" * 70_000}},
    {"headers": {f"X-{number}": "x" for number in range(200)}},
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: "-".join(map(str, answer))[:40])
def test_last_keys_stay_valid_when_the_answer_is_no_key_set(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    monkeypatch.setattr(remote_keys, "ASK_SECONDS", 0.0)
    made = started(publisher.url)
    # What is wrong is the answer around it, unless the document itself is.
    for name, value in ({"document": key_set(NEW)} | answer).items():
        setattr(publisher, name, value)
    assert not is_valid(made, token(NEW, "ES256"))
    while publisher.answered < 4:  # by the next fetch, whatever came of the one before has been done
        assert not is_valid(made, token(NEW, "ES256"))
        time.sleep(0.01)
    assert is_valid(made, token(OLD, "ES256"))
    publisher.status, publisher.headers, publisher.document = 200, {}, key_set(NEW)
    assert becomes_valid(made, token(NEW, "ES256"))


def test_huge_answer_is_not_read_to_its_end(publisher: Publisher) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b" " * 65_536

    publisher.body = endless
    with pytest.raises(ValueError, match="too large"):
        fetch(publisher.url)
    publisher.wait(lambda: publisher.answered == 1)
    assert len(sent) < 1_000  # some are in the kernel's buffers


def fetched(url: str) -> bytes:
    """Return what has come of a document before it was cut off: nothing, or not the whole."""
    with suppress(OSError, HTTPException, ValueError):
        return fetch(url)
    return b""


@pytest.mark.parametrize("where", ["body", "head", "silence"])
def test_slow_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(remote_keys, "FETCH_SECONDS", 0.3)
    pieces = {"body": b"HTTP/1.1 200 OK\r\n\r\n", "head": b"HTTP/1.1 200 OK\r\n", "silence": b""}
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(pieces[where])
                while not over.wait(0.02) and where != "silence":
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = Thread(target=drip)
        thread.start()
        try:
            assert not fetched(f"http://127.0.0.1:{listener.getsockname()[1]}/").strip(b"x")
        finally:
            over.set()
            thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


def test_request_does_not_wait_when_the_issuer_is_silent_or_away(publisher: Publisher) -> None:
    release = Event()

    def silent() -> Iterator[bytes]:
        release.wait(WAIT_SECONDS)
        yield key_set(OLD)

    publisher.body = silent
    try:
        for url in (publisher.url, UNUSED_PORT_URL):
            made = authenticator(url)
            for _ in range(5):
                assert not is_valid(made, token(OLD, "ES256"))
        publisher.wait(lambda: publisher.asked == 1)
        assert publisher.answered == 0
    finally:
        release.set()


def test_service_starts_within_its_time_when_the_issuer_is_silent(publisher: Publisher) -> None:
    release = Event()

    def silent() -> Iterator[bytes]:
        release.wait(WAIT_SECONDS)
        yield key_set(OLD)

    publisher.body = silent
    made = authenticator(publisher.url)
    with stopwatch() as watch:
        made.start(0.1)
        assert watch.seconds < AT_ONCE
    release.set()
    assert becomes_valid(made, token(OLD, "ES256"))


def test_keys_are_fetched_when_the_issuer_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_keys, "ASK_SECONDS", 0.0)
    with published() as gone:
        url = gone.url
    made = started(url)
    assert not is_valid(made, token(OLD, "ES256"))
    with published(key_set(OLD), port=int(url.split(":")[2].split("/")[0])):
        assert becomes_valid(made, token(OLD, "ES256"))


def test_issuer_that_hangs_keeps_no_other_from_being_fetched(publisher: Publisher) -> None:
    release = Event()

    def silent() -> Iterator[bytes]:
        release.wait(WAIT_SECONDS)
        yield b""

    with published() as hanging:
        hanging.body = silent
        made = JwtAuthenticator(
            [
                JwtIssuer("hanging", frozenset(), frozenset({"ES256"}), hanging.url, "sub", "", KeySet()),
                JwtIssuer(ISSUER, frozenset(), frozenset({"ES256"}), publisher.url, "sub", "", KeySet()),
            ]
        )
        try:
            assert becomes_valid(made, token(OLD, "ES256"))
            assert hanging.answered == 0
        finally:
            release.set()


def test_keys_behind_https_are_refused_when_nobody_vouches_for_the_server(publisher: Publisher) -> None:
    with pytest.raises(OSError, match="SSL"):
        fetch(publisher.url.replace("http:", "https:"))


def test_thread_goes_on_whatever_goes_wrong(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> bytes:
        raise RuntimeError

    monkeypatch.setattr(remote_keys, "REFRESH_SECONDS", 0.02)
    with monkeypatch.context() as patched:
        patched.setattr(remote_keys, "fetch", broken)
        keys = RemoteKeys(publisher.url, ISSUER)
        keys.start()
        assert keys.wait_until_tried(WAIT_SECONDS)
    publisher.wait(lambda: publisher.answered >= 1)
