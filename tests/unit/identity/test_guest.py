"""Who counts as one guest, and what is kept of them."""

import hashlib
import hmac
import re

import pytest

from likes_api.identity.caller import CallerKind
from likes_api.identity.guest import GuestIds, network

SECRET = "a secret of this application for tests"


def test_guest_is_a_keyed_hash_of_address_and_browser() -> None:
    guest = GuestIds(SECRET).caller("192.0.2.7", "Firefox")
    digest = hmac.new(SECRET.encode(), b"192.0.2.7|Firefox", hashlib.sha256).hexdigest()
    assert (guest.id, guest.kind) == (f"guest_{digest}", CallerKind.GUEST)
    assert re.fullmatch(r"guest_[0-9a-f]{64}", guest.id)


@pytest.mark.parametrize(
    ("secret", "address", "agent"),
    [
        ("another secret of this application, for tests", "192.0.2.7", "Firefox"),
        (SECRET, "192.0.2.8", "Firefox"),
        (SECRET, "192.0.2.7", ""),
    ],
)
def test_guest_is_another_when_secret_address_or_browser_differ(secret: str, address: str, agent: str) -> None:
    assert GuestIds(secret).caller(address, agent) != GuestIds(SECRET).caller("192.0.2.7", "Firefox")


@pytest.mark.parametrize("agent", ["", "x" * 16_000, "Zoë ☃", "\x00\ud800", "a|b"])
def test_guest_has_an_id_whatever_the_browser_calls_itself(agent: str) -> None:
    assert len(GuestIds(SECRET).caller("192.0.2.7", agent).id) == len("guest_") + 64


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
    ],
)
def test_network_is_the_address_or_its_64_when_it_is_one(address: str, client: str) -> None:
    assert network(address) == client


@pytest.mark.parametrize(
    "garbage",
    [None, "", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4:x", "[::1", "[]", "1.2.3.4, 5.6.7.8"],
)
@pytest.mark.parametrize("suffix", ["", "\u0661", "\x00", "<script>", "a" * 10_000])
def test_network_is_unknown_when_there_is_no_address(garbage: str | None, suffix: str) -> None:
    assert network(garbage and garbage + suffix) == "unknown"
