"""When a request is whole, byte by byte."""

import pytest

from likes_api.server.request_buffer import MAX_BODY_BYTES, MAX_HEAD_BYTES, Received

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"


def whole_after(request: bytes) -> int:
    """Feed a request byte by byte; return after how many it is whole, 0 where it never is."""
    received = Received()
    for count, byte in enumerate(request, 1):
        received.add(bytes([byte]))
        if received.is_whole():
            return count
    return 0


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\n\n",
        HEAD + b"Content-Length: 3\r\n\r\nabc",
        HEAD + b"CONTENT-LENGTH:3  \r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n7;a=b\r\n\r\n0\r\n\r\n\r\n0\r\nTrailer: a\r\n\r\n",
    ],
)
def test_a_request_is_whole_with_its_last_byte_when_it_is_well_formed(request_: bytes) -> None:
    assert whole_after(request_) == len(request_)


@pytest.mark.parametrize("length", [MAX_BODY_BYTES + 1, 10**17])
def test_a_body_is_not_waited_for_when_it_is_announced_too_long(length: int) -> None:
    received = Received()
    received.add(HEAD + b"Content-Length: %d\r\n\r\n" % length)
    assert received.is_whole()
    assert received.cut
    assert not received.head_is_too_large


def test_a_head_is_not_waited_for_when_it_is_too_long() -> None:
    received = Received()
    received.add(b"a" * MAX_HEAD_BYTES)
    assert not received.is_whole()
    received.add(b"a")
    assert received.is_whole()
    assert received.head_is_too_large


@pytest.mark.parametrize(
    "body",
    [
        b"1\r\na\r\n" * 6_000,
        b"4001\r\n" + b"a" * (MAX_BODY_BYTES + 1),
        b"2000\r\n" + b"a" * 0x2000 + b"\r\n3000\r\n" + b"a" * 0x2001,
    ],
)
def test_a_chunked_body_is_not_waited_for_when_it_is_too_long(body: bytes) -> None:
    received = Received()
    received.add(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert received.is_whole()
    assert received.cut


def test_chunks_are_for_the_parser_to_refuse_when_they_are_malformed() -> None:
    received = Received()
    received.add(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert received.is_whole()
    assert not received.cut


def test_the_next_request_is_looked_at_from_its_begin_when_one_has_been_read() -> None:
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    received = Received()
    for _ in range(3):
        received.add(request[:-3])
        assert not received.is_whole()
        received.add(request[-3:])
        assert received.is_whole()
        received.read()


@pytest.mark.parametrize(("rest", "asks"), [(b"", True), (b"abc", False)])
def test_the_expectation_is_taken_out_when_it_is_met(rest: bytes, asks: bool) -> None:
    received = Received()
    received.add(HEAD + b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n" + rest)
    assert received.is_whole() is not asks
    assert received.expects_continue is asks
    assert b"xpect" not in received.buf.getvalue()
    assert received.buf.getvalue().endswith(b"Content-Length: 3\r\n\r\n" + rest)


def test_the_parser_meets_the_end_when_it_asks_for_more() -> None:
    received = Received()
    received.add(b"abc")
    assert received.read(2) == b"ab"
    assert received.read(2) == b"c"
    assert received.read(2) == b""


def test_a_request_begins_once_when_its_first_bytes_follow_another_request() -> None:
    received = Received()
    received.add(b"GET / HT")
    assert not received.begins()  # a connection's first: its deadline runs since it was accepted
    received.add(b"TP/1.1\r\n\r\n")
    assert received.is_whole()
    received.read()
    assert not received.begins()
    received.add(b"G")
    assert [received.begins(), received.begins()] == [True, False]


def test_a_request_came_when_it_was_noticed_though_it_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr("likes_api.server.request_buffer.monotonic", lambda: next(clock))
    received = Received()  # 1.0
    received.note_arrival()  # 2.0
    received.note_arrival()
    for came in (2.0, 3.0):
        received.add(b"GET / HTTP/1.1\r\n\r\n")
        assert received.is_whole()
        assert received.whole_at == came
        received.read()
