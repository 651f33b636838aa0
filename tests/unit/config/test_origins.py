"""Origins in one form: whatever is written, an origin as a browser sends it or a clear refusal."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.origins import SCHEMES, normalised

hosts = st.text(max_size=40) | st.text("aü.-_*[]:1\u3002\u00ad", max_size=12) | st.ip_addresses().map(str)
ports = st.just("") | st.integers(-1, 70_000).map(":{}".format) | st.text(max_size=6).map(":{}".format)


@given(st.sampled_from([*SCHEMES, "ftp", ""]), hosts, ports)
def test_normalised_origin_is_ascii_and_stays_as_it_is_when_normalised_again(scheme: str, host: str, port: str) -> None:
    try:
        origin = normalised(f"{scheme}://{host}{port}")
    except ValueError:
        return
    assert origin.isascii()
    assert origin == origin.lower()
    assert normalised(origin) == origin
    assert not set(origin.partition("://")[2]) & set("/?#@\\ *%")


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_an_origin_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert normalised(text).partition("://")[0] in SCHEMES


@pytest.mark.parametrize("length", [253, 254, 10_000, 100_000])
def test_host_is_refused_when_it_is_longer_than_a_name_may_be(length: int) -> None:
    name = ("a" * 62 + ".") * (length // 63) + "b" * (length % 63)
    if length > 253:
        with pytest.raises(ValueError, match="not a host"):
            normalised(f"https://{name}")
    else:
        assert normalised(f"https://{name}") == f"https://{name}"
