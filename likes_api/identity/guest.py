"""Guests: visitors without an account, identified by a keyed hash of their address and browser alone.

Source: the Simple Likes document (``seeds/000``), "Notes". No raw address is kept: neither as a voter nor as the key
of a rate limit.
"""

import hmac
import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from likes_api.identity.caller import Caller, CallerKind
from likes_api.votes import GUEST_PREFIX

# What an IPv6 client may choose by itself: its provider gives it a /64 at least (RFC 6177), privacy extensions
# (RFC 8981) change the rest every day.
_CLIENT_BITS = 64
_WITH_PORT = re.compile(r"\[(?P<v6>[^]]+)\](:\d+)?|(?P<v4>[^:]+):\d+")


class GuestIds:
    """Make ids of guests, and keys by which the rate limits count addresses and ids.

    :param secret: the application's first secret. Another secret makes other guests of the same visitors.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def caller(self, address: str | None, user_agent: str) -> Caller:
        """Return the guest of an address and a browser."""
        return Caller(f"{GUEST_PREFIX}{self.digest(f'{network(address)}|{user_agent}')}", CallerKind.GUEST)

    def digest(self, value: str) -> str:
        """Return the HMAC-SHA256 with the secret, in hex; without the secret no list of addresses can reverse it."""
        return hmac.digest(self._secret, value.encode(errors="replace"), "sha256").hex()


def network(address: str | None) -> str:
    """Return the network that counts as one client: an IPv4 address, or the /64 of an IPv6 address.

    An IPv4-mapped IPv6 address (``::ffff:192.0.2.1``) is that IPv4 address. Anything that is no address (of a unix
    socket, or from a proxy that is wrongly trusted) is ``unknown``: all of it is one client, so that inventing more
    gains nothing.
    """
    match _parsed(address or ""):
        case IPv4Address() as v4:
            return str(v4)
        case IPv6Address(ipv4_mapped=IPv4Address() as v4):
            return str(v4)
        case IPv6Address() as v6:
            return f"{IPv6Address(int(v6) >> _CLIENT_BITS << _CLIENT_BITS)}/{_CLIENT_BITS}"
        case _:
            return "unknown"


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an address; some proxies write the port behind it."""
    if with_port := _WITH_PORT.fullmatch(address):
        address = with_port["v6"] or with_port["v4"]
    try:
        return ip_address(address)
    except ValueError:
        return None
