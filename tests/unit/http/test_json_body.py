"""Reading a JSON body strictly."""

import json
import time
from typing import Any

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder

from likes_api.http.json_body import InvalidJson, UnsupportedMediaType, json_object, require_json

JSON = "application/json"


class Limited(Request):
    max_content_length = 100


class Unlimited(Request):
    max_content_length = None


def request(body: bytes = b"{}", content_type: str | None = JSON, **options: Any) -> Request:
    return Limited(EnvironBuilder(method="POST", data=body, content_type=content_type, **options).get_environ())


def chunked(body: bytes) -> Request:
    environ = EnvironBuilder(method="POST", data=body, content_type=JSON).get_environ()
    del environ["CONTENT_LENGTH"]
    return Limited(environ | {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"})


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON", f"{JSON}; charset=utf-8", f" {JSON} ;x"])
def test_media_type_is_accepted_when_it_is_json(content_type: str) -> None:
    require_json(request(content_type=content_type))


@pytest.mark.parametrize("content_type", [None, "", "text/plain", f"x{JSON}", f"{JSON}5", "application/ld+json"])
def test_media_type_is_refused_when_it_is_another(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        require_json(request(content_type=content_type))


@given(st.dictionaries(st.text('aé☃𝄞"\\', max_size=3), st.none() | st.booleans() | st.integers() | st.text(max_size=3)))
def test_object_is_read_as_it_was_written(value: dict[str, Any]) -> None:
    for ensure_ascii in (True, False):
        body = json.dumps(value, ensure_ascii=ensure_ascii).encode()
        environ = EnvironBuilder(method="POST", data=body, content_type=JSON).get_environ()
        assert json_object(Unlimited(environ)) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'""',
        b"1",
        b"null",
        b"true",
        b"{",
        b"{}{}",
        b"{}\0",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"b":1}}',
        b'[{"b":1,"b":1}]',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":[-Infinity]}',
        b'{"a":"\xff"}',
        b'{"a":"\x00"}',
        b'{"a":"\\ud800"}',
        b'{"a":["\\udc00\\ud800"]}',
        b'{"\\ud800":1}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_body_is_invalid_when_it_is_not_one_strict_json_object(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        json_object(request(body))


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [65, 200, *range(900, 1_001, 7), 3_000])
def test_body_is_invalid_when_it_is_nested_more_deeply_than_64_levels(
    opening: bytes, closing: bytes, depth: int
) -> None:
    body = b'{"a":' + opening * (depth - 1) + b"1" + closing * (depth - 1) + b"}"
    with pytest.raises(InvalidJson):
        json_object(Unlimited(EnvironBuilder(method="POST", data=body, content_type=JSON).get_environ()))


@pytest.mark.parametrize("value", ["[{" * 500, '\\"' + "[" * 70, ["[]"] * 70, [[]] * 200, [{"a": [1]}] * 70])
def test_brackets_do_not_count_as_depth_when_they_stand_in_strings_or_side_by_side(value: object) -> None:
    body = json.dumps({"a": value}).encode()
    assert json_object(Unlimited(EnvironBuilder(data=body, method="POST").get_environ())) == {"a": value}


def test_object_is_read_when_it_has_64_levels() -> None:
    body = b'{"a":' * 64 + b"1" + b"}" * 64
    assert json_object(Unlimited(EnvironBuilder(data=body, method="POST").get_environ()))


@pytest.mark.parametrize("unit", [b'\\"', b'"[', b'[\\"', b"[", b'"\\'])
def test_depth_is_found_in_linear_time_when_the_body_is_made_to_be_slow(unit: bytes) -> None:
    body = b'{"a":"' + unit * 100_000
    began = time.process_time()
    with pytest.raises(InvalidJson):
        json_object(Unlimited(EnvironBuilder(data=body, method="POST").get_environ()))
    assert time.process_time() - began < 5


def test_pair_of_surrogates_is_one_character() -> None:
    assert json_object(request(b'{"a":"\\ud83d\\ude00"}')) == {"a": "\U0001f600"}


def test_same_name_is_allowed_when_it_is_in_different_objects() -> None:
    assert json_object(request(b'{"a":{"a":1},"b":{"a":2}}')) == {"a": {"a": 1}, "b": {"a": 2}}


@pytest.mark.parametrize("make", [request, chunked])
@pytest.mark.parametrize("size", [101, 100_000])
def test_body_is_too_large_when_it_is_longer_than_the_limit(make: Any, size: int) -> None:
    with pytest.raises(RequestEntityTooLarge):
        json_object(make(b"{}" + b" " * (size - 2)))


@pytest.mark.parametrize(("make", "size"), [(request, 100), (chunked, 99)])
def test_body_is_read_when_it_is_no_longer_than_the_limit(make: Any, size: int) -> None:
    assert json_object(make(b"{}" + b" " * (size - 2))) == {}
